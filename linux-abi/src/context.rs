//! Who a system call is for: the process, the thread, its registers; and the seam to the engine.
use crate::errno::Errno;
use crate::fs::FsContext;
use crate::mm::AddressSpace;
use crate::signal::{Actions, ThreadSignals};
use crate::tls::Tls;
use ir::guest::{CpuState, GuestAddr, GuestRange};
use std::sync::Arc;

/// What a handler answers: the value for eax, or the error that is negated into it.
pub type SysResult = Result<u32, Errno>;

/// What the run loop does after a system call, besides going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// This thread ends (exit(2)); the process goes on if it has others.
    ExitThread(i32),
    /// The process ends (exit_group(2)).
    ExitProcess(i32),
}

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

/// What the engine made of an interrupted host context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// Not translated code: ferry's own.
    Foreign,
    /// Translated code; `CpuState` now holds the state before the guest instruction at its eip. To leave `run`, resume
    /// the host at this pc (with x28 and sp unchanged).
    Guest {
        /// Where to resume the host so that `run` returns with the exit stored in the thread.
        resume_pc: u64,
    },
    /// The poll of a loop back-edge: as `Guest`, and the exit to report is `Exit::Interrupted`.
    Poll {
        /// As above.
        resume_pc: u64,
    },
}

/// A new guest thread or a vfork-like child that shares memory: everything it starts with.
#[derive(Debug)]
pub struct SpawnRequest {
    /// Its ABI state.
    pub thread: Thread,
    /// Its registers.
    pub state: CpuState,
    /// The CLONE_* flags of the guest's call.
    pub flags: u64,
}

/// What the ABI needs from the engine; `loader::Machine` implements it.
pub trait Executor: Send + Sync {
    /// Translations of these bytes are stale: drop them before the call returns.
    fn invalidate(&self, range: GuestRange);

    /// A second thread or a writable shared mapping appears: from now on translated code keeps x86-TSO order.
    fn become_ordered(&self);

    /// Runs a new guest thread on a new host thread that shares everything; its host tid.
    fn spawn_thread(&self, request: SpawnRequest) -> Result<i32, Errno>;

    /// Makes the thread with this host tid leave translated code soon. Async-signal-safe.
    fn request_exit(&self, tid: i32);

    /// Finds out what a host context is. Async-signal-safe: must not lock or allocate.
    fn recover(&self, regs: &HostRegs) -> Recovered;
}

/// What all threads of a guest process share.
pub struct Process {
    /// Memory map.
    pub mm: AddressSpace,
    /// Root overlay, program names.
    pub fs: FsContext,
    /// Signal actions and process-wide queue.
    pub actions: Actions,
    /// The engine.
    pub executor: Arc<dyn Executor>,
    /// Print every system call to stderr as strace does.
    pub strace: bool,
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").finish_non_exhaustive()
    }
}

/// What belongs to one guest thread, besides its registers.
#[derive(Debug)]
pub struct Thread {
    /// Host (= guest) thread id.
    pub tid: i32,
    /// Mask, pending queue, alternate stack.
    pub signals: ThreadSignals,
    /// TLS descriptors of the GDT.
    pub tls: Tls,
    /// Where to store 0 and wake a futex at exit (set_tid_address).
    pub clear_child_tid: GuestAddr,
    /// set_robust_list.
    pub robust_list: GuestAddr,
    /// What the run loop is to do after this call.
    pub action: Option<Action>,
}

/// Everything a handler may touch.
#[derive(Debug)]
pub struct Cx<'a> {
    /// The process.
    pub process: &'a Arc<Process>,
    /// The calling thread.
    pub thread: &'a mut Thread,
    /// Its registers.
    pub state: &'a mut CpuState,
}
