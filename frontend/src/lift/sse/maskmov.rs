//! MASKMOVQ, MASKMOVDQU: stores of the bytes that a mask selects. SDM vol. 1, 10.4.6.2; vol. 2, by name.
//!
//! One block a byte, so that bytes not selected are neither read nor written and cannot fault.
use super::{get, vector_register, Reg};
use crate::lift::mmx;
use crate::lifter::{segment, LiftCx, Operand};
use ir::builder::Addr;
use ir::guest::{Gpr, Seg};
use ir::{BlockId, Lane, Opcode, Target, Terminator, Ty, Value};

/// The byte `lane` of what begins at `[DS:EDI]`, or with the override, or with DI.
fn destination(cx: &mut LiftCx, lane: i32) -> Addr {
    let width = if cx.insn.op_kind(0) == iced_x86::OpKind::MemorySegDI { Ty::I16 } else { Ty::I32 };
    let edi = Operand::low(Gpr::Edi, width);
    let addr = Addr::base(cx.get_zext(&edi)).plus(lane);
    let seg = segment(cx.insn.memory_segment()).unwrap_or(Seg::Ds);
    cx.linear(seg, addr, 1, true)
}

fn byte(cx: &mut LiftCx, v: Value, lane: i64) -> Value {
    cx.ir.vector(Opcode::VLane, Ty::I8, Lane::B16, &[v], lane)
}

/// Operand 1 selects by bit 7 of its bytes; operand 0 is the implicit memory.
pub(crate) fn maskmov(cx: &mut LiftCx) {
    let data = vector_register(cx, 1);
    let mask = vector_register(cx, 2);
    let count = if matches!(data, Reg::Mm(_)) { 8 } else { 16 };
    for lane in 0..count {
        let here = cx.block_id().0;
        let (store, next) = (Target::Block(BlockId(here + 1)), Target::Block(BlockId(here + 2)));
        let mask = get(cx, mask);
        let selector = byte(cx, mask, lane);
        let wide = cx.ir.zext(Ty::I32, selector);
        let selected = cx.ir.extract(wide, 7, 1);
        cx.split(Terminator::BranchNz { value: selected, taken: store, fallthrough: next });
        let data = get(cx, data);
        let value = byte(cx, data, lane);
        let addr = destination(cx, lane as i32);
        cx.ir.store(addr, value);
        cx.split(Terminator::Jump(next));
    }
    if count == 8 {
        mmx::enter(cx);
    }
}
