//! MASKMOVQ, MASKMOVDQU: stores of the bytes that a mask selects. SDM vol. 1, 10.4.6.2; vol. 2, by name.
//!
//! One conditional store a byte, so that bytes not selected are neither read nor written and cannot fault.
use super::{get, vector_register, Reg};
use crate::lift::mmx;
use crate::lifter::{segment, LiftCx, Operand};
use ir::guest::{Gpr, Seg};
use ir::sink::Addr;
use ir::{Lane, Opcode, Sink, Ty, Value};

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
    let (data, mask) = (get(cx, data), get(cx, mask));
    let selected = cx.ir.vector(Opcode::VSar, Ty::V128, Lane::B16, &[mask], 7);
    for lane in 0..count {
        let selector = byte(cx, selected, lane);
        let selector = cx.ir.zext(Ty::I32, selector);
        let value = byte(cx, data, lane);
        let to = destination(cx, lane as i32);
        cx.ir.store_if(to, value, selector);
    }
    if count == 8 {
        mmx::enter(cx);
    }
}
