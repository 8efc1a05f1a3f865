//! ROTATE: ROL, ROR, RCL, RCR. SDM vol. 1, 7.3.5.3. They write CF and OF only.
use super::shift::by_count;
use crate::lifter::LiftCx;
use ir::guest::FlagSet;
use ir::Opcode;

const CF_OF: FlagSet = FlagSet::CF.with(FlagSet::OF);

/// ROL.
pub(crate) fn rol(cx: &mut LiftCx) {
    by_count(cx, Opcode::Rol, CF_OF);
}

/// ROR.
pub(crate) fn ror(cx: &mut LiftCx) {
    by_count(cx, Opcode::Ror, CF_OF);
}

/// RCL.
pub(crate) fn rcl(cx: &mut LiftCx) {
    by_count(cx, Opcode::Rcl, CF_OF);
}

/// RCR.
pub(crate) fn rcr(cx: &mut LiftCx) {
    by_count(cx, Opcode::Rcr, CF_OF);
}
