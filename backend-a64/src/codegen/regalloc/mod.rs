//! Register allocation of one block: analysis backwards, then a linear scan forwards.
//!
//! Guest registers are pinned, so most values need no allocation: a `get_gpr` is its pinned register for as long as that
//! is not overwritten, and a value made for `set_gpr` is computed there if nothing in between needs the old content.
//! What remains are short-lived temporaries. A block that runs out of them is allocated again with spilling.
mod analysis;
pub mod checker;
mod halves;
mod linear_scan;
pub mod operand;

pub use linear_scan::Registers;

use super::allocation::Allocation;
use ir::{Block, FlagSet};

/// Allocates a block; `live_out` are the guest flags live at its end. `alloc` is overwritten, its buffers are reused.
pub fn allocate(block: &Block, live_out: FlagSet, registers: Registers, alloc: &mut Allocation) {
    analysis::analyse(block, live_out, alloc);
    if linear_scan::scan(block, alloc, registers).is_err() {
        analysis::analyse(block, live_out, alloc);
        linear_scan::scan(block, alloc, Registers::Spilling).unwrap_or_else(|e| panic!("{e:?}: {block:?}"));
    }
    if cfg!(debug_assertions) {
        if let Err(problem) = checker::check(block, alloc) {
            panic!("allocation: {problem}\n{}", alloc.display(block));
        }
    }
}
