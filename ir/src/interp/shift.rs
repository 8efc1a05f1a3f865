//! Shifts and rotations as pure functions (SDM vol. 2, SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR, SHLD, SHRD).
//!
//! OF is defined for counts of one only (and the lifter has constant rotations by more keep it); like Intel CPUs this takes the same formula for every count: the carry against
//! the new sign for left shifts and rotations, the two top bits of the result against each other for right ones, zero for SAR.
//! Counts past the width: SHL and SHR give CF = 0 once every bit is gone, as shifting step by step would; 16-bit SHLD and
//! SHRD go on with the first operand behind the second, which is what CPUs do.
use super::alu::{msb, sext, Out};
use crate::opcode::Opcode;
use crate::types::Ty;

/// Computes a shift or rotation of `args[0]`; the count is the last argument.
pub(super) fn eval(op: Opcode, ty: Ty, args: [u64; 3], cf: bool) -> Out {
    use Opcode::*;
    let a = args[0];
    let count_arg = if matches!(op, Shld | Shrd) { args[2] } else { args[1] };
    let count = count_arg as u32 & if ty == Ty::I64 { 63 } else { 31 };
    if count == 0 {
        return Out::plain(a);
    }
    match op {
        Shl | Shr | Sar => shift(op, ty, a, count),
        Rol | Ror => rotate(op, ty, a, count % ty.bits()),
        Rcl | Rcr => rotate_carry(op, ty, a, count % (ty.bits() + 1), cf),
        _ => shift_double(op, ty, a, args[1], count),
    }
}

/// Whether the two top bits of a right shift's or rotation's result differ.
fn top_bits_differ(ty: Ty, value: u64) -> bool {
    msb(ty, value ^ value << 1)
}

fn shift(op: Opcode, ty: Ty, a: u64, count: u32) -> Out {
    match op {
        Opcode::Shl => {
            let wide = u128::from(a) << count;
            let value = wide as u64 & ty.mask();
            let cf = wide >> ty.bits() & 1 != 0;
            Out::arith(ty, value, cf, cf != msb(ty, value), false)
        }
        Opcode::Shr => {
            let value = a >> count;
            Out::arith(ty, value, a >> (count - 1) & 1 != 0, top_bits_differ(ty, value), false)
        }
        _ => {
            let signed = sext(ty, a);
            let value = (signed >> count) as u64 & ty.mask();
            Out::arith(ty, value, signed >> (count - 1) & 1 != 0, false, false)
        }
    }
}

/// By 0 to width - 1 steps; zero is a full turn here, which still defines the flags.
fn rotate(op: Opcode, ty: Ty, a: u64, steps: u32) -> Out {
    let left = if op == Opcode::Rol || steps == 0 { steps } else { ty.bits() - steps };
    let double = u128::from(a) << ty.bits() | u128::from(a);
    let value = (double << left >> ty.bits()) as u64 & ty.mask();
    if op == Opcode::Rol {
        let cf = value & 1 != 0;
        Out::carry(value, cf, cf != msb(ty, value))
    } else {
        Out::carry(value, msb(ty, value), top_bits_differ(ty, value))
    }
}

/// By 0 to width steps through CF; zero is a full turn, which gives back value and CF.
fn rotate_carry(op: Opcode, ty: Ty, a: u64, steps: u32, cf: bool) -> Out {
    let bits = ty.bits();
    let left = if op == Opcode::Rcl || steps == 0 { steps } else { bits + 1 - steps };
    let ring = u128::from(cf) << bits | u128::from(a);
    let turned = ring << left | ring >> (bits + 1 - left);
    let value = turned as u64 & ty.mask();
    let cf = turned >> bits & 1 != 0;
    let of = if op == Opcode::Rcl { cf != msb(ty, value) } else { top_bits_differ(ty, value) };
    Out::carry(value, cf, of)
}

/// I16 and I32. The ring `a, fill, a` gives 16-bit counts past the width what CPUs give.
fn shift_double(op: Opcode, ty: Ty, a: u64, fill: u64, count: u32) -> Out {
    let bits = ty.bits();
    let ring = u128::from(a) << (2 * bits) | u128::from(fill) << bits | u128::from(a);
    if op == Opcode::Shld {
        let wide = ring << count;
        let value = (wide >> (2 * bits)) as u64 & ty.mask();
        let cf = wide >> (3 * bits) & 1 != 0;
        Out::arith(ty, value, cf, cf != msb(ty, value), false)
    } else {
        let value = (ring >> count) as u64 & ty.mask();
        let cf = ring >> (count - 1) & 1 != 0;
        Out::arith(ty, value, cf, top_bits_differ(ty, value), false)
    }
}
