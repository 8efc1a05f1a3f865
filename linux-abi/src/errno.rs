//! Error numbers of the i386 ABI (asm-generic/errno.h; the same numbers as on arm64) and the kernel's internal restart codes.
use ir::guest::Fault;

/// A positive error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

impl Errno {
    /// Bad address.
    pub const EFAULT: Self = Self(libc::EFAULT);
    /// Function not implemented.
    pub const ENOSYS: Self = Self(libc::ENOSYS);
    /// Invalid argument.
    pub const EINVAL: Self = Self(libc::EINVAL);
    /// Interrupted.
    pub const EINTR: Self = Self(libc::EINTR);
    /// Internal: restart if the handler has SA_RESTART or there is none; else EINTR (linux/errno.h).
    pub const ERESTARTSYS: Self = Self(512);
    /// Internal: always restart.
    pub const ERESTARTNOINTR: Self = Self(513);
    /// Internal: restart if there is no handler; else EINTR.
    pub const ERESTARTNOHAND: Self = Self(514);
    /// Internal: restart by restart_syscall if there is no handler; else EINTR.
    pub const ERESTART_RESTARTBLOCK: Self = Self(516);
}

impl From<Fault> for Errno {
    fn from(_: Fault) -> Self {
        Self::EFAULT
    }
}
