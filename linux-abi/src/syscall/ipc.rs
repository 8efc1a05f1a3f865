//! ipc(2): System V IPC behind one number. The work is in [`super::sem`], [`super::msg`] and [`super::shm`].
use super::{sem, shm, Args, Entry};
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use ir::guest::GuestAddr;

const SEMOP: u32 = 1;
const SEMGET: u32 = 2;
const SEMCTL: u32 = 3;
const SEMTIMEDOP: u32 = 4;
const MSGSND: u32 = 11;
const MSGRCV: u32 = 12;
const MSGGET: u32 = 13;
const MSGCTL: u32 = 14;
const SHMAT: u32 = 21;
const SHMDT: u32 = 22;
const SHMGET: u32 = 23;
const SHMCTL: u32 = 24;

/// i386 numbers of the direct calls.
mod direct {
    pub const SEMGET: u32 = 393;
    pub const SEMCTL: u32 = 394;
    pub const SHMGET: u32 = 395;
    pub const SHMCTL: u32 = 396;
    pub const SHMDT: u32 = 398;
    pub const MSGGET: u32 = 399;
    pub const MSGSND: u32 = 400;
    pub const MSGRCV: u32 = 401;
    pub const MSGCTL: u32 = 402;
}

/// IPC_64: the caller knows the wide structures, as everything since glibc 2.2 does.
const IPC_64: u32 = 0x100;

fn pass(cx: &mut Cx<'_>, number: u32, args: [u32; 6]) -> SysResult {
    Entry::get(number).ok_or(Errno::ENOSYS)?.call(cx, args)
}

/// The direct control calls imply IPC_64; here it is asked for, and the narrow structures are not offered.
fn wide_only(cmd: u32) -> Result<u32, Errno> {
    let plain = cmd & !IPC_64;
    // IPC_RMID; GETPID to SETALL, SHM_LOCK and SHM_UNLOCK.
    let without_structure = plain == 0 || (11..=17).contains(&plain);
    if cmd & IPC_64 != 0 || without_structure {
        Ok(plain)
    } else {
        Err(Errno::EINVAL)
    }
}

/// A structure behind the pointer argument, which must be there.
fn indirect<T: zerocopy::FromBytes + zerocopy::IntoBytes>(cx: &Cx<'_>, pointer: u32) -> Result<T, Errno> {
    if pointer == 0 {
        return Err(Errno::EINVAL);
    }
    cx.read(GuestAddr(pointer))
}

/// ipc(2).
pub fn ipc(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (call, version) = (a.uint(0) & 0xffff, a.uint(0) >> 16);
    let (first, second, third, pointer, fifth) = (a.uint(1), a.uint(2), a.uint(3), a.uint(4), a.uint(5));
    match call {
        SEMOP => sem::operate(cx, a, [first, pointer, second, 0]),
        SEMTIMEDOP => sem::operate(cx, a, [first, pointer, second, fifth]),
        SEMGET => pass(cx, direct::SEMGET, [first, second, third, 0, 0, 0]),
        SEMCTL => {
            let value: u32 = indirect(cx, pointer)?;
            pass(cx, direct::SEMCTL, [first, second, wide_only(third)?, value, 0, 0])
        }
        MSGSND => pass(cx, direct::MSGSND, [first, pointer, second, third, 0, 0]),
        MSGRCV if version == 0 => {
            let [message, kind]: [u32; 2] = indirect(cx, pointer)?;
            pass(cx, direct::MSGRCV, [first, message, second, kind, third, 0])
        }
        MSGRCV => pass(cx, direct::MSGRCV, [first, pointer, second, fifth, third, 0]),
        MSGGET => pass(cx, direct::MSGGET, [first, second, 0, 0, 0, 0]),
        MSGCTL => pass(cx, direct::MSGCTL, [first, wide_only(second)?, pointer, 0, 0, 0]),
        SHMAT if version == 1 => Err(Errno::EINVAL),
        SHMAT => shm::attach_to(cx, [first, pointer, second], GuestAddr(third)),
        SHMDT => pass(cx, direct::SHMDT, [pointer, 0, 0, 0, 0, 0]),
        SHMGET => pass(cx, direct::SHMGET, [first, second, third, 0, 0, 0]),
        SHMCTL => pass(cx, direct::SHMCTL, [first, wide_only(second)?, pointer, 0, 0, 0]),
        _ => Err(Errno::ENOSYS),
    }
}
