//! Code generation: allocate registers, emit A64. Pure: a region of IR in, bytes and what to know about them out.
//!
//! `ir::opt::dead_flags` and `regalloc` compute what `emit` only reads; `allocation` is the data between them.
#![forbid(unsafe_code)]
#![allow(
    clippy::useless_conversion,
    clippy::identity_op,
    clippy::eq_op,
    clippy::absurd_extreme_comparisons,
    reason = "dynasm computes with what it is given, also where that is nothing"
)]

pub mod abi;
pub mod allocation;
mod asm;
pub mod compiled;
mod emit;
mod imm;
mod listing;
mod lower;
mod regalloc;
mod x87_stack;

pub use compiled::{CodeOffset, CompiledRegion, EntryPoint, LinkKind, LinkSite, PcEntry, Reloc, Stub};
pub use compiled::{X87Fix, X87Routine, X87Site};
pub use listing::listing;
pub use x87_stack::X87Hint;

#[cfg(test)]
mod tests;

use allocation::Allocation;
use emit::EmitCx;
use ir::opt::dead_flags::{branch_reads, dead_flags};
use ir::opt::OptCx;
use ir::Region;
use regalloc::Registers;

/// Optional features of the host's CPU, named as in the Arm ARM (FEAT_*). The default is ARMv8.0 without any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostFeatures {
    /// FEAT_LSE: atomic instructions.
    pub lse: bool,
    /// FEAT_FlagM: CFINV, RMIF, SETF8, SETF16.
    pub flagm: bool,
    /// FEAT_FlagM2: AXFLAG.
    pub flagm2: bool,
    /// FEAT_LRCPC: LDAPR.
    pub lrcpc: bool,
    /// FEAT_CSSC: CTZ, CNT, ABS, SMAX and the like on general registers.
    pub cssc: bool,
    /// FEAT_AFP: alternate floating-point behaviour.
    pub afp: bool,
    /// FEAT_FRINTTS: FRINT32Z and the like.
    pub frintts: bool,
    /// FEAT_AES: AESE and the like.
    pub aes: bool,
    /// FEAT_PMULL: 64-bit polynomial products.
    pub pmull: bool,
    /// FEAT_SHA1.
    pub sha1: bool,
    /// FEAT_SHA256.
    pub sha256: bool,
    /// FEAT_CRC32.
    pub crc32: bool,
}

impl HostFeatures {
    /// ARMv8.0 without any.
    pub const BASELINE: Self = Self::same(false);
    /// All that code generation knows.
    pub const ALL: Self = Self::same(true);

    const fn same(on: bool) -> Self {
        Self {
            lse: on,
            flagm: on,
            flagm2: on,
            lrcpc: on,
            cssc: on,
            afp: on,
            frintts: on,
            aes: on,
            pmull: on,
            sha1: on,
            sha256: on,
            crc32: on,
        }
    }
}

/// What code is generated for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Memory accesses keep x86-TSO order; needed once a second thread or another process can look.
    pub ordered: bool,
    /// What the host can do.
    pub features: HostFeatures,
    /// Number of the counter of entries and loops; none for code that stays.
    pub counter: Option<u16>,
    /// Allocate with few registers: for tests of spilling.
    pub few_registers: bool,
    /// What is expected of the x87 stack at the entry.
    pub x87: X87Hint,
}

impl Options {
    fn registers(&self) -> Registers {
        match self.few_registers {
            true => Registers::Few,
            false => Registers::All,
        }
    }
}

/// The memory that compiling one region after the other uses.
#[derive(Debug, Default)]
pub struct Workspace {
    liveness: OptCx,
    buffers: emit::Buffers,
}

/// Compiles a verified region.
pub fn compile(region: &Region, options: &Options) -> CompiledRegion {
    let mut out = CompiledRegion::default();
    compile_in(region, options, &mut Workspace::default(), &mut out);
    out
}

/// As [`compile`], in memory that is there already; `out` is overwritten.
pub fn compile_in(region: &Region, options: &Options, work: &mut Workspace, out: &mut CompiledRegion) {
    let region = &*lower::lower(region, &options.features);
    dead_flags(region, &mut work.liveness);
    let mut cx = EmitCx::new(region, options, std::mem::take(&mut work.buffers), out, &work.liveness);
    for (index, block) in region.blocks.iter().enumerate() {
        let behind = work.liveness.live_behind(index);
        regalloc::allocate(block, behind | branch_reads(block), options.registers(), &mut cx.alloc);
        emit::block(&mut cx, index, behind);
    }
    work.buffers = emit::finish(cx, out);
    out.ranges.clear();
    out.ranges.extend_from_slice(&region.ranges);
    out.insns = region.insn_count() as u32;
}

/// The allocation of every block of a region, in text.
pub fn allocation_text(region: &Region, options: &Options) -> String {
    let region = &*lower::lower(region, &options.features);
    let mut liveness = OptCx::default();
    dead_flags(region, &mut liveness);
    let mut text = String::new();
    let mut alloc = Allocation::default();
    for (index, block) in region.blocks.iter().enumerate() {
        let live = liveness.live_behind(index) | branch_reads(block);
        regalloc::allocate(block, live, options.registers(), &mut alloc);
        text.push_str(&format!("block {}\n{}", block.start, alloc.display(block)));
    }
    text
}
