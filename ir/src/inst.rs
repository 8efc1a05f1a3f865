//! One IR instruction. Its position in the block is its value.
use crate::guest::{Cc, FlagSet, Gpr, Mm, Trap, Xmm};
use crate::helper::Helper;
use crate::opcode::{ImmKind, Opcode, ResTy};
use crate::types::{Lane, Ty};
use std::fmt;

/// Most arguments an instruction can have.
pub const MAX_ARGS: usize = 4;

/// An SSA value: the index, within its block, of the instruction that defines it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub u16);

impl Value {
    /// No value: an absent base, index or helper argument.
    pub const NONE: Self = Self(u16::MAX);

    /// Whether there is a value.
    #[inline]
    pub fn is_some(self) -> bool {
        self != Self::NONE
    }

    /// Whether there is none.
    #[inline]
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// The index of the defining instruction.
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            f.write_str("_")
        } else {
            write!(f, "v{}", self.0)
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What stands for a value where operations go (`crate::sink`): in a block, the position of its definition.
pub trait Datum: Copy + PartialEq + fmt::Debug {
    /// No value.
    const NONE: Self;

    /// Whether there is a value.
    #[inline]
    fn is_some(self) -> bool {
        self != Self::NONE
    }

    /// Whether there is none.
    #[inline]
    fn is_none(self) -> bool {
        self == Self::NONE
    }
}

impl Datum for Value {
    const NONE: Self = Self::NONE;
}

/// An IR instruction; see [`Opcode`] for what the fields mean in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inst<V = Value> {
    /// What it does.
    pub op: Opcode,
    /// The width it works at.
    pub ty: Ty,
    /// How a vector operation divides its operands.
    pub lane: Lane,
    /// Guest arithmetic flags it writes.
    pub flags: FlagSet,
    /// Index scale of a memory operand, as a shift count 0..=3.
    pub shift: u8,
    /// Which guest instruction it belongs to: index into `Block::insns`.
    pub insn: u16,
    /// Arguments; unused places are `Value::NONE`.
    pub args: [V; MAX_ARGS],
    /// Constant, displacement, register, condition, ...: `Opcode::imm` says which.
    pub imm: i64,
}

impl<V: Datum> Inst<V> {
    /// An instruction of `op` at width `ty` with nothing else set.
    #[inline(always)]
    pub fn new(op: Opcode, ty: Ty) -> Self {
        Self { op, ty, lane: Lane::None, flags: FlagSet::NONE, shift: 0, insn: 0, args: [V::NONE; MAX_ARGS], imm: 0 }
    }
}

impl Inst {
    /// Turns it into `nop`, of the same guest instruction.
    #[inline]
    pub fn become_nop(&mut self) {
        *self = Self { insn: self.insn, ..Self::new(Opcode::Nop, Ty::None) };
    }

    /// The arguments that are present.
    pub fn used_args(&self) -> impl Iterator<Item = Value> + '_ {
        self.args.iter().copied().filter(|v| v.is_some())
    }

    /// The constant it defines, if it is a `const`.
    #[inline]
    pub fn as_const(&self) -> Option<u64> {
        (self.op == Opcode::Const).then_some(self.imm as u64)
    }

    /// The places for arguments that its opcode has; absent ones are among them.
    #[inline]
    pub fn arg_places(&mut self) -> &mut [Value] {
        let count = self.op.arg_count();
        &mut self.args[..count]
    }

    /// Guest flags it reads.
    #[inline]
    pub fn reads_flags(&self) -> FlagSet {
        if !self.op.needs_flags() {
            return FlagSet::NONE;
        }
        match self.op.imm() {
            ImmKind::Cc => self.cc().reads(),
            ImmKind::Flags => FlagSet::from_eflags_mask(self.imm as u32),
            _ => self.op.reads_flags(),
        }
    }

    /// Whether the flags it writes may also keep their old value (shifts by a count that may be zero).
    #[inline]
    pub fn may_keep_flags(&self, is_const: impl Fn(Value) -> Option<u64>) -> bool {
        if !self.op.is_shift() {
            return false;
        }
        let count = if matches!(self.op, Opcode::Shld | Opcode::Shrd) { self.args[2] } else { self.args[1] };
        let mask = if self.ty == Ty::I64 { 63 } else { 31 };
        is_const(count).is_none_or(|c| c & mask == 0)
    }
}

impl<V> Inst<V> {
    /// The type of the value it defines; `Ty::None` if it defines none.
    #[inline(always)]
    pub fn result_ty(&self) -> Ty {
        match self.op.result() {
            ResTy::None => Ty::None,
            ResTy::T => self.ty,
            ResTy::I8 => Ty::I8,
            ResTy::I32 => Ty::I32,
            ResTy::I64 => Ty::I64,
            ResTy::V128 => Ty::V128,
            ResTy::Double => match self.ty {
                Ty::I8 => Ty::I16,
                Ty::I16 => Ty::I32,
                _ => Ty::I64,
            },
        }
    }

    /// The condition of `Cond` and `Select`.
    pub fn cc(&self) -> Cc {
        Cc::ALL[self.imm as usize & 15]
    }

    /// The register of `GetGpr` and `SetGpr`.
    #[inline]
    pub fn gpr(&self) -> Gpr {
        Gpr::ALL[self.imm as usize & 7]
    }

    /// The register of `GetXmm` and `SetXmm`.
    #[inline]
    pub fn xmm(&self) -> Xmm {
        Xmm::ALL[self.imm as usize & 7]
    }

    /// The register of `GetMm` and `SetMm`.
    pub fn mm(&self) -> Mm {
        Mm::ALL[self.imm as usize & 7]
    }

    /// The trap of `TrapIf` and `TrapDenormal`.
    pub fn trap(&self) -> Trap {
        Trap::ALL[self.imm as usize]
    }

    /// The function of `Helper`.
    pub fn helper(&self) -> Helper {
        Helper::ALL[self.imm as usize]
    }

    /// Whether FIP becomes the address of its guest instruction: it does what a non-control x87 instruction does last.
    pub fn sets_fip(&self) -> bool {
        match self.op {
            Opcode::X87Store => true,
            Opcode::X87 | Opcode::Helper => self.helper().sets_fip(),
            _ => false,
        }
    }

    /// The bit field of `Extract`, `ExtractS`, `Insert`: least significant bit and width.
    #[inline]
    pub fn field(&self) -> (u32, u32) {
        (self.imm as u32 & 0xff, self.imm as u32 >> 8 & 0xff)
    }

    /// The displacement of a memory operand.
    #[inline]
    pub fn disp(&self) -> i32 {
        self.imm as i32
    }
}
