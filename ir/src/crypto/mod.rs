//! The functions behind AES-NI, PCLMULQDQ, SHA and CRC32, on whole values (SDM vol. 2, each instruction by name).
//!
//! A vector is a `u128` with lane 0 in the low bits. Interpreter and helpers call these; hosts with the matching Arm
//! extensions execute their own instructions instead.
pub(crate) mod aes;
pub(crate) mod sha;

/// Product of two polynomials over GF(2): one half of each operand, as PCLMULQDQ's immediate says.
pub(crate) fn clmul(a: u128, b: u128, imm: u32) -> u128 {
    let half = |v: u128, high: u32| u128::from((v >> (64 * (high & 1))) as u64);
    let (a, b) = (half(a, imm), half(b, imm >> 4));
    (0..64).filter(|i| b >> i & 1 != 0).fold(0, |sum, i| sum ^ a << i)
}

/// CRC32: one step over the low `bits` bits of `data`, polynomial 0x11EDC6F41 reflected.
pub(crate) fn crc32c(crc: u32, data: u32, bits: u32) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let mixed = crc ^ (u64::from(data) & ((1 << bits) - 1)) as u32;
    (0..bits).fold(mixed, |v, _| v >> 1 ^ if v & 1 != 0 { POLYNOMIAL } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values() {
        let crc = b"123456789".iter().fold(u32::MAX, |crc, byte| crc32c(crc, u32::from(*byte), 8));
        assert_eq!(!crc, 0xe306_9283, "the check value of CRC-32C");
        assert_eq!(clmul(0b101 << 64, 0b11, 0x01), 0b1111);
    }
}
