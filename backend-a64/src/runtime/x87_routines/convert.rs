//! Comparison, integers, conversions for memory, the control word.
use super::*;
use ir::guest::state::offset;

/// Assembles them; `note` hears where each begins.
pub(super) fn assemble(ops: &mut Asm, note: &mut impl FnMut(X87Routine, u32)) {
    note(X87Routine::Com, start(ops));
    compare(ops, true);
    note(X87Routine::Comi, start(ops));
    compare(ops, false);
    comi_slow(ops);
    note(X87Routine::IntA, start(ops));
    from_int(ops, 14);
    note(X87Routine::IntB, start(ops));
    from_int(ops, 12);
    note(X87Routine::Extended, start(ops));
    a64!(ops; ubfx w16, w15, 0, 15; cbnz w16, ->x87_slow; ret);
    note(X87Routine::ToF32, start(ops));
    narrow(ops, &F32);
    note(X87Routine::ToF64, start(ops));
    narrow(ops, &F64);
    note(X87Routine::Truncate, start(ops));
    to_int(ops, note);
    note(X87Routine::SetCw, start(ops));
    set_cw(ops);
}

/// C0, C2 and C3 of a against b, stored, or as FCOMI wants them.
fn compare(ops: &mut Asm, store: bool) {
    let slow = ops.new_dynamic_label();
    a64!(ops
        ; eor w8, w15, w15, lsl 1
        ; eor w9, w13, w13, lsl 1
        ; and w8, w8, w9
        ; tbz w8, 14, >check
        ; mov w9, w15);
    // w9 and w13 are the high words, of zeros as well.
    a64!(ops; order:; orr w16, w9, w13; tbnz w16, 31, >negative; cmp w9, w13; b.ne >decided; cmp x14, x12; decided:);
    order(ops, store);
    a64!(ops; negative:; cmp w13, w9; b.ne >decided; cmp x12, x14; decided:);
    order(ops, store);
    // Zeros lose their sign here; all other exponents but the two special ones are in order.
    a64!(ops
        ; check:
        ; and w8, w15, 0x7fff
        ; and w16, w13, 0x7fff
        ; add w9, w8, 1
        ; add w10, w16, 1
        ; orr w9, w9, w10
        ; tbnz w9, 15, =>slow
        ; mov w9, w15
        ; cbnz w8, >b
        ; cbnz x14, =>slow
        ; mov w9, wzr
        ; b:
        ; cbnz w16, <order
        ; cbnz x12, =>slow
        ; mov w13, wzr
        ; b <order);
    match store {
        true => a64!(ops; =>slow; b ->x87_slow),
        false => a64!(ops; =>slow; b ->x87_comi_slow),
    }
}

/// `Slow`, its result as `Comi`'s.
fn comi_slow(ops: &mut Asm) {
    a64!(ops
        ; ->x87_comi_slow:
        ; str x30, [sp, -16]!
        ; bl ->x87_slow
        ; ldr x30, [sp], 16
        ; eor w10, w9, 1
        ; lsl w10, w10, 29
        ; ubfx w8, w9, 6, 1
        ; bfi w10, w8, 30, 1
        ; msr NZCV, x10
        ; ubfx w9, w9, 2, 1
        ; eor w9, w9, 1
        ; ret);
}

/// The outcome of the comparison that just was.
fn order(ops: &mut Asm, store: bool) {
    match store {
        true => a64!(ops
            ; movz w10, 0x40
            ; cset w9, lo
            ; csel w9, w10, w9, eq
            ; strb w9, [x28, live::CODES]
            ; ret),
        // Odd parity: ordered.
        false => a64!(ops; movz w9, 1; ret),
    }
}

/// The integer in x11 as a register.
fn from_int(ops: &mut Asm, into: u8) {
    let high = into + 1;
    a64!(ops
        ; cbz x11, >zero
        ; cmp x11, 0
        ; cneg X(into), x11, lt
        ; clz x16, X(into)
        ; lsl X(into), X(into), x16
        ; movz W(high), 0x403e
        ; sub W(high), W(high), w16
        ; lsr x16, x11, 63
        ; orr W(high), W(high), w16, lsl 31
        ; ret
        ; zero:
        ; mov X(into), xzr
        ; mov X(high), xzr
        ; ret);
}

/// A format of memory.
struct Format {
    /// Significand bits with the implicit one.
    precision: u32,
    /// The x87's exponent bias less the format's, and 1.
    bias: u32,
    /// Where that is in the live state, so that it fits the usual case only.
    field: u32,
    /// The largest exponent but one, less 1: rounding up stays finite.
    limit: u32,
}

const F32: Format = Format { precision: 24, bias: 0x3f81, field: live::F32_BIAS, limit: 0xfd };
const F64: Format = Format { precision: 53, bias: 0x3c01, field: live::F64_BIAS, limit: 0x7fd };

/// a in the format into x9, C1 into w10.
fn narrow(ops: &mut Asm, f: &Format) {
    let (drop, sign) = (64 - f.precision, if f.precision == 24 { 0 } else { 32 });
    a64!(ops
        ; and w8, w15, 0x7fff
        ; ldr w16, [x28, f.field]
        ; sub w8, w8, w16
        ; cmp w8, f.limit
        ; b.hs >other);
    a64!(ops
        ; cut:
        ; lsl x10, x14, f.precision
        ; lsr x9, x14, drop
        ; adds x10, x10, x10
        ; cbz x10, >tie
        ; cset w10, cs
        ; adc x9, x9, xzr
        ; assemble:
        ; add x9, x9, x8, lsl f.precision - 1
        ; and w8, w15, 0x8000_0000);
    if f.precision == 24 {
        a64!(ops; and x9, x9, 0x7fff_ffff);
    }
    a64!(ops
        ; orr x9, x9, x8, lsl sign
        ; ret
        ; tie:
        ; cset w10, cs
        ; and w10, w10, w9
        ; add x9, x9, x10
        ; b <assemble
        ; other:
        ; and w8, w15, 0x7fff
        ; cbz w8, >zero
        ; ldrb w16, [x28, live::MODE]
        ; cmp w16, X87Mode::Other as u32
        ; b.eq ->x87_slow
        ; movz w9, f.bias
        ; sub w8, w8, w9
        ; cmp w8, f.limit
        ; b.hs ->x87_slow
        ; cmp w16, X87Mode::Exact as u32
        ; b.ne <cut
        ; lsl x10, x14, f.precision
        ; cbz x10, <cut
        ; b ->x87_slow
        ; zero:
        ; cbnz x14, ->x87_slow
        ; and w9, w15, 0x8000_0000
        ; lsl x9, x9, sign
        ; mov w10, wzr
        ; ret);
}

/// a as an integer of w8 bits into x9, C1 into w10: Truncate and ToInt.
fn to_int(ops: &mut Asm, note: &mut impl FnMut(X87Routine, u32)) {
    a64!(ops; movz w16, 0xc00; b >mode);
    note(X87Routine::ToInt, start(ops));
    a64!(ops
        ; ldrh w16, [x28, offset::FCW]
        ; and w16, w16, 0xc00
        ; mode:
        ; and w9, w15, 0x7fff
        ; cbz w9, >zero
        ; movz w10, 0x403e
        ; subs w10, w10, w9
        ; b.lt ->x87_slow
        ; cmp w10, 64
        ; b.hs >fraction
        // x9 is the integer, x12 what is below it.
        ; lsl x12, x14, 1
        ; mvn w13, w10
        ; lsl x12, x12, x13
        ; lsr x9, x14, x10
        ; rounding:
        ; mov w10, wzr
        ; cbz x12, >whole
        ; ldrh w13, [x28, offset::FSW]
        ; tbz w13, 5, ->x87_slow
        ; cmp w16, 0xc00
        ; b.eq >whole
        ; cbnz w16, ->x87_slow
        ; adds x12, x12, x12
        ; cset w10, cs
        ; cbnz x12, >up
        ; and w10, w10, w9
        ; up:
        ; add x9, x9, x10
        ; whole:
        ; lsr w13, w15, 31
        ; movz x12, 1
        ; sub w8, w8, 1
        ; lsl x12, x12, x8
        ; sub x12, x12, 1
        ; add x12, x12, x13
        ; cmp x9, x12
        ; b.hi ->x87_slow
        ; cmp w13, 0
        ; cneg x9, x9, ne
        ; ret
        ; fraction:
        ; mov x9, xzr
        ; movz x12, 1
        ; csel x12, x14, x12, eq
        ; b <rounding
        ; zero:
        ; cbnz x14, ->x87_slow
        ; mov x9, xzr
        ; mov w10, wzr
        ; ret);
}

/// FLDCW of w11, if it masks every exception.
fn set_cw(ops: &mut Asm) {
    let mode = |mode: X87Mode| mode as u32;
    a64!(ops
        ; and w8, w11, 0x3f
        ; cmp w8, 0x3f
        ; b.ne ->x87_slow
        ; and w8, w11, 0x1fff
        ; and w8, w8, 0xffff_ff3f
        ; orr w8, w8, 0x40
        ; strh w8, [x28, offset::FCW]
        ; ldrh w10, [x28, offset::FSW]
        ; ubfx w9, w8, 8, 4
        ; movn w12, 0x3ffb
        ; movz w13, 0x3c01
        ; tst w9, 0xc
        ; b.ne >other
        ; cmp w9, 2
        ; b.eq >double
        ; cbz w9, >other
        ; movz w16, mode(X87Mode::Exact)
        ; tbz w10, 5, >unusual
        ; movz w9, 64
        ; mov w16, wzr
        ; store:
        ; add w8, w13, 0x380
        ; strb w16, [x28, live::MODE]
        ; stp w12, w9, [x28, live::MUL_BIAS as i32]
        ; stp w13, w8, [x28, live::F64_BIAS as i32]
        ; ret
        ; double:
        ; movz w16, mode(X87Mode::Double)
        ; tbnz w10, 5, >unusual
        ; other:
        ; movz w16, mode(X87Mode::Other)
        ; unusual:
        ; add w12, w12, 0x10, lsl 12
        ; add w13, w13, 0x100, lsl 12
        ; mov w9, wzr
        ; b <store);
}

const _: () = {
    assert!(live::SHIFT_LIMIT == live::MUL_BIAS + 4 && live::F32_BIAS == live::F64_BIAS + 4);
};
