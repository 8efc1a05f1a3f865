//! NaN results as x86 has them: the first operand's NaN made quiet, else the second's, else the negative default NaN.
//!
//! The host differs in two ways: its default NaN is positive, and it prefers a signalling NaN whichever operand it is
//! (Arm ARM A1.5.5 "NaN handling", shared/functions/float/fpprocessnans; SDM vol. 1, table 4-7). Both show only if the
//! result is a NaN, so the hot path tests just that and cold code makes the result anew from the operands.
use super::super::asm::{a64, Cond, Label};
use super::branch;
use super::flags;
use super::vector::{by_lane, VS0, VS1};
use super::{EmitCx, S0};
use ir::Lane;

/// What an operation computed its lanes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operands {
    /// Lane by lane of two registers; the same twice for one operand.
    Two(u8, u8),
    /// Even lanes of both registers with their odd lanes.
    Pairs(u8, u8),
}

impl Operands {
    fn registers(self) -> [u8; 2] {
        match self {
            Self::Two(n, m) | Self::Pairs(n, m) => [n, m],
        }
    }
}

/// Cold code that repairs a result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NanFix {
    lane: Lane,
    result: u8,
    operands: Operands,
    back: Label,
}

/// Goes to cold code if a lane of `result` is a NaN. `VS1` and `S0` are overwritten; operands must still be intact.
pub(super) fn check(cx: &mut EmitCx, lane: Lane, result: u8, operands: Operands) {
    let back = cx.asm.new_label();
    let cold = branch::cold_nan(cx, NanFix { lane, result, operands, back });
    branch_if_nan(cx, lane, result, cold);
    cx.asm.bind(back);
}

/// Goes to `cold` if a lane of `result` is a NaN. `VS1` and `S0` are overwritten.
pub(super) fn branch_if_nan(cx: &mut EmitCx, lane: Lane, result: u8, cold: Label) {
    // One lane stands for all: the largest is a NaN if any is.
    let one = match lane {
        Lane::F32x4 => {
            a64!(cx; fmaxv S(VS1), V(result).s4);
            VS1
        }
        Lane::F64x2 => {
            a64!(cx; fmaxp D(VS1), V(result).d2);
            VS1
        }
        _ => result,
    };
    let single = matches!(lane, Lane::F32x4 | Lane::F32);
    match (flags::nzcv_free(cx), single) {
        (true, true) => a64!(cx; fcmp S(one), S(one)),
        (true, false) => a64!(cx; fcmp D(one), D(one)),
        (false, true) => a64!(cx; fcmeq S(VS1), S(one), S(one); fmov w16, S(VS1)),
        (false, false) => a64!(cx; fcmeq D(VS1), D(one), D(one); fmov w16, S(VS1)),
    }
    match flags::nzcv_free(cx) {
        true => cx.asm.b_cond(Cond::Vs, cold),
        false => cx.asm.cbz(false, S0, cold),
    }
}

/// The cold code: every lane of the result that is a NaN, from the operands.
pub(super) fn fix(cx: &mut EmitCx, fix: &NanFix) {
    let NanFix { lane, result, operands, back } = *fix;
    let [n, m] = operands.registers();
    let mut free = (0..8u8).filter(|r| ![result, n, m].contains(r));
    let [a, b, t, u] = std::array::from_fn(|_| free.next().expect("five of eight registers are free"));
    a64!(cx; stp Q(a), Q(b), [sp, -64]!; stp Q(t), Q(u), [sp, 32]);
    match operands {
        Operands::Two(..) => {
            cx.mov_v(a, n);
            cx.mov_v(b, m);
        }
        Operands::Pairs(..) => {
            by_lane!(cx, lane, uzp1 a, n, m; F32x4 F64x2);
            by_lane!(cx, lane, uzp2 b, n, m; F32x4 F64x2);
        }
    }
    // t = the operand to propagate: the second only if the first is ordered.
    by_lane!(cx, lane, fcmeq t, a, a; F32x4 F64x2 F32 F64);
    a64!(cx; bsl V(t).b16, V(b).b16, V(a).b16);
    // VS1: where that is no NaN either, and t made quiet.
    by_lane!(cx, lane, fcmeq VS1, t, t; F32x4 F64x2 F32 F64);
    by_lane!(cx, lane, fmax t, t, t; F32x4 F64x2 F32 F64);
    // There the result is the host's default NaN, positive.
    by_lane!(cx, lane, fneg u, result; F32x4 F64x2 F32 F64);
    a64!(cx; bsl V(VS1).b16, V(u).b16, V(t).b16);
    by_lane!(cx, lane, fcmeq u, result, result; F32x4 F64x2 F32 F64);
    a64!(cx; bif V(result).b16, V(VS1).b16, V(u).b16);
    a64!(cx; ldp Q(t), Q(u), [sp, 32]; ldp Q(a), Q(b), [sp], 64);
    cx.asm.b(back);
    debug_assert!(result == VS0 || ![a, b, t, u].contains(&result));
}
