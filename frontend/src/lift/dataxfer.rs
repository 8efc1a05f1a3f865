//! DATAXFER: MOV, MOVZX, MOVSX, MOVBE, XCHG, BSWAP, XLAT; and LEA. SDM vol. 1, 7.3.1.
use super::segment;
use crate::lifter::{self, LiftCx, Operand, Place};
use iced_x86::Register;
use ir::guest::{FlagSet, Gpr, Seg, Trap};
use ir::sink::Addr;
use ir::{Opcode, Sink, Ty};

/// MOV between general registers, memory, immediates and segment registers; control and debug registers need privilege.
pub(crate) fn mov<S: Sink>(cx: &mut LiftCx<S>) {
    let special = |reg: Register| reg.is_cr() || reg.is_dr() || reg.is_tr();
    let (dst, src) = (cx.insn.op0_register(), cx.insn.op1_register());
    if let Some(seg) = lifter::segment(dst) {
        return mov_to_segment(cx, seg);
    }
    if let Some(seg) = lifter::segment(src) {
        return mov_from_segment(cx, seg);
    }
    if special(dst) || special(src) {
        return cx.fault(Trap::GeneralProtection);
    }
    let value = cx.read(1);
    cx.write(0, value);
}

/// Zero-extended into a 32-bit register; 16 bits into memory.
fn mov_from_segment<S: Sink>(cx: &mut LiftCx<S>, seg: Seg) {
    let selector = segment::selector(cx, seg);
    let ty = cx.ty(0);
    let value = cx.ir.zext(ty, selector);
    cx.write(0, value);
}

fn mov_to_segment<S: Sink>(cx: &mut LiftCx<S>, seg: Seg) {
    if seg == Seg::Cs {
        return cx.undefined();
    }
    let selector = cx.read(1);
    let selector = cx.ir.trunc(Ty::I16, selector);
    segment::load(cx, seg, selector);
    segment::note_mov_ss(cx, seg);
}

/// An `I32` value cut to the width of operand 0 and written there.
fn write_low<S: Sink>(cx: &mut LiftCx<S>, value: S::Value) {
    let ty = cx.ty(0);
    let value = cx.ir.trunc(ty, value);
    cx.write(0, value);
}

/// MOVZX.
pub(crate) fn movzx<S: Sink>(cx: &mut LiftCx<S>) {
    let src = cx.operand(1);
    let value = cx.get_zext(&src);
    write_low(cx, value);
}

/// MOVSX.
pub(crate) fn movsx<S: Sink>(cx: &mut LiftCx<S>) {
    let src = cx.operand(1);
    let value = cx.get_sext(&src);
    write_low(cx, value);
}

/// LEA: the offset, without the segment's base.
pub(crate) fn lea<S: Sink>(cx: &mut LiftCx<S>) {
    let addr = cx.offset();
    let value = cx.ir.lea(addr);
    write_low(cx, value);
}

/// XCHG; with memory it is atomic with or without LOCK.
pub(crate) fn xchg<S: Sink>(cx: &mut LiftCx<S>) {
    let (a, b) = (cx.operand(0), cx.operand(1));
    if let Some(addr) = a.addr() {
        let new = cx.get(&b);
        let old = cx.ir.atomic(Opcode::AtomicXchg, addr, new);
        return cx.set(&b, old);
    }
    if a == b {
        return;
    }
    let (va, vb) = (cx.get(&a), cx.get(&b));
    cx.set(&a, vb);
    cx.set(&b, va);
}

/// MOVBE: a move with the bytes reversed.
pub(crate) fn movbe<S: Sink>(cx: &mut LiftCx<S>) {
    let src = cx.operand(1);
    let old = cx.get(&src);
    let value = match src.ty {
        Ty::I16 => {
            let eight = cx.ir.const8(8);
            cx.ir.shift(Opcode::Rol, old, eight, FlagSet::NONE)
        }
        _ => cx.ir.unary(Opcode::Bswap, old),
    };
    let dst = cx.operand(0);
    cx.set(&dst, value);
}

/// XLAT: AL := [EBX + AL].
pub(crate) fn xlat<S: Sink>(cx: &mut LiftCx<S>) {
    let table = cx.ir.get_gpr(Gpr::Ebx);
    let index = cx.get_zext(&Operand::low(Gpr::Eax, Ty::I8));
    let mut addr = Addr { index, ..Addr::base(table) };
    if cx.insn.memory_base() == Register::BX {
        let sum = cx.ir.lea(addr);
        addr = Addr::base(cx.ir.extract(sum, 0, 16));
    }
    let addr = cx.mem_addr_at(addr);
    let value = cx.ir.load(Ty::I8, addr);
    cx.set(&Operand::low(Gpr::Eax, Ty::I8), value);
}

/// BSWAP; with a 16-bit operand (undefined) the low half becomes zero, as CPUs do.
pub(crate) fn bswap<S: Sink>(cx: &mut LiftCx<S>) {
    let dst = cx.operand(0);
    let Place::Gpr { gpr, .. } = dst.place else { unreachable!("BSWAP has a register operand") };
    if dst.ty == Ty::I16 {
        let zero = cx.ir.iconst(Ty::I16, 0);
        return cx.set(&dst, zero);
    }
    let old = cx.ir.get_gpr(gpr);
    let new = cx.ir.unary(Opcode::Bswap, old);
    cx.set(&Operand::gpr(gpr), new);
}
