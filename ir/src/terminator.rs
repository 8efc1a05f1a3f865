//! How a block ends. A sum type, so that every reader handles every way out.
use crate::guest::{Cc, GuestAddr, Trap};
use crate::inst::Value;
use crate::region::BlockId;

/// Where a direct branch goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A block of the same region.
    Block(BlockId),
    /// Out of the region: linked to the region that starts there once it exists.
    Guest(GuestAddr),
}

/// The end of a block. Pushing and popping of return addresses is ordinary IR before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminator<V = Value> {
    /// Go there.
    Jump(Target),
    /// Go one way if the condition holds in the guest flags, else the other.
    Branch {
        /// The condition.
        cc: Cc,
        /// Where to if it holds.
        taken: Target,
        /// Where to otherwise.
        fallthrough: Target,
    },
    /// Go one way if the value is not zero, else the other; no flags involved.
    BranchNz {
        /// An integer of any width.
        value: V,
        /// Where to if not zero.
        taken: Target,
        /// Where to if zero.
        fallthrough: Target,
    },
    /// Go to the guest address in an `I32` value.
    Indirect {
        /// The address.
        pc: V,
    },
    /// Call: like a jump, and `ret` is where the matching return will come back to.
    /// A backend without a return predictor may treat it as `Jump`.
    Call {
        /// The callee.
        target: Target,
        /// The return address that was pushed.
        ret: GuestAddr,
        /// The block at `ret`, if the region has it.
        ret_block: Option<BlockId>,
    },
    /// Call to the guest address in a value.
    CallIndirect {
        /// The callee.
        pc: V,
        /// The return address that was pushed.
        ret: GuestAddr,
        /// The block at `ret`, if the region has it.
        ret_block: Option<BlockId>,
    },
    /// Return to the guest address in a value; probably where the latest call said.
    Ret {
        /// The address that was popped.
        pc: V,
    },
    /// Leave translated code; `eip` becomes the state's.
    Exit {
        /// Why.
        trap: Trap,
        /// The instruction itself for faults, the next one for traps.
        eip: GuestAddr,
    },
}

/// Up to two targets.
#[derive(Clone, Copy, Debug)]
pub struct Targets {
    first: Option<Target>,
    second: Option<Target>,
}

impl Iterator for Targets {
    type Item = Target;

    #[inline]
    fn next(&mut self) -> Option<Target> {
        std::mem::replace(&mut self.first, self.second.take())
    }
}

impl Terminator {
    /// The direct targets, not counting return addresses.
    #[inline]
    pub fn targets(&self) -> Targets {
        let (first, second) = match *self {
            Self::Jump(t) | Self::Call { target: t, .. } => (Some(t), None),
            Self::Branch { taken, fallthrough, .. } | Self::BranchNz { taken, fallthrough, .. } => {
                (Some(taken), Some(fallthrough))
            }
            _ => (None, None),
        };
        Targets { first, second }
    }

    /// The value it reads, if any.
    pub fn value(&self) -> Option<Value> {
        match *self {
            Self::BranchNz { value, .. } => Some(value),
            Self::Indirect { pc } | Self::CallIndirect { pc, .. } | Self::Ret { pc } => Some(pc),
            _ => None,
        }
    }

    /// The same, to be replaced by a pass.
    pub fn value_mut(&mut self) -> Option<&mut Value> {
        match self {
            Self::BranchNz { value, .. } => Some(value),
            Self::Indirect { pc } | Self::CallIndirect { pc, .. } | Self::Ret { pc } => Some(pc),
            _ => None,
        }
    }
}
