//! FPATAN.
use super::super::special::{denormal, two, Class, Finite};
use super::super::{Env, BIAS, F80};
use super::wide::{alternating, mul_high, Wide};

/// pi, in units of 2^-126.
pub(super) const PI: u128 = 0xc90f_daa2_2168_c234_c4c6_628b_80dc_1cd1;

/// Coefficients of `atan x / x` after the leading one: 1/3, 1/5, ..
const TERMS: usize = 12;
const ATAN: [u128; TERMS] = odd_reciprocals();

const fn odd_reciprocals() -> [u128; TERMS] {
    let mut out = [0; TERMS];
    let mut n = 0;
    while n < TERMS {
        out[n] = u128::MAX / (2 * n as u128 + 3);
        n += 1;
    }
    out
}

/// `atan(i / 16)` in units of 2^-128.
const TABLE: [u128; 17] = {
    let mut table = [0; 17];
    let mut i = 1;
    while i <= 16 {
        // The step from (i - 1) / 16 to i / 16 is atan(16 / (256 + i (i - 1))).
        table[i] = table[i - 1] + small_atan(16, 256 + (i * (i - 1)) as u128);
        i += 1;
    }
    table
};

/// `atan(p / q)` for `q >= 16 p`, in units of 2^-128.
const fn small_atan(p: u128, q: u128) -> u128 {
    let mut power = u128::MAX / q * p + u128::MAX % q * p / q;
    let (mut sum, mut n) = (0, 1);
    while power != 0 {
        sum = if n % 4 == 1 { sum + power / n } else { sum - power / n };
        // p^2 and q^2 stay below 2^20.
        power = power / (q * q) * (p * p) + power % (q * q) * (p * p) / (q * q);
        n += 2;
    }
    sum
}

/// The angle of the point (`x`, `y`), -pi to pi (FPATAN: `y` is ST(1)).
pub fn atan2(y: F80, x: F80, env: &mut Env) -> F80 {
    if let Some(result) = two(y, x, env) {
        return result;
    }
    if denormal(&[y, x], env) {
        return y;
    }
    let pi = |quarters: u128| Wide::fixed(PI, 126).mul(Wide::fixed(quarters, 2));
    let angle = match (y.class(), x.class()) {
        (Class::Infinity, Class::Infinity) => pi(if x.is_negative() { 3 } else { 1 }),
        (Class::Infinity, _) => pi(2),
        (Class::Zero, _) | (_, Class::Infinity) if !x.is_negative() => return F80::ZERO.with_sign(y.is_negative()),
        (Class::Zero, _) | (_, Class::Infinity) => pi(4),
        (_, Class::Zero) => pi(2),
        _ => finite(y.finite(), x.finite()),
    };
    Wide { negative: y.is_negative(), ..angle }.round_inexact(env)
}

/// The angle's magnitude.
fn finite(y: Finite, x: Finite) -> Wide {
    let steep = (y.exp, y.sig) > (x.exp, x.sig);
    let angle = if steep { first_octant(x, y) } else { first_octant(y, x) };
    match (steep, x.negative) {
        (false, false) => angle,
        (false, true) => Wide::fixed(PI, 126).add(angle.neg()),
        (true, false) => Wide::fixed(PI, 127).add(angle.neg()),
        (true, true) => Wide::fixed(PI, 127).add(angle),
    }
}

/// `atan |a / b|` for `|a| <= |b|`.
fn first_octant(a: Finite, b: Finite) -> Wide {
    let distance = (b.exp - a.exp) as u32;
    // Nearest sixteenth of the quotient; beyond five bits apart that is zero.
    let i = if distance > 5 { 0 } else { (((a.sig >> 32) * 32 / (b.sig >> 32) >> distance) + 1) >> 1 };
    if i == 0 {
        let positive = |x: Finite| Wide { negative: false, ..Wide::from(x) };
        return series(positive(a).div(positive(b)));
    }
    // tan(u - v) = (tan u - tan v) / (1 + tan u tan v), with whole numbers.
    let (a, b) = (u128::from(a.sig), u128::from(b.sig) << distance);
    let i = u128::from(i);
    let numerator = Wide::signed((16 * a) as i128 - (i * b) as i128, 0);
    let base = Wide::fixed(TABLE[i as usize], 128);
    if numerator.sig == 0 {
        return base;
    }
    base.add(series(numerator.div(Wide::fixed(16 * b + i * a, 0))))
}

/// `atan t` for `|t|` not much above 1/32.
fn series(t: Wide) -> Wide {
    debug_assert!(t.exp < BIAS - 4);
    let z = t.square();
    t.less(mul_high(z, alternating(z, &ATAN)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_ends_at_a_quarter_of_pi() {
        assert!(TABLE[16].abs_diff(PI) < 1 << 7, "{:x}", TABLE[16]);
    }
}
