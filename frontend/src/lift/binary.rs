//! BINARY: ADD, ADC, SUB, SBB, CMP, INC, DEC, NEG, MUL, IMUL, DIV, IDIV. SDM vol. 1, 7.3.2; vol. 2, each by name.
//!
//! A read-modify-write of memory computes without flags, stores, and then repeats the operation for its flags: a fault
//! of the store must find the old flags (ADC reads them again when it is restarted). When the flags are dead the
//! repetition is removed.
use crate::lifter::{LiftCx, Operand};
use ir::guest::{FlagSet, Gpr, Trap};
use ir::sink::Addr;
use ir::{Opcode, Sink, Ty};

/// The LOCK form of an operation: does it in memory and gives the old value.
pub(super) type Atomic<S> = fn(&mut LiftCx<S>, Addr<<S as Sink>::Value>, <S as Sink>::Value) -> <S as Sink>::Value;

/// Operand 1; the given value of operand 0 if both are the same register, so that `xor r, r` is seen as what it is.
fn source<S: Sink>(cx: &mut LiftCx<S>, dst: S::Value) -> S::Value {
    if cx.same_register() {
        dst
    } else {
        cx.read(1)
    }
}

/// Operand 0 := operand 0 `op` operand 1, with `flags`.
pub(super) fn modify<S: Sink>(cx: &mut LiftCx<S>, op: Opcode, atomic: Atomic<S>) {
    let dst = cx.operand(0);
    let Some(addr) = dst.addr() else {
        let a = cx.get(&dst);
        let b = source(cx, a);
        let result = cx.ir.binary(op, a, b, FlagSet::ALL);
        return cx.set(&dst, result);
    };
    let b = cx.read(1);
    modify_mem(cx, op, addr, b, FlagSet::ALL, atomic);
}

/// The same for a memory operand and a source value.
fn modify_mem<S: Sink>(
    cx: &mut LiftCx<S>,
    op: Opcode,
    addr: Addr<S::Value>,
    b: S::Value,
    flags: FlagSet,
    atomic: Atomic<S>,
) {
    let old = if cx.insn.has_lock_prefix() {
        atomic(cx, addr, b)
    } else {
        let ty = cx.ir.ty(b);
        let old = cx.ir.load(ty, addr);
        let result = cx.ir.binary(op, old, b, FlagSet::NONE);
        cx.ir.store(addr, result);
        old
    };
    cx.ir.binary(op, old, b, flags);
}

fn atomic_add<S: Sink>(cx: &mut LiftCx<S>, addr: Addr<S::Value>, b: S::Value) -> S::Value {
    cx.ir.atomic(Opcode::AtomicAdd, addr, b)
}

fn atomic_sub<S: Sink>(cx: &mut LiftCx<S>, addr: Addr<S::Value>, b: S::Value) -> S::Value {
    let ty = cx.ir.ty(b);
    let zero = cx.ir.iconst(ty, 0);
    let negated = cx.ir.sub(zero, b);
    cx.ir.atomic(Opcode::AtomicAdd, addr, negated)
}

/// `b` plus the guest CF.
fn plus_carry<S: Sink>(cx: &mut LiftCx<S>, b: S::Value) -> S::Value {
    let ty = cx.ir.ty(b);
    let zero = cx.ir.iconst(ty, 0);
    cx.ir.binary(Opcode::Adc, b, zero, FlagSet::NONE)
}

/// ADD: dst := dst + src.
pub(crate) fn add<S: Sink>(cx: &mut LiftCx<S>) {
    modify(cx, Opcode::Add, atomic_add);
}

/// SUB: dst := dst - src.
pub(crate) fn sub<S: Sink>(cx: &mut LiftCx<S>) {
    modify(cx, Opcode::Sub, atomic_sub);
}

/// ADC: dst := dst + src + CF.
pub(crate) fn adc<S: Sink>(cx: &mut LiftCx<S>) {
    modify(cx, Opcode::Adc, |cx, addr, b| {
        let b = plus_carry(cx, b);
        atomic_add(cx, addr, b)
    });
}

/// SBB: dst := dst - (src + CF).
pub(crate) fn sbb<S: Sink>(cx: &mut LiftCx<S>) {
    modify(cx, Opcode::Sbb, |cx, addr, b| {
        let ty = cx.ir.ty(b);
        let zero = cx.ir.iconst(ty, 0);
        let negated = cx.ir.binary(Opcode::Sbb, zero, b, FlagSet::NONE);
        atomic_add(cx, addr, negated)
    });
}

/// CMP: the flags of dst - src.
pub(crate) fn cmp<S: Sink>(cx: &mut LiftCx<S>) {
    let a = cx.read(0);
    let b = source(cx, a);
    cx.ir.binary(Opcode::Sub, a, b, FlagSet::ALL);
}

/// Operand 0 := operand 0 `op` 1, CF kept.
fn step<S: Sink>(cx: &mut LiftCx<S>, op: Opcode, atomic: Atomic<S>) {
    let dst = cx.operand(0);
    let one = cx.ir.iconst(dst.ty, 1);
    if let Some(addr) = dst.addr() {
        return modify_mem(cx, op, addr, one, FlagSet::NOT_CF, atomic);
    }
    let a = cx.get(&dst);
    let result = cx.ir.binary(op, a, one, FlagSet::NOT_CF);
    cx.set(&dst, result);
}

/// INC.
pub(crate) fn inc<S: Sink>(cx: &mut LiftCx<S>) {
    step(cx, Opcode::Add, atomic_add);
}

/// DEC.
pub(crate) fn dec<S: Sink>(cx: &mut LiftCx<S>) {
    step(cx, Opcode::Sub, atomic_sub);
}

/// NEG: dst := 0 - dst.
pub(crate) fn neg<S: Sink>(cx: &mut LiftCx<S>) {
    let dst = cx.operand(0);
    let zero = cx.ir.iconst(dst.ty, 0);
    match dst.addr() {
        Some(addr) if cx.insn.has_lock_prefix() => {
            let old = cx.ir.atomic_neg(dst.ty, addr);
            cx.ir.binary(Opcode::Sub, zero, old, FlagSet::ALL);
        }
        Some(addr) => {
            let old = cx.ir.load(dst.ty, addr);
            let result = cx.ir.sub(zero, old);
            cx.ir.store(addr, result);
            cx.ir.binary(Opcode::Sub, zero, old, FlagSet::ALL);
        }
        None => {
            let old = cx.get(&dst);
            let result = cx.ir.binary(Opcode::Sub, zero, old, FlagSet::ALL);
            cx.set(&dst, result);
        }
    }
}

/// A double-width result into AX, DX:AX or EDX:EAX.
fn set_wide<S: Sink>(cx: &mut LiftCx<S>, ty: Ty, product: S::Value) {
    if ty == Ty::I8 {
        return cx.set(&Operand::low(Gpr::Eax, Ty::I16), product);
    }
    let low = cx.ir.trunc(ty, product);
    let high = cx.ir.extract(product, ty.bits(), ty.bits());
    let high = cx.ir.trunc(ty, high);
    cx.set(&Operand::low(Gpr::Eax, ty), low);
    cx.set(&Operand::low(Gpr::Edx, ty), high);
}

fn multiply_accumulator<S: Sink>(cx: &mut LiftCx<S>, op: Opcode) {
    let src = cx.operand(0);
    let b = cx.get(&src);
    let a = cx.get(&Operand::low(Gpr::Eax, src.ty));
    let product = cx.ir.binary(op, a, b, FlagSet::NZCV);
    set_wide(cx, src.ty, product);
}

/// MUL: AX, DX:AX or EDX:EAX := accumulator * src, unsigned.
pub(crate) fn mul<S: Sink>(cx: &mut LiftCx<S>) {
    multiply_accumulator(cx, Opcode::MulWideU);
}

/// IMUL: signed; one operand as MUL, two and three operands with a single-width result.
pub(crate) fn imul<S: Sink>(cx: &mut LiftCx<S>) {
    let operands = cx.insn.op_count();
    if operands == 1 {
        return multiply_accumulator(cx, Opcode::MulWideS);
    }
    let a = cx.read(operands - 2);
    let b = cx.read(operands - 1);
    let product = cx.ir.binary(Opcode::MulWideS, a, b, FlagSet::NZCV);
    let ty = cx.ir.ty(a);
    let result = cx.ir.trunc(ty, product);
    cx.write(0, result);
}

/// The dividend, at twice the divisor's width but at least `I32`, and the divisor widened to the same type.
fn division_operands<S: Sink>(cx: &mut LiftCx<S>, signed: bool) -> (Ty, S::Value, S::Value) {
    let src = cx.operand(0);
    let divisor = if signed { cx.get_sext(&src) } else { cx.get_zext(&src) };
    cx.ir.trap_if_zero(divisor, Trap::DivideError);
    match src.ty {
        Ty::I8 => {
            let ax = Operand::low(Gpr::Eax, Ty::I16);
            let dividend = if signed { cx.get_sext(&ax) } else { cx.get_zext(&ax) };
            (src.ty, dividend, divisor)
        }
        Ty::I16 => {
            let low = cx.get_zext(&Operand::low(Gpr::Eax, Ty::I16));
            let high = cx.ir.get_gpr(Gpr::Edx);
            (src.ty, cx.ir.insert(low, high, 16, 16), divisor)
        }
        _ => {
            let (low, high) = (cx.ir.get_gpr(Gpr::Eax), cx.ir.get_gpr(Gpr::Edx));
            let dividend = cx.ir.concat(low, high);
            let divisor = if signed { cx.ir.sext(Ty::I64, divisor) } else { cx.ir.zext(Ty::I64, divisor) };
            (src.ty, dividend, divisor)
        }
    }
}

/// Quotient and remainder into AL and AH, AX and DX, or EAX and EDX. Of the remainder the low 32 bits count.
fn set_quotient<S: Sink>(cx: &mut LiftCx<S>, ty: Ty, quotient: S::Value, dividend: S::Value, divisor: S::Value) {
    let [quotient, dividend, divisor] = [quotient, dividend, divisor].map(|v| match cx.ir.ty(v) {
        Ty::I64 => cx.ir.trunc(Ty::I32, v),
        _ => v,
    });
    let remainder = cx.ir.mul_sub(quotient, divisor, dividend);
    let [quotient, remainder] = [quotient, remainder].map(|v| match ty {
        Ty::I32 => v,
        _ => cx.ir.trunc(ty, v),
    });
    if ty == Ty::I8 {
        cx.set(&Operand::low(Gpr::Eax, ty), quotient);
        return cx.set(&Operand::high(Gpr::Eax), remainder);
    }
    cx.set(&Operand::low(Gpr::Edx, ty), remainder);
    cx.set(&Operand::low(Gpr::Eax, ty), quotient);
}

/// DIV: unsigned; #DE for a zero divisor or a quotient that does not fit.
pub(crate) fn div<S: Sink>(cx: &mut LiftCx<S>) {
    let (ty, dividend, divisor) = division_operands(cx, false);
    let quotient = cx.ir.binary(Opcode::Udiv, dividend, divisor, FlagSet::NONE);
    let wide = cx.ir.ty(quotient);
    let excess = cx.ir.extract(quotient, ty.bits(), wide.bits() - ty.bits());
    cx.ir.trap_if(excess, Trap::DivideError);
    set_quotient(cx, ty, quotient, dividend, divisor);
}

/// IDIV: signed; #DE for a zero divisor or a quotient that does not fit.
pub(crate) fn idiv<S: Sink>(cx: &mut LiftCx<S>) {
    let (ty, dividend, divisor) = division_operands(cx, true);
    let quotient = cx.ir.binary(Opcode::Sdiv, dividend, divisor, FlagSet::NONE);
    let fitted = cx.ir.extract_s(quotient, 0, ty.bits());
    let excess = cx.ir.xor(quotient, fitted);
    cx.ir.trap_if(excess, Trap::DivideError);
    set_quotient(cx, ty, quotient, dividend, divisor);
}
