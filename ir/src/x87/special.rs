//! Operands that are not plain numbers: encodings the 387 and later reject, NaN propagation, denormals (SDM vol. 1, 8.2.2,
//! 4.8.3.5 and table 4-7).
use super::{Env, DE, F80, IE, J, QUIET};

/// What an 80-bit encoding stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Plus or minus zero.
    Zero,
    /// Denormal or pseudo-denormal: exponent field zero, significand not.
    Denormal,
    /// Finite, with integer bit and exponent in range.
    Normal,
    /// Plus or minus infinity.
    Infinity,
    /// Quiet NaN.
    Quiet,
    /// Signaling NaN.
    Signaling,
    /// Unnormal, pseudo-infinity, pseudo-NaN: an invalid operand everywhere.
    Unsupported,
}

/// A finite number that is not zero, with its significand normalised (bit 63 set) and its exponent free to be below 1.
#[derive(Clone, Copy, Debug)]
pub struct Finite {
    /// Sign.
    pub negative: bool,
    /// Biased exponent; below 1 for what was denormal.
    pub exp: i32,
    /// Significand with bit 63 set: the value is `sig * 2^(exp - BIAS - 63)`.
    pub sig: u64,
}

impl F80 {
    /// Its class.
    pub const fn class(self) -> Class {
        let e = self.exponent();
        if e == 0 {
            return if self.mantissa == 0 { Class::Zero } else { Class::Denormal };
        }
        if self.mantissa & J == 0 {
            return Class::Unsupported;
        }
        if e != 0x7fff {
            return Class::Normal;
        }
        match self.mantissa {
            J => Class::Infinity,
            m if m & QUIET != 0 => Class::Quiet,
            _ => Class::Signaling,
        }
    }

    /// The parts of a finite number that is not zero.
    #[inline]
    pub const fn finite(self) -> Finite {
        let e = self.exponent();
        let exp = if e == 0 { 1 } else { e };
        let shift = self.mantissa.leading_zeros();
        Finite { negative: self.is_negative(), exp: exp - shift as i32, sig: self.mantissa << shift }
    }

    /// The same NaN, quiet.
    pub const fn quieted(self) -> Self {
        Self::new(self.sign_exponent, self.mantissa | QUIET)
    }
}

impl Class {
    /// Whether it is a NaN of either kind.
    pub const fn is_nan(self) -> bool {
        matches!(self, Self::Quiet | Self::Signaling)
    }
}

/// Settles an operation on one operand that is unsupported or a NaN. `None`: go on.
pub fn one(a: F80, env: &mut Env) -> Option<F80> {
    match a.class() {
        Class::Unsupported => Some(env.invalid()),
        Class::Quiet => Some(a),
        Class::Signaling => {
            env.flags |= IE;
            Some(a.quieted())
        }
        _ => None,
    }
}

/// Settles an operation on two operands one of which is unsupported or a NaN. `None`: go on.
pub fn two(a: F80, b: F80, env: &mut Env) -> Option<F80> {
    let (ca, cb) = (a.class(), b.class());
    if ca == Class::Unsupported || cb == Class::Unsupported {
        return Some(env.invalid());
    }
    if !ca.is_nan() && !cb.is_nan() {
        return None;
    }
    if ca == Class::Signaling || cb == Class::Signaling {
        env.flags |= IE;
    }
    let chosen = match (ca, cb) {
        (Class::Signaling, Class::Quiet) => b,
        (Class::Quiet, Class::Signaling) => a,
        _ if !cb.is_nan() => a,
        _ if !ca.is_nan() => b,
        _ => larger(a, b),
    };
    Some(chosen.quieted())
}

/// The NaN with the larger significand; of equal ones the positive.
fn larger(a: F80, b: F80) -> F80 {
    if a.mantissa != b.mantissa {
        if a.mantissa > b.mantissa {
            a
        } else {
            b
        }
    } else if a.sign_exponent < b.sign_exponent {
        a
    } else {
        b
    }
}

/// Raises DE if one of the operands is denormal; whether that stops the operation.
pub fn denormal(operands: &[F80], env: &mut Env) -> bool {
    operands.iter().any(|x| x.class() == Class::Denormal) && env.raise(DE)
}
