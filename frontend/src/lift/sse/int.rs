//! Packed integers, in MMX and XMM registers: arithmetic, comparison, logic, shifts, pack and unpack.
//! SDM vol. 1, 9.4 and 11.4.2; vol. 2, each by name.
use super::{combine, get, imm8, lifts, same_registers, set, source, transform, vector_register, Reg};
use crate::lift::mmx;
use crate::lifter::LiftCx;
use ir::{Lane, Opcode, Sink, Ty, Value};
use Lane::{B16, D2, H8, S4};

/// Lane by lane.
fn packed(cx: &mut LiftCx, op: Opcode, lane: Lane) {
    combine(cx, |cx, a, b| cx.ir.lanes(op, lane, &[a, b]));
}

/// Operations that give a constant for two equal registers, as programs use them.
fn packed_or_constant(cx: &mut LiftCx, op: Opcode, lane: Lane, constant: u64) {
    if same_registers(cx) {
        let dst = vector_register(cx, 0);
        let value = cx.ir.vconst(constant);
        return set(cx, dst, value);
    }
    packed(cx, op, lane);
}

/// Operations that take their result's halves from one operand each: MMX operands are put side by side first.
fn joined(cx: &mut LiftCx, op: Opcode, lane: Lane) {
    let narrow = mmx::register(cx, 0).is_some();
    combine(cx, |cx, a, b| {
        let (a, b) = if narrow {
            let both = cx.ir.lanes(Opcode::VUnpackLo, D2, &[a, b]);
            (both, both)
        } else {
            (a, b)
        };
        cx.ir.lanes(op, lane, &[a, b])
    });
}

/// PUNPCKH*: of an MMX register the high half is bytes 4 to 7.
fn unpack_high(cx: &mut LiftCx, lane: Lane) {
    if mmx::register(cx, 0).is_none() {
        return packed(cx, Opcode::VUnpackHi, lane);
    }
    combine(cx, |cx, a, b| {
        let all = cx.ir.lanes(Opcode::VUnpackLo, lane, &[a, b]);
        cx.ir.vector(Opcode::VExt, Ty::V128, Lane::None, &[all, all], 8)
    });
}

/// A shift by an immediate or by the low 64 bits of a vector.
fn shift(cx: &mut LiftCx, op: Opcode, lane: Lane) {
    if cx.insn.op_kind(1) != iced_x86::OpKind::Immediate8 {
        let by = match op {
            Opcode::VShl => Opcode::VShlBy,
            Opcode::VShr => Opcode::VShrBy,
            _ => Opcode::VSarBy,
        };
        return packed(cx, by, lane);
    }
    let dst = vector_register(cx, 0);
    let a = get(cx, dst);
    let result = cx.ir.vector(op, Ty::V128, lane, &[a], i64::from(imm8(cx)));
    set(cx, dst, result);
}

/// PSLLDQ, PSRLDQ: the whole register by bytes.
fn shift_bytes(cx: &mut LiftCx, left: bool) {
    let dst = vector_register(cx, 0);
    let a = get(cx, dst);
    let zero = cx.ir.vconst(0);
    let count = i64::from(imm8(cx).min(16));
    let (args, from) = if left { ([zero, a], 16 - count) } else { ([a, zero], count) };
    let result = cx.ir.vector(Opcode::VExt, Ty::V128, Lane::None, &args, from);
    set(cx, dst, result);
}

/// PMOVMSKB, MOVMSKPS, MOVMSKPD.
fn move_mask(cx: &mut LiftCx, lane: Lane) {
    let src = vector_register(cx, 1);
    let a = get(cx, src);
    let mut mask = cx.ir.vector(Opcode::VMoveMask, Ty::I32, lane, &[a], 0);
    if matches!(src, Reg::Mm(_)) {
        mask = cx.ir.extract(mask, 0, 8);
    }
    cx.write(0, mask);
}

/// One operand.
fn unary(cx: &mut LiftCx, op: Opcode, lane: Lane) {
    transform(cx, |cx, a| cx.ir.lanes(op, lane, &[a]));
}

lifts! {
    paddb: packed(Opcode::VAdd, B16);
    paddw: packed(Opcode::VAdd, H8);
    paddd: packed(Opcode::VAdd, S4);
    paddq: packed(Opcode::VAdd, D2);
    paddsb: packed(Opcode::VAddSatS, B16);
    paddsw: packed(Opcode::VAddSatS, H8);
    paddusb: packed(Opcode::VAddSatU, B16);
    paddusw: packed(Opcode::VAddSatU, H8);
    psubb: packed_or_constant(Opcode::VSub, B16, 0);
    psubw: packed_or_constant(Opcode::VSub, H8, 0);
    psubd: packed_or_constant(Opcode::VSub, S4, 0);
    psubq: packed_or_constant(Opcode::VSub, D2, 0);
    psubsb: packed(Opcode::VSubSatS, B16);
    psubsw: packed(Opcode::VSubSatS, H8);
    psubusb: packed(Opcode::VSubSatU, B16);
    psubusw: packed(Opcode::VSubSatU, H8);
    pmullw: packed(Opcode::VMulLo, H8);
    pmulhw: packed(Opcode::VMulHiS, H8);
    pmulhuw: packed(Opcode::VMulHiU, H8);
    pmuludq: packed(Opcode::VMulWideU, D2);
    pmaddwd: packed(Opcode::VMadd, H8);
    psadbw: packed(Opcode::VSad, B16);
    pminub: packed(Opcode::VMinU, B16);
    pminsw: packed(Opcode::VMinS, H8);
    pmaxub: packed(Opcode::VMaxU, B16);
    pmaxsw: packed(Opcode::VMaxS, H8);
    pavgb: packed(Opcode::VAvg, B16);
    pavgw: packed(Opcode::VAvg, H8);
    pcmpeqb: packed_or_constant(Opcode::VCmpEq, B16, u64::MAX);
    pcmpeqw: packed_or_constant(Opcode::VCmpEq, H8, u64::MAX);
    pcmpeqd: packed_or_constant(Opcode::VCmpEq, S4, u64::MAX);
    pcmpgtb: packed_or_constant(Opcode::VCmpGt, B16, 0);
    pcmpgtw: packed_or_constant(Opcode::VCmpGt, H8, 0);
    pcmpgtd: packed_or_constant(Opcode::VCmpGt, S4, 0);
    /// PAND, ANDPS, ANDPD.
    and: packed(Opcode::VAnd, Lane::None);
    /// PANDN, ANDNPS, ANDNPD.
    andn: packed_or_constant(Opcode::VAndNot, Lane::None, 0);
    /// POR, ORPS, ORPD.
    or: packed(Opcode::VOr, Lane::None);
    /// PXOR, XORPS, XORPD.
    xor: packed_or_constant(Opcode::VXor, Lane::None, 0);
    psllw: shift(Opcode::VShl, H8);
    pslld: shift(Opcode::VShl, S4);
    psllq: shift(Opcode::VShl, D2);
    psrlw: shift(Opcode::VShr, H8);
    psrld: shift(Opcode::VShr, S4);
    psrlq: shift(Opcode::VShr, D2);
    psraw: shift(Opcode::VSar, H8);
    psrad: shift(Opcode::VSar, S4);
    pslldq: shift_bytes(true);
    psrldq: shift_bytes(false);
    packsswb: joined(Opcode::VPackS, H8);
    packssdw: joined(Opcode::VPackS, S4);
    packuswb: joined(Opcode::VPackU, H8);
    punpcklbw: packed(Opcode::VUnpackLo, B16);
    punpcklwd: packed(Opcode::VUnpackLo, H8);
    /// PUNPCKLDQ, UNPCKLPS.
    punpckldq: packed(Opcode::VUnpackLo, S4);
    /// PUNPCKLQDQ, UNPCKLPD.
    punpcklqdq: packed(Opcode::VUnpackLo, D2);
    punpckhbw: unpack_high(B16);
    punpckhwd: unpack_high(H8);
    /// PUNPCKHDQ, UNPCKHPS.
    punpckhdq: unpack_high(S4);
    /// PUNPCKHQDQ, UNPCKHPD.
    punpckhqdq: unpack_high(D2);
    pmovmskb: move_mask(B16);
    movmskps: move_mask(S4);
    movmskpd: move_mask(D2);
}

// SSSE3, SSE4.1, SSE4.2
lifts! {
    pabsb: unary(Opcode::VAbs, B16);
    pabsw: unary(Opcode::VAbs, H8);
    pabsd: unary(Opcode::VAbs, S4);
    psignb: packed(Opcode::VSign, B16);
    psignw: packed(Opcode::VSign, H8);
    psignd: packed(Opcode::VSign, S4);
    phaddw: joined(Opcode::VAddPair, H8);
    phaddd: joined(Opcode::VAddPair, S4);
    phaddsw: joined(Opcode::VAddPairSat, H8);
    phsubw: joined(Opcode::VSubPair, H8);
    phsubd: joined(Opcode::VSubPair, S4);
    phsubsw: joined(Opcode::VSubPairSat, H8);
    pmulhrsw: packed(Opcode::VMulHiR, H8);
    pmaddubsw: packed(Opcode::VMaddSat, B16);
    pmulld: packed(Opcode::VMulLo, S4);
    pmuldq: packed(Opcode::VMulWideS, D2);
    pminsb: packed(Opcode::VMinS, B16);
    pminsd: packed(Opcode::VMinS, S4);
    pminuw: packed(Opcode::VMinU, H8);
    pminud: packed(Opcode::VMinU, S4);
    pmaxsb: packed(Opcode::VMaxS, B16);
    pmaxsd: packed(Opcode::VMaxS, S4);
    pmaxuw: packed(Opcode::VMaxU, H8);
    pmaxud: packed(Opcode::VMaxU, S4);
    packusdw: packed(Opcode::VPackU, S4);
    pcmpeqq: packed_or_constant(Opcode::VCmpEq, D2, u64::MAX);
    pcmpgtq: packed_or_constant(Opcode::VCmpGt, D2, 0);
    phminposuw: unary(Opcode::VMinPos, H8);
    mpsadbw: mpsad();
    ptest: test();
}

fn mpsad(cx: &mut LiftCx) {
    let imm = i64::from(imm8(cx) & 7);
    combine(cx, |cx, a, b| cx.ir.vector(Opcode::VMpsad, Ty::V128, B16, &[a, b], imm));
}

fn test(cx: &mut LiftCx) {
    let a: Value = source(cx, 0);
    let b = source(cx, 1);
    cx.ir.vector_flags(Opcode::VTest, Lane::None, a, b, 0);
}
