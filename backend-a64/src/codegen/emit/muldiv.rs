//! Multiplication and division. SDM vol. 2: MUL, IMUL, DIV, IDIV; the divide error is a `trap_if` before.
use super::flags::{self, Carry};
use super::{a64, EmitCx, S0, S1, S2, ZR};
use ir::{FlagSet, Inst, Opcode, Ty};

/// `mul`.
pub(super) fn mul(cx: &mut EmitCx, inst: &Inst) {
    if inst.ty == Ty::I64 {
        a64!(cx; mul X(cx.dst()), X(cx.x(0)), X(cx.x(1)));
    } else {
        a64!(cx; mul W(cx.dst()), W(cx.x(0)), W(cx.x(1)));
    }
}

/// `mul_wide_u`, `mul_wide_s`.
pub(super) fn mul_wide(cx: &mut EmitCx, inst: &Inst) {
    let signed = inst.op == Opcode::MulWideS;
    let (a, b, bits) = (cx.x(0), cx.x(1), inst.ty.bits());
    let want = flags::wanted(cx);
    let d = if want.is_empty() || cx.dst() != ZR { cx.dst() } else { S0 };
    match (inst.ty, signed) {
        (Ty::I32, false) => a64!(cx; umull X(d), W(a), W(b)),
        (Ty::I32, true) => a64!(cx; smull X(d), W(a), W(b)),
        (_, false) => a64!(cx; ubfx W(S1), W(a), 0, bits; ubfx W(S2), W(b), 0, bits; mul W(d), W(S1), W(S2)),
        (_, true) => a64!(cx; sbfx W(S1), W(a), 0, bits; sbfx W(S2), W(b), 0, bits; mul W(d), W(S1), W(S2)),
    }
    if want.intersects(FlagSet::NZCV) {
        let guard = flags::keep_others(cx);
        overflow(cx, inst.ty, signed, d);
        flags::wrote_nzcv(cx, guard, Carry::Direct);
    }
}

/// CF = OF = whether the product in `d` does not fit its low half, N and Z clear.
fn overflow(cx: &mut EmitCx, ty: Ty, signed: bool, d: u8) {
    match (ty, signed) {
        (Ty::I32, true) => a64!(cx; subs xzr, XSP(d), W(d), sxtw),
        (Ty::I16, true) => a64!(cx; subs wzr, WSP(d), W(d), sxth),
        (_, true) => a64!(cx; subs wzr, WSP(d), W(d), sxtb),
        (Ty::I32, false) => a64!(cx; ands xzr, X(d), 0xffff_ffff_0000_0000),
        (Ty::I16, false) => a64!(cx; ands wzr, W(d), 0xffff_0000),
        (_, false) => a64!(cx; ands wzr, W(d), 0xff00),
    }
    // Equal: the flags of x28 + 0, all clear. Else C and V.
    a64!(cx; ccmn x28, 0, 3, eq);
}

/// `udiv`, `sdiv`, `urem`, `srem`: A64 gives 0 for a zero divisor and wraps, as the opcodes say.
pub(super) fn divide(cx: &mut EmitCx, inst: &Inst) {
    let (d, n, m) = (cx.dst(), cx.x(0), cx.x(1));
    match (inst.op, inst.ty == Ty::I64) {
        (Opcode::Udiv, false) => a64!(cx; udiv W(d), W(n), W(m)),
        (Opcode::Udiv, true) => a64!(cx; udiv X(d), X(n), X(m)),
        (Opcode::Sdiv, false) => a64!(cx; sdiv W(d), W(n), W(m)),
        (Opcode::Sdiv, true) => a64!(cx; sdiv X(d), X(n), X(m)),
        (Opcode::Urem, false) => a64!(cx; udiv W(S0), W(n), W(m); msub W(d), W(S0), W(m), W(n)),
        (Opcode::Urem, true) => a64!(cx; udiv X(S0), X(n), X(m); msub X(d), X(S0), X(m), X(n)),
        (_, false) => a64!(cx; sdiv W(S0), W(n), W(m); msub W(d), W(S0), W(m), W(n)),
        (_, true) => a64!(cx; sdiv X(S0), X(n), X(m); msub X(d), X(S0), X(m), X(n)),
    }
}
