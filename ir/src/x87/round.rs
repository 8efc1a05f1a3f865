//! Rounding to the precision and range in force, with the post-computation exceptions (SDM vol. 1, 4.8.4, 8.5.4-8.5.6).
use super::{Env, Rc, C1, F80, J, OE, PE, UE, WRAP};

/// Half a unit of the word above.
const HALF: u64 = 1 << 63;

/// Rounds `hi:lo * 2^(exp - BIAS - 127)` to the precision the control word asks for. `hi` has bit 63 set; the lowest bit
/// of `lo` may be sticky.
#[inline]
pub fn round(negative: bool, exp: i32, hi: u64, lo: u64, env: &mut Env) -> F80 {
    if env.cw & 0xf00 == 0x300 && (exp as u32).wrapping_sub(1) < 0x7ffd {
        nearest(negative, exp, hi, lo, env)
    } else {
        to_precision(negative, exp, hi, lo, dropped_bits(env.cw), env)
    }
}

/// The same with 64 bits whatever the precision control says (FSCALE, FPREM, transcendentals).
#[inline]
pub fn round64(negative: bool, exp: i32, hi: u64, lo: u64, env: &mut Env) -> F80 {
    if env.cw & 0xc00 == 0 && (exp as u32).wrapping_sub(1) < 0x7ffd {
        nearest(negative, exp, hi, lo, env)
    } else {
        to_precision(negative, exp, hi, lo, 0, env)
    }
}

#[inline]
fn nearest(negative: bool, mut exp: i32, hi: u64, lo: u64, env: &mut Env) -> F80 {
    if lo == 0 {
        return F80::pack(negative, exp, hi);
    }
    let up = lo > HALF || (lo == HALF && hi & 1 != 0);
    env.flags |= PE | (u16::from(up) << 9);
    let mut mantissa = hi.wrapping_add(u64::from(up));
    if mantissa == 0 {
        mantissa = J;
        exp += 1;
    }
    F80::pack(negative, exp, mantissa)
}

/// How many low bits of the significand the precision control drops; the reserved value counts as 64 bits.
fn dropped_bits(cw: u16) -> u32 {
    match cw >> 8 & 3 {
        0 => 40,
        2 => 11,
        _ => 0,
    }
}

/// `hi:lo` rounded at bit `drop` of `hi`.
pub(super) struct Rounded {
    /// The kept bits in place; zero if `carry` took it beyond 64 bits.
    pub hi: u64,
    /// Rounding up gave 2^64.
    pub carry: bool,
    /// Something was lost.
    pub inexact: bool,
    /// The magnitude grew.
    pub up: bool,
}

/// Rounds a magnitude at bit `drop` of `hi` (0..=63).
#[inline]
pub(super) fn at_bit(negative: bool, hi: u64, lo: u64, drop: u32, rc: Rc) -> Rounded {
    let unit = 1u64 << drop;
    let below = hi & (unit - 1);
    // The dropped part as a fraction of the unit, sticky in bit 0.
    let frac = if drop == 0 { lo } else { below << (64 - drop) | lo >> drop | u64::from(lo << (64 - drop) != 0) };
    let inexact = frac != 0;
    let up = match rc {
        Rc::Nearest => frac > HALF || (frac == HALF && hi & unit != 0),
        Rc::Down => negative && inexact,
        Rc::Up => !negative && inexact,
        Rc::Zero => false,
    };
    let kept = hi - below;
    let (hi, carry) = kept.overflowing_add(if up { unit } else { 0 });
    Rounded { hi, carry, inexact, up }
}

/// `hi:lo` shifted right by `n` with every lost bit kept sticky in the lowest.
#[inline]
pub(super) fn shift_right_jam(hi: u64, lo: u64, n: u32) -> (u64, u64) {
    match n {
        0 => (hi, lo),
        1..=63 => (hi >> n, hi << (64 - n) | lo >> n | u64::from(lo << (64 - n) != 0)),
        64 => (0, hi | u64::from(lo != 0)),
        65..=127 => (0, hi >> (n - 64) | u64::from(hi << (128 - n) != 0 || lo != 0)),
        _ => (0, u64::from(hi | lo != 0)),
    }
}

/// Rounds dropping `drop` bits of `hi`, for every rounding mode, over- and underflow.
#[cold]
pub fn to_precision(negative: bool, exp: i32, hi: u64, lo: u64, drop: u32, env: &mut Env) -> F80 {
    let r = at_bit(negative, hi, lo, drop, env.rc());
    let (mantissa, rounded_exp) = if r.carry { (J, exp + 1) } else { (r.hi, exp) };
    if rounded_exp < 1 {
        if env.cw & UE != 0 {
            return denormalise(negative, exp, hi, lo, drop, env);
        }
        env.flags |= UE;
        if rounded_exp + WRAP < 1 {
            // Only FSCALE gets so far down.
            env.flags |= PE;
            return F80::ZERO.with_sign(negative);
        }
        note(&r, env);
        return F80::pack(negative, rounded_exp + WRAP, mantissa);
    }
    if rounded_exp > 0x7ffe {
        if env.cw & OE != 0 {
            return overflowed(negative, drop, env);
        }
        env.flags |= OE;
        if rounded_exp - WRAP > 0x7ffe {
            env.flags |= PE | C1;
            return F80::INFINITY.with_sign(negative);
        }
        note(&r, env);
        return F80::pack(negative, rounded_exp - WRAP, mantissa);
    }
    note(&r, env);
    F80::pack(negative, rounded_exp, mantissa)
}

/// Reports what a rounding lost: PE, and C1 if the magnitude grew.
#[inline]
pub(super) fn note(r: &Rounded, env: &mut Env) {
    env.flags |= u16::from(r.inexact) * PE | u16::from(r.up) * C1;
}

/// A masked underflow: the result that fits the exponent range, UE only if that is inexact.
fn denormalise(negative: bool, exp: i32, hi: u64, lo: u64, drop: u32, env: &mut Env) -> F80 {
    let (hi, lo) = shift_right_jam(hi, lo, (1 - exp) as u32);
    let r = at_bit(negative, hi, lo, drop, env.rc());
    note(&r, env);
    if r.inexact {
        env.flags |= UE;
    }
    // Rounding up to the integer bit makes the smallest normal number.
    F80::pack(negative, (r.hi >> 63) as i32, r.hi)
}

/// A masked overflow: infinity or the largest number of the precision, by rounding mode (SDM vol. 1, table 4-10).
fn overflowed(negative: bool, drop: u32, env: &mut Env) -> F80 {
    env.flags |= OE | PE;
    let to_infinity = match env.rc() {
        Rc::Nearest => true,
        Rc::Down => negative,
        Rc::Up => !negative,
        Rc::Zero => false,
    };
    if to_infinity {
        env.flags |= C1;
        F80::INFINITY.with_sign(negative)
    } else {
        F80::pack(negative, 0x7ffe, u64::MAX << drop)
    }
}
