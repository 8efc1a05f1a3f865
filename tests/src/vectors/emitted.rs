//! The same instructions through code generation and the engine; needs an arm64 host or its emulator.
use super::{difference, read, Recorded, Watched, DATA};
use anyhow::{Context, Result};
use backend_a64::runtime::{Engine, EngineOptions, ThreadContext};
use frontend::RegionPolicy;
use ir::guest::{CpuState, Exit, Fault, GuestAddr, GuestMem, GuestRange, Trap};
use ir::{CodeWatch, LiftError, Region, RegionSource};
use linux_abi::mm::{AddressSpace, MmapRequest, Prot};
use std::sync::Arc;

/// Where the code of the first instruction is; each has its own place, so that nothing needs to be invalidated.
pub(crate) const CODE: u32 = 0x1000_0000;
/// Bytes for one instruction and the `int 0x80` after it.
pub(crate) const STRIDE: u32 = 32;
const PAGE: u32 = 4096;

struct NoWatch;

impl CodeWatch for NoWatch {
    fn watch(&self, _: GuestRange) {}
}

/// Guest memory for the interpreter: the address space.
struct Mem(Arc<AddressSpace>);

impl GuestMem for Mem {
    fn read(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), Fault> {
        self.0.load(addr, buf)
    }

    fn write(&mut self, addr: GuestAddr, data: &[u8]) -> Result<(), Fault> {
        self.0.store(addr, data)
    }

    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault> {
        self.0.fetch_code(addr, buf)
    }
}

/// Lifted, verified, optimised regions.
struct Source(Arc<AddressSpace>);

impl RegionSource for Source {
    fn region(&self, entry: GuestAddr) -> Result<Region, LiftError> {
        let mut region = frontend::lift_region(&*self.0, entry, &RegionPolicy::default())?;
        ir::opt::optimize(&mut region);
        ir::verify::verify(&region).unwrap_or_else(|e| panic!("{e}\n{region}"));
        Ok(region)
    }

    fn single(&self, entry: GuestAddr) -> Result<Region, LiftError> {
        frontend::lift_single(&*self.0, entry)
    }
}

/// An engine with room for code and for operands.
pub(crate) struct Rig {
    mm: Arc<AddressSpace>,
    engine: Engine,
    thread: ThreadContext,
}

impl Rig {
    /// Maps the operands' page and `code_len` bytes at [`CODE`].
    pub(crate) fn new(code_len: u32) -> Result<Self> {
        let mm = Arc::new(AddressSpace::new());
        for (addr, len) in [(CODE, code_len.next_multiple_of(PAGE)), (DATA & !(PAGE - 1), PAGE)] {
            let got =
                mm.mmap(MmapRequest::anonymous(addr, len, Prot(7))).map_err(|e| anyhow::anyhow!("mmap: {e:?}"))?;
            anyhow::ensure!(got.0 == addr, "the test's addresses are taken");
        }
        let source = Box::new(Source(mm.clone()));
        let engine = Engine::new(&EngineOptions::default(), source, Box::new(NoWatch))?;
        let thread = engine.new_thread()?;
        Ok(Self { mm, engine, thread })
    }

    /// Writes guest memory.
    pub(crate) fn store(&self, addr: u32, data: &[u8]) -> Result<()> {
        self.mm.store(GuestAddr(addr), data).ok().context("store")
    }

    fn run(&mut self, code: u32, before: &Watched) -> Result<(Exit, Watched)> {
        for addr in [DATA - 16, DATA] {
            self.store(addr, &before.mem.to_le_bytes())?;
        }
        let exit = self.execute(code, &before.state());
        let mut mem = [0; 16];
        self.load(DATA, &mut mem)?;
        Ok((exit, Watched::of(self.thread.state(), u128::from_le_bytes(mem))))
    }

    /// Reads guest memory.
    pub(crate) fn load(&self, addr: u32, data: &mut [u8]) -> Result<()> {
        self.mm.load(GuestAddr(addr), data).ok().context("load")
    }

    /// Runs from `code` with these registers.
    pub(crate) fn execute(&mut self, code: u32, state: &CpuState) -> Exit {
        copy_state(state, self.thread.state_mut());
        self.thread.state_mut().eip = code;
        self.engine.run(&mut self.thread, &mut Mem(self.mm.clone()))
    }

    /// The registers now.
    pub(crate) fn state(&self) -> &CpuState {
        self.thread.state()
    }
}

/// Everything but the engine's own words.
fn copy_state(from: &CpuState, to: &mut CpuState) {
    let host = to.host;
    to.clone_from(from);
    to.host = host;
}

/// Runs each instruction of a file with every input; the differences.
pub fn run(name: &str) -> Result<Vec<String>> {
    let ops = read(name)?;
    let mut rig = Rig::new(ops.len() as u32 * STRIDE)?;
    let mut wrong = Vec::new();
    for (n, op) in (0u32..).zip(&ops) {
        let at = CODE + n * STRIDE;
        let mut code = op.code.clone();
        code.extend([0xcd, 0x80]);
        rig.store(at, &code)?;
        wrong.extend(run_op(&mut rig, at, op)?);
    }
    Ok(wrong)
}

fn run_op(rig: &mut Rig, at: u32, op: &Recorded) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for (before, after) in &op.cases {
        let (exit, got) = rig.run(at, before)?;
        if exit != Exit::Trap(Trap::Syscall) || got != *after {
            wrong.push(difference(&op.text, before, after, &got, &format!("{exit:?}")));
        }
    }
    Ok(wrong)
}
