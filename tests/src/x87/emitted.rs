//! Cases through code generation and the engine; needs an arm64 host or its emulator.
use super::{Case, State, MEM};
use crate::vectors::emitted::{Rig, CODE, STRIDE};
use crate::vectors::DATA;
use anyhow::{bail, Result};
use backend_a64::runtime::EngineOptions;
use ir::guest::{Exit, Trap};
use ir::Floats;
use std::collections::HashMap;

/// Most different instructions.
const PLACES: u32 = 1024;

#[allow(missing_debug_implementations, reason = "an engine has nothing to show")]
/// An engine that has seen some of the instructions.
pub struct Emitted {
    rig: Rig,
    places: HashMap<Vec<u8>, u32>,
}

impl std::fmt::Debug for Emitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emitted").field("places", &self.places.len()).finish_non_exhaustive()
    }
}

impl Emitted {
    /// A fresh engine.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn new() -> Result<Self> {
        Ok(Self { rig: Rig::new(PLACES * STRIDE, &EngineOptions::default(), Floats::Host)?, places: HashMap::new() })
    }

    /// Executes a case; the state after.
    ///
    /// # Errors
    /// If the instruction does not run to its end.
    pub fn run(&mut self, case: &Case) -> Result<State> {
        let next = CODE + self.places.len() as u32 * STRIDE;
        let at = *self.places.entry(case.code.clone()).or_insert(next);
        if at == next {
            let mut code = case.code.clone();
            code.extend([0xcd, 0x80]);
            self.rig.store(at, &code)?;
        }
        self.rig.store(DATA, &case.state.mem)?;
        match self.rig.execute(at, &case.state.cpu()) {
            Exit::Trap(Trap::Syscall) => {}
            other => bail!("{other:?}"),
        }
        let mut mem = [0; MEM];
        self.rig.load(DATA, &mut mem)?;
        Ok(State::of(self.rig.state(), mem))
    }
}
