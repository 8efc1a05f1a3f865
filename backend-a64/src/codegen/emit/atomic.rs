//! Locked read-modify-write operations: LSE instructions where the host has them, exclusive loops otherwise.
//!
//! Nothing checks the alignment: a misaligned operand that the host cannot take raises SIGBUS, and recovery has the guest
//! instruction done by other means. Arm ARM B2.2.1 (alignment), B2.3 (ordering), C6.2 LDADD and following.
use super::super::abi;
use super::super::asm::Label;
use super::{a64, branch, mem, EmitCx, S0, S1, S2, ZR};
use ir::{Inst, Opcode, Ty};

/// One row per `atomic_*` opcode; the old value is the result, written after everything that can fault.
pub(super) fn rmw(cx: &mut EmitCx, inst: &Inst) {
    let addr = mem::plain_address(cx);
    if cx.options.features.lse && inst.op != Opcode::AtomicNeg {
        return lse(cx, inst, addr);
    }
    exclusive(cx, inst, addr);
    fence(cx);
}

/// A locked operation is a full barrier. LSE instructions with acquire and release are one by themselves (Arm ARM B2.3.7,
/// barrier-ordered-before); behind a loop of exclusives it takes an instruction. So it does behind a compare-and-swap, which
/// is only an acquire where it did not write.
fn fence(cx: &mut EmitCx) {
    if cx.options.ordered {
        a64!(cx; dmb ish);
    }
}

macro_rules! sized {
    ($cx:expr, $ty:expr, $b:ident $h:ident $w:ident, $s:expr, $t:expr, $a:expr) => {
        match $ty {
            Ty::I8 => a64!($cx; $b W($s), W($t), [X($a)]),
            Ty::I16 => a64!($cx; $h W($s), W($t), [X($a)]),
            Ty::I32 => a64!($cx; $w W($s), W($t), [X($a)]),
            _ => a64!($cx; $w X($s), X($t), [X($a)]),
        }
    };
}

/// An instruction that faults writes nothing, so the result may be a pinned register at once.
fn lse(cx: &mut EmitCx, inst: &Inst, addr: u8) {
    let (ty, value) = (inst.ty, cx.x(2));
    // Without a register for the old value it would lose its acquire semantics.
    let old = if cx.dst() == ZR { S1 } else { cx.dst() };
    match inst.op {
        Opcode::AtomicXchg => sized!(cx, ty, swpalb swpalh swpal, value, old, addr),
        Opcode::AtomicAdd => sized!(cx, ty, ldaddalb ldaddalh ldaddal, value, old, addr),
        Opcode::AtomicOr => sized!(cx, ty, ldsetalb ldsetalh ldsetal, value, old, addr),
        Opcode::AtomicXor => sized!(cx, ty, ldeoralb ldeoralh ldeoral, value, old, addr),
        Opcode::AtomicAnd => {
            a64!(cx; mvn X(S2), X(value));
            sized!(cx, ty, ldclralb ldclralh ldclral, S2, old, addr);
        }
        _ => lse_cas(cx, ty, addr),
    }
}

/// The register of the expected value takes the old one, so it is not a pinned one until nothing can fault any more.
fn lse_cas(cx: &mut EmitCx, ty: Ty, addr: u8) {
    let (expected, new, wide) = (cx.x(2), cx.x(3), ty == Ty::I64);
    let old = if free_result(cx, addr) { cx.dst() } else { S1 };
    cx.mov_wide(old, expected, wide);
    sized!(cx, ty, casalb casalh casal, old, new, addr);
    finish(cx, old, wide);
    fence(cx);
}

/// Whether the result's register may be written before the operation is done.
fn free_result(cx: &EmitCx, addr: u8) -> bool {
    let dst = cx.dst();
    let kept = |i: usize| cx.inst().args[i].is_some() && cx.x(i) == dst;
    dst < abi::GPR_BASE && dst != addr && !kept(3) && (cx.options.features.lse || !kept(2))
}

fn finish(cx: &mut EmitCx, old: u8, wide: bool) {
    if cx.dst() != ZR {
        cx.mov_wide(cx.dst(), old, wide);
    }
}

fn exclusive_load(cx: &mut EmitCx, ty: Ty, reg: u8, addr: u8) {
    match ty {
        Ty::I8 => a64!(cx; ldaxrb W(reg), [X(addr)]),
        Ty::I16 => a64!(cx; ldaxrh W(reg), [X(addr)]),
        Ty::I32 => a64!(cx; ldaxr W(reg), [X(addr)]),
        _ => a64!(cx; ldaxr X(reg), [X(addr)]),
    }
}

fn exclusive_store(cx: &mut EmitCx, ty: Ty, status: u8, reg: u8, addr: u8) {
    match ty {
        Ty::I8 => a64!(cx; stlxrb W(status), W(reg), [X(addr)]),
        Ty::I16 => a64!(cx; stlxrh W(status), W(reg), [X(addr)]),
        Ty::I32 => a64!(cx; stlxr W(status), W(reg), [X(addr)]),
        _ => a64!(cx; stlxr W(status), X(reg), [X(addr)]),
    }
}

/// The registers of an exclusive loop besides those of the operands.
#[derive(Clone, Copy, Debug)]
struct Loop {
    /// The old value.
    old: u8,
    /// What the store says. If it has to be the same register, the old value waits in d30.
    status: u8,
}

impl Loop {
    /// `scratch`: whether `S1` is free at the store.
    fn new(cx: &EmitCx, addr: u8, scratch: bool) -> Self {
        let (old, status) = match () {
            () if free_result(cx, addr) => (cx.dst(), S2),
            () if scratch => (S2, S1),
            () if addr != S0 => (S2, S0),
            () => (S2, S2),
        };
        Self { old, status }
    }

    /// After the load.
    fn loaded(self, cx: &mut EmitCx) {
        if self.old == self.status && cx.dst() != ZR {
            a64!(cx; fmov d30, X(self.old));
        }
    }

    /// After the loop.
    fn done(self, cx: &mut EmitCx, wide: bool) {
        if self.old == self.status && cx.dst() != ZR {
            a64!(cx; fmov X(self.old), d30);
        }
        finish(cx, self.old, wide);
    }
}

/// The ARMv8.0 loops; negation has no instruction of its own in LSE either.
fn exclusive(cx: &mut EmitCx, inst: &Inst, addr: u8) {
    if inst.op == Opcode::AtomicCas {
        return exclusive_cas(cx, inst, addr);
    }
    let (retry, value, ty) = (cx.asm.new_label(), cx.x(2), inst.ty);
    let regs = Loop::new(cx, addr, inst.op == Opcode::AtomicXchg);
    cx.asm.bind(retry);
    exclusive_load(cx, ty, regs.old, addr);
    regs.loaded(cx);
    let old = regs.old;
    match inst.op {
        Opcode::AtomicXchg => {}
        Opcode::AtomicAdd => a64!(cx; add X(S1), X(old), X(value)),
        Opcode::AtomicAnd => a64!(cx; and X(S1), X(old), X(value)),
        Opcode::AtomicOr => a64!(cx; orr X(S1), X(old), X(value)),
        Opcode::AtomicNeg => a64!(cx; neg X(S1), X(old)),
        _ => a64!(cx; eor X(S1), X(old), X(value)),
    }
    let new = if inst.op == Opcode::AtomicXchg { value } else { S1 };
    exclusive_store(cx, ty, regs.status, new, addr);
    cx.asm.cbnz(false, regs.status, retry);
    regs.done(cx, ty == Ty::I64);
}

/// A comparison that failed: cold code writes the old value back, as CMPXCHG always is a write access.
#[derive(Clone, Copy, Debug)]
pub(super) struct WriteBack {
    ty: Ty,
    addr: u8,
    regs: Loop,
    retry: Label,
    done: Label,
}

fn exclusive_cas(cx: &mut EmitCx, inst: &Inst, addr: u8) {
    let (retry, done) = (cx.asm.new_label(), cx.asm.new_label());
    let (expected, new, ty) = (cx.x(2), cx.x(3), inst.ty);
    let regs = Loop::new(cx, addr, true);
    cx.asm.bind(retry);
    exclusive_load(cx, ty, regs.old, addr);
    a64!(cx; eor X(S1), X(regs.old), X(expected));
    if ty.bits() < 32 && !cx.zero_above(2) {
        a64!(cx; ubfx W(S1), W(S1), 0, ty.bits());
    }
    let differs = branch::cold_write_back(cx, WriteBack { ty, addr, regs, retry, done });
    cx.asm.cbnz(true, S1, differs);
    exclusive_store(cx, ty, regs.status, new, addr);
    cx.asm.cbnz(false, regs.status, retry);
    cx.asm.bind(done);
    regs.done(cx, ty == Ty::I64);
}

/// The cold code.
pub(super) fn write_back(cx: &mut EmitCx, fix: &WriteBack) {
    exclusive_store(cx, fix.ty, fix.regs.status, fix.regs.old, fix.addr);
    cx.asm.cbnz(false, fix.regs.status, fix.retry);
    cx.asm.b(fix.done);
}
