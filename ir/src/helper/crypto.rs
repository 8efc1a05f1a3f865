//! AES, SHA, CRC32 and carry-less multiplication for hosts without the instructions, and bit deposit and extract.
use crate::crypto::{aes, clmul, crc32c, sha};
use crate::guest::CpuState;

/// A helper of two vectors.
fn two(state: &mut CpuState, f: impl FnOnce(u128, u128) -> u128) -> u64 {
    let [a, b, ..] = state.scratch;
    state.scratch[0] = f(a, b);
    0
}

pub(super) extern "C" fn aes_round<const KIND: u32>(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    two(s, |a, b| aes::round(a, b, KIND))
}

pub(super) extern "C" fn aes_inverse_mix(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    two(s, |a, _| aes::inverse_mix(a))
}

pub(super) extern "C" fn aes_key_assist(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    two(s, |a, _| aes::key_assist(a))
}

pub(super) extern "C" fn multiply<const IMM: u32>(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    two(s, |a, b| clmul(a, b, IMM))
}

pub(super) extern "C" fn sha1_rounds<const KIND: u32>(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    two(s, |a, b| sha::sha1_rounds(a, b, KIND))
}

pub(super) extern "C" fn sha256_rounds(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    let wk = s.scratch[2];
    two(s, |a, b| sha::sha256_rounds(a, b, wk))
}

pub(super) extern "C" fn sha256_schedule1(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    two(s, sha::sha256_schedule1)
}

pub(super) extern "C" fn sha256_schedule2(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    two(s, sha::sha256_schedule2)
}

pub(super) extern "C" fn crc32<const BITS: u32>(_: &mut CpuState, crc: u64, data: u64, _: u64, _: u64) -> u64 {
    u64::from(crc32c(crc as u32, data as u32, BITS))
}

/// PDEP: the low bits of `source` go where `mask` has ones.
pub(super) extern "C" fn deposit(_: &mut CpuState, source: u64, mask: u64, _: u64, _: u64) -> u64 {
    let (mut left, mut from, mut result) = (mask, source, 0);
    while left != 0 {
        let lowest = left & left.wrapping_neg();
        result |= lowest & (from & 1).wrapping_neg();
        (left, from) = (left ^ lowest, from >> 1);
    }
    result
}

/// PEXT: the bits of `source` where `mask` has ones, next to each other.
pub(super) extern "C" fn extract(_: &mut CpuState, source: u64, mask: u64, _: u64, _: u64) -> u64 {
    let (mut left, mut to, mut result) = (mask, 0, 0);
    while left != 0 {
        result |= (source >> left.trailing_zeros() & 1) << to;
        (left, to) = (left & (left - 1), to + 1);
    }
    result
}
