//! CALL and RET, near; `far.rs` has the far forms. SDM vol. 1, 6.4.
//!
//! The return address is pushed and popped by ordinary IR; the terminator only tells the backend what to predict.
use super::branch::near_target;
use super::far;
use super::stack::{pop_value, push_value, store};
use crate::lifter::LiftCx;
use crate::table::LiftFn;
use ir::guest::Gpr;
use ir::sink::Addr;
use ir::{Sink, Target, Terminator, Ty};

/// The return address as it is pushed: 16 bits for the 16-bit forms.
fn push_return<S: Sink>(cx: &mut LiftCx<S>) {
    let next = cx.next();
    let ty = if cx.insn.stack_pointer_increment() == -2 { Ty::I16 } else { Ty::I32 };
    let value = cx.ir.iconst(ty, u64::from(next.0));
    push_value(cx, value);
}

/// CALL near, direct and indirect.
pub(crate) fn call<S: Sink>(cx: &mut LiftCx<S>) {
    if cx.insn.is_call_far() || cx.insn.is_call_far_indirect() {
        return far::call(cx);
    }
    let ret = cx.next();
    if cx.insn.is_call_near() {
        let target = near_target(cx);
        push_return(cx);
        // `call next; pop reg` reads EIP: nothing will return here, so the return predictor must not hear of it.
        if target == ret {
            return cx.jump(target);
        }
        return cx.end(Terminator::Call { target: Target::Guest(target), ret, ret_block: None });
    }
    let src = cx.operand(0);
    let pc = cx.get_zext(&src);
    push_return(cx);
    cx.end(Terminator::CallIndirect { pc, ret, ret_block: None });
}

/// The address popped by a RET, zero-extended; ESP is moved past it and the immediate operand's bytes.
fn pop_return<S: Sink>(cx: &mut LiftCx<S>) -> S::Value {
    let extra = if cx.insn.op_count() == 1 { cx.imm32(0) & 0xffff } else { 0 };
    let ty = if (cx.insn.stack_pointer_increment() as u32).wrapping_sub(extra) == 2 { Ty::I16 } else { Ty::I32 };
    let (value, esp) = pop_value(cx, ty, extra);
    cx.set_esp(esp);
    cx.ir.zext(Ty::I32, value)
}

/// RET near, with and without bytes to release.
pub(crate) fn ret<S: Sink>(cx: &mut LiftCx<S>) {
    let pc = pop_return(cx);
    cx.end(Terminator::Ret { pc });
}

/// A call of `mov reg, [esp]; ret`: EIP into a register. The return address is left below ESP as it would be.
fn read_eip<S: Sink>(cx: &mut LiftCx<S>, reg: Gpr) {
    let esp = cx.ir.get_gpr(Gpr::Esp);
    let next = cx.ir.const32(cx.insn.next_ip32());
    store(cx, Addr::base(esp).plus(-4), next);
    cx.ir.set_gpr(reg, next);
}

/// The lift function of such a call, by the thunk's register; none for ESP, which the RET would use.
pub(crate) fn pc_thunk(reg: u8) -> Option<LiftFn> {
    const LIFTS: [Option<LiftFn>; 8] = [
        Some(|cx| read_eip(cx, Gpr::Eax)),
        Some(|cx| read_eip(cx, Gpr::Ecx)),
        Some(|cx| read_eip(cx, Gpr::Edx)),
        Some(|cx| read_eip(cx, Gpr::Ebx)),
        None,
        Some(|cx| read_eip(cx, Gpr::Ebp)),
        Some(|cx| read_eip(cx, Gpr::Esi)),
        Some(|cx| read_eip(cx, Gpr::Edi)),
    ];
    LIFTS[usize::from(reg)]
}
