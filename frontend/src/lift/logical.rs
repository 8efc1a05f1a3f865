//! LOGICAL: AND, OR, XOR, TEST, NOT. SDM vol. 1, 7.3.4.
use super::binary::modify;
use crate::lifter::{LiftCx, Place};
use ir::guest::FlagSet;
use ir::{Opcode, Sink, Ty};

/// AND.
pub(crate) fn and<S: Sink>(cx: &mut LiftCx<S>) {
    modify(cx, Opcode::And, |cx, addr, b| cx.ir.atomic(Opcode::AtomicAnd, addr, b));
}

/// OR.
pub(crate) fn or<S: Sink>(cx: &mut LiftCx<S>) {
    modify(cx, Opcode::Or, |cx, addr, b| cx.ir.atomic(Opcode::AtomicOr, addr, b));
}

/// XOR.
pub(crate) fn xor<S: Sink>(cx: &mut LiftCx<S>) {
    modify(cx, Opcode::Xor, |cx, addr, b| cx.ir.atomic(Opcode::AtomicXor, addr, b));
}

/// TEST: the flags of AND.
pub(crate) fn test<S: Sink>(cx: &mut LiftCx<S>) {
    let a = cx.read(0);
    let b = if cx.same_register() { a } else { cx.read(1) };
    cx.ir.binary(Opcode::And, a, b, FlagSet::ALL);
}

/// NOT: no flags. Part of a register is complemented in place.
pub(crate) fn not<S: Sink>(cx: &mut LiftCx<S>) {
    let dst = cx.operand(0);
    if let (Place::Gpr { gpr, lsb }, Ty::I8 | Ty::I16) = (dst.place, dst.ty) {
        let whole = cx.ir.get_gpr(gpr);
        let part = cx.ir.const32((dst.ty.mask() as u32) << lsb);
        let result = cx.ir.xor(whole, part);
        return cx.ir.set_gpr(gpr, result);
    }
    match dst.addr() {
        Some(addr) if cx.insn.has_lock_prefix() => {
            let ones = cx.ir.iconst(dst.ty, u64::MAX);
            cx.ir.atomic(Opcode::AtomicXor, addr, ones);
        }
        _ => {
            let old = cx.get(&dst);
            let result = cx.ir.not(old);
            cx.set(&dst, result);
        }
    }
}
