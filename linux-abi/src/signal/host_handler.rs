//! The one host signal handler, for every signal that ferry takes from the kernel.
//!
//! A synchronous SIGSEGV or SIGBUS is a copy of ferry's ([`copy`]), translated code (the engine's), or a bug of ours. Any
//! other signal is the guest's: it is kept in the thread's slot, everything that can be blocked stays blocked until it is
//! delivered, and the thread is made to leave translated code or the door to the kernel. docs/signals.md has the whole
//! story. Nothing here locks or allocates.
use super::{bit, SigInfo64};
use crate::context::Executor;
use crate::host::{self, copy, door, thread};
use ir::guest::{Access, FaultKind};
use ir::host::{HostFault, HostRegs, Recovered};
use std::sync::{Arc, OnceLock};

mod context;
use context::HostContext;

/// Signals that are never blocked on the host: ferry's own memory faults need them.
pub(crate) const NEVER_BLOCKED: u64 = bit(libc::SIGSEGV) | bit(libc::SIGBUS);

static ENGINE: OnceLock<Arc<dyn Executor>> = OnceLock::new();

/// Who is asked about faults in translated code and told to leave it. Once per process.
pub fn set_engine(engine: Arc<dyn Executor>) {
    // A second call can only come from a test that shares the process.
    let _ = ENGINE.set(engine);
}

/// Takes SIGSEGV and SIGBUS, so that copies to and from guest memory can fault.
pub fn install_faults() {
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        set_disposition(signal, Disposition::Handler, 0);
    }
}

/// What the host kernel does with a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// SIG_DFL.
    Default,
    /// SIG_IGN.
    Ignore,
    /// Our handler.
    Handler,
}

/// A kernel sigaction of a 64-bit task.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct KernelAction {
    handler: usize,
    flags: u64,
    restorer: usize,
    mask: u64,
}

/// Sets what the host kernel does with `signal`; `flags` are SA_NOCLDSTOP and SA_NOCLDWAIT at most.
pub(crate) fn set_disposition(signal: i32, disposition: Disposition, flags: u64) {
    let handler = match disposition {
        Disposition::Default => libc::SIG_DFL,
        Disposition::Ignore => libc::SIG_IGN,
        Disposition::Handler => handle as extern "C" fn(i32, *mut SigInfo64, *mut HostContext) as *const () as usize,
    };
    // SA_RESTART: a call the kernel would restart comes back to the door with its pc rewound, any other with EINTR.
    let flags = flags | (libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART) as u64;
    let (flags, restorer) = context::restorer(flags);
    let action = KernelAction { handler, flags, restorer, mask: u64::MAX };
    let pointer = (&raw const action).expose_provenance() as u64;
    // Refused for SIGKILL and SIGSTOP only, which the guest's table refuses first.
    let _ = host::syscall(libc::SYS_rt_sigaction, [signal as u64, pointer, 0, 8, 0, 0]);
}

/// What the host kernel does with `signal` now.
pub(crate) fn disposition(signal: i32) -> Disposition {
    let mut action = KernelAction::default();
    let pointer = (&raw mut action).expose_provenance() as u64;
    match host::syscall(libc::SYS_rt_sigaction, [signal as u64, 0, pointer, 8, 0, 0]) {
        Ok(_) if action.handler == libc::SIG_IGN => Disposition::Ignore,
        Ok(_) if action.handler != libc::SIG_DFL => Disposition::Handler,
        _ => Disposition::Default,
    }
}

extern "C" fn handle(signal: i32, info: *mut SigInfo64, context: *mut HostContext) {
    // SAFETY: the kernel passes valid pointers into the frame it has made for this handler.
    let (info, context) = unsafe { (&*info, &mut *context) };
    // SAFETY: errno is a thread-local integer; what was interrupted may be about to read it.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let saved = unsafe { *errno };
    if NEVER_BLOCKED & bit(signal) != 0 && info.raised_by_kernel() {
        on_fault(signal, info, context);
    } else {
        on_async(info, context);
    }
    // SAFETY: as above.
    unsafe { *errno = saved };
}

fn on_async(info: &SigInfo64, context: &mut HostContext) {
    context.block(!NEVER_BLOCKED);
    let Some(thread) = thread::current() else {
        // Not a guest's thread: give it back to the process, this thread no longer takes it.
        info.send_to_process();
        return;
    };
    // A full slot means SIGSEGV or SIGBUS twice: the kernel would not queue it a second time either.
    let _ = thread.capture(info.bytes());
    match door::interrupted(context.pc()) {
        Some(abort) => context.set_pc(abort),
        None => ENGINE.get().into_iter().for_each(|engine| engine.request_exit()),
    }
}

fn on_fault(signal: i32, info: &SigInfo64, context: &mut HostContext) {
    let kind = match (signal, info.code()) {
        (libc::SIGBUS, _) => FaultKind::Bus,
        (_, super::SEGV_MAPERR) => FaultKind::Unmapped,
        _ => FaultKind::Protected,
    };
    let addr = info.addr();
    if let Some(landing) = copy::landing(context.pc()) {
        context.set_results(copy::fault_code(kind), addr);
        context.set_pc(landing);
        return;
    }
    // A pc that cannot be fetched from: the engine knows which of those are its own doing.
    let fetch = addr == context.pc();
    let access = if !fetch && context.was_write() { Access::Write } else { Access::Read };
    let regs = context.regs();
    let fault = HostFault { addr, access, kind };
    match ENGINE.get().map_or(Recovered::Foreign, |engine| engine.recover(&regs, fault)) {
        Recovered::Guest { resume_pc } | Recovered::Poll { resume_pc } => context.set_pc(resume_pc),
        Recovered::Foreign => die_of_own_fault(signal, &regs, fault),
    }
}

/// ferry itself has faulted: says where, and lets the instruction fault again without a handler.
fn die_of_own_fault(signal: i32, regs: &HostRegs, fault: HostFault) {
    let mut text = [0u8; 160];
    let mut out = super::Line::new(&mut text);
    out.text("ferry: internal error: fault at address 0x").hex(fault.addr);
    out.text(" in ferry's own code at 0x").hex(regs.pc).text(" (image base 0x");
    out.hex(install_faults as fn() as *const () as u64).text(" is install_faults)\n");
    out.print();
    set_disposition(signal, Disposition::Default, 0);
}

/// Gives the calling thread the stack its handler runs on. Lives as long as the thread runs a guest.
#[derive(Debug)]
pub(crate) struct HandlerStack {
    /// The stack; on the heap, high.
    _memory: Box<[u8]>,
}

impl HandlerStack {
    /// Room for the largest frame (vector state included) and what the engine does in it.
    pub fn install() -> Self {
        // SAFETY: reads the auxiliary vector.
        let frame = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) } as usize;
        let mut memory = vec![0u8; frame.max(8192) + 32768].into_boxed_slice();
        let stack = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: memory.len() };
        // SAFETY: the memory stays allocated until `drop` has taken the stack back.
        unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) };
        Self { _memory: memory }
    }
}

impl Drop for HandlerStack {
    fn drop(&mut self) {
        let off = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
        // SAFETY: takes the stack back before its memory is freed.
        unsafe { libc::sigaltstack(&off, std::ptr::null_mut()) };
    }
}

/// Sets the calling thread's blocked signals on the host to what the guest blocks; the mask before.
pub(crate) fn set_host_mask(guest_mask: u64) -> u64 {
    set_exact_mask(host_mask(guest_mask))
}

/// The same without exception: also for SIGSEGV and SIGBUS, so nothing of the guest's memory may be touched.
pub(crate) fn set_exact_mask(new: u64) -> u64 {
    let mut old = 0u64;
    let pointers = [(&raw const new).expose_provenance() as u64, (&raw mut old).expose_provenance() as u64];
    let args = [libc::SIG_SETMASK as u64, pointers[0], pointers[1], 8, 0, 0];
    // Cannot fail: the pointers are ours.
    let _ = host::syscall(libc::SYS_rt_sigprocmask, args);
    old
}

/// What the host blocks when the guest blocks `guest_mask`.
pub(crate) fn host_mask(guest_mask: u64) -> u64 {
    guest_mask & !NEVER_BLOCKED
}
