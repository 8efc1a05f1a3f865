//! A region: the unit of translation. One entry at the top, several blocks, loops inside.
use crate::guest::{FlagSet, GuestAddr, GuestRange, Trap};
use crate::inst::{Inst, Value};
use crate::terminator::{Target, Terminator};
use crate::types::Ty;

/// A block of a region, by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockId(pub u16);

impl BlockId {
    /// Position in `Region::blocks`.
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// One guest instruction of a block: where it is and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsnMark {
    /// Its address.
    pub addr: GuestAddr,
    /// Its length in bytes, 1..=15.
    pub len: u8,
}

/// Straight-line SSA. Values do not cross blocks; guest state does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Address of the first guest instruction (blocks of one REP instruction share it).
    pub start: GuestAddr,
    /// Whether control can also come from outside the region: the region's entry, and return addresses of its calls.
    pub entry: bool,
    /// The guest instructions, in order; `Inst::insn` indexes this.
    pub insns: Vec<InsnMark>,
    /// The instructions; the position of one is the value it defines.
    pub insts: Vec<Inst>,
    /// How it ends. Belongs to the last guest instruction.
    pub term: Terminator,
}

impl Block {
    /// A block with nothing in it.
    pub fn new(start: GuestAddr) -> Self {
        let term = Terminator::Exit { trap: Trap::Yield, eip: start };
        Self { start, entry: false, insns: Vec::new(), insts: Vec::new(), term }
    }

    /// The instruction that defines a value.
    #[inline]
    pub fn def(&self, value: Value) -> &Inst {
        &self.insts[value.index()]
    }

    /// The type of a value.
    #[inline]
    pub fn ty(&self, value: Value) -> Ty {
        self.def(value).result_ty()
    }

    /// The constant a value holds, if it is defined by `const`.
    #[inline]
    pub fn as_const(&self, value: Value) -> Option<u64> {
        self.insts.get(value.index())?.as_const()
    }

    /// Address of the guest instruction an IR instruction belongs to.
    #[inline]
    pub fn insn_addr(&self, inst: &Inst) -> GuestAddr {
        self.insns[usize::from(inst.insn)].addr
    }

    /// One past the last byte of the block's guest instructions.
    pub fn end(&self) -> GuestAddr {
        self.insns.last().map_or(self.start, |m| m.addr.plus(u32::from(m.len)))
    }
}

/// A region of guest code in IR. `blocks[0]` is the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// The guest address it was made for.
    pub entry: GuestAddr,
    /// Its blocks; the order is the order of emission.
    pub blocks: Vec<Block>,
    /// Whether folding builders made the blocks; optimisation then need not fold them again.
    pub folded: bool,
    /// Flags that may be read after leaving to this address, where the frontend looked ahead; `FlagSet::ALL` otherwise.
    /// Sorted by address.
    pub exit_live: Vec<(GuestAddr, FlagSet)>,
    /// The guest bytes it was made from, sorted and disjoint: what a write must hit to make it stale.
    pub ranges: Vec<GuestRange>,
}

impl Region {
    /// An empty region for `entry`.
    pub fn new(entry: GuestAddr) -> Self {
        Self { entry, blocks: Vec::new(), folded: false, exit_live: Vec::new(), ranges: Vec::new() }
    }

    /// Flags that may be read after control goes to `target` from outside or to another region.
    pub fn live_at(&self, target: GuestAddr) -> FlagSet {
        self.exit_live_index(target).map_or(FlagSet::ALL, |at| self.exit_live[at].1)
    }

    /// Says which flags may be read after leaving to `target`.
    pub fn set_live_at(&mut self, target: GuestAddr, flags: FlagSet) {
        match self.exit_live_index(target) {
            Ok(at) => self.exit_live[at].1 = flags,
            Err(at) => self.exit_live.insert(at, (target, flags)),
        }
    }

    /// Where `exit_live` has an address, or where it belongs.
    pub fn exit_live_index(&self, target: GuestAddr) -> Result<usize, usize> {
        self.exit_live.binary_search_by_key(&target, |(addr, _)| *addr)
    }

    /// Makes it an empty region for `entry`, in the memory it has; the old blocks go to `spare`.
    pub fn restart(&mut self, entry: GuestAddr, spare: &mut Vec<Block>) {
        spare.append(&mut self.blocks);
        self.exit_live.clear();
        self.ranges.clear();
        (self.entry, self.folded) = (entry, false);
    }

    /// The block a target names, if it is inside.
    pub fn block_of(&self, target: Target) -> Option<&Block> {
        match target {
            Target::Block(id) => Some(&self.blocks[id.index()]),
            Target::Guest(_) => None,
        }
    }

    /// Number of guest instructions in all blocks.
    pub fn insn_count(&self) -> usize {
        self.blocks.iter().map(|b| b.insns.len()).sum()
    }
}
