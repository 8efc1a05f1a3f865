//! linux/time.h, linux/time_types.h, linux/times.h, linux/resource.h and linux/timex.h of i386.
use super::host64;
use super::{I32, I64, U32};
use crate::errno::Errno;
use crate::records;

records! {
    /// `struct old_timespec32`.
    Timespec32 [8] { tv_sec: I32, tv_nsec: I32 }
    /// `struct old_timeval32`.
    Timeval32 [8] { tv_sec: I32, tv_usec: I32 }
    /// `struct __kernel_timespec` as a 32-bit task passes it: the upper half of `tv_nsec` is padding.
    Timespec64 [16] { tv_sec: I64, tv_nsec: I32, pad: U32 }
    /// `struct __kernel_timespec` as the kernel writes it, and host `struct timespec`.
    Timespec [16] { tv_sec: I64, tv_nsec: I64 }
    /// Host `struct timeval`.
    Timeval [16] { tv_sec: I64, tv_usec: I64 }
    /// `struct old_itimerval32`.
    Itimerval32 [16] { it_interval: Timeval32, it_value: Timeval32 }
    /// `struct old_itimerspec32`.
    Itimerspec32 [16] { it_interval: Timespec32, it_value: Timespec32 }
    /// `struct __kernel_itimerspec` as a 32-bit task passes it.
    Itimerspec64 [32] { it_interval: Timespec64, it_value: Timespec64 }
    /// Host `struct itimerspec`, and `struct __kernel_itimerspec` as the kernel writes it.
    Itimerspec [32] { it_interval: Timespec, it_value: Timespec }
    /// Host `struct itimerval`.
    Itimerval [32] { it_interval: Timeval, it_value: Timeval }
    /// `struct timezone`.
    Timezone [8] { tz_minuteswest: I32, tz_dsttime: I32 }
    /// `struct tms`.
    Tms32 [16] { tms_utime: I32, tms_stime: I32, tms_cutime: I32, tms_cstime: I32 }
    /// `struct utimbuf`.
    Utimbuf32 [8] { actime: I32, modtime: I32 }
    /// `struct rusage`.
    Rusage32 [72] { ru_utime: Timeval32, ru_stime: Timeval32, counters: [I32; 14] }
    /// `struct timex` with 32-bit times.
    Timex32 [128] {
        modes: U32, offset: I32, freq: I32, maxerror: I32, esterror: I32, status: I32, constant: I32, precision: I32,
        tolerance: I32, time: Timeval32, tick: I32, ppsfreq: I32, jitter: I32, shift: I32, stabil: I32, jitcnt: I32,
        calcnt: I32, errcnt: I32, stbcnt: I32, tai: I32, unused: [I32; 11],
    }
}

impl From<Timespec32> for Timespec {
    fn from(t: Timespec32) -> Self {
        Self { tv_sec: i64::from(t.tv_sec.get()).into(), tv_nsec: i64::from(t.tv_nsec.get()).into() }
    }
}

/// What `get_timespec64` does for a 32-bit task: the upper half of the nanoseconds is ignored.
impl From<Timespec64> for Timespec {
    fn from(t: Timespec64) -> Self {
        Self { tv_sec: t.tv_sec, tv_nsec: i64::from(t.tv_nsec.get()).into() }
    }
}

impl From<Timeval32> for Timeval {
    fn from(t: Timeval32) -> Self {
        Self { tv_sec: i64::from(t.tv_sec.get()).into(), tv_usec: i64::from(t.tv_usec.get()).into() }
    }
}

/// Seconds are cut to 32 bits, as the kernel does.
impl From<Timespec> for Timespec32 {
    fn from(t: Timespec) -> Self {
        Self { tv_sec: (t.tv_sec.get() as i32).into(), tv_nsec: (t.tv_nsec.get() as i32).into() }
    }
}

impl From<Timeval> for Timeval32 {
    fn from(t: Timeval) -> Self {
        Self { tv_sec: (t.tv_sec.get() as i32).into(), tv_usec: (t.tv_usec.get() as i32).into() }
    }
}

impl From<Itimerspec32> for Itimerspec {
    fn from(t: Itimerspec32) -> Self {
        Self { it_interval: t.it_interval.into(), it_value: t.it_value.into() }
    }
}

impl From<Itimerspec64> for Itimerspec {
    fn from(t: Itimerspec64) -> Self {
        Self { it_interval: t.it_interval.into(), it_value: t.it_value.into() }
    }
}

impl From<Itimerspec> for Itimerspec32 {
    fn from(t: Itimerspec) -> Self {
        Self { it_interval: t.it_interval.into(), it_value: t.it_value.into() }
    }
}

impl From<Itimerval> for Itimerval32 {
    fn from(t: Itimerval) -> Self {
        Self { it_interval: t.it_interval.into(), it_value: t.it_value.into() }
    }
}

impl From<Itimerval32> for Itimerval {
    fn from(t: Itimerval32) -> Self {
        Self { it_interval: t.it_interval.into(), it_value: t.it_value.into() }
    }
}

impl From<&host64::Rusage> for Rusage32 {
    fn from(r: &host64::Rusage) -> Self {
        Self {
            ru_utime: r.ru_utime.into(),
            ru_stime: r.ru_stime.into(),
            counters: r.counters.map(|c| (c.get() as i32).into()),
        }
    }
}

/// The point in time or duration, or EINVAL if it is not normalised or negative.
pub fn valid(t: Timespec) -> Result<Timespec, Errno> {
    let ok = t.tv_sec.get() >= 0 && (0..1_000_000_000).contains(&t.tv_nsec.get());
    ok.then_some(t).ok_or(Errno::EINVAL)
}
