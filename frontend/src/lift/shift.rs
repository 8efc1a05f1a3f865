//! SHIFT: SHL, SHR, SAR, SHLD, SHRD. SDM vol. 1, 7.3.5.
use crate::lifter::LiftCx;
use ir::guest::FlagSet;
use ir::{Opcode, Sink, Ty};

/// Operand 0 := what `compute` makes of it, with `flags`; memory is stored before the flags are written.
pub(super) fn modify<S: Sink>(
    cx: &mut LiftCx<S>,
    flags: FlagSet,
    compute: impl Fn(&mut LiftCx<S>, S::Value, FlagSet) -> S::Value,
) {
    let dst = cx.operand(0);
    let old = cx.get(&dst);
    if dst.addr().is_some() {
        let result = compute(cx, old, FlagSet::NONE);
        cx.set(&dst, result);
        compute(cx, old, flags);
    } else {
        let result = compute(cx, old, flags);
        cx.set(&dst, result);
    }
}

/// The count operand `i` as `I8`, masked if it is known; `None` if it is known to be zero.
pub(super) fn count<S: Sink>(cx: &mut LiftCx<S>, i: u32) -> Option<S::Value> {
    if cx.insn.op_kind(i) == iced_x86::OpKind::Register {
        return Some(cx.read(i));
    }
    let count = cx.imm32(i) as u8 & 31;
    (count != 0).then(|| cx.ir.const8(count))
}

/// A shift or rotation of operand 0 by operand 1.
pub(super) fn by_count<S: Sink>(cx: &mut LiftCx<S>, op: Opcode, flags: FlagSet) {
    match count(cx, 1) {
        Some(count) => modify(cx, flags, |cx, old, flags| cx.ir.shift(op, old, count, flags)),
        None => unchanged(cx),
    }
}

/// A count of zero still reads and writes a memory operand.
fn unchanged<S: Sink>(cx: &mut LiftCx<S>) {
    if cx.is_mem(0) {
        modify(cx, FlagSet::NONE, |_, old, _| old);
    }
}

/// SHL, SAL.
pub(crate) fn shl<S: Sink>(cx: &mut LiftCx<S>) {
    by_count(cx, Opcode::Shl, FlagSet::ALL);
}

/// SHR.
pub(crate) fn shr<S: Sink>(cx: &mut LiftCx<S>) {
    by_count(cx, Opcode::Shr, FlagSet::ALL);
}

/// SAR.
pub(crate) fn sar<S: Sink>(cx: &mut LiftCx<S>) {
    by_count(cx, Opcode::Sar, FlagSet::ALL);
}

fn double<S: Sink>(cx: &mut LiftCx<S>, op: Opcode) {
    let fill = cx.read(1);
    debug_assert!(matches!(cx.ir.ty(fill), Ty::I16 | Ty::I32));
    match count(cx, 2) {
        Some(count) => {
            modify(cx, FlagSet::ALL, |cx, old, flags| cx.ir.shift_double(op, old, fill, count, flags));
        }
        None => unchanged(cx),
    }
}

/// SHLD.
pub(crate) fn shld<S: Sink>(cx: &mut LiftCx<S>) {
    double(cx, Opcode::Shld);
}

/// SHRD.
pub(crate) fn shrd<S: Sink>(cx: &mut LiftCx<S>) {
    double(cx, Opcode::Shrd);
}
