//! Directories and names: getdents(2), chdir(2), mkdir(2), rename(2), link(2), symlink(2), readlink(2), mknod(2), chroot(2).
use super::stat::follow_if;
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::fs::{procfs, Follow, HostPath, Text};
use crate::guest_mem::PATH_MAX;
use crate::host;
use crate::host::call::mut_ptr;
use crate::layout::dirent::{Dirent, Dirent64, OldDirent};
use ir::guest::GuestAddr;
use libc::AT_FDCWD;
use std::mem::offset_of;
use zerocopy::{FromBytes, IntoBytes};

/// Bytes of the largest host record: header, 255 characters, zero, padding.
const MAX_RECORD: usize = 280;
/// Most bytes asked of the host at once; more than the guest's own C library uses.
const MAX_BATCH: usize = 1 << 16;
const HEADER64: usize = size_of::<Dirent64>();
const HEADER32: usize = size_of::<Dirent>();

/// getdents64(2): the host writes the records into the guest's buffer; positions above 31 bits are then replaced.
pub fn getdents64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (fd, buf) = (a.int(0), a.addr(1));
    cx.will_write(buf, u64::from(a.uint(2)));
    let len = cx.host(a, libc::SYS_getdents64, args![fd, buf, a.uint(2)])? as usize;
    let mut records = cx.read_bytes(buf, len)?;
    let mut changed = false;
    let mut at = 0;
    while at < len {
        let (mut head, _) = Dirent64::read_from_prefix(&records[at..]).map_err(|_| Errno::EIO)?;
        let position = head.d_off.get() as u64;
        let cookie = u64::from(cx.process.fs.dirs.cookie(fd, position));
        if cookie != position {
            changed = true;
            head.d_off = (cookie as i64).into();
            records[at..at + HEADER64].copy_from_slice(head.as_bytes());
        }
        at += usize::from(head.d_reclen.get());
    }
    if changed {
        cx.write(buf, records.as_slice())?;
    }
    Ok(len as u32)
}

/// One record of the host.
struct HostEntry<'a> {
    head: Dirent64,
    name: &'a [u8],
}

/// The first record of a batch.
fn first(records: &[u8]) -> Result<HostEntry<'_>, Errno> {
    let (head, _) = Dirent64::read_from_prefix(records).map_err(|_| Errno::EIO)?;
    let rest = &records[HEADER64..usize::from(head.d_reclen.get())];
    let name = &rest[..rest.iter().position(|&b| b == 0).unwrap_or(rest.len())];
    Ok(HostEntry { head, name })
}

impl HostEntry<'_> {
    fn inode(&self) -> Result<u32, Errno> {
        u32::try_from(self.head.d_ino.get()).map_err(|_| Errno::EOVERFLOW)
    }

    /// `struct linux_dirent`: header, name, zero, padding, type in the last byte.
    fn append32(&self, out: &mut Vec<u8>, cookie: u32) -> Result<(), Errno> {
        let len = self.len32();
        let head = Dirent { d_ino: self.inode()?.into(), d_off: cookie.into(), d_reclen: (len as u16).into() };
        let end = out.len() + len;
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(self.name);
        out.resize(end - 1, 0);
        out.push(self.head.d_type);
        Ok(())
    }

    fn len32(&self) -> usize {
        (HEADER32 + self.name.len() + 2).next_multiple_of(4)
    }
}

/// getdents(2): 32-bit records are shorter than the host's, so a batch of the guest's size fits, except that a buffer may
/// be too small for a host record alone; what does not fit is given back by seeking.
pub fn getdents(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (fd, room) = (a.int(0), a.uint(2) as usize);
    let start = host::syscall(libc::SYS_lseek, args![fd, 0, libc::SEEK_CUR]);
    let mut batch = vec![0u8; room.clamp(MAX_RECORD, MAX_BATCH)];
    let len = host::syscall(libc::SYS_getdents64, args![fd, mut_ptr(batch.as_mut_slice()), batch.len()])? as usize;
    let mut out = Vec::with_capacity(room.min(len));
    let (mut rest, mut position) = (&batch[..len], start.unwrap_or(0));
    let mut problem = Errno::EINVAL;
    while !rest.is_empty() {
        let entry = first(rest)?;
        if out.len() + entry.len32() > room {
            break;
        }
        let next = entry.head.d_off.get() as u64;
        if let Err(errno) = entry.append32(&mut out, cx.process.fs.dirs.cookie(fd, next)) {
            problem = errno;
            break;
        }
        position = next;
        rest = &rest[usize::from(entry.head.d_reclen.get())..];
    }
    if !rest.is_empty() {
        host::syscall(libc::SYS_lseek, args![fd, position, libc::SEEK_SET])?;
        if out.is_empty() {
            return Err(problem);
        }
    }
    cx.write(a.addr(1), out.as_slice())?;
    Ok(out.len() as u32)
}

/// readdir(2): one entry, answers 1, or 0 at the end.
pub fn readdir(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let fd = a.int(0);
    let mut batch = [0u8; MAX_RECORD];
    let position = host::syscall(libc::SYS_lseek, args![fd, 0, libc::SEEK_CUR]).unwrap_or(0);
    let len = host::syscall(libc::SYS_getdents64, args![fd, mut_ptr(&mut batch), batch.len()])? as usize;
    if len == 0 {
        return Ok(0);
    }
    let entry = first(&batch[..len])?;
    let next = entry.head.d_off.get() as u64;
    let head = OldDirent {
        d_ino: entry.inode()?.into(),
        d_offset: cx.process.fs.dirs.cookie(fd, position).into(),
        d_namlen: (entry.name.len() as u16).into(),
    };
    let record = [head.as_bytes(), entry.name, &[0]].concat();
    host::syscall(libc::SYS_lseek, args![fd, next, libc::SEEK_SET])?;
    cx.write(a.addr(1), record.as_slice())?;
    Ok(1)
}

/// getcwd(2): answers the length with the terminating zero.
pub fn getcwd(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let mut buf = [0u8; PATH_MAX];
    let len = host::syscall(libc::SYS_getcwd, args![mut_ptr(&mut buf), buf.len()])? as usize;
    let path = cx.process.fs.to_guest(&buf[..len - 1]);
    if path.len() + 1 > a.uint(1) as usize {
        return Err(Errno::ERANGE);
    }
    let text = [path, &[0]].concat();
    cx.write(a.addr(0), text.as_slice())?;
    Ok(text.len() as u32)
}

/// chdir(2).
pub fn chdir(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(AT_FDCWD, a.addr(0), Follow::Yes)?;
    cx.host(a, libc::SYS_chdir, args![&path])
}

/// chroot(2): afterwards a root overlay is out of reach.
pub fn chroot(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(AT_FDCWD, a.addr(0), Follow::Yes)?;
    let done = cx.host(a, libc::SYS_chroot, args![&path])?;
    cx.process.fs.leave_rootfs();
    Ok(done)
}

/// pivot_root(2).
pub fn pivot_root(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let new_root = cx.path(AT_FDCWD, a.addr(0), Follow::Yes)?;
    let put_old = cx.path(AT_FDCWD, a.addr(1), Follow::Yes)?;
    let done = cx.host(a, libc::SYS_pivot_root, args![&new_root, &put_old])?;
    cx.process.fs.leave_rootfs();
    Ok(done)
}

/// mkdir(2).
pub fn mkdir(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(AT_FDCWD, a.addr(0), Follow::No)?;
    cx.host(a, libc::SYS_mkdirat, args![path.dirfd, &path, a.uint(1)])
}

/// mkdirat(2).
pub fn mkdirat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(a.int(0), a.addr(1), Follow::No)?;
    cx.host(a, libc::SYS_mkdirat, args![path.dirfd, &path, a.uint(2)])
}

/// rmdir(2).
pub fn rmdir(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(AT_FDCWD, a.addr(0), Follow::No)?;
    cx.host(a, libc::SYS_unlinkat, args![path.dirfd, &path, libc::AT_REMOVEDIR])
}

/// unlink(2).
pub fn unlink(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(AT_FDCWD, a.addr(0), Follow::No)?;
    cx.host(a, libc::SYS_unlinkat, args![path.dirfd, &path, 0])
}

/// unlinkat(2).
pub fn unlinkat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(a.int(0), a.addr(1), Follow::No)?;
    cx.host(a, libc::SYS_unlinkat, args![path.dirfd, &path, a.uint(2)])
}

fn two_paths(cx: &mut Cx<'_>, a: &Args, nr: i64, from: HostPath, to: HostPath, flags: u32) -> SysResult {
    cx.host(a, nr, args![from.dirfd, &from, to.dirfd, &to, flags])
}

/// rename(2).
pub fn rename(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (from, to) = (cx.path(AT_FDCWD, a.addr(0), Follow::No)?, cx.path(AT_FDCWD, a.addr(1), Follow::No)?);
    two_paths(cx, a, libc::SYS_renameat2, from, to, 0)
}

/// renameat(2).
pub fn renameat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (from, to) = (cx.path(a.int(0), a.addr(1), Follow::No)?, cx.path(a.int(2), a.addr(3), Follow::No)?);
    two_paths(cx, a, libc::SYS_renameat2, from, to, 0)
}

/// renameat2(2).
pub fn renameat2(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (from, to) = (cx.path(a.int(0), a.addr(1), Follow::No)?, cx.path(a.int(2), a.addr(3), Follow::No)?);
    two_paths(cx, a, libc::SYS_renameat2, from, to, a.uint(4))
}

/// link(2).
pub fn link(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (from, to) = (cx.path(AT_FDCWD, a.addr(0), Follow::No)?, cx.path(AT_FDCWD, a.addr(1), Follow::No)?);
    two_paths(cx, a, libc::SYS_linkat, from, to, 0)
}

/// linkat(2).
pub fn linkat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let from = cx.path(a.int(0), a.addr(1), follow_if(a.uint(4)))?;
    let to = cx.path(a.int(2), a.addr(3), Follow::No)?;
    two_paths(cx, a, libc::SYS_linkat, from, to, a.uint(4))
}

/// symlink(2): the link's text is not a path of ours to translate.
pub fn symlink(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(AT_FDCWD, a.addr(1), Follow::No)?;
    cx.host(a, libc::SYS_symlinkat, args![a.addr(0), path.dirfd, &path])
}

/// symlinkat(2).
pub fn symlinkat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(a.int(1), a.addr(2), Follow::No)?;
    cx.host(a, libc::SYS_symlinkat, args![a.addr(0), path.dirfd, &path])
}

/// readlink(2).
pub fn readlink(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    read_link(cx, a, AT_FDCWD, a.addr(0), a.addr(1), a.int(2))
}

/// readlinkat(2).
pub fn readlinkat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    read_link(cx, a, a.int(0), a.addr(1), a.addr(2), a.int(3))
}

fn read_link(cx: &mut Cx<'_>, a: &Args, dirfd: i32, path: GuestAddr, buf: GuestAddr, size: i32) -> SysResult {
    if size <= 0 {
        return Err(Errno::EINVAL);
    }
    let path = cx.path(dirfd, path, Follow::No)?;
    let text = match &path.text {
        Text::Owned(text) if text.to_bytes().starts_with(b"/proc/") => text,
        _ => {
            cx.will_write(buf, size as u64);
            return cx.host(a, libc::SYS_readlinkat, args![path.dirfd, &path, buf, size]);
        }
    };
    let mut link = vec![0u8; PATH_MAX];
    // Of the program's own link the host knows only ferry's, and inside a chroot perhaps not even that.
    let len = match procfs::exe_link(text.to_bytes()) {
        true => 0,
        false => {
            let out = mut_ptr(link.as_mut_slice());
            host::syscall(libc::SYS_readlinkat, args![path.dirfd, &path, out, link.len()])?
        }
    };
    link.truncate(len as usize);
    let mut link = procfs::link_text(cx, text.to_bytes(), link);
    link.truncate(size as usize);
    cx.write(buf, link.as_slice())?;
    Ok(link.len() as u32)
}

/// mknod(2).
pub fn mknod(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(AT_FDCWD, a.addr(0), Follow::No)?;
    cx.host(a, libc::SYS_mknodat, args![path.dirfd, &path, a.uint(1), a.uint(2)])
}

/// mknodat(2).
pub fn mknodat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(a.int(0), a.addr(1), Follow::No)?;
    cx.host(a, libc::SYS_mknodat, args![path.dirfd, &path, a.uint(2), a.uint(3)])
}

const _: () = assert!(offset_of!(Dirent64, d_type) == 18 && HEADER32 == 10 && size_of::<OldDirent>() == 10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_shrink() {
        let head = Dirent64 { d_ino: 7.into(), d_off: 9.into(), d_reclen: 24.into(), d_type: 8 };
        let batch = [head.as_bytes(), b"abc\0\0"].concat();
        let mut out = Vec::new();
        first(&batch).unwrap().append32(&mut out, 9).unwrap();
        assert_eq!(out, [7, 0, 0, 0, 9, 0, 0, 0, 16, 0, b'a', b'b', b'c', 0, 0, 8]);
        let large = Dirent64 { d_ino: (1 << 32).into(), ..head };
        let batch = [large.as_bytes(), b"abc\0\0"].concat();
        assert_eq!(first(&batch).unwrap().append32(&mut Vec::new(), 9), Err(Errno::EOVERFLOW));
    }
}
