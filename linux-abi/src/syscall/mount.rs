//! Administration of file systems: mount(2) old and new, swapon(2), quotactl(2), acct(2), reboot(2), file handles.
use super::{nr, stat, Args};
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::fs::{Follow, HostPath};
use crate::host::call::mut_ptr;
use crate::layout::fcntl::open_flags_to_host;
use crate::layout::quota::{Dqblk, Dqblk32};
use libc::AT_FDCWD;
use zerocopy::{FromBytes, IntoBytes};

const MS_BIND: u32 = 0x1000;
const MS_MOVE: u32 = 0x2000;
const UMOUNT_NOFOLLOW: u32 = 8;
const OPEN_TREE_NOFOLLOW: u32 = 0x100;
const MOVE_MOUNT_F_SYMLINKS: u32 = 1;
const MOVE_MOUNT_T_SYMLINKS: u32 = 0x10;
/// Longest reply area of the calls that take a size.
const MAX_REPLY: u32 = 1 << 20;

/// mount(2): the source is a path for bind mounts and moves, else what the file system says.
pub fn mount(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let source = match a.uint(3) & (MS_BIND | MS_MOVE) {
        0 => HostPath::untouched(AT_FDCWD, a.addr(0)),
        _ => cx.path_or_fd(AT_FDCWD, a.addr(0), Follow::Yes)?,
    };
    let target = cx.path(AT_FDCWD, a.addr(1), Follow::Yes)?;
    cx.host(a, libc::SYS_mount, args![&source, &target, a.addr(2), a.uint(3), a.addr(4)])
}

/// umount(2).
pub fn umount(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(AT_FDCWD, a.addr(0), Follow::Yes)?;
    cx.host(a, libc::SYS_umount2, args![&path, 0])
}

/// umount2(2).
pub fn umount2(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let follow = if a.uint(1) & UMOUNT_NOFOLLOW != 0 { Follow::No } else { Follow::Yes };
    let path = cx.path(AT_FDCWD, a.addr(0), follow)?;
    cx.host(a, libc::SYS_umount2, args![&path, a.uint(1)])
}

/// acct(2): NULL switches it off.
pub fn acct(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path_or_fd(AT_FDCWD, a.addr(0), Follow::Yes)?;
    cx.host(a, libc::SYS_acct, args![&path])
}

/// swapon(2).
pub fn swapon(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(AT_FDCWD, a.addr(0), Follow::Yes)?;
    cx.host(a, libc::SYS_swapon, args![&path, a.uint(1)])
}

/// swapoff(2).
pub fn swapoff(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path(AT_FDCWD, a.addr(0), Follow::Yes)?;
    cx.host(a, libc::SYS_swapoff, args![&path])
}

/// reboot(2).
pub fn reboot(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_reboot, args![a.uint(0), a.uint(1), a.uint(2), a.addr(3)])
}

const Q_QUOTAON: u32 = 0x80_0002;
const Q_GETQUOTA: u32 = 0x80_0007;
const Q_SETQUOTA: u32 = 0x80_0008;

/// quotactl(2): `struct if_dqblk` has no tail padding on i386.
pub fn quotactl(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let device = cx.path_or_fd(AT_FDCWD, a.addr(1), Follow::Yes)?;
    quota(cx, a, libc::SYS_quotactl, [u64::from(a.uint(0)), device.pointer()], a.uint(0))
}

/// quotactl_fd(2).
pub fn quotactl_fd(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    quota(cx, a, nr::QUOTACTL_FD, [u64::from(a.uint(0)), u64::from(a.uint(1))], a.uint(1))
}

fn quota(cx: &mut Cx<'_>, a: &Args, number: i64, first: [u64; 2], cmd: u32) -> SysResult {
    let [one, two] = first;
    match cmd >> 8 {
        Q_GETQUOTA => {
            let mut host = Dqblk::default();
            let len = size_of::<Dqblk32>();
            let result = cx.host(a, number, args![one, two, a.int(2), mut_ptr(&mut host)])?;
            let guest = Dqblk32::read_from_bytes(&host.as_bytes()[..len]).map_err(|_| Errno::EINVAL)?;
            cx.write(a.addr(3), &guest)?;
            Ok(result)
        }
        Q_SETQUOTA => {
            let to_host = |guest: &Dqblk32| {
                let mut host = Dqblk::default();
                host.as_mut_bytes()[..size_of::<Dqblk32>()].copy_from_slice(guest.as_bytes());
                host
            };
            let mut host = cx.input(a.addr(3), to_host);
            cx.host(a, number, args![one, two, a.int(2), &mut host])
        }
        Q_QUOTAON => {
            let file = cx.path(AT_FDCWD, a.addr(3), Follow::Yes)?;
            cx.host(a, number, args![one, two, a.int(2), &file])
        }
        _ => {
            // The other structures have one layout; the largest is XFS's of 160 bytes.
            cx.will_write(a.addr(3), 160);
            cx.host(a, number, args![one, two, a.int(2), a.addr(3)])
        }
    }
}

/// name_to_handle_at(2).
pub fn name_to_handle_at(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path_or_fd(a.int(0), a.addr(1), stat::follow_if(a.uint(4)))?;
    let room: u32 = cx.read(a.addr(2)).unwrap_or(0);
    cx.will_write(a.addr(2), 8 + u64::from(room.min(4096)));
    cx.will_write(a.addr(3), 8);
    cx.host(a, libc::SYS_name_to_handle_at, args![path.dirfd, &path, a.addr(2), a.addr(3), a.uint(4)])
}

/// open_by_handle_at(2).
pub fn open_by_handle_at(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_open_by_handle_at, args![a.int(0), a.addr(1), open_flags_to_host(a.uint(2))])
}

/// open_tree(2).
pub fn open_tree(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    tree(cx, a, nr::OPEN_TREE)
}

/// open_tree_attr(2).
pub fn open_tree_attr(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    tree(cx, a, nr::OPEN_TREE_ATTR)
}

fn tree(cx: &mut Cx<'_>, a: &Args, number: i64) -> SysResult {
    let follow = if a.uint(2) & OPEN_TREE_NOFOLLOW != 0 { Follow::No } else { Follow::Yes };
    let path = cx.path_or_fd(a.int(0), a.addr(1), follow)?;
    cx.host(a, number, args![path.dirfd, &path, a.uint(2), a.addr(3), a.uint(4)])
}

/// move_mount(2).
pub fn move_mount(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let follow = |bit| if a.uint(4) & bit != 0 { Follow::Yes } else { Follow::No };
    let from = cx.path_or_fd(a.int(0), a.addr(1), follow(MOVE_MOUNT_F_SYMLINKS))?;
    let to = cx.path_or_fd(a.int(2), a.addr(3), follow(MOVE_MOUNT_T_SYMLINKS))?;
    cx.host(a, nr::MOVE_MOUNT, args![from.dirfd, &from, to.dirfd, &to, a.uint(4)])
}

/// fspick(2).
pub fn fspick(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    const FSPICK_SYMLINK_NOFOLLOW: u32 = 2;
    let follow = if a.uint(2) & FSPICK_SYMLINK_NOFOLLOW != 0 { Follow::No } else { Follow::Yes };
    let path = cx.path_or_fd(a.int(0), a.addr(1), follow)?;
    cx.host(a, nr::FSPICK, args![path.dirfd, &path, a.uint(2)])
}

/// mount_setattr(2): `struct mount_attr` has one layout.
pub fn mount_setattr(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.path_or_fd(a.int(0), a.addr(1), stat::follow_unless(a.uint(2)))?;
    cx.host(a, nr::MOUNT_SETATTR, args![path.dirfd, &path, a.uint(2), a.addr(3), a.uint(4)])
}

/// cachestat(2).
pub fn cachestat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(2), 40);
    cx.host(a, nr::CACHESTAT, args![a.int(0), a.addr(1), a.addr(2), a.uint(3)])
}

/// statmount(2).
pub fn statmount(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(1), u64::from(a.uint(2).min(MAX_REPLY)));
    cx.host(a, nr::STATMOUNT, args![a.addr(0), a.addr(1), a.uint(2), a.uint(3)])
}

/// listmount(2): ids of 64 bits.
pub fn listmount(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(1), 8 * u64::from(a.uint(2).min(MAX_REPLY)));
    cx.host(a, nr::LISTMOUNT, args![a.addr(0), a.addr(1), a.uint(2), a.uint(3)])
}

/// lsm_get_self_attr(2).
pub fn lsm_get_self_attr(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let size: u32 = cx.read(a.addr(2)).unwrap_or(0);
    cx.will_write(a.addr(1), u64::from(size.min(MAX_REPLY)));
    cx.will_write(a.addr(2), 4);
    cx.host(a, nr::LSM_GET_SELF_ATTR, args![a.uint(0), a.addr(1), a.addr(2), a.uint(3)])
}

/// lsm_list_modules(2).
pub fn lsm_list_modules(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let size: u32 = cx.read(a.addr(1)).unwrap_or(0);
    cx.will_write(a.addr(0), u64::from(size.min(MAX_REPLY)));
    cx.will_write(a.addr(1), 4);
    cx.host(a, nr::LSM_LIST_MODULES, args![a.addr(0), a.addr(1), a.uint(2)])
}

/// file_getattr(2).
pub fn file_getattr(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(2), u64::from(a.uint(3).min(4096)));
    file_attributes(cx, a, nr::FILE_GETATTR)
}

/// file_setattr(2).
pub fn file_setattr(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    file_attributes(cx, a, nr::FILE_SETATTR)
}

fn file_attributes(cx: &mut Cx<'_>, a: &Args, number: i64) -> SysResult {
    let path = cx.path_or_fd(a.int(0), a.addr(1), stat::follow_unless(a.uint(4)))?;
    cx.host(a, number, args![path.dirfd, &path, a.addr(2), a.uint(3), a.uint(4)])
}
