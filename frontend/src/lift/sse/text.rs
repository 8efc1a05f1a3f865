//! SSE4.2: string comparison and CRC32. SDM vol. 1, 12.11; vol. 2, chapter 4.1 and each by name.
//!
//! The memory operand of a string comparison need not be aligned.
use super::{get, imm8, lifts, register, vector_register};
use crate::lifter::LiftCx;
use ir::guest::{FlagSet, Gpr, Xmm};
use ir::{Helper, Lane, Opcode, Ty, Value};
use Lane::{B16, D2, H8, S4};

/// Bit 0 of the control byte: words instead of bytes. Bit 6: a mask of whole elements, or the highest index.
const WORDS: u8 = 1;
const EXPANDED: u8 = 0x40;

/// The comparison as the helper gives it: mask, index, eflags.
fn compare(cx: &mut LiftCx, explicit: bool) -> Value {
    let a = vector_register(cx, 0);
    let a = get(cx, a);
    let b = match register(cx, 1) {
        Some(b) => get(cx, b),
        None => {
            let addr = cx.mem_addr();
            cx.ir.load(Ty::V128, addr)
        }
    };
    let control = cx.ir.const32(u32::from(imm8(cx)));
    if !explicit {
        return cx.ir.helper(Helper::PcmpIstr, Ty::I64, &[a, b, control]);
    }
    let (eax, edx) = (cx.ir.get_gpr(Gpr::Eax), cx.ir.get_gpr(Gpr::Edx));
    let lengths = cx.ir.concat(eax, edx);
    cx.ir.helper(Helper::PcmpEstr, Ty::I64, &[a, b, control, lengths])
}

fn set_flags(cx: &mut LiftCx, found: Value) {
    let image = cx.ir.extract(found, 32, 32);
    let image = cx.ir.trunc(Ty::I32, image);
    cx.ir.set_flags(FlagSet::ALL, image);
}

/// PCMPESTRI, PCMPISTRI: ECX := the first or last index, or the number of elements.
fn index(cx: &mut LiftCx, explicit: bool) {
    let found = compare(cx, explicit);
    let index = cx.ir.extract(found, 16, 8);
    let index = cx.ir.trunc(Ty::I32, index);
    set_flags(cx, found);
    cx.ir.set_gpr(Gpr::Ecx, index);
}

/// PCMPESTRM, PCMPISTRM: XMM0 := the mask, a bit or all bits an element.
fn mask(cx: &mut LiftCx, explicit: bool) {
    let control = imm8(cx);
    let found = compare(cx, explicit);
    let bits = cx.ir.extract(found, 0, 16);
    let mut mask = cx.ir.lanes(Opcode::VFromInt, Lane::None, &[bits]);
    if control & EXPANDED != 0 {
        mask = expand(cx, mask, control & WORDS != 0);
    }
    set_flags(cx, found);
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
