//! AES, SHA, carry-less products and CRC32 with the Arm extensions of the same purpose (Arm ARM C7.2 AESE and so on,
//! C6.2 CRC32CB). Without them `codegen::lower` has made these opcodes helpers.
//!
//! x86 keeps words of SHA state from high to low, Arm from low to high, so both ends of a SHA sequence reverse them.
use super::super::asm::a64;
use super::vector::{VS0, VS1};
use super::{branch, EmitCx};
use ir::{Inst, Opcode};

/// `crc32`.
pub(super) fn crc32(cx: &mut EmitCx, inst: &Inst) {
    let (d, n, m) = (cx.dst(), cx.x(0), cx.x(1));
    match inst.imm {
        8 => a64!(cx; crc32cb W(d), W(n), W(m)),
        16 => a64!(cx; crc32ch W(d), W(n), W(m)),
        _ => a64!(cx; crc32cw W(d), W(n), W(m)),
    }
}

/// AES: the Arm instructions add the key first, x86 adds it last; so they get a zero state and the x86 state as key.
pub(super) fn aes(cx: &mut EmitCx, inst: &Inst) {
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    a64!(cx; movi V(VS0).b16, 0);
    match inst.imm {
        0 => a64!(cx; aese V(VS0).b16, V(n).b16; aesmc V(VS0).b16, V(VS0).b16),
        1 => a64!(cx; aese V(VS0).b16, V(n).b16),
        2 => a64!(cx; aesd V(VS0).b16, V(n).b16; aesimc V(VS0).b16, V(VS0).b16),
        _ => a64!(cx; aesd V(VS0).b16, V(n).b16),
    }
    a64!(cx; eor V(d).b16, V(VS0).b16, V(m).b16);
}

/// `vaes_imc`.
pub(super) fn aes_imc(cx: &mut EmitCx) {
    a64!(cx; aesimc V(cx.dst_v()).b16, V(cx.v(0)).b16);
}

/// `vaes_key`: S-boxes of all bytes, which a table then takes from where ShiftRows has put them.
pub(super) fn aes_key(cx: &mut EmitCx) {
    // Word 1, the same rotated, word 3, the same rotated; row r of column c is in column c - r.
    const FROM: [u8; 16] = [4, 1, 14, 11, 1, 14, 11, 4, 12, 9, 6, 3, 9, 6, 3, 12];
    let (d, n) = (cx.dst_v(), cx.v(0));
    let table = branch::cold_vector(cx, u128::from_le_bytes(FROM));
    a64!(cx; movi V(VS0).b16, 0; aese V(VS0).b16, V(n).b16);
    cx.asm.ldr_q(VS1, table);
    a64!(cx; tbl V(d).b16, { V(VS0).b16 * 1 }, V(VS1).b16);
}

/// `vclmul`.
pub(super) fn clmul(cx: &mut EmitCx, inst: &Inst) {
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    match inst.imm {
        0x00 => a64!(cx; pmull V(d).q1, V(n).d1, V(m).d1),
        0x11 => a64!(cx; pmull2 V(d).q1, V(n).d2, V(m).d2),
        0x01 => a64!(cx; dup V(VS0).d2, V(n).d[1]; pmull V(d).q1, V(VS0).d1, V(m).d1),
        _ => a64!(cx; dup V(VS0).d2, V(m).d[1]; pmull V(d).q1, V(n).d1, V(VS0).d1),
    }
}

/// `vsha1`: E is part of the first word already, so it is zero here.
pub(super) fn sha1(cx: &mut EmitCx, inst: &Inst) {
    const K: [u32; 4] = [0x5a82_7999, 0x6ed9_eba1, 0x8f1b_bcdc, 0xca62_c1d6];
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    let kind = inst.imm as usize & 3;
    const REVERSED: u128 = 0x0302_0100_0706_0504_0b0a_0908_0f0e_0d0c;
    let reversed = branch::cold_vector(cx, REVERSED);
    let constant = branch::cold_vector(cx, u128::from(K[kind]) * 0x1_0000_0001_0000_0001_0000_0001);
    cx.asm.ldr_q(VS1, reversed);
    // The second operand is not needed any more where the destination is written.
    a64!(cx
        ; tbl V(VS0).b16, { V(m).b16 * 1 }, V(VS1).b16
        ; tbl V(d).b16, { V(n).b16 * 1 }, V(VS1).b16);
    cx.asm.ldr_q(VS1, constant);
    a64!(cx; add V(VS0).s4, V(VS0).s4, V(VS1).s4; movi V(VS1).d2, 0);
    match kind {
        0 => a64!(cx; sha1c Q(d), S(VS1), V(VS0).s4),
        2 => a64!(cx; sha1m Q(d), S(VS1), V(VS0).s4),
        _ => a64!(cx; sha1p Q(d), S(VS1), V(VS0).s4),
    }
    a64!(cx; rev64 V(d).s4, V(d).s4; ext V(d).b16, V(d).b16, V(d).b16, 8);
}

/// `vsha256`: SHA256H does four rounds; what two rounds give is then the older half of both results, whatever the
/// other two words were.
pub(super) fn sha256(cx: &mut EmitCx) {
    let (d, n, m, w) = (cx.dst_v(), cx.v(0), cx.v(1), cx.v(2));
    a64!(cx
        ; trn2 V(VS0).d2, V(m).d2, V(n).d2
        ; rev64 V(VS0).s4, V(VS0).s4
        ; trn1 V(VS1).d2, V(m).d2, V(n).d2
        ; rev64 V(VS1).s4, V(VS1).s4);
    // The first half is needed twice: the destination keeps it meanwhile, unless the words are there.
    let kept = if d == w { (0..8).find(|r| *r != d).expect("another register") } else { d };
    if kept != d {
        a64!(cx; str Q(kept), [sp, -16]!);
    }
    a64!(cx
        ; mov V(kept).b16, V(VS0).b16
        ; sha256h Q(VS0), Q(VS1), V(w).s4
        ; sha256h2 Q(VS1), Q(kept), V(w).s4);
    if kept != d {
        a64!(cx; ldr Q(kept), [sp], 16);
    }
    a64!(cx; trn2 V(d).d2, V(VS1).d2, V(VS0).d2; rev64 V(d).s4, V(d).s4);
}

/// `vsha256_su0`, `vsha256_su1`.
pub(super) fn sha256_schedule(cx: &mut EmitCx, inst: &Inst) {
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    if inst.op == Opcode::VSha256Su0 {
        let t = if d == m { VS0 } else { d };
        cx.mov_v(t, n);
        a64!(cx; sha256su0 V(t).s4, V(m).s4);
        return cx.mov_v(d, t);
    }
    // The Arm instruction also adds a middle word, which SHA256MSG1 and PADDD have done: here it is zero.
    a64!(cx; mov V(VS1).b16, V(m).b16; ins V(VS1).s[0], wzr; movi V(VS0).d2, 0);
    cx.mov_v(d, n);
    a64!(cx; sha256su1 V(d).s4, V(VS0).s4, V(VS1).s4);
}
