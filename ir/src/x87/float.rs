//! f32 and f64 in memory: widening is exact, narrowing rounds (FLD, FST, arithmetic with memory operands).
use super::round::{at_bit, note, shift_right_jam};
use super::special::Class;
use super::{Env, Rc, BIAS, C1, DE, F80, IE, J, OE, PE, QUIET, UE};

/// A memory operand made 80 bits wide. A signaling NaN stays one.
#[derive(Clone, Copy, Debug)]
pub struct Widened {
    /// The same number.
    pub value: F80,
    /// It was denormal in its memory format (the 80-bit number is normal).
    pub denormal: bool,
}

/// Widens an f32.
#[inline]
pub fn from_f32(bits: u32) -> Widened {
    let exp = bits >> 23 & 0xff;
    if exp.wrapping_sub(1) < 0xfe {
        let mantissa = J | u64::from(bits) << 40 & !J;
        let value = F80::pack(bits >> 31 != 0, exp as i32 + (BIAS - 127), mantissa);
        return Widened { value, denormal: false };
    }
    widen_special(bits >> 31 != 0, exp != 0, u64::from(bits & 0x7f_ffff) << 40, 127)
}

/// Widens an f64.
#[inline]
pub fn from_f64(bits: u64) -> Widened {
    let exp = (bits >> 52) as u32 & 0x7ff;
    if exp.wrapping_sub(1) < 0x7fe {
        let value = F80::pack(bits >> 63 != 0, exp as i32 + (BIAS - 1023), J | bits << 11);
        return Widened { value, denormal: false };
    }
    widen_special(bits >> 63 != 0, exp != 0, (bits & 0xf_ffff_ffff_ffff) << 11, 1023)
}

/// `fraction` is at its 80-bit place (below the integer bit).
#[cold]
fn widen_special(negative: bool, top_exponent: bool, fraction: u64, bias: i32) -> Widened {
    if top_exponent {
        return Widened { value: F80::pack(negative, 0x7fff, J | fraction), denormal: false };
    }
    if fraction == 0 {
        return Widened { value: F80::ZERO.with_sign(negative), denormal: false };
    }
    let shift = fraction.leading_zeros();
    let value = F80::pack(negative, BIAS - bias + 1 - shift as i32, fraction << shift);
    Widened { value, denormal: true }
}

/// What FLD of a float pushes: signaling NaNs become quiet (IE), denormals raise DE.
#[inline]
pub fn load(w: Widened, env: &mut Env) -> F80 {
    if w.denormal {
        env.raise(DE);
    } else if w.value.class() == Class::Signaling {
        env.raise(IE);
        return w.value.quieted();
    }
    w.value
}

/// The shape of a memory format.
#[derive(Clone, Copy)]
struct Format {
    /// Significand bits, with the implicit one.
    precision: u32,
    /// Exponent bias; the largest finite exponent is twice that.
    bias: i32,
}

const F32: Format = Format { precision: 24, bias: 127 };
const F64: Format = Format { precision: 53, bias: 1023 };

/// Narrows to f32 by the rounding mode.
#[inline]
pub fn to_f32(a: F80, env: &mut Env) -> u32 {
    narrow(a, F32, env) as u32
}

/// Narrows to f64 by the rounding mode.
#[inline]
pub fn to_f64(a: F80, env: &mut Env) -> u64 {
    narrow(a, F64, env)
}

#[inline]
fn narrow(a: F80, f: Format, env: &mut Env) -> u64 {
    let exp = a.exponent() - BIAS + f.bias;
    if a.is_normal() && exp >= 1 && exp < 2 * f.bias && env.rc() == Rc::Nearest {
        let r = at_bit(false, a.mantissa, 0, 64 - f.precision, Rc::Nearest);
        note(&r, env);
        return assemble(a.is_negative(), exp + i32::from(r.carry), r.hi, f);
    }
    narrow_any(a, f, env)
}

/// Sign, biased exponent and the significand at its 80-bit place (integer bit ignored).
#[inline]
fn assemble(negative: bool, exp: i32, sig: u64, f: Format) -> u64 {
    let fraction_bits = f.precision - 1;
    let exponent_bits = if f.precision == 24 { 8 } else { 11 };
    u64::from(negative) << (fraction_bits + exponent_bits)
        | (exp as u64) << fraction_bits
        | (sig & !J) >> (64 - f.precision)
}

#[cold]
fn narrow_any(a: F80, f: Format, env: &mut Env) -> u64 {
    let negative = a.is_negative();
    let top = 2 * f.bias + 1;
    match a.class() {
        Class::Zero => return assemble(negative, 0, 0, f),
        Class::Infinity => return assemble(negative, top, 0, f),
        Class::Quiet => return assemble(negative, top, a.mantissa, f),
        Class::Signaling => {
            env.raise(IE);
            return assemble(negative, top, a.mantissa | QUIET, f);
        }
        Class::Unsupported => {
            env.raise(IE);
            return assemble(true, top, QUIET, f);
        }
        Class::Normal | Class::Denormal => {}
    }
    let x = a.finite();
    let drop = 64 - f.precision;
    let exp = x.exp - BIAS + f.bias;
    let r = at_bit(negative, x.sig, 0, drop, env.rc());
    let rounded_exp = exp + i32::from(r.carry);
    if rounded_exp < 1 {
        if env.cw & UE == 0 {
            // Nothing is stored, so nothing is inexact.
            env.flags |= UE;
            return 0;
        }
        let (hi, lo) = shift_right_jam(x.sig, 0, (1 - exp) as u32);
        let r = at_bit(negative, hi, lo, drop, env.rc());
        if r.inexact {
            env.flags |= UE;
        }
        note(&r, env);
        return assemble(negative, (r.hi >> 63) as i32, r.hi, f);
    }
    if rounded_exp >= top {
        return overflowed(negative, f, env);
    }
    note(&r, env);
    assemble(negative, rounded_exp, r.hi, f)
}

fn overflowed(negative: bool, f: Format, env: &mut Env) -> u64 {
    if env.raise(OE) {
        return 0;
    }
    env.flags |= PE;
    let to_infinity = match env.rc() {
        Rc::Nearest => true,
        Rc::Down => negative,
        Rc::Up => !negative,
        Rc::Zero => false,
    };
    if to_infinity {
        env.flags |= C1;
        assemble(negative, 2 * f.bias + 1, 0, f)
    } else {
        assemble(negative, 2 * f.bias, u64::MAX, f)
    }
}
