//! The passes over a region, in the order they run. Each is one function in one file.
//!
//! 1. [`refold`] each block, unless the region was built by folding builders ([`crate::fold`]).
//! 2. [`dead_flags`] over the blocks: which flags anybody may read behind each.
//! 3. [`backward`] over each block: one walk that cuts flags to what is live, fuses comparisons with branches
//!    ([`fuse_branch`]), drops unused instructions, merges single-use pairs, and closes the gaps.
//!
//! Start-up of small programs is mostly translation, so: every pass is linear, nothing is allocated per instruction, and
//! what one walk can do is done in one walk. In debug builds the verifier runs between any two passes.
pub mod backward;
pub mod dead_flags;
pub mod fuse_branch;
pub mod refold;

use crate::guest::FlagSet;
use crate::inst::Value;
use crate::region::Region;

/// Buffers that the passes share, so that each is allocated once.
#[derive(Debug, Default)]
pub struct OptCx {
    /// What flags mean to each block; filled by [`dead_flags`].
    flows: Vec<dead_flags::Flow>,
    /// New value of each old one.
    map: Vec<Value>,
    /// Uses of each value.
    uses: Vec<backward::Uses>,
}

impl OptCx {
    /// Flags live behind a block, not counting what its own branch reads; [`dead_flags`] has run.
    pub fn live_behind(&self, index: usize) -> FlagSet {
        dead_flags::live_behind(&self.flows, index)
    }

    /// Flags live at the start of a block that other blocks branch to; [`dead_flags`] has run.
    pub fn live_at_start(&self, index: usize) -> FlagSet {
        self.flows[index].live_in
    }
}

/// Runs every pass; the region stays verifiable between any two of them.
pub fn optimize(region: &mut Region) {
    optimize_in(region, &mut OptCx::default());
}

/// As [`optimize`], with buffers that are used again and again.
pub fn optimize_in(region: &mut Region, cx: &mut OptCx) {
    if !region.folded {
        region.blocks.iter_mut().for_each(refold::refold);
        region.folded = true;
    }
    check(region, "folding");
    dead_flags::dead_flags(region, cx);
    for index in 0..region.blocks.len() {
        backward::backward(region, index, cx);
    }
    check(region, "backward");
}

/// A region that does not verify after a pass is our bug.
fn check(region: &Region, pass: &str) {
    if cfg!(debug_assertions) {
        if let Err(error) = crate::verify::verify(region) {
            panic!("after {pass}: {error}\n{region}");
        }
    }
}

#[cfg(test)]
mod tests;
