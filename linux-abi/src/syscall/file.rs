//! Files as streams of bytes: open(2), read(2), write(2), lseek(2), truncate(2), and what moves or syncs data.
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::fs::{procfs, Follow, HostPath};
use crate::host;
use crate::host::call::{mut_ptr, ptr};
use crate::layout::fcntl::{self, OpenHow};
use crate::layout::U64;
use crate::syscall::stat::statx_fd;
use ir::guest::GuestAddr;

/// Largest file or offset for calls without large file support.
pub const MAX_NON_LFS: u64 = 0x7fff_ffff;

/// open(2).
pub fn open(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    open_at(cx, a, libc::AT_FDCWD, a.addr(0), a.uint(1), a.uint(2))
}

/// creat(2).
pub fn creat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let flags = (libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC) as u32;
    open_at(cx, a, libc::AT_FDCWD, a.addr(0), flags, a.uint(1))
}

/// openat(2).
pub fn openat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    open_at(cx, a, a.int(0), a.addr(1), a.uint(2), a.uint(3))
}

/// Which links a path walk with these open flags follows.
fn follow_of(flags: u32) -> Follow {
    let exclusive = flags & fcntl::O_CREAT != 0 && flags & libc::O_EXCL as u32 != 0;
    if flags & fcntl::O_NOFOLLOW != 0 || exclusive {
        Follow::No
    } else {
        Follow::Yes
    }
}

fn open_at(cx: &mut Cx<'_>, a: &Args, dirfd: i32, path: GuestAddr, flags: u32, mode: u32) -> SysResult {
    let path = cx.path(dirfd, path, follow_of(flags))?;
    if flags & fcntl::O_PATH == 0 {
        if let Some(fd) = procfs::open(cx, &path, flags) {
            return fd;
        }
    }
    let fd = cx.host(a, libc::SYS_openat, args![path.dirfd, &path, fcntl::open_flags_to_host(flags), mode])?;
    refuse_large(fd, flags)
}

/// Without O_LARGEFILE a file of 2 GiB or more is not opened: EOVERFLOW.
fn refuse_large(fd: u32, flags: u32) -> SysResult {
    if flags & (fcntl::O_LARGEFILE | fcntl::O_PATH | fcntl::O_DIRECTORY) == 0 {
        let stat = statx_fd(fd as i32)?;
        let regular = u32::from(stat.stx_mode.get()) & libc::S_IFMT == libc::S_IFREG;
        if regular && stat.stx_size.get() > MAX_NON_LFS {
            let _ = host::syscall(libc::SYS_close, args![fd]);
            return Err(Errno::EOVERFLOW);
        }
    }
    Ok(fd)
}

/// openat2(2): `struct open_how` has one layout; its size may grow.
pub fn openat2(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let size = a.uint(3) as usize;
    if size < size_of::<OpenHow>() {
        return Err(Errno::EINVAL);
    }
    if size > 4096 {
        return Err(Errno::E2BIG);
    }
    let tail = cx.read_bytes(a.addr(2).plus(size_of::<OpenHow>() as u32), size - size_of::<OpenHow>())?;
    if tail.iter().any(|&b| b != 0) {
        return Err(Errno::E2BIG);
    }
    let mut how: OpenHow = cx.read(a.addr(2))?;
    let flags = u32::try_from(how.flags.get()).map_err(|_| Errno::EINVAL)?;
    how.flags = U64::new(u64::from(fcntl::open_flags_to_host(flags)));
    let path = match how.resolve.get() {
        0 => cx.path(a.int(0), a.addr(1), follow_of(flags))?,
        _ => HostPath::untouched(a.int(0), a.addr(1)),
    };
    let fd = cx.host(a, libc::SYS_openat2, args![path.dirfd, &path, ptr(&how), size_of::<OpenHow>()])?;
    refuse_large(fd, flags)
}

/// read(2).
pub fn read(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(1), u64::from(a.uint(2)));
    cx.host(a, libc::SYS_read, args![a.int(0), a.addr(1), a.uint(2)])
}

/// write(2).
pub fn write(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_write, args![a.int(0), a.addr(1), a.uint(2)])
}

/// pread64(2): the offset is in arguments 3 and 4.
pub fn pread64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(1), u64::from(a.uint(2)));
    cx.host(a, libc::SYS_pread64, args![a.int(0), a.addr(1), a.uint(2), a.pair(3)])
}

/// pwrite64(2).
pub fn pwrite64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_pwrite64, args![a.int(0), a.addr(1), a.uint(2), a.pair(3)])
}

/// Where a seek ends, with directory cookies in place of host positions on both sides.
fn seek(cx: &mut Cx<'_>, a: &Args, offset: i64, whence: u32) -> Result<u64, Errno> {
    let (fd, dirs) = (a.int(0), &cx.process.fs.dirs);
    if !dirs.translates(fd) {
        return cx.host64(a, libc::SYS_lseek, args![fd, offset, whence]);
    }
    let process = cx.process;
    let offset =
        if whence == libc::SEEK_SET as u32 { process.fs.dirs.position(fd, offset as u64) as i64 } else { offset };
    let position = cx.host64(a, libc::SYS_lseek, args![fd, offset, whence])?;
    Ok(u64::from(process.fs.dirs.cookie(fd, position)))
}

/// lseek(2): a 64-bit kernel cuts a position that does not fit 32 bits (compat_sys_lseek()).
pub fn lseek(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    seek(cx, a, i64::from(a.int(1)), a.uint(2)).map(|position| position as u32)
}

/// _llseek(2): high half before low half, result through a pointer.
pub fn llseek(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let offset = i64::from(a.int(1)) << 32 | i64::from(a.uint(2));
    let position = seek(cx, a, offset, a.uint(4))?;
    cx.write(a.addr(3), &position)?;
    Ok(0)
}

/// truncate(2).
pub fn truncate(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(libc::AT_FDCWD, a.addr(0), Follow::Yes)?;
    cx.host(a, libc::SYS_truncate, args![&path, a.int(1)])
}

/// truncate64(2).
pub fn truncate64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(libc::AT_FDCWD, a.addr(0), Follow::Yes)?;
    cx.host(a, libc::SYS_truncate, args![&path, a.pair(1)])
}

/// ftruncate(2).
pub fn ftruncate(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_ftruncate, args![a.int(0), a.int(1)])
}

/// ftruncate64(2).
pub fn ftruncate64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_ftruncate, args![a.int(0), a.pair(1)])
}

/// fallocate(2): two 64-bit numbers in arguments 2 to 5.
pub fn fallocate(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_fallocate, args![a.int(0), a.int(1), a.pair(2), a.pair(4)])
}

/// fadvise64(2): 64-bit offset, 32-bit length.
pub fn fadvise64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_fadvise64, args![a.int(0), a.pair(1), a.uint(3), a.int(4)])
}

/// fadvise64_64(2).
pub fn fadvise64_64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_fadvise64, args![a.int(0), a.pair(1), a.pair(3), a.int(5)])
}

/// readahead(2).
pub fn readahead(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_readahead, args![a.int(0), a.pair(1), a.uint(3)])
}

/// sync_file_range(2).
pub fn sync_file_range(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_sync_file_range, args![a.int(0), a.pair(1), a.pair(3), a.uint(5)])
}

/// sendfile(2): the offset is 32 bits.
pub fn sendfile(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let mut offset = cx.read_opt::<u32>(a.addr(2))?.map(|o| i64::from(o as i32));
    let pointer = offset.as_mut().map_or(0, mut_ptr);
    let sent = cx.host(a, libc::SYS_sendfile, args![a.int(0), a.int(1), pointer, a.uint(3)])?;
    if let Some(offset) = offset {
        cx.write(a.addr(2), &(offset as u32))?;
    }
    Ok(sent)
}

/// sendfile64(2).
pub fn sendfile64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(2), 8);
    cx.host(a, libc::SYS_sendfile, args![a.int(0), a.int(1), a.addr(2), a.uint(3)])
}

/// splice(2) and copy_file_range(2): both offsets are pointers to 64-bit numbers.
pub fn splice(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    two_offsets(cx, a, libc::SYS_splice)
}

/// copy_file_range(2).
pub fn copy_file_range(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    two_offsets(cx, a, libc::SYS_copy_file_range)
}

fn two_offsets(cx: &mut Cx<'_>, a: &Args, nr: i64) -> SysResult {
    for n in [1, 3] {
        if a.uint(n) != 0 {
            cx.will_write(a.addr(n), 8);
        }
    }
    cx.host(a, nr, a.zero_extended())
}
