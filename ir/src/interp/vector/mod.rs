//! Semantics of the vector and SSE floating-point opcodes: pure functions of operands, immediate and MXCSR.
//!
//! A vector is a `u128`, lane 0 in the low bits; an integer operand arrives zero-extended. Opcodes that touch memory or
//! state (`vload`, `vstore`, `get_mm`, `set_mm`, `get_mxcsr`, `set_mxcsr`) are the interpreter's own.
mod arrange;
mod crypto;
mod fp;
mod int;
#[cfg(test)]
mod tests;

use crate::inst::Inst;

/// The result of a vector opcode; `None` if `inst` is no such opcode. Adds the exceptions raised to `mxcsr`.
pub fn eval(inst: &Inst, args: [u128; 3], mxcsr: &mut u32) -> Option<u128> {
    let [a, b, c] = args;
    int::eval(inst, a, b)
        .or_else(|| arrange::eval(inst, a, b, c))
        .or_else(|| crypto::eval(inst, args))
        .or_else(|| fp::eval(inst, a, b, mxcsr))
}

/// The arithmetic flags, at their eflags bits, that `fcomi` and `vtest` produce. Adds the exceptions raised to `mxcsr`.
pub fn eval_flags(inst: &Inst, args: [u128; 2], mxcsr: &mut u32) -> Option<u32> {
    let [a, b] = args;
    int::eval_flags(inst, a, b).or_else(|| fp::eval_flags(inst, a, b, mxcsr))
}

/// Lane number `index` of `bits` bits.
fn lane(v: u128, bits: u32, index: u32) -> u64 {
    (v >> (bits * index)) as u64 & mask(bits)
}

/// `v` with one lane replaced.
fn with_lane(v: u128, bits: u32, index: u32, value: u64) -> u128 {
    let shift = bits * index;
    v & !(u128::from(mask(bits)) << shift) | u128::from(value & mask(bits)) << shift
}

fn mask(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

/// A vector whose lane `i` is `f(i)`, cut to the width.
fn collect(bits: u32, mut f: impl FnMut(u32) -> u64) -> u128 {
    (0..128 / bits).fold(0, |v, i| v | u128::from(f(i) & mask(bits)) << (bits * i))
}

/// Lane by lane of two vectors.
fn map2(bits: u32, a: u128, b: u128, mut f: impl FnMut(u64, u64) -> u64) -> u128 {
    collect(bits, |i| f(lane(a, bits, i), lane(b, bits, i)))
}

/// A lane as a signed number.
fn signed(value: u64, bits: u32) -> i64 {
    (value << (64 - bits)) as i64 >> (64 - bits)
}

/// Signed saturation to `bits`.
fn saturate_signed(value: i64, bits: u32) -> u64 {
    let max = (mask(bits) >> 1) as i64;
    value.clamp(-max - 1, max) as u64
}

/// Unsigned saturation to `bits`.
fn saturate_unsigned(value: i64, bits: u32) -> u64 {
    value.clamp(0, mask(bits) as i64) as u64
}
