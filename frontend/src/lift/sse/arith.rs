//! Floating-point arithmetic, minimum and maximum, square root, approximations, rounding, horizontal forms.
//! SDM vol. 1, 10.4 and 11.4.1; vol. 2, each by name.
use super::{combine, get, imm8, lifts, set, source, vector_register};
use crate::lifter::LiftCx;
use ir::{Floats, Helper, Lane, Opcode, Sink, Ty};
use Lane::{F32x4, F64x2, F32, F64};

/// Operand 0 := operand 0 op operand 1, in all lanes or in lane 0.
fn binary(cx: &mut LiftCx, op: Opcode, lane: Lane) {
    combine(cx, |cx, a, b| cx.ir.lanes(op, lane, &[a, b]));
}

/// Operand 0 := op(operand 1). A scalar form keeps the rest of operand 0, a packed one does not read it.
fn unary(cx: &mut LiftCx, op: Opcode, lane: Lane, imm: i64) {
    let dst = vector_register(cx, 0);
    let b = source(cx, 1);
    let a = if matches!(lane, F32 | F64) { get(cx, dst) } else { b };
    let result = cx.ir.vector(op, Ty::V128, lane, &[a, b], imm);
    set(cx, dst, result);
}

fn plain(cx: &mut LiftCx, op: Opcode, lane: Lane) {
    unary(cx, op, lane, 0);
}

/// RCPPS, RSQRTPS and their scalar forms.
fn estimate(cx: &mut LiftCx, helper: Helper, lane: Lane) {
    let dst = vector_register(cx, 0);
    let b = source(cx, 1);
    let a = if lane == F32 { get(cx, dst) } else { b };
    let packed = cx.ir.const32(u32::from(lane != F32));
    let result = cx.ir.helper(helper, Ty::V128, &[a, b, packed]);
    set(cx, dst, result);
}

/// ROUNDPS and its kin. To nearest with PE is as the current mode has it where that is known.
fn round(cx: &mut LiftCx, lane: Lane) {
    const CURRENT: i64 = 4;
    let imm = match i64::from(imm8(cx) & 15) {
        0 if cx.floats() == Floats::Host => CURRENT,
        imm => imm,
    };
    unary(cx, Opcode::FRound, lane, imm);
}

lifts! {
    addps: binary(Opcode::FAdd, F32x4);
    addpd: binary(Opcode::FAdd, F64x2);
    addss: binary(Opcode::FAdd, F32);
    addsd: binary(Opcode::FAdd, F64);
    subps: binary(Opcode::FSub, F32x4);
    subpd: binary(Opcode::FSub, F64x2);
    subss: binary(Opcode::FSub, F32);
    subsd: binary(Opcode::FSub, F64);
    mulps: binary(Opcode::FMul, F32x4);
    mulpd: binary(Opcode::FMul, F64x2);
    mulss: binary(Opcode::FMul, F32);
    mulsd: binary(Opcode::FMul, F64);
    divps: binary(Opcode::FDiv, F32x4);
    divpd: binary(Opcode::FDiv, F64x2);
    divss: binary(Opcode::FDiv, F32);
    divsd: binary(Opcode::FDiv, F64);
    minps: binary(Opcode::FMin, F32x4);
    minpd: binary(Opcode::FMin, F64x2);
    minss: binary(Opcode::FMin, F32);
    minsd: binary(Opcode::FMin, F64);
    maxps: binary(Opcode::FMax, F32x4);
    maxpd: binary(Opcode::FMax, F64x2);
    maxss: binary(Opcode::FMax, F32);
    maxsd: binary(Opcode::FMax, F64);
    sqrtps: plain(Opcode::FSqrt, F32x4);
    sqrtpd: plain(Opcode::FSqrt, F64x2);
    sqrtss: plain(Opcode::FSqrt, F32);
    sqrtsd: plain(Opcode::FSqrt, F64);
    rcpps: estimate(Helper::Rcp, F32x4);
    rcpss: estimate(Helper::Rcp, F32);
    rsqrtps: estimate(Helper::Rsqrt, F32x4);
    rsqrtss: estimate(Helper::Rsqrt, F32);
    // SSE3
    addsubps: binary(Opcode::FAddSub, F32x4);
    addsubpd: binary(Opcode::FAddSub, F64x2);
    haddps: binary(Opcode::FAddPair, F32x4);
    haddpd: binary(Opcode::FAddPair, F64x2);
    hsubps: binary(Opcode::FSubPair, F32x4);
    hsubpd: binary(Opcode::FSubPair, F64x2);
    // SSE4.1
    roundps: round(F32x4);
    roundpd: round(F64x2);
    roundss: round(F32);
    roundsd: round(F64);
}
