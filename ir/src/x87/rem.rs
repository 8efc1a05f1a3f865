//! FPREM and FPREM1: exact partial remainders (SDM vol. 2).
use super::round::round64;
use super::special::{denormal, two, Class, Finite};
use super::{Env, C0, C1, C2, C3, F80};

/// `a` reduced by a multiple of `b`, quotient rounded towards zero; quotient bits in C0 C3 C1, C2 if not finished.
pub fn prem(a: F80, b: F80, env: &mut Env) -> F80 {
    remainder(a, b, false, env)
}

/// The same with the quotient rounded to nearest even (IEEE 754 remainder).
pub fn prem1(a: F80, b: F80, env: &mut Env) -> F80 {
    remainder(a, b, true, env)
}

fn remainder(a: F80, b: F80, nearest: bool, env: &mut Env) -> F80 {
    if let Some(result) = two(a, b, env) {
        return result;
    }
    match (a.class(), b.class()) {
        (Class::Infinity, _) | (_, Class::Zero) => return env.invalid(),
        _ if denormal(&[a, b], env) => return a,
        (Class::Zero, _) => return a,
        _ => {}
    }
    let x = a.finite();
    if b.class() == Class::Infinity {
        return pack(x.negative, x.exp, x.sig, env);
    }
    let y = b.finite();
    let distance = x.exp - y.exp;
    if distance < 64 {
        finish(x, y, nearest, env)
    } else {
        // Each step takes 32 to 63 bits off the quotient.
        let bits = distance as u32 & 31 | 32;
        env.flags |= C2;
        let rest = shl_rem(x.sig, bits, y.sig).1;
        pack(x.negative, y.exp + distance - bits as i32, rest, env)
    }
}

/// The last step: the whole quotient is known.
fn finish(x: Finite, y: Finite, nearest: bool, env: &mut Env) -> F80 {
    let distance = x.exp - y.exp;
    if distance < -1 || (distance == -1 && !nearest) {
        return pack(x.negative, x.exp, x.sig, env);
    }
    // At distance -1 (FPREM1 only) the quotient is 0 or 1: compare at the finer scale.
    let (mut q, rest) =
        if distance == -1 { (0, u128::from(x.sig)) } else { wide(shl_rem(x.sig, distance as u32, y.sig)) };
    let (exp, divisor, mut rest) =
        if distance == -1 { (x.exp, u128::from(y.sig) << 1, rest) } else { (y.exp, u128::from(y.sig), rest) };
    let mut negative = x.negative;
    if nearest && (rest << 1 > divisor || (rest << 1 == divisor && q & 1 != 0)) {
        rest = divisor - rest;
        negative = !negative;
        q += 1;
    }
    env.flags |= (q as u16 & 1) * C1 | (q as u16 >> 1 & 1) * C3 | (q as u16 >> 2 & 1) * C0;
    if rest == 0 {
        return F80::ZERO.with_sign(x.negative);
    }
    pack(negative, exp, rest as u64, env)
}

fn wide((q, r): (u64, u64)) -> (u64, u128) {
    (q, u128::from(r))
}

/// Quotient (modulo 2^64) and remainder of `(sig << bits) / d`, `bits < 64`, both significands normalised.
fn shl_rem(sig: u64, bits: u32, d: u64) -> (u64, u64) {
    let (top, sig) = if sig >= d { (1u64, sig - d) } else { (0, sig) };
    if bits == 0 {
        return (top, sig);
    }
    let (q, r) = super::div::div_128_by_64(sig >> (64 - bits), sig << bits, d);
    (q.wrapping_add(top << bits), r)
}

/// An exact result: `sig * 2^(exp - BIAS - 63)`, not normalised.
fn pack(negative: bool, exp: i32, sig: u64, env: &mut Env) -> F80 {
    if sig == 0 {
        return F80::ZERO.with_sign(negative);
    }
    let shift = sig.leading_zeros();
    round64(negative, exp - shift as i32, sig << shift, 0, env)
}
