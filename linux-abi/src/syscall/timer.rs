//! Timers that raise signals or are files: alarm(2), setitimer(2), timer_create(2), timerfd_create(2).
use super::time::Width;
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::host;
use crate::host::call::{mut_ptr, opt_ptr, ptr};
use crate::layout::signal::{sigevent_to_host, Sigevent32};
use crate::layout::time::{Itimerspec, Itimerspec32, Itimerspec64, Itimerval, Itimerval32, Timeval};
use ir::guest::GuestAddr;

const ITIMER_REAL: i32 = 0;

/// alarm(2): answers the seconds that were left, rounded to the nearest but never down to zero.
pub fn alarm(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let second = Timeval { tv_sec: i64::from(a.uint(0)).into(), tv_usec: 0.into() };
    let (new, mut old) = (Itimerval { it_value: second, ..Itimerval::default() }, Itimerval::default());
    cx.host(a, libc::SYS_setitimer, args![ITIMER_REAL, ptr(&new), mut_ptr(&mut old)])?;
    let (seconds, rest) = (old.it_value.tv_sec.get() as u32, old.it_value.tv_usec.get());
    let up = rest >= 500_000 || seconds == 0 && rest > 0;
    Ok(seconds + u32::from(up))
}

/// setitimer(2): a NULL value stops the timer.
pub fn setitimer(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let new = cx.read_opt::<Itimerval32>(a.addr(1))?.map_or_else(Itimerval::default, Itimerval::from);
    let mut old = Itimerval::default();
    let result = cx.host(a, libc::SYS_setitimer, args![a.int(0), ptr(&new), mut_ptr(&mut old)])?;
    cx.write_opt(a.addr(2), &Itimerval32::from(old))?;
    Ok(result)
}

/// getitimer(2).
pub fn getitimer(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let mut value = Itimerval::default();
    host::syscall(libc::SYS_getitimer, args![a.int(0), mut_ptr(&mut value)])?;
    cx.write(a.addr(1), &Itimerval32::from(value))?;
    Ok(0)
}

impl Width {
    fn read_itimer(self, cx: &Cx<'_>, at: GuestAddr) -> Result<Itimerspec, Errno> {
        match self {
            Self::Time32 => cx.read::<Itimerspec32>(at).map(Itimerspec::from),
            Self::Time64 => cx.read::<Itimerspec64>(at).map(Itimerspec::from),
        }
    }

    fn write_itimer(self, cx: &Cx<'_>, at: GuestAddr, value: Itimerspec) -> Result<(), Errno> {
        match self {
            Self::Time32 => cx.write(at, &Itimerspec32::from(value)),
            Self::Time64 => cx.write(at, &value),
        }
    }
}

/// timer_create(2).
pub fn timer_create(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let event = cx.read_opt::<Sigevent32>(a.addr(1))?.map(|event| sigevent_to_host(&event));
    cx.will_write(a.addr(2), 4);
    cx.host(a, libc::SYS_timer_create, args![a.int(0), opt_ptr(event.as_ref()), a.addr(2)])
}

fn set(cx: &mut Cx<'_>, a: &Args, nr: i64, width: Width) -> SysResult {
    let new = width.read_itimer(cx, a.addr(2))?;
    let mut old = Itimerspec::default();
    let result = cx.host(a, nr, args![a.int(0), a.uint(1), ptr(&new), mut_ptr(&mut old)])?;
    if a.uint(3) != 0 {
        width.write_itimer(cx, a.addr(3), old)?;
    }
    Ok(result)
}

fn get(cx: &mut Cx<'_>, a: &Args, nr: i64, width: Width) -> SysResult {
    let mut value = Itimerspec::default();
    let result = cx.host(a, nr, args![a.int(0), mut_ptr(&mut value)])?;
    width.write_itimer(cx, a.addr(1), value)?;
    Ok(result)
}

/// timer_settime(2).
pub fn timer_settime(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    set(cx, a, libc::SYS_timer_settime, Width::Time32)
}

/// timer_settime(2) with 64-bit times.
pub fn timer_settime64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    set(cx, a, libc::SYS_timer_settime, Width::Time64)
}

/// timer_gettime(2).
pub fn timer_gettime(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    get(cx, a, libc::SYS_timer_gettime, Width::Time32)
}

/// timer_gettime(2) with 64-bit times.
pub fn timer_gettime64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    get(cx, a, libc::SYS_timer_gettime, Width::Time64)
}

/// timerfd_settime(2).
pub fn timerfd_settime(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    set(cx, a, libc::SYS_timerfd_settime, Width::Time32)
}

/// timerfd_settime(2) with 64-bit times.
pub fn timerfd_settime64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    set(cx, a, libc::SYS_timerfd_settime, Width::Time64)
}

/// timerfd_gettime(2).
pub fn timerfd_gettime(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    get(cx, a, libc::SYS_timerfd_gettime, Width::Time32)
}

/// timerfd_gettime(2) with 64-bit times.
pub fn timerfd_gettime64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    get(cx, a, libc::SYS_timerfd_gettime, Width::Time64)
}
