//! Multiplication and division. SDM vol. 2: MUL, IMUL, DIV, IDIV; the divide error is a `trap_if` before.
use super::flags::{self, Bits};
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
    let d = if want.is_empty() { cx.dst() } else { S0 };
    match (inst.ty, signed) {
        (Ty::I32, false) => a64!(cx; umull X(d), W(a), W(b)),
        (Ty::I32, true) => a64!(cx; smull X(d), W(a), W(b)),
        (_, false) => a64!(cx; ubfx W(S1), W(a), 0, bits; ubfx W(S2), W(b), 0, bits; mul W(d), W(S1), W(S2)),
        (_, true) => a64!(cx; sbfx W(S1), W(a), 0, bits; sbfx W(S2), W(b), 0, bits; mul W(d), W(S1), W(S2)),
    }
    if !want.is_empty() && cx.dst() != ZR {
        cx.mov_wide(cx.dst(), S0, inst.ty == Ty::I32);
    }
    if want.intersects(FlagSet::NZCV) {
        overflow_flags(cx, inst.ty, signed);
    }
}

/// CF = OF = whether the product in `S0` does not fit its low half; SF of the low half, ZF clear.
fn overflow_flags(cx: &mut EmitCx, ty: Ty, signed: bool) {
    let bits = ty.bits();
    // S1 = what the product would be if it fitted; bit 0 of S2 = whether it is.
    if signed {
        a64!(cx; sbfx X(S1), X(S0), 0, bits);
        if ty != Ty::I32 {
            a64!(cx; sbfx X(S2), X(S0), 0, 32; eor X(S1), X(S1), X(S2));
        } else {
            a64!(cx; eor X(S1), X(S1), X(S0));
        }
    } else {
        a64!(cx; lsr X(S1), X(S0), bits);
    }
    // Zero becomes 0, anything else 1, without flags: the top bit of x | -x.
    a64!(cx; neg X(S2), X(S1); orr X(S2), X(S2), X(S1));
    let bits = Bits { carry: Some((S2, 63)), overflow: Some((S2, 63)) };
    flags::compose(cx, None, bits, Some([S1, S0]));
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
