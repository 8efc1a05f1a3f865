//! Guest flags live at the end of each block of a region, as [`ir::opt::dead_flags`] finds them.
use ir::opt::OptCx;
use ir::{Block, FlagSet, Region, Terminator};

/// Flags live at the end of every block, in order; not what its own branch reads.
pub fn live_out(region: &Region) -> Vec<FlagSet> {
    let mut cx = OptCx::default();
    ir::opt::dead_flags::dead_flags(region, &mut cx);
    (0..region.blocks.len()).map(|index| cx.live_behind(index)).collect()
}

/// Flags the terminator itself reads.
pub fn branch_reads(block: &Block) -> FlagSet {
    match block.term {
        Terminator::Branch { cc, .. } => cc.reads(),
        _ => FlagSet::NONE,
    }
}
