//! Sockets: the direct calls and socketcall(2), which packs them behind one number.
use super::{Args, Entry};
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::host::call::ptr;
use ir::guest::GuestAddr;

mod address;
mod control;
mod message;
mod option;

pub use message::{recvmmsg, recvmmsg_time64, recvmsg, sendmmsg, sendmsg};
pub use option::{getsockopt, setsockopt};

use address::HostAddress;

/// The calls of socketcall(2), from 1: i386 number of the direct call, arguments in memory.
const CALLS: [(u32, usize); 20] = [
    (359, 3), // socket
    (361, 3), // bind
    (362, 3), // connect
    (363, 2), // listen
    (364, 3), // accept: accept4 without flags
    (367, 3), // getsockname
    (368, 3), // getpeername
    (360, 4), // socketpair
    (369, 4), // send: sendto without address
    (371, 4), // recv: recvfrom without address
    (369, 6), // sendto
    (371, 6), // recvfrom
    (373, 2), // shutdown
    (366, 5), // setsockopt
    (365, 5), // getsockopt
    (370, 3), // sendmsg
    (372, 3), // recvmsg
    (364, 4), // accept4
    (337, 5), // recvmmsg
    (345, 4), // sendmmsg
];

/// The direct call that a socketcall(2) stands for, and its arguments.
pub fn demultiplex(cx: &Cx<'_>, call: u32, block: GuestAddr) -> Result<(&'static Entry, [u32; 6]), Errno> {
    let index = (call as usize).wrapping_sub(1);
    let &(nr, count) = CALLS.get(index).ok_or(Errno::EINVAL)?;
    let mut args = [0; 6];
    cx.read_into(block, zerocopy::IntoBytes::as_mut_bytes(&mut args[..count]))?;
    Ok((Entry::get(nr).ok_or(Errno::EINVAL)?, args))
}

/// socketcall(2).
pub fn socketcall(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (entry, args) = demultiplex(cx, a.uint(0), a.addr(1))?;
    entry.call(cx, args)
}

/// socket(2).
pub fn socket(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_socket, args![a.int(0), a.int(1), a.int(2)])
}

/// socketpair(2).
pub fn socketpair(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(3), 8);
    cx.host(a, libc::SYS_socketpair, args![a.int(0), a.int(1), a.int(2), a.addr(3)])
}

/// bind(2).
pub fn bind(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let address = HostAddress::read(cx, a.addr(1), a.uint(2))?;
    cx.host(a, libc::SYS_bind, args![a.int(0), address.pointer(), address.len()])
}

/// connect(2).
pub fn connect(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let address = HostAddress::read(cx, a.addr(1), a.uint(2))?;
    cx.host(a, libc::SYS_connect, args![a.int(0), address.pointer(), address.len()])
}

/// accept4(2), and accept(2) with no flags.
pub fn accept4(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    address::will_fill(cx, a.addr(1), a.addr(2));
    let fd = cx.host(a, libc::SYS_accept4, args![a.int(0), a.addr(1), a.addr(2), a.uint(3)])?;
    address::to_guest(cx, a.addr(1), a.addr(2));
    Ok(fd)
}

/// getsockname(2).
pub fn getsockname(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    name(cx, a, libc::SYS_getsockname)
}

/// getpeername(2).
pub fn getpeername(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    name(cx, a, libc::SYS_getpeername)
}

fn name(cx: &mut Cx<'_>, a: &Args, nr: i64) -> SysResult {
    address::will_fill(cx, a.addr(1), a.addr(2));
    let done = cx.host(a, nr, args![a.int(0), a.addr(1), a.addr(2)])?;
    address::to_guest(cx, a.addr(1), a.addr(2));
    Ok(done)
}

/// sendto(2), and send(2) with no address.
pub fn sendto(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let address = HostAddress::read(cx, a.addr(4), a.uint(5))?;
    let host_args = args![a.int(0), a.addr(1), a.uint(2), a.uint(3), address.pointer(), address.len()];
    cx.host(a, libc::SYS_sendto, host_args)
}

/// recvfrom(2), and recv(2) with no address.
pub fn recvfrom(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(1), u64::from(a.uint(2)));
    address::will_fill(cx, a.addr(4), a.addr(5));
    let host_args = args![a.int(0), a.addr(1), a.uint(2), a.uint(3), a.addr(4), a.addr(5)];
    let received = cx.host(a, libc::SYS_recvfrom, host_args)?;
    address::to_guest(cx, a.addr(4), a.addr(5));
    Ok(received)
}

/// Pointer to bytes of ours, NULL for none.
fn bytes_pointer(bytes: &[u8]) -> u64 {
    if bytes.is_empty() {
        0
    } else {
        ptr(bytes)
    }
}

#[cfg(test)]
mod tests;
