//! Network interface requests, netdevice(7): `struct ifreq` has 32 bytes on i386 and 40 on the host.
use super::{exchange, nowhere, wide};
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::host;
use crate::host::call::mut_ptr;
use crate::layout::ioctl::{
    Ifconf, Ifconf32, Ifmap, Ifmap32, Ifreq, Ifreq32, In6Rtmsg, In6Rtmsg32, Rtentry, Rtentry32,
};
use crate::layout::time::{Timespec, Timespec32, Timeval, Timeval32};
use crate::layout::U32;
use crate::syscall::Args;
use ir::guest::GuestAddr;
use zerocopy::{FromBytes, IntoBytes};

const SO_DOMAIN: i32 = 39;
/// Longest interface name as the kernel's routing code reads it.
const NAME_MAX: usize = 16;

fn widen(guest: &Ifreq32) -> Ifreq {
    let mut host = Ifreq { name: guest.name, ..Ifreq::default() };
    host.data[..16].copy_from_slice(&guest.data);
    host
}

fn narrow(host: &Ifreq, _: &Ifreq32) -> Ifreq32 {
    let mut data = [0; 16];
    data.copy_from_slice(&host.data[..16]);
    Ifreq32 { name: host.name, data }
}

/// Requests whose union member is a name, an address, a number or flags.
pub fn plain(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    exchange(cx, a, a.uint(1), widen, narrow)
}

/// Requests whose union member is a pointer (`ifr_data`). What it points to has one layout.
pub fn with_pointer(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let to_host = |guest: &Ifreq32| {
        let mut host = Ifreq { name: guest.name, ..Ifreq::default() };
        let pointer = u64::from(u32::from_le_bytes([guest.data[0], guest.data[1], guest.data[2], guest.data[3]]));
        host.data[..8].copy_from_slice(&pointer.to_le_bytes());
        host
    };
    exchange(cx, a, a.uint(1), to_host, |_, guest: &Ifreq32| *guest)
}

/// SIOCGIFMAP and SIOCSIFMAP.
pub fn map(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let to_host = |guest: &Ifreq32| {
        let mut host = Ifreq { name: guest.name, ..Ifreq::default() };
        if let Ok(m) = Ifmap32::read_from_bytes(&guest.data) {
            let wide_map =
                Ifmap { mem_start: wide(m.mem_start), mem_end: wide(m.mem_end), base_addr: m.base_addr, rest: m.rest };
            host.data.copy_from_slice(wide_map.as_bytes());
        }
        host
    };
    let to_guest = |host: &Ifreq, guest: &Ifreq32| {
        let mut answer = *guest;
        if let Ok(m) = Ifmap::read_from_bytes(&host.data) {
            let cut = |v: crate::layout::U64| U32::new(v.get() as u32);
            let short =
                Ifmap32 { mem_start: cut(m.mem_start), mem_end: cut(m.mem_end), base_addr: m.base_addr, rest: m.rest };
            answer.data.copy_from_slice(short.as_bytes());
        }
        answer
    };
    exchange(cx, a, a.uint(1), to_host, to_guest)
}

/// SIOCGIFCONF: a NULL buffer asks for the length alone.
pub fn ifconf(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let Ok(guest) = cx.read::<Ifconf32>(a.addr(2)) else { return nowhere(cx, a) };
    let asks_length = guest.buf.get() == 0;
    let count = (guest.len.get().max(0) as usize / size_of::<Ifreq32>()).min(1 << 16);
    let mut list = vec![Ifreq::default(); count];
    let mut host = Ifconf {
        len: ((count * size_of::<Ifreq>()) as i32).into(),
        buf: if asks_length { 0 } else { mut_ptr(list.as_mut_slice()) }.into(),
        ..Ifconf::default()
    };
    let result = cx.host(a, libc::SYS_ioctl, args![a.int(0), a.uint(1), mut_ptr(&mut host)])?;
    let found = host.len.get().max(0) as usize / size_of::<Ifreq>();
    if !asks_length {
        let short: Vec<Ifreq32> = list.iter().take(found).map(|host| narrow(host, &Ifreq32::default())).collect();
        cx.write(GuestAddr(guest.buf.get()), short.as_slice())?;
    }
    let len = ((found * size_of::<Ifreq32>()) as i32).into();
    cx.write(a.addr(2), &Ifconf32 { len, ..guest })?;
    Ok(result)
}

fn is_inet6(fd: i32) -> bool {
    let (mut domain, mut len) = (0i32, 4u32);
    let host_args = args![fd, libc::SOL_SOCKET, SO_DOMAIN, mut_ptr(&mut domain), mut_ptr(&mut len)];
    host::syscall(libc::SYS_getsockopt, host_args).is_ok() && domain == libc::AF_INET6
}

/// SIOCADDRT and SIOCDELRT: the structure depends on the socket's family.
pub fn route(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    if is_inet6(a.int(0)) {
        return exchange(cx, a, a.uint(1), widen_route6, |_, guest: &In6Rtmsg32| *guest);
    }
    let Ok(guest) = cx.read::<Rtentry32>(a.addr(2)) else { return nowhere(cx, a) };
    let mut name = [0u8; NAME_MAX];
    if guest.dev.get() != 0 {
        let text = cx.read_cstr(GuestAddr(guest.dev.get()), NAME_MAX, Errno::ENODEV)?;
        name[..text.as_bytes().len()].copy_from_slice(text.as_bytes());
    }
    let mut host = Rtentry {
        addresses: guest.addresses,
        flags: guest.flags,
        metric: guest.metric,
        dev: if guest.dev.get() == 0 { 0 } else { mut_ptr(&mut name) }.into(),
        mtu: wide(guest.mtu),
        window: wide(guest.window),
        irtt: guest.irtt,
        ..Rtentry::default()
    };
    cx.host(a, libc::SYS_ioctl, args![a.int(0), a.uint(1), mut_ptr(&mut host)])
}

fn widen_route6(guest: &In6Rtmsg32) -> In6Rtmsg {
    In6Rtmsg {
        addresses: guest.addresses,
        kind: guest.kind,
        lens: guest.lens,
        metric: guest.metric,
        info: wide(guest.info),
        flags: guest.flags,
        ifindex: guest.ifindex,
        ..In6Rtmsg::default()
    }
}

/// SIOCGSTAMP with a 32-bit timeval.
pub fn stamp(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let mut time = Timeval::default();
    let result = cx.host(a, libc::SYS_ioctl, args![a.int(0), a.uint(1), mut_ptr(&mut time)])?;
    cx.write(a.addr(2), &Timeval32::from(time))?;
    Ok(result)
}

/// SIOCGSTAMPNS with a 32-bit timespec.
pub fn stamp_ns(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let mut time = Timespec::default();
    let result = cx.host(a, libc::SYS_ioctl, args![a.int(0), a.uint(1), mut_ptr(&mut time)])?;
    cx.write(a.addr(2), &Timespec32::from(time))?;
    Ok(result)
}

/// TUNATTACHFILTER and TUNDETACHFILTER: `struct sock_fprog`, whose size is part of the number.
pub fn tun_filter(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    use crate::layout::socket::{SockFprog, SockFprog32};
    let request = a.uint(1) & !(0x3fff << 16) | (size_of::<SockFprog>() as u32) << 16;
    let to_host =
        |guest: &SockFprog32| SockFprog { len: guest.len, filter: wide(guest.filter), ..SockFprog::default() };
    exchange(cx, a, request, to_host, |_, guest| *guest)
}
