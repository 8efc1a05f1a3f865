//! Two's complement integers in memory (FILD, FIST, FISTTP, FIADD, ...).
use super::round::{at_bit, shift_right_jam};
use super::special::Class;
use super::{Env, Rc, BIAS, C1, F80, IE, PE};

/// An integer as a number; exact.
#[inline]
pub const fn from_i64(value: i64) -> F80 {
    if value == 0 {
        return F80::ZERO;
    }
    let magnitude = value.unsigned_abs();
    let shift = magnitude.leading_zeros();
    F80::pack(value < 0, BIAS + 63 - shift as i32, magnitude << shift)
}

/// Rounds to an integer of `bits` (16, 32, 64), sign-extended to 64. What does not fit raises IE and gives the integer
/// indefinite: the most negative one.
#[inline]
pub fn to_int(a: F80, bits: u32, rc: Rc, env: &mut Env) -> i64 {
    let indefinite = i64::MIN >> (64 - bits);
    let Some((magnitude, inexact, up)) = integer_part(a, rc) else {
        env.raise(IE);
        return indefinite;
    };
    let limit = 1u64 << (bits - 1);
    if magnitude > limit - u64::from(!a.is_negative()) {
        env.raise(IE);
        return indefinite;
    }
    env.flags |= u16::from(inexact) * PE | u16::from(up) * C1;
    if a.is_negative() {
        (magnitude as i64).wrapping_neg()
    } else {
        magnitude as i64
    }
}

/// The magnitude rounded to an integer, whether that was inexact, whether it grew. `None`: 2^64 and beyond, infinities,
/// NaNs and unsupported operands.
#[inline]
pub(super) fn integer_part(a: F80, rc: Rc) -> Option<(u64, bool, bool)> {
    if !a.is_normal() {
        match a.class() {
            Class::Zero => return Some((0, false, false)),
            Class::Denormal => {}
            _ => return None,
        }
    }
    let shift = BIAS + 63 - a.exponent();
    if shift < 0 {
        return None;
    }
    let (hi, lo) = shift_right_jam(a.mantissa, 0, shift as u32);
    let r = at_bit(a.is_negative(), hi, lo, 0, rc);
    (!r.carry).then_some((r.hi, r.inexact, r.up))
}
