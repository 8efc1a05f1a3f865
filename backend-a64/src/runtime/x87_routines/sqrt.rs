//! The square root: an estimate by the host's, one step of Newton's, and what is still missing, in integers.
use super::*;

/// Assembles it; `note` hears where it begins.
pub(super) fn assemble(ops: &mut Asm, note: &mut impl FnMut(X87Routine, u32)) {
    note(X87Routine::Sqrt, start(ops));
    radicand(ops);
    estimate(ops);
    correct(ops);
    round_root(ops);
    a64!(ops
        ; zero:
        ; cbnz x14, ->x87_slow
        ; strb wzr, [x28, live::C1]
        ; ret);
}

/// x14 and x12 become the radicand: the significand times 2^63 or 2^64. x15 becomes the exponent of the root.
fn radicand(ops: &mut Asm) {
    a64!(ops
        ; ldrb w16, [x28, live::MODE]
        ; cbnz w16, ->x87_slow
        ; tbnz w15, 31, ->x87_slow
        ; cbz w15, >zero
        ; add w16, w15, 1
        ; tbnz w16, 15, ->x87_slow
        ; sub w15, w15, 4, lsl 12
        ; add w15, w15, 1
        ; mov x12, xzr
        ; tbnz w15, 0, >odd
        ; lsl x12, x14, 63
        ; lsr x14, x14, 1
        ; odd:
        ; asr w15, w15, 1
        ; add w15, w15, 4, lsl 12
        ; sub w15, w15, 1);
}

/// x10 becomes nearly the root: the host's of the upper half, and a step of Newton's.
fn estimate(ops: &mut Asm) {
    a64!(ops
        // Neither the rounding mode nor the flags of the host matter.
        ; mrs x16, FPSR
        ; ucvtf d30, x14
        ; fsqrt d30, d30
        ; fcvtzu x10, d30, 32
        ; msr FPSR, x16
        ; mul x8, x10, x10
        ; umulh x9, x10, x10
        ; subs x8, x12, x8
        ; sbc x9, x14, x9
        ; extr x8, x9, x8, 32
        ; lsr x9, x10, 31
        ; sdiv x8, x8, x9
        ; asr x9, x8, 63
        ; adds x10, x10, x8
        ; adcs x9, x9, xzr
        ; csinv x10, x10, xzr, eq);
}

/// x10 becomes the root rounded down; x9 and x8 are what is left of the radicand.
fn correct(ops: &mut Asm) {
    a64!(ops
        ; mul x8, x10, x10
        ; umulh x9, x10, x10
        ; subs x8, x12, x8
        ; sbc x9, x14, x9
        ; less:
        ; tbz x9, 63, >more
        ; sub x10, x10, 1
        ; adds x8, x8, x10
        ; adc x9, x9, xzr
        ; adds x8, x8, x10
        ; adc x9, x9, xzr
        ; adds x8, x8, 1
        ; adc x9, x9, xzr
        ; b <less
        ; more:
        ; subs x13, x8, x10
        ; sbc x16, x9, xzr
        ; subs x13, x13, x10
        ; sbcs x16, x16, xzr
        ; b.mi >done
        ; orr x12, x13, x16
        ; cbz x12, >done
        ; add x10, x10, 1
        ; subs x8, x13, 1
        ; sbc x9, x16, xzr
        ; b <more
        ; done:);
}

/// To nearest: what is missing is beyond half exactly if more is left than the root.
fn round_root(ops: &mut Asm) {
    a64!(ops
        ; subs x8, x10, x8
        ; sbcs x9, xzr, x9
        ; cset w16, cc
        ; add x14, x10, x16
        ; strb w16, [x28, live::C1]
        ; ret);
}
