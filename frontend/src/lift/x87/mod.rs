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
use iced_x86::{Instruction, Mnemonic, OpKind, Register};
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

/// Whether an instruction changes FIP, and FOP and FDP if it raises an unmasked exception: it is no control instruction.
fn is_operation(insn: &Instruction) -> bool {
    use Mnemonic::*;
    !matches!(
        insn.mnemonic(),
        Fldcw | Fldenv | Fnclex | Fndisi | Fneni | Fninit | Fnsave | Fnsetpm | Fnstcw | Fnstenv | Fnstsw | Frstor
    )
}

/// Whether translated code executes an instruction also if it raises an unmasked exception: it is a helper call.
fn is_slow(insn: &Instruction) -> bool {
    use Mnemonic::*;
    matches!(
        insn.mnemonic(),
        F2xm1
            | Fbld
            | Fbstp
            | Fcos
            | Fpatan
            | Fprem
            | Fprem1
            | Fptan
            | Frndint
            | Fscale
            | Fsin
            | Fsincos
            | Fxtract
            | Fyl2x
            | Fyl2xp1
    )
}

/// Whether an instruction wants to know its opcode as FOP has it, for [`note_raised`].
pub(crate) fn wants_opcode(insn: &Instruction, single: bool) -> bool {
    (single || is_slow(insn)) && is_operation(insn)
}

/// The opcode as FOP has it, eleven bits, of an instruction with these bytes; `None` if it is not one of the x87.
pub(crate) fn opcode(bytes: &[u8]) -> Option<u16> {
    const PREFIXES: [u8; 9] = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0];
    let at = bytes.iter().position(|byte| !PREFIXES.contains(byte) && !matches!(byte, 0xf2 | 0xf3))?;
    match bytes[at..] {
        [first @ 0xd8..=0xdf, second, ..] => Some(u16::from(first & 7) << 8 | u16::from(second)),
        _ => None,
    }
}

/// Behind an instruction: keeps its opcode and the offset of its operand if it raised an unmasked exception. What raises one is
/// a helper call or left to the interpreter, so the rest of translated code has no need of this.
pub(crate) fn note_raised(cx: &mut LiftCx, opcode: u16) {
    let in_memory = cx.insn.op_count() > 0 && (0..cx.insn.op_count()).any(|n| cx.is_mem(n));
    let offset = if in_memory {
        let offset = cx.offset();
        cx.ir.lea(offset)
    } else {
        cx.ir.const32(0)
    };
    let (opcode, in_memory) = (cx.ir.const32(u32::from(opcode)), cx.ir.const32(u32::from(in_memory)));
    cx.ir.helper(Helper::X87Raised, Ty::None, &[opcode, offset, in_memory]);
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
