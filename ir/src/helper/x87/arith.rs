//! Arithmetic and comparison of stack registers and memory operands.
use super::*;
use crate::x87::float::{from_f32, from_f64, Widened};
use crate::x87::int::from_i64;
use crate::x87::{add, compare, div, manip, mul, rem, sqrt, C0, C2, C3, DE, ZE};

/// FADD.
pub const ADD: u8 = 0;
/// FMUL.
pub const MUL: u8 = 1;
/// FSUB.
pub const SUB: u8 = 4;
/// FSUBR.
pub const SUBR: u8 = 5;
/// FDIV.
pub const DIV: u8 = 6;
/// FDIVR.
pub const DIVR: u8 = 7;

#[inline]
fn apply<const OP: u8>(a: F80, b: F80, env: &mut Env) -> F80 {
    match OP {
        ADD => add::add(a, b, env),
        MUL => mul::mul(a, b, env),
        SUB => add::sub(a, b, env),
        SUBR => add::sub(b, a, env),
        DIV => div::div(a, b, env),
        _ => div::div(b, a, env),
    }
}

/// Reports, and writes ST(dst) unless an unmasked exception forbids it; whether it was written.
#[inline]
pub(super) fn finish(s: &mut CpuState, dst: u64, value: F80, env: &Env, defined: u16) -> bool {
    report(s, env, defined);
    if env.blocked() {
        return false;
    }
    write(s, dst, value);
    true
}

/// Stack underflow with destination ST(dst), then pops.
#[cold]
pub(super) fn underflow(s: &mut CpuState, dst: u64, n: u64) -> u64 {
    if stack_fault(s, 0) {
        write(s, dst, F80::INDEFINITE);
        pops(s, n);
    }
    0
}

/// ST(dst) := ST(dst) op ST(src), then `n` pops.
pub extern "C" fn arith<const OP: u8>(s: &mut CpuState, dst: u64, src: u64, n: u64, _: u64) -> u64 {
    if is_empty(s, dst) || is_empty(s, src) {
        return underflow(s, dst, n);
    }
    let mut e = env(s);
    let value = apply::<OP>(read(s, dst), read(s, src), &mut e);
    if finish(s, dst, value, &e, C1) {
        pops(s, n);
    }
    0
}

/// Runs an operation on a widened memory operand. Its DE, lost by widening, comes after invalid operands, NaNs and
/// division by zero, and before what depends on the result.
#[inline]
fn with_memory(other: F80, w: Widened, e: &mut Env, f: impl FnOnce(F80, F80, &mut Env) -> F80) -> F80 {
    let value = f(other, w.value, e);
    if w.denormal && e.flags & (IE | ZE) == 0 && !other.class().is_nan() {
        if e.cw & DE == 0 {
            // Nothing else is found out; the condition codes of a comparison stay.
            e.flags &= C0 | C2 | C3;
        }
        e.flags |= DE;
    }
    value
}

#[inline]
fn arith_memory<const OP: u8>(s: &mut CpuState, w: Widened) -> u64 {
    if is_empty(s, 0) {
        return underflow(s, 0, 0);
    }
    let mut e = env(s);
    let value = with_memory(read(s, 0), w, &mut e, apply::<OP>);
    finish(s, 0, value, &e, C1);
    0
}

/// ST(0) := ST(0) op f32.
pub extern "C" fn arith_f32<const OP: u8>(s: &mut CpuState, bits: u64, _: u64, _: u64, _: u64) -> u64 {
    arith_memory::<OP>(s, from_f32(bits as u32))
}

/// ST(0) := ST(0) op f64.
pub extern "C" fn arith_f64<const OP: u8>(s: &mut CpuState, bits: u64, _: u64, _: u64, _: u64) -> u64 {
    arith_memory::<OP>(s, from_f64(bits))
}

/// ST(0) := ST(0) op i32.
pub extern "C" fn arith_int<const OP: u8>(s: &mut CpuState, value: u64, _: u64, _: u64, _: u64) -> u64 {
    arith_memory::<OP>(s, integer(value))
}

fn integer(value: u64) -> Widened {
    Widened { value: from_i64(i64::from(value as i32)), denormal: false }
}

/// What FCOM and the like leave when an operand is missing.
#[cold]
fn unordered_underflow(s: &mut CpuState, n: u64) -> u64 {
    s.fsw |= compare::CONDITION;
    if stack_fault(s, 0) {
        pops(s, n);
    }
    0
}

#[inline]
fn compare_with(s: &mut CpuState, w: Widened, n: u64, quiet: bool) -> u64 {
    if is_empty(s, 0) {
        return unordered_underflow(s, n);
    }
    let mut e = env(s);
    with_memory(read(s, 0), w, &mut e, |a, b, e| {
        compare::compare(a, b, quiet, e);
        a
    });
    report(s, &e, compare::CONDITION | C1);
    if !e.blocked() {
        pops(s, n);
    }
    0
}

/// Compares ST(0) with ST(i), then `n` pops; `quiet` as FUCOM.
pub extern "C" fn com(s: &mut CpuState, i: u64, n: u64, quiet: u64, _: u64) -> u64 {
    if is_empty(s, i) {
        return unordered_underflow(s, n);
    }
    let value = read(s, i);
    compare_with(s, Widened { value, denormal: false }, n, quiet != 0)
}

/// Compares ST(0) with an f32, then `n` pops.
pub extern "C" fn com_f32(s: &mut CpuState, bits: u64, n: u64, _: u64, _: u64) -> u64 {
    compare_with(s, from_f32(bits as u32), n, false)
}

/// Compares ST(0) with an f64, then `n` pops.
pub extern "C" fn com_f64(s: &mut CpuState, bits: u64, n: u64, _: u64, _: u64) -> u64 {
    compare_with(s, from_f64(bits), n, false)
}

/// Compares ST(0) with an i32, then `n` pops.
pub extern "C" fn com_int(s: &mut CpuState, value: u64, n: u64, _: u64, _: u64) -> u64 {
    compare_with(s, integer(value), n, false)
}

/// FTST.
pub extern "C" fn tst(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    compare_with(s, Widened { value: F80::ZERO, denormal: false }, 0, false)
}

/// FCOMI family: an eflags image with ZF PF CF, then `n` pops.
pub extern "C" fn comi(s: &mut CpuState, i: u64, n: u64, quiet: u64, _: u64) -> u64 {
    let mut e = env(s);
    if is_empty(s, 0) || is_empty(s, i) {
        e.flags = SF | compare::CONDITION;
        e.raise(IE);
    } else {
        compare::compare(read(s, 0), read(s, i), quiet != 0, &mut e);
    }
    let image = compare::to_eflags(e.flags);
    e.flags &= !compare::CONDITION;
    // C1 is cleared by a stack fault only.
    report(s, &e, if e.flags & SF != 0 { C1 } else { 0 });
    if !e.blocked() {
        pops(s, n);
    }
    u64::from(image)
}

/// One operand: ST(0) := f(ST(0)).
#[inline]
fn unary(s: &mut CpuState, f: impl FnOnce(F80, &mut Env) -> F80) -> u64 {
    if is_empty(s, 0) {
        return underflow(s, 0, 0);
    }
    let mut e = env(s);
    let value = f(read(s, 0), &mut e);
    finish(s, 0, value, &e, C1);
    0
}

/// FSQRT.
pub extern "C" fn sqrt(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    unary(s, sqrt::sqrt)
}

/// FRNDINT.
pub extern "C" fn rndint(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    unary(s, manip::round_to_int)
}

/// FCHS.
pub extern "C" fn chs(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    unary(s, |a, _| a.neg())
}

/// FABS.
pub extern "C" fn abs(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    unary(s, |a, _| a.abs())
}

/// FSCALE.
pub extern "C" fn scale(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    if is_empty(s, 0) || is_empty(s, 1) {
        return underflow(s, 0, 0);
    }
    let mut e = env(s);
    let value = manip::scale(read(s, 0), read(s, 1), &mut e);
    finish(s, 0, value, &e, C1);
    0
}

/// FPREM, FPREM1. C0 and C3 stay when no quotient was found.
fn remainder(s: &mut CpuState, f: impl FnOnce(F80, F80, &mut Env) -> F80) -> u64 {
    s.fsw &= !(C1 | C2);
    if is_empty(s, 0) || is_empty(s, 1) {
        return underflow(s, 0, 0);
    }
    let mut e = env(s);
    let value = f(read(s, 0), read(s, 1), &mut e);
    let quotient = e.flags & IE == 0 && !e.blocked() && !value.class().is_nan();
    finish(s, 0, value, &e, if quotient { C0 | C1 | C2 | C3 } else { C1 | C2 });
    0
}

/// FPREM.
pub extern "C" fn prem(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    remainder(s, rem::prem)
}

/// FPREM1.
pub extern "C" fn prem1(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    remainder(s, rem::prem1)
}

/// FXTRACT: the exponent replaces ST(0), the significand is pushed.
pub extern "C" fn xtract(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    replace_and_push(s, C1, |a, e| {
        let (exponent, significand) = manip::extract(a, e);
        (exponent, Some(significand))
    })
}

/// One operand, two results: the first replaces ST(0), the second is pushed if there is one.
#[inline]
pub(super) fn replace_and_push(
    s: &mut CpuState,
    defined: u16,
    f: impl FnOnce(F80, &mut Env) -> (F80, Option<F80>),
) -> u64 {
    let overflow = !is_empty(s, 7);
    if is_empty(s, 0) || overflow {
        let direction = if is_empty(s, 0) { 0 } else { C1 };
        if stack_fault(s, direction) {
            write(s, 0, F80::INDEFINITE);
            push(s, F80::INDEFINITE);
        }
        return 0;
    }
    let mut e = env(s);
    let (first, second) = f(read(s, 0), &mut e);
    if finish(s, 0, first, &e, defined) {
        if let Some(second) = second {
            push(s, second);
        }
    }
    0
}
