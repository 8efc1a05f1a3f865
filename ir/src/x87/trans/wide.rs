//! Numbers with 128-bit significands, and fixed point: what the series are computed in.
use super::super::div::div_128_by_64;
use super::super::round::round64;
use super::super::special::Finite;
use super::super::{Env, BIAS, F80};

/// The high half of a 256-bit product.
pub(super) const fn mul_high(a: u128, b: u128) -> u128 {
    const LOW: u128 = u64::MAX as u128;
    let (a1, a0, b1, b0) = (a >> 64, a & LOW, b >> 64, b & LOW);
    let (m1, m2) = (a1 * b0, a0 * b1);
    let carry = (m1 & LOW) + (m2 & LOW) + (a0 * b0 >> 64);
    a1 * b1 + (m1 >> 64) + (m2 >> 64) + (carry >> 64)
}

/// `c[0] - z * (c[1] - z * (c[2] - ..))` in units of 2^-128.
#[inline]
pub(super) fn alternating(z: u128, coefficients: &[u128]) -> u128 {
    coefficients.iter().rev().fold(0, |sum, &c| c - mul_high(z, sum))
}

/// `c[0] + z * (c[1] + z * (c[2] + ..))` in units of 2^-128.
#[inline]
pub(super) const fn summed(z: u128, coefficients: &[u128]) -> u128 {
    let mut sum = 0;
    let mut n = coefficients.len();
    while n > 0 {
        n -= 1;
        sum = coefficients[n] + mul_high(z, sum);
    }
    sum
}

/// `sig * 2^(exp - BIAS - 127)`, `sig` with bit 127 set, or zero with `sig` zero. Results are truncated to 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wide {
    pub negative: bool,
    pub exp: i32,
    pub sig: u128,
}

impl Wide {
    pub(super) const ZERO: Self = Self { negative: false, exp: 0, sig: 0 };

    /// A value in units of `2^-scale`.
    pub(super) const fn fixed(value: u128, scale: i32) -> Self {
        if value == 0 {
            return Self::ZERO;
        }
        let shift = value.leading_zeros();
        Self { negative: false, exp: BIAS + 127 - scale - shift as i32, sig: value << shift }
    }

    /// The same for a signed value.
    pub(super) const fn signed(value: i128, scale: i32) -> Self {
        Self { negative: value < 0, ..Self::fixed(value.unsigned_abs(), scale) }
    }

    pub(super) const fn from(x: Finite) -> Self {
        Self { negative: x.negative, exp: x.exp, sig: (x.sig as u128) << 64 }
    }

    pub(super) const fn neg(self) -> Self {
        Self { negative: !self.negative, ..self }
    }

    /// The magnitude in units of 2^-128, for numbers below one.
    pub(super) const fn fraction(self) -> u128 {
        let shift = BIAS - 1 - self.exp;
        if shift > 127 {
            0
        } else {
            self.sig >> shift
        }
    }

    /// The square in units of 2^-128, for numbers below one.
    pub(super) const fn square(self) -> u128 {
        let shift = 2 * (BIAS - 1 - self.exp);
        if shift > 127 {
            0
        } else {
            mul_high(self.sig, self.sig) >> shift
        }
    }

    pub(super) const fn mul(self, other: Self) -> Self {
        if self.sig == 0 || other.sig == 0 {
            return Self::ZERO;
        }
        let product = mul_high(self.sig, other.sig);
        let shift = product.leading_zeros();
        let exp = self.exp + other.exp - BIAS + 1 - shift as i32;
        Self { negative: self.negative != other.negative, exp, sig: product << shift }
    }

    /// `self * (1 - t)`, `t` in units of 2^-128; always a little less in magnitude than `self`.
    pub(super) const fn less(self, t: u128) -> Self {
        let sig = self.sig - mul_high(self.sig, t) - 1;
        let shift = sig.leading_zeros();
        Self { exp: self.exp - shift as i32, sig: sig << shift, ..self }
    }

    /// `self * (1 + t)`, `t` in units of 2^-128.
    pub(super) const fn more(self, t: u128) -> Self {
        let (sig, carry) = self.sig.overflowing_add(mul_high(self.sig, t));
        if carry {
            return Self { exp: self.exp + 1, sig: sig >> 1 | 1 << 127, ..self };
        }
        Self { sig, ..self }
    }

    pub(super) fn add(self, other: Self) -> Self {
        if self.sig == 0 {
            return other;
        }
        if other.sig == 0 {
            return self;
        }
        let (a, b) = if (self.exp, self.sig) < (other.exp, other.sig) { (other, self) } else { (self, other) };
        let distance = a.exp - b.exp;
        let part = if distance > 127 { 0 } else { b.sig >> distance };
        if a.negative == b.negative {
            let (sig, carry) = a.sig.overflowing_add(part);
            return if carry { Self { exp: a.exp + 1, sig: sig >> 1 | 1 << 127, ..a } } else { Self { sig, ..a } };
        }
        // What was shifted out makes the difference smaller.
        let sig = a.sig - part - u128::from(distance > 0);
        if sig == 0 {
            return Self::ZERO;
        }
        let shift = sig.leading_zeros();
        Self { exp: a.exp - shift as i32, sig: sig << shift, ..a }
    }

    pub(super) fn div(self, other: Self) -> Self {
        let less = self.sig < other.sig;
        let rest = if less { self.sig } else { self.sig >> 1 };
        let (high, rest) = digit(rest, other.sig);
        let (low, _) = digit(rest, other.sig);
        let sig = u128::from(high) << 64 | u128::from(low);
        let shift = sig.leading_zeros();
        let exp = self.exp - other.exp + BIAS - i32::from(less) - shift as i32;
        Self { negative: self.negative != other.negative, exp, sig: sig << shift }
    }

    /// Rounds to 64 bits by the rounding mode, knowing that the true value is not representable.
    pub(super) fn round_inexact(self, env: &mut Env) -> F80 {
        round64(self.negative, self.exp, (self.sig >> 64) as u64, self.sig as u64 | 1, env)
    }
}

/// One 64-bit digit of `rest / d` and what remains; `rest < d`, `d` with bit 127 set.
fn digit(rest: u128, d: u128) -> (u64, u128) {
    let (d1, d0) = ((d >> 64) as u64, d as u64);
    let (high, low) = ((rest >> 64) as u64, rest as u64);
    let (mut q, r, beyond) = if high < d1 {
        let (q, r) = div_128_by_64(high, low, d1);
        (q, r, false)
    } else {
        let (r, carry) = low.overflowing_add(d1);
        (u64::MAX, r, carry)
    };
    let (mut left, mut negative) = (u128::from(r) << 64).overflowing_sub(u128::from(q) * u128::from(d0));
    negative &= !beyond;
    while negative {
        q -= 1;
        let (sum, carry) = left.overflowing_add(d);
        left = sum;
        negative = !carry;
    }
    (q, left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotient_times_divisor() {
        let mut x = 0x1234_5678_9abc_def0_0fed_cba9_8765_4321u128;
        for _ in 0..2000 {
            x = x.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(0x5851_f42d_4c95_7f2d);
            let a = Wide { negative: false, exp: BIAS, sig: x | 1 << 127 };
            let b = Wide { negative: true, exp: BIAS + 3, sig: x.rotate_left(41) | 1 << 127 | u64::MAX as u128 };
            let back = a.div(b).mul(b);
            let distance = back.sig.abs_diff(a.sig);
            assert!(
                back.exp == a.exp && distance < 8 || back.exp == a.exp - 1 && back.sig > u128::MAX - 8,
                "{a:?} {b:?}"
            );
        }
    }

    #[test]
    fn differences_stay_below_the_true_value() {
        let one = Wide::fixed(1, 0);
        let tiny = Wide { negative: true, exp: BIAS - 500, sig: 1 << 127 };
        assert_eq!(one.add(tiny), Wide { negative: false, exp: BIAS - 1, sig: u128::MAX - 1 });
        assert_eq!(one.add(one.neg()), Wide::ZERO);
        assert_eq!(one.less(0), Wide { negative: false, exp: BIAS - 1, sig: u128::MAX - 1 });
    }
}
