//! MMX state: the registers are the significands of the x87 registers (SDM vol. 1, 9.6).
//!
//! Every MMX instruction sets TOP to 0 and all tags to valid, and first reports a pending x87 exception. Within a block
//! that has to be done once only, until something else writes the x87 state.
use crate::lifter::LiftCx;
use iced_x86::{OpKind, Register};
use ir::guest::state::offset;
use ir::guest::Mm;
use ir::{Opcode, Sink, Ty, Value};

/// Tag word with every register valid.
const ALL_VALID: u64 = 0xff;

/// The MMX register of operand `i`.
pub(super) fn register(cx: &LiftCx, i: u32) -> Option<Mm> {
    if cx.insn.op_kind(i) != OpKind::Register {
        return None;
    }
    Mm::from_index((cx.insn.op_register(i) as usize).checked_sub(Register::MM0 as usize)?)
}

/// Whether the block is already in MMX state at this point.
fn entered(cx: &LiftCx) -> bool {
    let block = cx.ir.block();
    for inst in block.insts.iter().rev() {
        match inst.op {
            Opcode::SetMm => return true,
            Opcode::SetState if inst.imm == i64::from(offset::FTW) => {
                return block.as_const(inst.args[0]) == Some(ALL_VALID);
            }
            // Whatever else may concern the x87 state.
            Opcode::SetState | Opcode::Helper | Opcode::X87 | Opcode::X87Store => return false,
            _ => {}
        }
    }
    false
}

/// First of all in an MMX instruction: a pending x87 exception.
pub(super) fn check(cx: &mut LiftCx) {
    if entered(cx) {
        return;
    }
    cx.ir.x87_wait();
}

/// After everything that can fault in an MMX instruction: TOP := 0, all tags valid.
pub(super) fn enter(cx: &mut LiftCx) {
    if !entered(cx) {
        set_tags(cx, ALL_VALID);
    }
}

/// TOP := 0 and the tags. The tags come last: that is where `entered` looks.
fn set_tags(cx: &mut LiftCx, valid: u64) {
    let top = cx.ir.const32(0);
    cx.ir.set_state(offset::TOP, top);
    let tags = cx.ir.iconst(Ty::I8, valid);
    cx.ir.set_state(offset::FTW, tags);
}

/// Writes MMX register `mm` as the last step of an instruction.
pub(super) fn set(cx: &mut LiftCx, mm: Mm, value: Value) {
    enter(cx);
    cx.ir.set_mm(mm, value);
}

/// EMMS: all tags empty; TOP is set to 0 as by every MMX instruction.
pub(crate) fn emms(cx: &mut LiftCx) {
    check(cx);
    set_tags(cx, 0);
}
