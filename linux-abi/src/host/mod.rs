//! The one door to the host kernel.
//!
//! - [`syscall`]: one host call, for everything that cannot sleep for long.
//! - [`syscall_interruptible`]: for every call that may sleep. A signal for the guest that arrives at any moment before
//!   the kernel is entered makes it answer ERESTARTSYS instead of sleeping ([`door`]); none is ever lost.
//! - [`compat`]: the second way in, 32-bit system calls of a 64-bit task.
//! - [`call`]: arguments of host calls. [`copy`]: copies to and from guest memory that fault instead of crashing.
//! - [`alloc`]: ferry's own heap.
//! - [`thread`]: what a host signal handler knows about the thread it interrupts; [`clone`]: children that share memory.
use crate::errno::Errno;

pub mod alloc;
pub mod call;
pub mod clone;
pub mod compat;
pub mod copy;
pub mod door;
pub mod startup;
pub mod thread;

/// The answer of a call as the kernel gives it in a register: `-4095..=-1` is an error.
pub(crate) fn result(raw: i64) -> Result<u64, Errno> {
    match raw {
        -4095..=-1 => Err(Errno(-raw as i32)),
        _ => Ok(raw as u64),
    }
}

/// One host system call, with the host's own 64-bit number (`libc::SYS_*`).
///
/// A host signal handler restarts it where the kernel allows; it still answers EINTR where Linux never restarts.
/// Pointers among the arguments are guest addresses, or come from live Rust values.
pub fn syscall(nr: i64, args: [u64; 6]) -> Result<u64, Errno> {
    result(door::plain(nr as u64, args))
}

/// As [`syscall`], for a call that may sleep.
///
/// Errors besides those of the call: ERESTARTSYS if a signal is in hand or arrives while the call sleeps and Linux would
/// restart it after a handler with SA_RESTART; EINTR where Linux never restarts it. Return either to the dispatcher.
pub fn syscall_interruptible(nr: i64, args: [u64; 6]) -> Result<u64, Errno> {
    result(door::interruptible(nr as u64, args))
}

/// An entry of the auxiliary vector ferry itself was started with; 0 if there is none.
pub fn auxval(kind: u64) -> u64 {
    // SAFETY: reads the process's own auxiliary vector.
    unsafe { libc::getauxval(kind as libc::c_ulong) }
}
