//! Far CALL, JMP, RET, and IRET. SDM vol. 1, 6.4.2; vol. 3, 5.8.
//!
//! The only code segment there is here is the flat 32-bit one; any other selector is a general protection fault. (On
//! hardware 0x33 would enter 64-bit mode, which an i386 program under ferry does not have.)
use super::flagop;
use crate::lifter::LiftCx;
use ir::builder::Addr;
use ir::guest::{Gpr, Trap};
use ir::{Terminator, Ty, Value};

/// The selector of user code without its privilege level.
const USER_CS: u32 = 0x20;
/// The selector as CS holds it.
const CS: u32 = 0x23;

/// #GP unless a selector (`I16`) names the user code segment; with `exact`, with privilege level 3.
fn check_cs(cx: &mut LiftCx, selector: Value, exact: bool) {
    let wide = cx.ir.zext(Ty::I32, selector);
    let (mask, want) = if exact { (0xffff, CS) } else { (0xfffc, USER_CS) };
    let (mask, want) = (cx.ir.const32(mask), cx.ir.const32(want));
    let masked = cx.ir.and(wide, mask);
    let difference = cx.ir.xor(masked, want);
    cx.ir.trap_if(difference, Trap::GeneralProtection);
}

/// The destination of a far JMP or CALL, checked.
fn destination(cx: &mut LiftCx) -> Value {
    use iced_x86::Code::*;
    if cx.insn.is_jmp_far() || cx.insn.is_call_far() {
        let selector = cx.ir.iconst(Ty::I16, u64::from(cx.insn.far_branch_selector()));
        check_cs(cx, selector, false);
        let short = matches!(cx.insn.code(), Jmp_ptr1616 | Call_ptr1616);
        let offset = if short { u32::from(cx.insn.far_branch16()) } else { cx.insn.far_branch32() };
        return cx.ir.const32(offset);
    }
    let ty = if matches!(cx.insn.code(), Jmp_m1616 | Call_m1616) { Ty::I16 } else { Ty::I32 };
    let addr = cx.mem_addr();
    let offset = cx.ir.load(ty, addr);
    let selector = cx.ir.load(Ty::I16, addr.plus(ty.bytes() as i32));
    check_cs(cx, selector, false);
    cx.ir.zext(Ty::I32, offset)
}

/// JMP far.
pub(super) fn jmp(cx: &mut LiftCx) {
    let pc = destination(cx);
    cx.end(Terminator::Indirect { pc });
}

/// CALL far: pushes CS and EIP.
pub(super) fn call(cx: &mut LiftCx) {
    let pc = destination(cx);
    let ty = if cx.insn.stack_pointer_increment() == -4 { Ty::I16 } else { Ty::I32 };
    let next = cx.ir.iconst(ty, u64::from(cx.next().0));
    let selector = cx.ir.iconst(ty, u64::from(CS));
    let esp = cx.ir.get_gpr(Gpr::Esp);
    let step = ty.bytes() as i32;
    cx.ir.store(Addr::base(esp).plus(-step), selector);
    cx.ir.store(Addr::base(esp).plus(-2 * step), next);
    let new = cx.ir.lea(Addr::base(esp).plus(-2 * step));
    cx.ir.set_gpr(Gpr::Esp, new);
    cx.end(Terminator::Indirect { pc });
}

/// EIP and CS at ESP, checked: the address, and the ESP that far on.
fn pop_pointer(cx: &mut LiftCx, ty: Ty) -> (Value, Addr) {
    let esp = cx.ir.get_gpr(Gpr::Esp);
    let step = ty.bytes() as i32;
    let offset = cx.ir.load(ty, Addr::base(esp));
    let selector = cx.ir.load(Ty::I16, Addr::base(esp).plus(step));
    check_cs(cx, selector, true);
    (cx.ir.zext(Ty::I32, offset), Addr::base(esp).plus(2 * step))
}

/// RETF, with and without bytes to release.
pub(crate) fn retf(cx: &mut LiftCx) {
    use iced_x86::Code::*;
    let ty = if matches!(cx.insn.code(), Retfw | Retfw_imm16) { Ty::I16 } else { Ty::I32 };
    let extra = if cx.insn.op_count() == 1 { cx.imm32(0) & 0xffff } else { 0 };
    let (pc, top) = pop_pointer(cx, ty);
    let new = cx.ir.lea(top.plus(extra as i32));
    cx.ir.set_gpr(Gpr::Esp, new);
    cx.end(Terminator::Indirect { pc });
}

/// IRET, IRETD to the same privilege level: EIP, CS, eflags.
pub(crate) fn iret(cx: &mut LiftCx) {
    let ty = if cx.insn.code() == iced_x86::Code::Iretw { Ty::I16 } else { Ty::I32 };
    let (pc, top) = pop_pointer(cx, ty);
    let image = cx.ir.load(ty, top);
    let image = cx.ir.zext(Ty::I32, image);
    flagop::write_eflags(cx, image, ty);
    let new = cx.ir.lea(top.plus(ty.bytes() as i32));
    cx.ir.set_gpr(Gpr::Esp, new);
    cx.end(Terminator::Indirect { pc });
}
