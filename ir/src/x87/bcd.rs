//! Packed decimal: 18 digits and a sign in 80 bits (FBLD, FBSTP; SDM vol. 1, 4.7).
use super::int::{from_i64, integer_part};
use super::{Env, C1, F80, IE, PE};

/// The packed decimal indefinite: low 64 bits and high 16.
const INDEFINITE: (u64, u16) = (0xc000_0000_0000_0000, 0xffff);

/// Packed decimal to a number; exact. `lo` holds the low sixteen digits, `hi` two more and the sign in bit 15. Nibbles
/// above nine count with their value, as they do on hardware.
pub fn from_bcd(lo: u64, hi: u16) -> F80 {
    let digits = (0..16).rev().map(|i| lo >> (4 * i) & 15);
    let start = u64::from(hi >> 4 & 15) * 10 + u64::from(hi & 15);
    let magnitude = digits.fold(start, |sum, digit| sum * 10 + digit);
    from_i64(magnitude as i64).with_sign(hi >> 15 != 0)
}

/// Rounds to an integer and packs it; IE and the indefinite for what has more than 18 digits.
pub fn to_bcd(a: F80, env: &mut Env) -> (u64, u16) {
    match integer_part(a, env.rc()) {
        Some((magnitude, inexact, up)) if magnitude < 1_000_000_000_000_000_000 => {
            env.flags |= u16::from(inexact) * PE | u16::from(up) * C1;
            let mut rest = magnitude;
            let mut packed = 0u128;
            for i in 0..18 {
                packed |= u128::from(rest % 10) << (4 * i);
                rest /= 10;
            }
            (packed as u64, (packed >> 64) as u16 | u16::from(a.is_negative()) << 15)
        }
        _ => {
            env.raise(IE);
            INDEFINITE
        }
    }
}
