//! COND_BR and UNCOND_BR: Jcc, JCXZ, JECXZ, LOOPcc, JMP. SDM vol. 1, 7.3.8.
use super::far;
use crate::lifter::{LiftCx, Operand};
use ir::guest::{Cc, Gpr, GuestAddr};
use ir::{Sink, Target, Terminator, Ty};

/// Where the near branch goes; 16-bit forms cut EIP to 16 bits.
pub(super) fn near_target<S: Sink>(cx: &LiftCx<S>) -> GuestAddr {
    GuestAddr(cx.insn.near_branch_target() as u32)
}

/// The condition in the instruction's condition code.
pub(super) fn condition<S: Sink>(cx: &LiftCx<S>) -> Cc {
    // iced numbers its condition codes from 1 in the order of the encodings.
    Cc::ALL[cx.insn.condition_code() as usize - 1]
}

/// Jcc.
pub(crate) fn jcc<S: Sink>(cx: &mut LiftCx<S>) {
    let (taken, fallthrough) = (Target::Guest(near_target(cx)), Target::Guest(cx.next()));
    let cc = condition(cx);
    cx.end(Terminator::Branch { cc, taken, fallthrough });
}

/// JMP, direct and indirect near.
pub(crate) fn jmp<S: Sink>(cx: &mut LiftCx<S>) {
    if cx.insn.is_jmp_far() || cx.insn.is_jmp_far_indirect() {
        return far::jmp(cx);
    }
    if cx.insn.is_jmp_short_or_near() {
        let target = near_target(cx);
        return cx.jump(target);
    }
    let src = cx.operand(0);
    let pc = cx.get_zext(&src);
    cx.end(Terminator::Indirect { pc });
}

/// Jumps to the instruction's target if the value is not zero.
fn branch_nz<S: Sink>(cx: &mut LiftCx<S>, value: S::Value) {
    let (taken, fallthrough) = (Target::Guest(near_target(cx)), Target::Guest(cx.next()));
    cx.end(Terminator::BranchNz { value, taken, fallthrough });
}

/// ECX, or CX zero-extended.
fn read_count<S: Sink>(cx: &mut LiftCx<S>, ty: Ty) -> S::Value {
    cx.get_zext(&Operand::low(Gpr::Ecx, ty))
}

/// JECXZ, JCXZ: jump if the count register is zero.
fn jump_if_zero<S: Sink>(cx: &mut LiftCx<S>, ty: Ty) {
    let value = read_count(cx, ty);
    let (taken, fallthrough) = (Target::Guest(cx.next()), Target::Guest(near_target(cx)));
    cx.end(Terminator::BranchNz { value, taken, fallthrough });
}

/// JECXZ.
pub(crate) fn jecxz<S: Sink>(cx: &mut LiftCx<S>) {
    jump_if_zero(cx, Ty::I32);
}

/// JCXZ.
pub(crate) fn jcxz<S: Sink>(cx: &mut LiftCx<S>) {
    jump_if_zero(cx, Ty::I16);
}

/// Width of the count register of LOOP: the address size.
fn loop_width<S: Sink>(cx: &LiftCx<S>) -> Ty {
    use iced_x86::Code::*;
    match cx.insn.code() {
        Loop_rel8_16_CX | Loop_rel8_32_CX | Loope_rel8_16_CX | Loope_rel8_32_CX | Loopne_rel8_16_CX
        | Loopne_rel8_32_CX => Ty::I16,
        _ => Ty::I32,
    }
}

/// Decrements the count register; the new count as `I32`.
fn decrement<S: Sink>(cx: &mut LiftCx<S>) -> S::Value {
    let ty = loop_width(cx);
    let ecx = cx.ir.get_gpr(Gpr::Ecx);
    let new = cx.ir.lea(ir::sink::Addr::base(ecx).plus(-1));
    if ty == Ty::I32 {
        cx.ir.set_gpr(Gpr::Ecx, new);
        return new;
    }
    let merged = cx.ir.insert(ecx, new, 0, 16);
    cx.ir.set_gpr(Gpr::Ecx, merged);
    cx.ir.extract(new, 0, 16)
}

/// LOOP.
pub(crate) fn loop_<S: Sink>(cx: &mut LiftCx<S>) {
    let count = decrement(cx);
    branch_nz(cx, count);
}

/// LOOPE, LOOPNE: jump if the count is not zero and the condition holds.
fn loop_while<S: Sink>(cx: &mut LiftCx<S>, cc: Cc) {
    let count = decrement(cx);
    let zero = cx.ir.const8(0);
    let holds = cx.ir.cond(cc);
    let go = cx.ir.select_nz(count, holds, zero);
    branch_nz(cx, go);
}

/// LOOPE.
pub(crate) fn loope<S: Sink>(cx: &mut LiftCx<S>) {
    loop_while(cx, Cc::E);
}

/// LOOPNE.
pub(crate) fn loopne<S: Sink>(cx: &mut LiftCx<S>) {
    loop_while(cx, Cc::Ne);
}
