//! Rows of operands and results taken from the SDM's descriptions and from a real CPU.
use super::*;
use crate::opcode::Opcode;
use crate::types::{Lane, Ty};

const DEFAULT: u32 = 0x1f80;

fn inst(op: Opcode, lane: Lane, imm: i64) -> Inst {
    Inst { lane, imm, ..Inst::new(op, Ty::V128) }
}

#[test]
fn scalar_floats_follow_the_sse_rules() {
    let (one, denormal, qnan, snan) = (0x3f80_0000, 1, 0x7fc0_0001, 0xff80_0002);
    let rows: &[(Opcode, u32, u32, u32, u32)] = &[
        (Opcode::FAdd, one, one, 0x4000_0000, 0),
        (Opcode::FAdd, one, denormal, one, 0x22),
        (Opcode::FAdd, qnan, snan, qnan, 1),
        (Opcode::FAdd, snan, qnan, 0xffc0_0002, 1),
        (Opcode::FSub, 0x7f80_0000, 0x7f80_0000, 0xffc0_0000, 1),
        (Opcode::FMul, 0x7f7f_ffff, 0x4000_0000, 0x7f80_0000, 0x28),
        (Opcode::FMul, 0x0080_0001, 0x3f00_0000, 0x0040_0000, 0x30),
        (Opcode::FDiv, one, 0x8000_0000, 0xff80_0000, 4),
        (Opcode::FDiv, one, 0x4040_0000, 0x3eaa_aaab, 0x20),
        (Opcode::FMin, 0x8000_0000, 0, 0, 0),
        (Opcode::FMax, qnan, one, one, 1),
        (Opcode::FSqrt, 0, 0x4000_0000, 0x3fb5_04f3, 0x20),
        (Opcode::FSqrt, 0, 0xbf80_0000, 0xffc0_0000, 1),
    ];
    for (op, a, b, want, flags) in rows {
        let mut mxcsr = DEFAULT;
        let got = eval(&inst(*op, Lane::F32, 0), [u128::from(*a), u128::from(*b), 0], &mut mxcsr);
        assert_eq!(got, Some(u128::from(*want)), "{op:?} {a:#x} {b:#x}");
        assert_eq!(mxcsr, DEFAULT | flags, "{op:?} {a:#x} {b:#x}");
    }
}

#[test]
fn rounding_modes_and_flushing() {
    // 1/3 in the four modes, then a denormal result with FTZ and a denormal operand with DAZ.
    for (rc, want) in [(0, 0x3eaa_aaabu128), (1, 0x3eaa_aaaa), (2, 0x3eaa_aaab), (3, 0x3eaa_aaaa)] {
        let mut mxcsr = DEFAULT | rc << 13;
        assert_eq!(eval(&inst(Opcode::FDiv, Lane::F32, 0), [0x3f80_0000, 0x4040_0000, 0], &mut mxcsr), Some(want));
    }
    let mut mxcsr = DEFAULT | 1 << 15;
    assert_eq!(eval(&inst(Opcode::FMul, Lane::F32, 0), [0x0080_0000, 0x3f00_0000, 0], &mut mxcsr), Some(0));
    assert_eq!(mxcsr & 0x3f, 0x30);
    let mut mxcsr = DEFAULT | 1 << 6;
    assert_eq!(eval(&inst(Opcode::FAdd, Lane::F32, 0), [0x8000_0001, 0x8000_0000, 0], &mut mxcsr), Some(0x8000_0000));
    assert_eq!(mxcsr & 0x3f, 0);
}

#[test]
fn host_floats_agree_in_the_default_mode() {
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        // Exponents near each other, so that sums and quotients are of interest.
        seed & 0x800f_ffff_ffff_ffff | (0x3f0 + (seed >> 52 & 31)) << 52
    };
    for _ in 0..2000 {
        let (a, b) = (next(), next());
        let (x, y) = (f64::from_bits(a), f64::from_bits(b));
        let rows = [(Opcode::FAdd, x + y), (Opcode::FSub, x - y), (Opcode::FMul, x * y), (Opcode::FDiv, x / y)];
        for (op, want) in rows {
            let got = eval(&inst(op, Lane::F64, 0), [u128::from(a), u128::from(b), 0], &mut DEFAULT.clone());
            assert_eq!(got, Some(u128::from(want.to_bits())), "{op:?} {a:#x} {b:#x}");
        }
    }
}

#[test]
fn integer_lanes() {
    let a = 0x8000_7fff_0001_ffff_1234_5678_00ff_ff00u128;
    let rows: &[(Opcode, Lane, i64, u128, u128)] = &[
        (Opcode::VAddSatS, Lane::H8, 0, a, 0x8000_7fff_0002_fffe_2468_7fff_01fe_fe00),
        (Opcode::VSubSatU, Lane::B16, 0, a, 0),
        (Opcode::VMulHiU, Lane::H8, 0, a, 0x4000_3fff_0000_fffe_014b_1d34_0000_fe01),
        (Opcode::VShl, Lane::S4, 32, a, 0),
        (Opcode::VSar, Lane::H8, 99, a, 0xffff_0000_0000_ffff_0000_0000_0000_ffff),
        (Opcode::VShuffle, Lane::S4, 0b00_01_10_11, a, 0x00ff_ff00_1234_5678_0001_ffff_8000_7fff),
        (Opcode::VPackS, Lane::H8, 0, a, pack_reference(a)),
        (Opcode::VMoveMask, Lane::B16, 0, a, 0b1001_0011_0000_0110),
        (Opcode::VExt, Lane::None, 4, a, a.rotate_right(32)),
    ];
    for (op, lane, imm, v, want) in rows {
        let got = eval(&inst(*op, *lane, *imm), [*v, *v, 0], &mut DEFAULT.clone());
        assert_eq!(got, Some(*want), "{op:?}: {:#x}", got.unwrap_or_default());
    }
}

fn pack_reference(a: u128) -> u128 {
    let half = (0..8).fold(0u128, |v, i| {
        let lane = (a >> (16 * i)) as i16;
        v | u128::from(lane.clamp(-128, 127) as i8 as u8) << (8 * i)
    });
    half | half << 64
}
