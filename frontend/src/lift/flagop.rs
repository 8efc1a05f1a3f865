//! FLAGOP: CLC, STC, CMC, CLD, STD, LAHF, SAHF, SALC; and PUSHF and POPF, whose subject is eflags.
//! SDM vol. 1, 3.4.3 and 7.3.14.
use super::stack::{pop_value, push_value};
use crate::lifter::{LiftCx, Operand};
use ir::guest::state::{offset, EFLAGS_DF, EFLAGS_FIXED, EFLAGS_USER_SYSTEM};
use ir::guest::{FlagSet, Gpr, Trap};
use ir::{BlockId, Opcode, Sink, Target, Terminator, Ty, Value};

/// The flags of the low byte.
const LOW: FlagSet = FlagSet::SF.with(FlagSet::ZF).with(FlagSet::AF).with(FlagSet::PF).with(FlagSet::CF);
/// TF and AC in eflags: with either the interpreter runs.
const EFLAGS_TF_AC: u32 = 1 << 8 | 1 << 18;

fn set_cf<S: Sink>(cx: &mut LiftCx<S>, value: u32) {
    let value = cx.ir.const32(value);
    cx.ir.set_carry(value, 0);
}

/// CLC.
pub(crate) fn clc<S: Sink>(cx: &mut LiftCx<S>) {
    set_cf(cx, 0);
}

/// STC.
pub(crate) fn stc<S: Sink>(cx: &mut LiftCx<S>) {
    set_cf(cx, 1);
}

/// CMC.
pub(crate) fn cmc<S: Sink>(cx: &mut LiftCx<S>) {
    cx.ir.flip_carry();
}

fn set_step<S: Sink>(cx: &mut LiftCx<S>, step: i32) {
    let step = cx.ir.const32(step as u32);
    cx.ir.set_state(offset::DF_STEP, step);
}

/// CLD.
pub(crate) fn cld<S: Sink>(cx: &mut LiftCx<S>) {
    set_step(cx, 1);
}

/// STD.
pub(crate) fn std<S: Sink>(cx: &mut LiftCx<S>) {
    set_step(cx, -1);
}

/// LAHF: AH := SF ZF 0 AF 0 PF 1 CF.
pub(crate) fn lahf<S: Sink>(cx: &mut LiftCx<S>) {
    let flags = cx.ir.get_flags(LOW);
    let fixed = cx.ir.const32(2);
    let image = cx.ir.or(flags, fixed);
    let image = cx.ir.trunc(Ty::I8, image);
    cx.set(&Operand::high(Gpr::Eax), image);
}

/// SAHF.
pub(crate) fn sahf<S: Sink>(cx: &mut LiftCx<S>) {
    let image = cx.get_zext(&Operand::high(Gpr::Eax));
    cx.ir.set_flags(LOW, image);
}

/// SALC (undocumented): AL := CF ? 0xff : 0.
pub(crate) fn salc(cx: &mut LiftCx) {
    let zero = cx.ir.iconst(Ty::I8, 0);
    let all = cx.ir.binary(Opcode::Sbb, zero, zero, FlagSet::NONE);
    cx.set(&Operand::low(Gpr::Eax, Ty::I8), all);
}

/// The whole of eflags as a program sees it.
pub(super) fn read_eflags(cx: &mut LiftCx) -> Value {
    let arithmetic = cx.ir.get_flags(FlagSet::ALL);
    let step = cx.ir.get_state(Ty::I32, offset::DF_STEP);
    let df = cx.ir.const32(EFLAGS_DF);
    // The step is +1 or -1, and only the latter has this bit.
    let df = cx.ir.and(step, df);
    let system = cx.ir.get_state(Ty::I32, offset::EFLAGS_SYSTEM);
    let fixed = cx.ir.const32(EFLAGS_FIXED);
    let low = cx.ir.or(arithmetic, df);
    let high = cx.ir.or(system, fixed);
    cx.ir.or(low, high)
}

/// Writes everything in eflags that a program may write; a 16-bit image leaves the upper half alone.
pub(super) fn write_eflags(cx: &mut LiftCx, image: Value, ty: Ty) {
    cx.ir.set_flags(FlagSet::ALL, image);
    let df = cx.ir.extract_s(image, EFLAGS_DF.trailing_zeros(), 1);
    let one = cx.ir.const32(1);
    let step = cx.ir.or(df, one);
    cx.ir.set_state(offset::DF_STEP, step);
    let writable = if ty == Ty::I16 { EFLAGS_USER_SYSTEM & 0xffff } else { EFLAGS_USER_SYSTEM };
    let mask = cx.ir.const32(writable);
    let new = cx.ir.and(image, mask);
    let kept = cx.ir.const32(EFLAGS_USER_SYSTEM & !writable);
    let old = cx.ir.get_state(Ty::I32, offset::EFLAGS_SYSTEM);
    let old = cx.ir.and(old, kept);
    let system = cx.ir.or(new, old);
    cx.ir.set_state(offset::EFLAGS_SYSTEM, system);
}

/// PUSHF, PUSHFD.
pub(crate) fn pushf(cx: &mut LiftCx) {
    let ty = if cx.insn.stack_pointer_increment() == -2 { Ty::I16 } else { Ty::I32 };
    let image = read_eflags(cx);
    let image = cx.ir.trunc(ty, image);
    push_value(cx, image);
}

/// POPF, POPFD. Translated code is left if TF or AC is now set: the run loop steps from there.
pub(crate) fn popf(cx: &mut LiftCx) {
    let ty = if cx.insn.stack_pointer_increment() == 2 { Ty::I16 } else { Ty::I32 };
    let (value, esp) = pop_value(cx, ty, 0);
    let image = cx.ir.zext(Ty::I32, value);
    write_eflags(cx, image, ty);
    cx.set_esp(esp);
    let mask = cx.ir.const32(EFLAGS_TF_AC);
    let stepped = cx.ir.and(image, mask);
    let stepping = Target::Block(BlockId(cx.block_id().0 + 1));
    let next = cx.next();
    cx.split(Terminator::BranchNz { value: stepped, taken: stepping, fallthrough: Target::Guest(next) });
    cx.trap(Trap::Yield);
}
