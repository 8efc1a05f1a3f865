//! The memory of one guest thread: CPU state, poll page, shadow stack.
//!
//! ```text
//! | state: CpuState at poll - 8192 | poll | guard | shadow stack, grows down | guard |
//! ```
//!
//! The poll page is read at loop back-edges; `request_exit` takes its read permission away, the fault handler makes an exit
//! of it. Guard pages around the shadow stack turn its overflow into a fault that recovery repairs: the stack is only a
//! prediction, so it may start anew anywhere.
//!
//! `CpuState::host` belongs to the runtime and to generated code; [`word`] is its table.
use super::mapping::{page_size, Mapping};
use super::world::World;
use crate::codegen::abi;
use ir::guest::state::HOST_WORDS;
use ir::guest::CpuState;
use std::cell::Cell;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::Arc;

/// Words of `CpuState::host`. From `abi::SPILL_FIRST_WORD` on they are the register allocator's.
pub(crate) mod word {
    /// Stack pointer inside `enter`, for exits after a fault.
    pub(crate) const SP: u32 = 0;
    /// Lookup table base.
    pub(crate) const LOOKUP: u32 = 1;
    /// Shadow stack pointer while translated code does not run; 0: start in the initial position.
    pub(crate) const SHADOW: u32 = 2;
    /// FPCR to enter with.
    pub(crate) const FPCR: u32 = 3;
    /// FPSR at the last exit.
    pub(crate) const FPSR: u32 = 4;
    /// Kind of an exit that recovery stored (`trampoline::ExitKind`).
    pub(crate) const EXIT: u32 = 5;
    /// First detail of an exit: link site, trap number, fault address.
    pub(crate) const ARG0: u32 = 6;
    /// Second detail of an exit: access and kind of a fault.
    pub(crate) const ARG1: u32 = 7;
    /// Return address of the helper stub.
    pub(crate) const HELPER_LR: u32 = 8;
    /// FPCR across a helper.
    pub(crate) const HELPER_FPCR: u32 = 9;
    /// FPSR across a helper.
    pub(crate) const HELPER_FPSR: u32 = 10;
    /// Where `shadow_reset` puts the shadow stack pointer.
    pub(crate) const SHADOW_RESET: u32 = 11;
    /// Where `shadow_reset` goes on.
    pub(crate) const RESUME: u32 = 12;
    /// `abi::X87_NZCV`.
    pub(crate) const X87_NZCV: u32 = 13;
    /// One past the last word of the runtime.
    pub(crate) const END: u32 = 14;
}

const _: () = assert!(word::END <= abi::SPILL_FIRST_WORD && abi::host_word(word::X87_NZCV) == abi::X87_NZCV);

/// Bytes of a shadow stack; touched as the guest's calls nest.
const SHADOW_LEN: usize = 1 << 20;
/// Entries kept free above the initial position: a search up from there stays inside.
const SHADOW_SLACK: u64 = 64 * abi::SHADOW_ENTRY as u64;

/// eflags.TF.
const TF: u32 = 1 << 8;
/// eflags.AC.
const AC: u32 = 1 << 18;

/// Bits of `ThreadMemory::requests`.
mod request {
    /// Leave `run` with `Exit::Interrupted`.
    pub(super) const EXIT: u32 = 1;
    /// Leave translated code, look at the world, go on.
    pub(super) const KICK: u32 = 2;
}

thread_local! {
    /// The guest thread that this host thread runs. Constant initialiser and no destructor, so that a signal handler can
    /// read it.
    static CURRENT: Cell<*const ThreadMemory> = const { Cell::new(std::ptr::null()) };
}

/// The guest thread that the calling host thread runs. Async-signal-safe.
pub(crate) fn current<'a>() -> Option<&'a ThreadMemory> {
    // SAFETY: set by `ThreadContext::bind` to memory that its context keeps; the context's drop takes it back.
    unsafe { CURRENT.get().as_ref() }
}

/// A guest thread's memory and the words through which others talk to it.
#[derive(Debug)]
pub(crate) struct ThreadMemory {
    mapping: Mapping,
    poll: usize,
    shadow: usize,
    /// Not zero while the thread is in translated code or about to enter it.
    pub(crate) inside: AtomicU32,
    requests: AtomicU32,
}

impl ThreadMemory {
    fn new() -> io::Result<Self> {
        let page = page_size();
        let poll = (abi::POLL as usize).next_multiple_of(page);
        let shadow = poll + 2 * page;
        let mapping = Mapping::new(shadow + SHADOW_LEN + page, libc::PROT_READ | libc::PROT_WRITE)?;
        mapping.protect(poll, page, libc::PROT_READ)?;
        mapping.protect(poll + page, page, libc::PROT_NONE)?;
        mapping.protect(shadow + SHADOW_LEN, page, libc::PROT_NONE)?;
        Ok(Self { mapping, poll, shadow, inside: AtomicU32::new(0), requests: AtomicU32::new(0) })
    }

    /// Where the state is.
    pub(crate) fn state(&self) -> NonNull<CpuState> {
        let offset = self.poll - abi::POLL as usize;
        NonNull::new(self.mapping.base().wrapping_add(offset)).expect("mapped").cast()
    }

    /// A word of `CpuState::host`, which recovery (on the same host thread) and `run` share.
    pub(crate) fn word(&self, n: u32) -> &AtomicU64 {
        assert!(n < HOST_WORDS as u32);
        let at = self.state().as_ptr().cast::<u8>().wrapping_add(abi::host_word(n) as usize);
        // SAFETY: inside the mapped state, 8-byte aligned; while the state is borrowed mutably nobody calls this.
        unsafe { AtomicU64::from_ptr(at.cast()) }
    }

    /// Asks for `Exit::Interrupted`. Async-signal-safe.
    pub(crate) fn request_exit(&self) {
        self.request(request::EXIT);
    }

    fn request(&self, bits: u32) {
        // The permission changes once per consumed request; `rearm_exit` gives it back.
        if self.requests.fetch_or(bits, Ordering::SeqCst) == 0 {
            let done = self.mapping.protect(self.poll, page_size(), libc::PROT_NONE);
            assert!(done.is_ok());
        }
    }

    /// Asks the thread to leave translated code and come back when the world allows it.
    pub(crate) fn kick(&self) {
        self.request(request::KICK);
    }

    /// Whether anything was requested.
    pub(crate) fn is_requested(&self) -> bool {
        self.requests.load(Ordering::SeqCst) != 0
    }

    /// Takes what was requested; whether `run` is to return.
    pub(crate) fn take_requests(&self) -> bool {
        self.is_requested() && self.rearm_exit()
    }

    /// Makes the poll page readable, then takes the requests: one that comes between the two is answered by this exit.
    /// Whether `run` is to return.
    pub(crate) fn rearm_exit(&self) -> bool {
        self.mapping.protect(self.poll, page_size(), libc::PROT_READ).expect("mprotect of the poll page");
        self.requests.swap(0, Ordering::SeqCst) & request::EXIT != 0
    }

    fn shadow_range(&self) -> (u64, u64) {
        let start = self.mapping.base() as u64 + self.shadow as u64;
        (start, start + SHADOW_LEN as u64)
    }

    /// The initial position of the shadow stack.
    pub(crate) fn shadow_top(&self) -> u64 {
        self.shadow_range().1 - SHADOW_SLACK
    }

    /// Where the shadow stack goes on after it overflowed.
    pub(crate) fn shadow_middle(&self) -> u64 {
        let (start, end) = self.shadow_range();
        start + (end - start) / 2
    }

    /// Whether a host address is in one of the guard pages of the shadow stack.
    pub(crate) fn in_shadow_guard(&self, addr: u64) -> bool {
        let (start, end) = self.shadow_range();
        let page = page_size() as u64;
        (start - page..start).contains(&addr) || (end..end + page).contains(&addr)
    }

    /// Forgets all predictions; the thread must be outside translated code.
    pub(crate) fn clear_shadow(&self) {
        self.mapping.discard(self.shadow, SHADOW_LEN);
        self.word(word::SHADOW).store(0, Ordering::Relaxed);
    }
}

/// A guest thread as the engine sees it: made by `Engine::new_thread`, dropped when the thread is gone.
#[derive(Debug)]
pub struct ThreadContext {
    pub(crate) memory: Arc<ThreadMemory>,
    world: Arc<World>,
}

impl ThreadContext {
    pub(crate) fn new(world: &Arc<World>) -> io::Result<Self> {
        let memory = Arc::new(ThreadMemory::new()?);
        // SAFETY: mapped, aligned, and nobody else has it yet.
        unsafe { memory.state().write(CpuState::default()) };
        world.add(Arc::clone(&memory));
        Ok(Self { memory, world: Arc::clone(world) })
    }

    /// Makes this the guest thread that the calling host thread runs: the one that `Engine::request_exit` and
    /// `Engine::recover` mean. `run` does it as well; a host thread that lends itself to another guest thread (the parent
    /// of a vfork) binds its own again.
    pub fn bind(&self) {
        CURRENT.set(&*self.memory);
    }

    /// The guest's registers. Complete whenever `run` is not running.
    pub fn state(&self) -> &CpuState {
        // SAFETY: initialised in `new`; translated code writes it only inside `run`, which borrows `self` mutably.
        unsafe { self.memory.state().as_ref() }
    }

    /// The guest's registers, to be changed. The words in `host` are the engine's: use [`Self::load`] to copy a state.
    pub fn state_mut(&mut self) -> &mut CpuState {
        // SAFETY: as `state`, and `self` is borrowed mutably.
        unsafe { self.memory.state().as_mut() }
    }

    /// Takes over the guest's registers from another state, all but the engine's words.
    pub fn load(&mut self, state: &CpuState) {
        let own = self.state_mut();
        let host = own.host;
        own.clone_from(state);
        own.host = host;
    }

    /// Whether eflags.TF is set: every instruction is followed by a debug trap.
    pub(crate) fn single_steps(&self) -> bool {
        self.state().eflags_system & TF != 0
    }

    /// Whether eflags.AC is set: misaligned operands fault.
    pub(crate) fn checks_alignment(&self) -> bool {
        self.state().eflags_system & AC != 0
    }

    /// Whether the thread is in a mode that translated code does not know.
    pub(crate) fn is_interpreted(&self) -> bool {
        self.state().eflags_system & (TF | AC) != 0 || self.state().segmented != 0
    }

    /// A handle through which the thread can be asked to leave translated code.
    pub fn exit_handle(&self) -> ExitHandle {
        ExitHandle(Arc::clone(&self.memory))
    }
}

impl Drop for ThreadContext {
    fn drop(&mut self) {
        if CURRENT.get() == &*self.memory {
            CURRENT.set(std::ptr::null());
        }
        self.world.remove(&self.memory);
    }
}

/// Asks a thread to leave; keeps the thread's memory mapped, so it may outlive the thread.
#[derive(Clone, Debug)]
pub struct ExitHandle(Arc<ThreadMemory>);

impl ExitHandle {
    /// Makes `run` of the thread return `Exit::Interrupted` at the next loop back-edge or miss, or at once when it is
    /// called next. Async-signal-safe.
    pub fn request_exit(&self) {
        self.0.request_exit();
    }

    /// Whether a request has not been answered yet.
    pub fn requested(&self) -> bool {
        self.0.requests.load(Ordering::SeqCst) & request::EXIT != 0
    }
}
