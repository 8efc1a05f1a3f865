//! statfs(2), fstatfs(2), their 64-bit forms, ustat(2).
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::fs::Follow;
use crate::host;
use crate::host::call::mut_ptr;
use crate::layout::host64;
use crate::layout::stat::{Statfs, Statfs64, Ustat};

fn by_path(cx: &Cx<'_>, a: &Args) -> Result<host64::Statfs, Errno> {
    let path = cx.path(libc::AT_FDCWD, a.addr(0), Follow::Yes)?;
    let mut stat = host64::Statfs::default();
    host::syscall(libc::SYS_statfs, args![&path, mut_ptr(&mut stat)])?;
    Ok(stat)
}

/// What the host says about the file system of an open file.
pub fn by_fd(fd: i32) -> Result<host64::Statfs, Errno> {
    let mut stat = host64::Statfs::default();
    host::syscall(libc::SYS_fstatfs, args![fd, mut_ptr(&mut stat)])?;
    Ok(stat)
}

/// Counts that do not fit 32 bits are EOVERFLOW; all ones (unknown) fits.
fn narrow(value: u64) -> Result<u32, Errno> {
    if value == u64::MAX {
        return Ok(u32::MAX);
    }
    u32::try_from(value).map_err(|_| Errno::EOVERFLOW)
}

impl TryFrom<&host64::Statfs> for Statfs {
    type Error = Errno;

    fn try_from(s: &host64::Statfs) -> Result<Self, Errno> {
        Ok(Self {
            f_type: (s.f_type.get() as u32).into(),
            f_bsize: (s.f_bsize.get() as u32).into(),
            f_blocks: narrow(s.f_blocks.get())?.into(),
            f_bfree: narrow(s.f_bfree.get())?.into(),
            f_bavail: narrow(s.f_bavail.get())?.into(),
            f_files: narrow(s.f_files.get())?.into(),
            f_ffree: narrow(s.f_ffree.get())?.into(),
            f_fsid: s.f_fsid,
            f_namelen: (s.f_namelen.get() as u32).into(),
            f_frsize: (s.f_frsize.get() as u32).into(),
            f_flags: (s.f_flags.get() as u32).into(),
            ..Self::default()
        })
    }
}

impl From<&host64::Statfs> for Statfs64 {
    fn from(s: &host64::Statfs) -> Self {
        Self {
            f_type: (s.f_type.get() as u32).into(),
            f_bsize: (s.f_bsize.get() as u32).into(),
            f_blocks: s.f_blocks,
            f_bfree: s.f_bfree,
            f_bavail: s.f_bavail,
            f_files: s.f_files,
            f_ffree: s.f_ffree,
            f_fsid: s.f_fsid,
            f_namelen: (s.f_namelen.get() as u32).into(),
            f_frsize: (s.f_frsize.get() as u32).into(),
            f_flags: (s.f_flags.get() as u32).into(),
            ..Self::default()
        }
    }
}

/// statfs(2).
pub fn statfs(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let stat = Statfs::try_from(&by_path(cx, a)?)?;
    cx.write(a.addr(1), &stat)?;
    Ok(0)
}

/// fstatfs(2).
pub fn fstatfs(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let stat = Statfs::try_from(&by_fd(a.int(0))?)?;
    cx.write(a.addr(1), &stat)?;
    Ok(0)
}

/// The size argument must be that of the packed structure, or of the one with tail padding that some C libraries use.
fn check_size(size: u32) -> Result<(), Errno> {
    matches!(size, 84 | 88).then_some(()).ok_or(Errno::EINVAL)
}

/// statfs64(2).
pub fn statfs64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    check_size(a.uint(1))?;
    let stat = Statfs64::from(&by_path(cx, a)?);
    cx.write(a.addr(2), &stat)?;
    Ok(0)
}

/// fstatfs64(2).
pub fn fstatfs64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    check_size(a.uint(1))?;
    let stat = Statfs64::from(&by_fd(a.int(0))?);
    cx.write(a.addr(2), &stat)?;
    Ok(0)
}

/// ustat(2): the file system is found by its device number among the mounts.
pub fn ustat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let dev = a.uint(0);
    let (major, minor) = (dev >> 8 & 0xfff, dev & 0xff | dev >> 12 & 0xfff00);
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").map_err(|_| Errno::EINVAL)?;
    let wanted = format!("{major}:{minor}");
    let mut rows = mounts.lines().map(|line| line.split(' '));
    let point = rows.find_map(|mut fields| (fields.nth(2)? == wanted).then(|| fields.nth(1)).flatten());
    let point = std::ffi::CString::new(point.ok_or(Errno::EINVAL)?).map_err(|_| Errno::EINVAL)?;
    let mut stat = host64::Statfs::default();
    host::syscall(libc::SYS_statfs, args![point.as_c_str(), mut_ptr(&mut stat)])?;
    let (free, inodes) = (stat.f_bfree.get() as u32, stat.f_ffree.get() as u32);
    cx.write(a.addr(1), &Ustat { f_tfree: free.into(), f_tinode: inodes.into(), ..Ustat::default() })?;
    Ok(0)
}
