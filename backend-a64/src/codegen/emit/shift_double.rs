//! SHLD and SHRD. SDM vol. 2, each by name.
use super::flags::{self, Bits, Carry};
use super::shift::{constant, copy, unless_zero};
use super::{a64, EmitCx, S0, S1, S2, ZR};
use ir::{FlagSet, Inst, Opcode, Ty};

/// `shld`, `shrd`.
pub(super) fn shift_double(cx: &mut EmitCx, inst: &Inst) {
    let summed = inst.op == Opcode::Shld && flags::kept(cx).is_empty();
    match (constant(cx, inst, 2), inst.ty) {
        (Some(0), _) => copy(cx, inst),
        (Some(c), Ty::I32) if summed && flags::wanted(cx).intersects(FlagSet::NZCV) => shld_by_sum(cx, c),
        (Some(c), Ty::I16) if summed => shld_narrow(cx, c),
        (Some(c), Ty::I32) => extract(cx, inst, c),
        (count, _) => side_by_side(cx, inst, count),
    }
}

/// The operand shifted by one less, doubled, plus the bit that comes in: N, Z, C and V are those of the sum.
fn shld_by_sum(cx: &mut EmitCx, c: u32) {
    let want = flags::wanted(cx);
    let (a, fill) = (cx.x(0), cx.x(1));
    let d = if cx.dst() == ZR { S0 } else { cx.dst() };
    if c > 1 {
        a64!(cx
            ; lsl W(S1), W(fill), c - 1
            ; extr W(S0), W(a), W(fill), 33 - c
            ; adds wzr, W(S1), W(S1)
            ; adcs W(d), W(S0), W(S0));
    } else {
        a64!(cx; adds wzr, W(fill), W(fill); adcs W(d), W(a), W(a));
    }
    cx.carry = Carry::Direct;
    flags::set_raw(cx, want, d, None);
}

/// I16 by a constant: the same with both operands side by side, and the sum in the upper half.
fn shld_narrow(cx: &mut EmitCx, c: u32) {
    let want = flags::wanted(cx);
    let d = if cx.dst() == ZR { S0 } else { cx.dst() };
    // A count above 16 goes on into the operand itself again, as processors do.
    let (a, fill, c) = if c > 16 { (cx.x(1), cx.x(0), c - 16) } else { (cx.x(0), cx.x(1), c) };
    a64!(cx; lsl W(S0), W(a), 16; bfxil W(S0), W(fill), 0, 16);
    if want.intersects(FlagSet::NZCV) {
        match c {
            1 => a64!(cx; and WSP(S1), W(S0), 0xffff_8000),
            16 => a64!(cx; lsl W(S1), W(S0), 15),
            _ => a64!(cx; lsl W(S1), W(S0), c - 1; and WSP(S1), W(S1), 0xffff_8000),
        }
        a64!(cx; adds W(S1), W(S1), W(S1); lsr W(d), W(S1), 16);
        cx.carry = Carry::Direct;
    } else {
        a64!(cx; lsr W(d), W(S0), 16 - c);
    }
    flags::set_raw(cx, want, d, None);
}

/// I32 by a constant: the host extracts from a pair of registers.
fn extract(cx: &mut EmitCx, inst: &Inst, c: u32) {
    let want = flags::wanted(cx);
    let (a, fill, left) = (cx.x(0), cx.x(1), inst.op == Opcode::Shld);
    let nzcv = want.intersects(FlagSet::NZCV);
    let d = if cx.dst() == ZR || (nzcv && cx.dst() == a) { S0 } else { cx.dst() };
    match left {
        true => a64!(cx; extr W(d), W(a), W(fill), 32 - c),
        false => a64!(cx; extr W(d), W(fill), W(a), c),
    }
    flags::set_raw(cx, want, d, None);
    if nzcv {
        // OF: the carry differs from the sign (SHLD), the two top bits differ (SHRD).
        match left {
            true => a64!(cx; eor W(S1), W(d), W(a), lsl c - 1),
            false => a64!(cx; eor W(S1), W(d), W(d), lsl 1),
        }
        let carry = Some((a, if left { 32 - c } else { c - 1 }));
        flags::compose(cx, Some((d, Ty::I32)), Bits { carry, overflow: Some((S1, 31)) });
    }
    if d == S0 {
        cx.mov_result(S0, Ty::I32);
    }
}

/// Both operands side by side in 64 bits (I32) or three times 16 bits (I16).
fn side_by_side(cx: &mut EmitCx, inst: &Inst, count: Option<u32>) {
    let want = flags::wanted(cx);
    let (a, fill, bits) = (cx.x(0), cx.x(1), inst.ty.bits());
    let left = inst.op == Opcode::Shld;
    double_operand(cx, left, bits, a, fill);
    // S1 = the result, S2 = the last bit out.
    match count {
        Some(c) if left => a64!(cx; lsl X(S1), X(S0), c; lsr X(S2), X(S0), 64 - c),
        Some(c) => a64!(cx; lsr X(S1), X(S0), c; lsr X(S2), X(S0), c - 1),
        None => {
            a64!(cx; and WSP(S2), W(cx.x(2)), 31);
            match left {
                true => a64!(cx; lsl X(S1), X(S0), X(S2); neg W(S2), W(S2); lsr X(S2), X(S0), X(S2)),
                false => a64!(cx; lsr X(S1), X(S0), X(S2); sub WSP(S2), WSP(S2), 1; lsr X(S2), X(S0), X(S2)),
            }
        }
    }
    if left {
        a64!(cx; lsr X(S1), X(S1), 64 - bits);
    }
    match count {
        _ if want.is_empty() => {}
        Some(_) => set_flags(cx, inst, want),
        None => {
            a64!(cx; and WSP(S0), W(cx.x(2)), 31);
            unless_zero(cx, S0, |cx| set_flags(cx, inst, want));
        }
    }
    cx.mov_result(S1, inst.ty);
}

fn set_flags(cx: &mut EmitCx, inst: &Inst, want: FlagSet) {
    flags::set_raw(cx, want, S1, None);
    if !want.intersects(FlagSet::NZCV) {
        return;
    }
    // As in `extract`.
    let bits = inst.ty.bits();
    match inst.op {
        Opcode::Shld => a64!(cx; eor W(S0), W(S1), W(S2), lsl bits - 1),
        _ => a64!(cx; eor W(S0), W(S1), W(S1), lsl 1),
    }
    let bits = Bits { carry: Some((S2, 0)), overflow: Some((S0, bits - 1)) };
    flags::compose(cx, Some((S1, inst.ty)), bits);
}

/// `S0` = the operands for one 64-bit shift: the shifted one at the end it leaves from.
fn double_operand(cx: &mut EmitCx, left: bool, bits: u32, a: u8, fill: u8) {
    match (left, bits) {
        (true, 32) => a64!(cx; orr X(S0), X(fill), X(a), lsl 32),
        (false, 32) => a64!(cx; orr X(S0), X(a), X(fill), lsl 32),
        // A count above 16 goes on into the operand itself again, as processors do.
        (true, _) => a64!(cx
            ; ubfx W(S0), W(fill), 0, 16
            ; bfi X(S0), X(a), 16, 16
            ; lsl X(S0), X(S0), 32
            ; bfi X(S0), X(a), 16, 16
        ),
        (false, _) => a64!(cx
            ; ubfx W(S0), W(a), 0, 16
            ; bfi X(S0), X(fill), 16, 16
            ; bfi X(S0), X(a), 32, 16
        ),
    }
}
