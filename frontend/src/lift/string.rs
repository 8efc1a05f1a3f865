//! STRINGOP: MOVS, STOS, LODS, CMPS, SCAS with and without REP, REPE, REPNE. SDM vol. 1, 7.3.9.
//!
//! A repeated instruction is a loop of blocks that share its address. Registers are exact after every step, so that a
//! fault or an interruption finds them as the hardware leaves them, and restarting the instruction goes on. The wide
//! steps of MOVS and STOS keep to that: they never cross a page, so a fault hits their first access or none.
use super::sse;
use crate::lifter::{segment, LiftCx, Operand};
use ir::guest::state::offset;
use ir::guest::{Cc, FlagSet, Gpr, Seg};
use ir::sink::Addr;
use ir::{BlockId, Lane, Opcode, Sink, Target, Terminator, Ty, Value};

/// Bytes of a wide step; small against a page, large against the loop's overhead.
const WIDE: u32 = 64;

/// Whether the instruction addresses with SI, DI and CX.
pub(crate) fn short_address<S: Sink>(cx: &LiftCx<S>) -> bool {
    use iced_x86::OpKind::*;
    let kind = |i| matches!(cx.insn.op_kind(i), MemorySegSI | MemorySegDI | MemoryESDI);
    kind(0) || kind(1)
}

/// The width of ESI, EDI and ECX.
fn address_ty<S: Sink>(cx: &LiftCx<S>) -> Ty {
    if short_address(cx) {
        Ty::I16
    } else {
        Ty::I32
    }
}

/// An element at `[seg:ESI]`.
fn source<S: Sink>(cx: &mut LiftCx<S>, ty: Ty) -> Addr<S::Value> {
    let esi = Operand::low(Gpr::Esi, address_ty(cx));
    let addr = Addr::base(cx.get_zext(&esi));
    let seg = segment(cx.insn.memory_segment()).unwrap_or(Seg::Ds);
    cx.linear(seg, addr, ty.bytes(), false)
}

/// An element at `[ES:EDI]`, to be written or only read.
fn destination<S: Sink>(cx: &mut LiftCx<S>, ty: Ty, write: bool) -> Addr<S::Value> {
    let edi = Operand::low(Gpr::Edi, address_ty(cx));
    let addr = Addr::base(cx.get_zext(&edi));
    cx.linear(Seg::Es, addr, ty.bytes(), write)
}

/// Moves ESI or EDI by one element in the direction of DF.
fn advance<S: Sink>(cx: &mut LiftCx<S>, reg: Gpr, ty: Ty) {
    let base = cx.ir.get_gpr(reg);
    let step = cx.ir.get_state(Ty::I32, offset::DF_STEP);
    let shift = ty.bytes().trailing_zeros() as u8;
    let new = cx.ir.lea(Addr { base, index: step, shift, disp: 0 });
    let width = address_ty(cx);
    let new = cx.ir.trunc(width, new);
    cx.set(&Operand::low(reg, width), new);
}

/// One step of an instruction on elements of a width.
type Step = fn(&mut LiftCx, Ty);

pub(crate) fn movs_step<S: Sink>(cx: &mut LiftCx<S>, ty: Ty) {
    let (from, to) = (source(cx, ty), destination(cx, ty, true));
    let value = cx.ir.load(ty, from);
    cx.ir.store(to, value);
    advance(cx, Gpr::Esi, ty);
    advance(cx, Gpr::Edi, ty);
}

pub(crate) fn stos_step<S: Sink>(cx: &mut LiftCx<S>, ty: Ty) {
    let to = destination(cx, ty, true);
    let value = cx.get(&Operand::low(Gpr::Eax, ty));
    cx.ir.store(to, value);
    advance(cx, Gpr::Edi, ty);
}

pub(crate) fn lods_step<S: Sink>(cx: &mut LiftCx<S>, ty: Ty) {
    let from = source(cx, ty);
    let value = cx.ir.load(ty, from);
    cx.set(&Operand::low(Gpr::Eax, ty), value);
    advance(cx, Gpr::Esi, ty);
}

fn cmps_step(cx: &mut LiftCx, ty: Ty) {
    let (left, right) = (source(cx, ty), destination(cx, ty, false));
    // The destination is read first, which shows when both would fault. (CPUs differ, some even by width.)
    let b = cx.ir.load(ty, right);
    let a = cx.ir.load(ty, left);
    cx.ir.binary(Opcode::Sub, a, b, FlagSet::ALL);
    advance(cx, Gpr::Esi, ty);
    advance(cx, Gpr::Edi, ty);
}

fn scas_step(cx: &mut LiftCx, ty: Ty) {
    let to = destination(cx, ty, false);
    let b = cx.ir.load(ty, to);
    let a = cx.get(&Operand::low(Gpr::Eax, ty));
    cx.ir.binary(Opcode::Sub, a, b, FlagSet::ALL);
    advance(cx, Gpr::Edi, ty);
}

fn has_repeat(cx: &LiftCx) -> bool {
    cx.insn.has_rep_prefix() || cx.insn.has_repne_prefix()
}

/// ECX (or CX) less `by`, written back; the new count zero-extended.
pub(crate) fn count_down<S: Sink>(cx: &mut LiftCx<S>, by: u32) -> S::Value {
    let ecx = cx.ir.get_gpr(Gpr::Ecx);
    let new = cx.ir.lea(Addr::base(ecx).plus(-(by as i32)));
    if !short_address(cx) {
        cx.ir.set_gpr(Gpr::Ecx, new);
        return new;
    }
    let merged = cx.ir.insert(ecx, new, 0, 16);
    cx.ir.set_gpr(Gpr::Ecx, merged);
    cx.ir.extract(new, 0, 16)
}

/// A block of the instruction, `ahead` blocks after the current one.
fn ahead(cx: &LiftCx, ahead: u16) -> Target {
    Target::Block(BlockId(cx.block_id().0 + ahead))
}

/// The block after the current one if `value` is not zero, else the next instruction; goes on in the former.
fn enter_unless_zero(cx: &mut LiftCx, value: Value) {
    let (taken, fallthrough) = (ahead(cx, 1), Target::Guest(cx.next()));
    cx.split(Terminator::BranchNz { value, taken, fallthrough });
}

/// The block `head` if `value` is not zero, else the next instruction.
fn again_unless_zero(cx: &mut LiftCx, value: Value, head: Target) {
    let fallthrough = Target::Guest(cx.next());
    cx.end(Terminator::BranchNz { value, taken: head, fallthrough });
}

fn count(cx: &mut LiftCx) -> Value {
    let ty = address_ty(cx);
    cx.get_zext(&Operand::low(Gpr::Ecx, ty))
}

/// Repeats a step while the count lasts, and for comparisons while `condition` holds after a step.
fn repeat(cx: &mut LiftCx, step: Step, condition: Option<Cc>) {
    let ty = cx.mem_ty();
    let ecx = count(cx);
    enter_unless_zero(cx, ecx);
    let head = ahead(cx, 0);
    step(cx, ty);
    let left = count_down(cx, 1);
    let Some(cc) = condition else { return again_unless_zero(cx, left, head) };
    enter_unless_zero(cx, left);
    let fallthrough = Target::Guest(cx.next());
    cx.end(Terminator::Branch { cc, taken: head, fallthrough });
}

/// Once, or repeated on the condition that the prefix says.
fn compare(cx: &mut LiftCx, step: Step) {
    if cx.insn.has_repne_prefix() {
        repeat(cx, step, Some(Cc::Ne));
    } else if cx.insn.has_rep_prefix() {
        repeat(cx, step, Some(Cc::E));
    } else {
        let ty = cx.mem_ty();
        step(cx, ty);
    }
}

/// CMPS.
pub(crate) fn cmps(cx: &mut LiftCx) {
    compare(cx, cmps_step);
}

/// SCAS.
pub(crate) fn scas(cx: &mut LiftCx) {
    compare(cx, scas_step);
}

/// LODS.
pub(crate) fn lods(cx: &mut LiftCx) {
    if has_repeat(cx) {
        return repeat(cx, lods_step, None);
    }
    let ty = cx.mem_ty();
    lods_step(cx, ty);
}

/// Repeats a step, in wide steps as long as they are the same: forward, enough left, no page end inside, and what is
/// read is not what the same wide step writes.
fn repeat_wide(cx: &mut LiftCx, step: Step, wide: Step, moves: bool) {
    let ty = cx.mem_ty();
    if short_address(cx) || cx.insn.has_segment_prefix() || cx.single {
        return repeat(cx, step, None);
    }
    let ecx = count(cx);
    enter_unless_zero(cx, ecx);
    let head = ahead(cx, 0);
    let narrow = ahead(cx, if moves { 4 } else { 3 });

    let steps = WIDE / ty.bytes();
    let ecx = cx.ir.get_gpr(Gpr::Ecx);
    let enough = cx.ir.extract(ecx, steps.trailing_zeros(), 32 - steps.trailing_zeros());
    branch_or(cx, enough, narrow);

    if moves {
        let (esi, edi) = (cx.ir.get_gpr(Gpr::Esi), cx.ir.get_gpr(Gpr::Edi));
        let distance = cx.ir.sub(edi, esi);
        let apart = cx.ir.extract(distance, WIDE.trailing_zeros(), 32 - WIDE.trailing_zeros());
        branch_or(cx, apart, narrow);
    }

    // Not zero if the direction is down or a page would end inside.
    let direction = cx.ir.get_state(Ty::I32, offset::DF_STEP);
    let mut hindered = cx.ir.extract(direction, 31, 1);
    for reg in if moves { &[Gpr::Esi, Gpr::Edi][..] } else { &[Gpr::Edi][..] } {
        let pointer = cx.ir.get_gpr(*reg);
        let in_page = cx.ir.extract(pointer, 0, 12);
        let last = cx.ir.lea(Addr::base(in_page).plus(WIDE as i32 - 1));
        let crosses = cx.ir.extract(last, 12, 1);
        hindered = cx.ir.or(hindered, crosses);
    }
    let fallthrough = ahead(cx, 1);
    cx.split(Terminator::BranchNz { value: hindered, taken: narrow, fallthrough });

    wide(cx, ty);
    let left = count_down(cx, steps);
    let fallthrough = Target::Guest(cx.next());
    cx.split(Terminator::BranchNz { value: left, taken: head, fallthrough });

    debug_assert_eq!(ahead(cx, 0), narrow);
    step(cx, ty);
    let left = count_down(cx, 1);
    again_unless_zero(cx, left, head);
}

/// Goes on in the next block if `value` is not zero, else in `other`.
fn branch_or(cx: &mut LiftCx, value: Value, other: Target) {
    let taken = ahead(cx, 1);
    cx.split(Terminator::BranchNz { value, taken, fallthrough: other });
}

/// Adds a wide step to ESI or EDI.
fn advance_wide(cx: &mut LiftCx, reg: Gpr) {
    let old = cx.ir.get_gpr(reg);
    let new = cx.ir.lea(Addr::base(old).plus(WIDE as i32));
    cx.ir.set_gpr(reg, new);
}

fn movs_wide(cx: &mut LiftCx, _: Ty) {
    let (from, to) = (source(cx, Ty::V128), destination(cx, Ty::V128, true));
    let parts: [Value; 4] = std::array::from_fn(|i| cx.ir.load(Ty::V128, from.plus(16 * i as i32)));
    for (i, part) in parts.into_iter().enumerate() {
        cx.ir.store(to.plus(16 * i as i32), part);
    }
    advance_wide(cx, Gpr::Esi);
    advance_wide(cx, Gpr::Edi);
}

fn stos_wide(cx: &mut LiftCx, ty: Ty) {
    let to = destination(cx, ty, true);
    let element = cx.get_zext(&Operand::low(Gpr::Eax, ty));
    let word = match ty {
        Ty::I32 => element,
        _ => {
            let everywhere = cx.ir.const32(if ty == Ty::I8 { 0x0101_0101 } else { 0x0001_0001 });
            cx.ir.binary(Opcode::Mul, element, everywhere, FlagSet::NONE)
        }
    };
    let lane = cx.ir.vector(Opcode::VFromInt, Ty::V128, Lane::None, &[word], 0);
    let all = cx.ir.vector(Opcode::VShuffle, Ty::V128, Lane::S4, &[lane, lane], 0);
    for i in 0..4 {
        cx.ir.store(to.plus(16 * i), all);
    }
    advance_wide(cx, Gpr::Edi);
}

/// MOVS.
pub(crate) fn movs(cx: &mut LiftCx) {
    if has_repeat(cx) {
        return repeat_wide(cx, movs_step, movs_wide, true);
    }
    let ty = cx.mem_ty();
    movs_step(cx, ty);
}

/// STOS.
pub(crate) fn stos(cx: &mut LiftCx) {
    if has_repeat(cx) {
        return repeat_wide(cx, stos_step, stos_wide, false);
    }
    let ty = cx.mem_ty();
    stos_step(cx, ty);
}

/// MOVSD, the string instruction; SSE2 has the same mnemonic.
pub(crate) fn movsd(cx: &mut LiftCx) {
    if cx.insn.is_string_instruction() {
        return movs(cx);
    }
    sse::mov::movsd(cx);
}

/// CMPSD, the string instruction; SSE2 has the same mnemonic.
pub(crate) fn cmpsd(cx: &mut LiftCx) {
    if cx.insn.is_string_instruction() {
        return cmps(cx);
    }
    sse::compare::cmpsd(cx);
}
