//! Of several errors in one call the kernel's first is told: a pointer that leads nowhere is often not it.
use super::{AT_FDCWD, BAD};
use crate::fs::FsContext;
use crate::testing::Guest;
use crate::Errno;

/// No descriptor, no process, no flag that any call knows.
const NONE: u32 = 0x7000_0000;

const PATHS_LAST: [(&str, [u32; 5], Errno); 10] = [
    ("access", [BAD, 0o77777, 0, 0, 0], Errno::EINVAL),
    ("faccessat", [AT_FDCWD, BAD, 0o77777, 0, 0], Errno::EINVAL),
    ("umount2", [BAD, NONE, 0, 0, 0], Errno::EINVAL),
    ("swapon", [BAD, NONE, 0, 0, 0], Errno::EINVAL),
    ("mknod", [BAD, 0o170_000, 0, 0, 0], Errno::EINVAL),
    ("truncate", [BAD, 0x8000_0000, 0, 0, 0], Errno::EINVAL),
    ("unlinkat", [AT_FDCWD, BAD, NONE, 0, 0], Errno::EINVAL),
    ("linkat", [AT_FDCWD, BAD, AT_FDCWD, BAD, NONE], Errno::EINVAL),
    ("renameat2", [AT_FDCWD, BAD, AT_FDCWD, BAD, NONE], Errno::EINVAL),
    ("inotify_add_watch", [NONE, BAD, 1, 0, 0], Errno::EBADF),
];

#[test]
fn flags_and_descriptors_come_before_paths() {
    let root = Some(std::env::temp_dir());
    for fs in [FsContext::default(), FsContext::new(root).unwrap()] {
        let mut g = Guest::with_fs(fs);
        for (name, args, errno) in PATHS_LAST {
            g.fails(name, args, errno);
            g.fails(name, args.map(|arg| if arg == BAD { 16 } else { arg }), errno);
        }
    }
}

#[test]
fn descriptors_come_before_structures() {
    const SOL_SOCKET: u32 = 1;
    let mut g = Guest::new();
    for (name, args) in [
        ("readv", [NONE, BAD, 1, 0, 0]),
        ("writev", [NONE, BAD, 5000, 0, 0]),
        ("fcntl", [NONE, 6, BAD, 0, 0]),
        ("fcntl64", [NONE, 12, BAD, 0, 0]),
        ("sendmsg", [NONE, BAD, 0, 0, 0]),
        ("recvmsg", [NONE, BAD, 0, 0, 0]),
        ("setsockopt", [NONE, SOL_SOCKET, 20, BAD, 8]),
        ("setsockopt", [NONE, SOL_SOCKET, 26, BAD, 3]),
        ("getsockopt", [NONE, SOL_SOCKET, 20, BAD, BAD]),
        ("ioctl", [NONE, 0x8912, BAD, 0, 0]),
        ("mmap2", [0, 0, 0, 0, NONE]),
        ("pidfd_send_signal", [NONE, 0, BAD, 0, 0]),
    ] {
        g.fails(name, args, Errno::EBADF);
    }
    let pair = g.room(8);
    assert_eq!(g.call("pipe", [pair]), Ok(0));
    let ends: [u32; 2] = g.get(pair);
    g.fails("sendmsg", [ends[0], BAD, 0], Errno::ENOTSOCK);
    for end in ends {
        assert_eq!(g.call("close", [end]), Ok(0));
    }
}

#[test]
fn a_socket_says_what_is_wrong_with_a_message() {
    let mut g = Guest::new();
    let pair = g.room(8);
    assert_eq!(g.call("socketpair", [1, 2, 0, pair]), Ok(0));
    let [fd, other]: [u32; 2] = g.get(pair);
    for (header, errno) in [
        ([0, 0, BAD, 1, 0, 0, 0], Errno::EFAULT),
        ([0, 0, BAD, 5000, 0, 0, 0], Errno::EMSGSIZE),
        ([0, 0, 0, 0, BAD, 16, 0], Errno::EFAULT),
        ([0, 0, 0, 0, BAD, 0x8000_0000, 0], Errno::ENOBUFS),
    ] {
        let header = g.put(&header);
        g.fails("sendmsg", [fd, header, 0], errno);
    }
    let negative = g.put(&[0u32, 0x8000_0000]);
    g.fails("readv", [fd, negative, 1], Errno::EINVAL);
    g.fails("readv", [fd, BAD, 1], Errno::EFAULT);
    g.fails("readv", [fd, BAD, 5000], Errno::EINVAL);
    let negative_name = g.put(&[pair, 0x8000_0000, 0, 0, 0, 0, 0]);
    g.fails("recvmsg", [fd, negative_name, 0], Errno::EINVAL);
    g.fails("setsockopt", [fd, 1, 20, BAD, 8], Errno::EFAULT);
    g.fails("setsockopt", [fd, 1, 20, BAD, 3], Errno::EINVAL);
    g.fails("setsockopt", [fd, 1, 26, pair, 16], Errno::EINVAL);
    g.fails("getsockopt", [fd, 1, 20, BAD, BAD], Errno::EFAULT);
    for fd in [fd, other] {
        assert_eq!(g.call("close", [fd]), Ok(0));
    }
}

#[test]
fn numbers_come_before_structures() {
    let mut g = Guest::new();
    for (name, args, errno) in [
        ("clock_nanosleep", [99, 0, BAD, 0], Errno::EINVAL),
        ("clock_nanosleep_time64", [99, 1, BAD, 0], Errno::EINVAL),
        ("clock_nanosleep", [0, 0, BAD, 0], Errno::EFAULT),
        ("rt_sigtimedwait", [BAD, 0, BAD, 4], Errno::EINVAL),
        ("msync", [BAD, BAD, NONE, 0], Errno::EINVAL),
        ("mlock2", [BAD, BAD, NONE, 0], Errno::EINVAL),
        ("madvise", [BAD, 4096, 999, 0], Errno::EINVAL),
        ("madvise", [0x1000, 0, 999, 0], Errno::EINVAL),
        ("io_submit", [NONE, 1, BAD, 0], Errno::EINVAL),
        ("setgroups", [70_000, BAD, 0, 0], Errno::EINVAL),
    ] {
        g.fails(name, args, errno);
    }
    assert_eq!(g.call("madvise", [0x1000, 0, 4]), Ok(0));
}

/// The kernel writes the answer even if the call has failed.
#[test]
fn waitid_writes_first() {
    let mut g = Guest::new();
    g.fails("waitid", [99, 0, BAD, 4, 0], Errno::EFAULT);
    let info = g.room(32);
    g.fails("waitid", [99, 0, info, 4, 0], Errno::EINVAL);
    assert_eq!(g.get::<[u32; 7]>(info), [0, 0, 0, 0, 0, 0, 0xeeee_eeee]);
}

#[test]
fn a_program_is_looked_for_before_its_arguments_are_read() {
    let mut g = Guest::new();
    let none = g.text("/there/is/no/such/file");
    g.fails("execve", [none, BAD, BAD], Errno::ENOENT);
    g.fails("execve", [BAD, BAD, BAD], Errno::EFAULT);
}
