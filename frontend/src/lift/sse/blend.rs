//! SSE4.1: blends, inserts and extracts of lanes, widening moves, dot products. SDM vol. 1, 12.8; vol. 2, each by name.
use super::{combine, copy_lane, get, imm8, lifts, load, register, set, source, vector_register};
use crate::lifter::LiftCx;
use ir::guest::Xmm;
use ir::{Floats, Lane, Opcode, Sink, Ty, Value};
use Lane::{F32x4, F64x2, B16, D2, H8, S4};

fn blend_lanes(cx: &mut LiftCx, lane: Lane, a: Value, b: Value, mask: u32) -> Value {
    let all = (1u32 << (128 / lane.bits())) - 1;
    match mask & all {
        0 => a,
        mask if mask == all => b,
        mask => cx.ir.vector(Opcode::VBlend, Ty::V128, lane, &[a, b], i64::from(mask)),
    }
}

/// BLENDPS, BLENDPD, PBLENDW: lanes of operand 1 where the immediate has ones.
fn by_immediate(cx: &mut LiftCx, lane: Lane) {
    let mask = u32::from(imm8(cx));
    combine(cx, |cx, a, b| blend_lanes(cx, lane, a, b, mask));
}

/// BLENDVPS, BLENDVPD, PBLENDVB: lanes of operand 1 where the lane of XMM0 is negative.
fn by_register(cx: &mut LiftCx, lane: Lane) {
    combine(cx, |cx, a, b| {
        let control = cx.ir.get_xmm(Xmm::ALL[0]);
        let sign = i64::from(lane.bits() - 1);
        let mask = cx.ir.vector(Opcode::VSar, Ty::V128, lane, &[control], sign);
        cx.ir.lanes(Opcode::VSelect, Lane::None, &[mask, b, a])
    });
}

/// PEXTRB, PEXTRD, EXTRACTPS: a lane into r32, zero-extended, or into memory of its width.
fn extract(cx: &mut LiftCx, lane: Lane) {
    let src = vector_register(cx, 1);
    let a = get(cx, src);
    let (ty, lanes) = if lane == B16 { (Ty::I8, 16) } else { (Ty::I32, 4) };
    let number = i64::from(imm8(cx) % lanes);
    if cx.is_mem(0) {
        let addr = cx.mem_addr();
        return cx.ir.vstore_lane(lane, addr, a, number as u32);
    }
    let value = cx.ir.vector(Opcode::VLane, ty, lane, &[a], number);
    let wide = cx.ir.zext(Ty::I32, value);
    cx.write(0, wide);
}

/// PINSRB, PINSRD: r32 or memory into a lane.
fn insert(cx: &mut LiftCx, lane: Lane) {
    let dst = vector_register(cx, 0);
    let value = cx.read(1);
    let a = get(cx, dst);
    let number = i64::from(imm8(cx)) % i64::from(128 / lane.bits());
    let result = cx.ir.vector(Opcode::VInsert, Ty::V128, lane, &[a, value], number);
    set(cx, dst, result);
}

/// INSERTPS: a lane of operand 1, or memory, into a lane of operand 0; then lanes become zero.
pub(crate) fn insertps(cx: &mut LiftCx) {
    let dst = vector_register(cx, 0);
    let b = source(cx, 1);
    let a = get(cx, dst);
    let imm = u32::from(imm8(cx));
    let from = if cx.is_mem(1) { 0 } else { imm >> 6 };
    let inserted = copy_lane(cx, S4, a, imm >> 4 & 3, b, from);
    let zero = cx.ir.vconst(0);
    let result = blend_lanes(cx, S4, inserted, zero, imm & 15);
    set(cx, dst, result);
}

/// PMOVSX*, PMOVZX*: the low lanes of operand 1, or as much memory, `steps` times widened to twice the width.
fn widen(cx: &mut LiftCx, op: Opcode, lane: Lane, steps: usize) {
    let dst = vector_register(cx, 0);
    let mut value = match (register(cx, 1), cx.mem_ty()) {
        (Some(src), _) => get(cx, src),
        (None, Ty::I16) => {
            let addr = cx.mem_addr();
            cx.ir.vload(H8, addr)
        }
        _ => load(cx),
    };
    let lanes = [B16, H8, S4];
    let first = lanes.iter().position(|l| *l == lane).expect("a lane that can be widened");
    for lane in &lanes[first..first + steps] {
        value = cx.ir.lanes(op, *lane, &[value]);
    }
    set(cx, dst, value);
}

/// DPPS, DPPD: the sum of the products of the lanes that the high half of the immediate selects, in the lanes that the
/// low half selects. Lanes not selected are zero before they are multiplied, so that they raise nothing.
fn dot(cx: &mut LiftCx, lane: Lane) {
    let lanes = 128 / lane.bits();
    let all = (1u32 << lanes) - 1;
    let imm = u32::from(imm8(cx));
    let (selected, written) = (imm >> 4 & all, imm & all);
    let bits = if lane == F32x4 { S4 } else { D2 };
    combine(cx, |cx, a, b| {
        let zero = cx.ir.vconst(0);
        if selected == 0 {
            return zero;
        }
        let a = blend_lanes(cx, bits, zero, a, selected);
        let b = blend_lanes(cx, bits, zero, b, selected);
        // A NaN on the way is one in the end, and seldom enough for the interpreter. A sum that is not written is for its
        // exceptions alone.
        let quick = cx.floats() < Floats::Exact;
        let nan = |last| if quick { 1 + i64::from(last && written != 0) } else { 0 };
        let mut sum = cx.ir.vector(Opcode::FMul, Ty::V128, lane, &[a, b], nan(false));
        let steps = lanes.ilog2();
        for step in 1..=steps {
            sum = cx.ir.vector(Opcode::FAddPair, Ty::V128, lane, &[sum, sum], nan(step == steps));
        }
        blend_lanes(cx, bits, zero, sum, written)
    });
}

lifts! {
    blendps: by_immediate(S4);
    blendpd: by_immediate(D2);
    pblendw: by_immediate(H8);
    blendvps: by_register(S4);
    blendvpd: by_register(D2);
    pblendvb: by_register(B16);
    pextrb: extract(B16);
    /// PEXTRD, EXTRACTPS.
    pextrd: extract(S4);
    pinsrb: insert(B16);
    pinsrd: insert(S4);
    pmovsxbw: widen(Opcode::VWidenS, B16, 1);
    pmovsxbd: widen(Opcode::VWidenS, B16, 2);
    pmovsxbq: widen(Opcode::VWidenS, B16, 3);
    pmovsxwd: widen(Opcode::VWidenS, H8, 1);
    pmovsxwq: widen(Opcode::VWidenS, H8, 2);
    pmovsxdq: widen(Opcode::VWidenS, S4, 1);
    pmovzxbw: widen(Opcode::VWidenU, B16, 1);
    pmovzxbd: widen(Opcode::VWidenU, B16, 2);
    pmovzxbq: widen(Opcode::VWidenU, B16, 3);
    pmovzxwd: widen(Opcode::VWidenU, H8, 1);
    pmovzxwq: widen(Opcode::VWidenU, H8, 2);
    pmovzxdq: widen(Opcode::VWidenU, S4, 1);
    dpps: dot(F32x4);
    dppd: dot(F64x2);
}
