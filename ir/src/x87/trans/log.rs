//! FYL2X, FYL2XP1.
use super::super::int::from_i64;
use super::super::mul::mul;
use super::super::special::{denormal, two, Class};
use super::super::{Env, BIAS, F80, J, PE, UE, ZE};
use super::wide::{mul_high, summed, Wide};

/// ln 2 in units of 2^-128.
pub(super) const LN2: u128 = 0xb172_17f7_d1cf_79ab_c9e3_b398_03f2_f6af;
/// log2 e in units of 2^-127.
const LOG2_E: u128 = 0xb8aa_3b29_5c17_f0bb_be87_fed0_691d_3e88;

/// Coefficients of `atanh x / x` after the leading one: 1/3, 1/5, ..
const TERMS: usize = 10;
const ATANH: [u128; TERMS] = {
    let mut out = [0; TERMS];
    let mut n = 0;
    while n < TERMS {
        out[n] = u128::MAX / (2 * n as u128 + 3);
        n += 1;
    }
    out
};

/// Numbers between 1 and 2 by their first five bits after the point: a factor in units of 1/128 that brings them close to
/// one, and its logarithm.
const FACTORS: [u32; 32] = {
    let mut out = [128; 32];
    let mut j = 1;
    while j < 31 {
        // Nearest to the inverse of the middle of the interval.
        let middle = 65 + 2 * j as u32;
        out[j] = (2 * 128 * 64 + middle) / (2 * middle);
        j += 1;
    }
    out[31] = 64;
    out
};

/// `log2(128 / FACTORS[j])` in units of 2^-127.
const TABLE: [u128; 32] = {
    let mut out = [0; 32];
    let mut j = 0;
    while j < 32 {
        let factor = FACTORS[j] as u128;
        // From the closer end: 128 / factor or factor / 64.
        out[j] = if factor > 90 { log2_ratio(128, factor) } else { (1 << 127) - log2_ratio(factor, 64) };
        j += 1;
    }
    out
};

/// `log2(p / q)` for `q <= p < 1.5 q`, small integers, in units of 2^-127.
const fn log2_ratio(p: u128, q: u128) -> u128 {
    let (numerator, denominator) = (p - q, p + q);
    let mut power = u128::MAX / denominator * numerator + u128::MAX % denominator * numerator / denominator;
    let (mut sum, mut n) = (0, 1);
    while power != 0 {
        sum += power / n;
        power = power / (denominator * denominator) * (numerator * numerator)
            + power % (denominator * denominator) * (numerator * numerator) / (denominator * denominator);
        n += 2;
    }
    // 2 atanh * log2 e, in units of 2^-127 as log2 e is.
    mul_high(sum, LOG2_E) << 1
}

/// `log2(1 + r)` for `|r|` of at most 1/32, with its own relative accuracy.
fn log2_near_one(r: Wide) -> Wide {
    if r.sig == 0 {
        return r;
    }
    // 2 atanh(r / (2 + r))
    let s = r.div(Wide::fixed(2, 0).add(r));
    let z = s.square();
    let atanh = s.more(mul_high(z, summed(z, &ATANH)));
    atanh.mul(Wide::fixed(LOG2_E, 126))
}

/// `log2 m`, `m` positive.
fn log2(m: Wide) -> Wide {
    let j = (m.sig >> 122) as usize & 31;
    // Eight bits of room above for the factor; m has at most 120 significant bits here.
    let product = (m.sig >> 8) * u128::from(FACTORS[j]);
    let near = Wide::signed(product as i128 - (1 << 126), 126);
    let whole = Wide::signed(i128::from(m.exp - BIAS), 0);
    whole.add(Wide::fixed(TABLE[j], 127)).add(log2_near_one(near))
}

/// `y * log2 x` (FYL2X: `y` is ST(1)).
pub fn ylog2(y: F80, x: F80, env: &mut Env) -> F80 {
    if let Some(result) = two(y, x, env) {
        return result;
    }
    if x.is_negative() && x.class() != Class::Zero {
        return env.invalid();
    }
    let one = x == F80::ONE;
    match (y.class(), x.class()) {
        (Class::Zero, Class::Infinity | Class::Zero) => return env.invalid(),
        (Class::Infinity, _) if one => return env.invalid(),
        (Class::Infinity, Class::Zero) => return y.neg(),
        (_, Class::Zero) => {
            env.raise(ZE);
            return F80::INFINITY.with_sign(!y.is_negative());
        }
        _ if denormal(&[y, x], env) => return y,
        (_, Class::Infinity) => return F80::INFINITY.with_sign(y.is_negative()),
        _ => {}
    }
    let m = x.finite();
    let log_negative = m.exp < BIAS;
    match y.class() {
        Class::Infinity => return F80::INFINITY.with_sign(y.is_negative() != log_negative),
        Class::Zero => return F80::ZERO.with_sign(y.is_negative() != log_negative),
        _ if m.sig == J => return product(y, i64::from(m.exp - BIAS), env),
        _ => {}
    }
    Wide::from(y.finite()).mul(log2(Wide::from(m))).round_inexact(env)
}

/// `y * n`: the logarithm of a power of two is an integer. PE is raised nevertheless, as CPUs do, but for n = 0.
fn product(y: F80, n: i64, env: &mut Env) -> F80 {
    if n == 0 {
        return F80::ZERO.with_sign(y.is_negative());
    }
    // Precision control does not apply to these instructions.
    let mut wide = Env { cw: env.cw | 0x300, ..*env };
    let product = mul(y, from_i64(n), &mut wide);
    env.flags = wide.flags | PE;
    if product.exponent() == 0 && product.mantissa & J == 0 {
        env.flags |= UE;
    }
    product
}

/// `y * log2(1 + x)` (FYL2XP1: `y` is ST(1)).
pub fn ylog2p1(y: F80, x: F80, env: &mut Env) -> F80 {
    if let Some(result) = two(y, x, env) {
        return result;
    }
    let negative = y.is_negative() != x.is_negative();
    match (y.class(), x.class()) {
        (Class::Infinity, Class::Zero) | (Class::Zero, Class::Infinity) => return env.invalid(),
        (_, Class::Infinity) if x.is_negative() => return env.invalid(),
        _ if denormal(&[y, x], env) => return y,
        (Class::Infinity, _) | (_, Class::Infinity) => return F80::INFINITY.with_sign(negative),
        (Class::Zero, _) | (_, Class::Zero) => return F80::ZERO.with_sign(negative),
        _ => {}
    }
    let r = Wide::from(x.finite());
    let log = if r.exp < BIAS - 5 {
        log2_near_one(r)
    } else {
        let m = Wide::fixed(1, 0).add(r);
        if m.negative || m.sig == 0 {
            // Undefined; CPUs leave the operand.
            env.flags |= PE;
            return x;
        }
        if m.sig == 1 << 127 {
            return product(y, i64::from(m.exp - BIAS), env);
        }
        log2(m)
    };
    Wide::from(y.finite()).mul(log).round_inexact(env)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_consistent() {
        for &factor in &FACTORS {
            let (up, down) = (log2_ratio(128, u128::from(factor)), log2_ratio(u128::from(factor), 64));
            assert!((up + down).abs_diff(1 << 127) < 64, "{factor}");
        }
        assert_eq!((TABLE[0], TABLE[31]), (0, 1 << 127));
    }
}
