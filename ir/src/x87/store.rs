//! The forms of FST, FSTP, FIST, FISTP and FISTTP with a memory operand, as a constant of IR.

/// What ST(0) becomes in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// Single precision.
    F32,
    /// Double precision.
    F64,
    /// All ten bytes.
    F80,
    /// A 16-bit integer.
    I16,
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
}

/// One form of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreForm {
    /// The format in memory.
    pub kind: StoreKind,
    /// FISTTP: towards zero whatever the rounding mode.
    pub truncate: bool,
    /// Whether ST(0) is popped.
    pub pop: bool,
}

impl StoreForm {
    const KINDS: [StoreKind; 6] = {
        use StoreKind::*;
        [F32, F64, F80, I16, I32, I64]
    };

    /// The form as a number.
    pub const fn encode(self) -> u32 {
        self.kind as u32 | (self.truncate as u32) << 3 | (self.pop as u32) << 4
    }

    /// The form of a number.
    pub const fn decode(n: u32) -> Self {
        Self { kind: Self::KINDS[n as usize & 7], truncate: n & 8 != 0, pop: n & 16 != 0 }
    }
}

impl StoreKind {
    /// Bytes in memory.
    pub const fn bytes(self) -> u32 {
        match self {
            Self::I16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
            Self::F80 => 10,
        }
    }

    /// Whether it is an integer.
    pub const fn is_int(self) -> bool {
        matches!(self, Self::I16 | Self::I32 | Self::I64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_numbers() {
        for kind in StoreForm::KINDS {
            for (truncate, pop) in [(false, false), (false, true), (true, true)] {
                let form = StoreForm { kind, truncate, pop };
                assert_eq!(StoreForm::decode(form.encode()), form);
            }
        }
    }
}
