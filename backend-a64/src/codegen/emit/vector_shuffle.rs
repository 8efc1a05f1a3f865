//! Shuffles by immediate, unpacking, table look-up.
//!
//! An arbitrary arrangement is made from one instruction that gets as many lanes right as any, and one INS for each of
//! the others; from one source, where that takes more than two instructions, by a table of bytes.
use super::super::asm::a64;
use super::vector::{by_half, by_lane, VS0, VS1};
use super::vector_move::ins;
use super::{branch, zero_vector, EmitCx};
use ir::{Inst, Lane, Opcode};
use std::sync::OnceLock;

/// Where a lane of a result comes from: operand number (0 or 1) and lane.
type Source = (u8, u32);

/// `vext`.
pub(super) fn ext(cx: &mut EmitCx, inst: &Inst) {
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    match inst.imm as u32 {
        0 => cx.mov_v(d, n),
        16 => cx.mov_v(d, m),
        at => a64!(cx; ext V(d).b16, V(n).b16, V(m).b16, at),
    }
}

/// `vunpack_lo`, `vunpack_hi`.
pub(super) fn unpack(cx: &mut EmitCx, inst: &Inst) {
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    match inst.op {
        Opcode::VUnpackLo if cx.low_half() => match inst.lane {
            Lane::D2 => a64!(cx; fmov D(d), D(n)),
            lane => by_half!(cx, lane, zip1 d, n, m; B16 H8 S4),
        },
        Opcode::VUnpackLo => by_lane!(cx, inst.lane, zip1 d, n, m; B16 H8 S4 D2),
        _ => by_lane!(cx, inst.lane, zip2 d, n, m; B16 H8 S4 D2),
    }
}

/// `vtable`: TBL gives zero for indices above 15, so bit 7 must stay and bits 4 to 6 go.
pub(super) fn table(cx: &mut EmitCx) {
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    if cx.low_half() {
        a64!(cx; movi V(VS1).b8, 0x8f; and V(VS1).b8, V(m).b8, V(VS1).b8; tbl V(d).b8, { V(n).b16 * 1 }, V(VS1).b8);
        return;
    }
    a64!(cx; movi V(VS1).b16, 0x8f; and V(VS1).b16, V(m).b16, V(VS1).b16; tbl V(d).b16, { V(n).b16 * 1 }, V(VS1).b16);
}

/// `vshuffle`, `vshuffle_lo`, `vshuffle_hi`.
pub(super) fn shuffle(cx: &mut EmitCx, inst: &Inst) {
    let imm = inst.imm as u32;
    let same = cx.v(0) == cx.v(1);
    let lanes = 128 / inst.lane.bits();
    let mut want: [Source; 8] = [(0, 0); 8];
    for (i, source) in (0..lanes).zip(&mut want) {
        *source = match inst.op {
            Opcode::VShuffle => {
                let lane = imm >> (lanes.ilog2() * i) & (lanes - 1);
                (u8::from(i >= lanes / 2 && !same), lane)
            }
            Opcode::VShuffleLo if i < 4 => (0, imm >> (2 * i) & 3),
            Opcode::VShuffleHi if i >= 4 => (0, 4 + (imm >> (2 * (i - 4)) & 3)),
            _ => (0, i),
        };
    }
    arrange(cx, inst.lane.bits(), &want[..lanes as usize]);
}

/// `vblend`, in the widest lanes that the mask allows.
pub(super) fn blend(cx: &mut EmitCx, inst: &Inst) {
    let (mut bits, mut mask) = (inst.lane.bits(), inst.imm as u32);
    while bits < 64 && (0..64 / bits).all(|i| matches!(mask >> (2 * i) & 3, 0 | 3)) {
        mask = (0..64 / bits).fold(0, |wide, i| wide | (mask >> (2 * i) & 1) << i);
        bits *= 2;
    }
    let mut want: [Source; 8] = [(0, 0); 8];
    let lanes = 128 / bits;
    for (i, source) in (0..lanes).zip(&mut want) {
        *source = ((mask >> i & 1) as u8, i);
    }
    let want = &want[..lanes as usize];
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    if zero_vector(cx.block, inst, 0) {
        return match (bits, mask) {
            (32, 1) => a64!(cx; fmov S(d), S(m)),
            (64, 1) => a64!(cx; fmov D(d), D(m)),
            _ => {
                let label = branch::cold_vector(cx, ones_of_second(bits, want));
                cx.asm.ldr_q(VS1, label);
                a64!(cx; and V(d).b16, V(m).b16, V(VS1).b16);
            }
        };
    }
    let from = |operand| 1 + Step::Mov(operand).misses(want);
    if from(0) - usize::from(d == n) > 2 && from(1) - usize::from(d == m) > 2 {
        return by_mask(cx, bits, want);
    }
    arrange(cx, bits, want);
}

/// Every lane of the two arguments that is in its place already, by a constant of ones where it is the second's.
fn by_mask(cx: &mut EmitCx, bits: u32, want: &[Source]) {
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    let label = branch::cold_vector(cx, ones_of_second(bits, want));
    let to = if d == n || d == m { VS1 } else { d };
    cx.asm.ldr_q(to, label);
    match d {
        _ if d == n => a64!(cx; bit V(d).b16, V(m).b16, V(VS1).b16),
        _ if d == m => a64!(cx; bif V(d).b16, V(n).b16, V(VS1).b16),
        _ => a64!(cx; bsl V(d).b16, V(m).b16, V(n).b16),
    }
}

/// Ones where lanes are the second argument's.
fn ones_of_second(bits: u32, want: &[Source]) -> u128 {
    let ones = u128::MAX >> (128 - bits);
    (0u32..).zip(want).filter(|(_, w)| w.0 == 1).fold(0, |mask, (i, _)| mask | ones << (bits * i))
}

/// One instruction that arranges whole vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Mov(u8),
    Dup(u8, u32),
    Ext(u8, u8, u32),
    Zip1(u8, u8),
    Zip2(u8, u8),
    Uzp1(u8, u8),
    Uzp2(u8, u8),
    Trn1(u8, u8),
    Trn2(u8, u8),
    Rev(u8, u32),
}

impl Step {
    /// Where lane `i` of `n` lanes comes from.
    fn source(self, i: u32, n: u32) -> Source {
        let either = |a, b, second: bool, lane| (if second { b } else { a }, lane);
        match self {
            Self::Mov(a) => (a, i),
            Self::Dup(a, lane) => (a, lane),
            Self::Ext(a, b, k) => either(a, b, i + k >= n, (i + k) % n),
            Self::Zip1(a, b) => either(a, b, i % 2 != 0, i / 2),
            Self::Zip2(a, b) => either(a, b, i % 2 != 0, n / 2 + i / 2),
            Self::Uzp1(a, b) => either(a, b, i >= n / 2, 2 * i % n),
            Self::Uzp2(a, b) => either(a, b, i >= n / 2, 2 * i % n + 1),
            Self::Trn1(a, b) => either(a, b, i % 2 != 0, i & !1),
            Self::Trn2(a, b) => either(a, b, i % 2 != 0, i | 1),
            Self::Rev(a, group) => (a, i ^ (group - 1)),
        }
    }

    /// How many INS put right what it does not get right.
    fn misses(self, want: &[Source]) -> usize {
        self.inserts(want).count()
    }

    /// The INS after it: how many lanes each takes, two where they are neighbours at both ends, which lane, from where, in units
    /// of that size.
    fn inserts(self, want: &[Source]) -> impl Iterator<Item = (u32, u32, Source)> + '_ {
        let n = want.len() as u32;
        let wrong = move |i: u32| self.source(i, n) != want[i as usize];
        let mut next = 0;
        std::iter::from_fn(move || {
            let i = (next..n).find(|i| wrong(*i))?;
            let (operand, lane) = want[i as usize];
            let pair =
                n > 2 && i % 2 == 0 && lane % 2 == 0 && wrong(i + 1) && want[i as usize + 1] == (operand, lane + 1);
            next = i + 1 + u32::from(pair);
            Some(if pair { (2, i / 2, (operand, lane / 2)) } else { (1, i, (operand, lane)) })
        })
    }

    /// Every step worth trying for these lanes, the cheapest first.
    fn all(lanes: u32, operands: u8) -> impl Iterator<Item = Self> {
        let pairs = (0..operands).flat_map(move |a| (0..operands).map(move |b| (a, b)));
        let single = (0..operands).flat_map(move |a| {
            let dups = (0..lanes).map(move |k| Self::Dup(a, k));
            let revs = [2, 4].into_iter().filter(move |g| *g < lanes).map(move |g| Self::Rev(a, g));
            std::iter::once(Self::Mov(a)).chain(dups).chain(revs)
        });
        single.chain(pairs.flat_map(move |(a, b)| {
            let exts = (1..lanes).map(move |k| Self::Ext(a, b, k));
            let others = [Self::Zip1, Self::Zip2, Self::Uzp1, Self::Uzp2, Self::Trn1, Self::Trn2];
            others.into_iter().map(move |f| f(a, b)).chain(exts)
        }))
    }
}

/// The same lanes, two at a time, if they are neighbours everywhere.
fn in_pairs(want: &[Source]) -> Option<[Source; 4]> {
    let mut pairs = [(0, 0); 4];
    for (pair, lanes) in pairs.iter_mut().zip(want.chunks_exact(2)) {
        let (operand, lane) = lanes[0];
        if lane % 2 != 0 || lanes[1] != (operand, lane + 1) {
            return None;
        }
        *pair = (operand, lane / 2);
    }
    Some(pairs)
}

/// The destination becomes the wanted lanes of the first two arguments.
fn arrange(cx: &mut EmitCx, bits: u32, want: &[Source]) {
    if let Some(pairs) = in_pairs(want).filter(|_| bits < 64) {
        return arrange(cx, 2 * bits, &pairs[..want.len() / 2]);
    }
    let regs = [cx.v(0), cx.v(1)];
    let d = cx.dst_v();
    let operands = 1 + u8::from(want.iter().any(|w| w.0 == 1));
    let best = Step::all(want.len() as u32, operands).min_by_key(|s| s.misses(want)).expect("some step");
    if let Some(base) = in_place(want, |operand| regs[usize::from(operand)] == d) {
        // INS on the destination itself saves a move.
        let in_place = Step::Mov(base).misses(want);
        if in_place <= best.misses(want) + 1 && (operands > 1 || in_place <= 2) {
            return fix(cx, bits, d, Step::Mov(base), want, regs);
        }
    }
    if best.misses(want) == 0 {
        return step(cx, bits, d, best, &regs);
    }
    if operands == 1 && best.misses(want) > 1 {
        return by_table(cx, bits, d, regs[0], want);
    }
    let aliased = want.iter().any(|w| regs[usize::from(w.0)] == d);
    if operands > 1 && best.misses(want) + usize::from(aliased) > 1 {
        if let Some((first, second)) = two_steps(want) {
            step(cx, bits, VS0, first, &regs);
            return step(cx, bits, d, second, &[regs[0], regs[1], VS0]);
        }
        if by_halves(cx, d, want, &regs, best.misses(want) + usize::from(aliased)) {
            return;
        }
    }
    let t = if aliased { VS0 } else { d };
    step(cx, bits, t, best, &regs);
    fix(cx, bits, t, best, want, regs);
    cx.mov_v(d, t);
}

/// Two instructions that give a SHUFPS: the first from both operands, the second from those and its result (operand 2).
fn two_steps(want: &[Source]) -> Option<(Step, Step)> {
    static KNOWN: [OnceLock<Option<(Step, Step)>>; 256] = [const { OnceLock::new() }; 256];
    let [(0, a), (0, b), (1, c), (1, d)] = *want else { return None };
    let known = &KNOWN[(a | b << 2 | c << 4 | d << 6) as usize];
    *known.get_or_init(|| {
        Step::all(4, 2).find_map(|first| {
            let made: [Source; 4] = std::array::from_fn(|i| first.source(i as u32, 4));
            let gives = |second: &Step| {
                (0..4).all(|i| match second.source(i, 4) {
                    (2, lane) => made[lane as usize] == want[i as usize],
                    source => source == want[i as usize],
                })
            };
            Step::all(4, 3).find(gives).map(|second| (first, second))
        })
    })
}

/// A SHUFPS whose halves one instruction each at most puts next to each other somewhere, and another takes both: whether it was one
/// and took no more than one and `others` instructions.
fn by_halves(cx: &mut EmitCx, d: u8, want: &[Source], regs: &[u8], others: usize) -> bool {
    let [(0, a), (0, b), (1, c), (1, e)] = *want else { return false };
    // The step, and which half of its result has the two lanes.
    let half = |lanes: [u32; 2]| {
        let at = |s: &Step, half: u32| (0..2).all(|i| s.source(2 * half + i, 4).1 == lanes[i as usize]);
        Step::all(4, 1).find_map(|s| (0..2).find(|half| at(&s, *half)).map(|half| (s, half)))
    };
    let (Some((low, from)), Some((high, to))) = (half([a, b]), half([c, e])) else { return false };
    let stays = |s: Step| matches!(s, Step::Mov(_));
    if others < [low, high].iter().filter(|s| !stays(**s)).count() {
        return false;
    }
    let mut place = |s: Step, reg: u8, scratch: u8| {
        if stays(s) {
            return reg;
        }
        step(cx, 32, scratch, s, &[reg]);
        scratch
    };
    let (low, high) = (place(low, regs[0], VS0), place(high, regs[1], VS1));
    match (from, to) {
        (0, 0) => a64!(cx; zip1 V(d).d2, V(low).d2, V(high).d2),
        (1, 1) => a64!(cx; zip2 V(d).d2, V(low).d2, V(high).d2),
        (1, 0) => a64!(cx; ext V(d).b16, V(low).b16, V(high).b16, 8),
        _ if d == high => ins(cx, 64, d, 0, low, 0),
        _ => {
            cx.mov_v(d, low);
            ins(cx, 64, d, 1, high, 1);
        }
    }
    true
}

/// TBL with a constant.
fn by_table(cx: &mut EmitCx, bits: u32, d: u8, n: u8, want: &[Source]) {
    let bytes = bits / 8;
    let table = (0..16u32).fold(0, |table, i| {
        let from = want[(i / bytes) as usize].1 * bytes + i % bytes;
        table | u128::from(from) << (8 * i)
    });
    let label = branch::cold_vector(cx, table);
    cx.asm.ldr_q(VS1, label);
    a64!(cx; tbl V(d).b16, { V(n).b16 * 1 }, V(VS1).b16);
}

/// The operand that lives in the destination, if the other lanes can be put into it one by one: none of them is still
/// needed in its old place.
fn in_place(want: &[Source], is_dst: impl Fn(u8) -> bool) -> Option<u8> {
    let base = [0, 1].into_iter().find(|o| want.iter().any(|w| w.0 == *o) && is_dst(*o))?;
    for (i, source) in (0u32..).zip(want) {
        let overwritten = (0..i).any(|j| want[j as usize] != (base, j) && is_dst(source.0) && source.1 == j);
        if *source != (base, i) && overwritten {
            return None;
        }
    }
    Some(base)
}

/// What `base` left wrong in `d`.
fn fix(cx: &mut EmitCx, bits: u32, d: u8, base: Step, want: &[Source], regs: [u8; 2]) {
    for (size, lane, source) in base.inserts(want) {
        ins(cx, size * bits, d, lane, regs[usize::from(source.0)], source.1);
    }
}

fn step(cx: &mut EmitCx, bits: u32, d: u8, step: Step, regs: &[u8]) {
    let lane = match bits {
        16 => Lane::H8,
        32 => Lane::S4,
        _ => Lane::D2,
    };
    let r = |o: u8| regs[usize::from(o)];
    match step {
        Step::Mov(a) => cx.mov_v(d, r(a)),
        Step::Dup(a, k) => match lane {
            Lane::H8 => a64!(cx; dup V(d).h8, V(r(a)).h[k]),
            Lane::S4 => a64!(cx; dup V(d).s4, V(r(a)).s[k]),
            _ => a64!(cx; dup V(d).d2, V(r(a)).d[k]),
        },
        Step::Ext(a, b, k) => a64!(cx; ext V(d).b16, V(r(a)).b16, V(r(b)).b16, k * bits / 8),
        Step::Zip1(a, b) => by_lane!(cx, lane, zip1 d, r(a), r(b); H8 S4 D2),
        Step::Zip2(a, b) => by_lane!(cx, lane, zip2 d, r(a), r(b); H8 S4 D2),
        Step::Uzp1(a, b) => by_lane!(cx, lane, uzp1 d, r(a), r(b); H8 S4 D2),
        Step::Uzp2(a, b) => by_lane!(cx, lane, uzp2 d, r(a), r(b); H8 S4 D2),
        Step::Trn1(a, b) => by_lane!(cx, lane, trn1 d, r(a), r(b); H8 S4 D2),
        Step::Trn2(a, b) => by_lane!(cx, lane, trn2 d, r(a), r(b); H8 S4 D2),
        Step::Rev(a, 4) => a64!(cx; rev64 V(d).h8, V(r(a)).h8),
        Step::Rev(a, _) if lane == Lane::H8 => a64!(cx; rev32 V(d).h8, V(r(a)).h8),
        Step::Rev(a, _) => a64!(cx; rev64 V(d).s4, V(r(a)).s4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_give_what_is_wanted() {
        let mut found = 0;
        for imm in 0..256u32 {
            let want: Vec<Source> = (0..4).map(|i| (u8::from(i > 1), imm >> (2 * i) & 3)).collect();
            let Some((first, second)) = two_steps(&want) else { continue };
            let got: Vec<Source> = (0..4)
                .map(|i| match second.source(i, 4) {
                    (2, lane) => first.source(lane, 4),
                    source => source,
                })
                .collect();
            assert_eq!(got, want);
            found += 1;
        }
        assert_eq!(found, 64);
    }

    #[test]
    fn every_pshufd_takes_at_most_three_instructions() {
        let worst = (0..256u32).map(|imm| {
            let want: Vec<Source> = (0..4).map(|i| (0, imm >> (2 * i) & 3)).collect();
            1 + Step::all(4, 1).map(|s| s.misses(&want)).min().unwrap()
        });
        assert_eq!(worst.max(), Some(3));
    }
}
