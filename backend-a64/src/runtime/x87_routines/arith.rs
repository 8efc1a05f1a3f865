//! Addition, multiplication, division.
use super::*;

const MODES: [X87Mode; 3] = [X87Mode::Usual, X87Mode::Exact, X87Mode::Double];

/// Assembles them; `note` hears where each begins.
pub(super) fn assemble(ops: &mut Asm, note: &mut impl FnMut(X87Routine, u32)) {
    add(ops, note);
    mul(ops, note);
    div(ops, note);
}

fn labels<const N: usize>(ops: &mut Asm) -> [DynamicLabel; N] {
    std::array::from_fn(|_| ops.new_dynamic_label())
}

/// Where the halves of an addition are entered, past the checks: with d in w10.
#[derive(Clone, Copy)]
struct AddEntries {
    sum: DynamicLabel,
    sum_swapped: DynamicLabel,
    difference: DynamicLabel,
    difference_swapped: DynamicLabel,
}

/// Add, Sub, Subr.
fn add(ops: &mut Asm, note: &mut impl FnMut(X87Routine, u32)) {
    let special: [DynamicLabel; 3] = labels(ops);
    note(X87Routine::Subr, start(ops));
    a64!(ops; eor w15, w15, 0x8000_0000; b >add);
    note(X87Routine::Sub, start(ops));
    a64!(ops; eor w13, w13, 0x8000_0000);
    a64!(ops; add:);
    note(X87Routine::Add, ops.offset().0 as u32);
    let entries = MODES.map(|_| {
        let [sum, sum_swapped, difference, difference_swapped] = labels(ops);
        AddEntries { sum, sum_swapped, difference, difference_swapped }
    });
    let check = ops.new_dynamic_label();
    add_checked(ops, entries[0], check);
    a64!(ops; =>check);
    by_mode(ops, special);
    for (i, mode) in MODES.into_iter().enumerate() {
        if mode != X87Mode::Usual {
            sums(ops, mode, entries[i], None);
        }
        a64!(ops; =>special[i]);
        add_special(ops, mode, entries[i]);
    }
}

/// The usual way: signs decide between sum and difference, exponents which operand is shifted.
fn add_checked(ops: &mut Asm, entries: AddEntries, check: DynamicLabel) {
    a64!(ops
        ; eor w8, w15, w13
        ; tbnz w8, 31, >differ
        ; subs w10, w15, w13
        ; b.lt >swapped);
    sums(ops, X87Mode::Usual, entries, Some(check));
}

/// Compares d with its limit and looks at the larger exponent, in `big`.
fn checks(ops: &mut Asm, big: u8, check: DynamicLabel) {
    a64!(ops
        ; ldr w16, [x28, live::SHIFT_LIMIT]
        ; eor w8, W(big), W(big), lsl 1
        ; cmp w10, w16
        ; b.hs =>check
        ; tbz w8, 14, =>check);
}

/// x`small` shifted right by d, what is lost in x9.
fn align(ops: &mut Asm, small: u8) {
    a64!(ops
        ; lsl x9, X(small), 1
        ; mvn w8, w10
        ; lsl x9, x9, x8
        ; lsr X(small), X(small), x10);
}

/// Sum and difference. With `check`, the code that `add_checked` begins.
fn sums(ops: &mut Asm, mode: X87Mode, entries: AddEntries, check: Option<DynamicLabel>) {
    let [negative, normalise, carry]: [DynamicLabel; 3] = labels(ops);
    if let Some(check) = check {
        checks(ops, 15, check);
    }
    a64!(ops; =>entries.sum);
    align(ops, 12);
    a64!(ops; adds x14, x14, x12; b.cs =>carry);
    round(ops, mode);
    if let Some(check) = check {
        a64!(ops; swapped: ; neg w10, w10);
        checks(ops, 13, check);
    }
    a64!(ops; =>entries.sum_swapped);
    align(ops, 14);
    a64!(ops; mov w15, w13; adds x14, x14, x12; b.cs =>carry);
    round(ops, mode);
    a64!(ops
        ; =>carry
        ; and w16, w9, 1
        ; extr x9, x14, x9, 1
        ; orr x9, x9, x16
        ; mov x16, 1 << 63
        ; orr x14, x16, x14, lsr 1
        ; add w15, w15, 1);
    round(ops, mode);
    if let Some(check) = check {
        a64!(ops
            ; differ:
            ; eor w9, w13, 0x8000_0000
            ; subs w10, w15, w9
            ; b.lt >differ_swapped);
        checks(ops, 15, check);
    }
    a64!(ops; =>entries.difference);
    align(ops, 12);
    a64!(ops
        ; negs x9, x9
        ; sbcs x14, x14, x12
        ; b.cc =>negative
        ; tbz x14, 63, =>normalise);
    round(ops, mode);
    if let Some(check) = check {
        a64!(ops; differ_swapped: ; neg w10, w10);
        checks(ops, 13, check);
    }
    a64!(ops; =>entries.difference_swapped);
    align(ops, 14);
    a64!(ops
        ; mov w15, w13
        ; negs x9, x9
        ; sbc x14, x12, x14
        ; tbz x14, 63, =>normalise);
    round(ops, mode);
    normalised(ops, mode, negative, normalise);
}

/// What is left of a difference whose top bit is clear.
fn normalised(ops: &mut Asm, mode: X87Mode, negative: DynamicLabel, normalise: DynamicLabel) {
    a64!(ops
        ; =>normalise
        ; cmp w10, 1
        ; b.ls >exact
        // One bit at most.
        ; adds x9, x9, x9
        ; adc x14, x14, x14
        ; sub w15, w15, 1);
    round(ops, mode);
    // d is 0: b was the larger one.
    a64!(ops
        ; =>negative
        ; neg x14, x14
        ; eor w15, w15, 0x8000_0000
        // d is 0 or 1: lo has one bit, which shifting takes in.
        ; exact:
        ; cbz x14, >low
        ; clz x16, x14
        ; lsr x9, x9, 63
        ; lsl x14, x14, x16
        ; sub w8, w16, 1
        ; lsl x9, x9, x8
        ; orr x14, x14, x9
        ; sub w15, w15, w16);
    exact(ops, mode);
    a64!(ops
        ; low:
        ; cbz x9, >zero
        ; mov x14, x9
        ; sub w15, w15, 64);
    exact(ops, mode);
    a64!(ops
        ; zero:
        ; mov x15, xzr
        ; strb wzr, [x28, live::C1]
        ; ret);
}

/// Zeros, exponents far apart or at the ends of the range.
fn add_special(ops: &mut Asm, mode: X87Mode, entries: AddEntries) {
    a64!(ops
        ; and w8, w15, 0x7fff
        ; and w9, w13, 0x7fff
        ; cmp w8, w9
        ; csel w16, w8, w9, hi
        ; csel w10, w9, w8, hi
        // 0x7ffe may overflow, 0x7fff is special.
        ; add w8, w16, 2
        ; tbnz w8, 15, ->x87_slow
        ; cbz w10, >zero
        ; sub w10, w16, w10
        ; cmp w10, 64
        ; b.hs >far
        ; cmp w16, 65
        ; b.lo ->x87_slow
        ; eor w8, w15, w13
        ; tbnz w8, 31, >differ
        ; subs w10, w15, w13
        ; b.ge =>entries.sum
        ; neg w10, w10
        ; b =>entries.sum_swapped
        ; differ:
        ; eor w9, w13, 0x8000_0000
        ; subs w10, w15, w9
        ; b.ge =>entries.difference
        ; neg w10, w10
        ; b =>entries.difference_swapped);
    far(ops, mode);
    a64!(ops
        // The smaller exponent is 0.
        ; zero:
        ; and w8, w15, 0x7fff
        ; cbz w8, >first
        ; cbnz x12, ->x87_slow);
    exact(ops, mode);
    a64!(ops
        ; first:
        ; cbnz x14, ->x87_slow
        ; and w9, w13, 0x7fff
        ; cbz w9, >both
        ; mov x14, x12
        ; mov w15, w13);
    exact(ops, mode);
    a64!(ops
        ; both:
        ; cbnz x12, ->x87_slow
        // Zeros of different signs are +0.
        ; and w15, w15, w13
        ; strb wzr, [x28, live::C1]
        ; ret);
}

/// d is 64 or more: beyond 65 the smaller operand only makes the result inexact. Of a difference the result has grown.
fn far(ops: &mut Asm, mode: X87Mode) {
    a64!(ops; far:);
    if mode != X87Mode::Usual {
        return a64!(ops; b ->x87_slow);
    }
    a64!(ops
        ; cmp w10, 65
        ; b.ls ->x87_slow
        ; eor w8, w15, w13
        ; lsr w8, w8, 31
        ; and w9, w15, 0x7fff
        ; cmp w9, w16
        ; csel x14, x14, x12, eq
        ; csel w15, w15, w13, eq
        ; strb w8, [x28, live::C1]
        ; ret);
}

fn mul(ops: &mut Asm, note: &mut impl FnMut(X87Routine, u32)) {
    let special: [DynamicLabel; 3] = labels(ops);
    let go: [DynamicLabel; 3] = labels(ops);
    let check = ops.new_dynamic_label();
    note(X87Routine::Mul, start(ops));
    a64!(ops
        ; eor w8, w15, w15, lsl 1
        ; eor w9, w13, w13, lsl 1
        ; ldr w16, [x28, live::MUL_BIAS]
        ; and w8, w8, w9
        ; tbz w8, 14, =>check
        ; add w8, w15, w13
        ; add w8, w8, w16
        // The exponent and 2, the sign above.
        ; tst w8, 0x7fff_8000
        ; b.ne =>check);
    in_every_mode(ops, check, special, go, product, mul_special);
}

/// The way `usual` of the usual mode; then at `check`, by the mode, what is `special` about the operands, which goes on in
/// the mode's own way.
fn in_every_mode(
    ops: &mut Asm,
    check: DynamicLabel,
    specials: [DynamicLabel; MODES.len()],
    go: [DynamicLabel; MODES.len()],
    usual: fn(&mut Asm, X87Mode, DynamicLabel),
    special: fn(&mut Asm, DynamicLabel),
) {
    usual(ops, X87Mode::Usual, go[0]);
    a64!(ops; =>check);
    by_mode(ops, specials);
    for (i, mode) in MODES.into_iter().enumerate() {
        if mode != X87Mode::Usual {
            usual(ops, mode, go[i]);
        }
        a64!(ops; =>specials[i]);
        special(ops, go[i]);
    }
}

/// The product; w8 is its sign and exponent and 2.
fn product(ops: &mut Asm, mode: X87Mode, go: DynamicLabel) {
    a64!(ops
        ; =>go
        ; mul x9, x14, x12
        ; umulh x14, x14, x12
        ; tbz x14, 63, >below
        ; sub w15, w8, 2);
    round(ops, mode);
    a64!(ops
        ; below:
        ; adds x9, x9, x9
        ; adc x14, x14, x14
        ; sub w15, w8, 3);
    round(ops, mode);
}

fn mul_special(ops: &mut Asm, go: DynamicLabel) {
    a64!(ops
        ; and w8, w15, 0x7fff
        ; and w9, w13, 0x7fff
        ; add w16, w8, 1
        ; add w10, w9, 1
        ; orr w16, w16, w10
        ; tbnz w16, 15, ->x87_slow
        ; eor w10, w15, w13
        ; and w10, w10, 0x8000_0000
        ; cbz w8, >a
        ; cbz w9, >b
        ; add w8, w8, w9
        ; sub w8, w8, 4, lsl 12
        ; sub w9, w8, 1
        ; movz w16, 0x7ff9
        ; cmp w9, w16
        ; b.hs ->x87_slow
        ; add w8, w8, 4
        ; orr w8, w8, w10
        ; b =>go
        ; a:
        ; cbnz x14, ->x87_slow
        ; cbnz w9, >zero
        ; b:
        ; cbnz x12, ->x87_slow
        ; zero:
        ; mov x14, xzr
        ; mov w15, w10
        ; strb wzr, [x28, live::C1]
        ; ret);
}

fn div(ops: &mut Asm, note: &mut impl FnMut(X87Routine, u32)) {
    let special: [DynamicLabel; 3] = labels(ops);
    let go: [DynamicLabel; 3] = labels(ops);
    let check = ops.new_dynamic_label();
    note(X87Routine::Divr, start(ops));
    a64!(ops
        ; mov x16, x14
        ; mov x14, x12
        ; mov x12, x16
        ; mov w16, w15
        ; mov w15, w13
        ; mov w13, w16);
    note(X87Routine::Div, ops.offset().0 as u32);
    a64!(ops
        ; eor w8, w15, w15, lsl 1
        ; eor w9, w13, w13, lsl 1
        ; ldr w16, [x28, live::MUL_BIAS]
        ; and w8, w8, w9
        ; tbz w8, 14, =>check
        ; and w9, w13, 0x7fff
        ; sub w8, w15, w16
        ; sub w8, w8, w9
        // The exponent less 3, the sign above: from -6 on.
        ; add w10, w8, 5
        ; sub w9, w8, 8
        ; orr w10, w10, w9
        ; eor w10, w10, w15
        ; and w10, w10, 0xffff_8000
        ; cbnz w10, =>check
        ; and w9, w13, 0x8000_0000
        ; eor w8, w8, w9
        ; add w8, w8, 3);
    in_every_mode(ops, check, special, go, quotient, div_special);
}

/// The quotient; w8 is its sign and exponent if a's significand is not the smaller one.
fn quotient(ops: &mut Asm, mode: X87Mode, go: DynamicLabel) {
    a64!(ops
        ; =>go
        ; mov w15, w8
        ; mov w9, wzr
        ; cmp x14, x12
        ; b.lo >less
        ; and w9, w14, 1
        ; lsl w9, w9, 31
        ; lsr x14, x14, 1
        ; b >digits
        ; less:
        ; sub w15, w15, 1
        ; digits:
        ; lsr x8, x12, 32
        ; mov w13, w12);
    digit(ops, true);
    a64!(ops; orr x15, x15, x10, lsl 32);
    digit(ops, false);
    a64!(ops
        ; lsr x9, x15, 32
        ; mov w15, w15
        ; orr x10, x10, x9, lsl 32
        // What follows is not exactly a half: a quotient of 65 bits would need a dividend of as many.
        ; sub x9, x12, x14);
    match mode {
        X87Mode::Usual => a64!(ops
            ; cmp x14, x9
            ; cset w16, hi
            ; add x14, x10, x16
            ; strb w16, [x28, live::C1]
            ; ret),
        X87Mode::Exact => a64!(ops
            ; cbnz x14, ->x87_slow
            ; mov x14, x10
            ; strb wzr, [x28, live::C1]
            ; ret),
        _ => {
            a64!(ops
                ; cmp x14, x9
                ; cset w9, hs
                ; lsl x9, x9, 63
                ; cmp x14, 0
                ; cset w16, ne
                ; orr x9, x9, x16
                ; mov x14, x10);
            round(ops, mode);
        }
    }
}

/// One digit to base 2^32 into x10: x14 is the rest, x9 the next digit of the dividend, x8 and x13 the halves of x12.
fn digit(ops: &mut Asm, first: bool) {
    a64!(ops
        ; udiv x10, x14, x8
        ; msub x16, x10, x8, x14
        ; lsl x16, x16, 32);
    if first {
        a64!(ops; orr x16, x16, x9);
    }
    a64!(ops
        ; mul x9, x10, x13
        ; subs x14, x16, x9
        ; b.cs >right
        ; sub x10, x10, 1
        ; adds x14, x14, x12
        ; b.cs >right
        ; sub x10, x10, 1
        ; add x14, x14, x12
        ; right:);
}

fn div_special(ops: &mut Asm, go: DynamicLabel) {
    a64!(ops
        ; and w8, w15, 0x7fff
        ; and w9, w13, 0x7fff
        ; add w16, w8, 1
        ; add w10, w9, 1
        ; orr w16, w16, w10
        ; tbnz w16, 15, ->x87_slow
        ; eor w10, w15, w13
        ; and w10, w10, 0x8000_0000
        ; cbz w9, ->x87_slow
        ; cbz w8, >zero
        ; sub w8, w8, w9
        ; add w8, w8, 4, lsl 12
        ; sub w8, w8, 1
        ; sub w9, w8, 2
        ; movz w16, 0x7ff9
        ; cmp w9, w16
        ; b.hs ->x87_slow
        ; orr w8, w8, w10
        ; b =>go
        ; zero:
        ; cbnz x14, ->x87_slow
        ; mov w15, w10
        ; strb wzr, [x28, live::C1]
        ; ret);
}
