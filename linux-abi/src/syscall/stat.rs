//! File attributes: stat(2) in its three generations, statx(2), statfs(2), access(2), chmod(2), chown(2), utimensat(2).
//!
//! The host is asked through statx(2), whose structure is the same on every architecture.
use super::ids::{low_to_high, overflow16};
use super::time::{guest_timespec32, guest_timespec64};
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::fs::{Follow, HostPath};
use crate::host;
use crate::host::call::{mut_ptr, ptr};
use crate::layout::host64::{Statx, StatxTime};
use crate::layout::stat::{OldStat, Stat, Stat64};
use crate::layout::time::{Timespec, Timeval32, Utimbuf32};
use crate::layout::U32;
use crate::syscall::file::MAX_NON_LFS;
use ir::guest::GuestAddr;

const STATX_BASIC_STATS: u32 = 0x7ff;
const AT_NO_AUTOMOUNT: i32 = 0x800;
const AT_EMPTY_PATH: u32 = 0x1000;
const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
const AT_SYMLINK_FOLLOW: u32 = 0x400;

/// How a call with AT_* flags walks links when it follows by default.
pub fn follow_unless(flags: u32) -> Follow {
    if flags & AT_SYMLINK_NOFOLLOW != 0 {
        Follow::No
    } else {
        Follow::Yes
    }
}

/// How linkat(2) and the like walk links: not by default.
pub fn follow_if(flags: u32) -> Follow {
    if flags & AT_SYMLINK_FOLLOW != 0 {
        Follow::Yes
    } else {
        Follow::No
    }
}

fn host_statx(dirfd: i32, path: u64, flags: u32) -> Result<Statx, Errno> {
    let mut stat = Statx::default();
    let flags = flags | AT_NO_AUTOMOUNT as u32;
    host::syscall(libc::SYS_statx, args![dirfd, path, flags, STATX_BASIC_STATS, mut_ptr(&mut stat)])?;
    Ok(stat)
}

/// Attributes of an open file.
pub fn statx_fd(fd: i32) -> Result<Statx, Errno> {
    if fd < 0 {
        return Err(Errno::EBADF);
    }
    host_statx(fd, ptr(c"".to_bytes_with_nul()), AT_EMPTY_PATH)
}

fn statx_path(cx: &Cx<'_>, dirfd: i32, path: GuestAddr, flags: u32) -> Result<Statx, Errno> {
    let path = cx.path(dirfd, path, follow_unless(flags))?;
    host_statx(path.dirfd, path.pointer(), flags)
}

/// `huge_encode_dev` of the kernel.
fn encode_dev(major: U32, minor: U32) -> u32 {
    let (major, minor) = (major.get(), minor.get());
    minor & 0xff | major << 8 | (minor & !0xff) << 12
}

fn seconds(t: &StatxTime) -> U32 {
    (t.tv_sec.get() as u32).into()
}

impl From<&Statx> for Stat64 {
    fn from(s: &Statx) -> Self {
        Self {
            st_dev: u64::from(encode_dev(s.stx_dev_major, s.stx_dev_minor)).into(),
            st_ino_low: (s.stx_ino.get() as u32).into(),
            st_mode: u32::from(s.stx_mode.get()).into(),
            st_nlink: s.stx_nlink,
            st_uid: s.stx_uid,
            st_gid: s.stx_gid,
            st_rdev: u64::from(encode_dev(s.stx_rdev_major, s.stx_rdev_minor)).into(),
            st_size: (s.stx_size.get() as i64).into(),
            st_blksize: s.stx_blksize,
            st_blocks: s.stx_blocks,
            st_atime: seconds(&s.stx_atime),
            st_atime_nsec: s.stx_atime.tv_nsec,
            st_mtime: seconds(&s.stx_mtime),
            st_mtime_nsec: s.stx_mtime.tv_nsec,
            st_ctime: seconds(&s.stx_ctime),
            st_ctime_nsec: s.stx_ctime.tv_nsec,
            st_ino: s.stx_ino,
            ..Self::default()
        }
    }
}

/// What does not fit the 32-bit structure is EOVERFLOW.
impl TryFrom<&Statx> for Stat {
    type Error = Errno;

    fn try_from(s: &Statx) -> Result<Self, Errno> {
        if s.stx_size.get() > MAX_NON_LFS {
            return Err(Errno::EOVERFLOW);
        }
        Ok(Self {
            st_dev: encode_dev(s.stx_dev_major, s.stx_dev_minor).into(),
            st_ino: narrow::<u32>(s.stx_ino.get())?.into(),
            st_mode: s.stx_mode,
            st_nlink: narrow::<u16>(u64::from(s.stx_nlink.get()))?.into(),
            st_uid: overflow16(s.stx_uid.get()).into(),
            st_gid: overflow16(s.stx_gid.get()).into(),
            st_rdev: encode_dev(s.stx_rdev_major, s.stx_rdev_minor).into(),
            st_size: (s.stx_size.get() as u32).into(),
            st_blksize: s.stx_blksize,
            st_blocks: (s.stx_blocks.get() as u32).into(),
            st_atime: seconds(&s.stx_atime),
            st_atime_nsec: s.stx_atime.tv_nsec,
            st_mtime: seconds(&s.stx_mtime),
            st_mtime_nsec: s.stx_mtime.tv_nsec,
            st_ctime: seconds(&s.stx_ctime),
            st_ctime_nsec: s.stx_ctime.tv_nsec,
            ..Self::default()
        })
    }
}

impl TryFrom<&Statx> for OldStat {
    type Error = Errno;

    fn try_from(s: &Statx) -> Result<Self, Errno> {
        let dev = |major: U32, minor: U32| {
            let fits = major.get() < 256 && minor.get() < 256;
            fits.then(|| (major.get() << 8 | minor.get()) as u16).ok_or(Errno::EOVERFLOW)
        };
        if s.stx_size.get() > MAX_NON_LFS {
            return Err(Errno::EOVERFLOW);
        }
        Ok(Self {
            st_dev: dev(s.stx_dev_major, s.stx_dev_minor)?.into(),
            st_ino: narrow::<u16>(s.stx_ino.get())?.into(),
            st_mode: s.stx_mode,
            st_nlink: narrow::<u16>(u64::from(s.stx_nlink.get()))?.into(),
            st_uid: overflow16(s.stx_uid.get()).into(),
            st_gid: overflow16(s.stx_gid.get()).into(),
            st_rdev: dev(s.stx_rdev_major, s.stx_rdev_minor)?.into(),
            st_size: (s.stx_size.get() as u32).into(),
            st_atime: seconds(&s.stx_atime),
            st_mtime: seconds(&s.stx_mtime),
            st_ctime: seconds(&s.stx_ctime),
            ..Self::default()
        })
    }
}

fn narrow<T: TryFrom<u64>>(value: u64) -> Result<T, Errno> {
    T::try_from(value).map_err(|_| Errno::EOVERFLOW)
}

macro_rules! stat_calls {
    ($($(#[$m:meta])* $name:ident, $ty:ty, $source:expr;)+) => {
        $($(#[$m])*
        pub fn $name(cx: &mut Cx<'_>, a: &Args) -> SysResult {
            let source: fn(&Cx<'_>, &Args) -> Result<Statx, Errno> = $source;
            let stat = <$ty>::try_from(&source(cx, a)?)?;
            cx.write(a.addr(1), &stat)?;
            Ok(0)
        })+
    };
}

fn by_path(cx: &Cx<'_>, a: &Args) -> Result<Statx, Errno> {
    statx_path(cx, libc::AT_FDCWD, a.addr(0), 0)
}

fn by_link(cx: &Cx<'_>, a: &Args) -> Result<Statx, Errno> {
    statx_path(cx, libc::AT_FDCWD, a.addr(0), AT_SYMLINK_NOFOLLOW)
}

fn by_fd(_: &Cx<'_>, a: &Args) -> Result<Statx, Errno> {
    statx_fd(a.int(0))
}

impl From<std::convert::Infallible> for Errno {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

stat_calls! {
    /// stat64(2).
    stat64, Stat64, by_path;
    /// lstat64(2).
    lstat64, Stat64, by_link;
    /// fstat64(2).
    fstat64, Stat64, by_fd;
    /// stat(2) with 32-bit fields.
    stat, Stat, by_path;
    /// lstat(2) with 32-bit fields.
    lstat, Stat, by_link;
    /// fstat(2) with 32-bit fields.
    fstat, Stat, by_fd;
    /// oldstat(2) with 16-bit fields.
    oldstat, OldStat, by_path;
    /// oldlstat(2) with 16-bit fields.
    oldlstat, OldStat, by_link;
    /// oldfstat(2) with 16-bit fields.
    oldfstat, OldStat, by_fd;
}

/// fstatat64(2).
pub fn fstatat64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let flags = a.uint(3);
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT as u32 | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let stat = Stat64::from(&statx_path(cx, a.int(0), a.addr(1), flags)?);
    cx.write(a.addr(2), &stat)?;
    Ok(0)
}

/// statx(2): one layout everywhere, the host fills the guest's buffer.
pub fn statx(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path_or_fd(a.int(0), a.addr(1), follow_unless(a.uint(2)))?;
    cx.will_write(a.addr(4), size_of::<Statx>() as u64);
    cx.host(a, libc::SYS_statx, args![path.dirfd, &path, a.uint(2), a.uint(3), a.addr(4)])
}

fn access_at(cx: &mut Cx<'_>, a: &Args, path: HostPath, mode: u32) -> SysResult {
    cx.host(a, libc::SYS_faccessat, args![path.dirfd, &path, mode])
}

/// access(2).
pub fn access(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(libc::AT_FDCWD, a.addr(0), Follow::Yes)?;
    access_at(cx, a, path, a.uint(1))
}

/// faccessat(2).
pub fn faccessat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(a.int(0), a.addr(1), Follow::Yes)?;
    access_at(cx, a, path, a.uint(2))
}

/// faccessat2(2).
pub fn faccessat2(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(a.int(0), a.addr(1), follow_unless(a.uint(3)))?;
    cx.host(a, libc::SYS_faccessat2, args![path.dirfd, &path, a.uint(2), a.uint(3)])
}

/// chmod(2).
pub fn chmod(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(libc::AT_FDCWD, a.addr(0), Follow::Yes)?;
    cx.host(a, libc::SYS_fchmodat, args![path.dirfd, &path, a.uint(1)])
}

/// fchmodat(2).
pub fn fchmodat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(a.int(0), a.addr(1), Follow::Yes)?;
    cx.host(a, libc::SYS_fchmodat, args![path.dirfd, &path, a.uint(2)])
}

/// fchmodat2(2).
pub fn fchmodat2(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(a.int(0), a.addr(1), follow_unless(a.uint(3)))?;
    cx.host(a, super::nr::FCHMODAT2, args![path.dirfd, &path, a.uint(2), a.uint(3)])
}

fn chown_path(cx: &mut Cx<'_>, a: &Args, flags: u32, ids: [u32; 2]) -> SysResult {
    let path = cx.path(libc::AT_FDCWD, a.addr(0), follow_unless(flags))?;
    cx.host(a, libc::SYS_fchownat, args![path.dirfd, &path, ids[0], ids[1], flags])
}

/// chown(2) with 16-bit ids.
pub fn chown16(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    chown_path(cx, a, 0, [low_to_high(a.uint(1)), low_to_high(a.uint(2))])
}

/// lchown(2) with 16-bit ids.
pub fn lchown16(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    chown_path(cx, a, AT_SYMLINK_NOFOLLOW, [low_to_high(a.uint(1)), low_to_high(a.uint(2))])
}

/// fchown(2) with 16-bit ids.
pub fn fchown16(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_fchown, args![a.int(0), low_to_high(a.uint(1)), low_to_high(a.uint(2))])
}

/// chown32(2).
pub fn chown32(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    chown_path(cx, a, 0, [a.uint(1), a.uint(2)])
}

/// lchown32(2).
pub fn lchown32(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    chown_path(cx, a, AT_SYMLINK_NOFOLLOW, [a.uint(1), a.uint(2)])
}

/// fchownat(2).
pub fn fchownat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(a.int(0), a.addr(1), follow_unless(a.uint(4)))?;
    cx.host(a, libc::SYS_fchownat, args![path.dirfd, &path, a.uint(2), a.uint(3), a.uint(4)])
}

fn set_times(cx: &mut Cx<'_>, a: &Args, path: &HostPath, times: Option<[Timespec; 2]>, flags: u32) -> SysResult {
    let times = times.as_ref().map_or(0, ptr);
    cx.host(a, libc::SYS_utimensat, args![path.dirfd, path, times, flags])
}

/// utime(2).
pub fn utime(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let second = |t: crate::layout::I32| Timespec { tv_sec: i64::from(t.get()).into(), tv_nsec: 0.into() };
    let times = cx.read_opt::<Utimbuf32>(a.addr(1))?.map(|t| [second(t.actime), second(t.modtime)]);
    let path = cx.path(libc::AT_FDCWD, a.addr(0), Follow::Yes)?;
    set_times(cx, a, &path, times, 0)
}

/// utimes(2).
pub fn utimes(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    utimes_at(cx, a, libc::AT_FDCWD, a.addr(0), a.addr(1))
}

/// futimesat(2).
pub fn futimesat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    utimes_at(cx, a, a.int(0), a.addr(1), a.addr(2))
}

fn utimes_at(cx: &mut Cx<'_>, a: &Args, dirfd: i32, path: GuestAddr, times: GuestAddr) -> SysResult {
    let times = match cx.read_opt::<[Timeval32; 2]>(times)? {
        Some(pair) if pair.iter().any(|t| !(0..1_000_000).contains(&t.tv_usec.get())) => return Err(Errno::EINVAL),
        Some(pair) => Some(pair.map(|t| Timespec {
            tv_sec: i64::from(t.tv_sec.get()).into(),
            tv_nsec: (i64::from(t.tv_usec.get()) * 1000).into(),
        })),
        None => None,
    };
    let path = cx.path_or_fd(dirfd, path, Follow::Yes)?;
    set_times(cx, a, &path, times, 0)
}

/// utimensat(2) with 32-bit times.
pub fn utimensat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let at = a.addr(2);
    let times = (at.0 != 0).then(|| Ok::<_, Errno>([guest_timespec32(cx, at)?, guest_timespec32(cx, at.plus(8))?]));
    utimensat_with(cx, a, times.transpose()?)
}

/// utimensat(2) with 64-bit times.
pub fn utimensat_time64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let at = a.addr(2);
    let times = (at.0 != 0).then(|| Ok::<_, Errno>([guest_timespec64(cx, at)?, guest_timespec64(cx, at.plus(16))?]));
    utimensat_with(cx, a, times.transpose()?)
}

fn utimensat_with(cx: &mut Cx<'_>, a: &Args, times: Option<[Timespec; 2]>) -> SysResult {
    let path = cx.path_or_fd(a.int(0), a.addr(1), follow_unless(a.uint(3)))?;
    set_times(cx, a, &path, times, a.uint(3))
}
