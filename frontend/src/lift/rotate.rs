//! ROTATE: ROL, ROR, RCL, RCR. SDM vol. 1, 7.3.5.3. They write CF and OF only; of a constant count other than one the SDM leaves
//! OF undefined, and they keep it (but for whole turns through CF, and one bit more, which one may take for counts of zero and one).
use super::shift::by_count;
use crate::lifter::LiftCx;
use ir::guest::FlagSet;
use ir::{Opcode, Sink};

const CF_OF: FlagSet = FlagSet::CF.with(FlagSet::OF);

fn rotate<S: Sink>(cx: &mut LiftCx<S>, op: Opcode) {
    let known = (cx.insn.op_kind(1) != iced_x86::OpKind::Register).then(|| cx.imm32(1) & 31);
    let circle = if matches!(op, Opcode::Rcl | Opcode::Rcr) { cx.ty(0).bits() + 1 } else { 32 };
    let flags = if known.is_some_and(|count| count % circle > 1) { FlagSet::CF } else { CF_OF };
    by_count(cx, op, flags);
}

/// ROL.
pub(crate) fn rol<S: Sink>(cx: &mut LiftCx<S>) {
    rotate(cx, Opcode::Rol);
}

/// ROR.
pub(crate) fn ror<S: Sink>(cx: &mut LiftCx<S>) {
    rotate(cx, Opcode::Ror);
}

/// RCL.
pub(crate) fn rcl<S: Sink>(cx: &mut LiftCx<S>) {
    rotate(cx, Opcode::Rcl);
}

/// RCR.
pub(crate) fn rcr<S: Sink>(cx: &mut LiftCx<S>) {
    rotate(cx, Opcode::Rcr);
}
