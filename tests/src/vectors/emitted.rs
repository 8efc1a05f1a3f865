//! The same instructions through code generation and the engine; needs an arm64 host or its emulator.
use super::{read, Recorded, Watched, DATA};
use anyhow::{Context, Result};
use backend_a64::codegen::HostFeatures;
use backend_a64::runtime::{Engine, EngineOptions, ThreadContext};
use frontend::RegionPolicy;
use ir::guest::{CpuState, Exit, Fault, GuestAddr, GuestMem, GuestRange, Trap};
use ir::{CodeWatch, Floats, LiftError, Region, RegionSource};
use linux_abi::mm::{AddressSpace, MmapRequest, Prot};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

/// Where the code of the first instruction is; each has its own place, so that nothing needs to be invalidated.
pub(crate) const CODE: u32 = 0x1000_0000;
/// Bytes for one instruction and the `int 0x80` after it.
pub(crate) const STRIDE: u32 = 32;
const PAGE: u32 = 4096;

struct NoWatch;

impl CodeWatch for NoWatch {
    fn watch(&self, _: GuestRange) -> bool {
        true
    }
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

/// Lifted, verified, optimised regions: with arithmetic in one way at least, or what the engine says.
struct Source(Arc<AddressSpace>, AtomicU8);

impl RegionSource for Source {
    fn region(&self, entry: GuestAddr, _: ir::Heat) -> Result<Region, LiftError> {
        let floats = Floats::LEVELS[usize::from(self.1.load(Ordering::SeqCst))];
        let mut region = frontend::lift_region(&*self.0, entry, &RegionPolicy { floats, ..RegionPolicy::default() })?;
        ir::opt::optimize(&mut region);
        ir::verify::verify(&region).unwrap_or_else(|e| panic!("{e}\n{region}"));
        Ok(region)
    }

    fn set_floats(&self, floats: Floats) {
        self.1.fetch_max(floats as u8, Ordering::SeqCst);
    }

    fn single(&self, state: &CpuState) -> Result<Region, LiftError> {
        let entry = GuestAddr(state.eip);
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
    pub(crate) fn new(code_len: u32, options: &EngineOptions, floats: Floats) -> Result<Self> {
        let mm = Arc::new(AddressSpace::new());
        let maps = [(CODE, code_len.next_multiple_of(PAGE)), (DATA & !(PAGE - 1), PAGE)];
        for (addr, len) in maps {
            let got =
                mm.mmap(MmapRequest::anonymous(addr, len, Prot(7))).map_err(|e| anyhow::anyhow!("mmap: {e:?}"))?;
            anyhow::ensure!(got.0 == addr, "the test's addresses are taken");
        }
        let source = Box::new(Source(mm.clone(), AtomicU8::new(floats as u8)));
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

/// What code is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// This CPU with all it has.
    Host,
    /// ARMv8.0.
    Baseline,
    /// This CPU, with SSE arithmetic that knows DE and DAZ.
    Checked,
    /// This CPU, with exact SSE arithmetic.
    Exact,
}

/// Runs each instruction of a file with every input; the differences.
pub fn run(name: &str, target: For) -> Result<Vec<String>> {
    // Guest addresses are host addresses: one at a time.
    static PLACE: Mutex<()> = Mutex::new(());
    let _place = PLACE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let ops = read(name)?;
    let mut options = EngineOptions::default();
    if target == For::Baseline {
        options.features = HostFeatures::default();
    }
    let floats = match target {
        For::Host | For::Baseline => Floats::Host,
        For::Checked => Floats::Checked,
        For::Exact => Floats::Exact,
    };
    let mut rig = Rig::new(ops.len() as u32 * STRIDE, &options, floats)?;
    let mut wrong = Vec::new();
    for (n, op) in (0u32..).zip(&ops) {
        let at = CODE + n * STRIDE;
        let mut code = op.code.clone();
        code.extend([0xcd, 0x80]);
        rig.store(at, &code)?;
        let afp = options.features.afp;
        wrong.extend(run_op(&mut rig, at, op, |b, w, g| !afp && excused(&op.text, floats, b, w, g))?);
    }
    rig.unmap();
    Ok(wrong)
}

const DE: u32 = 1 << 1;
const UE: u32 = 1 << 4;
const DAZ: u32 = 1 << 6;
const FTZ: u32 = 1 << 15;

/// What docs/cpu.md says of the host's unit without FEAT_AFP, and nothing else.
fn excused(text: &str, floats: Floats, before: &Watched, want: &Watched, got: &Watched) -> bool {
    let flushing = before.mxcsr & (DAZ | FTZ);
    // Nobody tells the test's source that this MXCSR asks for more.
    let apart = flushing == DAZ || flushing == FTZ;
    // MIN and MAX flush what they choose from `Flushing` on.
    let min_max = text.starts_with("min") || text.starts_with("max");
    let chosen = min_max && floats == Floats::Host && flushing != 0 && want.mxcsr == got.mxcsr;
    // The host does not say that an operand is denormal, which `Checked` does.
    let denormal = floats == Floats::Host && Watched { mxcsr: got.mxcsr | DE, ..*got } == *want;
    // The host calls a result tiny before rounding it, x86 after.
    let tiny = Watched { mxcsr: want.mxcsr | UE, ..*want } == *got;
    floats != Floats::Exact && (apart || chosen || denormal || tiny)
}

fn run_op(
    rig: &mut Rig,
    at: u32,
    op: &Recorded,
    excused: impl Fn(&Watched, &Watched, &Watched) -> bool,
) -> Result<Vec<String>> {
    let run = |before: &Watched| {
        let (exit, got) = rig.run(at, before)?;
        Ok(((exit != Exit::Trap(Trap::Syscall)).then(|| format!("{exit:?}")), got))
    };
    op.replay(run, excused)
}
