//! futex(2): the word is at the same address for the host, so only timeouts are converted; and robust lists, which the
//! kernel of a 32-bit process walks when a thread ends.
use super::Args;
use crate::args;
use crate::context::{Cx, Process, SysResult, Thread};
use crate::errno::Errno;
use crate::host::{self, compat};
use crate::layout::time::{valid, Timespec, Timespec32, Timespec64};
use crate::layout::{I32, U32};
use crate::mm::AddressSpace;
use crate::records;
use ir::guest::{Fault, GuestAddr};
use zerocopy::{FromZeros, IntoBytes};

/// FUTEX_* commands with a timeout.
const TIMED: [u32; 5] = [
    libc::FUTEX_WAIT as u32,
    libc::FUTEX_LOCK_PI as u32,
    libc::FUTEX_WAIT_BITSET as u32,
    libc::FUTEX_WAIT_REQUEUE_PI as u32,
    FUTEX_LOCK_PI2,
];
const FUTEX_LOCK_PI2: u32 = 13;
/// FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME.
const FLAGS: u32 = 128 | 256;

/// The owner's thread id in a robust or PI word.
const TID_MASK: u32 = 0x3fff_ffff;
/// The owner died.
const OWNER_DIED: u32 = 0x4000_0000;
/// Somebody waits.
const WAITERS: u32 = 0x8000_0000;
/// Entries the kernel follows at most.
const LIST_LIMIT: usize = 2048;
/// AArch32 number of set_robust_list.
const ARM_SET_ROBUST_LIST: u32 = 338;

records! {
    /// `struct robust_list_head` of a 32-bit process.
    RobustListHead [12] { next: U32, futex_offset: I32, list_op_pending: U32 }
}

fn call(cx: &mut Cx<'_>, a: &Args, timeout: impl FnOnce(&Cx<'_>, GuestAddr) -> Result<Timespec, Errno>) -> SysResult {
    let (uaddr, op, val, uaddr2, val3) = (a.uint(0), a.uint(1), a.uint(2), a.uint(4), a.uint(5));
    if !TIMED.contains(&(op & !FLAGS)) || a.uint(3) == 0 {
        return cx.host(a, libc::SYS_futex, args![uaddr, op, val, a.uint(3), uaddr2, val3]);
    }
    let timeout = valid(timeout(cx, a.addr(3))?)?;
    cx.host(a, libc::SYS_futex, args![uaddr, op, val, host::call::ptr(&timeout), uaddr2, val3])
}

/// futex(2) with 32-bit times.
pub fn futex(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    call(cx, a, |cx, at| Ok(cx.read::<Timespec32>(at)?.into()))
}

/// futex(2) with 64-bit times.
pub fn futex_time64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    call(cx, a, |cx, at| Ok(cx.read::<Timespec64>(at)?.into()))
}

/// A 64-bit timeout copied for the host; a 32-bit task's upper half of nanoseconds does not count.
fn timeout64(cx: &Cx<'_>, at: GuestAddr) -> Result<Option<Timespec>, Errno> {
    cx.read_opt::<Timespec64>(at)?.map(|t| valid(t.into())).transpose()
}

/// futex_waitv(2): the records are the same for 32 and 64 bits.
pub fn futex_waitv(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let timeout = timeout64(cx, a.addr(3))?;
    let timeout = host::call::opt_ptr(timeout.as_ref());
    cx.host(a, libc::SYS_futex_waitv, args![a.uint(0), a.uint(1), a.uint(2), timeout, a.int(4)])
}

/// futex_wake(2).
pub fn futex_wake(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, super::nr::FUTEX_WAKE, args![a.uint(0), a.uint(1), a.int(2), a.uint(3)])
}

/// futex_wait(2).
pub fn futex_wait(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let timeout = timeout64(cx, a.addr(4))?;
    let timeout = host::call::opt_ptr(timeout.as_ref());
    cx.host(a, super::nr::FUTEX_WAIT, args![a.uint(0), a.uint(1), a.uint(2), a.uint(3), timeout, a.int(5)])
}

/// futex_requeue(2).
pub fn futex_requeue(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, super::nr::FUTEX_REQUEUE, args![a.uint(0), a.uint(1), a.int(2), a.int(3)])
}

/// set_robust_list(2). With the compat entry the kernel keeps the list itself, so that even SIGKILL is seen.
pub fn set_robust_list(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    if a.uint(1) as usize != size_of::<RobustListHead>() {
        return Err(Errno::EINVAL);
    }
    cx.thread.robust_in_kernel = false;
    if compat::present() {
        let kept = compat::compat_syscall(ARM_SET_ROBUST_LIST, [a.uint(0), a.uint(1), 0, 0, 0, 0]);
        cx.thread.robust_in_kernel = kept.is_ok();
    }
    cx.thread.robust_list = a.addr(0);
    cx.process.threads.set_robust(cx.thread.tid, if cx.thread.robust_in_kernel { GuestAddr(0) } else { a.addr(0) });
    Ok(0)
}

/// get_robust_list(2): of threads of this process.
pub fn get_robust_list(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let head = match a.int(0) {
        0 => cx.thread.robust_list,
        tid if tid == cx.thread.tid => cx.thread.robust_list,
        tid => cx.process.threads.robust(tid).ok_or(Errno::ESRCH)?,
    };
    cx.write(a.addr(2), &U32::new(size_of::<RobustListHead>() as u32))?;
    cx.write(a.addr(1), &U32::new(head.0))?;
    Ok(0)
}

/// Wakes one waiter on a word that may be shared with other processes.
fn wake_one(word: GuestAddr) {
    let _ = host::syscall(libc::SYS_futex, args![word, libc::FUTEX_WAKE, 1u32]);
}

impl Process {
    /// What the kernel does for a thread that ends: marks the robust futexes it holds, clears and wakes its
    /// clear_child_tid word (kernel/fork.c mm_release()).
    pub(crate) fn release_futexes(&self, thread: &mut Thread) {
        if thread.robust_list.0 != 0 && !thread.robust_in_kernel {
            walk(&self.mm, thread.robust_list, thread.tid as u32);
        }
        self.threads.set_robust(thread.tid, GuestAddr(0));
        thread.robust_list = GuestAddr(0);
        let word = std::mem::take(&mut thread.clear_child_tid);
        if word.0 != 0 && self.mm.store(word, &[0; 4]).is_ok() {
            wake_one(word);
        }
    }

    /// The process ends: marks the robust futexes of all its threads.
    pub(crate) fn release_all_robust(&self) {
        for (tid, head) in self.threads.all_robust() {
            walk(&self.mm, head, tid as u32);
        }
    }
}

/// Follows a robust list (kernel/futex/core.c exit_robust_list()). Whatever is wrong with it ends the walk.
fn walk(mm: &AddressSpace, head_at: GuestAddr, tid: u32) {
    let _ = try_walk(mm, head_at, tid);
}

fn try_walk(mm: &AddressSpace, head_at: GuestAddr, tid: u32) -> Result<(), Fault> {
    let mut head = RobustListHead::new_zeroed();
    mm.load(head_at, head.as_mut_bytes())?;
    let word = |entry: u32| GuestAddr(entry & !1).offset(head.futex_offset.get());
    let pending = head.list_op_pending.get();
    let mut entry = head.next.get();
    for _ in 0..LIST_LIMIT {
        if entry & !1 == head_at.0 {
            break;
        }
        // Before the entry is released: afterwards its owner may free it.
        let mut next = U32::new_zeroed();
        let read = mm.load(GuestAddr(entry & !1), next.as_mut_bytes());
        if entry & !1 != pending & !1 {
            mark(mm, word(entry), tid, entry & 1 != 0, false)?;
        }
        read?;
        entry = next.get();
    }
    match pending & !1 {
        0 => Ok(()),
        _ => mark(mm, word(pending), tid, pending & 1 != 0, true),
    }
}

/// One word of a dead owner (handle_futex_death()).
fn mark(mm: &AddressSpace, word: GuestAddr, tid: u32, pi: bool, pending: bool) -> Result<(), Fault> {
    if word.0 % 4 != 0 {
        return Ok(());
    }
    loop {
        let mut value = U32::new_zeroed();
        mm.load(word, value.as_mut_bytes())?;
        let value = value.get();
        if pending && !pi && value == 0 {
            wake_one(word);
            return Ok(());
        }
        if value & TID_MASK != tid {
            return Ok(());
        }
        if mm.compare_exchange(word, value, value & WAITERS | OWNER_DIED)? == value {
            if !pi && value & WAITERS != 0 {
                wake_one(word);
            }
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mm::{MmapRequest, Prot};

    #[test]
    fn a_dead_owner_leaves_its_mark() {
        let mm = AddressSpace::new();
        crate::signal::host_handler::install_faults();
        let at = mm.mmap(MmapRequest::anonymous(0, 0x1000, Prot::READ_WRITE)).unwrap();
        let put = |offset: u32, value: u32| mm.store(at.plus(offset), &value.to_le_bytes()).unwrap();
        let get = |offset: u32| {
            let mut word = [0; 4];
            mm.load(at.plus(offset), &mut word).unwrap();
            u32::from_le_bytes(word)
        };
        // Head at 0; entries at 0x100 (ours), 0x200 (another's), 0x300 (pending, ours); words 8 bytes on.
        put(0, at.0 + 0x100);
        put(4, 8);
        put(8, at.0 + 0x300);
        put(0x100, at.0 + 0x200);
        put(0x108, 77 | WAITERS);
        put(0x200, at.0);
        put(0x208, 78);
        put(0x308, 77);
        walk(&mm, at, 77);
        assert_eq!([get(0x108), get(0x208), get(0x308)], [WAITERS | OWNER_DIED, 78, OWNER_DIED]);
        // A list that leads nowhere ends the walk.
        put(0x100, 0x10);
        put(0x108, 77);
        walk(&mm, at, 77);
        assert_eq!(get(0x108), OWNER_DIED);
        mm.munmap(at.0, 0x1000).unwrap();
    }
}
