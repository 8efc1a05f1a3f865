//! POSIX message queues, mq_overview(7).
use super::time::Width;
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::host::call::{mut_ptr, opt_ptr};
use crate::layout::fcntl::open_flags_to_host;
use crate::layout::ipc::{MqAttr, MqAttr32};
use crate::layout::signal::{sigevent_to_host, Sigevent32};

fn widen(guest: &MqAttr32) -> MqAttr {
    let wide = |v: crate::layout::I32| i64::from(v.get()).into();
    MqAttr {
        flags: wide(guest.flags),
        maxmsg: wide(guest.maxmsg),
        msgsize: wide(guest.msgsize),
        curmsgs: wide(guest.curmsgs),
        ..MqAttr::default()
    }
}

fn narrow(host: &MqAttr) -> MqAttr32 {
    let cut = |v: crate::layout::I64| (v.get() as i32).into();
    MqAttr32 {
        flags: cut(host.flags),
        maxmsg: cut(host.maxmsg),
        msgsize: cut(host.msgsize),
        curmsgs: cut(host.curmsgs),
        ..MqAttr32::default()
    }
}

/// mq_open(2): the attributes count with O_CREAT only.
pub fn mq_open(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let creates = a.int(1) & libc::O_CREAT != 0;
    let attributes = if creates { cx.read_opt::<MqAttr32>(a.addr(3))?.map(|attr| widen(&attr)) } else { None };
    let flags = open_flags_to_host(a.uint(1));
    cx.host(a, libc::SYS_mq_open, args![a.addr(0), flags, a.uint(2), opt_ptr(attributes.as_ref())])
}

fn send(cx: &mut Cx<'_>, a: &Args, width: Width) -> SysResult {
    let time = width.read_opt(cx, a.addr(4))?;
    let host_args = args![a.int(0), a.addr(1), a.uint(2), a.uint(3), opt_ptr(time.as_ref())];
    cx.host(a, libc::SYS_mq_timedsend, host_args)
}

/// mq_timedsend(2) with 32-bit time.
pub fn mq_timedsend(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    send(cx, a, Width::Time32)
}

/// mq_timedsend(2) with 64-bit time.
pub fn mq_timedsend_time64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    send(cx, a, Width::Time64)
}

fn receive(cx: &mut Cx<'_>, a: &Args, width: Width) -> SysResult {
    let time = width.read_opt(cx, a.addr(4))?;
    cx.will_write(a.addr(1), u64::from(a.uint(2)));
    cx.will_write(a.addr(3), 4);
    let host_args = args![a.int(0), a.addr(1), a.uint(2), a.addr(3), opt_ptr(time.as_ref())];
    cx.host(a, libc::SYS_mq_timedreceive, host_args)
}

/// mq_timedreceive(2) with 32-bit time.
pub fn mq_timedreceive(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    receive(cx, a, Width::Time32)
}

/// mq_timedreceive(2) with 64-bit time.
pub fn mq_timedreceive_time64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    receive(cx, a, Width::Time64)
}

/// mq_notify(2): NULL takes the request back. With SIGEV_THREAD the value points to a cookie.
pub fn mq_notify(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let event = cx.read_opt::<Sigevent32>(a.addr(1))?.map(|event| sigevent_to_host(&event));
    cx.host(a, libc::SYS_mq_notify, args![a.int(0), opt_ptr(event.as_ref())])
}

/// mq_getsetattr(2).
pub fn mq_getsetattr(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let new = cx.read_opt::<MqAttr32>(a.addr(1))?.map(|attr| widen(&attr));
    let mut old = MqAttr::default();
    let result = cx.host(a, libc::SYS_mq_getsetattr, args![a.int(0), opt_ptr(new.as_ref()), mut_ptr(&mut old)])?;
    cx.write_opt(a.addr(2), &narrow(&old))?;
    Ok(result)
}
