//! F2XM1.
use super::super::special::{denormal, one, Class};
use super::super::{Env, BIAS, F80, J, PE};
use super::log::LN2;
use super::wide::{alternating, mul_high, summed, Wide};

/// Coefficients of `(e^x - 1) / x` after the leading one: 1/2!, 1/3!, ..
const TERMS: usize = 17;
const EXP: [u128; TERMS] = {
    let mut out = [0; TERMS];
    let mut factorial: u128 = 2;
    let mut n = 0;
    while n < TERMS {
        out[n] = u128::MAX / factorial;
        factorial *= n as u128 + 3;
        n += 1;
    }
    out
};

/// `2^(i / 16) - 1` in units of 2^-128, `i` below 16.
const TABLE: [u128; 16] = {
    let mut table = [0; 16];
    let mut i = 1;
    while i < 16 {
        table[i] = expm1(LN2 / 16 * i as u128);
        i += 1;
    }
    table
};

/// `e^z - 1` for `z < 0.7`, in units of 2^-128.
const fn expm1(z: u128) -> u128 {
    let mut term = z;
    let (mut sum, mut n) = (0, 1);
    while term != 0 {
        sum += term;
        n += 1;
        term = mul_high(term, z) / n;
    }
    sum
}

/// `2^a - 1` for `|a| <= 1`. Beyond it is undefined; as on CPUs the operand stays.
pub fn exp2m1(a: F80, env: &mut Env) -> F80 {
    if let Some(result) = one(a, env) {
        return result;
    }
    match a.class() {
        Class::Infinity if a.is_negative() => return F80::ONE.neg(),
        Class::Infinity | Class::Zero => return a,
        _ if denormal(&[a], env) => return a,
        _ => {}
    }
    let x = a.finite();
    if x.exp >= BIAS {
        // PE is raised here, too; the exact result 1 is rounded as if it were a little less.
        env.flags |= PE;
        return match (x.exp == BIAS && x.sig == J, x.negative) {
            (true, true) => F80::pack(true, BIAS - 1, J),
            (true, false) => Wide::fixed(1, 0).less(0).round_inexact(env),
            _ => a,
        };
    }
    let x = Wide::from(x);
    if x.exp < BIAS - 6 {
        return expm1_small(x.mul(Wide::fixed(LN2, 128))).round_inexact(env);
    }
    // x = i / 16 + f with f of at most 1/32; then 2^x - 1 = (2^(i/16) - 1) + 2^(i/16) * (2^f - 1).
    let magnitude = x.fraction() >> 1;
    let rounded = (magnitude + (1 << 122)) >> 123;
    let rest = magnitude as i128 - (rounded << 123) as i128;
    let (i, f) = if x.negative { (-(rounded as i32), -rest) } else { (rounded as i32, rest) };
    let power_less_one = power(i).add(Wide::fixed(1, 0).neg());
    let small = expm1_small(Wide::signed(f, 127).mul(Wide::fixed(LN2, 128)));
    power_less_one.add(power(i).mul(small)).round_inexact(env)
}

/// `2^(i / 16)`, `|i| <= 16`.
fn power(i: i32) -> Wide {
    let (whole, part) = (i.div_euclid(16), i.rem_euclid(16) as usize);
    let value = Wide::fixed(1, 0).more(TABLE[part]);
    Wide { exp: value.exp + whole, ..value }
}

/// `e^z - 1` for `|z|` of at most 1/32.
fn expm1_small(z: Wide) -> Wide {
    if z.sig == 0 {
        return z;
    }
    let f = z.fraction();
    if z.negative {
        z.less(mul_high(f, alternating(f, &EXP)))
    } else {
        z.more(mul_high(f, summed(f, &EXP)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_squares_to_two() {
        let root = power(8);
        assert!(root.mul(root).add(Wide::fixed(2, 0).neg()).exp < BIAS - 118);
        let sixteenth = power(1);
        assert!((0..4).fold(sixteenth, |x, _| x.mul(x)).add(Wide::fixed(2, 0).neg()).exp < BIAS - 114);
    }
}
