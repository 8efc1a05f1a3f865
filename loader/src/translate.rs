//! From guest bytes to a region ready for the backend: decode and lift, then the passes, showing stages on request.
use crate::cli::DumpStage;
use frontend::RegionPolicy;
use ir::{GuestAddr, Heat, LiftError, Region, RegionSource};
use linux_abi::mm::AddressSpace;
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
}

impl Translator {
    /// A translator of the code in `mm`.
    pub fn new(mm: Arc<AddressSpace>, policy: RegionPolicy, dump: DumpOptions) -> Self {
        Self { mm, policy, dump }
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
        let mut region = match heat {
            Heat::Cold(known) => frontend::lift_beside(&*self.mm, entry, &RegionPolicy::PATH, known)?,
            Heat::Hot => frontend::lift_region(&*self.mm, entry, &self.policy)?,
        };
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
        frontend::lift_single(&*self.mm, entry)
    }
}
