//! FCOM, FUCOM, FICOM, FTST, FXAM and the FCOMI family. SDM vol. 1, 8.3.6.
use super::arith::{memory_operand, Kind};
use super::{last_st, operation, simple, wait};
use crate::lifter::LiftCx;
use ir::{Helper, Sink, Ty};

/// FCOM, FICOM.
pub(crate) fn fcom(cx: &mut LiftCx) {
    ordered(cx, 0);
}

/// FCOMP, FICOMP.
pub(crate) fn fcomp(cx: &mut LiftCx) {
    ordered(cx, 1);
}

/// FCOMPP.
pub(crate) fn fcompp(cx: &mut LiftCx) {
    ordered(cx, 2);
}

fn ordered(cx: &mut LiftCx, pops: u32) {
    if cx.insn.op_count() != 1 || !cx.is_mem(0) {
        let i = last_st(cx);
        return operation(cx, Helper::X87Com, &[i, pops, 0]);
    }
    wait(cx);
    let (value, kind) = memory_operand(cx);
    let helper = match kind {
        Kind::F32 => Helper::X87ComF32,
        Kind::F64 => Helper::X87ComF64,
        Kind::Int => Helper::X87ComInt,
    };
    let pops = cx.ir.const32(pops);
    cx.ir.x87(helper, Ty::None, &[value, pops]);
}

/// FUCOM.
pub(crate) fn fucom(cx: &mut LiftCx) {
    let i = last_st(cx);
    operation(cx, Helper::X87Com, &[i, 0, 1]);
}

/// FUCOMP.
pub(crate) fn fucomp(cx: &mut LiftCx) {
    let i = last_st(cx);
    operation(cx, Helper::X87Com, &[i, 1, 1]);
}

/// FUCOMPP.
pub(crate) fn fucompp(cx: &mut LiftCx) {
    operation(cx, Helper::X87Com, &[1, 2, 1]);
}

/// FTST.
pub(crate) fn ftst(cx: &mut LiftCx) {
    operation(cx, Helper::X87Tst, &[]);
}

/// FXAM.
pub(crate) fn fxam(cx: &mut LiftCx) {
    simple(cx, Helper::X87Xam, &[]);
}

/// FCOMI.
pub(crate) fn fcomi(cx: &mut LiftCx) {
    to_eflags(cx, 0, false);
}

/// FCOMIP.
pub(crate) fn fcomip(cx: &mut LiftCx) {
    to_eflags(cx, 1, false);
}

/// FUCOMI.
pub(crate) fn fucomi(cx: &mut LiftCx) {
    to_eflags(cx, 0, true);
}

/// FUCOMIP.
pub(crate) fn fucomip(cx: &mut LiftCx) {
    to_eflags(cx, 1, true);
}

/// ZF, PF and CF from the order; OF, SF and AF become zero.
fn to_eflags(cx: &mut LiftCx, pops: u32, quiet: bool) {
    wait(cx);
    let i = last_st(cx);
    cx.ir.x87_comi(i, pops, quiet);
}
