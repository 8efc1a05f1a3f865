//! Conversions between floats and integers and between the float formats.
//!
//! FCVTZS saturates and makes NaN zero; x86 gives 0x80000000 for all that does not fit. What fits is converted inline,
//! the rest in cold code, so that exactly the flags of x86 are raised (SDM vol. 1, 4.9.1.1 and 11.5.2.1).
use super::super::asm::{a64, Label};
use super::branch;
use super::vector::{VS0, VS1};
use super::vector_fp::{merge, unary};
use super::{EmitCx, S0, S2};
use ir::{Inst, Lane};

/// Cold code of a conversion to integer whose operand may not fit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IntFix {
    lane: Lane,
    /// The operand, and the operand rounded to integral.
    exact: u8,
    rounded: u8,
    dst: u8,
    back: Label,
}

/// `f_to_int`: inline if the magnitude is below 2^31.
pub(super) fn to_int(cx: &mut EmitCx, inst: &Inst) {
    if cx.options.features.frintts {
        let (d, n) = (cx.dst(), cx.v(0));
        round_to_int32(cx, inst.lane, inst.imm & 1 != 0, n);
        return match inst.lane {
            Lane::F32 => a64!(cx; fcvtzs W(d), S(VS0)),
            _ => a64!(cx; fcvtzs W(d), D(VS0)),
        };
    }
    let (d, n) = (cx.dst(), cx.v(0));
    let truncate = inst.imm & 1 != 0;
    let single = inst.lane == Lane::F32;
    let rounded = if truncate { n } else { VS0 };
    match (truncate, single) {
        (true, _) => {}
        // A single of this size has no fraction, so that this cannot be inexact and overflow later.
        (false, true) => a64!(cx; frintx S(VS0), S(n)),
        (false, false) => a64!(cx; frinti D(VS0), D(n)),
    }
    match single {
        true => a64!(cx; fmov w16, S(rounded); ubfx w16, w16, 23, 8; sub w16, w16, 127 + 31),
        false => a64!(cx; fmov x16, D(rounded); ubfx x16, x16, 52, 11; sub w16, w16, 1023 + 31),
    }
    let back = cx.asm.new_label();
    let cold = branch::cold_int(cx, IntFix { lane: inst.lane, exact: n, rounded, dst: d, back });
    cx.asm.tbz(S0, 31, cold);
    match (single, truncate) {
        (true, _) => a64!(cx; fcvtzs W(d), S(rounded)),
        (false, true) => a64!(cx; fcvtzs W(d), D(n)),
        // The first conversion is for PE alone.
        (false, false) => a64!(cx; fcvtzs w16, D(n); fcvtzs W(d), D(rounded)),
    }
    cx.asm.bind(back);
}

/// FRINT32Z if `truncate`, else FRINT32X, to VS0: what does not fit becomes -2^31, with the flags of x86 (FEAT_FRINTTS; Arm ARM
/// C7.2). The assembler does not know them.
fn round_to_int32(cx: &mut EmitCx, lane: Lane, truncate: bool, n: u8) {
    let word = match (lane, truncate) {
        (Lane::F32, true) => 0x1e28_4000,
        (Lane::F32, false) => 0x1e28_c000,
        (Lane::F64, true) => 0x1e68_4000,
        (Lane::F64, false) => 0x1e68_c000,
        (Lane::F32x4, true) => 0x4e21_e800,
        (Lane::F32x4, false) => 0x6e21_e800,
        (_, true) => 0x4e61_e800,
        (_, false) => 0x6e61_e800,
    };
    cx.asm.word(word | u32::from(n) << 5 | u32::from(VS0));
}

/// The cold code: NaN, or a magnitude of 2^31 or more.
pub(super) fn fix(cx: &mut EmitCx, fix: &IntFix) {
    let IntFix { lane, exact, rounded, dst, back } = *fix;
    match lane {
        Lane::F32 => {
            a64!(cx; fcvtzs w16, S(rounded));
            cx.mov_imm(dst, 0x8000_0000);
        }
        Lane::F64 => {
            if rounded == exact {
                a64!(cx; frintz D(VS0), D(exact));
            }
            one_double(cx, exact, VS0, VS1);
            cx.mov(dst, S0);
        }
        _ => two_doubles(cx, fix),
    }
    cx.asm.b(back);
}

/// `S0` := a double as an integer, given it rounded to integral too; `t` is overwritten. -2^31 and what is rounded to it
/// fit; nothing else raises but IE.
fn one_double(cx: &mut EmitCx, exact: u8, rounded: u8, t: u8) {
    let (bad, done) = (cx.asm.new_label(), cx.asm.new_label());
    a64!(cx
        ; fcvtzs w16, D(rounded)
        ; scvtf D(t), w16
        ; fcmeq D(t), D(t), D(rounded)
        ; fmov w30, S(t));
    cx.asm.cbz(false, S2, bad);
    // For PE alone: the result is in the register already.
    a64!(cx; fcvtzs w30, D(exact));
    cx.asm.b(done);
    cx.asm.bind(bad);
    cx.mov_imm(S0, 0x8000_0000);
    cx.asm.bind(done);
}

fn two_doubles(cx: &mut EmitCx, fix: &IntFix) {
    let IntFix { exact, rounded, dst, .. } = *fix;
    let mut free = (0..8u8).filter(|r| ![exact, rounded, dst].contains(r));
    let [e, r] = std::array::from_fn(|_| free.next().expect("two of eight registers are free"));
    a64!(cx; stp Q(e), Q(r), [sp, -32]!);
    for lane in 0..2u32 {
        a64!(cx; dup D(e), V(exact).d[lane]);
        if rounded == exact {
            a64!(cx; frintz D(r), D(e));
        } else {
            a64!(cx; dup D(r), V(rounded).d[lane]);
        }
        one_double(cx, e, r, VS1);
        if lane == 0 {
            a64!(cx; mov w17, w16);
        }
    }
    a64!(cx; ldp Q(e), Q(r), [sp], 32; orr x17, x17, x16, lsl 32; fmov D(dst), x17);
}

/// `int_to_f`.
pub(super) fn from_int(cx: &mut EmitCx, inst: &Inst) {
    let n = cx.x(1);
    let lane = inst.lane;
    let direct = cx.options.features.afp;
    let r = if direct { cx.dst_v() } else { VS0 };
    if direct {
        cx.mov_v(r, cx.v(0));
    }
    match lane {
        Lane::F32 => a64!(cx; scvtf S(r), W(n)),
        _ => a64!(cx; scvtf D(r), W(n)),
    }
    if !direct {
        merge(cx, lane, r);
    }
}

/// `vf_to_int`.
pub(super) fn packed_to_int(cx: &mut EmitCx, inst: &Inst) {
    let (d, n) = (cx.dst_v(), cx.v(0));
    let truncate = inst.imm & 1 != 0;
    if cx.options.features.frintts {
        round_to_int32(cx, inst.lane, truncate, n);
        return match inst.lane {
            Lane::F32x4 => a64!(cx; fcvtzs V(d).s4, V(VS0).s4),
            _ => a64!(cx; fcvtzs V(VS0).d2, V(VS0).d2; xtn V(d).s2, V(VS0).d2),
        };
    }
    if inst.lane == Lane::F64x2 {
        return doubles_to_int(cx, truncate);
    }
    // Where the operand is below 2^31: a NaN is not.
    a64!(cx; movi V(VS1).s4, 0x4f, lsl 24; fcmgt V(VS1).s4, V(VS1).s4, V(n).s4);
    if truncate {
        a64!(cx; fcvtzs V(VS0).s4, V(n).s4);
    } else {
        a64!(cx; frintx V(VS0).s4, V(n).s4; fcvtzs V(VS0).s4, V(VS0).s4);
    }
    a64!(cx; movi V(d).s4, 0x80, lsl 24; bit V(d).b16, V(VS0).b16, V(VS1).b16);
}

/// Two doubles: through 64-bit integers if both are below 2^31 in magnitude, else one by one.
fn doubles_to_int(cx: &mut EmitCx, truncate: bool) {
    let (d, n) = (cx.dst_v(), cx.v(0));
    let rounded = if truncate { n } else { VS0 };
    if !truncate {
        a64!(cx; frinti V(VS0).d2, V(n).d2);
    }
    let back = cx.asm.new_label();
    let cold = branch::cold_int(cx, IntFix { lane: Lane::F64x2, exact: n, rounded, dst: d, back });
    a64!(cx
        ; movz x16, 0x41e0, lsl 48
        ; dup V(VS1).d2, x16
        ; facgt V(VS1).d2, V(VS1).d2, V(rounded).d2
        ; uminv S(VS1), V(VS1).s4
        ; fmov w16, S(VS1));
    cx.asm.cbz(false, S0, cold);
    if !truncate {
        a64!(cx; fcvtzs V(VS1).d2, V(n).d2);
    }
    a64!(cx; fcvtzs V(VS0).d2, V(rounded).d2; xtn V(d).s2, V(VS0).d2);
    cx.asm.bind(back);
}

/// `vint_to_f`.
pub(super) fn packed_from_int(cx: &mut EmitCx, inst: &Inst) {
    let (d, n) = (cx.dst_v(), cx.v(0));
    match inst.lane {
        Lane::F32x4 => a64!(cx; scvtf V(d).s4, V(n).s4),
        _ => a64!(cx; sshll V(d).d2, V(n).s2, 0; scvtf V(d).d2, V(d).d2),
    }
}

/// `fwiden`. NaNs keep sign and payload and become quiet on both architectures.
pub(super) fn widen(cx: &mut EmitCx, inst: &Inst) {
    let m = cx.v(1);
    if inst.lane == Lane::F32x4 {
        return a64!(cx; fcvtl V(cx.dst_v()).d2, V(m).s2);
    }
    unary(cx, Lane::F64, |cx, d, m| a64!(cx; fcvt D(d), S(m)));
}

/// `fnarrow`.
pub(super) fn narrow(cx: &mut EmitCx, inst: &Inst) {
    let m = cx.v(1);
    if inst.lane == Lane::F64x2 {
        return a64!(cx; fcvtn V(cx.dst_v()).s2, V(m).d2);
    }
    unary(cx, Lane::F32, |cx, d, m| a64!(cx; fcvt S(d), D(m)));
}
