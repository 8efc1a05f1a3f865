//! The x87 routines: hand-written A64, exact in the usual case, `Slow` otherwise. `codegen::X87Routine` has the convention.
//!
//! Of registers with an exponent in the middle half of the range the integer bit is known to be set
//! (`CpuState::x87_to_live`), so one test of two exponent bits tells an ordinary operand. What else is common (zeros, other
//! exponents, an exact result before PE was ever raised, 53-bit precision) is looked at behind that. In comments `d` is the
//! distance of exponents, `lo` what is below the significand.
mod arith;
mod convert;
mod sqrt;

use super::thread::word;
use super::trampoline::{a64, Asm, ExitKind, FPCR, FPSR, NZCV};
use super::x87::{self, Function};
use crate::codegen::abi::{host_word, AF, MMX_TAG, PF};
use crate::codegen::{X87Routine, X87Site};
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi};
use ir::guest::x87_live::offset as live;
use ir::guest::{X87Live, X87Mode};

/// Bytes of the frame of a call of Rust: x0-x17, x30 and NZCV, FPCR and FPSR, v0-v7, v16-v31, x18.
const FRAME: u32 = 576;
const LR: i32 = 144;
const FP: i32 = 160;
const VECTORS: u32 = 176;
const PARITY: u32 = 560;

/// Vector registers that Rust may change, in pairs.
const PAIRS: [u8; 12] = [0, 2, 4, 6, 16, 18, 20, 22, 24, 26, 28, 30];

/// Assembles every routine; where each is, in the order of `X87Routine::ALL`.
pub(super) fn assemble(ops: &mut Asm) -> [u32; X87Routine::ALL.len()] {
    let mut at = [0; X87Routine::ALL.len()];
    let mut note = |routine: X87Routine, offset: u32| at[routine as usize] = offset;
    note(X87Routine::Rest, call_rust(ops, x87::rest));
    note(X87Routine::Enter, call_rust(ops, x87::enter));
    note(X87Routine::Mmx, mmx(ops));
    ops.align(16, 0);
    a64!(ops; ->x87_slow:);
    note(X87Routine::Slow, call_rust(ops, x87::slow));
    arith::assemble(ops, &mut note);
    sqrt::assemble(ops, &mut note);
    convert::assemble(ops, &mut note);
    at
}

/// To MMX state. Behind EMMS the registers are where they belong, and none of the tags matters.
fn mmx(ops: &mut Asm) -> u32 {
    ops.align(16, 0);
    let at = ops.offset().0 as u32;
    a64!(ops
        ; ldrb w16, [x28, live::AWAY]
        ; tbz w16, X87Live::MMX_BIT, >other
        ; orr x28, x28, 1 << MMX_TAG
        ; ret
        ; other:);
    call_rust_here(ops, x87::mmx);
    at
}

/// A call of Rust that changes no register but those it changes in the frame, and MMX registers between forms.
fn call_rust(ops: &mut Asm, function: Function) -> u32 {
    ops.align(16, 0);
    let at = ops.offset().0 as u32;
    call_rust_here(ops, function);
    at
}

fn call_rust_here(ops: &mut Asm, function: Function) {
    a64!(ops; sub sp, sp, FRAME);
    for i in 0..9u32 {
        let reg = 2 * i as u8;
        a64!(ops; stp X(reg), X(reg + 1), [sp, 16 * i as i32]);
    }
    a64!(ops
        ; str X(PF), [sp, PARITY]
        ; mrs x9, NZCV
        ; stp x30, x9, [sp, LR]
        ; mrs x9, FPCR
        ; mrs x10, FPSR
        ; stp x9, x10, [sp, FP]
        ; cbz x9, >plain
        ; msr FPCR, xzr
        ; plain:);
    for (i, reg) in (0u32..).zip(PAIRS) {
        a64!(ops; stp Q(reg), Q(reg + 1), [sp, (VECTORS + 32 * i) as i32]);
    }
    let address = function as usize as u64;
    let part = |n: u32| (address >> (16 * n)) as u32 & 0xffff;
    a64!(ops
        ; movz x16, part(0)
        ; movk x16, part(1), lsl 16
        ; movk x16, part(2), lsl 32
        ; movk x16, part(3), lsl 48
        ; bl ->mmx_rest
        ; mov x0, x28
        ; mov x1, x17
        ; mov x2, sp
        ; blr x16
        ; ldrb w9, [x28, live::AWAY]
        ; tbz w9, X87Live::MMX_BIT, >other
        ; bl ->mmx_load
        ; orr x28, x28, 1 << MMX_TAG
        ; other:);
    for (i, reg) in (0u32..).zip(PAIRS) {
        a64!(ops; ldp Q(reg), Q(reg + 1), [sp, (VECTORS + 32 * i) as i32]);
    }
    a64!(ops
        ; ldp x9, x10, [sp, FP]
        ; msr FPSR, x10
        ; cbz x9, >plain
        ; msr FPCR, x9
        ; plain:
        ; ldp x30, x9, [sp, LR]
        ; msr NZCV, x9
        ; ldr X(PF), [sp, PARITY]
        ; cbnz x0, >leave);
    for i in (0..9u32).rev() {
        let reg = 2 * i as u8;
        a64!(ops; ldp X(reg), X(reg + 1), [sp, 16 * i as i32]);
    }
    a64!(ops; add sp, sp, FRAME; ret; leave:);
    leave(ops);
}

/// Leaves the site's instruction to the interpreter; NZCV becomes the guest's.
fn leave(ops: &mut Asm) {
    a64!(ops
        ; ldr x17, [sp, 17 * 8]
        ; ldr X(AF), [sp, 8 * u32::from(AF)]
        ; ldrb w10, [x17, 11]
        ; tbz w10, 1, >own
        ; ldr x9, [x28, X87Site::SAVED_NZCV]
        ; own:
        ; tbz w10, 0, >inverted
        ; eor x9, x9, 1 << 29
        ; inverted:
        ; msr NZCV, x9
        ; ldr w16, [x17, 12]
        ; mov w0, ExitKind::Single as u32
        ; b ->leave);
}

/// Begins a routine.
fn start(ops: &mut Asm) -> u32 {
    ops.align(16, 0);
    ops.offset().0 as u32
}

/// Goes on in the variant for the mode in force: `labels` are those of `Usual`, `Exact` and `Double`.
fn by_mode(ops: &mut Asm, labels: [DynamicLabel; 3]) {
    let [usual, exact, double] = labels;
    a64!(ops
        ; ldrb w16, [x28, live::MODE]
        ; cbz w16, =>usual
        ; cmp w16, X87Mode::Double as u32
        ; b.lo =>exact
        ; b.eq =>double
        ; b ->x87_slow);
}

/// Rounds x14 with `lo` in x9 to the mode's precision, to nearest even, and returns. The exponent in w15 may grow by one.
fn round(ops: &mut Asm, mode: X87Mode) {
    match mode {
        X87Mode::Usual => a64!(ops
            // C := half a unit, x16 := what is below that.
            ; adds x16, x9, x9
            ; cbz x16, >rare
            ; cset w16, cs
            ; adcs x14, x14, xzr
            ; b.cs >over
            ; strb w16, [x28, live::C1]
            ; ret
            ; rare:
            ; b.cs >tie
            ; strb wzr, [x28, live::C1]
            ; ret
            ; tie:
            ; and w16, w14, 1
            ; adds x14, x14, x16
            ; b.cs >over
            ; strb w16, [x28, live::C1]
            ; ret
            ; over:
            ; movz w16, 1
            ; mov x14, 1 << 63
            ; add w15, w15, 1
            ; strb w16, [x28, live::C1]
            ; ret),
        X87Mode::Exact => a64!(ops
            ; cbnz x9, ->x87_slow
            ; strb wzr, [x28, live::C1]
            ; ret),
        _ => a64!(ops
            // The eleven bits above lo count as well.
            ; lsl x16, x14, 53
            ; cmp x9, 0
            ; cset w8, ne
            ; orr x16, x16, x8
            ; lsr x14, x14, 11
            ; adds x16, x16, x16
            ; cset w8, cs
            ; cbnz x16, >cut
            ; and w8, w8, w14
            ; cut:
            ; add x14, x14, x8
            ; lsl x14, x14, 11
            ; strb w8, [x28, live::C1]
            ; cbz x14, >over
            ; ret
            ; over:
            ; mov x14, 1 << 63
            ; add w15, w15, 1
            ; ret),
    }
}

/// The result in a needs no rounding but to the mode's precision.
fn exact(ops: &mut Asm, mode: X87Mode) {
    if mode == X87Mode::Double {
        a64!(ops; mov x9, xzr);
        return round(ops, mode);
    }
    a64!(ops; strb wzr, [x28, live::C1]; ret);
}

const _: () = assert!(host_word(word::END) < 4096);
