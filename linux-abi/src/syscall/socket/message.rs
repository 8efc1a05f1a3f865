//! sendmsg(2), recvmsg(2) and the calls that take many messages at once.
use super::address::HostAddress;
use super::{bytes_pointer, control};
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::host;
use crate::host::call::{mut_ptr, ptr};
use crate::layout::host64::Msghdr;
use crate::layout::socket::{Mmsghdr32, Msghdr32};
use crate::layout::time::Timespec;
use crate::syscall::iov::HostIov;
use crate::syscall::time::{now, Width};
use crate::syscall::Args;
use ir::guest::GuestAddr;
use std::mem::offset_of;

const MSG_CTRUNC: u32 = 8;
const MSG_DONTWAIT: u32 = 0x40;
const MSG_WAITFORONE: u32 = 0x1_0000;
/// Most messages in one call (UIO_MAXIOV).
const MAX_MESSAGES: u32 = 1024;

/// sendmsg(2).
pub fn sendmsg(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    send(cx, a, a.addr(1), a.uint(2))
}

fn send(cx: &mut Cx<'_>, a: &Args, at: GuestAddr, flags: u32) -> SysResult {
    let guest: Msghdr32 = of_socket(a, cx.read(at))?;
    let address = HostAddress::read(cx, GuestAddr(guest.msg_name.get()), guest.msg_namelen.get())?;
    let iov = read_iov(cx, &guest, false);
    let control_len = guest.msg_controllen.get() as usize;
    let control = match control_len {
        0 => Ok(Vec::new()),
        1..=control::MAX_CONTROL => {
            cx.read_bytes(GuestAddr(guest.msg_control.get()), control_len).and_then(|bytes| control::to_host(&bytes))
        }
        _ => Err(Errno::ENOBUFS),
    };
    let control = of_socket(a, control)?;
    let host = Msghdr {
        msg_name: address.pointer().into(),
        msg_namelen: address.len().into(),
        msg_iov: iov.pointer().into(),
        msg_iovlen: (iov.len() as u64).into(),
        msg_control: bytes_pointer(&control).into(),
        msg_controllen: (control.len() as u64).into(),
        ..Msghdr::default()
    };
    cx.host(a, libc::SYS_sendmsg, args![a.int(0), ptr(&host), flags])
}

/// An error of the message, unless the descriptor is not even a socket: that is what the kernel looks at first.
fn of_socket<T>(a: &Args, result: Result<T, Errno>) -> Result<T, Errno> {
    if result.is_err() {
        let (mut kind, mut len) = (0i32, 4u32);
        let host_args = args![a.int(0), libc::SOL_SOCKET, libc::SO_TYPE, mut_ptr(&mut kind), mut_ptr(&mut len)];
        host::syscall(libc::SYS_getsockopt, host_args)?;
    }
    result
}

fn read_iov(cx: &Cx<'_>, guest: &Msghdr32, writes: bool) -> HostIov {
    HostIov::read(cx, GuestAddr(guest.msg_iov.get()), guest.msg_iovlen.get(), writes)
}

/// recvmsg(2).
pub fn recvmsg(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    receive(cx, a, a.addr(1), a.uint(2))
}

fn receive(cx: &mut Cx<'_>, a: &Args, at: GuestAddr, flags: u32) -> SysResult {
    let guest: Msghdr32 = of_socket(a, cx.read(at))?;
    let (name, name_len) = (GuestAddr(guest.msg_name.get()), guest.msg_namelen.get());
    if name.0 != 0 {
        cx.will_write(name, u64::from(name_len.min(4096)));
    }
    let iov = read_iov(cx, &guest, true);
    let room = if guest.msg_control.get() == 0 { 0 } else { guest.msg_controllen.get() as usize };
    let mut control = vec![0u8; control::host_room(room)];
    let mut host = Msghdr {
        msg_name: u64::from(name.0).into(),
        msg_namelen: name_len.into(),
        msg_iov: iov.pointer().into(),
        msg_iovlen: (iov.len() as u64).into(),
        msg_control: if control.is_empty() { 0 } else { mut_ptr(control.as_mut_slice()) }.into(),
        msg_controllen: (control.len() as u64).into(),
        ..Msghdr::default()
    };
    let received = cx.host(a, libc::SYS_recvmsg, args![a.int(0), mut_ptr(&mut host), flags])?;
    let answer = control::to_guest(&control[..host.msg_controllen.get() as usize], room);
    let mut got_flags = host.msg_flags.get();
    if answer.truncated {
        got_flags |= MSG_CTRUNC;
    }
    if !answer.bytes.is_empty() {
        cx.write(GuestAddr(guest.msg_control.get()), answer.bytes.as_slice())?;
    }
    let header = Msghdr32 {
        msg_namelen: host.msg_namelen,
        msg_controllen: (answer.bytes.len() as u32).into(),
        msg_flags: got_flags.into(),
        ..guest
    };
    cx.write(at, &header)?;
    super::address::to_guest(cx, name, at.plus(offset_of!(Msghdr32, msg_namelen) as u32));
    Ok(received)
}

fn message_at(vector: GuestAddr, index: u32) -> GuestAddr {
    vector.plus(index * size_of::<Mmsghdr32>() as u32)
}

/// Writes the length of one message beside its header.
fn set_length(cx: &Cx<'_>, at: GuestAddr, len: u32) -> Result<(), Errno> {
    cx.write(at.plus(offset_of!(Mmsghdr32, msg_len) as u32), &len)
}

/// sendmmsg(2): an error after the first message ends it without being told.
pub fn sendmmsg(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let count = a.uint(2).min(MAX_MESSAGES);
    for i in 0..count {
        let at = message_at(a.addr(1), i);
        let sent = send(cx, a, at, a.uint(3)).and_then(|len| set_length(cx, at, len));
        match sent {
            Ok(()) => {}
            Err(errno) if i == 0 => return Err(errno),
            Err(_) => return Ok(i),
        }
    }
    Ok(count)
}

/// recvmmsg(2) with 32-bit time.
pub fn recvmmsg(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    receive_many(cx, a, Width::Time32)
}

/// recvmmsg(2) with 64-bit time.
pub fn recvmmsg_time64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    receive_many(cx, a, Width::Time64)
}

/// The timeout is looked at after each message only, as in the kernel.
fn receive_many(cx: &mut Cx<'_>, a: &Args, width: Width) -> SysResult {
    let timeout = width.read_opt(cx, a.addr(4))?;
    let end = match timeout {
        Some(time) => Some(nanoseconds(now(libc::CLOCK_MONOTONIC)?) + nanoseconds(crate::layout::time::valid(time)?)),
        None => None,
    };
    let count = a.uint(2).min(MAX_MESSAGES);
    let mut flags = a.uint(3);
    let mut done = 0;
    while done < count {
        let at = message_at(a.addr(1), done);
        match receive(cx, a, at, flags & !MSG_WAITFORONE).and_then(|len| set_length(cx, at, len)) {
            Ok(()) => done += 1,
            Err(errno) if done == 0 => return Err(errno),
            Err(_) => break,
        }
        if flags & MSG_WAITFORONE != 0 {
            flags |= MSG_DONTWAIT;
        }
        if let Some(end) = end {
            let left = (end - nanoseconds(now(libc::CLOCK_MONOTONIC)?)).max(0);
            let left_time = Timespec { tv_sec: (left / 1_000_000_000).into(), tv_nsec: (left % 1_000_000_000).into() };
            width.write(cx, a.addr(4), left_time)?;
            if left == 0 {
                break;
            }
        }
    }
    Ok(done)
}

fn nanoseconds(t: Timespec) -> i64 {
    t.tv_sec.get().saturating_mul(1_000_000_000).saturating_add(t.tv_nsec.get())
}
