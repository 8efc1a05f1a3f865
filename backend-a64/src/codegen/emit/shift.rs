//! Shifts and rotations. SDM vol. 2: SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR, SHLD, SHRD.
//!
//! The masked count decides: a constant one is resolved here; a variable one that may be zero skips the flag code, and
//! the host's carry is made direct on both ways before.
use super::super::asm::Cond;
use super::flags::{self, Bits, Carry};
use super::{a64, EmitCx, S0, S1, S2, ZR};
use ir::{FlagSet, Inst, Opcode, Ty};

/// The masked count if it is constant.
fn constant(cx: &EmitCx, inst: &Inst, index: usize) -> Option<u32> {
    let mask = if inst.ty == Ty::I64 { 63 } else { 31 };
    cx.imm(index).map(|c| c as u32 & mask)
}

/// Copies argument 0: what a count of zero does.
fn copy(cx: &mut EmitCx, inst: &Inst) {
    if cx.dst() != ZR {
        cx.mov_wide(cx.dst(), cx.x(0), inst.ty == Ty::I64);
    }
}

/// Code for the flags of a variable count: not executed if the masked count is zero.
fn unless_zero(cx: &mut EmitCx, count: u8, temp: u8, body: impl FnOnce(&mut EmitCx)) {
    let skip = cx.asm.new_label();
    if flags::wanted(cx).intersects(FlagSet::NZCV) {
        flags::need_carry_in(cx, Carry::Direct, temp);
    }
    let mask = if cx.inst().ty == Ty::I64 { 63 } else { 31 };
    a64!(cx; and WSP(temp), W(count), mask);
    cx.asm.cbz(false, temp, skip);
    body(cx);
    cx.asm.bind(skip);
}

/// `shl`, `shr`, `sar`.
pub(super) fn shift(cx: &mut EmitCx, inst: &Inst) {
    let want = flags::wanted(cx);
    match constant(cx, inst, 1) {
        Some(0) => copy(cx, inst),
        Some(c) if want.is_empty() => shift_const(cx, inst, c, cx.dst()),
        Some(c) if inst.op == Opcode::Shl => shl_const_flags(cx, inst, c, want),
        Some(c) => shr_const_flags(cx, inst, c, want),
        None if want.is_empty() => shift_variable(cx, inst),
        None => shift_variable_flags(cx, inst, want),
    }
}

fn shift_const(cx: &mut EmitCx, inst: &Inst, c: u32, d: u8) {
    let (n, bits) = (cx.x(0), inst.ty.bits());
    match (inst.op, inst.ty) {
        (Opcode::Shl, Ty::I64) => a64!(cx; lsl X(d), X(n), c),
        (Opcode::Shl, _) => a64!(cx; lsl W(d), W(n), c),
        (Opcode::Shr, Ty::I64) => a64!(cx; lsr X(d), X(n), c),
        (Opcode::Shr, _) if c >= bits => a64!(cx; mov W(d), wzr),
        (Opcode::Shr, _) => a64!(cx; ubfx W(d), W(n), c, bits - c),
        (_, Ty::I64) => a64!(cx; asr X(d), X(n), c),
        _ => {
            let c = c.min(bits - 1);
            a64!(cx; sbfx W(d), W(n), c, bits - c);
        }
    }
}

/// Doubling the operand shifted by one less gives N, Z, C and V.
fn shl_const_flags(cx: &mut EmitCx, inst: &Inst, c: u32, want: FlagSet) {
    let (n, bits) = (cx.x(0), inst.ty.bits());
    let nzcv = want.intersects(FlagSet::NZCV);
    let guard = if nzcv { flags::keep_others(cx) } else { flags::Guard::None };
    let d = if cx.dst() == ZR && want.contains(FlagSet::PF) { S0 } else { cx.dst() };
    if bits >= 32 {
        let half = if c == 1 { n } else { S0 };
        match inst.ty {
            Ty::I64 if c > 1 => a64!(cx; lsl X(S0), X(n), c - 1),
            _ if c > 1 => a64!(cx; lsl W(S0), W(n), c - 1),
            _ => {}
        }
        super::int::add_reg(cx, false, nzcv, inst.ty == Ty::I64, d, half, half, 0);
    } else {
        if nzcv {
            match 32 - bits + c - 1 {
                by @ 0..=31 => a64!(cx; lsl W(S0), W(n), by),
                _ => a64!(cx; mov W(S0), wzr),
            }
            a64!(cx; adds wzr, W(S0), W(S0));
        }
        a64!(cx; lsl W(d), W(n), c);
    }
    parity_of(cx, want, d);
    if nzcv {
        flags::wrote_nzcv(cx, guard, Carry::Direct);
    }
}

fn parity_of(cx: &mut EmitCx, want: FlagSet, reg: u8) {
    flags::set_raw(cx, want, reg, None);
}

fn shr_const_flags(cx: &mut EmitCx, inst: &Inst, c: u32, want: FlagSet) {
    let (n, bits) = (cx.x(0), inst.ty.bits());
    // The last bit out; past the top it is the fill.
    let out = if inst.op == Opcode::Sar { (c - 1).min(bits - 1) } else { c - 1 };
    let carry = if out < bits { Some((S2, 0)) } else { None };
    // OF: the two top bits of the result differ, and for SHR the top one is clear.
    let overflow = (inst.op == Opcode::Shr).then_some((S0, bits - 2));
    if want.contains(FlagSet::CF) && out < bits {
        a64!(cx; lsr X(S2), X(n), out);
    }
    shift_const(cx, inst, c, S0);
    parity_of(cx, want, S0);
    cx.mov_result(S0, inst.ty);
    if want.intersects(FlagSet::NZCV) {
        flags::compose(cx, Some((S0, inst.ty)), Bits { carry, overflow }, Some([S1, S0]));
    }
}

fn shift_variable(cx: &mut EmitCx, inst: &Inst) {
    let (d, n, m) = (cx.dst(), cx.x(0), cx.x(1));
    let bits = inst.ty.bits();
    match (inst.op, inst.ty) {
        (Opcode::Shl, Ty::I64) => a64!(cx; lsl X(d), X(n), X(m)),
        (Opcode::Shl, _) => a64!(cx; lsl W(d), W(n), W(m)),
        (Opcode::Shr, Ty::I64) => a64!(cx; lsr X(d), X(n), X(m)),
        (Opcode::Shr, Ty::I32) => a64!(cx; lsr W(d), W(n), W(m)),
        (Opcode::Shr, _) => a64!(cx; ubfx W(S0), W(n), 0, bits; lsr W(d), W(S0), W(m)),
        (_, Ty::I64) => a64!(cx; asr X(d), X(n), X(m)),
        (_, Ty::I32) => a64!(cx; asr W(d), W(n), W(m)),
        _ => a64!(cx; sbfx W(S0), W(n), 0, bits; asr W(d), W(S0), W(m)),
    }
}

/// `S0` gets the result; the flag code is skipped if the count is zero.
fn shift_variable_flags(cx: &mut EmitCx, inst: &Inst, want: FlagSet) {
    let (n, m, bits) = (cx.x(0), cx.x(1), inst.ty.bits());
    let wide = inst.ty == Ty::I64;
    a64!(cx; and WSP(S2), W(m), if wide { 63 } else { 31 });
    match inst.op {
        Opcode::Shl => a64!(cx; lsl X(S0), X(n), X(S2)),
        Opcode::Shr if wide => a64!(cx; lsr X(S0), X(n), X(S2)),
        Opcode::Shr => a64!(cx; ubfx X(S0), X(n), 0, bits; lsr X(S0), X(S0), X(S2)),
        _ if wide => a64!(cx; asr X(S0), X(n), X(S2)),
        _ => a64!(cx; sbfx X(S0), X(n), 0, bits; asr X(S0), X(S0), X(S2)),
    }
    if want.contains(FlagSet::CF) {
        flags::need_carry_in(cx, Carry::Direct, S1);
    }
    let skip = cx.asm.new_label();
    cx.asm.cbz(false, S2, skip);
    // Bit 0 of S2: the last bit out.
    match inst.op {
        Opcode::Shl => {
            a64!(cx; neg W(S2), W(S2); add WSP(S2), WSP(S2), bits);
            // A narrow operand shifted out altogether leaves nothing; the bits above it are garbage.
            match wide {
                true => a64!(cx; lsr X(S2), X(n), X(S2)),
                false => a64!(cx; ubfx X(S1), X(n), 0, bits; lsr X(S2), X(S1), X(S2)),
            }
        }
        Opcode::Shr if wide => a64!(cx; sub WSP(S2), WSP(S2), 1; lsr X(S2), X(n), X(S2)),
        Opcode::Shr => a64!(cx; sub WSP(S2), WSP(S2), 1; ubfx X(S1), X(n), 0, bits; lsr X(S2), X(S1), X(S2)),
        _ if wide => a64!(cx; sub WSP(S2), WSP(S2), 1; asr X(S2), X(n), X(S2)),
        _ => a64!(cx; sub WSP(S2), WSP(S2), 1; sbfx X(S1), X(n), 0, bits; asr X(S2), X(S1), X(S2)),
    }
    parity_of(cx, want, S0);
    if want.intersects(FlagSet::NZCV) {
        let overflow = match inst.op {
            Opcode::Shl => {
                // The carry differs from the sign.
                a64!(cx; eor X(S1), X(S0), X(S2), lsl bits - 1);
                Some((S1, bits - 1))
            }
            Opcode::Shr => Some((S0, bits - 2)),
            _ => None,
        };
        flags::compose(cx, Some((S0, inst.ty)), Bits { carry: Some((S2, 0)), overflow }, None);
    }
    cx.asm.bind(skip);
    cx.mov_result(S0, inst.ty);
}

/// `rol`, `ror`.
pub(super) fn rotate(cx: &mut EmitCx, inst: &Inst) {
    let want = flags::wanted(cx);
    let (n, bits) = (cx.x(0), inst.ty.bits());
    let left = inst.op == Opcode::Rol;
    let count = constant(cx, inst, 1);
    if count == Some(0) {
        return copy(cx, inst);
    }
    if want.is_empty() && bits >= 32 {
        return rotate_full(cx, inst, left, count, cx.dst());
    }
    if bits >= 32 {
        rotate_full(cx, inst, left, count, S0);
    } else {
        // Copies of a narrow operand fill 32 bits; rotating those rotates each.
        a64!(cx; mov W(S0), W(n));
        if bits == 8 {
            a64!(cx; bfi W(S0), W(S0), 8, 8);
        }
        a64!(cx; bfi W(S0), W(S0), 16, 16);
        match count {
            Some(c) => {
                let right = if left { 32 - c } else { c };
                a64!(cx; ror W(S0), W(S0), right & 31);
            }
            None if left => a64!(cx; neg W(S1), W(cx.x(1)); ror W(S0), W(S0), W(S1)),
            None => a64!(cx; ror W(S0), W(S0), W(cx.x(1))),
        }
    }
    if want.intersects(FlagSet::NZCV) {
        let (top, next) = (bits - 1, bits - 2);
        let set = |cx: &mut EmitCx| {
            // OF: top bit differs from the carry (ROL: bit 0) or from the bit below (ROR).
            match left {
                true => a64!(cx; lsl X(S1), X(S0), top; eor X(S1), X(S1), X(S0)),
                false => a64!(cx; eor X(S1), X(S0), X(S0), lsl top - next),
            }
            let carry = Some((S0, if left { 0 } else { top }));
            let overflow = Some((S1, top));
            flags::compose(cx, None, Bits { carry, overflow }, None);
        };
        match count {
            Some(_) => set(cx),
            None => unless_zero(cx, cx.x(1), S2, set),
        }
    }
    cx.mov_result(S0, inst.ty);
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

/// `rcl`, `rcr`: a rotation of CF and the operand, one bit wider than the operand, in 64 bits.
pub(super) fn rotate_carry(cx: &mut EmitCx, inst: &Inst) {
    let want = flags::wanted(cx);
    let (n, bits) = (cx.x(0), inst.ty.bits());
    assert!(bits <= 32, "rotations through carry are at most 32 bits");
    let width = bits + 1;
    let left = inst.op == Opcode::Rcl;
    let count = constant(cx, inst, 1);
    if count == Some(0) {
        return copy(cx, inst);
    }
    if count.is_none() {
        variable_count(cx, width, left);
    }
    let cond = if cx.carry == Carry::Direct { Cond::Cs } else { Cond::Cc };
    flags::cset(cx, S0, cond);
    a64!(cx; lsl X(S0), X(S0), bits; bfxil X(S0), X(n), 0, bits);
    match count.map(|c| c % width) {
        Some(0) => a64!(cx; mov X(S1), X(S0)),
        Some(c) => {
            let c = if left { c } else { width - c };
            a64!(cx; lsl X(S1), X(S0), c; orr X(S1), X(S1), X(S0), lsr width - c);
        }
        None => {
            a64!(cx; lsl X(S1), X(S0), X(S2); neg W(S2), W(S2); add WSP(S2), WSP(S2), width);
            a64!(cx; lsr X(S0), X(S0), X(S2); orr X(S1), X(S1), X(S0));
        }
    }
    if want.intersects(FlagSet::NZCV) {
        let top = bits - 1;
        let set = |cx: &mut EmitCx| {
            // OF: RCL: top bit differs from the new carry above it; RCR: from the bit below.
            let bit = if left { bits } else { top };
            a64!(cx; eor X(S0), X(S1), X(S1), lsl 1);
            flags::compose(cx, None, Bits { carry: Some((S1, bits)), overflow: Some((S0, bit)) }, None);
        };
        match count {
            Some(_) => set(cx),
            None => unless_zero(cx, cx.x(1), S2, set),
        }
    }
    cx.mov_result(S1, inst.ty);
}

/// `S2` = the count as a rotation to the left, reduced to the width. Uses `S0`, `S1`.
fn variable_count(cx: &mut EmitCx, width: u32, left: bool) {
    a64!(cx; and WSP(S2), W(cx.x(1)), 31);
    if width < 32 {
        cx.mov_imm(S1, width);
        a64!(cx; udiv W(S0), W(S2), W(S1); msub W(S2), W(S0), W(S1), W(S2));
    }
    if !left {
        a64!(cx; neg W(S2), W(S2); add WSP(S2), WSP(S2), width);
    }
}

/// `shld`, `shrd`: both operands side by side in 64 bits (I32) or three times 16 bits (I16).
pub(super) fn shift_double(cx: &mut EmitCx, inst: &Inst) {
    let want = flags::wanted(cx);
    let (a, fill, bits) = (cx.x(0), cx.x(1), inst.ty.bits());
    let (left, count) = (inst.op == Opcode::Shld, constant(cx, inst, 2));
    if count == Some(0) {
        return copy(cx, inst);
    }
    if let (Some(c), Ty::I32, true) = (count, inst.ty, want.is_empty()) {
        match left {
            true => a64!(cx; extr W(cx.dst()), W(a), W(fill), 32 - c),
            false => a64!(cx; extr W(cx.dst()), W(fill), W(a), c),
        }
        return;
    }
    double_operand(cx, left, bits, a, fill);
    // S0 = the 64 bits shifted; S1 = the result with the last bit out above (SHLD) or below (SHRD, one more to the left).
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
    if !want.is_empty() {
        let set = |cx: &mut EmitCx| {
            parity_of(cx, want, S1);
            if !want.intersects(FlagSet::NZCV) {
                return;
            }
            // OF: the carry differs from the sign (SHLD), the two top bits differ (SHRD).
            match left {
                true => a64!(cx; eor W(S0), W(S1), W(S2), lsl bits - 1),
                false => a64!(cx; eor W(S0), W(S1), W(S1), lsl 1),
            }
            let bits = Bits { carry: Some((S2, 0)), overflow: Some((S0, bits - 1)) };
            flags::compose(cx, Some((S1, inst.ty)), bits, None);
        };
        match count {
            Some(_) => set(cx),
            None => {
                let skip = cx.asm.new_label();
                if want.contains(FlagSet::CF) {
                    flags::need_carry_in(cx, Carry::Direct, S0);
                }
                a64!(cx; and WSP(S0), W(cx.x(2)), 31);
                cx.asm.cbz(false, S0, skip);
                set(cx);
                cx.asm.bind(skip);
            }
        }
    }
    cx.mov_result(S1, inst.ty);
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
