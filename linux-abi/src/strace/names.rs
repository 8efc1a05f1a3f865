//! Names of flags and enumerations for tracing, i386 values.
use super::format::quoted;
use crate::context::Cx;
use crate::layout::fcntl;
use ir::guest::GuestAddr;

/// A vocabulary: values and their names. In sets, a name for zero stands for the empty set.
#[derive(Debug, PartialEq, Eq)]
pub struct Names {
    rows: &'static [(u32, &'static str)],
}

impl Names {
    /// The names of the bits joined by `|`; what has no name in hexadecimal.
    pub fn set(&self, value: u32) -> String {
        let mut left = value;
        let mut parts = Vec::new();
        for &(bits, name) in self.rows.iter().filter(|row| row.0 != 0) {
            if left & bits == bits {
                left &= !bits;
                parts.push(name.to_owned());
            }
        }
        if left != 0 || parts.is_empty() {
            let zero = self.rows.iter().find(|row| row.0 == 0).filter(|_| parts.is_empty());
            parts.push(match (left, zero) {
                (0, Some(&(_, name))) => name.to_owned(),
                (0, None) => "0".to_owned(),
                _ => format!("{left:#x}"),
            });
        }
        parts.join("|")
    }

    /// The name of a value, or the number.
    pub fn one(&self, value: u32) -> String {
        self.find(value).map_or_else(|| (value as i32).to_string(), str::to_owned)
    }

    /// The name of a value.
    pub fn find(&self, value: u32) -> Option<&'static str> {
        self.rows.iter().find(|row| row.0 == value).map(|row| row.1)
    }
}

macro_rules! vocabularies {
    ($($(#[$m:meta])* $table:ident { $($name:ident = $value:expr),+ $(,)? })+) => {
        $($(#[$m])* pub static $table: Names = Names { rows: &[$(($value, stringify!($name))),+] };)+
    };
}

vocabularies! {
    /// access(2) modes.
    ACCESS { F_OK = 0, R_OK = 4, W_OK = 2, X_OK = 1 }
    /// Address families.
    AF { AF_UNSPEC = 0, AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16, AF_PACKET = 17, AF_VSOCK = 40 }
    /// AT_* flags.
    AT {
        AT_SYMLINK_NOFOLLOW = 0x100, AT_EACCESS = 0x200, AT_SYMLINK_FOLLOW = 0x400, AT_NO_AUTOMOUNT = 0x800,
        AT_EMPTY_PATH = 0x1000, AT_STATX_FORCE_SYNC = 0x2000, AT_STATX_DONT_SYNC = 0x4000, AT_RECURSIVE = 0x8000,
    }
    /// unlinkat(2) flags.
    AT_REMOVE { AT_REMOVEDIR = 0x200 }
    /// Clocks.
    CLOCK {
        CLOCK_REALTIME = 0, CLOCK_MONOTONIC = 1, CLOCK_PROCESS_CPUTIME_ID = 2, CLOCK_THREAD_CPUTIME_ID = 3,
        CLOCK_MONOTONIC_RAW = 4, CLOCK_REALTIME_COARSE = 5, CLOCK_MONOTONIC_COARSE = 6, CLOCK_BOOTTIME = 7,
        CLOCK_REALTIME_ALARM = 8, CLOCK_BOOTTIME_ALARM = 9, CLOCK_TAI = 11,
    }
    /// clone(2) flags; the low byte is a signal.
    CLONE {
        CLONE_VM = 0x100, CLONE_FS = 0x200, CLONE_FILES = 0x400, CLONE_SIGHAND = 0x800, CLONE_PIDFD = 0x1000,
        CLONE_PTRACE = 0x2000, CLONE_VFORK = 0x4000, CLONE_PARENT = 0x8000, CLONE_THREAD = 0x1_0000,
        CLONE_NEWNS = 0x2_0000, CLONE_SYSVSEM = 0x4_0000, CLONE_SETTLS = 0x8_0000, CLONE_PARENT_SETTID = 0x10_0000,
        CLONE_CHILD_CLEARTID = 0x20_0000, CLONE_DETACHED = 0x40_0000, CLONE_UNTRACED = 0x80_0000,
        CLONE_CHILD_SETTID = 0x100_0000, CLONE_NEWCGROUP = 0x200_0000, CLONE_NEWUTS = 0x400_0000,
        CLONE_NEWIPC = 0x800_0000, CLONE_NEWUSER = 0x1000_0000, CLONE_NEWPID = 0x2000_0000,
        CLONE_NEWNET = 0x4000_0000, CLONE_IO = 0x8000_0000, SIGCHLD = 17,
    }
    /// epoll events.
    EPOLL_EVENT {
        EPOLLIN = 1, EPOLLPRI = 2, EPOLLOUT = 4, EPOLLERR = 8, EPOLLHUP = 0x10, EPOLLRDNORM = 0x40, EPOLLRDBAND = 0x80,
        EPOLLWRNORM = 0x100, EPOLLWRBAND = 0x200, EPOLLMSG = 0x400, EPOLLRDHUP = 0x2000, EPOLLEXCLUSIVE = 0x1000_0000,
        EPOLLWAKEUP = 0x2000_0000, EPOLLONESHOT = 0x4000_0000, EPOLLET = 0x8000_0000,
    }
    /// epoll_ctl(2) operations.
    EPOLL_OP { EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2, EPOLL_CTL_MOD = 3 }
    /// fcntl(2) commands.
    FCNTL {
        F_DUPFD = 0, F_GETFD = 1, F_SETFD = 2, F_GETFL = 3, F_SETFL = 4, F_GETLK = 5, F_SETLK = 6, F_SETLKW = 7,
        F_SETOWN = 8, F_GETOWN = 9, F_SETSIG = 10, F_GETSIG = 11, F_GETLK64 = 12, F_SETLK64 = 13, F_SETLKW64 = 14,
        F_SETOWN_EX = 15, F_GETOWN_EX = 16, F_OFD_GETLK = 36, F_OFD_SETLK = 37, F_OFD_SETLKW = 38, F_SETLEASE = 1024,
        F_GETLEASE = 1025, F_NOTIFY = 1026, F_DUPFD_CLOEXEC = 1030, F_SETPIPE_SZ = 1031, F_GETPIPE_SZ = 1032,
        F_ADD_SEALS = 1033, F_GET_SEALS = 1034,
    }
    /// flock(2) operations.
    FLOCK { LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8 }
    /// Futex operations without flags.
    FUTEX_OP {
        FUTEX_WAIT = 0, FUTEX_WAKE = 1, FUTEX_FD = 2, FUTEX_REQUEUE = 3, FUTEX_CMP_REQUEUE = 4, FUTEX_WAKE_OP = 5,
        FUTEX_LOCK_PI = 6, FUTEX_UNLOCK_PI = 7, FUTEX_TRYLOCK_PI = 8, FUTEX_WAIT_BITSET = 9, FUTEX_WAKE_BITSET = 10,
        FUTEX_WAIT_REQUEUE_PI = 11, FUTEX_CMP_REQUEUE_PI = 12, FUTEX_LOCK_PI2 = 13,
    }
    /// Calls of ipc(2).
    IPC {
        SEMOP = 1, SEMGET = 2, SEMCTL = 3, SEMTIMEDOP = 4, MSGSND = 11, MSGRCV = 12, MSGGET = 13, MSGCTL = 14,
        SHMAT = 21, SHMDT = 22, SHMGET = 23, SHMCTL = 24,
    }
    /// Interval timers.
    ITIMER { ITIMER_REAL = 0, ITIMER_VIRTUAL = 1, ITIMER_PROF = 2 }
    /// madvise(2) advice.
    MADV {
        MADV_NORMAL = 0, MADV_RANDOM = 1, MADV_SEQUENTIAL = 2, MADV_WILLNEED = 3, MADV_DONTNEED = 4, MADV_FREE = 8,
        MADV_REMOVE = 9, MADV_DONTFORK = 10, MADV_DOFORK = 11, MADV_HUGEPAGE = 14, MADV_NOHUGEPAGE = 15,
        MADV_DONTDUMP = 16, MADV_DODUMP = 17, MADV_WIPEONFORK = 18, MADV_KEEPONFORK = 19,
    }
    /// mmap(2) flags.
    MAP {
        MAP_SHARED_VALIDATE = 3, MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_ANONYMOUS = 0x20,
        MAP_GROWSDOWN = 0x100, MAP_DENYWRITE = 0x800, MAP_EXECUTABLE = 0x1000, MAP_LOCKED = 0x2000,
        MAP_NORESERVE = 0x4000, MAP_POPULATE = 0x8000, MAP_NONBLOCK = 0x1_0000, MAP_STACK = 0x2_0000,
        MAP_HUGETLB = 0x4_0000, MAP_FIXED_NOREPLACE = 0x10_0000,
    }
    /// send(2) and recv(2) flags.
    MSG {
        MSG_OOB = 1, MSG_PEEK = 2, MSG_DONTROUTE = 4, MSG_CTRUNC = 8, MSG_TRUNC = 0x20, MSG_DONTWAIT = 0x40,
        MSG_EOR = 0x80, MSG_WAITALL = 0x100, MSG_CONFIRM = 0x800, MSG_ERRQUEUE = 0x2000, MSG_NOSIGNAL = 0x4000,
        MSG_MORE = 0x8000, MSG_WAITFORONE = 0x1_0000, MSG_FASTOPEN = 0x2000_0000, MSG_CMSG_CLOEXEC = 0x4000_0000,
    }
    /// poll(2) events.
    POLL {
        POLLIN = 1, POLLPRI = 2, POLLOUT = 4, POLLERR = 8, POLLHUP = 0x10, POLLNVAL = 0x20, POLLRDNORM = 0x40,
        POLLRDBAND = 0x80, POLLWRNORM = 0x100, POLLWRBAND = 0x200, POLLRDHUP = 0x2000,
    }
    /// prctl(2) operations.
    PRCTL {
        PR_SET_PDEATHSIG = 1, PR_GET_PDEATHSIG = 2, PR_GET_DUMPABLE = 3, PR_SET_DUMPABLE = 4, PR_GET_KEEPCAPS = 7,
        PR_SET_KEEPCAPS = 8, PR_SET_NAME = 15, PR_GET_NAME = 16, PR_GET_SECCOMP = 21, PR_SET_SECCOMP = 22,
        PR_CAPBSET_READ = 23, PR_CAPBSET_DROP = 24, PR_GET_TSC = 25, PR_SET_TSC = 26, PR_SET_TIMERSLACK = 29,
        PR_GET_TIMERSLACK = 30, PR_SET_MM = 35, PR_SET_CHILD_SUBREAPER = 36, PR_GET_CHILD_SUBREAPER = 37,
        PR_SET_NO_NEW_PRIVS = 38, PR_GET_NO_NEW_PRIVS = 39, PR_GET_TID_ADDRESS = 40, PR_SET_THP_DISABLE = 41,
        PR_CAP_AMBIENT = 47, PR_SET_VMA = 0x5356_4d41, PR_SET_PTRACER = 0x5961_6d61,
    }
    /// Memory protection.
    PROT { PROT_NONE = 0, PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4, PROT_GROWSDOWN = 0x100_0000 }
    /// Resources.
    RLIMIT {
        RLIMIT_CPU = 0, RLIMIT_FSIZE = 1, RLIMIT_DATA = 2, RLIMIT_STACK = 3, RLIMIT_CORE = 4, RLIMIT_RSS = 5,
        RLIMIT_NPROC = 6, RLIMIT_NOFILE = 7, RLIMIT_MEMLOCK = 8, RLIMIT_AS = 9, RLIMIT_LOCKS = 10,
        RLIMIT_SIGPENDING = 11, RLIMIT_MSGQUEUE = 12, RLIMIT_NICE = 13, RLIMIT_RTPRIO = 14, RLIMIT_RTTIME = 15,
    }
    /// Scheduling policies.
    SCHED { SCHED_OTHER = 0, SCHED_FIFO = 1, SCHED_RR = 2, SCHED_BATCH = 3, SCHED_IDLE = 5, SCHED_DEADLINE = 6 }
    /// How a signal mask changes.
    SIG_HOW { SIG_BLOCK = 0, SIG_UNBLOCK = 1, SIG_SETMASK = 2 }
    /// Signals.
    SIGNAL {
        SIGHUP = 1, SIGINT = 2, SIGQUIT = 3, SIGILL = 4, SIGTRAP = 5, SIGABRT = 6, SIGBUS = 7, SIGFPE = 8, SIGKILL = 9,
        SIGUSR1 = 10, SIGSEGV = 11, SIGUSR2 = 12, SIGPIPE = 13, SIGALRM = 14, SIGTERM = 15, SIGSTKFLT = 16,
        SIGCHLD = 17, SIGCONT = 18, SIGSTOP = 19, SIGTSTP = 20, SIGTTIN = 21, SIGTTOU = 22, SIGURG = 23, SIGXCPU = 24,
        SIGXFSZ = 25, SIGVTALRM = 26, SIGPROF = 27, SIGWINCH = 28, SIGIO = 29, SIGPWR = 30, SIGSYS = 31,
        SIGRTMIN = 32,
    }
    /// Calls of socketcall(2).
    SOCKETCALL {
        SYS_SOCKET = 1, SYS_BIND = 2, SYS_CONNECT = 3, SYS_LISTEN = 4, SYS_ACCEPT = 5, SYS_GETSOCKNAME = 6,
        SYS_GETPEERNAME = 7, SYS_SOCKETPAIR = 8, SYS_SEND = 9, SYS_RECV = 10, SYS_SENDTO = 11, SYS_RECVFROM = 12,
        SYS_SHUTDOWN = 13, SYS_SETSOCKOPT = 14, SYS_GETSOCKOPT = 15, SYS_SENDMSG = 16, SYS_RECVMSG = 17,
        SYS_ACCEPT4 = 18, SYS_RECVMMSG = 19, SYS_SENDMMSG = 20,
    }
    /// Socket types.
    SOCK_TYPE { SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_RDM = 4, SOCK_SEQPACKET = 5, SOCK_DCCP = 6, SOCK_PACKET = 10 }
    /// Socket flags.
    SOCK_FLAG { SOCK_NONBLOCK = 0o4000, SOCK_CLOEXEC = 0o200_0000 }
    /// wait(2) options.
    WAIT {
        WNOHANG = 1, WSTOPPED = 2, WEXITED = 4, WCONTINUED = 8, WNOWAIT = 0x100_0000, __WNOTHREAD = 0x2000_0000,
        __WALL = 0x4000_0000, __WCLONE = 0x8000_0000,
    }
    /// lseek(2) origins.
    WHENCE { SEEK_SET = 0, SEEK_CUR = 1, SEEK_END = 2, SEEK_DATA = 3, SEEK_HOLE = 4 }
    /// Open flags beside the access mode.
    OPEN_FLAG {
        O_CREAT = 0o100, O_EXCL = 0o200, O_NOCTTY = 0o400, O_TRUNC = 0o1000, O_APPEND = 0o2000, O_NONBLOCK = 0o4000,
        O_SYNC = 0o401_0000, O_DSYNC = 0o1_0000, FASYNC = 0o2_0000, O_DIRECT = 0o4_0000, O_LARGEFILE = 0o10_0000,
        O_TMPFILE = 0o2020_0000, O_DIRECTORY = 0o20_0000, O_NOFOLLOW = 0o40_0000, O_NOATIME = 0o100_0000,
        O_CLOEXEC = 0o200_0000, O_PATH = 0o1000_0000,
    }
}

/// Open flags with their access mode.
pub fn open_flags(flags: u32) -> String {
    let mode = ["O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"][(flags & 3) as usize];
    let rest = flags & !3;
    if rest == 0 {
        return mode.to_owned();
    }
    debug_assert_eq!(OPEN_FLAG.find(fcntl::O_DIRECT), Some("O_DIRECT"));
    format!("{mode}|{}", OPEN_FLAG.set(rest))
}

/// A socket type with its flags.
pub fn socket_type(value: u32) -> String {
    let kind = SOCK_TYPE.one(value & 15);
    if value & !15 == 0 {
        kind
    } else {
        format!("{kind}|{}", SOCK_FLAG.set(value & !15))
    }
}

/// A futex operation with its flags.
pub fn futex(value: u32) -> String {
    let mut text = FUTEX_OP.one(value & 127);
    if value & 128 != 0 {
        text += "_PRIVATE";
    }
    if value & 256 != 0 {
        text += "|FUTEX_CLOCK_REALTIME";
    }
    text
}

/// A signal set, names without SIG.
pub fn signal_set(set: u64) -> String {
    let name = |n: u32| match SIGNAL.find(n) {
        Some(name) => name[3..].to_owned(),
        None => format!("RT_{}", n - 32),
    };
    let members: Vec<String> = (1..=64).filter(|n| set >> (n - 1) & 1 != 0).map(name).collect();
    if set == u64::MAX {
        "~[]".to_owned()
    } else {
        format!("[{}]", members.join(" "))
    }
}

/// A wait status.
pub fn wait_status(status: i32) -> String {
    let signal = SIGNAL.one((status & 0x7f) as u32);
    match status & 0x7f {
        0 => format!("[{{WIFEXITED(s) && WEXITSTATUS(s) == {}}}]", status >> 8 & 0xff),
        0x7f if status >> 16 == 0 && status >> 8 == 0xff => "[{WIFCONTINUED(s)}]".to_owned(),
        0x7f => format!("[{{WIFSTOPPED(s) && WSTOPSIG(s) == {}}}]", SIGNAL.one((status >> 8 & 0xff) as u32)),
        _ => format!("[{{WIFSIGNALED(s) && WTERMSIG(s) == {signal}}}]"),
    }
}

/// Type and permissions of a file.
pub fn file_mode(mode: u32) -> String {
    let kind = match mode & 0o170_000 {
        0o010_000 => "S_IFIFO",
        0o020_000 => "S_IFCHR",
        0o040_000 => "S_IFDIR",
        0o060_000 => "S_IFBLK",
        0o100_000 => "S_IFREG",
        0o120_000 => "S_IFLNK",
        0o140_000 => "S_IFSOCK",
        _ => return format!("{mode:#o}"),
    };
    format!("{kind}|0{:o}", mode & 0o7777)
}

/// A socket address.
pub fn sockaddr(cx: &Cx<'_>, at: GuestAddr, len: u32) -> Option<String> {
    if at.0 == 0 {
        return None;
    }
    let bytes = cx.read_bytes(at, len.min(128) as usize).ok()?;
    let family = u16::from_le_bytes([*bytes.first()?, *bytes.get(1)?]);
    let name = AF.one(u32::from(family));
    let port = || bytes.get(2..4).map(|p| u16::from_be_bytes([p[0], p[1]]));
    Some(match u32::from(family) {
        1 => {
            let path = &bytes[2..];
            let text = match path.first() {
                Some(0) => format!("@{}", quoted(&path[1..])),
                _ => quoted(&path[..path.iter().position(|&b| b == 0).unwrap_or(path.len())]),
            };
            format!("{{sa_family={name}, sun_path={text}}}")
        }
        2 if bytes.len() >= 8 => {
            let ip = std::net::Ipv4Addr::new(bytes[4], bytes[5], bytes[6], bytes[7]);
            format!("{{sa_family={name}, sin_port=htons({}), sin_addr=inet_addr(\"{ip}\")}}", port()?)
        }
        10 if bytes.len() >= 24 => {
            let ip = std::net::Ipv6Addr::from(<[u8; 16]>::try_from(&bytes[8..24]).ok()?);
            format!("{{sa_family={name}, sin6_port=htons({}), sin6_addr=\"{ip}\"}}", port()?)
        }
        _ => format!("{{sa_family={name}, sa_data={}}}", quoted(&bytes[2..])),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_names() {
        assert_eq!(open_flags(0o2_000_000), "O_RDONLY|O_CLOEXEC");
        assert_eq!(open_flags(0o1_101), "O_WRONLY|O_CREAT|O_TRUNC");
        assert_eq!(PROT.set(0), "PROT_NONE");
        assert_eq!(PROT.set(3), "PROT_READ|PROT_WRITE");
        assert_eq!(AT.set(0), "0");
        assert_eq!(AT.set(0x10_0100), "AT_SYMLINK_NOFOLLOW|0x100000");
        assert_eq!(socket_type(0o2_000_001), "SOCK_STREAM|SOCK_CLOEXEC");
        assert_eq!(futex(128), "FUTEX_WAIT_PRIVATE");
        assert_eq!(signal_set(1 << 16 | 1 << 1), "[INT CHLD]");
        assert_eq!(wait_status(0x100), "[{WIFEXITED(s) && WEXITSTATUS(s) == 1}]");
        assert_eq!(file_mode(0o100_644), "S_IFREG|0644");
    }
}
