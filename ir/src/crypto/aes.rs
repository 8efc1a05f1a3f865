//! AES rounds (FIPS 197; SDM vol. 1, 12.13).

/// Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1.
const fn multiply(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        if b & 1 != 0 {
            product ^= a;
        }
        a = a << 1 ^ if a & 0x80 != 0 { 0x1b } else { 0 };
        b >>= 1;
    }
    product
}

/// The S-box: the inverse, then an affine map.
const S_BOX: [u8; 256] = {
    let mut table = [0; 256];
    // Powers of a generator and of its inverse walk through all pairs of inverses.
    let (mut p, mut q) = (1u8, 1u8);
    loop {
        p = multiply(p, 3);
        q = multiply(q, 0xf6);
        table[p as usize] = 0x63 ^ q ^ q.rotate_left(1) ^ q.rotate_left(2) ^ q.rotate_left(3) ^ q.rotate_left(4);
        if p == 1 {
            break;
        }
    }
    table[0] = 0x63;
    table
};

const INVERSE_S_BOX: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        table[S_BOX[i] as usize] = i as u8;
        i += 1;
    }
    table
};

/// Row `r` moves by `r` columns, to the left for encryption; then each byte through the table.
fn shift_and_substitute(v: u128, columns: usize, table: &[u8; 256]) -> u128 {
    let from = v.to_le_bytes();
    u128::from_le_bytes(std::array::from_fn(|i| table[usize::from(from[(i + 4 * columns * (i % 4)) % 16])]))
}

/// Each column times the matrix whose first column is `factors`.
fn mix(v: u128, factors: [u8; 4]) -> u128 {
    let from = v.to_le_bytes();
    u128::from_le_bytes(std::array::from_fn(|i| {
        let column = &from[i / 4 * 4..i / 4 * 4 + 4];
        (0..4).fold(0, |sum, k| sum ^ multiply(column[k], factors[(k + 4 - i % 4) % 4]))
    }))
}

/// AESENC, AESENCLAST, AESDEC, AESDECLAST for `kind` 0 to 3.
pub(crate) fn round(state: u128, key: u128, kind: u32) -> u128 {
    let shifted =
        if kind < 2 { shift_and_substitute(state, 1, &S_BOX) } else { shift_and_substitute(state, 3, &INVERSE_S_BOX) };
    let mixed = match kind {
        0 => mix(shifted, [2, 3, 1, 1]),
        2 => inverse_mix(shifted),
        _ => shifted,
    };
    mixed ^ key
}

/// AESIMC.
pub(crate) fn inverse_mix(v: u128) -> u128 {
    mix(v, [14, 11, 13, 9])
}

/// AESKEYGENASSIST with a round constant of zero.
pub(crate) fn key_assist(v: u128) -> u128 {
    let word = |i: u32| {
        let bytes = ((v >> (32 * i)) as u32).to_le_bytes().map(|b| S_BOX[usize::from(b)]);
        u32::from_le_bytes(bytes)
    };
    let pair = |i| u128::from(word(i)) | u128::from(word(i).rotate_right(8)) << 32;
    pair(1) | pair(3) << 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_the_standard_ones() {
        assert_eq!(S_BOX[..4], [0x63, 0x7c, 0x77, 0x7b]);
        assert_eq!((S_BOX[0x53], INVERSE_S_BOX[0xed]), (0xed, 0x53));
    }

    #[test]
    fn mixing_has_an_inverse() {
        let v = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;
        assert_eq!(inverse_mix(mix(v, [2, 3, 1, 1])), v);
        assert_eq!(round(round(v, 0, 1), 0, 3), v);
    }
}
