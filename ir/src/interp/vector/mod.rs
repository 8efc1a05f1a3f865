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

use super::float;
use crate::inst::Inst;
use crate::types::Lane;

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

/// An SSE floating-point exception that is not masked (#XM); MXCSR has the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unmasked;

/// The result of a vector opcode, or the flags of `fcomi` and `vtest`, as [`eval`] and [`eval_flags`] give them, unless an
/// exception is not masked. Those that operands raise come first: then nothing is computed (SDM vol. 1, 4.9.2).
pub fn execute(inst: &Inst, args: [u128; 3], mxcsr: &mut u32) -> Result<Option<u128>, Unmasked> {
    const OPERANDS: u32 = float::IE | float::DE | float::ZE;
    const ALL: u32 = 0x3f;
    let mut after = *mxcsr & !ALL;
    let value = match eval_flags(inst, [args[0], args[1]], &mut after) {
        Some(eflags) => Some(u128::from(eflags)),
        None => eval(inst, args, &mut after),
    };
    let unmasked = float::unmasked(*mxcsr);
    let raised = if after & OPERANDS & unmasked != 0 { after & OPERANDS } else { after & ALL };
    *mxcsr |= raised;
    if raised & unmasked != 0 {
        return Err(Unmasked);
    }
    Ok(value)
}

/// Whether a lane that takes part is a denormal number in any of the operands.
pub fn has_denormals(lane: Lane, operands: [u128; 2]) -> bool {
    operands.into_iter().any(|v| fp::has_denormals(lane, v))
}

/// Denormal numbers among the lanes that take part become zeros.
pub fn flush_denormals(lane: Lane, v: u128) -> u128 {
    fp::flush_denormals(lane, v)
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
