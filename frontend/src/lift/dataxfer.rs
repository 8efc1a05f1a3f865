//! DATAXFER: MOV, MOVZX, MOVSX, LEA (with the address operand it shares with them). SDM vol. 1, 7.3.1.
use crate::lifter::{LiftCx, Operand, Place};
use ir::Ty;

/// MOV between general registers, memory and immediates.
pub(crate) fn mov(cx: &mut LiftCx) {
    let value = cx.read(1);
    cx.write(0, value);
}

/// An `I32` value cut to the width of operand 0 and written there.
fn write_low(cx: &mut LiftCx, value: ir::Value) {
    let ty = cx.ty(0);
    let value = cx.ir.trunc(ty, value);
    cx.write(0, value);
}

/// MOVZX.
pub(crate) fn movzx(cx: &mut LiftCx) {
    let src = cx.operand(1);
    let value = cx.get_zext(&src);
    write_low(cx, value);
}

/// MOVSX.
pub(crate) fn movsx(cx: &mut LiftCx) {
    let src = cx.operand(1);
    let value = cx.get_sext(&src);
    write_low(cx, value);
}

/// LEA: the offset, without the segment's base.
pub(crate) fn lea(cx: &mut LiftCx) {
    let addr = cx.offset();
    let value = cx.ir.lea(addr);
    write_low(cx, value);
}

/// XCHG; with memory it is atomic with or without LOCK.
pub(crate) fn xchg(cx: &mut LiftCx) {
    let (a, b) = (cx.operand(0), cx.operand(1));
    if let Some(addr) = a.addr() {
        let new = cx.get(&b);
        let old = cx.ir.atomic(ir::Opcode::AtomicXchg, addr, new);
        return cx.set(&b, old);
    }
    if a == b {
        return;
    }
    let (va, vb) = (cx.get(&a), cx.get(&b));
    cx.set(&a, vb);
    cx.set(&b, va);
}

/// BSWAP; with a 16-bit operand (undefined) the low half becomes zero, as CPUs do.
pub(crate) fn bswap(cx: &mut LiftCx) {
    let dst = cx.operand(0);
    let Place::Gpr { gpr, .. } = dst.place else { unreachable!("BSWAP has a register operand") };
    if dst.ty == Ty::I16 {
        let zero = cx.ir.iconst(Ty::I16, 0);
        return cx.set(&dst, zero);
    }
    let old = cx.ir.get_gpr(gpr);
    let new = cx.ir.unary(ir::Opcode::Bswap, old);
    cx.set(&Operand::gpr(gpr), new);
}
