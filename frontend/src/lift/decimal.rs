//! DECIMAL: AAA, AAS, AAM, AAD, DAA, DAS. SDM vol. 1, 7.3.3.
//!
//! Conditions become 0 or 1 by carries: `digit > 9` is bit 4 of `digit + 6`, `al > 0x99` is bit 8 of `al + 0x66`.
use crate::lifter::{LiftCx, Operand};
use ir::guest::{FlagSet, Gpr, Trap};
use ir::sink::Addr;
use ir::{Opcode, Sink, Ty, Value};

/// AL, zero-extended.
fn al(cx: &mut LiftCx) -> Value {
    cx.get_zext(&Operand::low(Gpr::Eax, Ty::I8))
}

/// `value * by`.
fn times(cx: &mut LiftCx, value: Value, by: u32) -> Value {
    let by = cx.ir.const32(by);
    cx.ir.binary(Opcode::Mul, value, by, FlagSet::NONE)
}

fn plus(cx: &mut LiftCx, value: Value, n: u32) -> Value {
    let n = cx.ir.const32(n);
    cx.ir.add(value, n)
}

/// `base + index << shift`.
fn plus_shifted(cx: &mut LiftCx, base: Value, index: Value, shift: u8) -> Value {
    cx.ir.lea(Addr { base, index, shift, disp: 0 })
}

/// Whether the low digit of AL is above 9 or AF is set: as bit 4 of a value, then as 0 or 1.
fn adjust_low(cx: &mut LiftCx, al: Value) -> (Value, Value) {
    let digit = cx.ir.extract(al, 0, 4);
    let above = plus(cx, digit, 6);
    let af = cx.ir.get_flags(FlagSet::AF);
    let bit = cx.ir.or(above, af);
    (bit, cx.ir.extract(bit, 4, 1))
}

/// 1 if AL is above 0x99 or CF is set.
fn adjust_high(cx: &mut LiftCx, al: Value) -> Value {
    let above = plus(cx, al, 0x66);
    let above = cx.ir.extract(above, 8, 1);
    let cf = cx.ir.get_flags(FlagSet::CF);
    cx.ir.or(above, cf)
}

/// Half of what is to be added to the digits: three for each that is to be adjusted.
fn half_step(cx: &mut LiftCx, low: Value, high: Value) -> Value {
    let digits = cx.ir.insert(low, high, 4, 1);
    plus_shifted(cx, digits, digits, 1)
}

/// AL := the low byte of a value, with SF, ZF, PF of it; then AF and CF from bits 4 and 0 of values.
fn set_al(cx: &mut LiftCx, value: Value, af: Value, cf: Value) {
    let byte = cx.ir.trunc(Ty::I8, value);
    cx.ir.binary(Opcode::And, byte, byte, FlagSet::ALL);
    cx.ir.set_flags(FlagSet::AF, af);
    cx.ir.set_carry(cf, 0);
    cx.set(&Operand::low(Gpr::Eax, Ty::I8), byte);
}

/// DAA.
pub(crate) fn daa(cx: &mut LiftCx) {
    let al = al(cx);
    let ((af, low), high) = (adjust_low(cx, al), adjust_high(cx, al));
    let half = half_step(cx, low, high);
    let sum = plus_shifted(cx, al, half, 1);
    set_al(cx, sum, af, high);
}

/// DAS; a borrow of the low digit's adjustment sets CF too, which it is already if there is one of the high digit's.
pub(crate) fn das(cx: &mut LiftCx) {
    let al = al(cx);
    let ((af, low), high) = (adjust_low(cx, al), adjust_high(cx, al));
    let half = half_step(cx, low, high);
    let step = cx.ir.add(half, half);
    let result = cx.ir.sub(al, step);
    let borrow = cx.ir.extract(result, 31, 1);
    let cf = cx.ir.or(high, borrow);
    set_al(cx, result, af, cf);
}

/// AAA and AAS: AX := AX plus or minus 0x106 if the digit needs it, the high digit of AL cleared.
fn ascii_adjust(cx: &mut LiftCx, op: Opcode) {
    let eax = cx.ir.get_gpr(Gpr::Eax);
    let (_, adjust) = adjust_low(cx, eax);
    let step = times(cx, adjust, 0x106);
    let sum = cx.ir.binary(op, eax, step, FlagSet::NONE);
    let kept = cx.ir.const32(!0xf0);
    let ax = cx.ir.and(sum, kept);
    // CF and AF are the borrows of zero less one or zero; the others are undefined.
    let zero = cx.ir.const32(0);
    cx.ir.binary(Opcode::Sub, zero, adjust, FlagSet::ALL);
    let ax = cx.ir.trunc(Ty::I16, ax);
    cx.set(&Operand::low(Gpr::Eax, Ty::I16), ax);
}

/// AAA.
pub(crate) fn aaa(cx: &mut LiftCx) {
    ascii_adjust(cx, Opcode::Add);
}

/// AAS.
pub(crate) fn aas(cx: &mut LiftCx) {
    ascii_adjust(cx, Opcode::Sub);
}

/// AAM: AH := AL / imm, AL := the remainder; #DE if imm is zero.
pub(crate) fn aam(cx: &mut LiftCx) {
    let base = cx.imm32(0) & 0xff;
    if base == 0 {
        return cx.fault(Trap::DivideError);
    }
    let (al, base) = (al(cx), cx.ir.const32(base));
    let high = cx.ir.binary(Opcode::Udiv, al, base, FlagSet::NONE);
    let low = cx.ir.binary(Opcode::Urem, al, base, FlagSet::NONE);
    let byte = cx.ir.trunc(Ty::I8, low);
    cx.ir.binary(Opcode::And, byte, byte, FlagSet::ALL);
    let ax = cx.ir.insert(low, high, 8, 8);
    let ax = cx.ir.trunc(Ty::I16, ax);
    cx.set(&Operand::low(Gpr::Eax, Ty::I16), ax);
}

/// AAD: AL := AL + AH * imm, AH := 0; flags as the addition of bytes leaves them.
pub(crate) fn aad(cx: &mut LiftCx) {
    let base = cx.imm32(0) & 0xff;
    let high = cx.get_zext(&Operand::high(Gpr::Eax));
    let product = times(cx, high, base);
    let product = cx.ir.trunc(Ty::I8, product);
    let low = cx.get(&Operand::low(Gpr::Eax, Ty::I8));
    let sum = cx.ir.binary(Opcode::Add, low, product, FlagSet::ALL);
    let ax = cx.ir.zext(Ty::I16, sum);
    cx.set(&Operand::low(Gpr::Eax, Ty::I16), ax);
}
