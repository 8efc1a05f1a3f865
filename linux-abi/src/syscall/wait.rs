//! wait4(2), waitpid(2), waitid(2).
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::host::call::mut_ptr;
use crate::layout::host64::Rusage;
use crate::layout::time::Rusage32;
use crate::layout::I32;
use crate::signal::{SigInfo, SigInfo64};
use ir::guest::GuestAddr;
use zerocopy::FromZeros;

fn wait(cx: &mut Cx<'_>, a: &Args, rusage_at: GuestAddr) -> SysResult {
    let mut status = 0i32;
    let mut rusage = Rusage::new_zeroed();
    let host_rusage = if rusage_at.0 != 0 { mut_ptr(&mut rusage) } else { 0 };
    let pid = cx.host(a, libc::SYS_wait4, args![a.int(0), mut_ptr(&mut status), a.uint(2), host_rusage])?;
    if pid != 0 {
        cx.write_opt(a.addr(1), &I32::new(status))?;
        cx.write_opt(rusage_at, &Rusage32::from(&rusage))?;
    }
    Ok(pid)
}

/// wait4(2).
pub fn wait4(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    wait(cx, a, a.addr(3))
}

/// waitpid(2).
pub fn waitpid(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    wait(cx, a, GuestAddr(0))
}

/// waitid(2): of siginfo_t the kernel writes the first six words only, zeros if the call fails. A pointer that leads nowhere
/// is EFAULT whatever else is wrong.
pub fn waitid(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    const WRITTEN: usize = 24;
    let mut info = SigInfo64::new([0; 128]);
    let mut rusage = Rusage::new_zeroed();
    let host_rusage = if a.uint(4) != 0 { mut_ptr(&mut rusage) } else { 0 };
    let waited = cx.host(a, libc::SYS_waitid, args![a.int(0), a.int(1), info.pointer(), a.uint(3), host_rusage]);
    if info.signo() != 0 {
        cx.write_opt(a.addr(4), &Rusage32::from(&rusage))?;
    }
    let bytes = SigInfo::from_host(&info).to_bytes();
    match a.uint(2) {
        0 => waited,
        _ => cx.write(a.addr(2), &bytes[..WRITTEN]).and(waited),
    }
}
