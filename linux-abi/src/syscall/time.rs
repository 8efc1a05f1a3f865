//! Clocks and sleeping: time(2), gettimeofday(2), clock_gettime(2), nanosleep(2), times(2), restart_syscall(2).
//!
//! Each call exists with 32-bit and with 64-bit times ("time64"); both become the host's one.
use super::{Args, Entry};
use crate::args;
use crate::context::{Cx, Restart, SysResult};
use crate::errno::Errno;
use crate::guest_mem::Input;
use crate::host;
use crate::host::call::{mut_ptr, opt_ptr, ptr};
use crate::layout::host64;
use crate::layout::time::{valid, Timespec, Timespec32, Timespec64, Timeval, Timeval32, Timex32, Timezone, Tms32};
use ir::guest::GuestAddr;

const TIMER_ABSTIME: u32 = 1;

/// Reads a `struct old_timespec32`.
pub fn guest_timespec32(cx: &Cx<'_>, addr: GuestAddr) -> Result<Timespec, Errno> {
    cx.read::<Timespec32>(addr).map(Timespec::from)
}

/// Reads a `struct __kernel_timespec`.
pub fn guest_timespec64(cx: &Cx<'_>, addr: GuestAddr) -> Result<Timespec, Errno> {
    cx.read::<Timespec64>(addr).map(Timespec::from)
}

/// The two generations of `struct timespec`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 32-bit seconds.
    Time32,
    /// 64-bit seconds.
    Time64,
}

impl Width {
    /// Reads a time.
    pub fn read(self, cx: &Cx<'_>, addr: GuestAddr) -> Result<Timespec, Errno> {
        match self {
            Self::Time32 => guest_timespec32(cx, addr),
            Self::Time64 => guest_timespec64(cx, addr),
        }
    }

    /// Reads a time unless the pointer is NULL.
    pub fn read_opt(self, cx: &Cx<'_>, addr: GuestAddr) -> Result<Option<Timespec>, Errno> {
        (addr.0 != 0).then(|| self.read(cx, addr)).transpose()
    }

    /// Reads a time for the host, which looks at the clock first.
    pub fn input(self, cx: &Cx<'_>, addr: GuestAddr) -> Input<Timespec> {
        match self {
            Self::Time32 => cx.input(addr, |time: &Timespec32| Timespec::from(*time)),
            Self::Time64 => cx.input(addr, |time: &Timespec64| Timespec::from(*time)),
        }
    }

    /// Writes a time.
    pub fn write(self, cx: &Cx<'_>, addr: GuestAddr, time: Timespec) -> Result<(), Errno> {
        match self {
            Self::Time32 => cx.write(addr, &Timespec32::from(time)),
            Self::Time64 => cx.write(addr, &time),
        }
    }
}

/// Host clock_gettime(2).
pub fn now(clock: i32) -> Result<Timespec, Errno> {
    let mut time = Timespec::default();
    host::syscall(libc::SYS_clock_gettime, args![clock, mut_ptr(&mut time)])?;
    Ok(time)
}

/// time(2).
pub fn time(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let seconds = now(libc::CLOCK_REALTIME)?.tv_sec.get() as u32;
    cx.write_opt(a.addr(0), &seconds)?;
    Ok(seconds)
}

/// stime(2).
pub fn stime(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let seconds: i32 = cx.read(a.addr(0))?;
    let time = Timespec { tv_sec: i64::from(seconds).into(), tv_nsec: 0.into() };
    cx.host(a, libc::SYS_clock_settime, args![libc::CLOCK_REALTIME, ptr(&time)])
}

/// gettimeofday(2).
pub fn gettimeofday(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (mut time, mut zone) = (Timeval::default(), Timezone::default());
    let zone_ptr = if a.uint(1) != 0 { mut_ptr(&mut zone) } else { 0 };
    host::syscall(libc::SYS_gettimeofday, args![mut_ptr(&mut time), zone_ptr])?;
    cx.write_opt(a.addr(0), &Timeval32::from(time))?;
    cx.write_opt(a.addr(1), &zone)?;
    Ok(0)
}

/// settimeofday(2).
pub fn settimeofday(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let time = cx.read_opt::<Timeval32>(a.addr(0))?.map(Timeval::from);
    let zone = cx.read_opt::<Timezone>(a.addr(1))?;
    cx.host(a, libc::SYS_settimeofday, args![opt_ptr(time.as_ref()), opt_ptr(zone.as_ref())])
}

macro_rules! both_widths {
    ($($(#[$m:meta])* $name32:ident, $name64:ident, $inner:ident;)+) => {
        $(
            $(#[$m])* #[doc = " With 32-bit times."]
            pub fn $name32(cx: &mut Cx<'_>, a: &Args) -> SysResult {
                $inner(cx, a, Width::Time32)
            }

            $(#[$m])* #[doc = " With 64-bit times."]
            pub fn $name64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
                $inner(cx, a, Width::Time64)
            }
        )+
    };
}

both_widths! {
    /// clock_gettime(2).
    clock_gettime, clock_gettime64, get_clock;
    /// clock_settime(2).
    clock_settime, clock_settime64, set_clock;
    /// clock_getres(2).
    clock_getres, clock_getres_time64, get_resolution;
    /// clock_nanosleep(2).
    clock_nanosleep, clock_nanosleep_time64, sleep_on_clock;
}

fn get_clock(cx: &mut Cx<'_>, a: &Args, width: Width) -> SysResult {
    let time = now(a.int(0))?;
    width.write(cx, a.addr(1), time)?;
    Ok(0)
}

fn set_clock(cx: &mut Cx<'_>, a: &Args, width: Width) -> SysResult {
    let mut time = width.input(cx, a.addr(1));
    cx.host(a, libc::SYS_clock_settime, args![a.int(0), &mut time])
}

fn get_resolution(cx: &mut Cx<'_>, a: &Args, width: Width) -> SysResult {
    let mut time = Timespec::default();
    host::syscall(libc::SYS_clock_getres, args![a.int(0), mut_ptr(&mut time)])?;
    if a.uint(1) != 0 {
        width.write(cx, a.addr(1), time)?;
    }
    Ok(0)
}

/// nanosleep(2).
pub fn nanosleep(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let request = valid(guest_timespec32(cx, a.addr(0))?)?;
    sleep_for(cx, a, libc::CLOCK_MONOTONIC, request, Remainder { at: a.addr(1), width: Width::Time32 })
}

fn sleep_on_clock(cx: &mut Cx<'_>, a: &Args, width: Width) -> SysResult {
    let (clock, absolute) = (a.int(0), a.uint(1) & TIMER_ABSTIME != 0);
    let mut request = width.input(cx, a.addr(2));
    if absolute || request.value().is_err() {
        let slept = cx.host(a, libc::SYS_clock_nanosleep, args![clock, TIMER_ABSTIME, &mut request, 0]);
        return slept
            .map_err(|errno| if errno == Errno::ERESTART_RESTARTBLOCK { Errno::ERESTARTNOHAND } else { errno });
    }
    sleep_for(cx, a, clock, *request.value()?, Remainder { at: a.addr(3), width })
}

/// Where the time that is left goes when a sleep is interrupted.
#[derive(Clone, Copy, Debug)]
struct Remainder {
    at: GuestAddr,
    width: Width,
}

fn sleep_for(cx: &mut Cx<'_>, a: &Args, clock: i32, request: Timespec, rest: Remainder) -> SysResult {
    let mut left = Timespec::default();
    let slept = cx.host(a, libc::SYS_clock_nanosleep, args![clock, 0, ptr(&request), mut_ptr(&mut left)]);
    if slept == Err(Errno::ERESTART_RESTARTBLOCK) {
        let clock = relative_clock(clock);
        if rest.at.0 != 0 {
            rest.width.write(cx, rest.at, left)?;
        }
        interrupted_at(cx, a, add(now(clock)?, left));
    }
    slept
}

/// Remembers the call and when it is to end, for restart_syscall(2).
fn interrupted_at(cx: &mut Cx<'_>, a: &Args, until: Timespec) {
    let deadline = u64::try_from(nanoseconds(until)).unwrap_or(u64::MAX);
    cx.thread.restart = Some(Restart { nr: u32::from(a.entry.nr), args: a.raw(), deadline });
}

/// Remembers an interrupted poll(2) with `left` of its time.
pub fn restart_poll(cx: &mut Cx<'_>, a: &Args, left: Timespec) -> Result<(), Errno> {
    let until = add(now(libc::CLOCK_MONOTONIC)?, left);
    interrupted_at(cx, a, until);
    Ok(())
}

/// restart_syscall(2): goes on with the interrupted call until its deadline; EINTR if there is none.
pub fn restart_syscall(cx: &mut Cx<'_>, _: &Args) -> SysResult {
    let restart = cx.thread.restart.take().ok_or(Errno::EINTR)?;
    let entry = Entry::get(restart.nr).ok_or(Errno::EINTR)?;
    let a = &Args::new(restart.args, entry);
    let until = from_nanoseconds(i128::from(restart.deadline));
    let left = |clock| Ok::<_, Errno>(subtract(until, now(clock)?));
    match entry.name {
        "nanosleep" => {
            let rest = Remainder { at: a.addr(1), width: Width::Time32 };
            sleep_for(cx, a, libc::CLOCK_MONOTONIC, left(libc::CLOCK_MONOTONIC)?, rest)
        }
        "clock_nanosleep" | "clock_nanosleep_time64" => {
            let width = if entry.name == "clock_nanosleep" { Width::Time32 } else { Width::Time64 };
            let clock = relative_clock(a.int(0));
            sleep_for(cx, a, clock, left(clock)?, Remainder { at: a.addr(3), width })
        }
        "poll" => super::poll::poll_for(cx, a, Some(left(libc::CLOCK_MONOTONIC)?)),
        _ => entry.call(cx, restart.args),
    }
}

/// A relative sleep is not moved by setting the clock.
fn relative_clock(clock: i32) -> i32 {
    if clock == libc::CLOCK_REALTIME {
        libc::CLOCK_MONOTONIC
    } else {
        clock
    }
}

fn nanoseconds(t: Timespec) -> i128 {
    i128::from(t.tv_sec.get()) * 1_000_000_000 + i128::from(t.tv_nsec.get())
}

fn from_nanoseconds(ns: i128) -> Timespec {
    let ns = ns.max(0);
    let seconds = i64::try_from(ns / 1_000_000_000).unwrap_or(i64::MAX);
    Timespec { tv_sec: seconds.into(), tv_nsec: ((ns % 1_000_000_000) as i64).into() }
}

fn add(a: Timespec, b: Timespec) -> Timespec {
    from_nanoseconds(nanoseconds(a) + nanoseconds(b))
}

fn subtract(a: Timespec, b: Timespec) -> Timespec {
    from_nanoseconds(nanoseconds(a) - nanoseconds(b))
}

/// times(2): ticks of 1/100 s on both sides.
pub fn times(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let mut tms = [0i64; 4];
    let ticks = host::syscall(libc::SYS_times, args![mut_ptr(&mut tms)])?;
    let [utime, stime, cutime, cstime] = tms.map(|t| (t as i32).into());
    let tms = Tms32 { tms_utime: utime, tms_stime: stime, tms_cutime: cutime, tms_cstime: cstime };
    cx.write_opt(a.addr(0), &tms)?;
    Ok(ticks as u32)
}

fn timex_to_host(t: &Timex32) -> host64::Timex {
    let wide = |v: crate::layout::I32| i64::from(v.get()).into();
    host64::Timex {
        modes: t.modes,
        offset: wide(t.offset),
        freq: wide(t.freq),
        maxerror: wide(t.maxerror),
        esterror: wide(t.esterror),
        status: t.status,
        constant: wide(t.constant),
        precision: wide(t.precision),
        tolerance: wide(t.tolerance),
        time: t.time.into(),
        tick: wide(t.tick),
        ppsfreq: wide(t.ppsfreq),
        jitter: wide(t.jitter),
        shift: t.shift,
        stabil: wide(t.stabil),
        jitcnt: wide(t.jitcnt),
        calcnt: wide(t.calcnt),
        errcnt: wide(t.errcnt),
        stbcnt: wide(t.stbcnt),
        tai: t.tai,
        ..host64::Timex::default()
    }
}

fn timex_to_guest(t: &host64::Timex) -> Timex32 {
    let cut = |v: crate::layout::I64| (v.get() as i32).into();
    Timex32 {
        modes: t.modes,
        offset: cut(t.offset),
        freq: cut(t.freq),
        maxerror: cut(t.maxerror),
        esterror: cut(t.esterror),
        status: t.status,
        constant: cut(t.constant),
        precision: cut(t.precision),
        tolerance: cut(t.tolerance),
        time: t.time.into(),
        tick: cut(t.tick),
        ppsfreq: cut(t.ppsfreq),
        jitter: cut(t.jitter),
        shift: t.shift,
        stabil: cut(t.stabil),
        jitcnt: cut(t.jitcnt),
        calcnt: cut(t.calcnt),
        errcnt: cut(t.errcnt),
        stbcnt: cut(t.stbcnt),
        tai: t.tai,
        ..Timex32::default()
    }
}

fn adjust(cx: &mut Cx<'_>, a: &Args, clock: i32, at: GuestAddr) -> SysResult {
    let mut timex = timex_to_host(&cx.read(at)?);
    let state = cx.host(a, libc::SYS_clock_adjtime, args![clock, mut_ptr(&mut timex)])?;
    cx.write(at, &timex_to_guest(&timex))?;
    Ok(state)
}

/// adjtimex(2).
pub fn adjtimex(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    adjust(cx, a, libc::CLOCK_REALTIME, a.addr(0))
}

/// clock_adjtime(2).
pub fn clock_adjtime(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    adjust(cx, a, a.int(0), a.addr(1))
}

/// clock_adjtime64(2): the structure is the host's.
pub fn clock_adjtime64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(1), size_of::<host64::Timex>() as u64);
    cx.host(a, libc::SYS_clock_adjtime, args![a.int(0), a.addr(1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remaining_time_is_never_negative() {
        let t = |s: i64, ns: i64| Timespec { tv_sec: s.into(), tv_nsec: ns.into() };
        let parts = |t: Timespec| (t.tv_sec.get(), t.tv_nsec.get());
        assert_eq!(parts(subtract(t(5, 0), t(3, 1))), (1, 999_999_999));
        assert_eq!(parts(subtract(t(3, 0), t(5, 0))), (0, 0));
        assert_eq!(parts(add(t(1, 600_000_000), t(1, 600_000_000))), (3, 200_000_000));
    }
}
