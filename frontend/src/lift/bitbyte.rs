//! BITBYTE: BT, BTS, BTR, BTC, BSF, BSR, and the counting instructions POPCNT, LZCNT, TZCNT. SDM vol. 1, 7.3.6.
use crate::flags::{set_carry, set_logic};
use crate::lifter::{LiftCx, Operand, Place};
use ir::guest::FlagSet;
use ir::inst::Datum;
use ir::sink::Addr;
use ir::{Opcode, Sink, Ty};

/// The selected bit: its operand, and its number within the operand.
struct Bit<V> {
    place: Operand<V>,
    /// As `I8`, a shift count: modulo the operand's width.
    number: V,
    /// The same, if it is an immediate.
    known: Option<u32>,
}

/// Finds the bit. With a register offset, a memory operand is a bit string of any length: the offset is signed and
/// selects the word first.
fn bit<S: Sink>(cx: &mut LiftCx<S>) -> Bit<S::Value> {
    let ty = cx.ty(0);
    let width = ty.bits();
    if !matches!(cx.operand(1).place, Place::Gpr { .. }) {
        let known = cx.imm32(1) & (width - 1);
        return Bit { place: cx.operand(0), number: cx.ir.const8(known as u8), known: Some(known) };
    }
    let offset = cx.operand(1);
    let index = cx.get_sext(&offset);
    let mut number = cx.ir.trunc(Ty::I8, index);
    if ty == Ty::I16 {
        // Shifts of 32 bits mask the count themselves.
        let mask = cx.ir.const8(15);
        number = cx.ir.and(number, mask);
    }
    let place = if cx.is_mem(0) { word_of_string(cx, ty, index) } else { cx.operand(0) };
    Bit { place, number, known: None }
}

/// The word of a bit string in memory that has bit `index`. The segment's limit is about that word, not about the operand's
/// own address.
fn word_of_string<S: Sink>(cx: &mut LiftCx<S>, ty: Ty, index: S::Value) -> Operand<S::Value> {
    let start = cx.offset();
    let words = cx.ir.const8(ty.bits().trailing_zeros() as u8);
    let word = cx.ir.shift(Opcode::Sar, index, words, FlagSet::NONE);
    let base = if start.index.is_none() { start.base } else { cx.ir.lea(Addr { disp: 0, ..start }) };
    let shift = ty.bytes().trailing_zeros() as u8;
    let addr = cx.mem_addr_at(Addr { base, index: word, shift, disp: start.disp });
    Operand { place: Place::Mem(addr), ty }
}

/// The whole of a register, of which the low bits are the operand.
fn whole<V: Datum>(bit: &Bit<V>) -> Operand<V> {
    match bit.place.place {
        Place::Gpr { gpr, lsb: 0 } => Operand::low(gpr, Ty::I32),
        _ => bit.place,
    }
}

/// CF := the bit of `word`.
fn test_bit<S: Sink>(cx: &mut LiftCx<S>, word: S::Value, bit: &Bit<S::Value>) {
    let word = cx.ir.zext(Ty::I32, word);
    let selected = match bit.known {
        Some(n) => cx.ir.extract(word, n, 1),
        None => cx.ir.shift(Opcode::Shr, word, bit.number, FlagSet::NONE),
    };
    set_carry(cx, selected);
}

/// BT.
pub(crate) fn bt<S: Sink>(cx: &mut LiftCx<S>) {
    let bit = bit(cx);
    let word = cx.get(&whole(&bit));
    test_bit(cx, word, &bit);
}

/// Changes the bit: `op` with the mask (its complement for AND).
fn change<S: Sink>(cx: &mut LiftCx<S>, op: Opcode, atomic: Opcode) {
    let bit = bit(cx);
    let place = whole(&bit);
    let in_register = place.addr().is_none();
    if in_register {
        let old = cx.get(&place);
        test_bit(cx, old, &bit);
    }
    let one = cx.ir.iconst(place.ty, 1);
    let mask = match bit.known {
        Some(n) => cx.ir.iconst(place.ty, 1 << n),
        None => cx.ir.shift(Opcode::Shl, one, bit.number, FlagSet::NONE),
    };
    let mask = if op == Opcode::And { cx.ir.not(mask) } else { mask };
    let old = match place.addr() {
        Some(addr) if cx.insn.has_lock_prefix() => cx.ir.atomic(atomic, addr, mask),
        _ => {
            let old = cx.get(&place);
            let new = cx.ir.binary(op, old, mask, FlagSet::NONE);
            cx.set(&place, new);
            old
        }
    };
    if !in_register {
        test_bit(cx, old, &bit);
    }
}

/// BTS.
pub(crate) fn bts<S: Sink>(cx: &mut LiftCx<S>) {
    change(cx, Opcode::Or, Opcode::AtomicOr);
}

/// BTR.
pub(crate) fn btr<S: Sink>(cx: &mut LiftCx<S>) {
    change(cx, Opcode::And, Opcode::AtomicAnd);
}

/// BTC.
pub(crate) fn btc<S: Sink>(cx: &mut LiftCx<S>) {
    change(cx, Opcode::Xor, Opcode::AtomicXor);
}

/// BSF and BSR: ZF tells whether the source is zero, and then the destination keeps its value, as all CPUs do it.
/// The other flags are undefined: those in NZCV are those of `TEST src, src`, PF and AF stay.
fn scan<S: Sink>(cx: &mut LiftCx<S>, found: S::Value, tested: S::Value) {
    let dst = cx.operand(0);
    let found = cx.ir.trunc(dst.ty, found);
    let old = cx.get(&dst);
    set_logic(cx, tested, FlagSet::NZCV);
    let result = cx.ir.select(ir::Cc::E, old, found);
    cx.set(&dst, result);
}

/// BSF. What is above an operand that is not zero does not matter.
pub(crate) fn bsf<S: Sink>(cx: &mut LiftCx<S>) {
    let src = cx.operand(1);
    let tested = cx.get(&src);
    let wide = match src.place {
        Place::Gpr { gpr, lsb: 0 } => cx.ir.get_gpr(gpr),
        _ => cx.ir.zext(Ty::I32, tested),
    };
    let found = cx.ir.unary(Opcode::Ctz, wide);
    scan(cx, found, tested);
}

/// BSR: 31 less the leading zeros.
pub(crate) fn bsr<S: Sink>(cx: &mut LiftCx<S>) {
    let src = cx.operand(1);
    let wide = cx.get_zext(&src);
    let zeros = cx.ir.unary(Opcode::Clz, wide);
    let last = cx.ir.const32(31);
    let found = cx.ir.xor(zeros, last);
    scan(cx, found, wide);
}

/// Writes a count with ZF of the result and CF if it is the operand's width; the undefined flags are those of `TEST count, count`.
fn set_count<S: Sink>(cx: &mut LiftCx<S>, result: S::Value) {
    let dst = cx.operand(0);
    let carry = cx.ir.extract(result, dst.ty.bits().trailing_zeros(), 1);
    set_logic(cx, result, FlagSet::ALL);
    set_carry(cx, carry);
    let result = cx.ir.trunc(dst.ty, result);
    cx.set(&dst, result);
}

/// POPCNT: all flags cleared but ZF.
pub(crate) fn popcnt<S: Sink>(cx: &mut LiftCx<S>) {
    let src = cx.operand(1);
    let wide = cx.get_zext(&src);
    let result = cx.ir.unary(Opcode::Popcnt, wide);
    let dst = cx.operand(0);
    cx.ir.binary(Opcode::And, result, result, FlagSet::NZCV);
    let none = cx.ir.const32(0);
    cx.ir.set_flags(FlagSet::PF | FlagSet::AF, none);
    let result = cx.ir.trunc(dst.ty, result);
    cx.set(&dst, result);
}

/// LZCNT: the operand's width for zero, which sets CF.
pub(crate) fn lzcnt<S: Sink>(cx: &mut LiftCx<S>) {
    let src = cx.operand(1);
    let wide = cx.get_zext(&src);
    let zeros = cx.ir.unary(Opcode::Clz, wide);
    let excess = cx.ir.const32(32 - src.ty.bits());
    let result = cx.ir.sub(zeros, excess);
    set_count(cx, result);
}

/// TZCNT: the operand's width for zero, which sets CF.
pub(crate) fn tzcnt<S: Sink>(cx: &mut LiftCx<S>) {
    let src = cx.operand(1);
    let wide = cx.get_zext(&src);
    // A bit just above the operand stops the count at its width.
    let guarded = if src.ty == Ty::I16 {
        let guard = cx.ir.const32(1 << 16);
        cx.ir.or(wide, guard)
    } else {
        wide
    };
    let result = cx.ir.unary(Opcode::Ctz, guarded);
    set_count(cx, result);
}
