//! A64 immediates that cannot be out of range: dynasm-rs panics on one at run time, so each is proven here first.
//!
//! One newtype a field, as in Arm ARM C3.4 "Data processing - immediate" and C3.2 "Loads and stores".

/// An unsigned 12-bit immediate of ADD, SUB, CMP, optionally shifted left by 12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imm12 {
    /// 0..=4095.
    pub bits: u32,
    /// Shifted left by 12.
    pub shifted: bool,
}

impl Imm12 {
    /// The immediate for this value, if it has one.
    pub fn new(value: u64) -> Option<Self> {
        if value < 1 << 12 {
            Some(Self { bits: value as u32, shifted: false })
        } else if value & 0xfff == 0 && value < 1 << 24 {
            Some(Self { bits: (value >> 12) as u32, shifted: true })
        } else {
            None
        }
    }
}

/// An immediate of ADD and SUB with its sign: `Add(i)` for `x + i`, `Sub(i)` for `x - i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddImm {
    /// To be added.
    Add(Imm12),
    /// To be subtracted.
    Sub(Imm12),
}

impl AddImm {
    /// How to add `value`, modulo 2^32 or 2^64, in one instruction.
    pub fn new(value: u64, wide: bool) -> Option<Self> {
        let negated = if wide { value.wrapping_neg() } else { u64::from((value as u32).wrapping_neg()) };
        Imm12::new(value).map(Self::Add).or_else(|| Imm12::new(negated).map(Self::Sub))
    }

    /// How to subtract `value`. Not the mirror of [`Self::new`] for 0, which is `Sub(0)`: the carry differs.
    pub fn negated(value: u64, wide: bool) -> Option<Self> {
        match Self::new(value, wide)? {
            Self::Add(imm) => Some(Self::Sub(imm)),
            Self::Sub(imm) => Some(Self::Add(imm)),
        }
    }
}

/// An immediate of AND, ORR, EOR, TST: a rotated run of ones, repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogicalImm(u64);

impl LogicalImm {
    /// For the 32-bit forms.
    pub fn new32(value: u32) -> Option<Self> {
        is_logical(u64::from(value) | u64::from(value) << 32).then_some(Self(u64::from(value)))
    }

    /// For the 64-bit forms.
    pub fn new64(value: u64) -> Option<Self> {
        is_logical(value).then_some(Self(value))
    }

    /// The value, as `dynasm!` takes it in 32-bit forms.
    pub fn bits32(self) -> u32 {
        self.0 as u32
    }

    /// The value, as `dynasm!` takes it in 64-bit forms.
    pub fn bits64(self) -> u64 {
        self.0
    }
}

/// Whether 64 bits are a repetition of a rotated run of ones (neither empty nor full).
fn is_logical(value: u64) -> bool {
    if value == 0 || value == u64::MAX {
        return false;
    }
    // The element size is the shortest period; a rotated run has exactly two bit changes around one element.
    let mut size = 64;
    while size > 2 && value == value.rotate_right(size / 2) {
        size /= 2;
    }
    (value ^ value.rotate_right(1)).count_ones() == 2 * (64 / size)
}

/// A signed 9-bit byte offset of LDUR, STUR and the pre- and post-indexed forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SImm9(i32);

impl SImm9 {
    /// -256..=255.
    pub fn new(value: i32) -> Option<Self> {
        (-256..256).contains(&value).then_some(Self(value))
    }

    /// The offset in bytes.
    pub fn value(self) -> i32 {
        self.0
    }
}

/// An unsigned byte offset of LDR and STR: a multiple of the access size, 12 bits after division.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UImm12Scaled(u32);

impl UImm12Scaled {
    /// `size` is the access size in bytes, 1..=16.
    pub fn new(value: i32, size: u32) -> Option<Self> {
        let value = u32::try_from(value).ok()?;
        (value % size == 0 && value / size < 1 << 12).then_some(Self(value))
    }

    /// The offset in bytes.
    pub fn value(self) -> u32 {
        self.0
    }
}

/// A signed offset of LDP and STP: a multiple of the register size, 7 bits after division.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SImm7Scaled(i32);

impl SImm7Scaled {
    /// `size` is that of one register in bytes: 4, 8 or 16.
    pub fn new(value: i32, size: i32) -> Option<Self> {
        (value % size == 0 && (-64..64).contains(&(value / size))).then_some(Self(value))
    }

    /// The offset in bytes.
    pub fn value(self) -> i32 {
        self.0
    }
}

/// One instruction of a sequence that makes a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovWide {
    /// MOVZ: 16 bits at a shift, the rest zero.
    Z(u16, u32),
    /// MOVN: the complement of 16 bits at a shift.
    N(u16, u32),
    /// MOVK: 16 bits replaced at a shift.
    K(u16, u32),
    /// ORR of the zero register with a logical immediate.
    Logical(LogicalImm),
}

/// The shortest sequence for a 32-bit constant: one or two instructions.
pub fn mov32(value: u32) -> (MovWide, Option<MovWide>) {
    let (lo, hi) = (value as u16, (value >> 16) as u16);
    let one = match (lo, hi) {
        (_, 0) => MovWide::Z(lo, 0),
        (0, _) => MovWide::Z(hi, 16),
        (_, 0xffff) => MovWide::N(!lo, 0),
        (0xffff, _) => MovWide::N(!hi, 16),
        _ => match LogicalImm::new32(value) {
            Some(imm) => MovWide::Logical(imm),
            None => return (MovWide::Z(lo, 0), Some(MovWide::K(hi, 16))),
        },
    };
    (one, None)
}

/// Number of instructions [`mov32`] gives.
pub fn mov32_len(value: u32) -> usize {
    1 + usize::from(mov32(value).1.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imm12_shifts_and_signs() {
        assert_eq!(Imm12::new(4095), Some(Imm12 { bits: 4095, shifted: false }));
        assert_eq!(Imm12::new(4096), Some(Imm12 { bits: 1, shifted: true }));
        assert_eq!(Imm12::new(4097), None);
        assert_eq!(AddImm::new(0xffff_fffc, false), Some(AddImm::Sub(Imm12 { bits: 4, shifted: false })));
        assert_eq!(AddImm::new(0xffff_fffc, true), None);
        assert_eq!(AddImm::negated(0, false), Some(AddImm::Sub(Imm12 { bits: 0, shifted: false })));
    }

    /// Every encodable value by construction, and the count the manual implies.
    #[test]
    fn logical_immediates_are_exactly_the_encodable_ones() {
        let mut seen = std::collections::HashSet::new();
        for size in [2u32, 4, 8, 16, 32, 64] {
            let mask = if size == 64 { u64::MAX } else { (1 << size) - 1 };
            for ones in 1..size {
                let run = (1u64 << ones) - 1;
                for rot in 0..size {
                    let element = if rot == 0 { run } else { (run >> rot | run << (size - rot)) & mask };
                    let value = (0..64 / size).fold(0, |acc, i| acc | element << (i * size));
                    assert!(LogicalImm::new64(value).is_some(), "{value:#x}");
                    seen.insert(value);
                }
            }
        }
        assert_eq!(seen.len(), 5334);
        let mut x = 0x9e37_79b9_7f4a_7c15u64;
        for _ in 0..10_000 {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            assert_eq!(LogicalImm::new64(x).is_some(), seen.contains(&x));
            let w = x as u32 & (x >> 32) as u32;
            assert_eq!(LogicalImm::new32(w).is_some(), seen.contains(&(u64::from(w) | u64::from(w) << 32)), "{w:#x}");
        }
    }

    #[test]
    fn constants_take_at_most_two() {
        for (value, len) in [
            (0, 1),
            (0xffff, 1),
            (0xffff_0000, 1),
            (0xffff_1234, 1),
            (0x1234_ffff, 1),
            (0x00ff_00ff, 1),
            (0x1234_5678, 2),
        ] {
            assert_eq!(mov32_len(value), len, "{value:#x}");
        }
    }
}
