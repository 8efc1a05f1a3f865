//! Who a system call is for: the process, the thread, its registers; and the seam to the engine.
use crate::errno::Errno;
use crate::fs::FsContext;
use crate::mm::AddressSpace;
use crate::signal::{Actions, ThreadSignals};
use crate::syscall::exec::ExecOptions;
use crate::syscall::thread::ThreadList;
use crate::tls::{Ldt, Tls};
use ir::guest::{CpuState, GuestAddr, GuestRange};
use ir::host::{HostFault, HostRegs, Recovered};
use std::any::Any;
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

/// A guest thread to run: everything it starts with.
#[derive(Debug)]
pub struct SpawnRequest {
    /// Its process: that of its creator, or a new one that shares the address space (CLONE_VM without CLONE_THREAD).
    pub process: Arc<Process>,
    /// Its ABI state.
    pub thread: Thread,
    /// Its registers.
    pub state: CpuState,
}

/// What the ABI needs from the engine; `loader::Machine` implements it.
pub trait Executor: Send + Sync {
    /// Translations of these bytes are stale: drop them before the call returns. Called without any lock of the ABI's.
    fn invalidate(&self, range: GuestRange);

    /// A second thread or a writable shared mapping appears: from now on translated code keeps x86-TSO order.
    fn become_ordered(&self);

    /// Whether accesses through GS must respect the segment's limit from now on: not as long as it has had none in any
    /// thread. Once they must, they always do.
    fn check_gs(&self, on: bool);

    /// Whether they do so now.
    fn checks_gs(&self) -> bool;

    /// Runs a guest thread, which has been entered, on the calling host thread until it ends; the status of exit(2).
    ///
    /// Called on a fresh host thread, or on a fresh stack in a child that shares memory (vfork): there it may never
    /// return, because the child execs. So whatever the thread needs of its own (not on the stack) is to be put into
    /// `keep`: the caller drops it when the thread is gone.
    fn run_thread(&self, request: &mut SpawnRequest, keep: &mut Option<Box<dyn Any>>) -> i32;

    /// Calls `fork` while the engine's locks are held, so that the child finds them in order; gives back its result.
    /// In the child (`Ok(0)`) only the calling thread is left.
    fn fork(&self, fork: &mut dyn FnMut() -> Result<i32, Errno>) -> Result<i32, Errno> {
        fork()
    }

    /// Makes the calling host thread leave translated code soon, and `run` return `Exit::Interrupted` at the latest after
    /// the next loop back-edge it executes. Stays in force until an exit reports it. Async-signal-safe.
    fn request_exit(&self);

    /// Finds out what a faulting host context is and, if it is translated code, stores the exit (`Exit::Fault` or
    /// `Exit::Interrupted`). Async-signal-safe: must not lock or allocate.
    fn recover(&self, regs: &HostRegs, fault: HostFault) -> Recovered;
}

/// Guest addresses of what the vDSO offers to the kernel side.
#[derive(Clone, Copy, Debug, Default)]
pub struct VdsoSymbols {
    /// Where SYSENTER goes on: after the `int 0x80` of `__kernel_vsyscall`.
    pub sysenter_return: GuestAddr,
    /// `__kernel_sigreturn`.
    pub sigreturn: GuestAddr,
    /// `__kernel_rt_sigreturn`.
    pub rt_sigreturn: GuestAddr,
}

/// What all threads of a guest process share. A child made by clone(2) with CLONE_VM has a `Process` of its own with the
/// same `mm`.
pub struct Process {
    /// Memory map.
    pub mm: Arc<AddressSpace>,
    /// Root overlay, program names.
    pub fs: Arc<FsContext>,
    /// Signal actions.
    pub actions: Arc<Actions>,
    /// LDT.
    pub ldt: Arc<Ldt>,
    /// Its threads, as far as others must know of them.
    pub threads: ThreadList,
    /// The engine.
    pub executor: Arc<dyn Executor>,
    /// The vDSO, if one is mapped.
    pub vdso: Option<VdsoSymbols>,
    /// How execve(2) starts ferry again for an i386 program.
    pub exec: Arc<ExecOptions>,
    /// Print every system call to stderr as strace does.
    pub strace: bool,
}

impl Process {
    /// The process of a freshly loaded program: takes the host's signals with the actions ferry was exec'd with.
    pub fn new(mm: Arc<AddressSpace>, fs: Arc<FsContext>, executor: Arc<dyn Executor>) -> Self {
        mm.attach_engine(Arc::clone(&executor));
        crate::signal::host_handler::set_engine(Arc::clone(&executor));
        Self {
            mm,
            fs,
            actions: Arc::new(Actions::inherited()),
            ldt: Arc::default(),
            threads: ThreadList::default(),
            executor,
            vdso: None,
            exec: Arc::default(),
            strace: false,
        }
    }

    /// Holds the locks of everything that a fork copies, so that the child finds them free. Those who hold one of them and take
    /// another take that of the memory last.
    pub(crate) fn hold_for_fork(&self) -> impl Sized + '_ {
        let own = (self.actions.lock(), self.ldt.lock(), self.threads.lock(), self.fs.hold_for_fork());
        (own, crate::syscall::aio::rings(), self.mm.hold_for_fork())
    }

    /// A child process that shares this one's memory; its signal actions are its own unless `share_actions`.
    pub(crate) fn sharing_memory(&self, share_actions: bool) -> Self {
        let actions = match share_actions {
            true => Arc::clone(&self.actions),
            false => Arc::new(Actions::clone(&self.actions)),
        };
        Self {
            mm: Arc::clone(&self.mm),
            fs: Arc::clone(&self.fs),
            actions,
            ldt: Arc::clone(&self.ldt),
            threads: ThreadList::default(),
            executor: Arc::clone(&self.executor),
            vdso: self.vdso,
            exec: Arc::clone(&self.exec),
            strace: self.strace,
        }
    }
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").finish_non_exhaustive()
    }
}

/// What belongs to one guest thread, besides its registers.
#[derive(Debug, Default)]
pub struct Thread {
    /// Host (= guest) thread id.
    pub tid: i32,
    /// Mask, alternate stack, signals in hand.
    pub signals: ThreadSignals,
    /// TLS descriptors of the GDT.
    pub tls: Tls,
    /// Where to store 0 and wake a futex at exit (set_tid_address).
    pub clear_child_tid: GuestAddr,
    /// set_robust_list.
    pub robust_list: GuestAddr,
    /// Whether the host kernel has the robust list itself (compat entry).
    pub robust_in_kernel: bool,
    /// What restart_syscall(2) is to do.
    pub restart: Option<Restart>,
    /// What the run loop is to do after this call.
    pub action: Option<Action>,
}

/// A call that answered ERESTART_RESTARTBLOCK, to be taken up by restart_syscall(2).
#[derive(Clone, Copy, Debug)]
pub struct Restart {
    /// The i386 number.
    pub nr: u32,
    /// Its arguments, changed so that it does the rest only (a sleep until an absolute time, say).
    pub args: [u32; 6],
    /// When it is to end, on the clock its handler uses; nanoseconds.
    pub deadline: u64,
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
