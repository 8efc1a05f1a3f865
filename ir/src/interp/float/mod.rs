//! Binary floating point in integers: the reference for SSE arithmetic (SDM vol. 1, 4.8 and 11.5).
//!
//! The host's own floats are not used, so rounding modes, flushing and all six exception flags are exact on any host.
//! A value is carried as its bits in the low end of a `u64`; [`Format`] says which of the two formats they are.
mod arith;
mod convert;
mod estimate;
mod estimate_table;

pub(super) use arith::{add, div, max, min, mul, sqrt, sub};
pub(super) use convert::{from_int, narrow, round_to_integral, to_int, widen};
pub(crate) use estimate::{reciprocal, reciprocal_root};

/// MXCSR flag: invalid operation.
pub(super) const IE: u32 = 1;
/// MXCSR flag: denormal operand.
pub(super) const DE: u32 = 1 << 1;
/// MXCSR flag: division by zero.
pub(super) const ZE: u32 = 1 << 2;
/// MXCSR flag: overflow.
pub(super) const OE: u32 = 1 << 3;
/// MXCSR flag: underflow.
pub(super) const UE: u32 = 1 << 4;
/// MXCSR flag: inexact.
pub(super) const PE: u32 = 1 << 5;

/// The exceptions that an MXCSR does not mask, at their flags' bits.
pub(super) fn unmasked(mxcsr: u32) -> u32 {
    !(mxcsr >> 7) & 0x3f
}

/// Which way to round what does not fit; numbered as MXCSR.RC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounding {
    /// To nearest, ties to even.
    Nearest,
    /// Towards minus infinity.
    Down,
    /// Towards plus infinity.
    Up,
    /// Towards zero.
    Zero,
}

impl Rounding {
    /// The mode with this number.
    pub(super) fn from_bits(bits: u32) -> Self {
        [Self::Nearest, Self::Down, Self::Up, Self::Zero][bits as usize & 3]
    }

    /// Whether the magnitude is to be rounded up, given its last kept bit and what was cut off.
    fn rounds_up(self, negative: bool, odd: bool, half: bool, rest: bool) -> bool {
        match self {
            Self::Nearest => half && (rest || odd),
            Self::Down => negative && (half || rest),
            Self::Up => !negative && (half || rest),
            Self::Zero => false,
        }
    }
}

/// The environment of one instruction: control bits in, flags out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Env {
    /// Rounding control.
    pub(super) rounding: Rounding,
    /// Denormal operands count as zeros.
    pub(super) daz: bool,
    /// Tiny results become zeros.
    pub(super) ftz: bool,
    /// Exceptions that are not masked, at their flags' bits.
    pub(super) unmasked: u32,
    /// Flags raised so far, at their MXCSR bits.
    pub(super) flags: u32,
}

impl Env {
    /// The environment that MXCSR describes, no flag raised.
    pub(super) fn new(mxcsr: u32) -> Self {
        Self {
            rounding: Rounding::from_bits(mxcsr >> 13),
            daz: mxcsr & 1 << 6 != 0,
            // FTZ works only while underflow is masked (SDM vol. 1, 10.2.3.3).
            ftz: mxcsr & 1 << 15 != 0 && mxcsr & 1 << 11 != 0,
            unmasked: unmasked(mxcsr),
            flags: 0,
        }
    }

    fn raise(&mut self, flags: u32) {
        self.flags |= flags;
    }
}

/// A binary interchange format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    /// Fraction bits.
    frac: u32,
    /// Exponent bits.
    exp: u32,
}

/// Single precision.
pub(super) const F32: Format = Format { frac: 23, exp: 8 };
/// Double precision.
pub(super) const F64: Format = Format { frac: 52, exp: 11 };

impl Format {
    /// Width in bits.
    pub(super) fn bits(self) -> u32 {
        1 + self.exp + self.frac
    }

    fn sign(self) -> u64 {
        1 << (self.bits() - 1)
    }

    fn signed(self, negative: bool, magnitude: u64) -> u64 {
        magnitude | if negative { self.sign() } else { 0 }
    }

    fn infinity(self) -> u64 {
        ((1 << self.exp) - 1) << self.frac
    }

    fn quiet_bit(self) -> u64 {
        1 << (self.frac - 1)
    }

    /// What an invalid operation gives: the negative quiet NaN without payload ("real indefinite").
    pub(super) fn default_nan(self) -> u64 {
        self.sign() | self.infinity() | self.quiet_bit()
    }

    fn bias(self) -> i32 {
        (1 << (self.exp - 1)) - 1
    }

    /// Exponent of the smallest normal number.
    fn emin(self) -> i32 {
        1 - self.bias()
    }

    pub(super) fn is_nan(self, v: u64) -> bool {
        v & !self.sign() > self.infinity()
    }

    fn is_signalling(self, v: u64) -> bool {
        self.is_nan(v) && v & self.quiet_bit() == 0
    }

    fn is_inf(self, v: u64) -> bool {
        v & !self.sign() == self.infinity()
    }

    pub(super) fn is_zero(self, v: u64) -> bool {
        v & !self.sign() == 0
    }

    pub(super) fn is_denormal(self, v: u64) -> bool {
        v & self.infinity() == 0 && !self.is_zero(v)
    }

    pub(super) fn is_negative(self, v: u64) -> bool {
        v & self.sign() != 0
    }

    /// The value with DAZ applied.
    pub(super) fn input(self, v: u64, env: &Env) -> u64 {
        if env.daz && self.is_denormal(v) {
            v & self.sign()
        } else {
            v
        }
    }

    /// A finite number as `significand * 2^exponent`.
    fn unpack(self, v: u64) -> (u64, i32) {
        let field = (v & self.infinity()) >> self.frac;
        let frac = v & ((1 << self.frac) - 1);
        let exponent = (field.max(1) as i32) - self.bias() - self.frac as i32;
        (if field == 0 { frac } else { frac | 1 << self.frac }, exponent)
    }
}

/// Shifts right, keeping in the last bit whether anything was lost.
fn shift_right_sticky(sig: u128, count: u32) -> u128 {
    match count {
        0 => sig,
        1..=127 => sig >> count | u128::from(sig & ((1 << count) - 1) != 0),
        _ => u128::from(sig != 0),
    }
}

/// Cuts `shift` bits off and rounds; the result and whether it is inexact. A negative shift appends zeros.
fn round_shift(mode: Rounding, negative: bool, sig: u128, shift: i32) -> (u128, bool) {
    if shift <= 0 {
        return (sig << -shift, false);
    }
    // The last two bits become the half and, sticky, everything below it.
    let cut = if shift == 1 { sig << 1 } else { shift_right_sticky(sig, shift as u32 - 2) };
    let (kept, half, rest) = (cut >> 2, cut & 2 != 0, cut & 1 != 0);
    let up = mode.rounds_up(negative, kept & 1 != 0, half, rest);
    (kept + u128::from(up), half || rest)
}

impl Format {
    /// Rounds `sig * 2^exponent` (not zero) to the format. Tininess is detected after rounding (SDM vol. 1, 4.9.1.5).
    fn round(self, env: &mut Env, negative: bool, sig: u128, exponent: i32) -> u64 {
        let top = 127 - sig.leading_zeros() as i32;
        let shift = top - self.frac as i32;
        let (rounded, mut inexact) = round_shift(env.rounding, negative, sig, shift);
        let carry = i32::from(rounded >> (self.frac + 1) != 0);
        let scale = exponent + top + carry;
        let range = if scale < self.emin() { UE } else { OE };
        if (scale < self.emin() || scale > self.bias()) && env.unmasked & range != 0 {
            // There is no result: an unmasked UE needs no inexact result, and PE is as if exponents had no bounds.
            env.raise(range | if inexact { PE } else { 0 });
            return 0;
        }
        let magnitude = if scale < self.emin() {
            if env.ftz {
                env.raise(UE | PE);
                return self.signed(negative, 0);
            }
            let shift = self.emin() - self.frac as i32 - exponent;
            let (denormal, lost) = round_shift(env.rounding, negative, sig, shift);
            inexact = lost;
            if lost {
                env.raise(UE);
            }
            denormal as u64
        } else if scale > self.bias() {
            env.raise(OE | PE);
            return self.overflow(env.rounding, negative);
        } else {
            let field = (scale + self.bias()) as u64;
            let frac = (rounded >> carry) as u64 & ((1 << self.frac) - 1);
            field << self.frac | frac
        };
        if inexact {
            env.raise(PE);
        }
        self.signed(negative, magnitude)
    }

    fn overflow(self, mode: Rounding, negative: bool) -> u64 {
        let to_infinity = match mode {
            Rounding::Nearest => true,
            Rounding::Down => negative,
            Rounding::Up => !negative,
            Rounding::Zero => false,
        };
        self.signed(negative, if to_infinity { self.infinity() } else { self.infinity() - 1 })
    }
}
