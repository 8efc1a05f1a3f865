//! The i386 Linux ABI: what a 32-bit x86 kernel would do for the guest.
//!
//! - [`syscall`]: the table of every i386 system call, and its handlers in files named after man-page families.
//! - [`layout`]: i386 structures with size and offset asserts, one file per C header.
//! - [`mm`]: the guest's address space. [`signal`]: actions, queues, frames. [`host`]: the one door to the host kernel.
//!
//! Invariant of absence: knows nothing of x86 instructions, of IR or of A64 code. It sees [`ir::guest`] only, and reaches
//! the engine through [`Executor`].
#![allow(missing_debug_implementations, reason = "the derives of zerocopy make helper types in every record")]

pub mod context;
pub mod entry;
pub mod errno;
pub mod fs;
pub mod guest_mem;
pub mod host;
pub mod layout;
pub mod mm;
pub mod signal;
pub mod strace;
pub mod syscall;
pub mod tls;

pub use context::{Action, Cx, Executor, Process, SpawnRequest, SysResult, Thread, VdsoSymbols};
pub use errno::Errno;
pub use syscall::exec::{program_kind, ExecOptions, ProgramKind};

#[cfg(test)]
mod testing;
