//! SSE arithmetic, minimum and maximum, comparison, rounding.
//!
//! The host computes with FPCR as MXCSR says (`vector_move::set_mxcsr`), so rounding and the sticky flags come by themselves.
//! NaNs do not: see `vector_nan`, which every operation that can produce one passes its result to.
use super::super::asm::{a64, Cond};
use super::vector::{by_lane, VS0, VS1};
use super::vector_afp;
use super::vector_nan::{self, Operands};
use super::{abi, branch, flags};
use super::{EmitCx, S0};
use ir::guest::Trap;
use ir::{FlagSet, Inst, Lane, Opcode};

/// Whether only lane 0 takes part and the rest of the first argument is kept.
pub(super) fn is_scalar(lane: Lane) -> bool {
    matches!(lane, Lane::F32 | Lane::F64)
}

/// The result register of a scalar operation that must not lose the first argument: scratch, merged by [`merge`].
/// For a packed one the destination, or scratch if that holds an operand the cold path will want.
pub(super) fn result_register(cx: &EmitCx, lane: Lane) -> u8 {
    let d = cx.dst_v();
    if is_scalar(lane) || d == cx.v(0) || d == cx.v(1) {
        VS0
    } else {
        d
    }
}

/// The destination := the first argument with lane 0 from `result`; all of `result` for a packed operation.
pub(super) fn merge(cx: &mut EmitCx, lane: Lane, result: u8) {
    let d = cx.dst_v();
    if !is_scalar(lane) {
        return cx.mov_v(d, result);
    }
    cx.mov_v(d, cx.v(0));
    match lane {
        Lane::F32 => a64!(cx; ins V(d).s[0], V(result).s[0]),
        _ => a64!(cx; ins V(d).d[0], V(result).d[0]),
    }
}

/// `fadd` and its kin.
pub(super) fn arithmetic(cx: &mut EmitCx, inst: &Inst) {
    if cx.options.features.afp {
        return vector_afp::arithmetic(cx, inst);
    }
    let (n, m) = (cx.v(0), cx.v(1));
    let lane = inst.lane;
    let r = match (inst.op, inst.imm) {
        // Nobody needs the operands any more, unless it leaves to the interpreter, which must find registers as they were.
        (Opcode::FMul | Opcode::FAddPair, 1) => cx.dst_v(),
        (Opcode::FAddPair, 2) if !abi::is_pinned_xmm(cx.dst_v()) => cx.dst_v(),
        (Opcode::FAddPair, 2) => VS0,
        _ => result_register(cx, lane),
    };
    let mut operands = Operands::Two(n, m);
    match inst.op {
        Opcode::FAdd => by_lane!(cx, lane, fadd r, n, m; F32x4 F64x2 F32 F64),
        Opcode::FSub => by_lane!(cx, lane, fsub r, n, m; F32x4 F64x2 F32 F64),
        Opcode::FMul => by_lane!(cx, lane, fmul r, n, m; F32x4 F64x2 F32 F64),
        Opcode::FDiv => by_lane!(cx, lane, fdiv r, n, m; F32x4 F64x2 F32 F64),
        Opcode::FSqrt => {
            by_lane!(cx, lane, fsqrt r, m; F32x4 F64x2 F32 F64);
            operands = Operands::Two(m, m);
        }
        Opcode::FAddSub => {
            negate_even(cx, lane, m);
            by_lane!(cx, lane, fadd r, n, VS1; F32x4 F64x2);
        }
        Opcode::FAddPair => {
            by_lane!(cx, lane, faddp r, n, m; F32x4 F64x2);
            operands = Operands::Pairs(n, m);
        }
        _ => {
            by_lane!(cx, lane, uzp1 VS0, n, m; F32x4 F64x2);
            by_lane!(cx, lane, uzp2 VS1, n, m; F32x4 F64x2);
            by_lane!(cx, lane, fsub r, VS0, VS1; F32x4 F64x2);
            operands = Operands::Pairs(n, m);
        }
    }
    match (inst.op, inst.imm) {
        (Opcode::FMul | Opcode::FAddPair, 1) => {}
        (Opcode::FMul | Opcode::FAddPair, 2) => {
            let cold = branch::cold_trap(cx, Trap::Interpret);
            vector_nan::branch_if_nan(cx, lane, r, cold);
        }
        _ => vector_nan::check(cx, lane, r, operands),
    }
    merge(cx, lane, r);
}

/// `VS1` := `m` with the sign of even lanes inverted.
fn negate_even(cx: &mut EmitCx, lane: Lane, m: u8) {
    match lane {
        Lane::F32x4 => a64!(cx; movz x16, 0x8000, lsl 16; dup V(VS1).d2, x16),
        _ => a64!(cx; movz x16, 0x8000, lsl 48; fmov D(VS1), x16),
    }
    a64!(cx; eor V(VS1).b16, V(VS1).b16, V(m).b16);
}

/// `fmin`, `fmax`: a comparison chooses, so that NaNs and zeros give the second argument.
pub(super) fn min_max(cx: &mut EmitCx, inst: &Inst) {
    if cx.options.features.afp {
        return vector_afp::arithmetic(cx, inst);
    }
    let (n, m) = (cx.v(0), cx.v(1));
    let (lane, d) = (inst.lane, cx.dst_v());
    let packed = !is_scalar(lane);
    let r = if packed && d != n && d != m { d } else { VS0 };
    match inst.op {
        Opcode::FMin => by_lane!(cx, lane, fcmgt r, m, n; F32x4 F64x2 F32 F64),
        _ => by_lane!(cx, lane, fcmgt r, n, m; F32x4 F64x2 F32 F64),
    }
    match d {
        _ if packed && d == n => a64!(cx; bif V(d).b16, V(m).b16, V(r).b16),
        _ if packed && d == m => a64!(cx; bit V(d).b16, V(n).b16, V(r).b16),
        _ => {
            a64!(cx; bsl V(r).b16, V(n).b16, V(m).b16);
            merge(cx, lane, r);
        }
    }
}

/// `fcmp`: masks.
pub(super) fn compare(cx: &mut EmitCx, inst: &Inst) {
    if cx.options.features.afp {
        return vector_afp::compare(cx, inst);
    }
    let (n, m) = (cx.v(0), cx.v(1));
    let lane = inst.lane;
    let r = if is_scalar(lane) { VS0 } else { cx.dst_v() };
    match inst.imm & 3 {
        0 => by_lane!(cx, lane, fcmeq r, n, m; F32x4 F64x2 F32 F64),
        1 => by_lane!(cx, lane, fcmgt r, m, n; F32x4 F64x2 F32 F64),
        2 => by_lane!(cx, lane, fcmge r, m, n; F32x4 F64x2 F32 F64),
        _ => {
            // FMAX is a NaN if an operand is one, and invalid for signalling ones only.
            let t = if n == m { n } else { VS0 };
            if n != m {
                by_lane!(cx, lane, fmax t, n, m; F32x4 F64x2 F32 F64);
            }
            by_lane!(cx, lane, fcmeq r, t, t; F32x4 F64x2 F32 F64);
        }
    }
    // UNORD is what the comparison above denies, the others are what it says.
    if (inst.imm & 3 == 3) != (inst.imm & 4 != 0) {
        a64!(cx; mvn V(r).b16, V(r).b16);
    }
    if is_scalar(lane) {
        merge(cx, lane, r);
    }
}

/// `fcomi`. FCMP gives N Z C V: less 1000, equal 0110, greater 0010, unordered 0011.
pub(super) fn compare_flags(cx: &mut EmitCx, inst: &Inst) {
    let (n, m) = (cx.v(0), cx.v(1));
    let want = flags::wanted(cx);
    match (inst.lane, inst.imm & 1 != 0) {
        (Lane::F32, false) => a64!(cx; fcmp S(n), S(m)),
        (Lane::F32, true) => a64!(cx; fcmpe S(n), S(m)),
        (_, false) => a64!(cx; fcmp D(n), D(m)),
        (_, true) => a64!(cx; fcmpe D(n), D(m)),
    }
    if want.intersects(FlagSet::PF | FlagSet::AF) {
        // PF is set for even parity: 1 if ordered, 0 if not.
        let result = flags::result_reg(cx, want);
        flags::cset(cx, result, Cond::Vc);
        flags::set_raw(cx, want, result, Some(result));
    }
    if want.intersects(FlagSet::NZCV) && cx.options.features.flagm2 {
        // AXFLAG: N and V clear, unordered sets Z and clears C. The assembler does not know it.
        cx.asm.word(0xd500_405f);
    } else if want.intersects(FlagSet::NZCV) {
        // If ordered the same again; unordered becomes Z without C: ZF and CF.
        match inst.lane {
            Lane::F32 => a64!(cx; fccmp S(n), S(m), 4, vc),
            _ => a64!(cx; fccmp D(n), D(m), 4, vc),
        }
        if want.contains(FlagSet::SF) {
            clear_n(cx);
        }
    }
    cx.carry = flags::Carry::Inverted;
}

/// Clears N and nothing else.
fn clear_n(cx: &mut EmitCx) {
    if cx.options.features.flagm {
        a64!(cx; rmif xzr, 0, 8);
    } else {
        flags::read_nzcv(cx, S0);
        a64!(cx; and w16, w16, 0x7fff_ffff);
        flags::write_nzcv(cx, S0);
    }
}

/// `fround`. The instructions with a fixed mode do not report inexactness, FRINTX in the current mode does.
pub(super) fn round(cx: &mut EmitCx, inst: &Inst) {
    let m = cx.v(1);
    let lane = inst.lane;
    let (current, quiet) = (inst.imm & 4 != 0, inst.imm & 8 != 0);
    if !current && !quiet {
        by_lane!(cx, lane, frintx VS1, m; F32x4 F64x2 F32 F64);
    }
    unary(cx, lane, |cx, d, m| match (current, quiet, inst.imm & 3) {
        (true, true, _) => by_lane!(cx, lane, frinti d, m; F32x4 F64x2 F32 F64),
        (true, false, _) => by_lane!(cx, lane, frintx d, m; F32x4 F64x2 F32 F64),
        (false, _, 0) => by_lane!(cx, lane, frintn d, m; F32x4 F64x2 F32 F64),
        (false, _, 1) => by_lane!(cx, lane, frintm d, m; F32x4 F64x2 F32 F64),
        (false, _, 2) => by_lane!(cx, lane, frintp d, m; F32x4 F64x2 F32 F64),
        (false, _, _) => by_lane!(cx, lane, frintz d, m; F32x4 F64x2 F32 F64),
    });
}

/// An operation of one operand, argument 1, that makes no NaN: `f(cx, d, m)` emits it. A scalar one keeps the rest of
/// argument 0.
pub(super) fn unary(cx: &mut EmitCx, lane: Lane, f: impl FnOnce(&mut EmitCx, u8, u8)) {
    if cx.options.features.afp || !is_scalar(lane) {
        return vector_afp::unary(cx, lane, f);
    }
    let m = cx.v(1);
    f(cx, VS0, m);
    merge(cx, lane, VS0);
}
