//! Locked read-modify-write operations: LSE instructions where the host has them, exclusive loops otherwise.
//!
//! A misaligned operand leaves to `Stub::Single`. Arm ARM B2.3 (ordering), C6.2 LDADD and following.
use super::super::compiled::Stub;
use super::{a64, branch, mem, EmitCx, S1, S2};
use ir::{Inst, Opcode, Ty};

/// One row per `atomic_*` opcode; the old value is the result, written after everything that can fault.
pub(super) fn rmw(cx: &mut EmitCx, inst: &Inst) {
    let addr = mem::plain_address(cx);
    check_alignment(cx, inst.ty, addr);
    if cx.options.features.lse {
        lse(cx, inst, addr);
    } else {
        exclusive(cx, inst, addr);
        fence(cx);
    }
}

/// A locked operation is a full barrier. LSE instructions with acquire and release are one by themselves (Arm ARM B2.3.7,
/// barrier-ordered-before); behind a loop of exclusives it takes an instruction.
fn fence(cx: &mut EmitCx) {
    if cx.options.ordered {
        a64!(cx; dmb ish);
    }
}

/// A compare-and-swap that did not write is only an acquire; LOCK CMPXCHG is a full barrier all the same.
fn fence_if_failed(cx: &mut EmitCx, ty: Ty, expected: u8) {
    if !cx.options.ordered {
        return;
    }
    let swapped = cx.asm.new_label();
    if ty.bits() >= 32 {
        let wide = ty == Ty::I64;
        match wide {
            true => a64!(cx; eor X(S2), X(S1), X(expected)),
            false => a64!(cx; eor W(S2), W(S1), W(expected)),
        }
        cx.asm.cbz(wide, S2, swapped);
    }
    a64!(cx; dmb ish);
    cx.asm.bind(swapped);
}

fn check_alignment(cx: &mut EmitCx, ty: Ty, addr: u8) {
    if ty != Ty::I8 {
        a64!(cx; and WSP(S1), W(addr), ty.bytes() - 1);
        let cold = branch::cold_stub(cx, Stub::Single);
        cx.asm.cbnz(false, S1, cold);
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

fn lse(cx: &mut EmitCx, inst: &Inst, addr: u8) {
    let (ty, wide, value) = (inst.ty, inst.ty == Ty::I64, cx.x(2));
    match inst.op {
        Opcode::AtomicXchg => sized!(cx, ty, swpalb swpalh swpal, value, S1, addr),
        Opcode::AtomicAdd => sized!(cx, ty, ldaddalb ldaddalh ldaddal, value, S1, addr),
        Opcode::AtomicOr => sized!(cx, ty, ldsetalb ldsetalh ldsetal, value, S1, addr),
        Opcode::AtomicXor => sized!(cx, ty, ldeoralb ldeoralh ldeoral, value, S1, addr),
        Opcode::AtomicAnd => {
            a64!(cx; mvn X(S2), X(value));
            sized!(cx, ty, ldclralb ldclralh ldclral, S2, S1, addr);
        }
        Opcode::AtomicCas => {
            cx.mov_wide(S1, value, wide);
            let new = cx.x(3);
            sized!(cx, ty, casalb casalh casal, S1, new, addr);
            fence_if_failed(cx, ty, value);
        }
        _ => {
            negate_loop(cx, inst, addr);
            return fence(cx);
        }
    }
    finish(cx, S1, wide);
}

/// Negation has no instruction of its own: a compare-and-swap loop.
fn negate_loop(cx: &mut EmitCx, inst: &Inst, addr: u8) {
    let retry = cx.asm.new_label();
    cx.asm.bind(retry);
    exclusive_load(cx, inst.ty, S2, addr);
    a64!(cx; fmov d30, X(S2); neg X(S1), X(S2));
    exclusive_store(cx, inst.ty, S2, S1, addr);
    cx.asm.cbnz(false, S2, retry);
    a64!(cx; fmov X(S2), d30);
    finish(cx, S2, inst.ty == Ty::I64);
}

fn finish(cx: &mut EmitCx, old: u8, wide: bool) {
    if cx.dst() != super::ZR {
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

/// The ARMv8.0 loops. The old value waits in d30 while its register takes the store's status.
fn exclusive(cx: &mut EmitCx, inst: &Inst, addr: u8) {
    if inst.op == Opcode::AtomicNeg {
        return negate_loop(cx, inst, addr);
    }
    if inst.op == Opcode::AtomicCas {
        return exclusive_cas(cx, inst, addr);
    }
    let (retry, value) = (cx.asm.new_label(), cx.x(2));
    cx.asm.bind(retry);
    exclusive_load(cx, inst.ty, S2, addr);
    a64!(cx; fmov d30, X(S2));
    let new = match inst.op {
        Opcode::AtomicXchg => value,
        Opcode::AtomicAdd => {
            a64!(cx; add X(S1), X(S2), X(value));
            S1
        }
        Opcode::AtomicAnd => {
            a64!(cx; and X(S1), X(S2), X(value));
            S1
        }
        Opcode::AtomicOr => {
            a64!(cx; orr X(S1), X(S2), X(value));
            S1
        }
        _ => {
            a64!(cx; eor X(S1), X(S2), X(value));
            S1
        }
    };
    exclusive_store(cx, inst.ty, S2, new, addr);
    cx.asm.cbnz(false, S2, retry);
    a64!(cx; fmov X(S2), d30);
    finish(cx, S2, inst.ty == Ty::I64);
}

/// A failed comparison writes the old value back: CMPXCHG always is a write access.
fn exclusive_cas(cx: &mut EmitCx, inst: &Inst, addr: u8) {
    let (retry, same) = (cx.asm.new_label(), cx.asm.new_label());
    let (expected, new) = (cx.x(2), cx.x(3));
    let bits = inst.ty.bits();
    cx.asm.bind(retry);
    exclusive_load(cx, inst.ty, S2, addr);
    a64!(cx; fmov d30, X(S2); eor X(S1), X(S2), X(expected));
    if bits < 64 {
        a64!(cx; ubfx X(S1), X(S1), 0, bits);
    }
    let store = cx.asm.new_label();
    cx.asm.cbz(true, S1, same);
    a64!(cx; mov X(S1), X(S2));
    cx.asm.b(store);
    cx.asm.bind(same);
    a64!(cx; mov X(S1), X(new));
    cx.asm.bind(store);
    exclusive_store(cx, inst.ty, S2, S1, addr);
    cx.asm.cbnz(false, S2, retry);
    a64!(cx; fmov X(S2), d30);
    finish(cx, S2, inst.ty == Ty::I64);
}
