//! Events as files: inotify(7), fanotify(7), signalfd(2).
use super::poll::SIGSET_SIZE;
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::fs::Follow;
use crate::host::call::ptr;
use crate::layout::fcntl::open_flags_to_host;

const IN_DONT_FOLLOW: u32 = 0x0200_0000;
const FAN_MARK_DONT_FOLLOW: u32 = 4;

/// inotify_init(2).
pub fn inotify_init(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_inotify_init1, args![0])
}

/// inotify_add_watch(2).
pub fn inotify_add_watch(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let follow = if a.uint(2) & IN_DONT_FOLLOW != 0 { Follow::No } else { Follow::Yes };
    let path = cx.path(libc::AT_FDCWD, a.addr(1), follow)?;
    cx.host(a, libc::SYS_inotify_add_watch, args![a.int(0), &path, a.uint(2)])
}

/// fanotify_init(2): the second argument holds open flags.
pub fn fanotify_init(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_fanotify_init, args![a.uint(0), open_flags_to_host(a.uint(1))])
}

/// fanotify_mark(2): the mask has 64 bits in arguments 2 and 3.
pub fn fanotify_mark(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let follow = if a.uint(1) & FAN_MARK_DONT_FOLLOW != 0 { Follow::No } else { Follow::Yes };
    let path = cx.path_or_fd(a.int(4), a.addr(5), follow)?;
    cx.host(a, libc::SYS_fanotify_mark, args![a.int(0), a.uint(1), a.pair(2), path.dirfd, &path])
}

/// signalfd(2).
pub fn signalfd(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    signal_file(cx, a, 0)
}

/// signalfd4(2).
pub fn signalfd4(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    signal_file(cx, a, a.uint(3))
}

/// What the guest blocks is blocked on the host too, so its signals wait in the kernel for the file's reader.
fn signal_file(cx: &mut Cx<'_>, a: &Args, flags: u32) -> SysResult {
    if a.uint(2) != SIGSET_SIZE {
        return Err(Errno::EINVAL);
    }
    let mask: u64 = cx.read(a.addr(1))?;
    cx.host(a, libc::SYS_signalfd4, args![a.int(0), ptr(&mask), SIGSET_SIZE, flags])
}
