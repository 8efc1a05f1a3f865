//! System V message queues: msgsnd(2), msgrcv(2), msgctl(2). A message starts with a `long`.
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::host::call::{mut_ptr, ptr, HostArg};
use crate::layout::ipc::{saturate, Msqid, Msqid32, Perm, Perm32};

const IPC_SET: i32 = 1;
const IPC_STAT: i32 = 2;
const IPC_INFO: i32 = 3;
const MSG_STAT: i32 = 11;
const MSG_INFO: i32 = 12;
const MSG_STAT_ANY: i32 = 13;
/// Bytes of `struct msginfo`, which has one layout.
const MSGINFO: u64 = 32;
/// Largest message whose buffer is made; `kernel.msgmax` is far below.
const MAX_MESSAGE: u32 = 1 << 26;

/// msgsnd(2).
pub fn msgsnd(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let size = a.uint(2);
    let kind: i32 = cx.read(a.addr(1))?;
    if size > MAX_MESSAGE || a.int(0) < 0 || kind < 1 {
        return Err(Errno::EINVAL);
    }
    let mut message = vec![0u8; 8 + size as usize];
    message[..8].copy_from_slice(&i64::from(kind).to_le_bytes());
    cx.read_into(a.addr(1).plus(4), &mut message[8..])?;
    cx.host(a, libc::SYS_msgsnd, args![a.int(0), ptr(message.as_slice()), size, a.uint(3)])
}

/// msgrcv(2).
pub fn msgrcv(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    if a.int(2) < 0 {
        return Err(Errno::EINVAL);
    }
    let size = a.uint(2).min(MAX_MESSAGE);
    let mut message = vec![0u8; 8 + size as usize];
    let host_args = args![a.int(0), mut_ptr(message.as_mut_slice()), size, a.int(3), a.uint(4)];
    let len = cx.host(a, libc::SYS_msgrcv, host_args)?;
    cx.write(a.addr(1), &message[..4])?;
    cx.write(a.addr(1).plus(4), &message[8..8 + len as usize])?;
    Ok(len)
}

/// msgctl(2).
pub fn msgctl(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (id, cmd, arg) = (a.int(0), a.int(1), a.addr(2));
    let call = |cx: &mut Cx<'_>, arg: u64| cx.host(a, libc::SYS_msgctl, args![id, cmd, arg]);
    match cmd {
        IPC_SET => {
            let to_host = |guest: &Msqid32| {
                let qbytes = u64::from(guest.qbytes.get()).into();
                Msqid { perm: Perm::from(&guest.perm), qbytes, ..Msqid::default() }
            };
            call(cx, (&mut cx.input(arg, to_host)).raw())
        }
        IPC_STAT | MSG_STAT | MSG_STAT_ANY => {
            let mut host = Msqid::default();
            let result = call(cx, mut_ptr(&mut host))?;
            let guest = Msqid32 {
                perm: Perm32::from(&host.perm),
                stime: host.stime.into(),
                rtime: host.rtime.into(),
                ctime: host.ctime.into(),
                cbytes: saturate(host.cbytes),
                qnum: saturate(host.qnum),
                qbytes: saturate(host.qbytes),
                lspid: host.lspid,
                lrpid: host.lrpid,
                ..Msqid32::default()
            };
            cx.write(arg, &guest)?;
            Ok(result)
        }
        IPC_INFO | MSG_INFO => {
            cx.will_write(arg, MSGINFO);
            call(cx, u64::from(arg.0))
        }
        _ => call(cx, u64::from(arg.0)),
    }
}
