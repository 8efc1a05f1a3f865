//! Where every value of a block lives: computed before emission, printed, checked, then only read.
use super::abi;
use super::regalloc::operand::Operands;
use ir::guest::{Gpr, Mm, Xmm};
use ir::{Block, FlagSet, Ty, Value};
use std::fmt;

/// Where a value lives, from its definition to its last use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Loc {
    /// Nowhere: unused, or folded into its users.
    #[default]
    None,
    /// A general register: a temporary (x0-x15 but x7), that of PF, or a pinned one (x19-x26).
    X(u8),
    /// A vector register: a temporary or a pinned one (v8-v23).
    V(u8),
    /// Words of `CpuState::host` from this spill slot on.
    Spill(u8),
}

impl Loc {
    /// The register that pins a guest register.
    pub fn gpr(reg: Gpr) -> Self {
        Self::X(abi::pinned_gpr(reg))
    }

    /// The vector register that pins an XMM register.
    pub fn xmm(reg: Xmm) -> Self {
        Self::V(abi::pinned_xmm(reg))
    }

    /// The vector register that pins an MMX register.
    pub fn mm(reg: Mm) -> Self {
        Self::V(abi::pinned_mm(reg))
    }

    /// Whether it is a register that pins an MMX register.
    pub fn is_mm(self) -> bool {
        matches!(self, Self::V(n) if (abi::MM_BASE..abi::MM_BASE + 8).contains(&n))
    }

    /// Whether it is a register that pins guest state.
    pub fn is_pinned(self) -> bool {
        match self {
            Self::X(n) => n >= abi::GPR_BASE,
            Self::V(n) => (abi::XMM_BASE..abi::XMM_BASE + 8).contains(&n) || self.is_mm(),
            _ => false,
        }
    }
}

impl fmt::Display for Loc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::None => f.write_str("-"),
            Self::X(n) if self.is_pinned() => f.write_str(Gpr::ALL[usize::from(n - abi::GPR_BASE)].name()),
            Self::V(n) if self.is_mm() => f.write_str(Mm::ALL[usize::from(n - abi::MM_BASE)].name()),
            Self::V(n) if self.is_pinned() => f.write_str(Xmm::ALL[usize::from(n - abi::XMM_BASE)].name()),
            Self::X(n) => write!(f, "x{n}"),
            Self::V(n) => write!(f, "v{n}"),
            Self::Spill(n) => write!(f, "[spill {n}]"),
        }
    }
}

/// When the code of an instruction is emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum When {
    /// Where it stands.
    #[default]
    Here,
    /// Not at all: dead, an alias of another value, or folded into its users.
    Never,
    /// At this later position: the `set_gpr`, `set_xmm` or `set_mm` that is its only user.
    At(u16),
    /// Before its first user: a constant that needs a register.
    FirstUse,
}

/// Temporaries that live across a helper call, as bit masks of register numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Saves {
    /// Of x0-x15.
    pub x: u32,
    /// Of v0-v7 and v24-v29.
    pub v: u32,
}

/// What the allocator knows about one value and its instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Where the value lives.
    pub loc: Loc,
    /// When its instruction is emitted.
    pub when: When,
    /// The value whose register this one shares; itself if none.
    pub root: u16,
    /// Position of the first and last use that needs it in a register (of the root: by any alias); `NO_USE` if none.
    pub first: u16,
    /// See `first`.
    pub last: u16,
    /// Guest flags live after the instruction.
    pub live: FlagSet,
    /// For an I8 or I16 value: whether the bits above are known to be zero.
    pub zero_above: bool,
    /// For a V128 value: whether anybody may read its upper half.
    pub wide: bool,
    /// How the instruction's arguments reach it.
    pub operands: Operands,
}

impl Slot {
    /// Whether anybody needs the value in a register.
    pub fn is_used(&self) -> bool {
        self.last != NO_USE
    }
}

/// No position.
pub const NO_USE: u16 = u16::MAX;

/// The allocation of one block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allocation {
    /// One entry a value.
    pub slots: Vec<Slot>,
    /// Helper calls in order of position, with what to save.
    pub saves: Vec<(u16, Saves)>,
    /// Whether values may live in spill slots; the last registers of `abi::TEMPS` and `VTEMPS` are then the emitter's.
    pub spilled: bool,
    /// Guest flags live at its start.
    pub live_in: FlagSet,
    /// General registers that values of the block live in, as a bit mask.
    pub used_x: u32,
    /// A constant with the return address of the block's call that is in a register at its end.
    pub ret_value: Option<Value>,
}

/// Registers at the end of `abi::TEMPS` and `abi::VTEMPS` kept for reloading when a block spills.
pub const RELOADS: usize = 4;

impl Allocation {
    /// General registers that nothing lives in anywhere in the block: scratch for emitters that need more of it.
    pub fn spares<const N: usize>(&self) -> Option<[u8; N]> {
        let free = abi::TEMPS.iter().rev().filter(|r| self.used_x >> **r & 1 == 0);
        let mut regs = [0; N];
        let found = regs.iter_mut().zip(free).map(|(reg, free)| *reg = *free).count();
        (found == N && !self.spilled).then_some(regs)
    }

    /// Where a value lives.
    pub fn loc(&self, value: Value) -> Loc {
        self.slots[value.index()].loc
    }

    /// The register for argument or result number `i` when its value is spilled.
    pub fn reload(ty: Ty, i: usize) -> u8 {
        match ty {
            Ty::V128 => abi::VTEMPS[abi::VTEMPS.len() - RELOADS + i],
            _ => abi::TEMPS[abi::TEMPS.len() - RELOADS + i],
        }
    }

    /// What to save around the helper call at a position.
    pub fn saves_at(&self, pos: usize) -> Saves {
        self.saves.iter().find(|(p, _)| usize::from(*p) == pos).map_or(Saves::default(), |(_, s)| *s)
    }

    /// The text form: one line an instruction, `value: location, when`.
    pub fn display<'a>(&'a self, block: &'a Block) -> impl fmt::Display + 'a {
        Text { alloc: self, block }
    }
}

struct Text<'a> {
    alloc: &'a Allocation,
    block: &'a Block,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (inst, slot)) in self.block.insts.iter().zip(&self.alloc.slots).enumerate() {
            write!(f, "v{i} {}: {}", inst.op.name(), slot.loc)?;
            match slot.when {
                When::Here => {}
                When::Never if slot.root != i as u16 => write!(f, ", is v{}", slot.root)?,
                When::Never => f.write_str(", folded")?,
                When::At(p) => write!(f, ", at v{p}")?,
                When::FirstUse => write!(f, ", before v{}", slot.first)?,
            }
            if !slot.live.is_empty() {
                write!(f, ", live {}", slot.live)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
