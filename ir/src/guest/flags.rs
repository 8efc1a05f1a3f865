//! The arithmetic flags of eflags, sets of them, and the condition codes (SDM vol. 1, 3.4.3 and appendix B).
use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Not, Sub};

/// A set of the six arithmetic flags.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FlagSet(u8);

impl FlagSet {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// Carry.
    pub const CF: Self = Self(1);
    /// Parity of the low byte.
    pub const PF: Self = Self(2);
    /// Carry out of bit 3.
    pub const AF: Self = Self(4);
    /// Zero.
    pub const ZF: Self = Self(8);
    /// Sign.
    pub const SF: Self = Self(16);
    /// Signed overflow.
    pub const OF: Self = Self(32);
    /// All six.
    pub const ALL: Self = Self(63);
    /// The four that live in the host's NZCV.
    pub const NZCV: Self = Self(1 | 8 | 16 | 32);
    /// What INC and DEC write.
    pub const NOT_CF: Self = Self(63 & !1);

    /// Whether no flag is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every flag of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the sets share a flag.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Union, usable in constants.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The flags of this set as a mask of eflags bits (CF bit 0, PF 2, AF 4, ZF 6, SF 7, OF 11).
    pub const fn eflags_mask(self) -> u32 {
        let m = self.0 as u32;
        (m & 1) | (m & 2) << 1 | (m & 4) << 2 | (m & 8) << 3 | (m & 16) << 3 | (m & 32) << 6
    }

    /// The arithmetic flags named by a mask of eflags bits.
    pub const fn from_eflags_mask(mask: u32) -> Self {
        let m = (mask & 1) | (mask >> 1 & 2) | (mask >> 2 & 4) | (mask >> 3 & 8) | (mask >> 3 & 16) | (mask >> 6 & 32);
        Self(m as u8)
    }
}

impl BitOr for FlagSet {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for FlagSet {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl BitAnd for FlagSet {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Sub for FlagSet {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl Not for FlagSet {
    type Output = Self;
    fn not(self) -> Self {
        Self(!self.0 & 63)
    }
}

/// Printed as one letter a flag, in the order `oszapc`; the empty set as `-`.
impl fmt::Display for FlagSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("-");
        }
        for (flag, letter) in Self::LETTERS {
            if self.contains(flag) {
                write!(f, "{letter}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for FlagSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FlagSet {
    /// Flags and their letters, in printing order.
    pub const LETTERS: [(Self, char); 6] =
        [(Self::OF, 'o'), (Self::SF, 's'), (Self::ZF, 'z'), (Self::AF, 'a'), (Self::PF, 'p'), (Self::CF, 'c')];
}

/// A condition code, numbered as in the encodings of Jcc, SETcc and CMOVcc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[rustfmt::skip]
pub enum Cc {
    /// Overflow.
    O = 0,
    /// Not overflow.
    No,
    /// Below (carry).
    B,
    /// Above or equal (not carry).
    Ae,
    /// Equal (zero).
    E,
    /// Not equal.
    Ne,
    /// Below or equal.
    Be,
    /// Above.
    A,
    /// Sign.
    S,
    /// Not sign.
    Ns,
    /// Parity even.
    P,
    /// Parity odd.
    Np,
    /// Less (signed).
    L,
    /// Greater or equal (signed).
    Ge,
    /// Less or equal (signed).
    Le,
    /// Greater (signed).
    G,
}

impl Cc {
    /// All sixteen, in encoding order.
    #[rustfmt::skip]
    pub const ALL: [Self; 16] = [
        Self::O, Self::No, Self::B, Self::Ae, Self::E, Self::Ne, Self::Be, Self::A,
        Self::S, Self::Ns, Self::P, Self::Np, Self::L, Self::Ge, Self::Le, Self::G,
    ];
    const NAMES: [&'static str; 16] =
        ["o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"];

    /// The suffix as in `jne`.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The condition that holds exactly when this one does not.
    pub fn negate(self) -> Self {
        Self::ALL[self as usize ^ 1]
    }

    /// The flags the condition reads.
    pub fn reads(self) -> FlagSet {
        match self as u8 >> 1 {
            0 => FlagSet::OF,
            1 => FlagSet::CF,
            2 => FlagSet::ZF,
            3 => FlagSet::CF | FlagSet::ZF,
            4 => FlagSet::SF,
            5 => FlagSet::PF,
            6 => FlagSet::SF | FlagSet::OF,
            _ => FlagSet::ZF | FlagSet::SF | FlagSet::OF,
        }
    }

    /// Whether the condition holds for this eflags image.
    pub fn holds(self, eflags: u32) -> bool {
        let bit = |n: u32| eflags >> n & 1 != 0;
        let (cf, pf, zf, sf, of) = (bit(0), bit(2), bit(6), bit(7), bit(11));
        let base = match self as u8 >> 1 {
            0 => of,
            1 => cf,
            2 => zf,
            3 => cf || zf,
            4 => sf,
            5 => pf,
            6 => sf != of,
            _ => zf || sf != of,
        };
        base != (self as u8 & 1 != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eflags_masks_round_trip() {
        assert_eq!(FlagSet::ALL.eflags_mask(), 0x8d5);
        for bits in 0..64u8 {
            let set = FlagSet(bits);
            assert_eq!(FlagSet::from_eflags_mask(set.eflags_mask()), set);
        }
    }

    #[test]
    fn negation_inverts_for_every_image() {
        for cc in Cc::ALL {
            for bits in 0..64u8 {
                let image = FlagSet(bits).eflags_mask();
                assert_ne!(cc.holds(image), cc.negate().holds(image));
            }
        }
    }
}
