//! Where the x87 registers are: resolves stack positions statically, over the blocks of a region.
//!
//! Translated code holds the x87 state in the live form (`ir::guest::x87_live`): each place that begins to work on the stack
//! chooses where ST(0) is and checks that it is so (a *guard*). From there on pushes, pops and exchanges of the top are only
//! followed here; TOP and tags in memory are brought up to date at ends of blocks, and otherwise the pc map says what they
//! are. A guard covers the rest of its block up to the next instruction that does not know the live form (a *barrier*): it
//! checks that everything the code reads is filled and everything it pushes to is empty, so that no stack fault can happen.
//! What is known at the end of a block is known at the beginning of the blocks that only it leads to, so loops and chains of
//! blocks are checked once.
mod effect;
mod plan;
mod track;

pub(crate) use effect::{
    begins_in_mmx, effect, is_barrier, is_fip, is_live, leads_to_live, leads_to_mmx, wants_rest, Effect,
};
use ir::Block;
pub(crate) use plan::{analyse, Plan};
pub(crate) use track::{Guard, Track};

/// What is known of the live form at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stack {
    /// Where ST(0) is.
    pub(crate) top: u8,
    /// Places that are filled for sure.
    pub(crate) full: u8,
    /// Places that are empty for sure.
    pub(crate) empty: u8,
}

/// The x87 state at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Live, as described.
    Live(Stack),
    /// That of MMX instructions (`X87Live::MMX`), all tags valid.
    Mmx,
    /// Nothing is known. A guard here would expect this top and these tags.
    Unknown { top: u8, ftw: u8 },
}

/// TOP and tags as the engine found them at the entry of the region: what guards expect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct X87Hint {
    /// TOP.
    pub top: u8,
    /// The abridged tag word.
    pub ftw: u8,
}

impl Stack {
    /// The place of ST(i).
    pub(crate) fn at(&self, i: u64) -> u8 {
        (self.top + i as u8) & 7
    }

    /// A mask of ST(i) as a mask of places.
    fn places(&self, mask: u8) -> u8 {
        mask.rotate_left(u32::from(self.top))
    }

    fn fill(&mut self, places: u8) {
        self.full |= places;
        self.empty &= !places;
    }

    fn free(&mut self, places: u8) {
        self.empty |= places;
        self.full &= !places;
    }

    /// Does what an instruction does.
    pub(crate) fn apply(&mut self, e: &Effect) {
        self.fill(self.places(e.fills));
        self.free(self.places(e.frees));
        if e.push {
            self.top = (self.top + 7) & 7;
            self.fill(self.places(1));
        }
        for _ in 0..e.pops {
            self.free(self.places(1));
            self.top = (self.top + 1) & 7;
        }
        self.top = (self.top + e.turn) & 7;
    }
}

/// Places that must be filled and places that must be empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    pub(crate) full: u8,
    pub(crate) empty: u8,
}

impl Needs {
    fn or(self, other: Self) -> Self {
        Self { full: self.full | other.full, empty: self.empty | other.empty }
    }
}

/// What the code from instruction `from` to the next barrier needs if ST(0) is at `top` before it; `behind` is what the code
/// behind the block needs, if there is no barrier.
pub(crate) fn needs(block: &Block, from: usize, top: u8, behind: Needs) -> Needs {
    let mut now = Stack { top, full: 0, empty: 0 };
    let mut needs = Needs::default();
    for inst in &block.insts[from..] {
        if is_barrier(inst) {
            return needs;
        }
        if !is_live(inst) {
            continue;
        }
        let e = effect(block, inst);
        let reads = now.places(e.reads);
        let pushes = if e.push { now.places(1 << 7) } else { 0 };
        // What the code itself has made so needs no check. What it has made otherwise is a stack fault for sure: then the check
        // is one that fails.
        let fault = reads & now.empty | pushes & now.full;
        needs.full |= reads & !now.full | fault;
        needs.empty |= pushes & !now.empty | fault;
        now.apply(&e);
    }
    // Not where that contradicts: then the code behind checks for itself.
    let made = now.full | now.empty;
    let behind = Needs { full: behind.full & !made & !needs.empty, empty: behind.empty & !made & !needs.full };
    needs.or(behind)
}
