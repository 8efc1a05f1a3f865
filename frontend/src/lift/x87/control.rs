//! FNINIT, FNCLEX, control and status word, FFREE, FINCSTP, FDECSTP, FNOP, WAIT. SDM vol. 1, 8.3.8 and 8.3.11.
use super::{call, last_st, operation, wait};
use crate::lifter::LiftCx;
use ir::guest::state::offset;
use ir::{Helper, Opcode, Sink, Ty, Value};

/// WAIT.
pub(crate) fn fwait(cx: &mut LiftCx) {
    wait(cx);
}

/// FNOP: FIP is its address afterwards.
pub(crate) fn fnop(cx: &mut LiftCx) {
    wait(cx);
    let here = cx.ir.const32(cx.addr().0);
    cx.ir.set_state(offset::FIP, here);
}

/// FNENI, FNDISI, FNSETPM: of the 8087 and 287 only, they do nothing.
pub(crate) fn ignored(_: &mut LiftCx) {}

/// FNINIT.
pub(crate) fn fninit(cx: &mut LiftCx) {
    call(cx, Helper::X87Init, &[]);
}

/// FNCLEX.
pub(crate) fn fnclex(cx: &mut LiftCx) {
    call(cx, Helper::X87Clex, &[]);
}

/// FLDCW.
pub(crate) fn fldcw(cx: &mut LiftCx) {
    wait(cx);
    let addr = cx.mem_addr();
    let value = cx.ir.load(Ty::I16, addr);
    cx.ir.x87(Helper::X87SetCw, Ty::None, &[value]);
}

/// FNSTCW.
pub(crate) fn fnstcw(cx: &mut LiftCx) {
    let addr = cx.mem_addr();
    let value = cx.ir.get_state(Ty::I16, offset::FCW);
    cx.ir.store(addr, value);
}

/// FNSTSW.
pub(crate) fn fnstsw(cx: &mut LiftCx) {
    let word = cx.ir.x87_status();
    let word = cx.ir.trunc(Ty::I16, word);
    cx.write(0, word);
}

/// FFREE.
pub(crate) fn ffree(cx: &mut LiftCx) {
    let i = last_st(cx);
    operation(cx, Helper::X87Free, &[i, 0]);
}

/// FFREEP: FFREE, then a pop.
pub(crate) fn ffreep(cx: &mut LiftCx) {
    let i = last_st(cx);
    operation(cx, Helper::X87Free, &[i, 1]);
}

/// FINCSTP.
pub(crate) fn fincstp(cx: &mut LiftCx) {
    operation(cx, Helper::X87Turn, &[1]);
}

/// FDECSTP.
pub(crate) fn fdecstp(cx: &mut LiftCx) {
    operation(cx, Helper::X87Turn, &[7]);
}

/// A 16-bit state field in the low half of an `I32` whose high half is all ones, as environments hold them.
pub(super) fn padded(cx: &mut LiftCx, value: Value) -> Value {
    let ones = cx.ir.const32(0xffff_0000);
    cx.ir.binary(Opcode::Or, value, ones, ir::FlagSet::NONE)
}
