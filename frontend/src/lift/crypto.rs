//! AES, SHA and PCLMULQDQ. SDM vol. 1, 12.13, 12.14; vol. 2, each by name.
use super::sse::{combine, get, imm8, lifts, second, set, transform, vector_register};
use crate::lifter::LiftCx;
use ir::guest::{FlagSet, Xmm};
use ir::{Lane, Opcode, Sink, Ty, Value};
use Lane::S4;

/// One opcode of both operands.
fn plain(cx: &mut LiftCx, op: Opcode, imm: i64) {
    combine(cx, |cx, a, b| cx.ir.vector(op, Ty::V128, Lane::None, &[a, b], imm));
}

/// AESIMC.
pub(crate) fn aesimc(cx: &mut LiftCx) {
    transform(cx, |cx, a| cx.ir.lanes(Opcode::VAesImc, Lane::None, &[a]));
}

/// AESKEYGENASSIST: the constant goes into the words that were rotated.
pub(crate) fn aeskeygenassist(cx: &mut LiftCx) {
    let constant = u64::from(imm8(cx)) << 32;
    transform(cx, |cx, a| {
        let words = cx.ir.lanes(Opcode::VAesKey, Lane::None, &[a]);
        if constant == 0 {
            return words;
        }
        let constant = cx.ir.vconst(constant);
        cx.ir.lanes(Opcode::VXor, Lane::None, &[words, constant])
    });
}

/// PCLMULQDQ.
pub(crate) fn pclmulqdq(cx: &mut LiftCx) {
    plain(cx, Opcode::VClmul, i64::from(imm8(cx) & 0x11));
}

/// SHA1RNDS4.
pub(crate) fn sha1rnds4(cx: &mut LiftCx) {
    plain(cx, Opcode::VSha1, i64::from(imm8(cx) & 3));
}

/// SHA1NEXTE: the highest word of operand 1 plus that of operand 0 rotated by 30.
pub(crate) fn sha1nexte(cx: &mut LiftCx) {
    combine(cx, |cx, a, b| {
        let lane = |cx: &mut LiftCx, v| cx.ir.vector(Opcode::VLane, Ty::I32, S4, &[v], 3);
        let (e, word) = (lane(cx, a), lane(cx, b));
        let by = cx.ir.const8(30);
        let rotated = cx.ir.shift(Opcode::Rol, e, by, FlagSet::NONE);
        let sum = cx.ir.add(word, rotated);
        cx.ir.vector(Opcode::VInsert, Ty::V128, S4, &[b, sum], 3)
    });
}

fn bytes_from(cx: &mut LiftCx, low: Value, high: Value, count: i64) -> Value {
    cx.ir.vector(Opcode::VExt, Ty::V128, Lane::None, &[low, high], count)
}

/// SHA1MSG1: each word with the one two words later.
pub(crate) fn sha1msg1(cx: &mut LiftCx) {
    combine(cx, |cx, a, b| {
        let later = bytes_from(cx, b, a, 8);
        cx.ir.lanes(Opcode::VXor, Lane::None, &[a, later])
    });
}

fn rotate_words(cx: &mut LiftCx, v: Value) -> Value {
    let left = cx.ir.vector(Opcode::VShl, Ty::V128, S4, &[v], 1);
    let right = cx.ir.vector(Opcode::VShr, Ty::V128, S4, &[v], 31);
    cx.ir.lanes(Opcode::VOr, Lane::None, &[left, right])
}

/// SHA1MSG2: the last word needs the first one's result.
pub(crate) fn sha1msg2(cx: &mut LiftCx) {
    combine(cx, |cx, a, b| {
        let zero = cx.ir.vconst(0);
        let before = bytes_from(cx, zero, b, 12);
        let mixed = cx.ir.lanes(Opcode::VXor, Lane::None, &[a, before]);
        let words = rotate_words(cx, mixed);
        let first = bytes_from(cx, words, zero, 12);
        let first = rotate_words(cx, first);
        cx.ir.lanes(Opcode::VXor, Lane::None, &[words, first])
    });
}

/// SHA256RNDS2, with XMM0 as its third operand.
pub(crate) fn sha256rnds2(cx: &mut LiftCx) {
    let dst = vector_register(cx, 0);
    let a = get(cx, dst);
    let b = second(cx, a);
    let words = cx.ir.get_xmm(Xmm::ALL[0]);
    let result = cx.ir.lanes(Opcode::VSha256, Lane::None, &[a, b, words]);
    set(cx, dst, result);
}

lifts! {
    aesenc: plain(Opcode::VAes, 0);
    aesenclast: plain(Opcode::VAes, 1);
    aesdec: plain(Opcode::VAes, 2);
    aesdeclast: plain(Opcode::VAes, 3);
    sha256msg1: plain(Opcode::VSha256Su0, 0);
    sha256msg2: plain(Opcode::VSha256Su1, 0);
}
