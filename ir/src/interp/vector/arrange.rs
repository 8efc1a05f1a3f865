//! Moving lanes about: constants, inserts, shuffles, packs, widening, masks.
use super::{collect, lane, mask, saturate_signed, saturate_unsigned, signed, with_lane};
use crate::inst::Inst;
use crate::opcode::Opcode;

pub(super) fn eval(inst: &Inst, a: u128, b: u128, c: u128) -> Option<u128> {
    use Opcode::*;
    let bits = inst.lane.bits();
    let imm = inst.imm as u32;
    Some(match inst.op {
        VConst => u128::from(inst.imm as u64) << 64 | u128::from(inst.imm as u64),
        VFromInt => a,
        VLane => u128::from(lane(a, inst.ty.bits(), imm)),
        VInsert => with_lane(a, bits, imm, b as u64),
        VCopyLane => with_lane(a, bits, imm & 15, lane(b, bits, imm >> 4)),
        VBlend => collect(bits, |i| lane(if imm >> i & 1 != 0 { b } else { a }, bits, i)),
        VSelect => a & b | !a & c,
        VExt => match imm {
            0 => a,
            1..=15 => a >> (8 * imm) | b << (128 - 8 * imm),
            _ => b,
        },
        VMoveMask => (0..128 / bits).fold(0, |m, i| m | u128::from(lane(a, bits, i) >> (bits - 1)) << i),
        VTable => collect(8, |i| match lane(b, 8, i) {
            index if index & 0x80 == 0 => lane(a, 8, index as u32 & 15),
            _ => 0,
        }),
        VShuffle | VShuffleLo | VShuffleHi => shuffle(inst.op, bits, imm, a, b),
        _ => return halves(inst.op, bits, a, b),
    })
}

fn shuffle(op: Opcode, bits: u32, imm: u32, a: u128, b: u128) -> u128 {
    if op == Opcode::VShuffle {
        let lanes = 128 / bits;
        let width = lanes.ilog2();
        return collect(bits, |i| lane(if i < lanes / 2 { a } else { b }, bits, imm >> (width * i) & (lanes - 1)));
    }
    let first = if op == Opcode::VShuffleLo { 0 } else { 4 };
    collect(16, |i| match i.wrapping_sub(first) {
        k @ 0..=3 => lane(a, 16, first + (imm >> (2 * k) & 3)),
        _ => lane(a, 16, i),
    })
}

/// What reads halves of its operands: unpack, pack, widen.
fn halves(op: Opcode, bits: u32, a: u128, b: u128) -> Option<u128> {
    use Opcode::*;
    let half = 64 / bits.max(8);
    let interleave = |from: u32| collect(bits, |i| lane(if i % 2 == 0 { a } else { b }, bits, from + i / 2));
    let pack = |saturate: fn(i64, u32) -> u64| {
        collect(bits / 2, |i| {
            let (v, j) = if i < 2 * half { (a, i) } else { (b, i - 2 * half) };
            saturate(signed(lane(v, bits, j), bits), bits / 2)
        })
    };
    Some(match op {
        VUnpackLo => interleave(0),
        VUnpackHi => interleave(half),
        VPackS => pack(saturate_signed),
        VPackU => pack(saturate_unsigned),
        VWidenS => collect(2 * bits, |i| signed(lane(a, bits, i), bits) as u64 & mask(2 * bits)),
        VWidenU => collect(2 * bits, |i| lane(a, bits, i)),
        _ => return None,
    })
}
