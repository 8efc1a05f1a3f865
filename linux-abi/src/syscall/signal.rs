//! Signals: sigaction(2), sigprocmask(2), sigaltstack(2), waiting for signals, sending them.
use super::time::Width;
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::guest_mem::NOWHERE;
use crate::host;
use crate::host::call::{mut_ptr, ptr};
use crate::layout::time::valid;
use crate::layout::{U32, U64};
use crate::records;
use crate::signal::action::{flag, Action};
use crate::signal::host_handler::host_mask;
use crate::signal::pending::{AltStack, SS_AUTODISARM};
use crate::signal::{sigreturn as frames, SigInfo, SigInfo64};
use ir::guest::{Gpr, GuestAddr};

records! {
    /// `struct old_sigaction`.
    OldSigaction [16] { handler: U32, mask: U32, flags: U32, restorer: U32 }
    /// `struct sigaction` of rt_sigaction.
    Sigaction [20] { handler: U32, flags: U32, restorer: U32, mask: U64 }
    /// `stack_t`.
    Stack [12] { sp: U32, flags: U32, size: U32 }
}

/// Bytes of a signal set.
const SET_LEN: u32 = 8;
/// pidfd_send_signal(2).
const SYS_PIDFD_SEND_SIGNAL: i64 = 424;

fn check_len(len: u32) -> Result<(), Errno> {
    if len == SET_LEN {
        Ok(())
    } else {
        Err(Errno::EINVAL)
    }
}

/// rt_sigaction(2).
pub fn rt_sigaction(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    check_len(a.uint(3))?;
    let new = cx.read_opt::<Sigaction>(a.addr(1))?.map(|s| Action {
        handler: s.handler.get(),
        flags: s.flags.get(),
        restorer: GuestAddr(s.restorer.get()),
        mask: s.mask.get(),
    });
    let old = cx.process.actions.set(a.int(0), new)?;
    let old = Sigaction {
        handler: old.handler.into(),
        flags: old.flags.into(),
        restorer: old.restorer.0.into(),
        mask: old.mask.into(),
    };
    cx.write_opt(a.addr(2), &old).map(|()| 0)
}

/// sigaction(2) of the first ABI: 32 signals.
pub fn sigaction(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let new = cx.read_opt::<OldSigaction>(a.addr(1))?.map(|s| Action {
        handler: s.handler.get(),
        flags: s.flags.get(),
        restorer: GuestAddr(s.restorer.get()),
        mask: u64::from(s.mask.get()),
    });
    let old = cx.process.actions.set(a.int(0), new)?;
    let old = OldSigaction {
        handler: old.handler.into(),
        mask: (old.mask as u32).into(),
        flags: old.flags.into(),
        restorer: old.restorer.0.into(),
    };
    cx.write_opt(a.addr(2), &old).map(|()| 0)
}

/// signal(2): System V semantics. The old handler.
pub fn signal(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let new = Action { handler: a.uint(1), flags: flag::RESETHAND | flag::NODEFER, ..Action::default() };
    cx.process.actions.set(a.int(0), Some(new)).map(|old| old.handler)
}

fn change_mask(cx: &mut Cx<'_>, how: i32, set: u64) -> Result<(), Errno> {
    let mask = cx.thread.signals.mask;
    let mask = match how {
        libc::SIG_BLOCK => mask | set,
        libc::SIG_UNBLOCK => mask & !set,
        libc::SIG_SETMASK => set,
        _ => return Err(Errno::EINVAL),
    };
    cx.thread.signals.set_mask(mask);
    Ok(())
}

/// rt_sigprocmask(2).
pub fn rt_sigprocmask(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    check_len(a.uint(3))?;
    let old = cx.thread.signals.mask;
    if let Some(set) = cx.read_opt::<U64>(a.addr(1))? {
        change_mask(cx, a.int(0), set.get())?;
    }
    cx.write_opt(a.addr(2), &U64::new(old)).map(|()| 0)
}

/// sigprocmask(2) of the first ABI: changes the first 32 signals.
pub fn sigprocmask(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    const LOW: u64 = u32::MAX as u64;
    let old = cx.thread.signals.mask;
    if let Some(set) = cx.read_opt::<U32>(a.addr(1))? {
        let set = u64::from(set.get());
        let kept = if a.int(0) == libc::SIG_SETMASK { old & !LOW } else { 0 };
        change_mask(cx, a.int(0), set | kept)?;
    }
    cx.write_opt(a.addr(2), &U32::new(old as u32)).map(|()| 0)
}

/// sgetmask(2).
pub fn sgetmask(cx: &mut Cx<'_>, _: &Args) -> SysResult {
    Ok(cx.thread.signals.mask as u32)
}

/// ssetmask(2): the old mask.
pub fn ssetmask(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let old = cx.thread.signals.mask;
    cx.thread.signals.set_mask(u64::from(a.uint(0)));
    Ok(old as u32)
}

/// Signals that wait to be unblocked: in the kernel, and the few that are in hand.
fn pending(cx: &Cx<'_>) -> Result<u64, Errno> {
    let mut set = 0u64;
    host::syscall(libc::SYS_rt_sigpending, args![mut_ptr(&mut set), SET_LEN])?;
    Ok((set | cx.thread.signals.held()) & cx.thread.signals.mask)
}

/// rt_sigpending(2): a shorter set is allowed.
pub fn rt_sigpending(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    if a.uint(1) > SET_LEN {
        return Err(Errno::EINVAL);
    }
    let set = pending(cx)?.to_le_bytes();
    cx.write(a.addr(0), &set[..a.uint(1) as usize]).map(|()| 0)
}

/// sigpending(2).
pub fn sigpending(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let set = pending(cx)? as u32;
    cx.write(a.addr(0), &U32::new(set)).map(|()| 0)
}

fn suspend(cx: &mut Cx<'_>, a: &Args, mask: u64) -> SysResult {
    cx.waiting(Some(mask), |cx, host_mask| {
        let mask = host_mask.unwrap_or(mask);
        cx.host(a, libc::SYS_rt_sigsuspend, args![ptr(&mask), SET_LEN])
    })
}

/// rt_sigsuspend(2).
pub fn rt_sigsuspend(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    check_len(a.uint(1))?;
    let mask: U64 = cx.read(a.addr(0))?;
    suspend(cx, a, mask.get())
}

/// sigsuspend(2) of the first ABI: the mask is the third argument.
pub fn sigsuspend(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    suspend(cx, a, u64::from(a.uint(2)))
}

/// pause(2).
pub fn pause(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_ppoll, args![0u64, 0u64, 0u64, 0u64, 0u64])
}

fn timed_wait(cx: &mut Cx<'_>, a: &Args, width: Width) -> SysResult {
    check_len(a.uint(3))?;
    let set = cx.read::<U64>(a.addr(0))?.get();
    let timeout = width.read_opt(cx, a.addr(2))?.map(valid).transpose()?;
    let info = match cx.thread.signals.take_held(set) {
        Some(info) => info,
        None => {
            let mut info = SigInfo64::new([0; 128]);
            let set = host_mask(set);
            let timeout = host::call::opt_ptr(timeout.as_ref());
            cx.host(a, libc::SYS_rt_sigtimedwait, args![ptr(&set), info.pointer(), timeout, SET_LEN])?;
            SigInfo::from_host(&info)
        }
    };
    cx.write_opt(a.addr(1), &info.to_bytes())?;
    Ok(info.signo() as u32)
}

/// rt_sigtimedwait(2) with 32-bit times.
pub fn rt_sigtimedwait(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    timed_wait(cx, a, Width::Time32)
}

/// rt_sigtimedwait(2) with 64-bit times.
pub fn rt_sigtimedwait_time64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    timed_wait(cx, a, Width::Time64)
}

/// kill(2).
pub fn kill(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_kill, args![a.int(0), a.int(1)])
}

/// tkill(2).
pub fn tkill(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_tkill, args![a.int(0), a.int(1)])
}

/// tgkill(2).
pub fn tgkill(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_tgkill, args![a.int(0), a.int(1), a.int(2)])
}

fn given_info(cx: &Cx<'_>, at: GuestAddr) -> Result<SigInfo64, Errno> {
    let mut bytes = [0; 128];
    cx.read_into(at, &mut bytes)?;
    Ok(SigInfo::from_bytes(&bytes).to_host())
}

/// rt_sigqueueinfo(2).
pub fn rt_sigqueueinfo(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let mut info = given_info(cx, a.addr(2))?;
    cx.host(a, libc::SYS_rt_sigqueueinfo, args![a.int(0), a.int(1), info.pointer()])
}

/// rt_tgsigqueueinfo(2).
pub fn rt_tgsigqueueinfo(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let mut info = given_info(cx, a.addr(3))?;
    cx.host(a, libc::SYS_rt_tgsigqueueinfo, args![a.int(0), a.int(1), a.int(2), info.pointer()])
}

/// pidfd_send_signal(2).
pub fn pidfd_send_signal(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    if a.uint(2) == 0 {
        return cx.host(a, SYS_PIDFD_SEND_SIGNAL, args![a.int(0), a.int(1), 0u64, a.uint(3)]);
    }
    // The descriptor and the flags come first.
    let mut info = given_info(cx, a.addr(2)).ok();
    let info = info.as_mut().map_or(NOWHERE, SigInfo64::pointer);
    cx.host(a, SYS_PIDFD_SEND_SIGNAL, args![a.int(0), a.int(1), info, a.uint(3)])
}

/// sigaltstack(2).
pub fn sigaltstack(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let esp = cx.state.get(Gpr::Esp);
    let old = cx.thread.signals.altstack;
    if let Some(new) = cx.read_opt::<Stack>(a.addr(0))? {
        let new = AltStack { sp: GuestAddr(new.sp.get()), flags: new.flags.get(), size: new.size.get() };
        cx.thread.signals.set_altstack(new, esp)?;
    }
    let flags = old.state(esp) | old.flags & SS_AUTODISARM;
    let old = Stack { sp: old.sp.0.into(), flags: flags.into(), size: old.size.into() };
    cx.write_opt(a.addr(1), &old).map(|()| 0)
}

/// sigreturn(2).
pub fn sigreturn(cx: &mut Cx<'_>, _: &Args) -> SysResult {
    frames::sigreturn(cx)
}

/// rt_sigreturn(2).
pub fn rt_sigreturn(cx: &mut Cx<'_>, _: &Args) -> SysResult {
    frames::rt_sigreturn(cx)
}
