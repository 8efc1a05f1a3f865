//! Extended attributes, xattr(7). Values and lists have one layout; only paths are translated.
use super::stat::follow_unless;
use super::{nr, Args};
use crate::args;
use crate::context::{Cx, SysResult};
use crate::fs::Follow;
use ir::guest::GuestAddr;
use libc::AT_FDCWD;

/// Longest value or list of names (XATTR_SIZE_MAX).
const SIZE_MAX: u32 = 65536;

fn set(cx: &mut Cx<'_>, a: &Args, number: i64, follow: Follow) -> SysResult {
    let path = cx.path(AT_FDCWD, a.addr(0), follow)?;
    cx.host(a, number, args![&path, a.addr(1), a.addr(2), a.uint(3), a.int(4)])
}

/// setxattr(2).
pub fn setxattr(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    set(cx, a, libc::SYS_setxattr, Follow::Yes)
}

/// lsetxattr(2).
pub fn lsetxattr(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    set(cx, a, libc::SYS_lsetxattr, Follow::No)
}

fn get(cx: &mut Cx<'_>, a: &Args, number: i64, follow: Follow) -> SysResult {
    let path = cx.path(AT_FDCWD, a.addr(0), follow)?;
    cx.will_write(a.addr(2), u64::from(a.uint(3).min(SIZE_MAX)));
    cx.host(a, number, args![&path, a.addr(1), a.addr(2), a.uint(3)])
}

/// getxattr(2).
pub fn getxattr(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    get(cx, a, libc::SYS_getxattr, Follow::Yes)
}

/// lgetxattr(2).
pub fn lgetxattr(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    get(cx, a, libc::SYS_lgetxattr, Follow::No)
}

/// fgetxattr(2).
pub fn fgetxattr(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(2), u64::from(a.uint(3).min(SIZE_MAX)));
    cx.host(a, libc::SYS_fgetxattr, a.zero_extended())
}

fn list(cx: &mut Cx<'_>, a: &Args, number: i64, follow: Follow) -> SysResult {
    let path = cx.path(AT_FDCWD, a.addr(0), follow)?;
    cx.will_write(a.addr(1), u64::from(a.uint(2).min(SIZE_MAX)));
    cx.host(a, number, args![&path, a.addr(1), a.uint(2)])
}

/// listxattr(2).
pub fn listxattr(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    list(cx, a, libc::SYS_listxattr, Follow::Yes)
}

/// llistxattr(2).
pub fn llistxattr(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    list(cx, a, libc::SYS_llistxattr, Follow::No)
}

/// flistxattr(2).
pub fn flistxattr(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(1), u64::from(a.uint(2).min(SIZE_MAX)));
    cx.host(a, libc::SYS_flistxattr, a.zero_extended())
}

/// removexattr(2).
pub fn removexattr(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(AT_FDCWD, a.addr(0), Follow::Yes)?;
    cx.host(a, libc::SYS_removexattr, args![&path, a.addr(1)])
}

/// lremovexattr(2).
pub fn lremovexattr(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(AT_FDCWD, a.addr(0), Follow::No)?;
    cx.host(a, libc::SYS_lremovexattr, args![&path, a.addr(1)])
}

/// The calls with a directory descriptor, AT_* flags third; the rest of the arguments follows.
fn at(cx: &mut Cx<'_>, a: &Args, number: i64) -> SysResult {
    let path = cx.path_or_fd(a.int(0), a.addr(1), follow_unless(a.uint(2)))?;
    cx.host(a, number, args![path.dirfd, &path, a.uint(2), a.addr(3), a.addr(4), a.uint(5)])
}

/// setxattrat(2).
pub fn setxattrat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    at(cx, a, nr::SETXATTRAT)
}

/// getxattrat(2): the buffer is described by `struct xattr_args`, which has one layout.
pub fn getxattrat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let [value, _, size, _]: [u32; 4] = cx.read(a.addr(4)).unwrap_or_default();
    cx.will_write(GuestAddr(value), u64::from(size.min(SIZE_MAX)));
    at(cx, a, nr::GETXATTRAT)
}

/// listxattrat(2).
pub fn listxattrat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(3), u64::from(a.uint(4).min(SIZE_MAX)));
    at(cx, a, nr::LISTXATTRAT)
}

/// removexattrat(2).
pub fn removexattrat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    at(cx, a, nr::REMOVEXATTRAT)
}
