//! Error numbers of the i386 ABI (asm-generic/errno.h; the same numbers as on arm64) and the kernel's internal restart codes.
use ir::guest::Fault;
use std::fmt;

/// A positive error number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

macro_rules! errnos {
    ($($name:ident $text:literal,)+) => {
        impl Errno {
            $(#[doc = $text] pub const $name: Self = Self(libc::$name);)+
            /// Every number a system call may answer, with its name and meaning.
            pub const ALL: &'static [(Self, &'static str, &'static str)] =
                &[$((Self::$name, stringify!($name), $text)),+];
        }
    };
}

errnos! {
    EPERM "Operation not permitted", ENOENT "No such file or directory", ESRCH "No such process",
    EINTR "Interrupted system call", EIO "Input/output error", ENXIO "No such device or address",
    E2BIG "Argument list too long", ENOEXEC "Exec format error", EBADF "Bad file descriptor",
    ECHILD "No child processes", EAGAIN "Resource temporarily unavailable", ENOMEM "Cannot allocate memory",
    EACCES "Permission denied", EFAULT "Bad address", ENOTBLK "Block device required",
    EBUSY "Device or resource busy", EEXIST "File exists", EXDEV "Invalid cross-device link",
    ENODEV "No such device", ENOTDIR "Not a directory", EISDIR "Is a directory", EINVAL "Invalid argument",
    ENFILE "Too many open files in system", EMFILE "Too many open files",
    ENOTTY "Inappropriate ioctl for device", ETXTBSY "Text file busy", EFBIG "File too large",
    ENOSPC "No space left on device", ESPIPE "Illegal seek", EROFS "Read-only file system",
    EMLINK "Too many links", EPIPE "Broken pipe", EDOM "Numerical argument out of domain",
    ERANGE "Numerical result out of range", EDEADLK "Resource deadlock avoided",
    ENAMETOOLONG "File name too long", ENOLCK "No locks available", ENOSYS "Function not implemented",
    ENOTEMPTY "Directory not empty", ELOOP "Too many levels of symbolic links",
    ENOMSG "No message of desired type", EIDRM "Identifier removed", ENOSTR "Device not a stream",
    ENODATA "No data available", ETIME "Timer expired", EREMOTE "Object is remote", ENOLINK "Link has been severed",
    EPROTO "Protocol error", EBADMSG "Bad message", EOVERFLOW "Value too large for defined data type",
    EBADFD "File descriptor in bad state", EILSEQ "Invalid or incomplete multibyte or wide character",
    EUSERS "Too many users", ENOTSOCK "Socket operation on non-socket",
    EDESTADDRREQ "Destination address required", EMSGSIZE "Message too long",
    EPROTOTYPE "Protocol wrong type for socket", ENOPROTOOPT "Protocol not available",
    EPROTONOSUPPORT "Protocol not supported", ESOCKTNOSUPPORT "Socket type not supported",
    EOPNOTSUPP "Operation not supported", EPFNOSUPPORT "Protocol family not supported",
    EAFNOSUPPORT "Address family not supported by protocol", EADDRINUSE "Address already in use",
    EADDRNOTAVAIL "Cannot assign requested address", ENETDOWN "Network is down",
    ENETUNREACH "Network is unreachable", ENETRESET "Network dropped connection on reset",
    ECONNABORTED "Software caused connection abort", ECONNRESET "Connection reset by peer",
    ENOBUFS "No buffer space available", EISCONN "Transport endpoint is already connected",
    ENOTCONN "Transport endpoint is not connected", ESHUTDOWN "Cannot send after transport endpoint shutdown",
    ETIMEDOUT "Connection timed out", ECONNREFUSED "Connection refused", EHOSTDOWN "Host is down",
    EHOSTUNREACH "No route to host", EALREADY "Operation already in progress",
    EINPROGRESS "Operation now in progress", ESTALE "Stale file handle", EDQUOT "Disk quota exceeded",
    ENOMEDIUM "No medium found", EMEDIUMTYPE "Wrong medium type", ECANCELED "Operation canceled",
    ENOKEY "Required key not available", EKEYEXPIRED "Key has expired", EKEYREVOKED "Key has been revoked",
    EKEYREJECTED "Key was rejected by service", EOWNERDEAD "Owner died",
    ENOTRECOVERABLE "State not recoverable", ERFKILL "Operation not possible due to RF-kill",
    EHWPOISON "Memory page has hardware error",
}

impl Errno {
    /// Internal: restart if the handler has SA_RESTART or there is none; else EINTR (linux/errno.h).
    pub const ERESTARTSYS: Self = Self(512);
    /// Internal: always restart.
    pub const ERESTARTNOINTR: Self = Self(513);
    /// Internal: restart if there is no handler; else EINTR.
    pub const ERESTARTNOHAND: Self = Self(514);
    /// Internal: restart by restart_syscall if there is no handler; else EINTR.
    pub const ERESTART_RESTARTBLOCK: Self = Self(516);

    /// The name as in errno(3), the internal restart codes included; `E?` for a number that is none.
    pub fn name(self) -> &'static str {
        match self {
            Self::ERESTARTSYS => "ERESTARTSYS",
            Self::ERESTARTNOINTR => "ERESTARTNOINTR",
            Self::ERESTARTNOHAND => "ERESTARTNOHAND",
            Self::ERESTART_RESTARTBLOCK => "ERESTART_RESTARTBLOCK",
            _ => Self::ALL.iter().find(|row| row.0 == self).map_or("E?", |row| row.1),
        }
    }

    /// What it means, as strerror(3) says it.
    pub fn text(self) -> &'static str {
        match self.0 {
            512..=516 => "To be restarted",
            _ => Self::ALL.iter().find(|row| row.0 == self).map_or("Unknown error", |row| row.2),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.0)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl From<Fault> for Errno {
    fn from(_: Fault) -> Self {
        Self::EFAULT
    }
}
