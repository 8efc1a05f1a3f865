//! Sum, difference, product, quotient, square root, minimum and maximum of one lane.
use super::{shift_right_sticky, Env, Format, DE, IE, ZE};

impl Format {
    /// The result if an operand is a NaN: the first NaN, made quiet (SDM vol. 1, table 4-7).
    fn nan_result(self, env: &mut Env, a: u64, b: u64) -> Option<u64> {
        if !self.is_nan(a) && !self.is_nan(b) {
            return None;
        }
        if self.is_signalling(a) || self.is_signalling(b) {
            env.raise(IE);
        }
        Some(if self.is_nan(a) { a } else { b } | self.quiet_bit())
    }

    fn invalid(self, env: &mut Env) -> u64 {
        env.raise(IE);
        self.default_nan()
    }

    pub(super) fn note_denormals(self, env: &mut Env, operands: &[u64]) {
        if operands.iter().any(|v| self.is_denormal(*v)) {
            env.raise(DE);
        }
    }

    /// A finite number that is not zero, its significand moved up to bit 62.
    fn unpack_normalized(self, v: u64) -> (u64, i32) {
        let (sig, exponent) = self.unpack(v);
        let up = sig.leading_zeros() as i32 - 1;
        (sig << up, exponent - up)
    }
}

/// `a + b`.
pub(in crate::interp) fn add(f: Format, env: &mut Env, a: u64, b: u64) -> u64 {
    let (a, b) = (f.input(a, env), f.input(b, env));
    if let Some(nan) = f.nan_result(env, a, b) {
        return nan;
    }
    let (na, nb) = (f.is_negative(a), f.is_negative(b));
    if f.is_inf(a) && f.is_inf(b) && na != nb {
        return f.invalid(env);
    }
    f.note_denormals(env, &[a, b]);
    if f.is_inf(a) || f.is_inf(b) {
        return if f.is_inf(a) { a } else { b };
    }
    if f.is_zero(a) && f.is_zero(b) {
        let negative = if na == nb { na } else { env.rounding == super::Rounding::Down };
        return f.signed(negative, 0);
    }
    if f.is_zero(a) || f.is_zero(b) {
        // Still rounded: the operand may be a denormal that FTZ flushes.
        let v = if f.is_zero(a) { b } else { a };
        let (sig, exponent) = f.unpack(v);
        return f.round(env, f.is_negative(v), u128::from(sig), exponent);
    }
    let (a, b) = if a & !f.sign() >= b & !f.sign() { (a, b) } else { (b, a) };
    add_magnitudes(f, env, a, b)
}

/// Adds two finite numbers that are not zero, the larger magnitude first.
fn add_magnitudes(f: Format, env: &mut Env, a: u64, b: u64) -> u64 {
    let (sa, ea) = f.unpack_normalized(a);
    let (sb, eb) = f.unpack_normalized(b);
    let (sa, sb) = (u128::from(sa) << 62, u128::from(sb) << 62);
    let sb = shift_right_sticky(sb, (ea - eb) as u32);
    let sum = if f.is_negative(a) == f.is_negative(b) { sa + sb } else { sa - sb };
    if sum == 0 {
        return f.signed(env.rounding == super::Rounding::Down, 0);
    }
    f.round(env, f.is_negative(a), sum, ea - 62)
}

/// `a - b`; a NaN keeps its sign.
pub(in crate::interp) fn sub(f: Format, env: &mut Env, a: u64, b: u64) -> u64 {
    let b = if f.is_nan(b) { b } else { b ^ f.sign() };
    add(f, env, a, b)
}

/// `a * b`.
pub(in crate::interp) fn mul(f: Format, env: &mut Env, a: u64, b: u64) -> u64 {
    let (a, b) = (f.input(a, env), f.input(b, env));
    if let Some(nan) = f.nan_result(env, a, b) {
        return nan;
    }
    let negative = f.is_negative(a) != f.is_negative(b);
    if f.is_inf(a) && f.is_zero(b) || f.is_zero(a) && f.is_inf(b) {
        return f.invalid(env);
    }
    f.note_denormals(env, &[a, b]);
    if f.is_inf(a) || f.is_inf(b) {
        return f.signed(negative, f.infinity());
    }
    if f.is_zero(a) || f.is_zero(b) {
        return f.signed(negative, 0);
    }
    let ((sa, ea), (sb, eb)) = (f.unpack(a), f.unpack(b));
    f.round(env, negative, u128::from(sa) * u128::from(sb), ea + eb)
}

/// `a / b`.
pub(in crate::interp) fn div(f: Format, env: &mut Env, a: u64, b: u64) -> u64 {
    let (a, b) = (f.input(a, env), f.input(b, env));
    if let Some(nan) = f.nan_result(env, a, b) {
        return nan;
    }
    let negative = f.is_negative(a) != f.is_negative(b);
    if f.is_inf(a) && f.is_inf(b) || f.is_zero(a) && f.is_zero(b) {
        return f.invalid(env);
    }
    if f.is_zero(b) && !f.is_inf(a) {
        // Has priority over a denormal operand (SDM vol. 1, 4.9.2).
        env.raise(ZE);
        return f.signed(negative, f.infinity());
    }
    f.note_denormals(env, &[a, b]);
    if f.is_inf(a) || f.is_zero(b) {
        return f.signed(negative, f.infinity());
    }
    if f.is_inf(b) || f.is_zero(a) {
        return f.signed(negative, 0);
    }
    let ((sa, ea), (sb, eb)) = (f.unpack_normalized(a), f.unpack_normalized(b));
    let dividend = u128::from(sa) << 64;
    let quotient = dividend / u128::from(sb);
    let sticky = u128::from(dividend % u128::from(sb) != 0);
    f.round(env, negative, quotient | sticky, ea - eb - 64)
}

/// Square root.
pub(in crate::interp) fn sqrt(f: Format, env: &mut Env, a: u64) -> u64 {
    let a = f.input(a, env);
    if let Some(nan) = f.nan_result(env, a, a) {
        return nan;
    }
    if f.is_zero(a) {
        return a;
    }
    if f.is_negative(a) {
        return f.invalid(env);
    }
    f.note_denormals(env, &[a]);
    if f.is_inf(a) {
        return a;
    }
    let (sig, exponent) = f.unpack_normalized(a);
    // An even exponent, and as many bits as fit: the root then has at least 62.
    let odd = exponent & 1;
    let wide = u128::from(sig) << (64 - odd);
    let exponent = exponent - 64 + odd;
    let root = wide.isqrt();
    let sticky = u128::from(root * root != wide);
    f.round(env, false, root << 1 | sticky, exponent / 2 - 1)
}

/// `a` if less than `b`, else `b` (SDM vol. 2, MINSS).
pub(in crate::interp) fn min(f: Format, env: &mut Env, a: u64, b: u64) -> u64 {
    let (a, b) = (f.input(a, env), f.input(b, env));
    if f.compare(env, a, b, true) == Some(std::cmp::Ordering::Less) {
        a
    } else {
        b
    }
}

/// `a` if greater than `b`, else `b` (SDM vol. 2, MAXSS).
pub(in crate::interp) fn max(f: Format, env: &mut Env, a: u64, b: u64) -> u64 {
    let (a, b) = (f.input(a, env), f.input(b, env));
    if f.compare(env, a, b, true) == Some(std::cmp::Ordering::Greater) {
        a
    } else {
        b
    }
}

impl Format {
    /// Compares; `None` if unordered. A signalling comparison is invalid for every NaN, a quiet one for SNaNs only.
    pub(in crate::interp) fn compare(
        self,
        env: &mut Env,
        a: u64,
        b: u64,
        signalling: bool,
    ) -> Option<std::cmp::Ordering> {
        let (a, b) = (self.input(a, env), self.input(b, env));
        if self.is_nan(a) || self.is_nan(b) {
            if signalling || self.is_signalling(a) || self.is_signalling(b) {
                env.raise(IE);
            }
            return None;
        }
        self.note_denormals(env, &[a, b]);
        let key = |v: u64| {
            let magnitude = (v & !self.sign()) as i64;
            if self.is_negative(v) {
                -magnitude
            } else {
                magnitude
            }
        };
        Some(key(a).cmp(&key(b)))
    }
}
