//! ioctl(2): requests by table ([`table`]); most have one layout and pass through, the others are converted in the file
//! of their driver family.
//!
//! A request that is not known answers ENOTTY with one line on stderr: a wrong guess about its layout could corrupt memory.
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::guest_mem::NOWHERE;
use crate::host;
use crate::host::call::{mut_ptr, HostArg};
use ir::guest::GuestAddr;
use std::collections::HashSet;
use std::sync::Mutex;
use zerocopy::{FromBytes, Immutable, IntoBytes};

mod block;
mod console;
mod net;
pub mod table;

/// What a request is for the host.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// The argument is a number, or there is none.
    Value,
    /// The argument points to so many bytes of one layout everywhere.
    Same(u32),
    /// As `Same`, under another number on the host because a size is part of it.
    Renumber(u32, u32),
    /// The host writes an `unsigned long`; the guest's has 32 bits. Under this number on the host.
    LongOut(u32),
    /// Converted.
    Convert(fn(&mut Cx<'_>, &Args) -> SysResult),
}

/// Size in the encoding of a request (asm-generic/ioctl.h).
const fn encoded_size(request: u32) -> u32 {
    request >> 16 & 0x3fff
}

/// Request types whose structures have one layout and whose size is in the number: input, watchdog, FUSE, hidraw,
/// joystick, device mapper, TPM, vhost, GPIO, SPI, PTP, random, fscrypt and fsverity.
const UNIFORM_TYPES: [u8; 12] = *b"EWHjk=fR\xfd\xa1\xaf\xb4";

/// ioctl(2).
pub fn ioctl(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (fd, request, arg) = (a.int(0), a.uint(1), a.addr(2));
    let pass = |cx: &mut Cx<'_>, request: u32, size: u32| {
        cx.will_write(arg, u64::from(size));
        cx.host(a, libc::SYS_ioctl, args![fd, request, arg])
    };
    match table::find(request) {
        Some(Kind::Value) => cx.host(a, libc::SYS_ioctl, args![fd, request, a.uint(2)]),
        Some(Kind::Same(size)) => pass(cx, request, size),
        Some(Kind::Renumber(request, size)) => pass(cx, request, size),
        Some(Kind::LongOut(request)) => long_out(cx, a, request),
        Some(Kind::Convert(convert)) => convert(cx, a),
        None if UNIFORM_TYPES.contains(&((request >> 8) as u8)) => pass(cx, request, encoded_size(request)),
        None => unknown(a, request),
    }
}

fn long_out(cx: &mut Cx<'_>, a: &Args, request: u32) -> SysResult {
    let mut value = 0u64;
    let result = cx.host(a, libc::SYS_ioctl, args![a.int(0), request, mut_ptr(&mut value)])?;
    cx.write(a.addr(2), &(value as u32))?;
    Ok(result)
}

/// ENOTTY, and a line for each new request on a valid descriptor.
fn unknown(a: &Args, request: u32) -> SysResult {
    static WARNED: Mutex<Option<HashSet<u32>>> = Mutex::new(None);
    host::syscall(libc::SYS_fcntl, args![a.int(0), libc::F_GETFD])?;
    let mut warned = WARNED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if warned.get_or_insert_default().insert(request) {
        eprintln!("ferry: ioctl {request:#010x} is not translated; it answers ENOTTY");
    }
    Err(Errno::ENOTTY)
}

/// Reads the guest's structure, converts it, asks the host, converts back what it says.
fn exchange<G, H>(
    cx: &mut Cx<'_>,
    a: &Args,
    request: u32,
    to_host: impl Fn(&G) -> H,
    to_guest: impl Fn(&H, &G) -> G,
) -> SysResult
where
    G: FromBytes + IntoBytes + Immutable,
    H: FromBytes + IntoBytes + Immutable,
{
    let mut host = cx.input(a.addr(2), &to_host);
    let result = cx.host(a, libc::SYS_ioctl, args![a.int(0), request, &mut host])?;
    let guest: G = cx.read(a.addr(2))?;
    cx.write(a.addr(2), &to_guest(host.value()?, &guest))?;
    Ok(result)
}

/// A structure that cannot be read: the host says what is wrong, the descriptor or the pointer.
fn nowhere(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_ioctl, args![a.int(0), a.uint(1), NOWHERE])
}

/// A 32-bit pointer of the guest as the host's structures hold it.
fn wide(pointer: crate::layout::U32) -> crate::layout::U64 {
    GuestAddr(pointer.get()).raw().into()
}

#[cfg(test)]
mod tests;
