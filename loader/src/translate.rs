//! From guest bytes to a region ready for the backend: decode and lift, then the passes, showing stages on request.
use crate::cli::DumpStage;
use frontend::{Lifter, RegionPolicy};
use ir::guest::GuestRange;
use ir::opt::OptCx;
use ir::{Floats, GuestAddr, Heat, LiftError, Region, RegionSource};
use linux_abi::mm::AddressSpace;
use std::fmt::Write;
use std::sync::atomic::{AtomicU8, Ordering};
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
    /// As many as threads have translated at the same time.
    desks: Mutex<Vec<Box<Desk>>>,
}

/// The memory that one translation after the other uses.
#[derive(Debug, Default)]
struct Desk {
    lifter: Lifter,
    opt: OptCx,
}

impl Translator {
    /// A translator of the code in `mm`.
    pub fn new(mm: Arc<AddressSpace>, policy: RegionPolicy, dump: DumpOptions) -> Self {
        Self { mm, policy, dump, floats: AtomicU8::new(0), desks: Mutex::default() }
    }

    fn desks(&self) -> MutexGuard<'_, Vec<Box<Desk>>> {
        self.desks.lock().expect("no panic under this lock")
    }

    fn translate(&self, desk: &mut Desk, entry: GuestAddr, heat: Heat) -> Result<Region, LiftError> {
        let floats = Floats::LEVELS[usize::from(self.floats.load(Ordering::SeqCst))];
        let mut region = match heat {
            Heat::Cold(known) => {
                let policy = RegionPolicy { floats, ..RegionPolicy::PATH };
                desk.lifter.region(&*self.mm, entry, &policy, known)?
            }
            Heat::Hot => {
                let policy = RegionPolicy { floats, ..self.policy };
                desk.lifter.region(&*self.mm, entry, &policy, &|_| false)?
            }
        };
        self.dump.show(DumpStage::Insn, &region, || self.insns(&region));
        self.dump.show(DumpStage::Ir, &region, || region.to_string());
        ir::opt::optimize_in(&mut region, &mut desk.opt);
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
        let mut desk = self.desks().pop().unwrap_or_default();
        let region = self.translate(&mut desk, entry, heat);
        self.desks().push(desk);
        region
    }

    fn recycle(&self, region: Region) {
        if let Some(desk) = self.desks().last_mut() {
            desk.lifter.recycle(region);
        }
    }

    fn set_floats(&self, floats: Floats) {
        self.floats.fetch_max(floats as u8, Ordering::SeqCst);
    }

    fn single(&self, entry: GuestAddr) -> Result<Region, LiftError> {
        frontend::lift_single(&*self.mm, entry)
    }
}
