//! Guest flags live at the end of each block of a region, as [`ir::opt::dead_flags`] finds them.
use ir::opt::OptCx;
use ir::{Block, FlagSet, Region, Terminator};

/// Which flags are live where: [`OptCx::live_behind`] a block, [`OptCx::live_at_start`] of one.
pub fn live(region: &Region) -> OptCx {
    let mut cx = OptCx::default();
    ir::opt::dead_flags::dead_flags(region, &mut cx);
    cx
}

/// Flags the terminator itself reads.
pub fn branch_reads(block: &Block) -> FlagSet {
    match block.term {
        Terminator::Branch { cc, .. } => cc.reads(),
        _ => FlagSet::NONE,
    }
}
