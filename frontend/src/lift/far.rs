//! Far CALL, JMP, RET, and IRET. SDM vol. 1, 6.4.2; vol. 3, 5.8.
//!
//! A code segment that is not flat 32-bit code makes the thread interpreted (`Descriptor::is_simple_in`). (On hardware 0x33
//! would enter 64-bit mode, which an i386 program under ferry does not have.)
use super::stack::{load, store};
use super::{flagop, segment};
use crate::lifter::LiftCx;
use ir::guest::state::offset;
use ir::guest::{Gpr, Seg, Trap};
use ir::sink::Addr;
use ir::{Sink, Terminator, Ty, Value};

/// NT in eflags: IRET would return to another task.
const EFLAGS_NT: u32 = 1 << 14;

/// The destination of a far JMP or CALL, checked.
fn destination<S: Sink>(cx: &mut LiftCx<S>) -> S::Value {
    use iced_x86::Code::*;
    if cx.insn.is_jmp_far() || cx.insn.is_call_far() {
        let selector = cx.ir.iconst(Ty::I16, u64::from(cx.insn.far_branch_selector()));
        segment::load(cx, Seg::Cs, selector);
        let short = matches!(cx.insn.code(), Jmp_ptr1616 | Call_ptr1616);
        let offset = if short { u32::from(cx.insn.far_branch16()) } else { cx.insn.far_branch32() };
        return cx.ir.const32(offset);
    }
    let ty = if matches!(cx.insn.code(), Jmp_m1616 | Call_m1616) { Ty::I16 } else { Ty::I32 };
    let addr = cx.mem_addr();
    let offset = cx.ir.load(ty, addr);
    let selector = cx.ir.load(Ty::I16, addr.plus(ty.bytes() as i32));
    segment::load(cx, Seg::Cs, selector);
    cx.ir.zext(Ty::I32, offset)
}

/// JMP far.
pub(super) fn jmp<S: Sink>(cx: &mut LiftCx<S>) {
    let pc = destination(cx);
    cx.end(Terminator::Indirect { pc });
}

/// CALL far: pushes CS and EIP.
pub(super) fn call<S: Sink>(cx: &mut LiftCx<S>) {
    let old = segment::selector(cx, Seg::Cs);
    let pc = destination(cx);
    let ty = if cx.insn.stack_pointer_increment() == -4 { Ty::I16 } else { Ty::I32 };
    let next = cx.ir.iconst(ty, u64::from(cx.next().0));
    let selector = cx.ir.zext(ty, old);
    let esp = cx.ir.get_gpr(Gpr::Esp);
    let step = ty.bytes() as i32;
    store(cx, Addr::base(esp).plus(-step), selector);
    store(cx, Addr::base(esp).plus(-2 * step), next);
    let new = cx.ir.lea(Addr::base(esp).plus(-2 * step));
    cx.set_esp(new);
    cx.end(Terminator::Indirect { pc });
}

/// EIP and CS at ESP, then the `Ty` after them if there is a third; the address and the ESP behind all of it. CS is loaded.
fn pop_pointer(cx: &mut LiftCx, ty: Ty, third: bool) -> (Value, Option<Value>, Addr) {
    let esp = cx.ir.get_gpr(Gpr::Esp);
    let step = ty.bytes() as i32;
    let offset = load(cx, ty, Addr::base(esp));
    let selector = load(cx, Ty::I16, Addr::base(esp).plus(step));
    let image = third.then(|| load(cx, ty, Addr::base(esp).plus(2 * step)));
    segment::load_return(cx, selector);
    (cx.ir.zext(Ty::I32, offset), image, Addr::base(esp).plus(if third { 3 } else { 2 } * step))
}

/// RETF, with and without bytes to release.
pub(crate) fn retf(cx: &mut LiftCx) {
    use iced_x86::Code::*;
    let ty = if matches!(cx.insn.code(), Retfw | Retfw_imm16) { Ty::I16 } else { Ty::I32 };
    let extra = if cx.insn.op_count() == 1 { cx.imm32(0) & 0xffff } else { 0 };
    let (pc, _, top) = pop_pointer(cx, ty, false);
    let new = cx.ir.lea(top.plus(extra as i32));
    cx.set_esp(new);
    cx.end(Terminator::Indirect { pc });
}

/// IRET, IRETD to the same privilege level: EIP, CS, eflags. It may set TF or AC, so it is for the interpreter, behind which
/// the run loop looks.
pub(crate) fn iret(cx: &mut LiftCx) {
    if !cx.single {
        return cx.fault(Trap::Interpret);
    }
    let system = cx.ir.get_state(Ty::I32, offset::EFLAGS_SYSTEM);
    let nested = cx.ir.extract(system, EFLAGS_NT.trailing_zeros(), 1);
    cx.ir.trap_if(nested, Trap::GeneralProtection);
    let ty = if cx.insn.code() == iced_x86::Code::Iretw { Ty::I16 } else { Ty::I32 };
    let (pc, image, top) = pop_pointer(cx, ty, true);
    if let Some(image) = image {
        let image = cx.ir.zext(Ty::I32, image);
        flagop::write_eflags(cx, image, ty);
    }
    let new = cx.ir.lea(top);
    cx.set_esp(new);
    cx.end(Terminator::Indirect { pc });
}
