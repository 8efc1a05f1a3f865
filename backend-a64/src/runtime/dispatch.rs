//! The dispatcher: enters translated code, looks at why it came back, goes on until something concerns the caller.
use super::engine::Engine;
use super::fp;
use super::recover::stored_fault;
use super::thread::{word, ThreadContext, ThreadMemory};
use super::trampoline::ExitKind;
use super::HostPc;
use crate::codegen::X87Hint;
use ir::guest::{CpuState, Exit, Fault, GuestAddr, GuestMem, GuestRange, Trap};
use std::sync::atomic::Ordering;
use std::sync::Arc;

/// `enter`'s signature (trampoline.rs).
type Enter = unsafe extern "C" fn(state: *mut CpuState, pc: u64) -> u64;

/// Longest x86 instruction.
const MAX_INSN: usize = 15;

impl Engine {
    /// Runs the thread from its eip until an event, a fault or a request; its state is exact then.
    ///
    /// `mem` is how the interpreter reaches guest memory for the few instructions that translated code leaves to it.
    pub fn run(&self, thread: &mut ThreadContext, mem: &mut dyn GuestMem) -> Exit {
        thread.bind();
        thread.memory.word(word::LOOKUP).store(self.code.tables.base(), Ordering::Relaxed);
        let mut linked = false;
        loop {
            if thread.memory.take_requests() {
                return Exit::Interrupted;
            }
            if thread.is_interpreted() {
                match self.step_interpreted(thread, mem) {
                    Some(exit) => return exit,
                    None => continue,
                }
            }
            if self.execute_cold(thread, mem) {
                linked = false;
                continue;
            }
            let floats = self.floats();
            let kind = match self.enter(thread, linked) {
                Ok(Some(kind)) => kind,
                Ok(None) => continue,
                Err(fault) => return Exit::Fault(fault),
            };
            linked = kind == ExitKind::Link;
            if let Some(exit) = self.after(kind, floats, thread, mem) {
                return exit;
            }
        }
    }

    /// Executes code that has seldom run, if that is what is at the thread's eip; whether it got anywhere.
    ///
    /// Not beside other threads, and not where memory has to be accessed in order: what is executed like this has none.
    fn execute_cold(&self, thread: &mut ThreadContext, mem: &mut dyn GuestMem) -> bool {
        if self.visits.is_off() || self.code.probe(GuestAddr(thread.state().eip)).is_some() {
            return false;
        }
        if self.modes().0 || self.world.is_shared() {
            return false;
        }
        let memory = Arc::clone(&thread.memory);
        let mut go_on = |addr| self.code.probe(addr).is_none() && !memory.is_requested() && self.visits.count(addr);
        let done = self.source.execute(thread.state_mut(), mem, &mut go_on);
        self.counters.executed.add(done);
        done > 0
    }

    /// Enters translated code at the thread's eip; `None` if all code was dropped meanwhile. `linked`: control comes from
    /// a direct branch, which needs no lookup entry.
    fn enter(&self, thread: &mut ThreadContext, linked: bool) -> Result<Option<ExitKind>, Fault> {
        self.suit_floats(thread.state().mxcsr);
        let generation = self.generation.load(Ordering::SeqCst);
        let pc = self.find(thread.state(), linked)?;
        let memory = &*thread.memory;
        memory.word(word::FPCR).store(fp::fpcr_from_mxcsr(thread.state().mxcsr, self.afp), Ordering::Relaxed);
        self.world.enter(memory);
        if self.generation.load(Ordering::SeqCst) != generation {
            self.world.leave(memory);
            return Ok(None);
        }
        if memory.word(word::SHADOW).load(Ordering::Relaxed) == 0 {
            memory.word(word::SHADOW).store(memory.shadow_top(), Ordering::Relaxed);
        }
        // What MMX instructions left need not be found out by the next one.
        thread.state_mut().x87_to_mmx_again();
        let memory = &*thread.memory;
        let enter = self.code.stubs.enter().0 as *const ();
        // SAFETY: the stub keeps AAPCS64, `pc` is an entry point of this generation, and the thread counts as inside, so
        // that no code is dropped meanwhile. The state is ours alone: `thread` is borrowed mutably.
        let kind = unsafe { std::mem::transmute::<*const (), Enter>(enter)(memory.state().as_ptr(), pc.0) };
        self.world.leave(memory);
        // Nobody else knows the live form.
        thread.state_mut().x87_to_rest();
        let memory = &*thread.memory;
        let fpsr = memory.word(word::FPSR).load(Ordering::Relaxed) as u32;
        if fpsr != 0 {
            let state = thread.state_mut();
            state.mxcsr = fp::merge_fpsr(state.mxcsr, fpsr, self.afp);
        }
        Ok(Some(ExitKind::from_number(kind)))
    }

    /// The host pc of the code for the eip: from the first lookup table, else from the records, which fills the table.
    fn find(&self, state: &CpuState, linked: bool) -> Result<HostPc, Fault> {
        let guest = GuestAddr(state.eip);
        if let Some(pc) = self.code.probe(guest) {
            return Ok(pc);
        }
        self.find_record(guest, hint(state), linked)
    }

    #[cold]
    fn find_record(&self, guest: GuestAddr, x87: X87Hint, linked: bool) -> Result<HostPc, Fault> {
        let at = self.find_or_compile(guest, x87)?;
        if !linked {
            // Under the lock, and only if it is still there: an entry for dead code would bring the thread back for ever.
            let cache = self.lock();
            if cache.find(guest, false) == Some(at) {
                self.code.tables.fill(guest, self.code.memory.table_offset(at));
            }
        }
        Ok(self.code.memory.pc(at))
    }

    /// What an exit of translated code means to the caller; `None`: nothing, go on.
    fn after(&self, kind: ExitKind, floats: u8, thread: &mut ThreadContext, mem: &mut dyn GuestMem) -> Option<Exit> {
        let counter = match kind {
            ExitKind::Link => &self.counters.link_exits,
            ExitKind::Miss => &self.counters.misses,
            ExitKind::Trap => &self.counters.traps,
            ExitKind::Single | ExitKind::Wrap => &self.counters.singles,
            ExitKind::Fault => &self.counters.faults,
            ExitKind::Poll => &self.counters.polls,
            ExitKind::Hot => &self.counters.hots,
        };
        counter.add(1);
        match kind {
            ExitKind::Link | ExitKind::Miss => None,
            ExitKind::Hot => self.after_hot(thread).err().map(Exit::Fault),
            ExitKind::Single | ExitKind::Wrap => self.step(thread, mem),
            ExitKind::Fault => Some(Exit::Fault(stored_fault(&thread.memory))),
            ExitKind::Poll => thread.memory.rearm_exit().then_some(Exit::Interrupted),
            ExitKind::Trap => self.after_trap(trap_number(&thread.memory), floats, thread, mem),
        }
    }

    /// Counted code has become hot: other code takes its place.
    #[cold]
    fn after_hot(&self, thread: &mut ThreadContext) -> Result<(), Fault> {
        let counted = HostPc(thread.memory.word(word::ARG0).load(Ordering::Relaxed) - 4);
        let at = self.code.memory.offset_of(counted).expect("translated code counts");
        let guest = self.code.maps.find(at).expect("counted code has a map").eip;
        thread.state_mut().eip = guest.0;
        self.replace(guest, hint(thread.state()))
    }

    fn after_trap(&self, trap: Trap, floats: u8, thread: &mut ThreadContext, mem: &mut dyn GuestMem) -> Option<Exit> {
        match trap {
            Trap::Yield => None,
            Trap::Mxcsr => {
                self.next_floats(floats);
                None
            }
            Trap::Interpret => self.step(thread, mem),
            Trap::Stale => {
                self.invalidate(GuestRange::new(GuestAddr(thread.state().eip), 1));
                None
            }
            Trap::Fetch => self.fetch_fault(GuestAddr(thread.state().eip), mem),
            _ => Some(Exit::Trap(trap)),
        }
    }

    /// The details of code that could not be fetched. If it can be now, memory was mapped since: translate anew.
    #[cold]
    pub(super) fn fetch_fault(&self, eip: GuestAddr, mem: &dyn GuestMem) -> Option<Exit> {
        let mut bytes = [0; MAX_INSN];
        let fault = match mem.fetch(eip, &mut bytes) {
            Ok(MAX_INSN) => None,
            Ok(got) => mem.fetch(eip.plus(got as u32), &mut bytes[..1]).err(),
            Err(fault) => Some(fault),
        };
        if fault.is_none() {
            self.invalidate(GuestRange::new(eip, MAX_INSN as u64));
        }
        fault.map(Exit::Fault)
    }
}

/// What code made now may expect of the x87 stack.
fn hint(state: &CpuState) -> X87Hint {
    X87Hint { top: state.top as u8 & 7, ftw: state.ftw }
}

fn trap_number(memory: &ThreadMemory) -> Trap {
    Trap::ALL[memory.word(word::ARG0).load(Ordering::Relaxed) as usize]
}
