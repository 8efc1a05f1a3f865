//! The same instructions through code generation and the engine; needs an arm64 host or its emulator.
use super::{read, Recorded, Watched, DATA};
use anyhow::{Context, Result};
use backend_a64::codegen::HostFeatures;
use backend_a64::runtime::{Engine, EngineOptions, ThreadContext};
use frontend::RegionPolicy;
use ir::guest::{CpuState, Exit, Fault, GuestAddr, GuestMem, GuestRange, Trap};
use ir::{CodeWatch, LiftError, Region, RegionSource};
use linux_abi::mm::{AddressSpace, MmapRequest, Prot};
use std::sync::{Arc, Mutex};

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
    fn region(&self, entry: GuestAddr, _: ir::Heat) -> Result<Region, LiftError> {
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
    maps: [(u32, u32); 2],
}

impl Rig {
    /// Maps the operands' page and `code_len` bytes at [`CODE`].
    pub(crate) fn new(code_len: u32, options: &EngineOptions) -> Result<Self> {
        let mm = Arc::new(AddressSpace::new());
        let maps = [(CODE, code_len.next_multiple_of(PAGE)), (DATA & !(PAGE - 1), PAGE)];
        for (addr, len) in maps {
            let got =
                mm.mmap(MmapRequest::anonymous(addr, len, Prot(7))).map_err(|e| anyhow::anyhow!("mmap: {e:?}"))?;
            anyhow::ensure!(got.0 == addr, "the test's addresses are taken");
        }
        let source = Box::new(Source(mm.clone()));
        let engine = Engine::new(options, source, Box::new(NoWatch))?;
        let thread = engine.new_thread()?;
        Ok(Self { mm, engine, thread, maps })
    }

    /// Gives the addresses back.
    fn unmap(&self) {
        for (addr, len) in &self.maps {
            let _ = self.mm.munmap(*addr, *len);
        }
    }

    /// Writes guest memory.
    pub(crate) fn store(&self, addr: u32, data: &[u8]) -> Result<()> {
        self.mm.store(GuestAddr(addr), data).ok().context("store")
    }

    fn run(&mut self, code: u32, before: &Watched) -> Result<(Exit, Watched)> {
        self.store(DATA - 16, &before.around())?;
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

/// Runs each instruction of a file with every input, with all that this CPU has or as on ARMv8.0; the differences.
pub fn run(name: &str, baseline: bool) -> Result<Vec<String>> {
    // Guest addresses are host addresses: one at a time.
    static PLACE: Mutex<()> = Mutex::new(());
    let _place = PLACE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let ops = read(name)?;
    let mut options = EngineOptions::default();
    if baseline {
        options.features = HostFeatures::default();
    }
    let mut rig = Rig::new(ops.len() as u32 * STRIDE, &options)?;
    let mut wrong = Vec::new();
    for (n, op) in (0u32..).zip(&ops) {
        let at = CODE + n * STRIDE;
        let mut code = op.code.clone();
        code.extend([0xcd, 0x80]);
        rig.store(at, &code)?;
        wrong.extend(run_op(&mut rig, at, op)?);
    }
    rig.unmap();
    Ok(wrong)
}

/// Tells whether a difference is a known one.
type Excuse = fn(&str, &Watched, &Watched, &Watched) -> bool;

const DE: u32 = 1 << 1;
const UE: u32 = 1 << 4;
const DAZ: u32 = 1 << 6;
const FTZ: u32 = 1 << 15;

/// What the rows of `frontend::table` call partial, and nothing else.
const EXCUSED: [Excuse; 3] = [
    // A denormal operand is not recorded: without FEAT_AFP the host does not say so.
    |_, _, want, got| Watched { mxcsr: got.mxcsr | DE, ..*got } == *want,
    // The host flushes operands and results together, does not flush what MIN and MAX choose, and knows no DE then.
    |text, before, want, got| {
        let flushing = before.mxcsr & (DAZ | FTZ);
        let chosen = text.starts_with("min") || text.starts_with("max");
        flushing == DAZ || flushing == FTZ || flushing != 0 && chosen && want.mxcsr == got.mxcsr
    },
    // The host calls a result tiny before rounding it, x86 after.
    |_, _, want, got| Watched { mxcsr: want.mxcsr | UE, ..*want } == *got,
];

fn run_op(rig: &mut Rig, at: u32, op: &Recorded) -> Result<Vec<String>> {
    let run = |before: &Watched| {
        let (exit, got) = rig.run(at, before)?;
        Ok(((exit != Exit::Trap(Trap::Syscall)).then(|| format!("{exit:?}")), got))
    };
    op.replay(run, |before, want, got| EXCUSED.iter().any(|excuse| excuse(&op.text, before, want, got)))
}
