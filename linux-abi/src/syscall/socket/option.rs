//! getsockopt(2) and setsockopt(2): options whose value holds a `long`, a time or a pointer are converted.
use crate::args;
use crate::context::{Cx, SysResult};
use crate::guest_mem::Input;
use crate::host;
use crate::host::call::mut_ptr;
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
/// Bytes of `struct group_filter` without an address.
const MIN_GROUP_FILTER: usize = 140;
/// Most bytes of a group's structure; the host allows fewer.
const MAX_GROUP: usize = 1 << 16;

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

fn set<H>(cx: &mut Cx<'_>, a: &Args, mut value: Input<H>) -> SysResult {
    cx.host(a, libc::SYS_setsockopt, args![a.int(0), a.int(1), a.int(2), &mut value, size_of::<H>()])
}

/// setsockopt(2). Lengths that are wrong for the guest's structure are passed on as ones that are wrong for the host's.
pub fn setsockopt(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (at, len) = (a.addr(3), a.int(4));
    let room = len.max(0) as usize;
    let pass =
        |cx: &mut Cx<'_>, len: i32| cx.host(a, libc::SYS_setsockopt, args![a.int(0), a.int(1), a.int(2), at, len]);
    match value_of(a.int(1), a.int(2)) {
        Value::Same => pass(cx, len),
        Value::Time if room < size_of::<Timeval32>() => pass(cx, len),
        Value::Time => set(cx, a, cx.input(at, |time: &Timeval32| Timeval::from(*time))),
        Value::Filter if room != size_of::<SockFprog32>() => pass(cx, len.min(4)),
        Value::Filter => {
            let to_host = |program: &SockFprog32| SockFprog {
                len: program.len,
                filter: u64::from(program.filter.get()).into(),
                ..SockFprog::default()
            };
            set(cx, a, cx.input(at, to_host))
        }
        Value::Group | Value::GroupFilter if room < 4 => pass(cx, len),
        Value::Group | Value::GroupFilter => {
            let room = room.min(MAX_GROUP);
            let value = cx.input_bytes(at, room, |bytes| [&bytes[..4], &[0; 4], &bytes[4..]].concat());
            cx.host(a, libc::SYS_setsockopt, args![a.int(0), a.int(1), a.int(2), &value, room + 4])
        }
    }
}

/// getsockopt(2).
pub fn getsockopt(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (at, len_at) = (a.addr(3), a.addr(4));
    let len = cx.read::<i32>(len_at).ok().and_then(|len| usize::try_from(len).ok());
    match (value_of(a.int(1), a.int(2)), len) {
        (Value::Time, Some(len)) => get_time(cx, a, at, len_at, len),
        (Value::GroupFilter, Some(len @ MIN_GROUP_FILTER..)) => get_group_filter(cx, a, at, len_at, len.min(MAX_GROUP)),
        // Lengths that cannot be read, are negative or too small are for the host to refuse.
        (_, len) => {
            cx.will_write(at, len.unwrap_or(0).min(1 << 20) as u64);
            cx.will_write(len_at, 4);
            cx.host(a, libc::SYS_getsockopt, args![a.int(0), a.int(1), a.int(2), at, len_at])
        }
    }
}

fn get_time(cx: &Cx<'_>, a: &Args, at: GuestAddr, len_at: GuestAddr, len: usize) -> SysResult {
    let (mut time, mut host_len) = (Timeval::default(), size_of::<Timeval>() as u32);
    let host_args = args![a.int(0), a.int(1), a.int(2), mut_ptr(&mut time), mut_ptr(&mut host_len)];
    host::syscall(libc::SYS_getsockopt, host_args)?;
    let short = Timeval32::from(time);
    let len = len.min(size_of::<Timeval32>());
    cx.write(at, &short.as_bytes()[..len])?;
    cx.write(len_at, &(len as u32))?;
    Ok(0)
}

fn get_group_filter(cx: &Cx<'_>, a: &Args, at: GuestAddr, len_at: GuestAddr, len: usize) -> SysResult {
    let value = cx.input_bytes(at, len, |guest| [&guest[..4], &[0; 4], &guest[4..]].concat());
    let mut host_len = (len + 4) as u32;
    host::syscall(libc::SYS_getsockopt, args![a.int(0), a.int(1), a.int(2), &value, mut_ptr(&mut host_len)])?;
    let value = value.value()?;
    let end = (host_len as usize).clamp(8, value.len());
    let answer = [&value[..4], &value[8..end]].concat();
    cx.write(at, answer.as_slice())?;
    cx.write(len_at, &(answer.len() as u32))?;
    Ok(0)
}
