//! PUSH and POP categories: PUSH, PUSHA, POP, POPA; and ENTER, LEAVE. SDM vol. 1, 6.2 and 6.6.
use super::segment;
use crate::lifter::{self, LiftCx, Operand};
use ir::guest::{Gpr, Seg};
use ir::sink::Addr;
use ir::{BlockId, Sink, Target, Terminator, Ty, Value};

/// Loads from an offset in the stack segment.
pub(super) fn load<S: Sink>(cx: &mut LiftCx<S>, ty: Ty, offset: Addr<S::Value>) -> S::Value {
    let addr = cx.stack(offset, ty, false);
    cx.ir.load(ty, addr)
}

/// Stores to an offset in the stack segment.
pub(super) fn store<S: Sink>(cx: &mut LiftCx<S>, offset: Addr<S::Value>, value: S::Value) {
    let ty = cx.ir.ty(value);
    let addr = cx.stack(offset, ty, true);
    cx.ir.store(addr, value);
}

/// Stores a value below ESP and moves ESP there: after everything else that can fault.
pub(super) fn push_value<S: Sink>(cx: &mut LiftCx<S>, value: S::Value) {
    let bytes = cx.ir.ty(value).bytes() as i32;
    let esp = cx.ir.get_gpr(Gpr::Esp);
    let top = Addr::base(esp).plus(-bytes);
    store(cx, top, value);
    let new = cx.ir.lea(top);
    cx.set_esp(new);
}

/// Loads the value at ESP, and the ESP after popping it and `extra` bytes more; ESP is not yet written.
pub(super) fn pop_value<S: Sink>(cx: &mut LiftCx<S>, ty: Ty, extra: u32) -> (S::Value, S::Value) {
    let esp = cx.ir.get_gpr(Gpr::Esp);
    let value = load(cx, ty, Addr::base(esp));
    let new = cx.ir.lea(Addr::base(esp).plus((ty.bytes() + extra) as i32));
    (value, new)
}

/// Whether a push or pop of this instruction moves 16 bits.
fn width<S: Sink>(cx: &LiftCx<S>) -> Ty {
    if cx.insn.stack_pointer_increment().unsigned_abs() == 2 {
        Ty::I16
    } else {
        Ty::I32
    }
}

/// PUSH of a register, immediate, memory operand or segment register.
pub(crate) fn push<S: Sink>(cx: &mut LiftCx<S>) {
    let ty = width(cx);
    if let Some(seg) = lifter::segment(cx.insn.op0_register()) {
        return push_segment(cx, seg, ty);
    }
    let op = cx.operand(0);
    // PUSH imm8 and imm16 forms: the decoder has extended the immediate to the width that is pushed.
    let value = cx.get(&Operand { ty, ..op });
    push_value(cx, value);
}

/// Zero-extended. (The SDM also allows to leave the slot's upper half alone; Intel CPUs do that, AMD's do this.)
fn push_segment<S: Sink>(cx: &mut LiftCx<S>, seg: Seg, ty: Ty) {
    let selector = segment::selector(cx, seg);
    let value = cx.ir.zext(ty, selector);
    push_value(cx, value);
}

/// POP into a register, memory operand or segment register.
pub(crate) fn pop<S: Sink>(cx: &mut LiftCx<S>) {
    let ty = width(cx);
    if let Some(seg) = lifter::segment(cx.insn.op0_register()) {
        let (selector, new) = pop_segment(cx, ty);
        segment::load(cx, seg, selector);
        segment::note_mov_ss(cx, seg);
        return cx.set_esp(new);
    }
    let (value, new) = pop_value(cx, ty, 0);
    if cx.is_mem(0) {
        // An address that uses ESP sees it already incremented; ESP itself is written after the store.
        let addr = pop_address(cx, ty);
        cx.ir.store(addr, value);
        return cx.set_esp(new);
    }
    cx.set_esp(new);
    cx.write(0, value);
}

/// The selector at ESP and the ESP after popping it; only 16 bits are read.
fn pop_segment<S: Sink>(cx: &mut LiftCx<S>, ty: Ty) -> (S::Value, S::Value) {
    let esp = cx.ir.get_gpr(Gpr::Esp);
    let selector = load(cx, Ty::I16, Addr::base(esp));
    (selector, cx.ir.lea(Addr::base(esp).plus(ty.bytes() as i32)))
}

fn pop_address<S: Sink>(cx: &mut LiftCx<S>, ty: Ty) -> Addr<S::Value> {
    let offset = cx.offset();
    if cx.insn.memory_base() == iced_x86::Register::ESP {
        cx.mem_addr_at(offset.plus(ty.bytes() as i32))
    } else {
        cx.mem_addr_at(offset)
    }
}

/// LEAVE: ESP := EBP, then pop EBP.
pub(crate) fn leave<S: Sink>(cx: &mut LiftCx<S>) {
    let ty = if cx.insn.code() == iced_x86::Code::Leavew { Ty::I16 } else { Ty::I32 };
    let ebp = cx.ir.get_gpr(Gpr::Ebp);
    let value = load(cx, ty, Addr::base(ebp));
    let new = cx.ir.lea(Addr::base(ebp).plus(ty.bytes() as i32));
    cx.set_esp(new);
    cx.set(&Operand::low(Gpr::Ebp, ty), value);
}

/// Width of PUSHA, POPA, ENTER, by the code.
fn frame_width(cx: &LiftCx) -> Ty {
    use iced_x86::Code::*;
    if matches!(cx.insn.code(), Pushaw | Popaw | Enterw_imm16_imm8) {
        Ty::I16
    } else {
        Ty::I32
    }
}

/// PUSHA, PUSHAD: EAX ECX EDX EBX ESP EBP ESI EDI, ESP as it was before.
pub(crate) fn pusha(cx: &mut LiftCx) {
    let ty = frame_width(cx);
    let esp = cx.ir.get_gpr(Gpr::Esp);
    let mut top = Addr::base(esp);
    for &reg in Gpr::ALL {
        let value = cx.get(&Operand::low(reg, ty));
        top = top.plus(-(ty.bytes() as i32));
        store(cx, top, value);
    }
    let new = cx.ir.lea(top);
    cx.set_esp(new);
}

/// POPA, POPAD: the reverse; the stored ESP is skipped. Each register is loaded in a block of its own: a fault finds those
/// before it loaded, as on hardware.
pub(crate) fn popa(cx: &mut LiftCx) {
    let ty = frame_width(cx);
    let step = ty.bytes() as i32;
    for (i, &reg) in (0..).zip(Gpr::ALL.iter().rev()) {
        let esp = cx.ir.get_gpr(Gpr::Esp);
        let value = load(cx, ty, Addr::base(esp).plus(i * step));
        if reg == Gpr::Esp {
            continue;
        }
        cx.set(&Operand::low(reg, ty), value);
        if i < 7 {
            let next = Target::Block(BlockId(cx.block_id().0 + 1));
            cx.split(Terminator::Jump(next));
        }
    }
    let esp = cx.ir.get_gpr(Gpr::Esp);
    let new = cx.ir.lea(Addr::base(esp).plus(8 * step));
    cx.set_esp(new);
}

/// Pushes below `top` the frame pointers of the enclosing frames of `level`; where the last of them is.
fn copy_frames(cx: &mut LiftCx, ty: Ty, ebp: Value, mut top: Addr, level: u32) -> Addr {
    let step = ty.bytes() as i32;
    for i in 1..level as i32 {
        let pointer = load(cx, ty, Addr::base(ebp).plus(-i * step));
        top = top.plus(-step);
        store(cx, top, pointer);
    }
    top
}

/// ENTER: a stack frame with copies of `level - 1` enclosing frame pointers and its own.
pub(crate) fn enter(cx: &mut LiftCx) {
    let ty = frame_width(cx);
    let (size, level) = (cx.imm32(0) & 0xffff, cx.imm32(1) & 31);
    let (esp, ebp) = (cx.ir.get_gpr(Gpr::Esp), cx.ir.get_gpr(Gpr::Ebp));
    let step = ty.bytes() as i32;
    let frame = Addr::base(esp).plus(-step);
    let saved = cx.ir.trunc(ty, ebp);
    store(cx, frame, saved);
    let mut top = copy_frames(cx, ty, ebp, frame, level);
    let frame = cx.ir.lea(frame);
    let own = cx.ir.trunc(ty, frame);
    if level > 0 {
        top = top.plus(-step);
        store(cx, top, own);
    }
    // The end of the new frame must be writable.
    let end = top.plus(-(size as i32));
    let there = load(cx, ty, end);
    store(cx, end, there);
    let new = cx.ir.lea(end);
    cx.set_esp(new);
    set_frame_pointer(cx, ty, own);
}

/// With SP as the stack pointer, BP is all there is of the frame pointer.
fn set_frame_pointer(cx: &mut LiftCx, ty: Ty, pointer: Value) {
    let width = if cx.has_small_stack() { Ty::I16 } else { ty };
    let pointer = cx.ir.trunc(width, pointer);
    cx.set(&Operand::low(Gpr::Ebp, width), pointer);
}
