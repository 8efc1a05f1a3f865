//! getsockopt(2) and setsockopt(2): options whose value holds a `long`, a time or a pointer are converted.
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::host;
use crate::host::call::{mut_ptr, ptr};
use crate::layout::socket::{SockFprog, SockFprog32};
use crate::layout::time::{Timeval, Timeval32};
use crate::syscall::Args;
use ir::guest::GuestAddr;
use zerocopy::IntoBytes;

const SO_RCVTIMEO: i32 = 20;
const SO_SNDTIMEO: i32 = 21;
const SO_ATTACH_FILTER: i32 = 26;
const SO_ATTACH_REUSEPORT_CBPF: i32 = 51;
const PACKET_FANOUT_DATA: i32 = 22;
const SOL_PACKET: i32 = 263;
const MCAST_JOIN_GROUP: i32 = 42;
const MCAST_LEAVE_SOURCE_GROUP: i32 = 47;
const MCAST_MSFILTER: i32 = 48;

/// What is special about a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    /// One layout everywhere.
    Same,
    /// `struct timeval`.
    Time,
    /// `struct sock_fprog`.
    Filter,
    /// `struct group_req` and its relatives: the host has four bytes of padding after the first word.
    Group,
    /// `struct group_filter`: the same padding in front of the address.
    GroupFilter,
}

fn value_of(level: i32, name: i32) -> Value {
    match (level, name) {
        (libc::SOL_SOCKET, SO_RCVTIMEO | SO_SNDTIMEO) => Value::Time,
        (libc::SOL_SOCKET, SO_ATTACH_FILTER | SO_ATTACH_REUSEPORT_CBPF) => Value::Filter,
        (SOL_PACKET, PACKET_FANOUT_DATA) => Value::Filter,
        (libc::IPPROTO_IP | libc::IPPROTO_IPV6, MCAST_JOIN_GROUP..=MCAST_LEAVE_SOURCE_GROUP) => Value::Group,
        (libc::IPPROTO_IP | libc::IPPROTO_IPV6, MCAST_MSFILTER) => Value::GroupFilter,
        _ => Value::Same,
    }
}

fn set(cx: &mut Cx<'_>, a: &Args, value: &[u8]) -> SysResult {
    cx.host(a, libc::SYS_setsockopt, args![a.int(0), a.int(1), a.int(2), ptr(value), value.len()])
}

/// setsockopt(2).
pub fn setsockopt(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (at, len) = (a.addr(3), a.uint(4) as usize);
    match value_of(a.int(1), a.int(2)) {
        Value::Same => cx.host(a, libc::SYS_setsockopt, args![a.int(0), a.int(1), a.int(2), at, a.int(4)]),
        Value::Time if len < size_of::<Timeval32>() => Err(Errno::EINVAL),
        Value::Time => {
            let time = Timeval::from(cx.read::<Timeval32>(at)?);
            set(cx, a, time.as_bytes())
        }
        Value::Filter if len < size_of::<SockFprog32>() => Err(Errno::EINVAL),
        Value::Filter => {
            let program: SockFprog32 = cx.read(at)?;
            let filter = u64::from(program.filter.get()).into();
            set(cx, a, SockFprog { len: program.len, filter, ..SockFprog::default() }.as_bytes())
        }
        Value::Group | Value::GroupFilter if !(4..=1 << 16).contains(&len) => Err(Errno::EINVAL),
        Value::Group | Value::GroupFilter => {
            let bytes = cx.read_bytes(at, len)?;
            set(cx, a, &[&bytes[..4], &[0; 4], &bytes[4..]].concat())
        }
    }
}

/// getsockopt(2).
pub fn getsockopt(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (at, len_at) = (a.addr(3), a.addr(4));
    let len: u32 = cx.read(len_at)?;
    match value_of(a.int(1), a.int(2)) {
        Value::Time => get_time(cx, a, at, len_at, len),
        Value::GroupFilter => get_group_filter(cx, a, at, len_at, len),
        Value::Same | Value::Filter | Value::Group => {
            cx.will_write(at, u64::from(len.min(1 << 20)));
            cx.will_write(len_at, 4);
            cx.host(a, libc::SYS_getsockopt, args![a.int(0), a.int(1), a.int(2), at, len_at])
        }
    }
}

fn get_time(cx: &Cx<'_>, a: &Args, at: GuestAddr, len_at: GuestAddr, len: u32) -> SysResult {
    let (mut time, mut host_len) = (Timeval::default(), size_of::<Timeval>() as u32);
    let host_args = args![a.int(0), a.int(1), a.int(2), mut_ptr(&mut time), mut_ptr(&mut host_len)];
    host::syscall(libc::SYS_getsockopt, host_args)?;
    let short = Timeval32::from(time);
    let len = (len as usize).min(size_of::<Timeval32>());
    cx.write(at, &short.as_bytes()[..len])?;
    cx.write(len_at, &(len as u32))?;
    Ok(0)
}

fn get_group_filter(cx: &Cx<'_>, a: &Args, at: GuestAddr, len_at: GuestAddr, len: u32) -> SysResult {
    if !(140..=1 << 16).contains(&len) {
        return Err(Errno::EINVAL);
    }
    let guest = cx.read_bytes(at, len as usize)?;
    let mut value = [&guest[..4], &[0; 4], &guest[4..]].concat();
    let mut host_len = value.len() as u32;
    let host_args = args![a.int(0), a.int(1), a.int(2), mut_ptr(value.as_mut_slice()), mut_ptr(&mut host_len)];
    host::syscall(libc::SYS_getsockopt, host_args)?;
    let end = (host_len as usize).clamp(8, value.len());
    let answer = [&value[..4], &value[8..end]].concat();
    cx.write(at, answer.as_slice())?;
    cx.write(len_at, &(answer.len() as u32))?;
    Ok(0)
}
