//! Rotations. SDM vol. 2: RCL/RCR/ROL/ROR. They write CF and OF only.
use super::super::asm::Cond;
use super::flags::{self, Bits, Carry};
use super::shift::{constant, copy, unless_zero};
use super::{a64, EmitCx, S0, S1, S2, ZR};
use ir::{FlagSet, Inst, Opcode, Ty};

/// `rol`, `ror`.
pub(super) fn rotate(cx: &mut EmitCx, inst: &Inst) {
    let want = flags::wanted(cx);
    let (n, bits) = (cx.x(0), inst.ty.bits());
    let left = inst.op == Opcode::Rol;
    let count = constant(cx, inst, 1);
    if count == Some(0) {
        return copy(cx, inst);
    }
    // A variable count is needed once more for the flags.
    let kept = count.is_none() && !want.is_empty() && cx.dst() == cx.x(1);
    let d = if cx.dst() == ZR || kept { S0 } else { cx.dst() };
    match bits {
        32.. => rotate_full(cx, inst, left, count, d),
        _ => rotate_narrow(cx, bits, n, left, count, d),
    }
    if want.intersects(FlagSet::NZCV) {
        match count {
            Some(_) => rotate_flags(cx, left, inst.ty, d),
            None => {
                let mask = if inst.ty == Ty::I64 { 63 } else { 31 };
                a64!(cx; and WSP(S2), W(cx.x(1)), mask);
                unless_zero(cx, S2, |cx| rotate_flags(cx, left, inst.ty, d));
            }
        }
    }
    if d == S0 {
        cx.mov_result(S0, inst.ty);
    }
}

fn rotate_full(cx: &mut EmitCx, inst: &Inst, left: bool, count: Option<u32>, d: u8) {
    let (n, wide) = (cx.x(0), inst.ty == Ty::I64);
    let bits = inst.ty.bits();
    match (count, wide) {
        (Some(c), false) => a64!(cx; ror W(d), W(n), (if left { bits - c } else { c }) & 31),
        (Some(c), true) => a64!(cx; ror X(d), X(n), (if left { bits - c } else { c }) & 63),
        (None, false) if left => a64!(cx; neg W(S1), W(cx.x(1)); ror W(d), W(n), W(S1)),
        (None, true) if left => a64!(cx; neg X(S1), X(cx.x(1)); ror X(d), X(n), X(S1)),
        (None, false) => a64!(cx; ror W(d), W(n), W(cx.x(1))),
        (None, true) => a64!(cx; ror X(d), X(n), X(cx.x(1))),
    }
}

/// A narrow operand: by a constant, the bits that go round and the others; else copies of it fill 32 bits, and rotating those
/// rotates each. What is above the width in the result may be anything.
fn rotate_narrow(cx: &mut EmitCx, bits: u32, n: u8, left: bool, count: Option<u32>, d: u8) {
    if let Some(c) = count.map(|c| c % bits) {
        let by = if left { c } else { (bits - c) % bits };
        let from = bits - by;
        return match by {
            0 => cx.mov(d, n),
            _ => a64!(cx; ubfx W(S0), W(n), from, by; orr W(d), W(S0), W(n), lsl by),
        };
    }
    a64!(cx; mov W(S0), W(n));
    if bits == 8 {
        a64!(cx; bfi W(S0), W(S0), 8, 8);
    }
    a64!(cx; bfi W(S0), W(S0), 16, 16);
    match left {
        true => a64!(cx; neg W(S1), W(cx.x(1)); ror W(d), W(S0), W(S1)),
        false => a64!(cx; ror W(d), W(S0), W(cx.x(1))),
    }
}

/// OF: the top bit differs from the carry, which is bit 0 (ROL), or from the bit below, and the carry is the top bit (ROR).
fn rotate_flags(cx: &mut EmitCx, left: bool, ty: Ty, r: u8) {
    let top = ty.bits() - 1;
    let carry = if left { 0 } else { top };
    if !flags::wanted(cx).contains(FlagSet::OF) {
        return flags::compose(cx, None, Bits { carry: Some((r, carry)), overflow: None });
    }
    let bits = match (left, ty) {
        (true, _) => {
            match ty {
                Ty::I64 => a64!(cx; eor X(S1), X(r), X(r), lsr 63),
                _ => a64!(cx; eor W(S1), W(r), W(r), lsr top),
            }
            Bits { carry: Some((r, 0)), overflow: Some((S1, 0)) }
        }
        // Both side by side: the top bit, and below it what it differs from.
        (false, _) => {
            match ty {
                Ty::I64 => a64!(cx; eor X(S1), X(r), X(r), lsr 1),
                Ty::I32 => a64!(cx; eor W(S1), W(r), W(r), lsr 1),
                _ => a64!(cx; ubfx W(S1), W(r), 0, top + 1; eor W(S1), W(S1), W(S1), lsr 1),
            }
            Bits { carry: Some((S1, top)), overflow: Some((S1, top - 1)) }
        }
    };
    flags::compose(cx, None, bits);
}

/// `rcl`, `rcr`: a rotation of CF and the operand, one bit wider than the operand, in 64 bits.
pub(super) fn rotate_carry(cx: &mut EmitCx, inst: &Inst) {
    assert!(inst.ty.bits() <= 32, "rotations through carry are at most 32 bits");
    match (constant(cx, inst, 1), inst.op, inst.ty) {
        (Some(0), ..) => copy(cx, inst),
        (Some(1), Opcode::Rcl, Ty::I32) => rcl_by_one(cx),
        (Some(1), Opcode::Rcr, Ty::I32) => rcr_by_one(cx),
        (Some(1), Opcode::Rcl, _) => rcl_narrow_by_one(cx, inst.ty.bits()),
        (Some(c), _, Ty::I32) if !flags::wanted(cx).contains(FlagSet::OF) => extract(cx, inst, c),
        (count, ..) => rotate_wide(cx, inst, count),
    }
}

/// The operand plus itself plus CF; also its flags are those of the sum.
fn rcl_by_one(cx: &mut EmitCx) {
    let want = flags::wanted(cx).intersects(FlagSet::NZCV);
    flags::need_carry(cx, Carry::Direct);
    let guard = if want { flags::keep_others(cx) } else { flags::Guard::None };
    let (d, n) = (cx.dst(), cx.x(0));
    match want {
        true => a64!(cx; adcs W(d), W(n), W(n)),
        false => a64!(cx; adc W(d), W(n), W(n)),
    }
    if want {
        flags::wrote_nzcv(cx, guard, Carry::Direct);
    }
}

/// One bit of the pair of CF and the operand further.
fn rcr_by_one(cx: &mut EmitCx) {
    let (dst, n) = (cx.dst(), cx.x(0));
    let want = flags::wanted(cx).intersects(FlagSet::NZCV);
    flags::cset(cx, S1, carry_condition(cx));
    let d = if dst == ZR || want && dst == n { S0 } else { dst };
    a64!(cx; extr W(d), W(S1), W(n), 1);
    if want {
        // OF: the two top bits differ.
        a64!(cx; eor W(S1), W(d), W(d), lsl 1);
        flags::compose(cx, None, Bits { carry: Some((n, 0)), overflow: Some((S1, 31)) });
    }
    if d == S0 {
        cx.mov_result(S0, Ty::I32);
    }
}

/// I8 and I16: the operand goes above CF.
fn rcl_narrow_by_one(cx: &mut EmitCx, bits: u32) {
    let (dst, n) = (cx.dst(), cx.x(0));
    let d = if dst == ZR || dst == n { S0 } else { dst };
    flags::cset(cx, d, carry_condition(cx));
    a64!(cx; bfi W(d), W(n), 1, bits);
    if flags::wanted(cx).intersects(FlagSet::NZCV) {
        // The bit that has left, and below it whether the top bit differs.
        a64!(cx; eor W(S1), W(d), W(d), lsr 1);
        flags::compose(cx, None, Bits { carry: Some((S1, bits)), overflow: Some((S1, bits - 1)) });
    }
    if d == S0 {
        cx.mov_result(S0, Ty::I32);
    }
}

/// I32 by two and more, without OF: the host extracts from the operand and what follows it in the circle with CF.
fn extract(cx: &mut EmitCx, inst: &Inst, c: u32) {
    let (d, n) = (cx.dst(), cx.x(0));
    flags::cset(cx, S0, carry_condition(cx));
    let carry = match inst.op {
        Opcode::Rcl => {
            a64!(cx; extr W(S0), W(S0), W(n), 1; extr W(d), W(n), W(S0), 32 - c);
            31 - c
        }
        _ => {
            a64!(cx; orr W(S0), W(S0), W(n), lsl 1; extr W(d), W(S0), W(n), c);
            c
        }
    };
    if flags::wanted(cx).contains(FlagSet::CF) {
        flags::compose(cx, None, Bits { carry: Some((S0, carry)), overflow: None });
    }
}

/// The host's condition for CF.
fn carry_condition(cx: &EmitCx) -> Cond {
    match cx.carry {
        Carry::Direct => Cond::Cs,
        Carry::Inverted => Cond::Cc,
    }
}

fn rotate_wide(cx: &mut EmitCx, inst: &Inst, count: Option<u32>) {
    let want = flags::wanted(cx).intersects(FlagSet::NZCV);
    let (n, bits, left) = (cx.x(0), inst.ty.bits(), inst.op == Opcode::Rcl);
    let width = bits + 1;
    if count.is_none() {
        a64!(cx; and WSP(S2), W(cx.x(1)), 31);
    }
    flags::cset(cx, S0, carry_condition(cx));
    match bits {
        32 => a64!(cx; orr X(S0), X(n), X(S0), lsl 32),
        _ => a64!(cx; lsl X(S0), X(S0), bits; bfxil X(S0), X(n), 0, bits),
    }
    // Above its width a narrow result may be anything.
    let r = if bits < 32 && cx.dst() != ZR { cx.dst() } else { S1 };
    match count.map(|c| c % width) {
        Some(0) => a64!(cx; mov X(r), X(S0)),
        Some(c) => {
            let c = if left { c } else { width - c };
            a64!(cx; lsl X(r), X(S0), c; orr X(r), X(r), X(S0), lsr width - c);
        }
        None if bits < 32 => turn_copies(cx, width, left, r),
        None => {
            a64!(cx; neg W(S1), W(S2); add WSP(S1), WSP(S1), width);
            match left {
                true => a64!(cx; lsr X(S1), X(S0), X(S1); lsl X(S0), X(S0), X(S2)),
                false => a64!(cx; lsl X(S1), X(S0), X(S1); lsr X(S0), X(S0), X(S2)),
            }
            a64!(cx; orr X(S1), X(S1), X(S0));
        }
    }
    if want {
        match count {
            Some(_) => rotate_wide_flags(cx, bits, left, r),
            None => unless_zero(cx, S2, |cx| rotate_wide_flags(cx, bits, left, r)),
        }
    }
    if r == S1 {
        cx.mov_result(S1, inst.ty);
    }
}

/// A narrow operand and CF in `S0`, turned by `S2` (at most 31): copies of both fill 64 bits, so one shift does, and no remainder is
/// needed.
fn turn_copies(cx: &mut EmitCx, width: u32, left: bool, r: u8) {
    let mut filled = width;
    while filled < 64 {
        a64!(cx; orr X(S0), X(S0), X(S0), lsl filled);
        filled *= 2;
    }
    if left {
        // Whole turns, less the count.
        let turns = 31u32.div_ceil(width) * width;
        a64!(cx; neg W(S1), W(S2); add WSP(S1), WSP(S1), turns; lsr X(r), X(S0), X(S1));
    } else {
        a64!(cx; lsr X(r), X(S0), X(S2));
    }
}

/// OF: RCL: the top bit differs from the new carry above it; RCR: from the bit below.
fn rotate_wide_flags(cx: &mut EmitCx, bits: u32, left: bool, r: u8) {
    let bit = if left { bits } else { bits - 1 };
    let overflow = flags::wanted(cx).contains(FlagSet::OF).then_some((S0, bit));
    if overflow.is_some() {
        a64!(cx; eor X(S0), X(r), X(r), lsl 1);
    }
    flags::compose(cx, None, Bits { carry: Some((r, bits)), overflow });
}
