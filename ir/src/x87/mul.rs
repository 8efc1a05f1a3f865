//! FMUL.
use super::round::round;
use super::special::{denormal, two, Class, Finite};
use super::{Env, BIAS, F80};

/// `a * b`.
#[inline]
pub fn mul(a: F80, b: F80, env: &mut Env) -> F80 {
    if a.is_normal() && b.is_normal() {
        mul_finite(a.finite_normal(), b.finite_normal(), env)
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
        (Class::Infinity, Class::Zero) | (Class::Zero, Class::Infinity) => env.invalid(),
        _ if denormal(&[a, b], env) => a,
        (Class::Infinity, _) | (_, Class::Infinity) => F80::INFINITY.with_sign(negative),
        (Class::Zero, _) | (_, Class::Zero) => F80::ZERO.with_sign(negative),
        _ => mul_finite(a.finite(), b.finite(), env),
    }
}

#[inline]
fn mul_finite(a: Finite, b: Finite, env: &mut Env) -> F80 {
    let product = u128::from(a.sig) * u128::from(b.sig);
    let (hi, lo) = ((product >> 64) as u64, product as u64);
    let exp = a.exp + b.exp - BIAS;
    let negative = a.negative != b.negative;
    if hi >> 63 != 0 {
        round(negative, exp + 1, hi, lo, env)
    } else {
        round(negative, exp, hi << 1 | lo >> 63, lo << 1, env)
    }
}
