//! Lane-wise integer arithmetic, comparison, logic and shifts.
use super::{collect, lane, map2, mask, saturate_signed, saturate_unsigned, signed};
use crate::inst::Inst;
use crate::opcode::Opcode;

pub(super) fn eval(inst: &Inst, a: u128, b: u128) -> Option<u128> {
    let bits = inst.lane.bits();
    arithmetic(inst.op, bits, a, b)
        .or_else(|| multiply(inst.op, a, b, bits))
        .or_else(|| pairwise(inst.op, bits, a, b))
        .or_else(|| sums(inst, a, b))
        .or_else(|| logic(inst.op, a, b))
        .or_else(|| shifts(inst, a, b))
}

fn arithmetic(op: Opcode, bits: u32, a: u128, b: u128) -> Option<u128> {
    use Opcode::*;
    let s = |v: u64| signed(v, bits);
    let f: &dyn Fn(u64, u64) -> u64 = match op {
        VAdd => &|x, y| x.wrapping_add(y),
        VSub => &|x, y| x.wrapping_sub(y),
        VAddSatS => &|x, y| saturate_signed(s(x) + s(y), bits),
        VAddSatU => &|x, y| saturate_unsigned((x + y) as i64, bits),
        VSubSatS => &|x, y| saturate_signed(s(x) - s(y), bits),
        VSubSatU => &|x, y| x.saturating_sub(y),
        VMinS => &|x, y| s(x).min(s(y)) as u64,
        VMinU => &|x, y| x.min(y),
        VMaxS => &|x, y| s(x).max(s(y)) as u64,
        VMaxU => &|x, y| x.max(y),
        VAvg => &|x, y| (x + y + 1) >> 1,
        VAbs => &|x, _| s(x).unsigned_abs(),
        VSign => &|x, y| match s(y).signum() {
            1 => x,
            0 => 0,
            _ => x.wrapping_neg(),
        },
        VCmpEq => &|x, y| if x == y { u64::MAX } else { 0 },
        VCmpGt => &|x, y| if s(x) > s(y) { u64::MAX } else { 0 },
        _ => return None,
    };
    Some(map2(bits, a, b, f))
}

fn multiply(op: Opcode, a: u128, b: u128, bits: u32) -> Option<u128> {
    use Opcode::*;
    let product = |x: u64, y: u64| signed(x, bits) * signed(y, bits);
    Some(match op {
        VMulLo => map2(bits, a, b, |x, y| x.wrapping_mul(y)),
        VMulHiS => map2(bits, a, b, |x, y| (product(x, y) >> bits) as u64),
        VMulHiU => map2(bits, a, b, |x, y| (x * y) >> bits),
        VMulHiR => map2(bits, a, b, |x, y| ((product(x, y) >> (bits - 2)) + 1) as u64 >> 1),
        VMulWideU => map2(64, a, b, |x, y| (x & mask(32)) * (y & mask(32))),
        VMulWideS => map2(64, a, b, |x, y| (signed(x & mask(32), 32) * signed(y & mask(32), 32)) as u64),
        VMadd => collect(32, |i| {
            let part = |j| signed(lane(a, 16, j), 16) * signed(lane(b, 16, j), 16);
            (part(2 * i) + part(2 * i + 1)) as u64
        }),
        VMaddSat => collect(16, |i| {
            let part = |j| lane(a, 8, j) as i64 * signed(lane(b, 8, j), 8);
            saturate_signed(part(2 * i) + part(2 * i + 1), 16)
        }),
        _ => return None,
    })
}

fn pairwise(op: Opcode, bits: u32, a: u128, b: u128) -> Option<u128> {
    use Opcode::*;
    let half = 64 / bits.max(8);
    let pairs = |f: &dyn Fn(i64, i64) -> u64| {
        collect(bits, |i| {
            let (v, j) = if i < half { (a, 2 * i) } else { (b, 2 * (i - half)) };
            f(signed(lane(v, bits, j), bits), signed(lane(v, bits, j + 1), bits))
        })
    };
    Some(match op {
        VAddPair => pairs(&|x, y| x.wrapping_add(y) as u64),
        VSubPair => pairs(&|x, y| x.wrapping_sub(y) as u64),
        VAddPairSat => pairs(&|x, y| saturate_signed(x + y, bits)),
        VSubPairSat => pairs(&|x, y| saturate_signed(x - y, bits)),
        _ => return None,
    })
}

/// Sums of absolute differences, and the position of a minimum.
fn sums(inst: &Inst, a: u128, b: u128) -> Option<u128> {
    let distance = |i, j| lane(a, 8, i).abs_diff(lane(b, 8, j));
    Some(match inst.op {
        Opcode::VSad => collect(64, |half| (0..8).map(|i| distance(8 * half + i, 8 * half + i)).sum()),
        Opcode::VMpsad => {
            let (first, second) = ((inst.imm as u32 >> 2 & 1) * 4, (inst.imm as u32 & 3) * 4);
            collect(16, |i| (0..4).map(|k| distance(first + i + k, second + k)).sum())
        }
        Opcode::VMinPos => {
            let (value, index) = (0..8).map(|i| (lane(a, 16, i), i)).min().unwrap_or_default();
            u128::from(value) | u128::from(index) << 16
        }
        _ => return None,
    })
}

fn logic(op: Opcode, a: u128, b: u128) -> Option<u128> {
    Some(match op {
        Opcode::VAnd => a & b,
        Opcode::VOr => a | b,
        Opcode::VXor => a ^ b,
        Opcode::VAndNot => !a & b,
        _ => return None,
    })
}

fn shifts(inst: &Inst, a: u128, b: u128) -> Option<u128> {
    use Opcode::*;
    let bits = inst.lane.bits();
    let count = match inst.op {
        VShl | VShr | VSar => inst.imm as u64,
        VShlBy | VShrBy | VSarBy => b as u64,
        _ => return None,
    };
    let inside = count < u64::from(bits);
    Some(collect(bits, |i| {
        let v = lane(a, bits, i);
        match inst.op {
            VShl | VShlBy if inside => v << count,
            VShr | VShrBy if inside => v >> count,
            VSar | VSarBy => (signed(v, bits) >> count.min(u64::from(bits) - 1)) as u64,
            _ => 0,
        }
    }))
}

pub(super) fn eval_flags(inst: &Inst, a: u128, b: u128) -> Option<u32> {
    (inst.op == Opcode::VTest).then(|| u32::from(!a & b == 0) | u32::from(a & b == 0) << 6)
}
