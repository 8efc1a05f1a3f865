//! Which constant arguments an instruction takes as immediates: one rule, read by allocation and by emission.
use super::super::imm::{AddImm, LogicalImm};
use ir::{Block, Inst, Opcode, Ty, Value};

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

/// How argument `index` of `inst` reaches it.
pub fn operand(block: &Block, inst: &Inst, index: usize) -> Operand {
    let value = inst.args[index];
    match block.as_const(value) {
        Some(c) => const_operand(block, inst, index, c, block.def(value).ty),
        None if zero_vector(block, inst, index) => Operand::Zero,
        None => Operand::Reg,
    }
}

/// Whether argument `index` is a vector of zeros that the instruction makes by itself: a move of one lane 0 to zeros.
pub fn zero_vector(block: &Block, inst: &Inst, index: usize) -> bool {
    inst.op == Opcode::VCopyLane && index == 0 && inst.imm == 0 && inst.lane.bits() >= 32 && {
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

fn const_operand(block: &Block, inst: &Inst, index: usize, c: u64, ty: Ty) -> Operand {
    use Opcode::*;
    let wide = inst.ty == Ty::I64;
    let narrow = matches!(inst.ty, Ty::I8 | Ty::I16);
    // Where the second argument becomes an immediate, register 31 in the first place could mean the stack pointer.
    let other_is_const = || block.as_const(inst.args[1]).is_some();
    match (inst.op, index) {
        (Add | Sub | And | Or | Xor, 0) if other_is_const() => Operand::Reg,
        (Add | Sub | And | Or | Xor, 1) if narrow => Operand::Imm(c),
        (Add | Sub, 1) => imm_if(c, AddImm::new(c, wide).is_some()),
        (And | Or | Xor, 1) if wide => imm_if(c, LogicalImm::new64(c).is_some()),
        (And | Or | Xor, 1) => imm_if(c, LogicalImm::new32(c as u32).is_some()),
        (Shl | Shr | Sar | Rol | Ror | Rcl | Rcr, 1) | (Shld | Shrd, 2) => Operand::Imm(c),
        (Shl | Shr | Sar | Rol | Ror | Rcl | Rcr, 0) => Operand::Reg,
        (SetGpr | TrapIf | Helper, _) => Operand::Imm(c),
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

/// Arguments of `inst` that it takes from registers, with their positions.
pub fn reg_args<'a>(block: &'a Block, inst: &'a Inst) -> impl Iterator<Item = (usize, Value)> + 'a {
    inst.args
        .iter()
        .enumerate()
        .filter(|(i, v)| v.is_some() && operand(block, inst, *i) == Operand::Reg)
        .map(|(i, v)| (i, *v))
}
