//! Shifts. SDM vol. 2: SAL/SAR/SHL/SHR.
//!
//! The masked count decides: a constant one is resolved here; a variable one that may be zero skips the flag code, and
//! the host's carry means the same on both ways.
use super::super::imm::LogicalImm;
use super::flags::{self, Bits, Carry};
use super::int::add_reg;
use super::{a64, EmitCx, S0, S1, S2, ZR};
use ir::{FlagSet, Inst, Opcode, Ty};

/// The masked count if it is constant.
pub(super) fn constant(cx: &EmitCx, inst: &Inst, index: usize) -> Option<u32> {
    let mask = if inst.ty == Ty::I64 { 63 } else { 31 };
    cx.imm(index).map(|c| c as u32 & mask)
}

/// Copies argument 0: what a count of zero does.
pub(super) fn copy(cx: &mut EmitCx, inst: &Inst) {
    if cx.dst() != ZR {
        cx.mov_wide(cx.dst(), cx.x(0), inst.ty == Ty::I64);
    }
}

/// Code for a count that may be zero: not executed then. The masked count is in `count`. C means afterwards what it meant
/// before; `S0` and `S1` are as the code leaves them.
pub(super) fn unless_zero(cx: &mut EmitCx, count: u8, body: impl FnOnce(&mut EmitCx)) {
    let (skip, carry) = (cx.asm.new_label(), cx.carry);
    cx.asm.cbz(false, count, skip);
    cx.write_inverted = carry == Carry::Inverted;
    body(cx);
    cx.write_inverted = false;
    flags::need_carry_in(cx, carry, S2);
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
        add_reg(cx, false, nzcv, inst.ty == Ty::I64, d, half, half, 0);
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
    flags::set_raw(cx, want, d, None);
    if nzcv {
        flags::wrote_nzcv(cx, guard, Carry::Direct);
    }
}

fn shr_const_flags(cx: &mut EmitCx, inst: &Inst, c: u32, want: FlagSet) {
    let (n, bits) = (cx.x(0), inst.ty.bits());
    let nzcv = want.intersects(FlagSet::NZCV);
    // The last bit out; past the top it is the fill.
    let out = if inst.op == Opcode::Sar { (c - 1).min(bits - 1) } else { c - 1 };
    // OF is the old sign for SHR by one.
    let overflow = inst.op == Opcode::Shr && c == 1 && want.contains(FlagSet::OF);
    let d = if cx.dst() == ZR { S0 } else { cx.dst() };
    let sum = inst.op == Opcode::Shr && bits <= 32 && out < bits && !overflow && !cx.options.features.flagm;
    if nzcv && sum && flags::kept(cx).is_empty() {
        shr_by_sum(cx, inst, c, d);
    } else if nzcv && bits == 32 && flags::kept(cx).is_empty() {
        test_bits(cx, inst.op, n, c);
        let bits = Bits { carry: Some((n, out)), overflow: overflow.then_some((n, 31)) };
        flags::compose_tested(cx, bits);
        shift_const(cx, inst, c, d);
    } else {
        let result = if d == n { S0 } else { d };
        shift_const(cx, inst, c, result);
        if nzcv {
            let carry = (out < bits).then_some((n, out));
            let bits = Bits { carry, overflow: overflow.then_some((n, bits - 1)) };
            flags::compose(cx, Some((result, inst.ty)), bits);
        }
        cx.mov_wide(d, result, inst.ty == Ty::I64);
    }
    flags::set_raw(cx, want, d, None);
}

/// N and Z of an I32 operand shifted right by a constant, C and V clear: those of the bits that stay.
fn test_bits(cx: &mut EmitCx, op: Opcode, n: u8, c: u32) {
    let mask = u64::from(u32::MAX << c);
    match op {
        // With zeros above, N is clear.
        Opcode::Shr => {
            let imm = LogicalImm::new64(mask).expect("a run of ones");
            a64!(cx; ands xzr, X(n), imm.bits64());
        }
        _ => {
            let imm = LogicalImm::new32(mask as u32).expect("a run of ones");
            a64!(cx; ands wzr, W(n), imm.bits32());
        }
    }
}

/// A sum with the flags of SHR, which leaves N and V clear: (result + CF) + (CF ? -1 : 0).
fn shr_by_sum(cx: &mut EmitCx, inst: &Inst, c: u32, d: u8) {
    a64!(cx; sbfx X(S1), X(cx.x(0)), c - 1, 1);
    shift_const(cx, inst, c, d);
    a64!(cx; sub X(S2), X(d), X(S1); adds xzr, X(S2), X(S1));
    cx.carry = Carry::Direct;
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

/// A count that is not zero is done in two steps, by one less and by one, so that the last bit out is at hand.
fn shift_variable_flags(cx: &mut EmitCx, inst: &Inst, want: FlagSet) {
    let (n, m, ty) = (cx.x(0), cx.x(1), inst.ty);
    a64!(cx; and WSP(S2), W(m), if ty == Ty::I64 { 63 } else { 31 });
    // The result at least of a count of zero; the count is not needed any more.
    let d = cx.dst();
    let narrow = ty.bits() < 32;
    match inst.op {
        Opcode::Shl if narrow && d != n && d != ZR => a64!(cx; lsl W(d), W(n), W(S2)),
        Opcode::Shr if narrow => a64!(cx; ubfx W(S1), W(n), 0, ty.bits(); lsr W(d), W(S1), W(S2)),
        Opcode::Sar if narrow => a64!(cx; sbfx W(S1), W(n), 0, ty.bits(); asr W(d), W(S1), W(S2)),
        _ if d != ZR => cx.mov_wide(d, n, ty == Ty::I64),
        _ => {}
    }
    unless_zero(cx, S2, |cx| match inst.op {
        Opcode::Shl => shl_by_less_one(cx, ty, n, d, want),
        _ => shr_by_less_one(cx, inst, n, d, want),
    });
}

/// If the result is narrow and in another register than the operand, it is there already.
fn shl_by_less_one(cx: &mut EmitCx, ty: Ty, n: u8, d: u8, want: FlagSet) {
    let (wide, narrow) = (ty == Ty::I64, ty.bits() < 32);
    let nzcv = want.intersects(FlagSet::NZCV);
    a64!(cx; sub WSP(S2), WSP(S2), 1);
    match wide {
        true => a64!(cx; lsl X(S1), X(n), X(S2)),
        false => a64!(cx; lsl W(S1), W(n), W(S2)),
    }
    let result = match d {
        ZR if nzcv => S0,
        ZR => S1,
        _ => d,
    };
    // Its own flags are all there is to write, and to keep.
    let plain = nzcv && flags::kept(cx).is_empty();
    if narrow && plain {
        a64!(cx; lsl W(S2), W(S1), 32 - ty.bits(); adds wzr, W(S2), W(S2));
    }
    if !narrow || d == n || d == ZR {
        add_reg(cx, false, plain && !narrow, wide, result, S1, S1, 0);
    }
    match (plain, nzcv) {
        (true, _) => cx.carry = Carry::Direct,
        (_, true) => {
            // OF: the carry differs from the sign.
            a64!(cx; eor X(S2), X(S1), X(result));
            let top = ty.bits() - 1;
            let bits = Bits { carry: Some((S1, top)), overflow: Some((S2, top)) };
            flags::compose(cx, Some((result, ty)), bits);
        }
        _ => {}
    }
    flags::set_raw(cx, want, result, None);
}

fn shr_by_less_one(cx: &mut EmitCx, inst: &Inst, n: u8, d: u8, want: FlagSet) {
    let (ty, bits, signed) = (inst.ty, inst.ty.bits(), inst.op == Opcode::Sar);
    a64!(cx; sub WSP(S2), WSP(S2), 1);
    match (ty, signed) {
        (Ty::I64, false) => a64!(cx; lsr X(S1), X(n), X(S2)),
        (Ty::I64, true) => a64!(cx; asr X(S1), X(n), X(S2)),
        (Ty::I32, false) => a64!(cx; lsr W(S1), W(n), W(S2)),
        (Ty::I32, true) => a64!(cx; asr W(S1), W(n), W(S2)),
        // Extended to 32 bits there, and the result is there already.
        (_, false) => a64!(cx; lsr W(S1), W(S1), W(S2)),
        (_, true) => a64!(cx; asr W(S1), W(S1), W(S2)),
    }
    let result = if d == ZR { S2 } else { d };
    match (ty, signed) {
        _ if bits < 32 && d != ZR => {}
        (Ty::I64, false) => a64!(cx; lsr X(result), X(S1), 1),
        (Ty::I64, true) => a64!(cx; asr X(result), X(S1), 1),
        (_, false) => a64!(cx; lsr W(result), W(S1), 1),
        (_, true) => a64!(cx; asr W(result), W(S1), 1),
    }
    if want.intersects(FlagSet::NZCV) {
        // The old sign, if the count is one.
        let overflow = (!signed).then_some((S1, bits - 1));
        flags::compose(cx, Some((result, ty)), Bits { carry: Some((S1, 0)), overflow });
    }
    flags::set_raw(cx, want, result, None);
}
