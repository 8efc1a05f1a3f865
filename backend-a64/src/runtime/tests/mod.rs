//! Tests of the runtime on hand-written regions: what links, looks up, leaves, faults and is dropped.
mod atomics;
mod carry;
mod faults;
mod flow;
mod heat;
mod invalidation;
mod pairs;
mod random;
mod region_asm;
mod threads;
mod x87;

use super::engine::{Desk, Engine, EngineOptions};
use super::thread::ThreadContext;
use crate::codegen::CompiledRegion;
use hashbrown::HashMap;
use ir::guest::{CpuState, Exit, Fault, Gpr, GuestAddr, GuestMem, GuestRange};
use ir::{CodeWatch, Heat, LiftError, Region, RegionSource};
use region_asm::RegionAsm;
use std::sync::{Arc, Mutex};

/// The host register that pins EDX; where assembly names w19 to w26, they are EAX to EDI.
const EDX: u8 = 21;

/// Regions by entry; shared with the engine, so that a test can change the program.
#[derive(Clone, Default)]
struct Program(Arc<Mutex<HashMap<u32, CompiledRegion>>>);

impl Program {
    /// Adds or replaces the region at `guest`.
    fn set(&self, guest: u32, build: impl FnOnce(&mut RegionAsm)) {
        let mut asm = RegionAsm::new(guest);
        build(&mut asm);
        self.0.lock().unwrap().insert(guest, asm.finish());
    }

    fn get(&self, guest: u32) -> Option<CompiledRegion> {
        self.0.lock().unwrap().get(&guest).cloned()
    }
}

impl RegionSource for Program {
    fn region(&self, entry: GuestAddr, _: Heat) -> Result<Region, LiftError> {
        match self.get(entry.0) {
            Some(compiled) => Ok(Region { ranges: compiled.ranges, ..Region::new(entry) }),
            None => Err(LiftError::Fetch(no_code(entry))),
        }
    }

    fn single(&self, state: &CpuState) -> Result<Region, LiftError> {
        let entry = GuestAddr(state.eip);
        Err(LiftError::Fetch(no_code(entry)))
    }
}

fn no_code(addr: GuestAddr) -> Fault {
    Fault { addr, access: ir::guest::Access::Execute, kind: ir::guest::FaultKind::Unmapped }
}

/// A watch that looks at nothing.
struct NoWatch;

impl CodeWatch for NoWatch {
    fn watch(&self, _: GuestRange) -> bool {
        true
    }
}

/// Guest memory with nothing in it.
struct NoMem;

impl GuestMem for NoMem {
    fn read(&self, addr: GuestAddr, _: &mut [u8]) -> Result<(), Fault> {
        Err(no_code(addr))
    }
    fn write(&mut self, addr: GuestAddr, _: &[u8]) -> Result<(), Fault> {
        Err(no_code(addr))
    }
    fn fetch(&self, addr: GuestAddr, _: &mut [u8]) -> Result<usize, Fault> {
        Err(no_code(addr))
    }
}

/// An engine for a program, and a thread.
struct Rig {
    program: Program,
    engine: Arc<Engine>,
    thread: ThreadContext,
}

impl Rig {
    fn new() -> Self {
        Self::with_code(1 << 20)
    }

    fn with_code(code_len: usize) -> Self {
        let program = Program::default();
        let source = program.clone();
        let compile = Box::new(move |region: &Region, _, desk: &mut Desk| {
            desk.compiled = source.get(region.entry.0).expect("lifted before");
        });
        let options = EngineOptions { code_len, ..EngineOptions::default() };
        let engine =
            Arc::new(Engine::with_compiler(&options, Box::new(program.clone()), Box::new(NoWatch), compile).unwrap());
        let thread = engine.new_thread().unwrap();
        Self { program, engine, thread }
    }

    /// Runs from `eip`.
    fn run(&mut self, eip: u32) -> Exit {
        self.thread.state_mut().eip = eip;
        self.engine.run(&mut self.thread, &mut NoMem)
    }

    /// A register after a run.
    fn reg(&self, reg: Gpr) -> u32 {
        self.thread.state().get(reg)
    }

    fn state(&mut self) -> &mut CpuState {
        self.thread.state_mut()
    }
}
