//! FRNDINT, FSCALE, FXTRACT, FXAM, FTST's operand, and the constants FLD1 .. FLDZ.
use super::round::{at_bit, note, round64, shift_right_jam};
use super::special::{denormal, one, two, Class};
use super::{Env, Rc, BIAS, C0, C1, C2, C3, F80, J, ZE};

/// `a` rounded to an integer by the rounding mode (FRNDINT).
pub fn round_to_int(a: F80, env: &mut Env) -> F80 {
    if let Some(result) = one(a, env) {
        return result;
    }
    if a.class() == Class::Zero || a.class() == Class::Infinity || denormal(&[a], env) {
        return a;
    }
    let x = a.finite();
    let fraction_bits = BIAS + 63 - x.exp;
    if fraction_bits <= 0 {
        return a;
    }
    // From 64 fraction bits on the magnitude is below one: round at one and see whether it stays.
    let (hi, lo) = if fraction_bits < 64 { (x.sig, 0) } else { shift_right_jam(x.sig, 0, fraction_bits as u32 - 63) };
    let r = at_bit(x.negative, hi, lo, fraction_bits.min(63) as u32, env.rc());
    note(&r, env);
    match (fraction_bits < 64, r.carry) {
        (true, false) => F80::pack(x.negative, x.exp, r.hi),
        (true, true) => F80::pack(x.negative, x.exp + 1, J),
        (false, _) if r.hi != 0 => F80::ONE.with_sign(x.negative),
        (false, _) => F80::ZERO.with_sign(x.negative),
    }
}

/// `a * 2^trunc(b)` (FSCALE).
pub fn scale(a: F80, b: F80, env: &mut Env) -> F80 {
    if let Some(result) = two(a, b, env) {
        return result;
    }
    match (a.class(), b.class()) {
        (Class::Infinity, Class::Infinity) if b.is_negative() => return env.invalid(),
        (Class::Zero, Class::Infinity) if !b.is_negative() => return env.invalid(),
        _ if denormal(&[a, b], env) => return a,
        (Class::Infinity | Class::Zero, _) | (_, Class::Zero) if a.class() != Class::Denormal => return a,
        (_, Class::Infinity) if b.is_negative() => return F80::ZERO.with_sign(a.is_negative()),
        (_, Class::Infinity) => return F80::INFINITY.with_sign(a.is_negative()),
        _ => {}
    }
    let x = a.finite();
    round64(x.negative, x.exp + scale_amount(b), x.sig, 0, env)
}

/// The integer part of a finite number, held to what moves any exponent out of range.
fn scale_amount(b: F80) -> i32 {
    const LIMIT: i32 = 0x10000;
    if b.class() == Class::Zero {
        return 0;
    }
    let y = b.finite();
    let magnitude = match y.exp - BIAS {
        ..=-1 => 0,
        e @ 0..=15 => (y.sig >> (63 - e)) as i32,
        _ => LIMIT,
    };
    if y.negative {
        -magnitude
    } else {
        magnitude
    }
}

/// Exponent and significand of `a` as two numbers (FXTRACT).
pub fn extract(a: F80, env: &mut Env) -> (F80, F80) {
    if let Some(result) = one(a, env) {
        return (result, result);
    }
    match a.class() {
        Class::Infinity => return (F80::INFINITY, a),
        Class::Zero => {
            env.raise(ZE);
            return (F80::INFINITY.neg(), a);
        }
        _ if denormal(&[a], env) => return (a, a),
        _ => {}
    }
    let x = a.finite();
    (super::int::from_i64(i64::from(x.exp - BIAS)), F80::pack(x.negative, BIAS, x.sig))
}

/// The condition codes of FXAM for a register that is not empty.
pub const fn examine(a: F80) -> u16 {
    let class = match a.class() {
        Class::Unsupported => 0,
        Class::Quiet | Class::Signaling => C0,
        Class::Normal => C2,
        Class::Infinity => C2 | C0,
        Class::Zero => C3,
        Class::Denormal => C3 | C2,
    };
    class | sign_bit(a)
}

/// The condition codes of FXAM for an empty register; its sign is still looked at.
pub const fn examine_empty(a: F80) -> u16 {
    C3 | C0 | sign_bit(a)
}

const fn sign_bit(a: F80) -> u16 {
    if a.is_negative() {
        C1
    } else {
        0
    }
}

/// The constants of D9 E8 .. D9 EE, in encoding order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constant {
    /// 1 (FLD1).
    One,
    /// log2 10 (FLDL2T).
    Log2Of10,
    /// log2 e (FLDL2E).
    Log2OfE,
    /// pi (FLDPI).
    Pi,
    /// log10 2 (FLDLG2).
    Log10Of2,
    /// ln 2 (FLDLN2).
    LnOf2,
    /// +0 (FLDZ).
    Zero,
}

impl Constant {
    /// Every constant, in encoding order.
    pub const ALL: [Self; 7] =
        [Self::One, Self::Log2Of10, Self::Log2OfE, Self::Pi, Self::Log10Of2, Self::LnOf2, Self::Zero];

    /// The constant rounded by the rounding mode; no exception.
    pub fn value(self, rc: Rc) -> F80 {
        // Truncated significands; the last column: what follows is at least half a unit.
        let (exp, sig, half) = match self {
            Self::One => return F80::ONE,
            Self::Zero => return F80::ZERO,
            Self::Log2Of10 => (1, 0xd49a_784b_cd1b_8afe, false),
            Self::Log2OfE => (0, 0xb8aa_3b29_5c17_f0bb, true),
            Self::Pi => (1, 0xc90f_daa2_2168_c234, true),
            Self::Log10Of2 => (-2, 0x9a20_9a84_fbcf_f798, true),
            Self::LnOf2 => (-1, 0xb172_17f7_d1cf_79ab, true),
        };
        let up = match rc {
            Rc::Nearest => half,
            Rc::Up => true,
            Rc::Down | Rc::Zero => false,
        };
        F80::pack(false, BIAS + exp, sig + u64::from(up))
    }
}
