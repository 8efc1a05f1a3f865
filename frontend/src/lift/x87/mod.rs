//! X87_ALU: instructions on the register stack. SDM vol. 1, chapter 8.
//!
//! The semantics are helpers (`ir::helper`, rows `x87_*`); here operands are fetched, so that faults are precise. Every
//! instruction but the non-waiting ones first raises an exception that is pending. What is worth code of its own is an `x87`
//! opcode; the rest calls its helper.
pub(crate) mod arith;
pub(crate) mod compare;
pub(crate) mod control;
pub(crate) mod env;
pub(crate) mod fxsave;
pub(crate) mod load_store;
pub(crate) mod transcendental;

use crate::lifter::LiftCx;
use iced_x86::{OpKind, Register};
use ir::{Helper, Sink, Ty, Value};

/// Raises #MF if an unmasked exception is pending.
fn wait(cx: &mut LiftCx) {
    cx.ir.x87_wait();
}

/// Calls a helper that works on the stack alone, with constant arguments.
fn call(cx: &mut LiftCx, helper: Helper, args: &[u32]) {
    let args: Vec<Value> = args.iter().map(|&n| cx.ir.const32(n)).collect();
    cx.ir.helper(helper, Ty::None, &args);
}

/// A waiting instruction that is one helper call.
fn simple(cx: &mut LiftCx, helper: Helper, args: &[u32]) {
    wait(cx);
    call(cx, helper, args);
}

/// A waiting instruction that is one operation on the stack.
fn operation(cx: &mut LiftCx, helper: Helper, args: &[u32]) {
    wait(cx);
    let args: Vec<Value> = args.iter().map(|&n| cx.ir.const32(n)).collect();
    cx.ir.x87(helper, Ty::None, &args);
}

/// The number i of operand `n`, a register ST(i); `None` for a memory operand.
fn st(cx: &LiftCx, n: u32) -> Option<u32> {
    if cx.insn.op_kind(n) != OpKind::Register {
        return None;
    }
    (cx.insn.op_register(n) as u32).checked_sub(Register::ST0 as u32).filter(|&i| i < 8)
}

/// The number i of the last operand ST(i); 1 where the encoding implies it.
fn last_st(cx: &LiftCx) -> u32 {
    cx.insn.op_count().checked_sub(1).and_then(|n| st(cx, n)).unwrap_or(1)
}
