//! MMX state: the registers are the significands of the x87 registers (SDM vol. 1, 9.6).
//!
//! Every MMX instruction sets TOP to 0 and all tags to valid, and first reports a pending x87 exception. Within a block
//! that has to be done once only, until something else writes the x87 state.
use super::sse::Reg;
use crate::lifter::LiftCx;
use iced_x86::{OpKind, Register};
use ir::guest::Mm;
use ir::Opcode;

/// The MMX register of operand `i`.
pub(super) fn register(cx: &LiftCx, i: u32) -> Option<Mm> {
    if cx.insn.op_kind(i) != OpKind::Register {
        return None;
    }
    Mm::from_index((cx.insn.op_register(i) as usize).checked_sub(Register::MM0 as usize)?)
}

/// Whether the block is already in MMX state at this point.
fn entered(cx: &LiftCx) -> bool {
    for inst in cx.ir.block().insts.iter().rev() {
        match inst.op {
            Opcode::SetMm | Opcode::MmxEnter => return true,
            // Whatever else may concern the x87 state.
            Opcode::MmxLeave | Opcode::Helper | Opcode::X87 | Opcode::X87Store => return false,
            Opcode::GetState | Opcode::SetState | Opcode::X87Status => return false,
            _ => {}
        }
    }
    false
}

/// First of all in an MMX instruction: a pending x87 exception.
pub(super) fn check(cx: &mut LiftCx) {
    if !entered(cx) {
        cx.ir.x87_wait();
    }
}

/// TOP := 0, all tags valid: after everything in an MMX instruction that can fault, before its registers are read.
pub(super) fn enter(cx: &mut LiftCx) {
    if !entered(cx) {
        cx.ir.mmx_enter();
    }
}

/// The same if `reg` is an MMX register.
pub(super) fn enter_for(cx: &mut LiftCx, reg: Reg) {
    if matches!(reg, Reg::Mm(_)) {
        enter(cx);
    }
}

/// EMMS: all tags empty; TOP is set to 0 as by every MMX instruction.
pub(crate) fn emms(cx: &mut LiftCx) {
    check(cx);
    enter(cx);
    cx.ir.mmx_leave();
}
