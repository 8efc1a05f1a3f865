//! From guest bytes to a region ready for the backend: decode and lift, then the passes, showing stages on request.
use crate::cli::DumpStage;
use frontend::{Checks, RegionPolicy, Segments};
use ir::guest::GuestRange;
use ir::{GuestAddr, Heat, LiftError, Region, RegionSource};
use linux_abi::mm::watch::Volatility;
use linux_abi::mm::AddressSpace;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// Which stages to show, and where.
#[derive(Clone, Debug, Default)]
pub struct DumpOptions {
    /// Stages, in any order; empty for none.
    pub stages: Vec<DumpStage>,
    /// Only the region that starts here.
    pub at: Option<GuestAddr>,
}

impl DumpOptions {
    /// Whether this stage of this region is wanted.
    pub fn wants(&self, stage: DumpStage, entry: GuestAddr) -> bool {
        self.stages.contains(&stage) && self.at.is_none_or(|at| at == entry)
    }
}

/// The frontend and the passes, as the backend sees them.
#[derive(Debug)]
pub struct Translator {
    mm: Arc<AddressSpace>,
    policy: RegionPolicy,
    dump: DumpOptions,
    gs: Arc<GsLimit>,
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

impl Translator {
    /// A translator of the code in `mm`.
    pub fn new(mm: Arc<AddressSpace>, policy: RegionPolicy, dump: DumpOptions, gs: Arc<GsLimit>) -> Self {
        Self { mm, policy, dump, gs }
    }

    /// Lifts a region, with checks of its own if its bytes may change without notice.
    fn lift(&self, entry: GuestAddr, heat: Heat) -> Result<Region, LiftError> {
        let mut checks = self.checks(GuestRange::new(entry, 1));
        let mut region = self.lift_with(entry, heat, checks)?;
        loop {
            let needed = region.ranges.iter().map(|range| self.checks(*range)).max().unwrap_or(checks);
            if needed <= checks && checks == Checks::None {
                return Ok(region);
            }
            // Twice the same: then what was decoded is what is compared.
            checks = checks.max(needed);
            let again = self.lift_with(entry, heat, checks)?;
            if again == region {
                return Ok(region);
            }
            region = again;
        }
    }

    fn lift_with(&self, entry: GuestAddr, heat: Heat, checks: Checks) -> Result<Region, LiftError> {
        let segments = if self.gs.is_checked() { Segments::GsLimit } else { Segments::Flat };
        let policy = |policy: RegionPolicy| {
            // Bytes that were only looked at are in no block, so nothing would compare them.
            let lookahead = if checks == Checks::None { policy.lookahead } else { 0 };
            RegionPolicy { segments, checks, lookahead, ..policy }
        };
        match heat {
            Heat::Cold(known) => frontend::lift_beside(&*self.mm, entry, &policy(RegionPolicy::PATH), known),
            Heat::Hot => frontend::lift_region(&*self.mm, entry, &policy(self.policy)),
        }
    }

    fn checks(&self, range: GuestRange) -> Checks {
        match self.mm.volatility(range) {
            Volatility::Watched => Checks::None,
            Volatility::Shared => Checks::Blocks,
            Volatility::Volatile => Checks::Stores,
        }
    }

    fn show_insns(&self, region: &Region) {
        for block in &region.blocks {
            eprintln!("; block {:?}", block.start);
            for line in frontend::disassemble(&*self.mm, block.start, block.insns.len()) {
                eprintln!("{line}");
            }
        }
    }
}

impl RegionSource for Translator {
    fn region(&self, entry: GuestAddr, heat: Heat) -> Result<Region, LiftError> {
        let mut region = self.lift(entry, heat)?;
        if self.dump.wants(DumpStage::Insn, entry) {
            self.show_insns(&region);
        }
        if self.dump.wants(DumpStage::Ir, entry) {
            eprintln!("; lifted\n{region}");
        }
        ir::opt::optimize(&mut region);
        if self.dump.wants(DumpStage::Opt, entry) {
            eprintln!("; optimised\n{region}");
        }
        Ok(region)
    }

    fn single(&self, entry: GuestAddr) -> Result<Region, LiftError> {
        frontend::lift_interpreted(&*self.mm, entry)
    }
}
