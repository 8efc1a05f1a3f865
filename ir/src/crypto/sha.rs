//! SHA-1 and SHA-256 rounds and message schedules (FIPS 180-4; SDM vol. 1, 12.14).

/// A vector as words, word 0 in the low bits.
fn words(v: u128) -> [u32; 4] {
    std::array::from_fn(|i| (v >> (32 * i)) as u32)
}

fn vector(words: [u32; 4]) -> u128 {
    words.iter().rev().fold(0, |v, word| v << 32 | u128::from(*word))
}

/// SHA1RNDS4: four rounds of A B C D (high word first) over the schedule in `w`, whose high word contains E already.
pub(crate) fn sha1_rounds(state: u128, w: u128, kind: u32) -> u128 {
    const K: [u32; 4] = [0x5a82_7999, 0x6ed9_eba1, 0x8f1b_bcdc, 0xca62_c1d6];
    let [mut d, mut c, mut b, mut a] = words(state);
    let mut e = 0;
    for word in words(w).into_iter().rev() {
        let f = match kind {
            0 => b & c ^ !b & d,
            2 => b & c ^ b & d ^ c & d,
            _ => b ^ c ^ d,
        };
        let next =
            f.wrapping_add(a.rotate_left(5)).wrapping_add(word).wrapping_add(e).wrapping_add(K[kind as usize & 3]);
        (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
    }
    vector([d, c, b, a])
}

/// SHA256RNDS2: two rounds. `cdgh` and `abef` as the instruction has them, the words plus constants in `wk`'s low half.
pub(crate) fn sha256_rounds(cdgh: u128, abef: u128, wk: u128) -> u128 {
    let [f0, e0, b0, a0] = words(abef);
    let [h0, g0, d0, c0] = words(cdgh);
    let (mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h) = (a0, b0, c0, d0, e0, f0, g0, h0);
    for word in &words(wk)[..2] {
        let first = (e & f ^ !e & g)
            .wrapping_add(e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25))
            .wrapping_add(*word)
            .wrapping_add(h);
        let second = (a & b ^ a & c ^ b & c).wrapping_add(a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22));
        (h, g, f, e) = (g, f, e, first.wrapping_add(d));
        (d, c, b, a) = (c, b, a, first.wrapping_add(second));
    }
    vector([f, e, b, a])
}

/// SHA256MSG1: each word plus sigma0 of the word after it.
pub(crate) fn sha256_schedule1(a: u128, b: u128) -> u128 {
    let sigma = |w: u32| w.rotate_right(7) ^ w.rotate_right(18) ^ w >> 3;
    let [w0, w1, w2, w3] = words(a);
    let w4 = b as u32;
    vector([(w0, w1), (w1, w2), (w2, w3), (w3, w4)].map(|(w, next)| w.wrapping_add(sigma(next))))
}

/// SHA256MSG2: each word plus sigma1 of the result two words before it; the first two from the high half of `b`.
pub(crate) fn sha256_schedule2(a: u128, b: u128) -> u128 {
    let sigma = |w: u32| w.rotate_right(17) ^ w.rotate_right(19) ^ w >> 10;
    let [w0, w1, w2, w3] = words(a);
    let [_, _, w14, w15] = words(b);
    let (w16, w17) = (w0.wrapping_add(sigma(w14)), w1.wrapping_add(sigma(w15)));
    vector([w16, w17, w2.wrapping_add(sigma(w16)), w3.wrapping_add(sigma(w17))])
}
