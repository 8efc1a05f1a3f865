//! Conversions between floats and integers, and between the two float formats.
//! SDM vol. 1, 10.4.1.6, 10.4.3 and 11.4.1.6; vol. 2, each by name.
use super::{copy_lane, get, lifts, low_half, register, set, source, transform, vector_register, Reg};
use crate::lift::mmx;
use crate::lifter::LiftCx;
use ir::{Lane, Opcode, Ty};
use Lane::{F32x4, F64x2, D2, F32, F64};

/// CVTSI2SS, CVTSI2SD: r/m32 into lane 0.
fn from_gpr(cx: &mut LiftCx, lane: Lane) {
    let dst = vector_register(cx, 0);
    let value = cx.read(1);
    let a = get(cx, dst);
    let result = cx.ir.lanes(Opcode::IntToF, lane, &[a, value]);
    set(cx, dst, result);
}

/// CVTSS2SI and the like: lane 0 into r32.
fn to_gpr(cx: &mut LiftCx, lane: Lane, truncate: bool) {
    let a = source(cx, 1);
    let value = cx.ir.vector(Opcode::FToInt, Ty::I32, lane, &[a], i64::from(truncate));
    cx.write(0, value);
}

/// CVTSS2SD, CVTSD2SS: lane 0 of operand 1 into lane 0 of operand 0.
fn scalar(cx: &mut LiftCx, op: Opcode, lane: Lane) {
    let dst = vector_register(cx, 0);
    let b = source(cx, 1);
    let a = get(cx, dst);
    let result = cx.ir.lanes(op, lane, &[a, b]);
    set(cx, dst, result);
}

/// CVTPS2PD, CVTPD2PS.
fn packed(cx: &mut LiftCx, op: Opcode, lane: Lane) {
    transform(cx, |cx, a| cx.ir.lanes(op, lane, &[a, a]));
}

/// CVTPS2DQ and the like.
fn to_int(cx: &mut LiftCx, lane: Lane, truncate: bool) {
    transform(cx, |cx, a| cx.ir.vector(Opcode::VFToInt, Ty::V128, lane, &[a], i64::from(truncate)));
}

/// CVTDQ2PS, CVTDQ2PD.
fn from_int(cx: &mut LiftCx, lane: Lane) {
    transform(cx, |cx, a| cx.ir.lanes(Opcode::VIntToF, lane, &[a]));
}

/// CVTPS2PI, CVTPD2PI and their truncating forms: two lanes to an MMX register.
fn to_mmx(cx: &mut LiftCx, lane: Lane, truncate: bool) {
    let dst = vector_register(cx, 0);
    let a = source(cx, 1);
    mmx::enter(cx);
    // The two lanes above take no part, not even with their exceptions.
    let a = if lane == F32x4 { low_half(cx, a) } else { a };
    let result = cx.ir.vector(Opcode::VFToInt, Ty::V128, lane, &[a], i64::from(truncate));
    set(cx, dst, result);
}

/// CVTPI2PS, CVTPI2PD: two integers of an MMX register or memory. Only a register operand enters MMX state.
fn from_mmx(cx: &mut LiftCx, lane: Lane) {
    let from_register = matches!(register(cx, 1), Some(Reg::Mm(_)));
    if from_register {
        mmx::check(cx);
    }
    let dst = vector_register(cx, 0);
    let b = source(cx, 1);
    // What is above an MMX register must raise nothing.
    let b = if lane == F32x4 { low_half(cx, b) } else { b };
    let floats = cx.ir.lanes(Opcode::VIntToF, lane, &[b]);
    let result = if lane == F32x4 {
        let a = get(cx, dst);
        copy_lane(cx, D2, a, 0, floats, 0)
    } else {
        floats
    };
    set(cx, dst, result);
}

lifts! {
    cvtsi2ss: from_gpr(F32);
    cvtsi2sd: from_gpr(F64);
    cvtss2si: to_gpr(F32, false);
    cvtsd2si: to_gpr(F64, false);
    cvttss2si: to_gpr(F32, true);
    cvttsd2si: to_gpr(F64, true);
    cvtss2sd: scalar(Opcode::FWiden, F32);
    cvtsd2ss: scalar(Opcode::FNarrow, F64);
    cvtps2pd: packed(Opcode::FWiden, F32x4);
    cvtpd2ps: packed(Opcode::FNarrow, F64x2);
    cvtps2dq: to_int(F32x4, false);
    cvttps2dq: to_int(F32x4, true);
    cvtpd2dq: to_int(F64x2, false);
    cvttpd2dq: to_int(F64x2, true);
    cvtdq2ps: from_int(F32x4);
    cvtdq2pd: from_int(F64x2);
    cvtps2pi: to_mmx(F32x4, false);
    cvttps2pi: to_mmx(F32x4, true);
    cvtpd2pi: to_mmx(F64x2, false);
    cvttpd2pi: to_mmx(F64x2, true);
    cvtpi2ps: from_mmx(F32x4);
    cvtpi2pd: from_mmx(F64x2);
}
