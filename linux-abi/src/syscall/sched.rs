//! Scheduling, sched(7): parameters and CPU sets. A CPU set is a bit string of `long`s, 32-bit ones here.
use super::time::Width;
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::host::call::{mut_ptr, ptr};
use crate::layout::time::Timespec;
use zerocopy::IntoBytes;

/// Longest CPU set taken: more than any kernel is built for.
const MAX_SET: u32 = 1 << 13;

/// sched_getparam(2).
pub fn getparam(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(1), 4);
    cx.host(a, libc::SYS_sched_getparam, args![a.int(0), a.addr(1)])
}

/// sched_getattr(2): `struct sched_attr` has one layout; its size is an argument.
pub fn getattr(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(1), u64::from(a.uint(2).min(4096)));
    cx.host(a, libc::SYS_sched_getattr, args![a.int(0), a.addr(1), a.uint(2), a.uint(3)])
}

fn interval(cx: &mut Cx<'_>, a: &Args, width: Width) -> SysResult {
    let mut time = Timespec::default();
    let result = cx.host(a, libc::SYS_sched_rr_get_interval, args![a.int(0), mut_ptr(&mut time)])?;
    width.write(cx, a.addr(1), time)?;
    Ok(result)
}

/// sched_rr_get_interval(2) with 32-bit time.
pub fn rr_get_interval(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    interval(cx, a, Width::Time32)
}

/// sched_rr_get_interval(2) with 64-bit time.
pub fn rr_get_interval_time64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    interval(cx, a, Width::Time64)
}

fn words(len: u32) -> Vec<u64> {
    vec![0; len.min(MAX_SET).div_ceil(8) as usize]
}

/// sched_setaffinity(2).
pub fn setaffinity(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let mut set = words(a.uint(1));
    let len = (a.uint(1) as usize).min(set.len() * 8);
    cx.read_into(a.addr(2), &mut set.as_mut_bytes()[..len])?;
    cx.host(a, libc::SYS_sched_setaffinity, args![a.int(0), set.len() * 8, ptr(set.as_slice())])
}

/// sched_getaffinity(2): answers the bytes written.
pub fn getaffinity(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    if a.uint(1) % 4 != 0 {
        return Err(Errno::EINVAL);
    }
    let mut set = words(a.uint(1));
    let len = cx.host(a, libc::SYS_sched_getaffinity, args![a.int(0), set.len() * 8, mut_ptr(set.as_mut_slice())])?;
    let len = len.min(a.uint(1));
    cx.write(a.addr(2), &set.as_bytes()[..len as usize])?;
    Ok(len)
}
