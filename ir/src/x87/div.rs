//! FDIV, FDIVR.
use super::round::round;
use super::special::{denormal, two, Class, Finite};
use super::{Env, BIAS, F80, ZE};

/// `a / b`.
#[inline]
pub fn div(a: F80, b: F80, env: &mut Env) -> F80 {
    if a.is_normal() && b.is_normal() {
        div_finite(a.finite_normal(), b.finite_normal(), env)
    } else {
        special(a, b, env)
    }
}

#[cold]
fn special(a: F80, b: F80, env: &mut Env) -> F80 {
    if let Some(result) = two(a, b, env) {
        return result;
    }
    let negative = a.is_negative() != b.is_negative();
    match (a.class(), b.class()) {
        (Class::Infinity, Class::Infinity) | (Class::Zero, Class::Zero) => return env.invalid(),
        (Class::Normal | Class::Denormal, Class::Zero) => {
            // ZE comes before DE and hides it.
            env.raise(ZE);
            return F80::INFINITY.with_sign(negative);
        }
        _ => {}
    }
    if denormal(&[a, b], env) {
        return a;
    }
    match (a.class(), b.class()) {
        (Class::Infinity, _) => F80::INFINITY.with_sign(negative),
        (_, Class::Infinity) | (Class::Zero, _) => F80::ZERO.with_sign(negative),
        _ => div_finite(a.finite(), b.finite(), env),
    }
}

#[inline]
fn div_finite(a: Finite, b: Finite, env: &mut Env) -> F80 {
    let negative = a.negative != b.negative;
    let exp = a.exp - b.exp + BIAS;
    // The quotient has exactly 64 bits either way.
    let (exp, hi, lo) = if a.sig >= b.sig { (exp, a.sig >> 1, a.sig << 63) } else { (exp - 1, a.sig, 0) };
    let (q, r) = div_128_by_64(hi, lo, b.sig);
    // What follows the quotient: r / b.sig, as a bit for "at least half" and a sticky bit.
    let half = u64::from(r >= b.sig - r) << 63;
    round(negative, exp, q, half | u64::from(r != 0), env)
}

/// Quotient and remainder of `hi:lo / d` where `d` has bit 63 set and `hi < d`: schoolbook in base 2^32 (Knuth, D).
#[inline]
pub(super) fn div_128_by_64(hi: u64, lo: u64, d: u64) -> (u64, u64) {
    let (q1, r1) = digit(hi, lo >> 32, d);
    let (q0, r0) = digit(r1, lo & 0xffff_ffff, d);
    (q1 << 32 | q0, r0)
}

/// One 32-bit digit of `(rest:next) / d`.
#[inline]
fn digit(rest: u64, next: u64, d: u64) -> (u64, u64) {
    let (d1, d0) = (d >> 32, d & 0xffff_ffff);
    let mut q = rest / d1;
    let r = rest - q * d1;
    let mut left = u128::from(r) << 32 | u128::from(next);
    let right = u128::from(q) * u128::from(d0);
    // The estimate is at most 2 too large.
    while left < right {
        q -= 1;
        left += u128::from(d);
    }
    (q, (left - right) as u64)
}
