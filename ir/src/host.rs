//! What the owner of the host's signal handlers and the engine say to each other about a host thread.
use crate::guest::{Access, FaultKind};

/// Registers of a host thread as a signal handler finds them.
#[derive(Clone, Debug)]
pub struct HostRegs {
    /// x0-x30.
    pub x: [u64; 31],
    /// Stack pointer.
    pub sp: u64,
    /// Program counter.
    pub pc: u64,
    /// PSTATE; NZCV in bits 31..28.
    pub pstate: u64,
    /// v0-v31.
    pub v: [u128; 32],
}

/// A SIGSEGV or SIGBUS of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostFault {
    /// The host address; anything outside the guest's 4 GiB comes from an address computation that wrapped.
    pub addr: u64,
    /// What was wanted.
    pub access: Access,
    /// Why it failed.
    pub kind: FaultKind,
}

/// What the engine made of an interrupted host context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// Not translated code: ferry's own. Nothing was changed.
    Foreign,
    /// Translated code; `CpuState` now holds the state before the guest instruction at its eip. The host is to be resumed at
    /// this pc, all other registers unchanged; `run` then returns `Exit::Fault`.
    Guest {
        /// Where to resume the host.
        resume_pc: u64,
    },
    /// The poll of a loop back-edge: as `Guest`, and the exit to report is `Exit::Interrupted`.
    Poll {
        /// As above.
        resume_pc: u64,
    },
}
