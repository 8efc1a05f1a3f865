//! From guest bytes to a region ready for the backend: decode and lift, then the passes, showing stages on request.
use crate::cli::DumpStage;
use frontend::{Checks, Lifter, RegionPolicy, Segments};
use ir::guest::{CpuState, GuestMem, GuestRange};
use ir::opt::OptCx;
use ir::{Floats, GuestAddr, Heat, LiftError, Region, RegionSource};
use linux_abi::mm::watch::Volatility;
use linux_abi::mm::AddressSpace;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// Which stages to show, and where.
#[derive(Clone, Debug, Default)]
pub struct DumpOptions {
    /// Stages, in any order; empty for none.
    pub stages: Vec<DumpStage>,
    /// Only regions that translate an instruction that starts in here.
    pub at: Option<GuestRange>,
}

impl DumpOptions {
    fn wants(&self, stage: DumpStage, region: &Region) -> bool {
        let mut insns = region.blocks.iter().flat_map(|block| &block.insns);
        self.stages.contains(&stage) && self.at.is_none_or(|at| insns.any(|insn| at.contains(insn.addr)))
    }

    /// Shows a stage, in one write, so that the dumps of two threads do not mix.
    fn show(&self, stage: DumpStage, region: &Region, text: impl FnOnce() -> String) {
        if self.wants(stage, region) {
            eprint!("; {stage} of region {}\n{}", region.entry, text());
        }
    }

    /// What shows the stages of the backend; `None` if none of them is wanted.
    #[cfg(target_arch = "aarch64")]
    pub fn observer(&self) -> Option<backend_a64::runtime::Observer> {
        use backend_a64::codegen::{allocation_text, listing};
        let dump = self.clone();
        let backend = [DumpStage::Alloc, DumpStage::Asm].iter().any(|stage| dump.stages.contains(stage));
        backend.then(|| {
            backend_a64::runtime::Observer(Arc::new(move |region, options, compiled| {
                dump.show(DumpStage::Alloc, region, || allocation_text(region, options));
                dump.show(DumpStage::Asm, region, || listing(compiled));
            }))
        })
    }
}

/// The frontend and the passes, as the backend sees them.
#[derive(Debug)]
pub struct Translator {
    mm: Arc<AddressSpace>,
    policy: RegionPolicy,
    dump: DumpOptions,
    /// Index into `Floats::LEVELS`.
    floats: AtomicU8,
    gs: Arc<GsLimit>,
    /// As many as threads have translated at the same time.
    #[allow(clippy::vec_box, reason = "a desk is large, and moves with every translation")]
    desks: Mutex<Vec<Box<Desk>>>,
}

/// Whether code checks the limit of GS. At first it does, because GS is null; no longer once it has a segment without limit,
/// as libc gives it; and for good from the first time it has one again.
#[derive(Debug, Default)]
pub struct GsLimit {
    unchecked: AtomicBool,
    seen: AtomicBool,
}

impl GsLimit {
    /// Notes that GS has, or has no, limit; whether existing code is wrong now.
    pub fn note(&self, limited: bool) -> bool {
        if limited {
            self.seen.store(true, Ordering::SeqCst);
            return self.unchecked.swap(false, Ordering::SeqCst);
        }
        if !self.seen.load(Ordering::SeqCst) {
            self.unchecked.store(true, Ordering::SeqCst);
        }
        false
    }

    /// Whether code checks.
    pub fn is_checked(&self) -> bool {
        !self.unchecked.load(Ordering::SeqCst)
    }
}

/// The memory that one translation after the other uses.
#[derive(Debug, Default)]
struct Desk {
    lifter: Lifter,
    opt: OptCx,
}

impl Translator {
    /// A translator of the code in `mm`.
    pub fn new(mm: Arc<AddressSpace>, policy: RegionPolicy, dump: DumpOptions, gs: Arc<GsLimit>) -> Self {
        Self { mm, policy, dump, floats: AtomicU8::new(0), gs, desks: Mutex::default() }
    }

    /// The desks; none if another thread is looking, which for a child of fork(2) may be for ever.
    #[allow(clippy::vec_box, reason = "as the field")]
    fn desks(&self) -> Option<MutexGuard<'_, Vec<Box<Desk>>>> {
        self.desks.try_lock().ok()
    }

    /// Lifts a region, with checks of its own if its bytes may change without notice.
    fn lift(&self, desk: &mut Desk, entry: GuestAddr, heat: Heat) -> Result<Region, LiftError> {
        let mut checks = self.checks(GuestRange::new(entry, 1));
        let mut region = self.lift_with(desk, entry, heat, checks)?;
        loop {
            let needed = region.ranges.iter().map(|range| self.checks(*range)).max().unwrap_or(checks);
            checks = checks.max(needed);
            if checks == Checks::None {
                return Ok(region);
            }
            // Twice the same: then what was decoded is what is compared.
            let again = self.lift_with(desk, entry, heat, checks)?;
            if again == region {
                return Ok(region);
            }
            region = again;
        }
    }

    fn lift_with(&self, desk: &mut Desk, entry: GuestAddr, heat: Heat, checks: Checks) -> Result<Region, LiftError> {
        let floats = Floats::LEVELS[usize::from(self.floats.load(Ordering::SeqCst))];
        let segments = if self.gs.is_checked() { Segments::GsLimit } else { Segments::Flat };
        let policy = |policy: RegionPolicy| {
            // Bytes that were only looked at are in no block, so nothing would compare them.
            let lookahead = if checks == Checks::None { policy.lookahead } else { 0 };
            RegionPolicy { floats, segments, checks, lookahead, ..policy }
        };
        match heat {
            Heat::Cold(known) => desk.lifter.region(&*self.mm, entry, &policy(RegionPolicy::PATH), known),
            Heat::Hot => desk.lifter.region(&*self.mm, entry, &policy(self.policy), &|_| false),
        }
    }

    fn checks(&self, range: GuestRange) -> Checks {
        match self.mm.volatility(range) {
            Volatility::Watched => Checks::None,
            Volatility::Shared => Checks::Blocks,
            Volatility::Volatile => Checks::Stores,
        }
    }

    fn translate(&self, desk: &mut Desk, entry: GuestAddr, heat: Heat) -> Result<Region, LiftError> {
        let mut region = self.lift(desk, entry, heat)?;
        self.dump.show(DumpStage::Insn, &region, || self.insns(&region));
        self.dump.show(DumpStage::Ir, &region, || region.to_string());
        if heat.is_hot() {
            ir::opt::optimize_in(&mut region, &mut desk.opt);
        }
        self.dump.show(DumpStage::Opt, &region, || region.to_string());
        Ok(region)
    }

    fn insns(&self, region: &Region) -> String {
        let mut text = String::new();
        for (id, block) in region.blocks.iter().enumerate() {
            let _ = writeln!(text, "b{id}:");
            for line in frontend::disassemble(&*self.mm, block.start, block.insns.len()) {
                let _ = writeln!(text, "{line}");
            }
        }
        text
    }
}

impl RegionSource for Translator {
    fn region(&self, entry: GuestAddr, heat: Heat) -> Result<Region, LiftError> {
        let mut desk = self.desks().and_then(|mut desks| desks.pop()).unwrap_or_default();
        let region = self.translate(&mut desk, entry, heat);
        if let Some(mut desks) = self.desks() {
            desks.push(desk);
        }
        region
    }

    fn recycle(&self, region: Region) {
        if let Some(desk) = self.desks().as_mut().and_then(|desks| desks.last_mut()) {
            desk.lifter.recycle(region);
        }
    }

    fn set_floats(&self, floats: Floats) {
        self.floats.fetch_max(floats as u8, Ordering::SeqCst);
    }

    fn execute(&self, state: &mut CpuState, mem: &mut dyn GuestMem, go_on: &mut dyn FnMut(GuestAddr) -> bool) -> u64 {
        if !self.dump.stages.is_empty() {
            // What is executed like this has no stages to show.
            return 0;
        }
        frontend::direct::execute(state, mem, go_on)
    }

    fn single(&self, state: &CpuState) -> Result<Region, LiftError> {
        frontend::lift_interpreted(&*self.mm, state)
    }
}
