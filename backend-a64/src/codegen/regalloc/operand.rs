//! Which constant arguments an instruction takes as immediates: one rule, read by allocation and by emission.
use super::super::imm::{AddImm, LogicalImm};
use ir::{Block, FlagSet, Inst, Opcode, Ty};

/// How an argument reaches its instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// In a register.
    Reg,
    /// As an immediate of the instruction, or made by its emitter in scratch.
    Imm(u64),
    /// A zero that the zero register stands for.
    Zero,
}

/// How every argument of one instruction reaches it: what [`operand`] says, as bits by position. An argument in neither
/// set is absent or zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operands {
    /// Low half: from a register. High half: as an immediate.
    regs_imms: u8,
    /// Those from a register that are constants.
    consts: u8,
}

/// Positions of arguments, lowest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places(u8);

impl Iterator for Places {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let place = self.0.trailing_zeros();
        self.0 &= self.0 - 1;
        Some(place as usize)
    }
}

impl Places {
    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a position is among them.
    pub fn has(self, place: usize) -> bool {
        self.0 >> place & 1 != 0
    }
}

impl Operands {
    /// Arguments that come from a register.
    pub fn regs(self) -> Places {
        Places(self.regs_imms & 15)
    }

    /// Those of [`Self::regs`] that are constants.
    pub fn consts(self) -> Places {
        Places(self.consts)
    }

    /// Arguments that are immediates.
    pub fn imms(self) -> Places {
        Places(self.regs_imms >> 4)
    }

    /// Of an instruction.
    #[inline]
    pub fn of(block: &Block, inst: &Inst) -> Self {
        let mut found = Self::default();
        for index in 0..inst.op.arg_count() {
            let value = inst.args[index];
            if value.is_none() {
                continue;
            }
            let constant = matches!(block.def(value).op, Opcode::Const | Opcode::VConst);
            if !constant {
                found.regs_imms |= 1 << index;
                continue;
            }
            match operand(block, inst, index) {
                Operand::Reg => {
                    found.regs_imms |= 1 << index;
                    found.consts |= 1 << index;
                }
                Operand::Imm(_) => found.regs_imms |= 16 << index,
                Operand::Zero => {}
            }
        }
        found
    }
}

/// How argument `index` of `inst` reaches it.
pub fn operand(block: &Block, inst: &Inst, index: usize) -> Operand {
    let value = inst.args[index];
    match block.as_const(value) {
        Some(c) => const_operand(block, inst, index, c, block.def(value).ty),
        None if zero_vector(block, inst, index) => Operand::Zero,
        None => Operand::Reg,
    }
}

/// Whether argument `index` is a vector of zeros that the instruction makes by itself: a move of one lane 0 to zeros, lanes among
/// zeros.
pub fn zero_vector(block: &Block, inst: &Inst, index: usize) -> bool {
    let folds = match inst.op {
        Opcode::VCopyLane => inst.imm == 0 && inst.lane.bits() >= 32,
        op => op == Opcode::VBlend,
    };
    folds && index == 0 && {
        let def = block.def(inst.args[0]);
        def.op == Opcode::VConst && def.imm == 0
    }
}

fn reg_or_zero(c: u64) -> Operand {
    if c == 0 {
        Operand::Zero
    } else {
        Operand::Reg
    }
}

fn imm_if(c: u64, fits: bool) -> Operand {
    if fits {
        Operand::Imm(c)
    } else {
        Operand::Reg
    }
}

/// Whether a sum or difference with a constant may be made in two steps: of its flags only those of the result matter.
fn in_two_steps(inst: &Inst, c: u64) -> bool {
    let c = if inst.op == Opcode::Sub { (c as u32).wrapping_neg() } else { c as u32 };
    let of_result = FlagSet::ZF.with(FlagSet::SF);
    inst.ty == Ty::I32 && (inst.flags - of_result).is_empty() && AddImm::pair(c).is_some()
}

/// Whether an instruction with an immediate inserts this constant: MOVK, ORR or AND.
fn in_one_step(inst: &Inst, c: u64) -> bool {
    let (lsb, width) = inst.field();
    let ones = (1u64 << width) - 1;
    width == 16 && lsb % 16 == 0 || width < 32 && (c & ones == 0 || c & ones == ones)
}

fn const_operand(block: &Block, inst: &Inst, index: usize, c: u64, ty: Ty) -> Operand {
    use Opcode::*;
    let wide = inst.ty == Ty::I64;
    let narrow = matches!(inst.ty, Ty::I8 | Ty::I16);
    // Where the second argument becomes an immediate, register 31 in the first place could mean the stack pointer.
    let other_is_const = || block.as_const(inst.args[1]).is_some();
    match (inst.op, index) {
        (Add | Sub | And | Or | Xor, 0) if other_is_const() => Operand::Reg,
        (Add | Sub | Adc | Sbb | And | Or | Xor, 1) if narrow => Operand::Imm(c),
        (Add | Sub, 1) => imm_if(c, AddImm::new(c, wide).is_some() || in_two_steps(inst, c)),
        (And | Or | Xor, 1) if wide => imm_if(c, LogicalImm::new64(c).is_some()),
        (And | Or | Xor, 1) => imm_if(c, LogicalImm::new32(c as u32).is_some()),
        (Shl | Shr | Sar | Rol | Ror | Rcl | Rcr, 1) | (Shld | Shrd, 2) => Operand::Imm(c),
        (Shl | Shr | Sar | Rol | Ror | Rcl | Rcr, 0) => Operand::Reg,
        (SetGpr | SetCarry | SetFlags | TrapIf | TrapIfZero | Helper | X87, _) | (X87Store, 2) => Operand::Imm(c),
        (VStoreLane, 3) => Operand::Imm(c),
        (Insert, 1) if in_one_step(inst, c) => Operand::Imm(c),
        (Insert, 1) => reg_or_zero(c),
        (Store, 2) if ty == Ty::V128 => Operand::Reg,
        (Add | Sub | Adc | Sbb | And | Or | Xor | Mul | SetState | Store | Concat, _) => match (inst.op, index) {
            (Store, 0 | 1) => Operand::Imm(c),
            _ => reg_or_zero(c),
        },
        (Select, _) | (SelectNz, 1 | 2) => reg_or_zero(c),
        (op, 0 | 1) if op.has_address() => Operand::Imm(c),
        _ => Operand::Reg,
    }
}
