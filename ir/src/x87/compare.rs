//! FCOM, FUCOM, FTST and the order bits of the FCOMI family.
use super::special::{denormal, Class};
use super::{Env, C0, C2, C3, F80, IE};

/// The condition codes of a comparison: C3 C2 C0 as ZF PF CF.
pub const CONDITION: u16 = C0 | C2 | C3;

/// Compares; `quiet` (FUCOM) lets quiet NaNs pass without IE. Sets C3 C2 C0, also when an exception is unmasked.
#[inline]
pub fn compare(a: F80, b: F80, quiet: bool, env: &mut Env) {
    if a.is_normal() && b.is_normal() {
        env.flags |= order(a, b);
    } else {
        special(a, b, quiet, env);
    }
}

#[cold]
fn special(a: F80, b: F80, quiet: bool, env: &mut Env) {
    let (ca, cb) = (a.class(), b.class());
    let unordered = |c: Class| c.is_nan() || c == Class::Unsupported;
    if unordered(ca) || unordered(cb) {
        if !(quiet && [ca, cb].iter().all(|c| !matches!(c, Class::Signaling | Class::Unsupported))) {
            env.raise(IE);
        }
        env.flags |= CONDITION;
    } else {
        denormal(&[a, b], env);
        env.flags |= if ca == Class::Zero && cb == Class::Zero { C3 } else { order(a, b) };
    }
}

/// The order of two numbers that are not both zero, as condition codes: 0 greater, C0 less, C3 equal.
#[inline]
fn order(a: F80, b: F80) -> u16 {
    if a.is_negative() != b.is_negative() {
        return if a.is_negative() { C0 } else { 0 };
    }
    // A pseudo-denormal counts as the number with exponent 1.
    let key = |x: F80| (x.exponent() | (x.mantissa >> 63) as i32 & i32::from(x.exponent() == 0), x.mantissa);
    let (ka, kb) = (key(a), key(b));
    if ka == kb {
        C3
    } else if (ka < kb) != a.is_negative() {
        C0
    } else {
        0
    }
}

/// Condition codes of the status word as FCOMI leaves them in eflags: ZF (bit 6), PF (bit 2), CF (bit 0).
pub const fn to_eflags(sw: u16) -> u32 {
    let sw = sw as u32;
    sw >> 8 & 1 | sw >> 8 & 4 | sw >> 8 & 0x40
}
