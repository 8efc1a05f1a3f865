//! FSIN, FCOS, FSINCOS, FPTAN.
use super::super::special::{denormal, one, Class, Finite};
use super::super::{Env, BIAS, C1, C2, F80};
use super::wide::{alternating, mul_high, Wide};

/// pi rounded down to 66 bits, in units of 2^-64; half of it in units of 2^-65.
const PI_66: u128 = 0x3_243f_6a88_85a3_08d3;
/// `2^193 / PI_66`.
const INVERSE: u128 = {
    // 2^193 / p = 2^65 * (2^128 / p): the quotient, then 65 more bits of it from the remainder.
    let (q, mut r) = (u128::MAX / PI_66, u128::MAX % PI_66 + 1);
    let mut value = q;
    let mut n = 0;
    while n < 65 {
        r <<= 1;
        value <<= 1;
        if r >= PI_66 {
            r -= PI_66;
            value |= 1;
        }
        n += 1;
    }
    value
};

/// Coefficients of `sin x / x` and `cos x` after the leading one: 1/3!, 1/5!, .. and 1/2!, 1/4!, ..
const TERMS: usize = 13;
const SIN: [u128; TERMS] = factorials(3);
const COS: [u128; TERMS] = factorials(2);

const fn factorials(first: u128) -> [u128; TERMS] {
    let mut out = [0; TERMS];
    let mut factorial: u128 = if first == 3 { 6 } else { 2 };
    let mut n = 0;
    while n < TERMS {
        out[n] = u128::MAX / factorial;
        let next = first + 2 * n as u128;
        factorial *= (next + 1) * (next + 2);
        n += 1;
    }
    out
}

/// An argument brought to at most pi/4 in magnitude.
struct Reduced {
    /// Multiples of pi/2 taken off, modulo 4.
    quadrant: u32,
    rest: Wide,
}

/// Takes the nearest multiple of pi/2 off a magnitude below 2^63.
fn reduce(x: Finite) -> Reduced {
    // Below one half nothing is to be taken off.
    if x.exp < BIAS - 1 {
        return Reduced { quadrant: 0, rest: Wide { negative: false, ..Wide::from(x) } };
    }
    let scaled = u128::from(x.sig) << (x.exp - BIAS + 2);
    let multiple = ((mul_high(scaled, INVERSE) >> 64) + 1) >> 1;
    let rest = scaled.wrapping_sub(multiple * PI_66) as i128;
    Reduced { quadrant: multiple as u32 & 3, rest: Wide::signed(rest, 65) }
}

impl Reduced {
    fn sin_rest(&self) -> Wide {
        let z = self.rest.square();
        self.rest.less(mul_high(z, alternating(z, &SIN)))
    }

    fn cos_rest(&self) -> Wide {
        let z = self.rest.square();
        Wide::fixed(1, 0).less(mul_high(z, alternating(z, &COS)))
    }

    fn sin(&self) -> Wide {
        let value = if self.quadrant & 1 == 0 { self.sin_rest() } else { self.cos_rest() };
        if self.quadrant & 2 == 0 {
            value
        } else {
            value.neg()
        }
    }

    fn cos(&self) -> Wide {
        let value = if self.quadrant & 1 == 0 { self.cos_rest() } else { self.sin_rest() };
        if matches!(self.quadrant, 1 | 2) {
            value.neg()
        } else {
            value
        }
    }

    fn tan(&self) -> Wide {
        let (sin, cos) = (self.sin_rest(), self.cos_rest());
        if self.quadrant & 1 == 0 {
            sin.div(cos)
        } else {
            cos.div(sin).neg()
        }
    }
}

/// What is to be done with an operand.
enum Argument {
    /// This is the result (of each of two).
    Settled(F80),
    /// Zero.
    Zero,
    /// 2^63 or more: the operand stays, C2 is set.
    TooLarge,
    /// A number.
    Finite(Finite),
}

fn argument(a: F80, env: &mut Env) -> Argument {
    if let Some(result) = one(a, env) {
        return Argument::Settled(result);
    }
    match a.class() {
        Class::Infinity => return Argument::Settled(env.invalid()),
        Class::Zero => return Argument::Zero,
        _ if denormal(&[a], env) => return Argument::Settled(a),
        _ => {}
    }
    let x = a.finite();
    if x.exp >= BIAS + 63 {
        env.flags |= C2;
        return Argument::TooLarge;
    }
    Argument::Finite(x)
}

fn with_sign(value: Wide, negative: bool) -> Wide {
    if negative {
        value.neg()
    } else {
        value
    }
}

/// FSIN.
pub fn sin(a: F80, env: &mut Env) -> F80 {
    match argument(a, env) {
        Argument::Settled(result) => result,
        Argument::Zero | Argument::TooLarge => a,
        Argument::Finite(x) => with_sign(reduce(x).sin(), x.negative).round_inexact(env),
    }
}

/// FCOS.
pub fn cos(a: F80, env: &mut Env) -> F80 {
    match argument(a, env) {
        Argument::Settled(result) => result,
        Argument::Zero => F80::ONE,
        Argument::TooLarge => a,
        Argument::Finite(x) => reduce(x).cos().round_inexact(env),
    }
}

/// FSINCOS: sine, and cosine unless the argument is too large.
pub fn sincos(a: F80, env: &mut Env) -> (F80, Option<F80>) {
    match argument(a, env) {
        Argument::Settled(result) => (result, Some(result)),
        Argument::Zero => (a, Some(F80::ONE)),
        Argument::TooLarge => (a, None),
        Argument::Finite(x) => {
            let reduced = reduce(x);
            let cos = reduced.cos().round_inexact(env);
            // C1 tells about the sine.
            env.flags &= !C1;
            (with_sign(reduced.sin(), x.negative).round_inexact(env), Some(cos))
        }
    }
}

/// FPTAN: tangent, and the 1 that is pushed after it unless the argument is too large.
pub fn tan(a: F80, env: &mut Env) -> (F80, Option<F80>) {
    match argument(a, env) {
        Argument::Settled(result) => (result, Some(result)),
        Argument::Zero => (a, Some(F80::ONE)),
        Argument::TooLarge => (a, None),
        Argument::Finite(x) => (with_sign(reduce(x).tan(), x.negative).round_inexact(env), Some(F80::ONE)),
    }
}
