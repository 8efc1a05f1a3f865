//! System calls: dispatch over the table, and the handlers in files named after man-page families.
//!
//! A handler gets the guest's registers as [`Args`] and answers a value for eax or an error. Guest pointers go to the host
//! kernel as they are wherever the layout is the same; what differs is converted through [`crate::layout`].
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::host;
use crate::strace::{self, Fmt};

pub mod args;
pub mod table;

pub mod aio;
pub mod clone;
pub mod dir;
pub mod exec;
pub mod fd;
pub mod file;
pub mod futex;
pub mod ids;
pub mod ioctl;
pub mod iov;
pub mod ipc;
pub mod keys;
pub mod mem;
pub mod mount;
pub mod mq;
pub mod msg;
pub mod notify;
pub mod nr;
pub mod numa;
pub mod poll;
pub mod process;
pub mod rlimit;
pub mod sched;
pub mod sem;
pub mod shm;
pub mod signal;
pub mod socket;
pub mod stat;
pub mod statfs;
pub mod sysinfo;
pub mod thread;
pub mod time;
pub mod timer;
pub mod wait;
pub mod xattr;

pub use args::Args;
pub use table::TABLE;

/// How much of a call works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// As on a 32-bit x86 kernel.
    Full,
    /// Works; the note says what is missing.
    Partial(&'static str),
    /// Always answers this error; the note says why that is right, or what is missing.
    Errno(Errno, &'static str),
}

/// What carries a call out in user-space translation.
#[derive(Clone, Copy)]
pub enum Handler {
    /// A function of ours.
    Do(fn(&mut Cx<'_>, &Args) -> SysResult),
    /// The host's call with this 64-bit number takes the same arguments, zero-extended.
    Host(i64),
    /// Nothing to do: the answer is the error of [`Support::Errno`].
    Nothing,
}

impl std::fmt::Debug for Handler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Do(_) => f.write_str("Do"),
            Self::Host(nr) => write!(f, "Host({nr})"),
            Self::Nothing => f.write_str("Nothing"),
        }
    }
}

/// How a call reaches a host kernel that has the compat entry. On other kernels every call is `User`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// User-space translation, on both hosts.
    User,
    /// The compat entry takes it unchanged under this AArch32 number.
    Compat(u16),
    /// The compat entry would take it under this AArch32 number after re-packing for the Arm layout; translated in user
    /// space so far.
    CompatRepack(u16),
}

/// Whether a call sleeps, and what the guest is told when a signal interrupts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It does not sleep, or not interruptibly.
    No,
    /// Restarted if the handler has SA_RESTART or there is none.
    Restart,
    /// Restarted if no handler runs.
    NoHand,
    /// Restarted through restart_syscall(2) if no handler runs.
    Block,
    /// Always EINTR.
    Eintr,
}

impl Wait {
    /// What the guest's kernel side is told when the host answers `errno`: ERESTARTSYS if a signal stopped the call, EINTR
    /// if Linux would not restart it either way.
    pub fn interrupted(self, errno: Errno) -> Errno {
        match (self, errno) {
            (Self::No | Self::Eintr, Errno::ERESTARTSYS) => Errno::EINTR,
            (Self::NoHand, Errno::ERESTARTSYS | Errno::EINTR) => Errno::ERESTARTNOHAND,
            (Self::Block, Errno::ERESTARTSYS | Errno::EINTR) => Errno::ERESTART_RESTARTBLOCK,
            _ => errno,
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The i386 number.
    pub nr: u16,
    /// The name in asm/unistd_32.h; empty for a number nobody was given.
    pub name: &'static str,
    /// How much works.
    pub support: Support,
    /// What carries it out.
    pub handler: Handler,
    /// How it goes through the compat entry.
    pub via: Via,
    /// Whether it sleeps.
    pub wait: Wait,
    /// How `--strace` shows arguments and result.
    pub fmt: &'static [Fmt],
}

impl Entry {
    /// The row of an i386 number; `None` past the end.
    pub fn get(nr: u32) -> Option<&'static Self> {
        TABLE.get(nr as usize)
    }

    /// Whether the call goes through the compat entry on this host.
    pub fn passes_through(&self) -> bool {
        matches!(self.via, Via::Compat(_)) && host::compat::present()
    }

    /// Carries the call out, without tracing.
    pub fn call(&'static self, cx: &mut Cx<'_>, args: [u32; 6]) -> SysResult {
        if let Some(result) = self.through_compat(cx, args) {
            return result;
        }
        let args = Args::new(args, self);
        match self.handler {
            Handler::Do(handler) => handler(cx, &args),
            Handler::Host(nr) => cx.host(&args, nr, args.zero_extended()),
            Handler::Nothing => Err(match self.support {
                Support::Errno(errno, _) => errno,
                Support::Full | Support::Partial(_) => Errno::ENOSYS,
            }),
        }
    }
}

impl Entry {
    /// The call through the compat entry, if the host has it and the row says that it needs no re-packing. Buffers the
    /// kernel fills are known from the trace format.
    fn through_compat(&self, cx: &Cx<'_>, args: [u32; 6]) -> Option<SysResult> {
        let Via::Compat(arm_nr) = self.via else { return None };
        if !host::compat::present() {
            return None;
        }
        Fmt::announce(cx, self.fmt, args);
        let arm_nr = u32::from(arm_nr);
        Some(match self.wait {
            Wait::No => host::compat::compat_syscall(arm_nr, args),
            wait => host::compat::compat_syscall_interruptible(arm_nr, args).map_err(|errno| wait.interrupted(errno)),
        })
    }
}

/// Carries out system call `nr` of the guest; `args` are EBX ECX EDX ESI EDI EBP. Numbers that nobody was given answer
/// ENOSYS. Restart codes (512 and up) may come back and are for the signal code.
pub fn dispatch(cx: &mut Cx<'_>, nr: u32, args: [u32; 6]) -> SysResult {
    let Some(entry) = Entry::get(nr) else {
        return if cx.process.strace { strace::unknown(cx, nr, args) } else { Err(Errno::ENOSYS) };
    };
    if cx.process.strace {
        return strace::traced(cx, entry, args);
    }
    entry.call(cx, args)
}

impl Cx<'_> {
    /// One host call on behalf of the guest's call `args`: through the interruptible door if the table says that it may
    /// sleep, with EINTR turned into the restart code that fits.
    pub fn host(&mut self, args: &Args, nr: i64, host_args: [u64; 6]) -> SysResult {
        self.host64(args, nr, host_args).map(|value| value as u32)
    }

    /// As [`Cx::host`], with the whole 64-bit result.
    pub fn host64(&mut self, args: &Args, nr: i64, host_args: [u64; 6]) -> Result<u64, Errno> {
        match args.entry.wait {
            Wait::No => host::syscall(nr, host_args),
            wait => host::syscall_interruptible(nr, host_args).map_err(|errno| wait.interrupted(errno)),
        }
    }
}

#[cfg(test)]
mod tests;
