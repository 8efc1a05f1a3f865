//! ROTATE: ROL, ROR, RCL, RCR. SDM vol. 1, 7.3.5.3. They write CF and OF only.
use super::shift::by_count;
use crate::lifter::LiftCx;
use ir::guest::FlagSet;
use ir::{Opcode, Sink};

const CF_OF: FlagSet = FlagSet::CF.with(FlagSet::OF);

/// ROL.
pub(crate) fn rol<S: Sink>(cx: &mut LiftCx<S>) {
    by_count(cx, Opcode::Rol, CF_OF);
}

/// ROR.
pub(crate) fn ror<S: Sink>(cx: &mut LiftCx<S>) {
    by_count(cx, Opcode::Ror, CF_OF);
}

/// RCL.
pub(crate) fn rcl<S: Sink>(cx: &mut LiftCx<S>) {
    by_count(cx, Opcode::Rcl, CF_OF);
}

/// RCR.
pub(crate) fn rcr<S: Sink>(cx: &mut LiftCx<S>) {
    by_count(cx, Opcode::Rcr, CF_OF);
}
