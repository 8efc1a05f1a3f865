//! Host numbers that the libc crate does not name on every target. From 424 on they are the same on all architectures.
#![allow(missing_docs, reason = "named as in asm-generic/unistd.h")]

/// io_pgetevents(2).
#[cfg(target_arch = "aarch64")]
pub const IO_PGETEVENTS: i64 = 292;
/// io_pgetevents(2).
#[cfg(not(target_arch = "aarch64"))]
pub const IO_PGETEVENTS: i64 = 333;
pub const IO_URING_SETUP: i64 = 425;
pub const OPEN_TREE: i64 = 428;
pub const MOVE_MOUNT: i64 = 429;
pub const FSOPEN: i64 = 430;
pub const FSCONFIG: i64 = 431;
pub const FSMOUNT: i64 = 432;
pub const FSPICK: i64 = 433;
pub const PIDFD_OPEN: i64 = 434;
pub const CLOSE_RANGE: i64 = 436;
pub const PIDFD_GETFD: i64 = 438;
pub const PROCESS_MADVISE: i64 = 440;
pub const EPOLL_PWAIT2: i64 = 441;
pub const MOUNT_SETATTR: i64 = 442;
pub const QUOTACTL_FD: i64 = 443;
pub const LANDLOCK_CREATE_RULESET: i64 = 444;
pub const LANDLOCK_ADD_RULE: i64 = 445;
pub const LANDLOCK_RESTRICT_SELF: i64 = 446;
pub const MEMFD_SECRET: i64 = 447;
pub const PROCESS_MRELEASE: i64 = 448;
pub const SET_MEMPOLICY_HOME_NODE: i64 = 450;
pub const CACHESTAT: i64 = 451;
pub const FCHMODAT2: i64 = 452;
pub const FUTEX_WAKE: i64 = 454;
pub const FUTEX_WAIT: i64 = 455;
pub const FUTEX_REQUEUE: i64 = 456;
pub const STATMOUNT: i64 = 457;
pub const LISTMOUNT: i64 = 458;
pub const LSM_GET_SELF_ATTR: i64 = 459;
pub const LSM_SET_SELF_ATTR: i64 = 460;
pub const LSM_LIST_MODULES: i64 = 461;
pub const SETXATTRAT: i64 = 463;
pub const GETXATTRAT: i64 = 464;
pub const LISTXATTRAT: i64 = 465;
pub const REMOVEXATTRAT: i64 = 466;
pub const OPEN_TREE_ATTR: i64 = 467;
pub const FILE_GETATTR: i64 = 468;
pub const FILE_SETATTR: i64 = 469;
