//! Exact 80-bit x87 arithmetic in integers (SDM vol. 1, chapter 8; vol. 2 for each instruction).
//!
//! Every operation is a pure function `fn op(a: F80, b: F80, env: &mut Env) -> F80`: operands and control word in,
//! result and status bits out. It knows nothing about the register stack; `helper::x87` does. The usual case (finite
//! normal operands, round to nearest, 64-bit precision) is short and inlined, the rest is out of line.
//!
//! - [`round`]: rounding to the precision and range in force.
//! - [`special`]: classes of operands, NaN rules, what happens before the arithmetic.
//! - [`add`], [`mul`], [`div`], [`sqrt`], [`rem`], [`compare`], [`manip`]: arithmetic.
//! - [`float`], [`int`], [`bcd`]: conversions from and to memory formats.
//! - [`env`]: control, status and tag word images.
//! - [`store`]: the forms of the store instructions.
//! - [`trans`]: transcendental functions.
pub mod add;
pub mod bcd;
pub mod compare;
pub mod div;
pub mod env;
pub mod float;
pub mod int;
pub mod manip;
pub mod mul;
pub mod rem;
pub mod round;
pub mod special;
pub mod sqrt;
pub mod store;
pub mod trans;

pub use special::Class;
pub use store::{StoreForm, StoreKind};

/// Invalid operation.
pub const IE: u16 = 1;
/// Denormal operand.
pub const DE: u16 = 1 << 1;
/// Division by zero.
pub const ZE: u16 = 1 << 2;
/// Overflow.
pub const OE: u16 = 1 << 3;
/// Underflow.
pub const UE: u16 = 1 << 4;
/// Precision (inexact result).
pub const PE: u16 = 1 << 5;
/// Stack fault.
pub const SF: u16 = 1 << 6;
/// Exception summary: an unmasked exception is pending.
pub const ES: u16 = 1 << 7;
/// Condition code 0.
pub const C0: u16 = 1 << 8;
/// Condition code 1: rounded up, or the direction of a stack fault.
pub const C1: u16 = 1 << 9;
/// Condition code 2: unordered, or reduction incomplete.
pub const C2: u16 = 1 << 10;
/// Condition code 3.
pub const C3: u16 = 1 << 14;
/// Busy: reads as ES.
pub const BUSY: u16 = 1 << 15;
/// The six exception flags, in status and control word.
pub const EXCEPTIONS: u16 = 0x3f;
/// Exceptions found before the operation is done: unmasked, they leave the operands alone.
pub const BEFORE: u16 = IE | DE | ZE;

/// Exponent bias.
pub const BIAS: i32 = 0x3fff;
/// What an unmasked overflow subtracts from the exponent, and an unmasked underflow adds (SDM vol. 1, 8.5.4).
pub const WRAP: i32 = 0x6000;
/// The explicit integer bit.
pub const J: u64 = 1 << 63;
/// The bit that makes a NaN quiet.
pub const QUIET: u64 = 1 << 62;

/// An 80-bit extended-precision number, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct F80 {
    /// The 64-bit significand with its explicit integer bit.
    pub mantissa: u64,
    /// Sign in bit 15, biased exponent below.
    pub sign_exponent: u16,
}

impl F80 {
    /// The real indefinite: what a masked invalid operation gives.
    pub const INDEFINITE: Self = Self::new(0xffff, J | QUIET);
    /// +0.
    pub const ZERO: Self = Self::new(0, 0);
    /// +1.
    pub const ONE: Self = Self::new(BIAS as u16, J);
    /// Positive infinity.
    pub const INFINITY: Self = Self::new(0x7fff, J);

    /// The number with these two parts.
    pub const fn new(sign_exponent: u16, mantissa: u64) -> Self {
        Self { mantissa, sign_exponent }
    }

    /// Sign, biased exponent and significand put together.
    #[inline]
    pub const fn pack(negative: bool, exponent: i32, mantissa: u64) -> Self {
        Self { mantissa, sign_exponent: exponent as u16 | (negative as u16) << 15 }
    }

    /// Biased exponent as encoded.
    #[inline]
    pub const fn exponent(self) -> i32 {
        (self.sign_exponent & 0x7fff) as i32
    }

    /// Whether the sign bit is set.
    #[inline]
    pub const fn is_negative(self) -> bool {
        self.sign_exponent >> 15 != 0
    }

    /// Whether it is finite, not zero and not denormal, and properly encoded.
    #[inline]
    pub const fn is_normal(self) -> bool {
        (self.exponent() as u32).wrapping_sub(1) < 0x7ffe && self.mantissa >> 63 != 0
    }

    /// The same number with the sign of `negative`.
    #[inline]
    pub const fn with_sign(self, negative: bool) -> Self {
        Self::pack(negative, self.exponent(), self.mantissa)
    }

    /// The opposite sign (FCHS).
    pub const fn neg(self) -> Self {
        Self::new(self.sign_exponent ^ 0x8000, self.mantissa)
    }

    /// Positive sign (FABS).
    pub const fn abs(self) -> Self {
        Self::new(self.sign_exponent & 0x7fff, self.mantissa)
    }
}

/// What an operation reads (the control word) and reports (status word bits).
#[derive(Clone, Copy, Debug)]
pub struct Env {
    /// Control word: masks, precision and rounding control.
    pub cw: u16,
    /// Bits to set in the status word: exceptions, SF, C0-C3. C1 is always meant, clear or set.
    pub flags: u16,
}

/// Rounding control (bits 11..10 of the control word).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rc {
    /// To nearest, ties to even.
    Nearest,
    /// Towards negative infinity.
    Down,
    /// Towards positive infinity.
    Up,
    /// Towards zero.
    Zero,
}

impl Env {
    /// An environment with nothing raised.
    #[inline]
    pub const fn new(cw: u16) -> Self {
        Self { cw, flags: 0 }
    }

    /// Rounding control.
    #[inline]
    pub const fn rc(&self) -> Rc {
        match self.cw >> 10 & 3 {
            0 => Rc::Nearest,
            1 => Rc::Down,
            2 => Rc::Up,
            _ => Rc::Zero,
        }
    }

    /// Raises exceptions; whether one of them is unmasked.
    #[inline]
    pub fn raise(&mut self, flags: u16) -> bool {
        self.flags |= flags;
        flags & !self.cw & EXCEPTIONS != 0
    }

    /// Raises an invalid operation; its masked result.
    #[cold]
    pub fn invalid(&mut self) -> F80 {
        self.flags |= IE;
        F80::INDEFINITE
    }

    /// Whether an unmasked exception forbids the operation to change its destination.
    #[inline]
    pub const fn blocked(&self) -> bool {
        self.flags & !self.cw & BEFORE != 0
    }

    /// Whether an unmasked exception forbids a store to memory.
    #[inline]
    pub const fn store_blocked(&self) -> bool {
        self.flags & !self.cw & (BEFORE | OE | UE) != 0
    }
}
