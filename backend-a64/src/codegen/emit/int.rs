//! Integer arithmetic, logic and width changes. Arm ARM C3.4, C3.5; flags as SDM vol. 1, 3.4.3.
use super::super::abi::PF;
use super::super::asm::Cond;
use super::super::imm::{AddImm, Imm12, LogicalImm};
use super::flags::{self, Bits, Carry};
use super::{a64, EmitCx, S0, S1, S2, ZR};
use ir::{FlagSet, Inst, Opcode, Ty};

/// `dst = n + m << lsl`, or minus; `set` writes NZCV.
#[rustfmt::skip]
#[allow(clippy::too_many_arguments, reason = "the fields of one instruction")]
pub(super) fn add_reg(cx: &mut EmitCx, sub: bool, set: bool, wide: bool, d: u8, n: u8, m: u8, lsl: u32) {
    match (sub, set, wide) {
        (false, false, false) => a64!(cx; add W(d), W(n), W(m), lsl lsl),
        (false, true, false) => a64!(cx; adds W(d), W(n), W(m), lsl lsl),
        (true, false, false) => a64!(cx; sub W(d), W(n), W(m), lsl lsl),
        (true, true, false) => a64!(cx; subs W(d), W(n), W(m), lsl lsl),
        (false, false, true) => a64!(cx; add X(d), X(n), X(m), lsl lsl),
        (false, true, true) => a64!(cx; adds X(d), X(n), X(m), lsl lsl),
        (true, false, true) => a64!(cx; sub X(d), X(n), X(m), lsl lsl),
        (true, true, true) => a64!(cx; subs X(d), X(n), X(m), lsl lsl),
    }
}

/// `dst = n + imm`; register 31 as `n` would be the stack pointer, as `dst` too unless `set`.
pub(super) fn add_imm(cx: &mut EmitCx, imm: AddImm, set: bool, wide: bool, d: u8, n: u8) {
    let (sub, Imm12 { bits, shifted }) = match imm {
        AddImm::Add(imm) => (false, imm),
        AddImm::Sub(imm) => (true, imm),
    };
    let lsl = if shifted { 12 } else { 0 };
    match (sub, set, wide) {
        (false, false, false) => a64!(cx; add WSP(d), WSP(n), bits, lsl lsl),
        (false, true, false) => a64!(cx; adds W(d), WSP(n), bits, lsl lsl),
        (true, false, false) => a64!(cx; sub WSP(d), WSP(n), bits, lsl lsl),
        (true, true, false) => a64!(cx; subs W(d), WSP(n), bits, lsl lsl),
        (false, false, true) => a64!(cx; add XSP(d), XSP(n), bits, lsl lsl),
        (false, true, true) => a64!(cx; adds X(d), XSP(n), bits, lsl lsl),
        (true, false, true) => a64!(cx; sub XSP(d), XSP(n), bits, lsl lsl),
        (true, true, true) => a64!(cx; subs X(d), XSP(n), bits, lsl lsl),
    }
}

fn logic_reg(cx: &mut EmitCx, op: Opcode, set: bool, wide: bool, d: u8, n: u8, m: u8) {
    match (op, set, wide) {
        (Opcode::And, true, false) => a64!(cx; ands W(d), W(n), W(m)),
        (Opcode::And, true, true) => a64!(cx; ands X(d), X(n), X(m)),
        (Opcode::And, _, false) => a64!(cx; and W(d), W(n), W(m)),
        (Opcode::And, _, true) => a64!(cx; and X(d), X(n), X(m)),
        (Opcode::Or, _, false) => a64!(cx; orr W(d), W(n), W(m)),
        (Opcode::Or, _, true) => a64!(cx; orr X(d), X(n), X(m)),
        (_, _, false) => a64!(cx; eor W(d), W(n), W(m)),
        (_, _, true) => a64!(cx; eor X(d), X(n), X(m)),
    }
}

fn logic_imm(cx: &mut EmitCx, op: Opcode, set: bool, wide: bool, d: u8, n: u8, imm: LogicalImm) {
    match (op, set, wide) {
        (Opcode::And, true, false) => a64!(cx; ands W(d), W(n), imm.bits32()),
        (Opcode::And, true, true) => a64!(cx; ands X(d), X(n), imm.bits64()),
        (Opcode::And, _, false) => a64!(cx; and WSP(d), W(n), imm.bits32()),
        (Opcode::And, _, true) => a64!(cx; and XSP(d), X(n), imm.bits64()),
        (Opcode::Or, _, false) => a64!(cx; orr WSP(d), W(n), imm.bits32()),
        (Opcode::Or, _, true) => a64!(cx; orr XSP(d), X(n), imm.bits64()),
        (_, _, false) => a64!(cx; eor WSP(d), W(n), imm.bits32()),
        (_, _, true) => a64!(cx; eor XSP(d), X(n), imm.bits64()),
    }
}

/// `add`, `sub`.
pub(super) fn add_sub(cx: &mut EmitCx, inst: &Inst) {
    let want = flags::wanted(cx);
    let sub = inst.op == Opcode::Sub;
    let nzcv = want.intersects(FlagSet::NZCV);
    if sub && cx.imm(1).is_none() && inst.args[0] == inst.args[1] {
        return zero(cx, want, Some(ZR));
    }
    let d = result_reg(cx, want);
    // The operands may be gone once the result is written.
    let xor = want.contains(FlagSet::AF).then(|| operand_xor(cx, want, d));
    let narrow = inst.ty.bits() < 32;
    if narrow && nzcv && narrow_step(cx, inst, want, d, xor) {
        return;
    }
    if !flags::kept(cx).is_empty() && nzcv && !want.intersects(FlagSet::CF | FlagSet::OF) {
        let result = if d == ZR { S0 } else { d };
        add_plain(cx, inst, sub, false, result);
        flags::compose(cx, Some((result, inst.ty)), Bits::default());
        return flags::set_raw(cx, want, result, xor);
    }
    let temp = if xor == Some(S1) { S2 } else { S1 };
    let guard = match (nzcv, narrow && temp == S2) {
        (false, _) => flags::Guard::None,
        (true, false) => flags::keep_others(cx),
        (true, true) => flags::keep_others_on_stack(cx),
    };
    if nzcv && narrow {
        narrow_add_flags(cx, inst, sub, temp);
        if d != ZR {
            add_plain(cx, inst, sub, false, d);
        }
    } else if nzcv || d != ZR {
        add_plain(cx, inst, sub, nzcv, d);
    }
    flags::set_raw(cx, want, d, xor);
    if nzcv {
        flags::wrote_nzcv(cx, guard, if sub { Carry::Inverted } else { Carry::Direct });
    }
}

/// An 8- or 16-bit sum with an immediate that leaves CF alone, INC and DEC above all: SETF8 and SETF16 take V from the carry into
/// the bit above, and keep C (FEAT_FlagM). Whether it was one.
fn narrow_step(cx: &mut EmitCx, inst: &Inst, want: FlagSet, d: u8, xor: Option<u8>) -> bool {
    let sub = inst.op == Opcode::Sub;
    let (bits, a) = (inst.ty.bits(), cx.x(0));
    let Some(c) = cx.imm(1).filter(|_| cx.options.features.flagm && !want.contains(FlagSet::CF)) else { return false };
    let signed = ((c << (64 - bits)) as i64 >> (64 - bits)) as u64;
    let imm = if sub { AddImm::negated(signed, false) } else { AddImm::new(signed, false) };
    let Some(imm) = imm else { return false };
    let d = if d == ZR { S0 } else { d };
    a64!(cx; sbfx W(S0), W(a), 0, bits);
    add_imm(cx, imm, false, false, d, S0);
    setf(cx, bits, d);
    flags::set_raw(cx, want, d, xor);
    true
}

/// A value less itself, or in exclusive or with itself: `xor` is as for `flags::set_raw`.
fn zero(cx: &mut EmitCx, want: FlagSet, xor: Option<u8>) {
    let mut result = ZR;
    let nzcv = want.intersects(FlagSet::NZCV);
    let guard = if nzcv { flags::keep_others(cx) } else { flags::Guard::None };
    if nzcv {
        if want.contains(FlagSet::PF) {
            result = flags::result_reg(cx, want);
        }
        a64!(cx; subs W(result), wzr, wzr);
    }
    cx.mov(cx.dst(), ZR);
    flags::set_raw(cx, want, result, xor);
    if nzcv {
        flags::wrote_nzcv(cx, guard, Carry::Inverted);
    }
}

/// The result register; one for flags if only the raw parity and adjust values need the result.
fn result_reg(cx: &EmitCx, want: FlagSet) -> u8 {
    if cx.dst() == ZR && want.intersects(FlagSet::PF | FlagSet::AF) {
        flags::result_reg(cx, want)
    } else {
        cx.dst()
    }
}

/// A register with argument 0 ^ argument 1, exact in bit 4, that outlives a write of `d`: that of AF if possible, or an argument.
fn operand_xor(cx: &mut EmitCx, want: FlagSet, d: u8) -> u8 {
    let (a, to) = (cx.x(0), flags::xor_reg(cx, want));
    match cx.imm(1) {
        Some(c) if c & 0x10 != 0 => a64!(cx; eor WSP(to), W(a), 0x10),
        Some(_) if a != d => return a,
        Some(_) => cx.mov(to, a),
        None if cx.x(1) == a => return ZR,
        None => a64!(cx; eor W(to), W(a), W(cx.x(1))),
    }
    to
}

fn add_plain(cx: &mut EmitCx, inst: &Inst, sub: bool, set: bool, d: u8) {
    let wide = inst.ty == Ty::I64;
    let n = cx.x(0);
    let Some(c) = cx.imm(1) else { return add_reg(cx, sub, set, wide, d, n, cx.x(1), 0) };
    let imm = if sub { AddImm::negated(c, wide) } else { AddImm::new(c, wide) };
    let signed = if sub { (c as u32).wrapping_neg() } else { c as u32 };
    match (imm, AddImm::pair(signed)) {
        (Some(imm), _) => add_imm(cx, imm, set, wide, d, n),
        // `regalloc::operand` says where two steps do: the flags of the second are right but for C and V.
        (None, Some((high, low))) if inst.ty == Ty::I32 => {
            add_imm(cx, high, false, false, S0, n);
            add_imm(cx, low, set, false, d, S0);
        }
        _ => {
            // Only narrow operations get immediates that do not fit; the bits above do not matter.
            cx.mov_imm(S0, c as u32);
            add_reg(cx, sub, set, wide, d, n, S0, 0);
        }
    }
}

/// NZCV of an 8- or 16-bit sum or difference: the operands at the top of 32 bits. Uses `S0`, `temp`.
fn narrow_add_flags(cx: &mut EmitCx, inst: &Inst, sub: bool, temp: u8) {
    let (a, bits) = (cx.x(0), inst.ty.bits());
    let up = 32 - bits;
    let Some(c) = cx.imm(1) else {
        a64!(cx; lsl W(S0), W(a), up);
        return add_reg(cx, sub, true, false, ZR, S0, cx.x(1), up);
    };
    let c = (c as u32) << up;
    let imm = if sub { AddImm::negated(u64::from(c), false) } else { AddImm::new(u64::from(c), false) };
    match imm {
        Some(imm) => {
            a64!(cx; lsl W(S0), W(a), up);
            add_imm(cx, imm, true, false, ZR, S0);
        }
        // A sum may be taken the other way round; so may a difference, which is the sum with the negative and has its carry, but
        // for the smallest number, whose negative is the same.
        None if !sub || c != 1 << 31 => {
            cx.mov_imm(temp, if sub { c.wrapping_neg() } else { c });
            add_reg(cx, false, true, false, ZR, temp, a, up);
        }
        None => {
            a64!(cx; lsl W(S0), W(a), up);
            cx.mov_imm(temp, c);
            add_reg(cx, true, true, false, ZR, S0, temp, 0);
        }
    }
}

/// `adc`, `sbb`.
pub(super) fn adc_sbb(cx: &mut EmitCx, inst: &Inst) {
    let want = flags::wanted(cx);
    let sub = inst.op == Opcode::Sbb;
    let carry = if sub { Carry::Inverted } else { Carry::Direct };
    let nzcv = want.intersects(FlagSet::NZCV);
    match nzcv && flags::kept(cx).is_empty() || flags::nzcv_free(cx) {
        true => flags::need_carry_alone(cx, carry),
        false => flags::need_carry(cx, carry),
    }
    let d = result_reg(cx, want);
    if inst.ty.bits() < 32 && nzcv {
        return narrow_adc(cx, inst, want, d);
    }
    let xor = want.contains(FlagSet::AF).then(|| operand_xor(cx, want, d));
    let guard = if nzcv { flags::keep_others(cx) } else { flags::Guard::None };
    let (n, m) = (cx.x(0), addend(cx, 0));
    match (sub, nzcv, inst.ty == Ty::I64) {
        (false, false, false) => a64!(cx; adc W(d), W(n), W(m)),
        (false, true, false) => a64!(cx; adcs W(d), W(n), W(m)),
        (true, false, false) => a64!(cx; sbc W(d), W(n), W(m)),
        (true, true, false) => a64!(cx; sbcs W(d), W(n), W(m)),
        (false, false, true) => a64!(cx; adc X(d), X(n), X(m)),
        (false, true, true) => a64!(cx; adcs X(d), X(n), X(m)),
        (true, false, true) => a64!(cx; sbc X(d), X(n), X(m)),
        (true, true, true) => a64!(cx; sbcs X(d), X(n), X(m)),
    }
    flags::set_raw(cx, want, d, xor);
    if nzcv {
        flags::wrote_nzcv(cx, guard, carry);
    }
}

/// The register of argument 1; an immediate, shifted left, is put into `S0`.
fn addend(cx: &mut EmitCx, up: u32) -> u8 {
    match cx.imm(1) {
        None => cx.x(1),
        Some(0) => ZR,
        Some(c) => {
            cx.mov_imm(S0, (c as u32) << up);
            S0
        }
    }
}

/// 8- and 16-bit ADC and SBB with flags: the operands at the top of 32 bits. Below one of them are copies of the carry, which take
/// it up or use it up, so that nothing but zeros is left there.
fn narrow_adc(cx: &mut EmitCx, inst: &Inst, want: FlagSet, d: u8) {
    let (a, bits) = (cx.x(0), inst.ty.bits());
    let up = 32 - bits;
    let guard = flags::keep_others(cx);
    let carry = match inst.op {
        Opcode::Adc => {
            flags::csetm(cx, S1, Cond::Cs);
            a64!(cx; bfi W(S1), W(a), up, bits);
            let b = addend(cx, up);
            let sum = if b == ZR { ZR } else { S0 };
            if cx.imm(1).is_none() {
                a64!(cx; lsl W(S0), W(b), up);
            }
            a64!(cx; adcs W(S0), W(S1), W(sum));
            Carry::Direct
        }
        _ => {
            flags::csetm(cx, S1, Cond::Cc);
            match cx.imm(1) {
                Some(c) if bits == 16 => a64!(cx; movk X(S1), c as u32 & 0xffff, lsl 16),
                _ => {
                    let b = addend(cx, 0);
                    a64!(cx; bfi W(S1), W(b), up, bits);
                }
            }
            a64!(cx; lsl W(S0), W(a), up; sbcs W(S0), W(S0), W(S1));
            Carry::Inverted
        }
    };
    // The result may go where an operand is.
    let xor = want.contains(FlagSet::AF).then(|| operand_xor(cx, want, d));
    if d != ZR {
        a64!(cx; lsr W(d), W(S0), up);
    }
    flags::set_raw(cx, want, d, xor);
    flags::wrote_nzcv(cx, guard, carry);
}

/// SETF8, SETF16: N, Z and V of a narrow sum of sign-extended operands; C stays. The assembler does not know them.
fn setf(cx: &mut EmitCx, bits: u32, reg: u8) {
    cx.asm.word(if bits == 8 { 0x3a00_080d } else { 0x3a00_480d } | u32::from(reg) << 5);
}

/// `and`, `or`, `xor`.
pub(super) fn logic(cx: &mut EmitCx, inst: &Inst) {
    let want = flags::wanted(cx);
    let nzcv = want.intersects(FlagSet::NZCV);
    let same = cx.imm(1).is_none() && inst.args[0] == inst.args[1];
    let wide = inst.ty == Ty::I64;
    let narrow = inst.ty.bits() < 32;
    if same && inst.op == Opcode::Xor {
        return zero(cx, want, None);
    }
    // x & x and x | x are x: nothing to compute.
    let idle = same;
    // A narrow mask leaves nothing above the width, so its 32-bit N is right if its own sign bit is clear.
    let exact = !narrow
        || cx.imm(1).is_some_and(|c| {
            LogicalImm::new32(c as u32).is_some() && (!want.contains(FlagSet::SF) || c <= inst.ty.mask() >> 1)
        });
    let fused = nzcv && inst.op == Opcode::And && exact && !idle;
    let needs_result = cx.dst() != ZR || want.contains(FlagSet::PF) || nzcv;
    let d = match cx.dst() {
        ZR if want.contains(FlagSet::PF) => flags::result_reg(cx, want),
        ZR if !fused => S0,
        d => d,
    };
    let guard = if nzcv { flags::keep_others(cx) } else { flags::Guard::None };
    let result = if idle {
        let n = cx.x(0);
        if cx.dst() != ZR {
            cx.mov_wide(cx.dst(), n, wide);
        }
        n
    } else {
        if needs_result {
            logic_plain(cx, inst, fused, d);
        }
        d
    };
    let (carry, result) = match nzcv {
        true if !fused => test_result(cx, want, inst.ty, result),
        _ => (Carry::Direct, result),
    };
    flags::set_raw(cx, want, result, None);
    if nzcv {
        flags::wrote_nzcv(cx, guard, carry);
    }
}

/// N and Z of a result, C and V as for CF = OF = 0; what that makes of C. A copy of the result that this makes by the way is where
/// PF may take it from.
fn test_result(cx: &mut EmitCx, want: FlagSet, ty: Ty, reg: u8) -> (Carry, u8) {
    match ty {
        Ty::I64 => a64!(cx; subs xzr, XSP(reg), 0),
        Ty::I32 if want.contains(FlagSet::PF) && reg != PF => {
            let copy = flags::result_reg(cx, want);
            a64!(cx; subs W(copy), WSP(reg), 0);
            return (Carry::Inverted, copy);
        }
        Ty::I32 => a64!(cx; subs wzr, WSP(reg), 0),
        _ => {
            a64!(cx; adds wzr, wzr, W(reg), lsl 32 - ty.bits());
            return (Carry::Direct, reg);
        }
    }
    (Carry::Inverted, reg)
}

fn logic_plain(cx: &mut EmitCx, inst: &Inst, set: bool, d: u8) {
    let wide = inst.ty == Ty::I64;
    let n = cx.x(0);
    let Some(c) = cx.imm(1) else { return logic_reg(cx, inst.op, set, wide, d, n, cx.x(1)) };
    let imm = if wide { LogicalImm::new64(c) } else { LogicalImm::new32(c as u32) };
    match imm {
        Some(imm) => logic_imm(cx, inst.op, set, wide, d, n, imm),
        None if c == 0 => logic_reg(cx, inst.op, set, wide, d, n, ZR),
        None => {
            cx.mov_imm(S1, c as u32);
            logic_reg(cx, inst.op, set, wide, d, n, S1);
        }
    }
}

/// `not`.
pub(super) fn not(cx: &mut EmitCx) {
    if cx.inst().ty == Ty::I64 {
        a64!(cx; mvn X(cx.dst()), X(cx.x(0)));
    } else {
        a64!(cx; mvn W(cx.dst()), W(cx.x(0)));
    }
}

/// `zext`, where it is not an alias.
pub(super) fn zext(cx: &mut EmitCx) {
    let bits = cx.arg_ty(0).bits();
    if bits < 32 {
        a64!(cx; ubfx W(cx.dst()), W(cx.x(0)), 0, bits);
    } else {
        a64!(cx; mov W(cx.dst()), W(cx.x(0)));
    }
}

/// `sext`.
pub(super) fn sext(cx: &mut EmitCx, inst: &Inst) {
    let bits = cx.arg_ty(0).bits();
    if inst.ty == Ty::I64 {
        a64!(cx; sbfx X(cx.dst()), X(cx.x(0)), 0, bits);
    } else {
        a64!(cx; sbfx W(cx.dst()), W(cx.x(0)), 0, bits);
    }
}

/// `trunc`: an alias to I8 and I16 unless of a constant; to I32 it clears the upper half.
pub(super) fn trunc(cx: &mut EmitCx, _: &Inst) {
    a64!(cx; mov W(cx.dst()), W(cx.x(0)));
}

/// `concat`.
pub(super) fn concat(cx: &mut EmitCx) {
    let (lo, hi, d) = (cx.x(0), cx.x(1), cx.dst());
    a64!(cx; orr X(d), X(lo), X(hi), lsl 32);
}

/// `extract`, `extract_s`.
pub(super) fn extract(cx: &mut EmitCx, inst: &Inst) {
    let (lsb, width) = inst.field();
    let (d, n) = (cx.dst(), cx.x(0));
    match (inst.op, inst.ty) {
        (Opcode::Extract, Ty::I64) => a64!(cx; ubfx X(d), X(n), lsb, width),
        (Opcode::Extract, _) => a64!(cx; ubfx W(d), W(n), lsb, width),
        (_, Ty::I64) => a64!(cx; sbfx X(d), X(n), lsb, width),
        _ => a64!(cx; sbfx W(d), W(n), lsb, width),
    }
}

/// `insert`.
pub(super) fn insert(cx: &mut EmitCx, inst: &Inst) {
    let (lsb, width) = inst.field();
    let (d, base, value) = (cx.dst(), cx.x(0), cx.x(1));
    let wide = inst.ty == Ty::I64;
    if let Some(c) = cx.imm(1) {
        return insert_constant(cx, wide, d, base, c, lsb, width);
    }
    // The destination takes the base first, unless that would overwrite the value.
    let target = if d == value && d != base { S0 } else { d };
    cx.mov_wide(target, base, wide);
    match wide {
        true => a64!(cx; bfi X(target), X(value), lsb, width),
        false => a64!(cx; bfi W(target), W(value), lsb, width),
    }
    cx.mov_wide(d, target, wide);
}

/// A constant that one instruction inserts (`regalloc::operand`).
fn insert_constant(cx: &mut EmitCx, wide: bool, d: u8, base: u8, c: u64, lsb: u32, width: u32) {
    let ones = (1u64 << width) - 1;
    let field = ones << lsb;
    let (op, imm) = if c & ones == 0 { (Opcode::And, !field) } else { (Opcode::Or, field) };
    let imm = if wide { LogicalImm::new64(imm) } else { LogicalImm::new32(imm as u32) };
    if width == 16 && c & ones != 0 && c & ones != ones || imm.is_none() {
        cx.mov_wide(d, base, wide);
        return a64!(cx; movk X(d), (c & ones) as u32, lsl lsb);
    }
    logic_imm(cx, op, false, wide, d, base, imm.expect("checked"));
}

/// `mul_sub`.
pub(super) fn mul_sub(cx: &mut EmitCx, inst: &Inst) {
    let (d, n, m, a) = (cx.dst(), cx.x(0), cx.x(1), cx.x(2));
    match inst.ty {
        Ty::I64 => a64!(cx; msub X(d), X(n), X(m), X(a)),
        _ => a64!(cx; msub W(d), W(n), W(m), W(a)),
    }
}

/// `bswap`, `clz`, `ctz`, `popcnt`.
pub(super) fn count(cx: &mut EmitCx, inst: &Inst) {
    let (d, n) = (cx.dst(), cx.x(0));
    match (inst.op, inst.ty == Ty::I64) {
        (Opcode::Bswap, false) => a64!(cx; rev W(d), W(n)),
        (Opcode::Bswap, true) => a64!(cx; rev X(d), X(n)),
        (Opcode::Clz, false) => a64!(cx; clz W(d), W(n)),
        (Opcode::Clz, true) => a64!(cx; clz X(d), X(n)),
        (Opcode::Ctz, false) => a64!(cx; rbit W(d), W(n); clz W(d), W(d)),
        (Opcode::Ctz, true) => a64!(cx; rbit X(d), X(n); clz X(d), X(d)),
        // The upper half of an I32 register is zero, so one sequence serves both widths.
        _ => a64!(cx; fmov d30, X(n); cnt v30.b8, v30.b8; addv b30, v30.b8; fmov W(d), s30),
    }
}
