//! Guest flags live at both ends of each block of a region: a backward fixpoint over the blocks.
use super::regalloc::flags_before;
use ir::{Block, FlagSet, Region, Target, Terminator};

/// Flags live at the start and at the end of every block, in order.
#[derive(Debug)]
pub struct Live {
    /// At the start.
    pub starts: Vec<FlagSet>,
    /// At the end.
    pub ends: Vec<FlagSet>,
}

/// Finds them.
pub fn live(region: &Region) -> Live {
    let n = region.blocks.len();
    let mut live_in = vec![FlagSet::NONE; n];
    let mut out = vec![FlagSet::NONE; n];
    loop {
        let mut changed = false;
        for i in (0..n).rev() {
            let block = &region.blocks[i];
            out[i] = at_end(region, block, &live_in);
            let mut live = out[i] | branch_reads(block);
            for inst in block.insts.iter().rev() {
                live = flags_before(block, inst, live);
            }
            changed |= live != live_in[i];
            live_in[i] = live;
        }
        if !changed {
            return Live { starts: live_in, ends: out };
        }
    }
}

/// Flags the terminator itself reads.
pub fn branch_reads(block: &Block) -> FlagSet {
    match block.term {
        Terminator::Branch { cc, .. } => cc.reads(),
        _ => FlagSet::NONE,
    }
}

fn at_end(region: &Region, block: &Block, live_in: &[FlagSet]) -> FlagSet {
    let at = |target: Target| match target {
        Target::Block(id) => live_in[id.index()],
        Target::Guest(addr) => region.live_at(addr),
    };
    match block.term {
        Terminator::Jump(target) => at(target),
        Terminator::Branch { taken, fallthrough, .. } | Terminator::BranchNz { taken, fallthrough, .. } => {
            at(taken) | at(fallthrough)
        }
        Terminator::Call { target, .. } => at(target),
        Terminator::Indirect { .. }
        | Terminator::CallIndirect { .. }
        | Terminator::Ret { .. }
        | Terminator::Exit { .. } => FlagSet::ALL,
    }
}
