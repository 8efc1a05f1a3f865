//! One guest instruction by the interpreter: what translated code leaves to it, and what must be seen to happen alone.
//!
//! - LOCK on a misaligned operand that the host refuses; what an emitter leaves to `Stub::Single`.
//! - An access whose address computation left the 32-bit space: the interpreter wraps it.
//! - A store into a page that is watched because code was translated from it (the caller's business: recovery reports the
//!   fault, the caller calls [`Engine::step`] with memory that lets the store through and invalidates).
//! - TF in eflags.
//!
//! While it runs no other thread is in translated code: that makes it the bus lock of a LOCK prefix at any alignment.
use super::engine::Engine;
use super::thread::ThreadContext;
use ir::guest::{Exit, GuestAddr, GuestMem, Trap};
use ir::interp::{self, Outcome};
use ir::LiftError;

/// Iterations of a REP instruction that one step makes at most; it goes on in translated code.
const ITERATIONS: u64 = 256;

impl Engine {
    /// Executes exactly one guest instruction (of a REP instruction, some iterations); `None`: eip is where to go on.
    #[cold]
    pub fn step(&self, thread: &mut ThreadContext, mem: &mut dyn GuestMem) -> Option<Exit> {
        let eip = GuestAddr(thread.state().eip);
        let region = match self.source.single(eip) {
            Ok(region) => region,
            Err(LiftError::Fetch(fault)) => return Some(Exit::Fault(fault)),
        };
        let fuel = if thread.single_steps() { 1 } else { ITERATIONS };
        let mut interpret = || interp::run(&region, thread.state_mut(), mem, fuel);
        let outcome = if self.world.is_shared() { self.world.exclusive(|_| interpret()) } else { interpret() };
        match outcome {
            Outcome::Left | Outcome::OutOfFuel | Outcome::Trap(Trap::Yield) => None,
            Outcome::Trap(Trap::Fetch) => self.fetch_fault(GuestAddr(thread.state().eip), mem),
            Outcome::Trap(trap) => Some(Exit::Trap(trap)),
            Outcome::Fault(fault) => Some(Exit::Fault(fault)),
        }
    }
}
