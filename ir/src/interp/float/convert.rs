//! Conversions of one lane: between the formats, to and from integers, to integral values.
use super::{round_shift, Env, Format, Rounding, F32, F64, IE, PE};

/// What an out-of-range or NaN conversion to a 32-bit integer gives.
const INDEFINITE: u32 = 0x8000_0000;

/// Single to double: exact.
pub(in crate::interp) fn widen(env: &mut Env, a: u64) -> u64 {
    convert(env, F32, F64, a)
}

/// Double to single, rounded.
pub(in crate::interp) fn narrow(env: &mut Env, a: u64) -> u64 {
    convert(env, F64, F32, a)
}

fn convert(env: &mut Env, from: Format, to: Format, a: u64) -> u64 {
    let a = from.input(a, env);
    let negative = from.is_negative(a);
    if from.is_nan(a) {
        if from.is_signalling(a) {
            env.raise(IE);
        }
        let payload = a & ((1 << from.frac) - 1);
        let payload =
            if to.frac > from.frac { payload << (to.frac - from.frac) } else { payload >> (from.frac - to.frac) };
        return to.signed(negative, to.infinity() | to.quiet_bit() | payload);
    }
    from.note_denormals(env, &[a]);
    if from.is_inf(a) {
        return to.signed(negative, to.infinity());
    }
    if from.is_zero(a) {
        return to.signed(negative, 0);
    }
    let (sig, exponent) = from.unpack(a);
    to.round(env, negative, u128::from(sig), exponent)
}

/// To a signed 32-bit integer, with the current rounding or truncated. Denormal operands raise nothing but PE.
pub(in crate::interp) fn to_int(f: Format, env: &mut Env, a: u64, truncate: bool) -> u32 {
    let a = f.input(a, env);
    if f.is_nan(a) || f.is_inf(a) {
        env.raise(IE);
        return INDEFINITE;
    }
    let mode = if truncate { Rounding::Zero } else { env.rounding };
    let negative = f.is_negative(a);
    let (sig, exponent) = f.unpack(a);
    if exponent > 32 {
        env.raise(IE);
        return INDEFINITE;
    }
    let (magnitude, inexact) = round_shift(mode, negative, u128::from(sig), -exponent);
    let limit = if negative { 1 << 31 } else { (1 << 31) - 1 };
    if magnitude > limit {
        env.raise(IE);
        return INDEFINITE;
    }
    if inexact {
        env.raise(PE);
    }
    if negative {
        (magnitude as u32).wrapping_neg()
    } else {
        magnitude as u32
    }
}

/// A signed 32-bit integer as a float, rounded.
pub(in crate::interp) fn from_int(f: Format, env: &mut Env, a: u32) -> u64 {
    let value = a as i32;
    if value == 0 {
        return 0;
    }
    f.round(env, value < 0, u128::from(value.unsigned_abs()), 0)
}

/// Rounded to an integral value; `control` as in ROUNDPS: bits 1..0 mode, bit 2 use MXCSR's, bit 3 no PE.
pub(in crate::interp) fn round_to_integral(f: Format, env: &mut Env, a: u64, control: u32) -> u64 {
    let a = f.input(a, env);
    if f.is_nan(a) {
        if f.is_signalling(a) {
            env.raise(IE);
        }
        return a | f.quiet_bit();
    }
    let (sig, exponent) = f.unpack(a);
    if f.is_inf(a) || f.is_zero(a) || exponent >= 0 {
        return a;
    }
    let mode = if control & 4 != 0 { env.rounding } else { Rounding::from_bits(control) };
    let negative = f.is_negative(a);
    let (magnitude, inexact) = round_shift(mode, negative, u128::from(sig), -exponent);
    if inexact && control & 8 == 0 {
        env.raise(PE);
    }
    if magnitude == 0 {
        return f.signed(negative, 0);
    }
    let mut exact = Env { rounding: Rounding::Zero, daz: false, ftz: false, unmasked: 0, flags: 0 };
    f.round(&mut exact, negative, magnitude, 0)
}
