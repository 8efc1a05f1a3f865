//! SSE4.2: string comparison and CRC32. SDM vol. 1, 12.11; vol. 2, chapter 4.1 and each by name.
//!
//! The memory operand of a string comparison need not be aligned.
use super::{get, imm8, lifts, register, vector_register};
use crate::lifter::LiftCx;
use ir::guest::{FlagSet, Gpr, Xmm};
use ir::{Helper, Lane, Opcode, Sink, Ty, Value};
use Lane::{B16, D2, H8, S4};

/// Bit 0 of the control byte: words instead of bytes. Bit 6: a mask of whole elements, or the highest index.
const WORDS: u8 = 1;
const EXPANDED: u8 = 0x40;
const HIGHEST: u8 = 0x40;

/// What a comparison gives, each as `I32`.
struct Found {
    /// A bit for each element.
    mask: Value,
    index: Value,
    eflags: Value,
}

/// The comparison of the instruction.
fn compare(cx: &mut LiftCx, explicit: bool) -> Found {
    let a = vector_register(cx, 0);
    let a = get(cx, a);
    let b = match register(cx, 1) {
        Some(b) => get(cx, b),
        None => {
            let addr = cx.mem_addr();
            cx.ir.load(Ty::V128, addr)
        }
    };
    let control = imm8(cx);
    // Bytes, equal each: what string functions compare with.
    if !explicit && control & 0x0d == 0x08 {
        return compare_each(cx, a, b, control);
    }
    let argument = cx.ir.const32(u32::from(control));
    let found = if explicit {
        let (eax, edx) = (cx.ir.get_gpr(Gpr::Eax), cx.ir.get_gpr(Gpr::Edx));
        let lengths = cx.ir.concat(eax, edx);
        cx.ir.helper(Helper::PcmpEstr, Ty::I64, &[a, b, argument, lengths])
    } else {
        cx.ir.helper(Helper::PcmpIstr, Ty::I64, &[a, b, argument])
    };
    let mut part = |lsb, width| {
        let bits = cx.ir.extract(found, lsb, width);
        cx.ir.trunc(Ty::I32, bits)
    };
    Found { mask: part(0, 16), index: part(16, 8), eflags: part(32, 32) }
}

/// The bytes of a vector that are all ones, as bits.
fn bits(cx: &mut LiftCx, bytes: Value) -> Value {
    cx.ir.vector(Opcode::VMoveMask, Ty::I32, B16, &[bytes], 0)
}

/// Bits of the bytes before the first zero, of which `zeros` has a bit.
fn valid(cx: &mut LiftCx, zeros: Value) -> Value {
    let (one, end) = (cx.ir.const32(1), cx.ir.const32(1 << 16));
    let ends = cx.ir.or(zeros, end);
    let below = cx.ir.sub(ends, one);
    let others = cx.ir.not(ends);
    cx.ir.and(below, others)
}

/// Two strings of bytes that end with a zero, byte by byte; beyond both ends counts as equal.
fn compare_each(cx: &mut LiftCx, a: Value, b: Value, control: u8) -> Found {
    let none = cx.ir.vconst(0);
    let [equal, a_zeros, b_zeros] = [[a, b], [a, none], [b, none]].map(|pair| {
        let bytes = cx.ir.lanes(Opcode::VCmpEq, B16, &pair);
        bits(cx, bytes)
    });
    let (a_valid, b_valid, all) = (valid(cx, a_zeros), valid(cx, b_zeros), cx.ir.const32(0xffff));
    let both = cx.ir.and(a_valid, b_valid);
    let either = cx.ir.or(a_valid, b_valid);
    let (equal, beyond) = (cx.ir.and(equal, both), cx.ir.xor(either, all));
    let found = cx.ir.or(equal, beyond);
    let mask = match control >> 4 & 3 {
        1 => cx.ir.xor(found, all),
        3 => cx.ir.xor(found, b_valid),
        _ => found,
    };
    Found { mask, index: byte_index(cx, mask, control), eflags: eflags_of_bytes(cx, mask, a_zeros, b_zeros) }
}

/// Number of the first or last bit of the mask; 16 if there is none.
fn byte_index(cx: &mut LiftCx, mask: Value, control: u8) -> Value {
    if control & HIGHEST == 0 {
        let end = cx.ir.const32(1 << 16);
        let ended = cx.ir.or(mask, end);
        return cx.ir.unary(Opcode::Ctz, ended);
    }
    let (top, count) = (cx.ir.const32(31), cx.ir.const32(16));
    let zeros = cx.ir.unary(Opcode::Clz, mask);
    let last = cx.ir.sub(top, zeros);
    cx.ir.select_nz(mask, last, count)
}

/// CF: the mask has a bit; ZF, SF: the second, the first string ends; OF: bit 0 of the mask.
fn eflags_of_bytes(cx: &mut LiftCx, mask: Value, a_zeros: Value, b_zeros: Value) -> Value {
    let mut image = cx.is_zero(mask);
    for (zeros, bit) in [(b_zeros, 6), (a_zeros, 7)] {
        let runs_on = cx.is_zero(zeros);
        image = cx.ir.insert(image, runs_on, bit, 1);
    }
    let inverted = cx.ir.const32(1 | 1 << 6 | 1 << 7);
    let image = cx.ir.xor(image, inverted);
    cx.ir.insert(image, mask, 11, 1)
}

/// PCMPESTRI, PCMPISTRI: ECX := the first or last index, or the number of elements.
fn index(cx: &mut LiftCx, explicit: bool) {
    let found = compare(cx, explicit);
    cx.ir.set_flags(FlagSet::ALL, found.eflags);
    cx.ir.set_gpr(Gpr::Ecx, found.index);
}

/// PCMPESTRM, PCMPISTRM: XMM0 := the mask, a bit or all bits an element.
fn mask(cx: &mut LiftCx, explicit: bool) {
    let control = imm8(cx);
    let found = compare(cx, explicit);
    let mut mask = cx.ir.lanes(Opcode::VFromInt, Lane::None, &[found.mask]);
    if control & EXPANDED != 0 {
        mask = expand(cx, mask, control & WORDS != 0);
    }
    cx.ir.set_flags(FlagSet::ALL, found.eflags);
    cx.ir.set_xmm(Xmm::ALL[0], mask);
}

/// Bit i of the mask as element i: the bits next to where they are wanted, then each tested.
fn expand(cx: &mut LiftCx, mask: Value, words: bool) -> Value {
    let (lanes, shape, tested) = match words {
        false => (&[B16, H8, S4][..], B16, cx.ir.vconst(0x8040_2010_0804_0201)),
        true => {
            let low = cx.ir.vconst(0x0008_0004_0002_0001);
            let high = cx.ir.vconst(0x0080_0040_0020_0010);
            (&[H8, S4, D2][..], H8, cx.ir.lanes(Opcode::VUnpackLo, D2, &[low, high]))
        }
    };
    let copies = lanes.iter().fold(mask, |v, lane| cx.ir.lanes(Opcode::VUnpackLo, *lane, &[v, v]));
    let bits = cx.ir.lanes(Opcode::VAnd, Lane::None, &[copies, tested]);
    cx.ir.lanes(Opcode::VCmpEq, shape, &[bits, tested])
}

/// CRC32: operand 0 := CRC-32C of operand 0 over operand 1.
pub(crate) fn crc32(cx: &mut LiftCx) {
    let dst = cx.operand(0);
    let src = cx.operand(1);
    let data = cx.get(&src);
    let crc = cx.get(&dst);
    let result = cx.ir.vector(Opcode::Crc32, Ty::I32, Lane::None, &[crc, data], i64::from(src.ty.bits()));
    cx.set(&dst, result);
}

lifts! {
    pcmpestri: index(true);
    pcmpistri: index(false);
    pcmpestrm: mask(true);
    pcmpistrm: mask(false);
}
