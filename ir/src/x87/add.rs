//! FADD, FSUB, FSUBR.
use super::round::{round, shift_right_jam};
use super::special::{denormal, two, Class, Finite};
use super::{Env, Rc, F80, J};

/// `a + b`.
#[inline]
pub fn add(a: F80, b: F80, env: &mut Env) -> F80 {
    if a.is_normal() && b.is_normal() {
        add_finite(a.finite_normal(), b.finite_normal(), env)
    } else {
        special(a, b, false, env)
    }
}

/// `a - b`.
#[inline]
pub fn sub(a: F80, b: F80, env: &mut Env) -> F80 {
    if a.is_normal() && b.is_normal() {
        add_finite(a.finite_normal(), b.neg().finite_normal(), env)
    } else {
        special(a, b, true, env)
    }
}

impl F80 {
    /// The parts of a normal number; cheaper than [`F80::finite`].
    #[inline]
    pub(super) const fn finite_normal(self) -> Finite {
        Finite { negative: self.is_negative(), exp: self.exponent(), sig: self.mantissa }
    }
}

#[cold]
fn special(a: F80, b: F80, subtract: bool, env: &mut Env) -> F80 {
    if let Some(result) = two(a, b, env) {
        return result;
    }
    let b = if subtract { b.neg() } else { b };
    match (a.class(), b.class()) {
        (Class::Infinity, Class::Infinity) if a.is_negative() != b.is_negative() => return env.invalid(),
        _ if denormal(&[a, b], env) => return a,
        (Class::Infinity, _) => return a,
        (_, Class::Infinity) => return b,
        (Class::Zero, Class::Zero) if a.is_negative() != b.is_negative() => return exact_zero(env),
        (Class::Zero, Class::Zero) => return a,
        _ => {}
    }
    // A zero operand: the other still has to be rounded to the precision in force.
    if a.class() == Class::Zero || b.class() == Class::Zero {
        let x = if a.class() == Class::Zero { b } else { a }.finite();
        return round(x.negative, x.exp, x.sig, 0, env);
    }
    add_finite(a.finite(), b.finite(), env)
}

/// The zero that a difference of equal numbers gives.
fn exact_zero(env: &Env) -> F80 {
    F80::ZERO.with_sign(env.rc() == Rc::Down)
}

#[inline]
fn add_finite(a: Finite, b: Finite, env: &mut Env) -> F80 {
    let (a, b) = if (a.exp, a.sig) < (b.exp, b.sig) { (b, a) } else { (a, b) };
    let (bh, bl) = shift_right_jam(b.sig, 0, (a.exp - b.exp) as u32);
    if a.negative == b.negative {
        let (hi, carry) = a.sig.overflowing_add(bh);
        if carry {
            let lo = hi << 63 | bl >> 1 | bl & 1;
            return round(a.negative, a.exp + 1, hi >> 1 | J, lo, env);
        }
        return round(a.negative, a.exp, hi, bl, env);
    }
    let lo = bl.wrapping_neg();
    let hi = a.sig - bh - u64::from(bl != 0);
    if hi >> 63 != 0 {
        return round(a.negative, a.exp, hi, lo, env);
    }
    cancelled(a.negative, a.exp, hi, lo, env)
}

/// A difference that lost leading bits.
#[inline]
fn cancelled(negative: bool, exp: i32, hi: u64, lo: u64, env: &mut Env) -> F80 {
    if hi == 0 {
        if lo == 0 {
            return exact_zero(env);
        }
        // Only with exponents one apart: the low word is a single bit.
        let shift = lo.leading_zeros();
        return round(negative, exp - 64 - shift as i32, lo << shift, 0, env);
    }
    let shift = hi.leading_zeros();
    round(negative, exp - shift as i32, hi << shift | lo >> 1 >> (63 - shift), lo << shift, env)
}
