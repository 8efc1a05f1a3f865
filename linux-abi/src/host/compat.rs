//! The compat entry: 32-bit system calls of a 64-bit task, on kernels that have it.
//!
//! `svc #0` with bit 31 of w8 set and an AArch32 EABI number below it. For that call the kernel behaves as for a 32-bit
//! task: pointers and structures are 32-bit, allocations come below 4 GiB. The result is in w0 only. A kernel without it
//! answers ENOSYS.
use super::door;
use crate::errno::Errno;
use std::sync::OnceLock;

/// Bit of the number that asks for the compat table.
const COMPAT_BIT: u64 = 1 << 31;

/// AArch32 EABI numbers of the probe.
mod arm {
    pub const GETPID: u32 = 20;
    pub const MUNMAP: u32 = 91;
    pub const MMAP2: u32 = 192;
    pub const SET_ROBUST_LIST: u32 = 338;
}

/// What the probe found; `ferry doctor` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompatEntry {
    /// Every call of the table may use it.
    Present,
    /// The kernel does not know it.
    Absent,
    /// Something answers, but not as such a kernel does (a filter, an incomplete patch): not used.
    Unusable(&'static str),
}

fn call(nr: u32, args: [u32; 6]) -> Result<u32, Errno> {
    finish(door::plain(COMPAT_BIT | u64::from(nr), args.map(u64::from)))
}

fn finish(raw: i64) -> Result<u32, Errno> {
    // Only w0 counts: its upper half is zero or the sign, depending on the path out of the kernel.
    super::result(i64::from(raw as i32)).map(|value| value as u32)
}

fn probe() -> CompatEntry {
    if cfg!(not(target_arch = "aarch64")) {
        return CompatEntry::Absent;
    }
    match call(arm::GETPID, [0; 6]) {
        Ok(pid) if pid == std::process::id() => {}
        Err(Errno(libc::ENOSYS)) => return CompatEntry::Absent,
        _ => return CompatEntry::Unusable("getpid answers something else: is there a seccomp filter?"),
    }
    let anonymous = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as u32;
    match call(arm::MMAP2, [0, 4096, 0, anonymous, u32::MAX, 0]) {
        Ok(addr) => drop(call(arm::MUNMAP, [addr, 4096, 0, 0, 0, 0])),
        Err(_) => return CompatEntry::Unusable("mmap2 does not allocate below 4 GiB"),
    }
    match call(arm::SET_ROBUST_LIST, [0, 12, 0, 0, 0, 0]) {
        Ok(_) => CompatEntry::Present,
        Err(_) => CompatEntry::Unusable("set_robust_list refuses the 32-bit list head"),
    }
}

/// Whether this kernel has the entry; probed once.
pub fn entry() -> CompatEntry {
    static ENTRY: OnceLock<CompatEntry> = OnceLock::new();
    *ENTRY.get_or_init(probe)
}

/// Whether calls may go through the entry.
pub fn present() -> bool {
    entry() == CompatEntry::Present
}

/// One 32-bit call with its AArch32 EABI number. Every pointer must be below 4 GiB, ferry's own cannot be passed.
pub fn compat_syscall(arm_nr: u32, args: [u32; 6]) -> Result<u32, Errno> {
    call(arm_nr, args)
}

/// As [`compat_syscall`], for a call that may sleep; see [`super::syscall_interruptible`].
pub fn compat_syscall_interruptible(arm_nr: u32, args: [u32; 6]) -> Result<u32, Errno> {
    finish(door::interruptible(COMPAT_BIT | u64::from(arm_nr), args.map(u64::from)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_low_half_of_the_result_counts() {
        let cases = [
            (0xffff_fff7u64 as i64, Err(Errno(9))),
            (-9, Err(Errno(9))),
            (0xf78c_2000u64 as i64, Ok(0xf78c_2000)),
            (0, Ok(0)),
        ];
        for (raw, expect) in cases {
            assert_eq!(finish(raw), expect, "{raw:#x}");
        }
    }

    #[test]
    fn the_probe_survives_a_kernel_without_it() {
        assert!(matches!(entry(), CompatEntry::Absent | CompatEntry::Present));
    }
}
