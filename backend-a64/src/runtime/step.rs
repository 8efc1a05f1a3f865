//! One guest instruction by the interpreter: what translated code leaves to it, and what must be seen to happen alone.
//!
//! - LOCK on a misaligned operand that the host refuses; what an emitter leaves to `Stub::Single`.
//! - An access whose address computation left the 32-bit space, or that may run over its end: the interpreter wraps the one
//!   and refuses the other.
//! - A store into a page that is watched because code was translated from it (the caller's business: recovery reports the
//!   fault, the caller calls [`Engine::step`] with memory that lets the store through and invalidates).
//! - Modes that translated code does not know: TF or AC in eflags, segments that are not flat. Addresses of code are offsets in
//!   its segment then.
//!
//! While it runs no other thread is in translated code: that makes it the bus lock of a LOCK prefix at any alignment.
use super::engine::Engine;
use super::thread::ThreadContext;
use ir::guest::{Access, Exit, Fault, FaultKind, GuestAddr, GuestMem, Seg, Trap};
use ir::interp::{self, Outcome};
use ir::LiftError;
use std::cell::Cell;

/// Iterations of a REP instruction that one step makes at most; it goes on in translated code.
const ITERATIONS: u64 = 256;

impl Engine {
    /// Executes exactly one guest instruction (of a REP instruction, some iterations); `None`: eip is where to go on.
    #[cold]
    pub fn step(&self, thread: &mut ThreadContext, mem: &mut dyn GuestMem) -> Option<Exit> {
        let region = match self.source.single(thread.state()) {
            Ok(region) => region,
            Err(LiftError::Fetch(fault)) => return Some(Exit::Fault(fault)),
        };
        // A jump beyond the end of a code segment is found out when it is done.
        let before = (thread.state().segmented != 0).then(|| Box::new(thread.state().clone()));
        let fuel = if thread.single_steps() { 1 } else { ITERATIONS };
        thread.state_mut().after_mov_ss = 0;
        let mut interpret = || interp::run(&region, thread.state_mut(), mem, fuel);
        let outcome = if self.world.is_shared() { self.world.exclusive(|_| interpret()) } else { interpret() };
        if let (Outcome::Left, Some(before)) = (outcome, before) {
            let (state, next) = (thread.state(), region.blocks[0].end());
            if state.eip > state.segment(Seg::Cs).limit && GuestAddr(state.eip) != next {
                thread.load(&before);
                return Some(Exit::Trap(Trap::GeneralProtection));
            }
        }
        match outcome {
            Outcome::Left | Outcome::OutOfFuel | Outcome::Trap(Trap::Yield) => None,
            Outcome::Trap(Trap::Fetch) => self.fetch_fault(thread.state().linear_eip(), mem),
            Outcome::Trap(trap) => Some(Exit::Trap(trap)),
            Outcome::Fault(fault) => Some(Exit::Fault(fault)),
        }
    }

    /// The same for a thread in a mode that translated code does not know.
    #[cold]
    pub(super) fn step_interpreted(&self, thread: &mut ThreadContext, mem: &mut dyn GuestMem) -> Option<Exit> {
        let traced = thread.single_steps();
        let mut checked = Aligned { mem, misaligned: Cell::new(false) };
        let exit = match thread.checks_alignment() {
            true => self.step(thread, &mut checked),
            false => self.step(thread, checked.mem),
        };
        let traced = traced && thread.state().after_mov_ss == 0;
        match exit {
            Some(Exit::Fault(_)) if checked.misaligned.get() => Some(Exit::Trap(Trap::Alignment)),
            None if traced => Some(Exit::Trap(Trap::SingleStep)),
            exit => exit,
        }
    }
}

/// Guest memory while AC is set: an operand must lie at a multiple of its size (SDM vol. 3, 6.15, interrupt 17).
struct Aligned<'a> {
    mem: &'a mut dyn GuestMem,
    misaligned: Cell<bool>,
}

impl Aligned<'_> {
    fn check(&self, addr: GuestAddr, len: usize, access: Access) -> Result<(), Fault> {
        if addr.0 as usize % len.next_power_of_two() == 0 {
            return Ok(());
        }
        self.misaligned.set(true);
        Err(Fault { addr, access, kind: FaultKind::Bus })
    }
}

impl GuestMem for Aligned<'_> {
    fn read(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), Fault> {
        self.check(addr, buf.len(), Access::Read)?;
        self.mem.read(addr, buf)
    }

    fn write(&mut self, addr: GuestAddr, data: &[u8]) -> Result<(), Fault> {
        self.check(addr, data.len(), Access::Write)?;
        self.mem.write(addr, data)
    }

    fn replace(&mut self, addr: GuestAddr, old: &[u8], new: &[u8]) -> Result<bool, Fault> {
        self.check(addr, new.len(), Access::Write)?;
        self.mem.replace(addr, old, new)
    }

    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault> {
        self.mem.fetch(addr, buf)
    }
}
