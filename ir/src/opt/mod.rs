//! The passes over a region, in the order they run. Each is one function in one file.
//!
//! 1. [`dead_flags`] over the blocks: shrinks every instruction's `flags` to what somebody may read. First, because most
//!    foldings are free to act only on instructions that write no flags.
//! 2. [`forward`] in each block: one walk that rebuilds the block, putting [`state_forward`], [`const_fold`], [`fold_bits`]
//!    and [`fold_address`] to work on every instruction once all it depends on is in its final form.
//! 3. [`fuse_branch`] in each block: a branch on ZF that only tells whether a value is zero becomes `branch_nz`.
//! 4. [`dce`] in each block: unused instructions go, single-use pairs merge, the rest closes up.
//!
//! Start-up of small programs is mostly translation, so: every pass is linear, nothing is allocated per instruction, and
//! what one walk can do is done in one walk. In debug builds the verifier runs between any two passes.
pub mod const_fold;
pub mod dce;
pub mod dead_flags;
pub mod fold_address;
pub mod fold_bits;
pub mod forward;
pub mod fuse_branch;
pub mod state_forward;

use crate::guest::FlagSet;
use crate::inst::{Inst, Value};
use crate::region::Region;

/// Buffers that the passes share, so that each is allocated once a region.
#[derive(Debug, Default)]
pub struct OptCx {
    /// Flags that may be read at the start of each block; filled by [`dead_flags`].
    pub live_in: Vec<FlagSet>,
    /// The block being rebuilt.
    out: Vec<Inst>,
    /// New value of each old one.
    map: Vec<Value>,
    /// Uses of each value.
    uses: Vec<dce::Uses>,
}

impl OptCx {
    /// Buffers for blocks of up to `longest` instructions; they grow if need be.
    fn for_blocks(longest: usize) -> Self {
        Self {
            live_in: Vec::new(),
            out: Vec::with_capacity(longest + longest / 4),
            map: Vec::with_capacity(longest + longest / 4),
            uses: Vec::with_capacity(longest + longest / 4),
        }
    }
}

/// Runs every pass; the region stays verifiable between any two of them.
pub fn optimize(region: &mut Region) {
    let longest = region.blocks.iter().map(|block| block.insts.len()).max().unwrap_or(0);
    let cx = &mut OptCx::for_blocks(longest);
    dead_flags::dead_flags(region, cx);
    check(region, "dead_flags");
    for block in &mut region.blocks {
        forward::forward(block, cx);
    }
    check(region, "forward");
    for index in 0..region.blocks.len() {
        fuse_branch::fuse_branch(region, index, cx);
    }
    check(region, "fuse_branch");
    for block in &mut region.blocks {
        dce::dce(block, cx);
    }
    check(region, "dce");
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
