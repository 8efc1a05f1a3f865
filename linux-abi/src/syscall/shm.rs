//! System V shared memory: shmctl(2), and shmat(2) as ipc(2) has it. The mapping itself is in [`crate::mm::shm`].
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::host::call::{mut_ptr, HostArg};
use crate::layout::ipc::{saturate, Perm, Perm32, ShmUsage, ShmUsage32, Shmid, Shmid32, Shminfo, Shminfo32};
use ir::guest::GuestAddr;

const IPC_SET: i32 = 1;
const IPC_STAT: i32 = 2;
const IPC_INFO: i32 = 3;
const SHM_STAT: i32 = 13;
const SHM_INFO: i32 = 14;
const SHM_STAT_ANY: i32 = 15;

/// shmat(2) of ipc(2): the address goes where `result` points.
pub fn attach_to(cx: &mut Cx<'_>, [id, addr, flags]: [u32; 3], result: GuestAddr) -> SysResult {
    let at = cx.process.mm.shmat(id as i32, addr, flags)?;
    if let Err(errno) = cx.write(result, &at.0) {
        cx.process.mm.shmdt(at.0)?;
        return Err(errno);
    }
    Ok(0)
}

fn to_guest(host: &Shmid) -> Shmid32 {
    Shmid32 {
        perm: Perm32::from(&host.perm),
        segsz: saturate(host.segsz),
        atime: host.atime.into(),
        dtime: host.dtime.into(),
        ctime: host.ctime.into(),
        cpid: host.cpid,
        lpid: host.lpid,
        nattch: saturate(host.nattch),
        ..Shmid32::default()
    }
}

/// shmctl(2).
pub fn shmctl(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (id, cmd, arg) = (a.int(0), a.int(1), a.addr(2));
    let call = |cx: &mut Cx<'_>, arg: u64| cx.host(a, libc::SYS_shmctl, args![id, cmd, arg]);
    match cmd {
        IPC_SET => {
            let to_host = |guest: &Shmid32| Shmid { perm: Perm::from(&guest.perm), ..Shmid::default() };
            call(cx, (&mut cx.input(arg, to_host)).raw())
        }
        IPC_STAT | SHM_STAT | SHM_STAT_ANY => {
            let mut host = Shmid::default();
            let result = call(cx, mut_ptr(&mut host))?;
            cx.write(arg, &to_guest(&host))?;
            Ok(result)
        }
        IPC_INFO => {
            let mut host = Shminfo::default();
            let result = call(cx, mut_ptr(&mut host))?;
            // SHMMAX as a 32-bit kernel has it: at most 0x7fffffff.
            let mut limits = host.limits.map(saturate);
            limits[0] = limits[0].get().min(i32::MAX as u32).into();
            cx.write(arg, &Shminfo32 { limits, ..Shminfo32::default() })?;
            Ok(result)
        }
        SHM_INFO => {
            let mut host = ShmUsage::default();
            let result = call(cx, mut_ptr(&mut host))?;
            cx.write(arg, &ShmUsage32 { used_ids: host.used_ids, counts: host.counts.map(saturate) })?;
            Ok(result)
        }
        _ => call(cx, u64::from(arg.0)),
    }
}
