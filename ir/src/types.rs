//! Value types. Width is a type parameter of an opcode, never part of its name.
use std::fmt;

/// The type of a value, or the width an operation works at.
///
/// An `I8` or `I16` value lives in a 32-bit host register whose bits above the width are unspecified; the verifier
/// keeps them unobservable (`zext` and `sext` are the only ways up).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Ty {
    /// No value.
    #[default]
    None,
    /// 8 bits.
    I8,
    /// 16 bits.
    I16,
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
    /// 128 bits: an SSE value, lanes as the operation says.
    V128,
}

impl Ty {
    /// Every type, in numeric order.
    pub const ALL: [Self; 6] = [Self::None, Self::I8, Self::I16, Self::I32, Self::I64, Self::V128];

    /// Size in bytes; 0 for `None`.
    pub fn bytes(self) -> u32 {
        match self {
            Self::None => 0,
            Self::I8 => 1,
            Self::I16 => 2,
            Self::I32 => 4,
            Self::I64 => 8,
            Self::V128 => 16,
        }
    }

    /// Size in bits.
    pub fn bits(self) -> u32 {
        self.bytes() * 8
    }

    /// Whether it is one of the integer types.
    pub fn is_int(self) -> bool {
        !matches!(self, Self::None | Self::V128)
    }

    /// All bits of the width set; integers only.
    pub fn mask(self) -> u64 {
        match self {
            Self::I64 => u64::MAX,
            _ => (1u64 << self.bits()) - 1,
        }
    }

    /// The name in the text form.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::V128 => "v128",
        }
    }
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a vector operation divides its 128 bits; scalar forms work on lane 0 and keep the rest of the first operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Lane {
    /// Not a lane operation.
    #[default]
    None,
    /// Sixteen bytes.
    B16,
    /// Eight half-words.
    H8,
    /// Four words.
    S4,
    /// Two double-words.
    D2,
    /// Four single-precision floats.
    F32x4,
    /// Two double-precision floats.
    F64x2,
    /// One single-precision float in lane 0.
    F32,
    /// One double-precision float in lane 0.
    F64,
}

impl Lane {
    /// Every lane shape, in numeric order.
    #[rustfmt::skip]
    pub const ALL: [Self; 9] = [
        Self::None, Self::B16, Self::H8, Self::S4, Self::D2, Self::F32x4, Self::F64x2, Self::F32, Self::F64,
    ];

    /// The name in the text form.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "-",
            Self::B16 => "b16",
            Self::H8 => "h8",
            Self::S4 => "s4",
            Self::D2 => "d2",
            Self::F32x4 => "f32x4",
            Self::F64x2 => "f64x2",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }

    /// Bits in one lane; 0 for `None`.
    pub fn bits(self) -> u32 {
        match self {
            Self::None => 0,
            Self::B16 => 8,
            Self::H8 => 16,
            Self::S4 | Self::F32x4 | Self::F32 => 32,
            Self::D2 | Self::F64x2 | Self::F64 => 64,
        }
    }
}
