//! System V semaphores: semctl(2), semop(2).
use super::time::Width;
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::host::call::{mut_ptr, opt_ptr, HostArg};
use crate::layout::ipc::{saturate, Perm, Perm32, Semid, Semid32};
use ir::guest::GuestAddr;

const IPC_SET: i32 = 1;
const IPC_STAT: i32 = 2;
const IPC_INFO: i32 = 3;
const GETALL: i32 = 13;
const SEM_STAT: i32 = 18;
const SEM_INFO: i32 = 19;
const SEM_STAT_ANY: i32 = 20;
/// Most operations in one call (SEMOPM is lower).
const MAX_OPERATIONS: u32 = 1 << 15;
/// Bytes of `struct seminfo`, which has one layout.
const SEMINFO: u64 = 40;

/// semctl(2): the argument is a number, or a pointer to what depends on the command.
pub fn semctl(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (id, index, cmd, arg) = (a.int(0), a.int(1), a.int(2), a.addr(3));
    let call = |cx: &mut Cx<'_>, arg: u64| cx.host(a, libc::SYS_semctl, args![id, index, cmd, arg]);
    match cmd {
        IPC_SET => {
            let to_host = |guest: &Semid32| Semid { perm: Perm::from(&guest.perm), ..Semid::default() };
            call(cx, (&mut cx.input(arg, to_host)).raw())
        }
        IPC_STAT | SEM_STAT | SEM_STAT_ANY => {
            let mut host = Semid::default();
            let result = call(cx, mut_ptr(&mut host))?;
            let guest = Semid32 {
                perm: Perm32::from(&host.perm),
                otime: host.otime.into(),
                ctime: host.ctime.into(),
                nsems: saturate(host.nsems),
                ..Semid32::default()
            };
            cx.write(arg, &guest)?;
            Ok(result)
        }
        IPC_INFO | SEM_INFO => {
            cx.will_write(arg, SEMINFO);
            call(cx, u64::from(arg.0))
        }
        GETALL => {
            // Sixteen bits for each semaphore; SEMMSL is 32000.
            cx.will_write(arg, 2 * 32000);
            call(cx, u64::from(arg.0))
        }
        _ => call(cx, u64::from(arg.0)),
    }
}

/// semtimedop(2): set, operations, their number, time or NULL.
pub fn operate(cx: &mut Cx<'_>, a: &Args, args: [u32; 4]) -> SysResult {
    operate_with(cx, a, args, Width::Time32)
}

/// semtimedop(2) with 64-bit time.
pub fn semtimedop_time64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    operate_with(cx, a, [a.uint(0), a.uint(1), a.uint(2), a.uint(3)], Width::Time64)
}

fn operate_with(cx: &mut Cx<'_>, a: &Args, [id, operations, count, time]: [u32; 4], width: Width) -> SysResult {
    if count > MAX_OPERATIONS {
        return Err(Errno::E2BIG);
    }
    let time = width.read_opt(cx, GuestAddr(time))?;
    cx.host(a, libc::SYS_semtimedop, args![id as i32, operations, count, opt_ptr(time.as_ref())])
}
