//! SSE and its successors, and the MMX forms that share a mnemonic with them: operands and the common shapes.
//!
//! Operand 0 is read, combined with operand 1 and written last, whatever register file it is in. Memory operands of 16
//! bytes must be aligned (#GP) except for the moves that say otherwise (SDM vol. 1, 11.3; vol. 2, table 2-18).
pub(crate) mod arith;
pub(crate) mod blend;
pub(crate) mod compare;
pub(crate) mod convert;
pub(crate) mod int;
pub(crate) mod maskmov;
pub(crate) mod mov;
pub(crate) mod shuffle;
pub(crate) mod state;
pub(crate) mod text;

use super::mmx;
use crate::lifter::LiftCx;
use ir::guest::{Mm, Trap, Xmm};
use ir::sink::Addr;
use ir::{Lane, Opcode, Sink, Ty, Value};

/// A vector register of either file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reg {
    /// The low half of a vector value.
    Mm(Mm),
    /// All of it.
    Xmm(Xmm),
}

/// The vector register of operand `i`.
fn register(cx: &LiftCx, i: u32) -> Option<Reg> {
    mmx::register(cx, i).map(Reg::Mm).or_else(|| {
        let reg = (!cx.is_mem(i)).then(|| cx.xmm(i)).flatten();
        reg.map(Reg::Xmm)
    })
}

/// The vector register of operand `i`, where the encoding allows nothing else. Begins an MMX instruction if it is one.
pub(super) fn vector_register(cx: &mut LiftCx, i: u32) -> Reg {
    let reg = register(cx, i).expect("a vector register operand");
    if matches!(reg, Reg::Mm(_)) {
        mmx::check(cx);
    }
    reg
}

/// Reads a register. What an MMX instruction loads is loaded before.
pub(super) fn get(cx: &mut LiftCx, reg: Reg) -> Value {
    match reg {
        Reg::Mm(mm) => {
            if !cx.is_mem(0) {
                mmx::enter(cx);
            }
            cx.ir.get_mm(mm)
        }
        Reg::Xmm(xmm) => cx.ir.get_xmm(xmm),
    }
}

pub(super) fn set(cx: &mut LiftCx, reg: Reg, value: Value) {
    match reg {
        Reg::Mm(mm) => {
            mmx::enter(cx);
            cx.ir.set_mm(mm, value);
        }
        Reg::Xmm(xmm) => cx.ir.set_xmm(xmm, value),
    }
}

/// #GP unless the address is a multiple of 16.
fn require_aligned(cx: &mut LiftCx, addr: Addr) {
    // A displacement that keeps the alignment need not be added first.
    let tested = if addr.index.is_none() && addr.disp % 16 == 0 { Addr { disp: 0, ..addr } } else { addr };
    let address = match (tested.base.is_some(), tested.index.is_some(), tested.disp) {
        (false, false, 0) => return,
        (true, false, 0) => tested.base,
        _ => cx.ir.lea(tested),
    };
    let mask = cx.ir.const32(15);
    let misaligned = cx.ir.and(address, mask);
    cx.ir.trap_if(misaligned, Trap::GeneralProtection);
}

/// The memory operand as a vector: all 16 bytes, which must be aligned, or fewer with zeros above.
fn load(cx: &mut LiftCx) -> Value {
    let addr = cx.mem_addr();
    match cx.mem_ty() {
        Ty::V128 => {
            require_aligned(cx, addr);
            cx.ir.load(Ty::V128, addr)
        }
        Ty::I64 => cx.ir.vload(Lane::D2, addr),
        _ => cx.ir.vload(Lane::S4, addr),
    }
}

/// Operand `i`, a vector register or memory.
pub(super) fn source(cx: &mut LiftCx, i: u32) -> Value {
    match register(cx, i) {
        Some(reg) => get(cx, reg),
        None => load(cx),
    }
}

/// Operand 1, and the same value as operand 0's if it is the same register.
pub(super) fn second(cx: &mut LiftCx, first: Value) -> Value {
    if same_registers(cx) {
        first
    } else {
        source(cx, 1)
    }
}

fn same_registers(cx: &LiftCx) -> bool {
    let first = register(cx, 0);
    first.is_some() && first == register(cx, 1)
}

/// The last operand, an immediate byte.
pub(super) fn imm8(cx: &LiftCx) -> u8 {
    cx.insn.immediate(cx.insn.op_count() - 1) as u8
}

/// Operand 0 := f(operand 0, operand 1).
pub(super) fn combine(cx: &mut LiftCx, f: impl FnOnce(&mut LiftCx, Value, Value) -> Value) {
    let dst = vector_register(cx, 0);
    let loaded = (matches!(dst, Reg::Mm(_)) && cx.is_mem(1)).then(|| load(cx));
    let a = get(cx, dst);
    let b = loaded.unwrap_or_else(|| second(cx, a));
    let result = f(cx, a, b);
    set(cx, dst, result);
}

/// Operand 0 := f(operand 1).
pub(super) fn transform(cx: &mut LiftCx, f: impl FnOnce(&mut LiftCx, Value) -> Value) {
    let dst = vector_register(cx, 0);
    let a = source(cx, 1);
    let result = f(cx, a);
    set(cx, dst, result);
}

/// `a` with one lane of `b` in it: lane `to` := lane `from`.
fn copy_lane(cx: &mut LiftCx, lane: Lane, a: Value, to: u32, b: Value, from: u32) -> Value {
    cx.ir.vector(Opcode::VCopyLane, Ty::V128, lane, &[a, b], i64::from(to | from << 4))
}

/// The low half of `v`, zeros above.
fn low_half(cx: &mut LiftCx, v: Value) -> Value {
    let zero = cx.ir.vconst(0);
    copy_lane(cx, Lane::D2, zero, 0, v, 0)
}

/// Declares lift functions of one shape: `name: body arguments;`
macro_rules! lifts {
    ($($(#[$doc:meta])* $name:ident: $shape:ident($($arg:expr),*);)+) => {
        $($(#[$doc])* pub(crate) fn $name(cx: &mut $crate::lifter::LiftCx) { $shape(cx, $($arg),*); })+
    };
}
pub(super) use lifts;
