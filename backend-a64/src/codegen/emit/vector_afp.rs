//! SSE arithmetic on a CPU with FEAT_AFP, where translated code runs with FPCR.AH and FPCR.NEP set (`runtime::fp`).
//!
//! With AH, NaN results, FMIN and FMAX, denormal operands and tiny results are as x86 has them; with NEP a scalar
//! operation keeps the upper lanes of a register: of the first source if it has two, of the second for the comparisons, of the
//! destination if it has one (Arm ARM A1.5.9 "Alternate floating-point behaviors"; C7.2 by instruction).
use super::super::asm::a64;
use super::vector::{by_lane, VS0, VS1};
use super::vector_fp::{is_scalar, merge};
use super::EmitCx;
use ir::{Inst, Lane, Opcode};

/// An operation of one operand, argument 1: `f(cx, d, m)` emits it. A scalar one keeps the rest of argument 0.
pub(super) fn unary(cx: &mut EmitCx, lane: Lane, f: impl FnOnce(&mut EmitCx, u8, u8)) {
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    if !is_scalar(lane) || d == n {
        return f(cx, d, m);
    }
    // The operand must outlive the copy.
    let to = if d == m { VS0 } else { d };
    cx.mov_v(to, n);
    f(cx, to, m);
    cx.mov_v(d, to);
}

/// `fadd` and its kin, `fmin`, `fmax`.
pub(super) fn arithmetic(cx: &mut EmitCx, inst: &Inst) {
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    let lane = inst.lane;
    match inst.op {
        Opcode::FAdd => by_lane!(cx, lane, fadd d, n, m; F32x4 F64x2 F32 F64),
        Opcode::FSub => by_lane!(cx, lane, fsub d, n, m; F32x4 F64x2 F32 F64),
        Opcode::FMul => by_lane!(cx, lane, fmul d, n, m; F32x4 F64x2 F32 F64),
        Opcode::FDiv => by_lane!(cx, lane, fdiv d, n, m; F32x4 F64x2 F32 F64),
        Opcode::FMin => by_lane!(cx, lane, fmin d, n, m; F32x4 F64x2 F32 F64),
        Opcode::FMax => by_lane!(cx, lane, fmax d, n, m; F32x4 F64x2 F32 F64),
        Opcode::FSqrt => unary(cx, lane, |cx, d, m| by_lane!(cx, lane, fsqrt d, m; F32x4 F64x2 F32 F64)),
        Opcode::FAddPair => by_lane!(cx, lane, faddp d, n, m; F32x4 F64x2),
        Opcode::FAddSub => {
            // Both operations on lanes that are there twice, so that no other lane raises anything.
            by_lane!(cx, lane, trn1 VS0, n, n; F32x4 F64x2);
            by_lane!(cx, lane, trn1 VS1, m, m; F32x4 F64x2);
            by_lane!(cx, lane, fsub VS0, VS0, VS1; F32x4 F64x2);
            by_lane!(cx, lane, trn2 VS1, n, n; F32x4 F64x2);
            by_lane!(cx, lane, trn2 d, m, m; F32x4 F64x2);
            by_lane!(cx, lane, fadd VS1, VS1, d; F32x4 F64x2);
            by_lane!(cx, lane, trn1 d, VS0, VS1; F32x4 F64x2);
        }
        _ => {
            by_lane!(cx, lane, uzp1 VS0, n, m; F32x4 F64x2);
            by_lane!(cx, lane, uzp2 VS1, n, m; F32x4 F64x2);
            by_lane!(cx, lane, fsub d, VS0, VS1; F32x4 F64x2);
        }
    }
}

/// `fcmp`: masks.
pub(super) fn compare(cx: &mut EmitCx, inst: &Inst) {
    let (n, m) = (cx.v(0), cx.v(1));
    let (lane, unordered) = (inst.lane, inst.imm & 3 == 3);
    // UNORD is what the comparison denies, the others are what it says.
    let invert = unordered != (inst.imm & 4 != 0);
    let r = if is_scalar(lane) && (invert || unordered) { VS0 } else { cx.dst_v() };
    match inst.imm & 3 {
        0 => by_lane!(cx, lane, fcmeq r, m, n; F32x4 F64x2 F32 F64),
        1 => by_lane!(cx, lane, fcmgt r, m, n; F32x4 F64x2 F32 F64),
        2 => by_lane!(cx, lane, fcmge r, m, n; F32x4 F64x2 F32 F64),
        _ => {
            // The comparison is for the flags; FRECPS raises none with AH, and gives a NaN only if an operand is one.
            by_lane!(cx, lane, fcmeq VS1, n, m; F32x4 F64x2 F32 F64);
            by_lane!(cx, lane, frecps VS0, n, m; F32x4 F64x2 F32 F64);
            by_lane!(cx, lane, fcmeq r, VS0, VS0; F32x4 F64x2 F32 F64);
        }
    }
    if invert {
        a64!(cx; mvn V(r).b16, V(r).b16);
    }
    if r != cx.dst_v() {
        merge(cx, lane, r);
    }
}
