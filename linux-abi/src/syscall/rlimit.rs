//! Resource limits and usage: getrlimit(2), setrlimit(2), prlimit64(2), getrusage(2).
//!
//! i386 has 32-bit limits with two ideas of infinity: 0x7fffffff in the first getrlimit(76), 0xffffffff since.
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::host;
use crate::host::call::{mut_ptr, ptr};
use crate::layout::host64::{Rlimit, Rusage};
use crate::layout::time::Rusage32;
use crate::layout::U64;

const INFINITY32: u32 = u32::MAX;
const OLD_INFINITY: u32 = 0x7fff_ffff;

/// A limit of this process.
pub fn get(resource: u32) -> Result<Rlimit, Errno> {
    let mut limit = Rlimit::default();
    host::syscall(libc::SYS_prlimit64, args![0, resource, 0, mut_ptr(&mut limit)])?;
    Ok(limit)
}

fn narrow(limit: U64, infinity: u32) -> u32 {
    u32::try_from(limit.get()).map_or(infinity, |limit| limit.min(infinity))
}

fn widen(limit: u32) -> U64 {
    U64::new(if limit == INFINITY32 { u64::MAX } else { u64::from(limit) })
}

fn get_into(cx: &Cx<'_>, a: &Args, infinity: u32) -> SysResult {
    let limit = get(a.uint(0))?;
    cx.write(a.addr(1), &[narrow(limit.rlim_cur, infinity), narrow(limit.rlim_max, infinity)])?;
    Ok(0)
}

/// getrlimit(2) of the first ABI.
pub fn old_getrlimit(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    get_into(cx, a, OLD_INFINITY)
}

/// ugetrlimit(2).
pub fn ugetrlimit(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    get_into(cx, a, INFINITY32)
}

/// setrlimit(2).
pub fn setrlimit(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let [current, maximum]: [u32; 2] = cx.read(a.addr(1))?;
    let limit = Rlimit { rlim_cur: widen(current), rlim_max: widen(maximum) };
    cx.host(a, libc::SYS_prlimit64, args![0, a.uint(0), ptr(&limit), 0])
}

/// prlimit64(2): 64-bit limits, the same structure everywhere.
pub fn prlimit64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    if a.uint(3) != 0 {
        cx.will_write(a.addr(3), size_of::<Rlimit>() as u64);
    }
    cx.host(a, libc::SYS_prlimit64, args![a.int(0), a.uint(1), a.addr(2), a.addr(3)])
}

/// getrusage(2).
pub fn getrusage(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let mut usage = Rusage::default();
    host::syscall(libc::SYS_getrusage, args![a.int(0), mut_ptr(&mut usage)])?;
    cx.write(a.addr(1), &Rusage32::from(&usage))?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinities() {
        for (host, old, new) in [
            (u64::MAX, OLD_INFINITY, INFINITY32),
            (8 << 20, 8 << 20, 8 << 20),
            (0x8000_0000, OLD_INFINITY, 0x8000_0000),
            (1 << 32, OLD_INFINITY, INFINITY32),
        ] {
            assert_eq!((narrow(host.into(), OLD_INFINITY), narrow(host.into(), INFINITY32)), (old, new));
        }
        assert_eq!(widen(INFINITY32).get(), u64::MAX);
    }
}
