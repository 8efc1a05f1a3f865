//! Code generation: allocate registers, emit A64. Pure: a region of IR in, bytes and what to know about them out.
//!
//! `flag_liveness` and `regalloc` compute what `emit` only reads; `allocation` is the data between them.
#![forbid(unsafe_code)]

pub mod abi;
pub mod allocation;
mod asm;
pub mod compiled;
mod emit;
mod flag_liveness;
mod imm;
mod listing;
mod regalloc;

pub use compiled::{CodeOffset, CompiledRegion, EntryPoint, LinkKind, LinkSite, PcEntry, Reloc, Stub};
pub use listing::listing;

#[cfg(test)]
mod tests;

use allocation::Allocation;
use emit::EmitCx;
use ir::Region;
use regalloc::Registers;

/// Optional features of the host's CPU, named as in the Arm ARM (FEAT_*). The default is ARMv8.0 without any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostFeatures {
    /// FEAT_LSE: atomic instructions.
    pub lse: bool,
    /// FEAT_FlagM: CFINV, RMIF, SETF8, SETF16.
    pub flagm: bool,
    /// FEAT_LRCPC: LDAPR.
    pub lrcpc: bool,
    /// FEAT_CSSC: CTZ, CNT, ABS, SMAX and the like on general registers.
    pub cssc: bool,
    /// FEAT_AFP: alternate floating-point behaviour.
    pub afp: bool,
    /// FEAT_FRINTTS: FRINT32Z and the like.
    pub frintts: bool,
}

impl HostFeatures {
    /// ARMv8.0 without any.
    pub const BASELINE: Self = Self { lse: false, flagm: false, lrcpc: false, cssc: false, afp: false, frintts: false };
    /// All that code generation knows.
    pub const ALL: Self = Self { lse: true, flagm: true, lrcpc: true, cssc: true, afp: true, frintts: true };
}

/// What code is generated for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Memory accesses keep x86-TSO order; needed once a second thread or another process can look.
    pub ordered: bool,
    /// What the host can do.
    pub features: HostFeatures,
    /// Allocate with few registers: for tests of spilling.
    pub few_registers: bool,
}

impl Options {
    fn registers(&self) -> Registers {
        match self.few_registers {
            true => Registers::Few,
            false => Registers::All,
        }
    }
}

/// Compiles a verified region.
pub fn compile(region: &Region, options: &Options) -> CompiledRegion {
    let flags = flag_liveness::live(region);
    let mut cx = EmitCx::new(region, options, &flags);
    let mut alloc = Allocation::default();
    for (index, block) in region.blocks.iter().enumerate() {
        let behind = flags.live_behind(index);
        let live = behind | flag_liveness::branch_reads(block);
        regalloc::allocate(block, live, options.registers(), &mut alloc);
        alloc = emit::block(&mut cx, index, alloc, behind);
    }
    let emitted = emit::finish(cx);
    CompiledRegion {
        code: emitted.code,
        entries: emitted.entries,
        links: emitted.links,
        relocs: emitted.relocs,
        pc_map: emitted.pc_map,
        ranges: region.ranges.clone(),
        insns: region.insn_count() as u32,
    }
}

/// The allocation of every block of a region, in text.
pub fn allocation_text(region: &Region, options: &Options) -> String {
    let flags = flag_liveness::live(region);
    let mut text = String::new();
    let mut alloc = Allocation::default();
    for (index, block) in region.blocks.iter().enumerate() {
        let live = flags.live_behind(index) | flag_liveness::branch_reads(block);
        regalloc::allocate(block, live, options.registers(), &mut alloc);
        text.push_str(&format!("block {}\n{}", block.start, alloc.display(block)));
    }
    text
}
