//! BMI1, BMI2, ADX. SDM vol. 1, 7.3.2 (ADX), 5.1.16; vol. 2, each by name.
//!
//! Flags the SDM calls undefined are those of the logical operation the result comes from.
use crate::flags::{set_carry, set_logic};
use crate::lifter::LiftCx;
use ir::guest::{Cc, FlagSet, Gpr};
use ir::{Helper, Opcode, Sink, Ty, Value};

/// ANDN.
pub(crate) fn andn(cx: &mut LiftCx) {
    let (a, b) = (cx.read(1), cx.read(2));
    let not = cx.ir.not(a);
    let result = cx.ir.binary(Opcode::And, not, b, FlagSet::ALL);
    cx.write(0, result);
}

/// BLSI, BLSR, BLSMSK: the lowest set bit alone, cleared, or everything up to it.
fn lowest(cx: &mut LiftCx, op: Opcode, carry_if_zero: bool, pair: impl Fn(&mut LiftCx, Value) -> Value) {
    let a = cx.read(1);
    let b = pair(cx, a);
    let result = cx.ir.binary(op, a, b, FlagSet::ALL - FlagSet::CF);
    let mut carry = cx.is_zero(a);
    if !carry_if_zero {
        let one = cx.ir.const32(1);
        carry = cx.ir.xor(carry, one);
    }
    set_carry(cx, carry);
    cx.write(0, result);
}

fn less_one(cx: &mut LiftCx, a: Value) -> Value {
    let one = cx.ir.const32(1);
    cx.ir.sub(a, one)
}

/// BLSI.
pub(crate) fn blsi(cx: &mut LiftCx) {
    lowest(cx, Opcode::And, false, |cx, a| {
        let zero = cx.ir.const32(0);
        cx.ir.sub(zero, a)
    });
}

/// BLSR.
pub(crate) fn blsr(cx: &mut LiftCx) {
    lowest(cx, Opcode::And, true, less_one);
}

/// BLSMSK.
pub(crate) fn blsmsk(cx: &mut LiftCx) {
    lowest(cx, Opcode::Xor, true, less_one);
}

/// A byte of a control operand as a shift count, and whether it is 32 or more.
fn count(cx: &mut LiftCx, control: Value, lsb: u32) -> (Value, Value) {
    let byte = cx.ir.extract(control, lsb, 8);
    let beyond = cx.ir.extract(byte, 5, 3);
    (cx.ir.trunc(Ty::I8, byte), beyond)
}

/// The low `n` bits of `a`; all of it if `beyond`.
fn low_bits(cx: &mut LiftCx, a: Value, (n, beyond): (Value, Value)) -> Value {
    let ones = cx.ir.const32(u32::MAX);
    let mask = cx.ir.shift(Opcode::Shl, ones, n, FlagSet::NONE);
    let mask = cx.ir.not(mask);
    let cut = cx.ir.and(a, mask);
    cx.ir.select_nz(beyond, a, cut)
}

/// BZHI.
pub(crate) fn bzhi(cx: &mut LiftCx) {
    let (a, control) = (cx.read(1), cx.read(2));
    let (n, beyond) = count(cx, control, 0);
    let result = low_bits(cx, a, (n, beyond));
    set_logic(cx, result, FlagSet::ALL - FlagSet::CF);
    let zero = cx.is_zero(beyond);
    let one = cx.ir.const32(1);
    let carry = cx.ir.xor(zero, one);
    set_carry(cx, carry);
    cx.write(0, result);
}

/// BEXTR: as many bits as byte 1 of the control says, from bit byte 0 on.
pub(crate) fn bextr(cx: &mut LiftCx) {
    let (a, control) = (cx.read(1), cx.read(2));
    let (start, outside) = count(cx, control, 0);
    let shifted = cx.ir.shift(Opcode::Shr, a, start, FlagSet::NONE);
    let zero = cx.ir.const32(0);
    let shifted = cx.ir.select_nz(outside, zero, shifted);
    let length = count(cx, control, 8);
    let result = low_bits(cx, shifted, length);
    set_logic(cx, result, FlagSet::ALL);
    cx.write(0, result);
}

/// PDEP, PEXT.
fn scatter(cx: &mut LiftCx, helper: Helper) {
    let (source, mask) = (cx.read(1), cx.read(2));
    let result = cx.ir.helper(helper, Ty::I32, &[source, mask]);
    cx.write(0, result);
}

/// PDEP.
pub(crate) fn pdep(cx: &mut LiftCx) {
    scatter(cx, Helper::Pdep);
}

/// PEXT.
pub(crate) fn pext(cx: &mut LiftCx) {
    scatter(cx, Helper::Pext);
}

/// SARX, SHLX, SHRX, RORX: no flags.
fn shift(cx: &mut LiftCx, op: Opcode) {
    let a = cx.read(1);
    let by = cx.read(2);
    let by = cx.ir.trunc(Ty::I8, by);
    let result = cx.ir.shift(op, a, by, FlagSet::NONE);
    cx.write(0, result);
}

/// SARX.
pub(crate) fn sarx(cx: &mut LiftCx) {
    shift(cx, Opcode::Sar);
}

/// SHLX.
pub(crate) fn shlx(cx: &mut LiftCx) {
    shift(cx, Opcode::Shl);
}

/// SHRX.
pub(crate) fn shrx(cx: &mut LiftCx) {
    shift(cx, Opcode::Shr);
}

/// RORX.
pub(crate) fn rorx(cx: &mut LiftCx) {
    shift(cx, Opcode::Ror);
}

/// MULX: operand 0 gets the high half, which wins if both are the same register.
pub(crate) fn mulx(cx: &mut LiftCx) {
    let a = cx.ir.get_gpr(Gpr::Edx);
    let b = cx.read(2);
    let product = cx.ir.binary(Opcode::MulWideU, a, b, FlagSet::NONE);
    let low = cx.ir.trunc(Ty::I32, product);
    let high = cx.ir.extract(product, 32, 32);
    let high = cx.ir.trunc(Ty::I32, high);
    cx.write(1, low);
    cx.write(0, high);
}

/// ADCX: ADC that leaves all flags but CF alone.
pub(crate) fn adcx(cx: &mut LiftCx) {
    let (a, b) = (cx.read(0), cx.read(1));
    let result = cx.ir.binary(Opcode::Adc, a, b, FlagSet::CF);
    cx.write(0, result);
}

/// ADOX: the same with OF in place of CF.
pub(crate) fn adox(cx: &mut LiftCx) {
    let dst = cx.operand(0);
    let (a, b) = (cx.get(&dst), cx.read(1));
    let carry = cx.ir.cond(Cc::O);
    let [a, b, carry] = [a, b, carry].map(|v| cx.ir.zext(Ty::I64, v));
    let sum = cx.ir.add(a, b);
    let sum = cx.ir.add(sum, carry);
    let result = cx.ir.trunc(Ty::I32, sum);
    let image = cx.ir.extract(sum, 32 - FlagSet::OF.eflags_mask().trailing_zeros(), 32);
    let image = cx.ir.trunc(Ty::I32, image);
    cx.ir.set_flags(FlagSet::OF, image);
    cx.set(&dst, result);
}
