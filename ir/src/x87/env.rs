//! Images of the control, status and tag words (SDM vol. 1, 8.1).
use super::{Class, BUSY, ES, EXCEPTIONS, F80};

/// The control word after FNINIT: everything masked, 64 bits, nearest.
pub const DEFAULT_CW: u16 = 0x37f;

/// A control word as the register holds it: bit 6 always set, reserved bits clear.
pub const fn control_word(value: u16) -> u16 {
    value & 0x1f3f | 0x40
}

/// A status word (without TOP) with ES and B as the exception flags and masks make them.
#[inline]
pub const fn with_summary(sw: u16, cw: u16) -> u16 {
    if sw & !cw & EXCEPTIONS != 0 {
        sw | ES | BUSY
    } else {
        sw & !(ES | BUSY)
    }
}

/// The two tag bits of a register that is not empty: 0 valid, 1 zero, 2 special.
pub const fn tag(value: F80) -> u16 {
    match value.class() {
        Class::Normal => 0,
        Class::Zero => 1,
        _ => 2,
    }
}

/// The full tag word from the abridged one (bit set: not empty) and the physical registers.
pub fn full_tags(abridged: u8, registers: &[F80; 8]) -> u16 {
    registers.iter().enumerate().fold(0, |word, (i, &value)| {
        let bits = if abridged >> i & 1 != 0 { tag(value) } else { 3 };
        word | bits << (2 * i)
    })
}

/// The abridged tag word from the full one.
pub fn abridged_tags(full: u16) -> u8 {
    (0..8).fold(0, |byte, i| byte | u8::from(full >> (2 * i) & 3 != 3) << i)
}
