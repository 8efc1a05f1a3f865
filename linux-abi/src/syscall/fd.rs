//! File descriptors: close(2), dup(2), pipe(2), fcntl(2) with its lock layouts, eventfd(2).
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::host;
use crate::layout::fcntl::{open_flags_to_guest, open_flags_to_host, Flock32, Flock64};
use crate::layout::host64::Flock;

const F_DUPFD: u32 = 0;
const F_GETFL: u32 = 3;
const F_SETFL: u32 = 4;
const F_GETLK: u32 = 5;
const F_SETLK: u32 = 6;
const F_SETLKW: u32 = 7;
const F_GETLK64: u32 = 12;
const F_SETLK64: u32 = 13;
const F_SETLKW64: u32 = 14;
const F_SETOWN_EX: u32 = 15;
const F_GETOWN_EX: u32 = 16;
const F_GETOWNER_UIDS: u32 = 17;
const F_OFD_GETLK: u32 = 36;
const F_OFD_SETLK: u32 = 37;
const F_OFD_SETLKW: u32 = 38;
const F_DUPFD_CLOEXEC: u32 = 1030;
const F_GET_RW_HINT: u32 = 1035;
const F_SET_FILE_RW_HINT: u32 = 1038;

/// close(2).
pub fn close(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.process.fs.dirs.forget(a.int(0));
    cx.host(a, libc::SYS_close, args![a.int(0)])
}

/// close_range(2).
pub fn close_range(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, super::nr::CLOSE_RANGE, args![a.uint(0), a.uint(1), a.uint(2)])
}

/// dup(2).
pub fn dup(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let new = cx.host(a, libc::SYS_dup, args![a.int(0)])?;
    cx.process.fs.dirs.duplicate(a.int(0), new as i32);
    Ok(new)
}

/// dup2(2): the one form that accepts equal numbers.
pub fn dup2(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    if a.int(0) == a.int(1) {
        return cx.host(a, libc::SYS_fcntl, args![a.int(0), libc::F_GETFD]).map(|_| a.uint(0));
    }
    dup_to(cx, a, 0)
}

/// dup3(2).
pub fn dup3(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    dup_to(cx, a, a.uint(2))
}

fn dup_to(cx: &mut Cx<'_>, a: &Args, flags: u32) -> SysResult {
    let new = cx.host(a, libc::SYS_dup3, args![a.int(0), a.int(1), flags])?;
    cx.process.fs.dirs.duplicate(a.int(0), new as i32);
    Ok(new)
}

/// pipe(2).
pub fn pipe(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(0), 8);
    cx.host(a, libc::SYS_pipe2, args![a.addr(0), 0])
}

/// pipe2(2): O_DIRECT asks for packets.
pub fn pipe2(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(0), 8);
    cx.host(a, libc::SYS_pipe2, args![a.addr(0), open_flags_to_host(a.uint(1))])
}

/// eventfd(2).
pub fn eventfd(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_eventfd2, args![a.uint(0), 0])
}

/// fcntl(2): without the 64-bit lock commands.
pub fn fcntl(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    match a.uint(1) {
        F_GETLK64 | F_SETLK64 | F_SETLKW64 | F_OFD_GETLK | F_OFD_SETLK | F_OFD_SETLKW => Err(Errno::EINVAL),
        _ => fcntl64(cx, a),
    }
}

/// fcntl64(2).
pub fn fcntl64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (fd, cmd, arg) = (a.int(0), a.uint(1), a.addr(2));
    match cmd {
        F_DUPFD | F_DUPFD_CLOEXEC => {
            let new = cx.host(a, libc::SYS_fcntl, args![fd, cmd, a.uint(2)])?;
            cx.process.fs.dirs.duplicate(fd, new as i32);
            Ok(new)
        }
        F_GETFL => cx.host(a, libc::SYS_fcntl, args![fd, cmd]).map(open_flags_to_guest),
        F_SETFL => cx.host(a, libc::SYS_fcntl, args![fd, cmd, open_flags_to_host(a.uint(2))]),
        F_GETLK => get_lock::<Flock32>(cx, a, cmd),
        F_GETLK64 => get_lock::<Flock64>(cx, a, F_GETLK),
        F_OFD_GETLK => get_lock::<Flock64>(cx, a, cmd),
        F_SETLK | F_SETLKW => set_lock::<Flock32>(cx, a, cmd),
        F_SETLK64 => set_lock::<Flock64>(cx, a, F_SETLK),
        F_SETLKW64 => set_lock::<Flock64>(cx, a, F_SETLKW),
        F_OFD_SETLK | F_OFD_SETLKW => set_lock::<Flock64>(cx, a, cmd),
        F_GETOWN_EX | F_SETOWN_EX | F_GETOWNER_UIDS | F_GET_RW_HINT..=F_SET_FILE_RW_HINT => {
            cx.will_write(arg, 8);
            cx.host(a, libc::SYS_fcntl, args![fd, cmd, arg])
        }
        _ => cx.host(a, libc::SYS_fcntl, args![fd, cmd, a.uint(2)]),
    }
}

/// A lock description of the guest.
trait GuestLock: Sized + zerocopy::FromBytes + zerocopy::IntoBytes + zerocopy::Immutable {
    fn to_host(&self) -> Flock;
    fn from_host(lock: &Flock) -> Result<Self, Errno>;
}

impl GuestLock for Flock64 {
    fn to_host(&self) -> Flock {
        let Self { l_type, l_whence, l_start, l_len, l_pid } = *self;
        Flock { l_type, l_whence, l_start, l_len, l_pid, ..Flock::default() }
    }

    fn from_host(lock: &Flock) -> Result<Self, Errno> {
        let Flock { l_type, l_whence, l_start, l_len, l_pid, .. } = *lock;
        Ok(Self { l_type, l_whence, l_start, l_len, l_pid })
    }
}

impl GuestLock for Flock32 {
    fn to_host(&self) -> Flock {
        let (l_start, l_len) = (i64::from(self.l_start.get()).into(), i64::from(self.l_len.get()).into());
        Flock { l_type: self.l_type, l_whence: self.l_whence, l_start, l_len, l_pid: self.l_pid, ..Flock::default() }
    }

    /// A start beyond 31 bits is EOVERFLOW; a length is cut, as in `fixup_compat_flock`.
    fn from_host(lock: &Flock) -> Result<Self, Errno> {
        const MAX: i64 = i32::MAX as i64;
        if lock.l_start.get() > MAX {
            return Err(Errno::EOVERFLOW);
        }
        Ok(Self {
            l_type: lock.l_type,
            l_whence: lock.l_whence,
            l_start: (lock.l_start.get() as i32).into(),
            l_len: (lock.l_len.get().min(MAX) as i32).into(),
            l_pid: lock.l_pid,
        })
    }
}

/// Whether this is a descriptor.
pub fn is_open(fd: i32) -> bool {
    host::syscall(libc::SYS_fcntl, args![fd, libc::F_GETFD]).is_ok()
}

fn get_lock<L: GuestLock>(cx: &mut Cx<'_>, a: &Args, cmd: u32) -> SysResult {
    let mut lock = cx.input(a.addr(2), L::to_host);
    host::syscall(libc::SYS_fcntl, args![a.int(0), cmd, &mut lock])?;
    cx.write(a.addr(2), &L::from_host(lock.value()?)?)?;
    Ok(0)
}

fn set_lock<L: GuestLock>(cx: &mut Cx<'_>, a: &Args, cmd: u32) -> SysResult {
    let mut lock = cx.input(a.addr(2), L::to_host);
    cx.host(a, libc::SYS_fcntl, args![a.int(0), cmd, &mut lock])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_narrow_as_the_kernel_does() {
        let host = |start: i64, len: i64| Flock { l_start: start.into(), l_len: len.into(), ..Flock::default() };
        let narrow = |start, len| Flock32::from_host(&host(start, len)).map(|l| (l.l_start.get(), l.l_len.get()));
        assert_eq!(narrow(5, 0), Ok((5, 0)));
        assert_eq!(narrow(5, 1 << 40), Ok((5, i32::MAX)));
        assert_eq!(narrow(1 << 31, 1), Err(Errno::EOVERFLOW));
        let wide = Flock64::from_host(&host(1 << 40, 9)).unwrap().to_host();
        assert_eq!((wide.l_start.get(), wide.l_len.get()), (1 << 40, 9));
    }
}
