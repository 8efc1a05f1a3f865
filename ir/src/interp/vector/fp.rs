//! SSE floating point: lanes through [`super::super::float`], flags into MXCSR.
use super::{collect, lane, with_lane};
use crate::inst::Inst;
use crate::interp::float::{self, Env, Format};
use crate::opcode::Opcode;
use crate::types::Lane;
use std::cmp::Ordering;

/// Format of the lanes, and whether all of them take part rather than lane 0 alone.
fn shape(lane: Lane) -> Option<(Format, bool)> {
    match lane {
        Lane::F32 => Some((float::F32, false)),
        Lane::F64 => Some((float::F64, false)),
        Lane::F32x4 => Some((float::F32, true)),
        Lane::F64x2 => Some((float::F64, true)),
        _ => None,
    }
}

pub(super) fn has_denormals(shape_of: Lane, v: u128) -> bool {
    let Some((format, packed)) = shape(shape_of) else { return false };
    let lanes = if packed { 128 / format.bits() } else { 1 };
    (0..lanes).any(|i| format.is_denormal(lane(v, format.bits(), i)))
}

pub(super) fn flush_denormals(shape_of: Lane, v: u128) -> u128 {
    const DAZ: u32 = 1 << 6;
    let Some((format, packed)) = shape(shape_of) else { return v };
    let (bits, env) = (format.bits(), Env::new(DAZ));
    let lanes = if packed { 128 / bits } else { 1 };
    (0..lanes).fold(v, |flushed, i| with_lane(flushed, bits, i, format.input(lane(v, bits, i), &env)))
}

pub(super) fn eval(inst: &Inst, a: u128, b: u128, mxcsr: &mut u32) -> Option<u128> {
    let (format, packed) = shape(inst.lane)?;
    let mut env = Env::new(*mxcsr);
    let result = lanewise(inst, &mut env, format, packed, a, b)
        .or_else(|| pairwise(inst.op, &mut env, format, a, b))
        .or_else(|| convert(inst, &mut env, format, packed, a, b))?;
    *mxcsr |= env.flags;
    Some(result)
}

fn lanewise(inst: &Inst, env: &mut Env, format: Format, packed: bool, a: u128, b: u128) -> Option<u128> {
    use Opcode::*;
    let control = inst.imm as u32;
    let f = |env: &mut Env, x: u64, y: u64| match inst.op {
        FAdd => float::add(format, env, x, y),
        FSub => float::sub(format, env, x, y),
        FMul => float::mul(format, env, x, y),
        FDiv => float::div(format, env, x, y),
        FMin => float::min(format, env, x, y),
        FMax => float::max(format, env, x, y),
        FSqrt => float::sqrt(format, env, y),
        FRound => float::round_to_integral(format, env, y, control),
        _ => compare(format, env, x, y, control),
    };
    if !matches!(inst.op, FAdd | FSub | FMul | FDiv | FMin | FMax | FSqrt | FRound | FCmp) {
        return None;
    }
    let bits = format.bits();
    Some(if packed {
        collect(bits, |i| f(env, lane(a, bits, i), lane(b, bits, i)))
    } else {
        with_lane(a, bits, 0, f(env, lane(a, bits, 0), lane(b, bits, 0)))
    })
}

/// CMPPS predicates (SDM vol. 2, table 3-1): EQ LT LE UNORD and their negations; LT and LE signal for quiet NaNs.
fn compare(format: Format, env: &mut Env, a: u64, b: u64, predicate: u32) -> u64 {
    let order = format.compare(env, a, b, matches!(predicate & 3, 1 | 2));
    let holds = match predicate & 3 {
        0 => order == Some(Ordering::Equal),
        1 => order == Some(Ordering::Less),
        2 => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        _ => order.is_none(),
    };
    if holds != (predicate & 4 != 0) {
        u64::MAX
    } else {
        0
    }
}

fn pairwise(op: Opcode, env: &mut Env, format: Format, a: u128, b: u128) -> Option<u128> {
    let bits = format.bits();
    let half = 64 / bits;
    let pair = |i: u32| {
        let (v, j) = if i < half { (a, 2 * i) } else { (b, 2 * (i - half)) };
        (lane(v, bits, j), lane(v, bits, j + 1))
    };
    Some(match op {
        Opcode::FAddPair => collect(bits, |i| float::add(format, env, pair(i).0, pair(i).1)),
        Opcode::FSubPair => collect(bits, |i| float::sub(format, env, pair(i).0, pair(i).1)),
        Opcode::FAddSub => collect(bits, |i| {
            let f = if i % 2 == 0 { float::sub } else { float::add };
            f(format, env, lane(a, bits, i), lane(b, bits, i))
        }),
        _ => return None,
    })
}

fn convert(inst: &Inst, env: &mut Env, format: Format, packed: bool, a: u128, b: u128) -> Option<u128> {
    use Opcode::*;
    let bits = format.bits();
    let truncate = inst.imm & 1 != 0;
    Some(match inst.op {
        FToInt => u128::from(float::to_int(format, env, lane(a, bits, 0), truncate)),
        IntToF => with_lane(a, bits, 0, float::from_int(format, env, b as u32)),
        VFToInt => (0..128 / bits)
            .fold(0, |v, i| with_lane(v, 32, i, u64::from(float::to_int(format, env, lane(a, bits, i), truncate)))),
        VIntToF => collect(bits, |i| float::from_int(format, env, lane(a, 32, i) as u32)),
        FWiden if packed => collect(64, |i| float::widen(env, lane(b, 32, i))),
        FWiden => with_lane(a, 64, 0, float::widen(env, lane(b, 32, 0))),
        FNarrow if packed => (0..2).fold(0, |v, i| with_lane(v, 32, i, float::narrow(env, lane(b, 64, i)))),
        FNarrow => with_lane(a, 32, 0, float::narrow(env, lane(b, 64, 0))),
        _ => return None,
    })
}

/// `fcomi`: unordered sets ZF PF CF, less CF, equal ZF (SDM vol. 2, COMISS).
pub(super) fn eval_flags(inst: &Inst, a: u128, b: u128, mxcsr: &mut u32) -> Option<u32> {
    if inst.op != Opcode::FComi {
        return None;
    }
    let (format, _) = shape(inst.lane)?;
    let mut env = Env::new(*mxcsr);
    let bits = format.bits();
    let order = format.compare(&mut env, lane(a, bits, 0), lane(b, bits, 0), inst.imm & 1 != 0);
    *mxcsr |= env.flags;
    Some(match order {
        None => 0x45,
        Some(Ordering::Less) => 0x01,
        Some(Ordering::Equal) => 0x40,
        Some(Ordering::Greater) => 0,
    })
}
