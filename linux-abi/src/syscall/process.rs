//! The process as a whole: ids that have no host call of their own, prctl(2), ptrace(2).
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::layout::{I32, U32};
use crate::mm::PageRange;

/// getpgrp(2).
pub fn getpgrp(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_getpgid, args![0i32])
}

/// nice(2): the kernel clamps.
#[allow(clippy::unnecessary_cast, reason = "the widths differ between hosts")]
pub fn nice(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let change = a.int(0).clamp(-40, 40);
    // getpriority answers 20 - nice.
    let now = 20 - cx.host(a, libc::SYS_getpriority, args![libc::PRIO_PROCESS as i32, 0i32])? as i32;
    let wanted = (now + change).clamp(-20, 19);
    cx.host(a, libc::SYS_setpriority, args![libc::PRIO_PROCESS as i32, 0i32, wanted]).map_err(|errno| match errno {
        Errno::EACCES => Errno::EPERM,
        other => other,
    })
}

/// What prctl(2) does with one option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prctl {
    /// The host does it; no argument is a pointer the kernel writes to.
    Host,
    /// The host writes an int at the second argument.
    HostWritesInt,
    /// The host reads or writes a thread name of 16 bytes.
    HostWritesName,
    /// The address stored by set_tid_address, as a 32-bit pointer.
    TidAddress,
    /// PR_SET_VMA: names anonymous memory.
    NameMemory,
    /// PR_GET_TSC: RDTSC works.
    GetTsc,
    /// PR_SET_TSC: it cannot be made to fault.
    SetTsc,
    /// Refused: it would act on ferry rather than on the guest, or is another architecture's.
    Refused(Errno),
}

/// The options of linux/prctl.h, by number; what is not here is EINVAL.
#[rustfmt::skip]
const PRCTLS: &[(i32, Prctl)] = &[
    (1,  Prctl::Host),          // PR_SET_PDEATHSIG
    (2,  Prctl::HostWritesInt), // PR_GET_PDEATHSIG
    (3,  Prctl::Host),          // PR_GET_DUMPABLE
    (4,  Prctl::Host),          // PR_SET_DUMPABLE
    (7,  Prctl::Host),          // PR_GET_KEEPCAPS
    (8,  Prctl::Host),          // PR_SET_KEEPCAPS
    (13, Prctl::Host),          // PR_GET_TIMING
    (14, Prctl::Host),          // PR_SET_TIMING
    (15, Prctl::Host),          // PR_SET_NAME
    (16, Prctl::HostWritesName), // PR_GET_NAME
    (21, Prctl::Host),          // PR_GET_SECCOMP
    (22, Prctl::Refused(Errno::EINVAL)), // PR_SET_SECCOMP: as a kernel without CONFIG_SECCOMP
    (23, Prctl::Host),          // PR_CAPBSET_READ
    (24, Prctl::Host),          // PR_CAPBSET_DROP
    (25, Prctl::GetTsc),        // PR_GET_TSC
    (26, Prctl::SetTsc),        // PR_SET_TSC
    (27, Prctl::Host),          // PR_GET_SECUREBITS
    (28, Prctl::Host),          // PR_SET_SECUREBITS
    (29, Prctl::Host),          // PR_SET_TIMERSLACK
    (30, Prctl::Host),          // PR_GET_TIMERSLACK
    (31, Prctl::Host),          // PR_TASK_PERF_EVENTS_DISABLE
    (32, Prctl::Host),          // PR_TASK_PERF_EVENTS_ENABLE
    (33, Prctl::Host),          // PR_MCE_KILL
    (34, Prctl::Host),          // PR_MCE_KILL_GET
    (35, Prctl::Refused(Errno::EPERM)), // PR_SET_MM: would move ferry's own
    (36, Prctl::Host),          // PR_SET_CHILD_SUBREAPER
    (37, Prctl::HostWritesInt), // PR_GET_CHILD_SUBREAPER
    (38, Prctl::Host),          // PR_SET_NO_NEW_PRIVS
    (39, Prctl::Host),          // PR_GET_NO_NEW_PRIVS
    (40, Prctl::TidAddress),    // PR_GET_TID_ADDRESS
    (41, Prctl::Host),          // PR_SET_THP_DISABLE
    (42, Prctl::Host),          // PR_GET_THP_DISABLE
    (47, Prctl::Host),          // PR_CAP_AMBIENT
    (52, Prctl::Host),          // PR_GET_SPECULATION_CTRL
    (53, Prctl::Host),          // PR_SET_SPECULATION_CTRL
    (57, Prctl::Host),          // PR_SET_IO_FLUSHER
    (58, Prctl::Host),          // PR_GET_IO_FLUSHER
    (65, Prctl::Refused(Errno::EINVAL)), // PR_SET_MDWE: ferry itself writes and executes code
    (66, Prctl::Refused(Errno::EINVAL)), // PR_GET_MDWE
    (0x5356_4d41, Prctl::NameMemory), // PR_SET_VMA
    (0x5961_6d61, Prctl::Host), // PR_SET_PTRACER
];

/// prctl(2).
pub fn prctl(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let option = a.int(0);
    let kind = PRCTLS.iter().find(|(number, _)| *number == option).map(|(_, kind)| *kind);
    let written = match kind.ok_or(Errno::EINVAL)? {
        Prctl::Host => 0,
        Prctl::HostWritesInt => size_of::<i32>() as u64,
        Prctl::HostWritesName => 16,
        Prctl::TidAddress => {
            let address = cx.thread.clear_child_tid;
            return cx.write(a.addr(1), &U32::new(address.0)).map(|()| 0);
        }
        Prctl::NameMemory => {
            PageRange::new(a.uint(2), a.uint(3)).ok_or(Errno::ENOMEM)?;
            0
        }
        Prctl::GetTsc => {
            const PR_TSC_ENABLE: i32 = 1;
            return cx.write(a.addr(1), &I32::new(PR_TSC_ENABLE)).map(|()| 0);
        }
        Prctl::SetTsc => return if a.uint(1) == 1 { Ok(0) } else { Err(Errno::EINVAL) },
        Prctl::Refused(errno) => return Err(errno),
    };
    cx.will_write(a.addr(1), written);
    cx.host(a, libc::SYS_prctl, a.zero_extended())
}

/// arch_prctl(2) of an i386 task: CPUID faulting only, which cannot be switched on.
pub fn arch_prctl(_: &mut Cx<'_>, a: &Args) -> SysResult {
    const ARCH_GET_CPUID: u32 = 0x1011;
    const ARCH_SET_CPUID: u32 = 0x1012;
    match (a.uint(0), a.uint(1)) {
        (ARCH_GET_CPUID, _) => Ok(1),
        (ARCH_SET_CPUID, _) => Err(Errno::ENODEV),
        _ => Err(Errno::EINVAL),
    }
}

/// unshare(2): what sharing means to the host it means to the guest. Memory is shared with ferry's own threads at most.
pub fn unshare(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_unshare, args![a.uint(0)])
}

#[cfg(test)]
mod tests {
    use super::PRCTLS;

    #[test]
    fn prctl_options_are_sorted_and_unique() {
        assert!(PRCTLS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
