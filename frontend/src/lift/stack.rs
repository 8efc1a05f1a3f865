//! PUSH and POP categories: PUSH, POP, LEAVE. SDM vol. 1, 6.2.
use crate::lifter::{LiftCx, Operand};
use ir::builder::Addr;
use ir::guest::Gpr;
use ir::{Ty, Value};

/// Stores a value below ESP and moves ESP there: after everything else that can fault.
pub(super) fn push_value(cx: &mut LiftCx, value: Value) {
    let bytes = cx.ir.ty(value).bytes() as i32;
    let esp = cx.ir.get_gpr(Gpr::Esp);
    let top = Addr::base(esp).plus(-bytes);
    cx.ir.store(top, value);
    let new = cx.ir.lea(top);
    cx.ir.set_gpr(Gpr::Esp, new);
}

/// Loads the value at ESP, and the ESP after popping it and `extra` bytes more; ESP is not yet written.
pub(super) fn pop_value(cx: &mut LiftCx, ty: Ty, extra: u32) -> (Value, Value) {
    let esp = cx.ir.get_gpr(Gpr::Esp);
    let value = cx.ir.load(ty, Addr::base(esp));
    let new = cx.ir.lea(Addr::base(esp).plus((ty.bytes() + extra) as i32));
    (value, new)
}

/// Whether a push or pop of this instruction moves 16 bits.
fn width(cx: &LiftCx) -> Ty {
    if cx.insn.stack_pointer_increment().unsigned_abs() == 2 {
        Ty::I16
    } else {
        Ty::I32
    }
}

/// PUSH of a register, immediate or memory operand.
pub(crate) fn push(cx: &mut LiftCx) {
    let ty = width(cx);
    let op = cx.operand(0);
    // PUSH imm8 and imm16 forms: the decoder has extended the immediate to the width that is pushed.
    let value = cx.get(&Operand { ty, ..op });
    push_value(cx, value);
}

/// POP into a register or memory operand.
pub(crate) fn pop(cx: &mut LiftCx) {
    let ty = width(cx);
    let (value, new) = pop_value(cx, ty, 0);
    if cx.is_mem(0) {
        // An address that uses ESP sees it already incremented; ESP itself is written after the store.
        let addr = pop_address(cx, ty);
        cx.ir.store(addr, value);
        return cx.ir.set_gpr(Gpr::Esp, new);
    }
    cx.ir.set_gpr(Gpr::Esp, new);
    cx.write(0, value);
}

fn pop_address(cx: &mut LiftCx, ty: Ty) -> Addr {
    let addr = cx.mem_addr();
    if cx.insn.memory_base() == iced_x86::Register::ESP {
        addr.plus(ty.bytes() as i32)
    } else {
        addr
    }
}

/// LEAVE: ESP := EBP, then pop EBP.
pub(crate) fn leave(cx: &mut LiftCx) {
    let ty = if cx.insn.code() == iced_x86::Code::Leavew { Ty::I16 } else { Ty::I32 };
    let ebp = cx.ir.get_gpr(Gpr::Ebp);
    let value = cx.ir.load(ty, Addr::base(ebp));
    let new = cx.ir.lea(Addr::base(ebp).plus(ty.bytes() as i32));
    cx.ir.set_gpr(Gpr::Esp, new);
    cx.set(&Operand::low(Gpr::Ebp, ty), value);
}
