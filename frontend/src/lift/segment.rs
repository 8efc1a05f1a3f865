//! SEGOP: loading and reading segment registers: MOV and POP to Sreg (through here), LDS, LES, LFS, LGS, LSS, ARPL, LAR,
//! LSL, VERR, VERW. SDM vol. 1, 3.4.2; vol. 3, 5.5.
//!
//! The flat user selectors are known to a helper. For any other, it asks the owner of the descriptor tables: the instruction is
//! left with `Trap::Segment`, and runs again once the descriptor is known (`CpuState::answer_segment`).
use crate::lifter::{LiftCx, Operand};
use ir::guest::state::offset;
use ir::guest::{FlagSet, Seg, Trap};
use ir::{Helper, Opcode, Sink, Ty};

/// The selector in a segment register (`I16`).
pub(super) fn selector<S: Sink>(cx: &mut LiftCx<S>, seg: Seg) -> S::Value {
    cx.ir.get_state(Ty::I16, offset::SELECTOR + 2 * seg as u32)
}

/// Loads a segment register from a selector (`I16`), or leaves with a question to the ABI. The helper changes nothing then,
/// so this may come before the instruction's other state writes, and must.
pub(super) fn load<S: Sink>(cx: &mut LiftCx<S>, seg: Seg, selector: S::Value) {
    load_as(cx, seg, selector, 0);
}

/// Loads CS on the way back from a far call: there the selector's own privilege level must be the program's.
pub(super) fn load_return<S: Sink>(cx: &mut LiftCx<S>, selector: S::Value) {
    load_as(cx, Seg::Cs, selector, 1);
}

fn load_as<S: Sink>(cx: &mut LiftCx<S>, seg: Seg, selector: S::Value, returns: u32) {
    let (seg, returns) = (cx.ir.const32(seg as u32), cx.ir.const32(returns));
    let unknown = cx.ir.helper(Helper::LoadSegment, Ty::I32, &[seg, selector, returns]);
    cx.ir.trap_if(unknown, Trap::Segment);
}

/// MOV and POP to SS hold back the single-step trap until the next instruction is done (SDM vol. 3, 6.8.3).
pub(super) fn note_mov_ss<S: Sink>(cx: &mut LiftCx<S>, seg: Seg) {
    if seg == Seg::Ss {
        let yes = cx.ir.const32(1);
        cx.ir.set_state(offset::AFTER_MOV_SS, yes);
    }
}

/// A far pointer in memory: offset first, then the selector.
fn load_pointer<S: Sink>(cx: &mut LiftCx<S>, seg: Seg) {
    if !cx.is_mem(1) {
        return cx.undefined();
    }
    let dst = cx.operand(0);
    let addr = cx.mem_addr();
    let value = cx.ir.load(dst.ty, addr);
    let selector = cx.ir.load(Ty::I16, addr.plus(dst.ty.bytes() as i32));
    load(cx, seg, selector);
    cx.set(&dst, value);
}

/// LDS.
pub(crate) fn lds<S: Sink>(cx: &mut LiftCx<S>) {
    load_pointer(cx, Seg::Ds);
}

/// LES.
pub(crate) fn les<S: Sink>(cx: &mut LiftCx<S>) {
    load_pointer(cx, Seg::Es);
}

/// LFS.
pub(crate) fn lfs<S: Sink>(cx: &mut LiftCx<S>) {
    load_pointer(cx, Seg::Fs);
}

/// LGS.
pub(crate) fn lgs<S: Sink>(cx: &mut LiftCx<S>) {
    load_pointer(cx, Seg::Gs);
}

/// LSS.
pub(crate) fn lss<S: Sink>(cx: &mut LiftCx<S>) {
    load_pointer(cx, Seg::Ss);
}

/// The low 16 bits of operand `i`.
fn word<S: Sink>(cx: &mut LiftCx<S>, i: u32) -> Operand<S::Value> {
    let op = cx.operand(i);
    Operand { ty: Ty::I16, ..op }
}

/// ARPL: raises the privilege level of a selector to that of the source; ZF tells whether it had to.
pub(crate) fn arpl<S: Sink>(cx: &mut LiftCx<S>) {
    // The 32-bit register forms are about the low halves too.
    let (dst, src) = (word(cx, 0), word(cx, 1));
    let old = cx.get(&dst);
    let wide = cx.ir.zext(Ty::I32, old);
    let other = cx.get_zext(&src);
    let (have, want) = (cx.ir.extract(wide, 0, 2), cx.ir.extract(other, 0, 2));
    let difference = cx.ir.sub(have, want);
    let lower = cx.ir.extract(difference, 31, 1);
    let raised = cx.ir.insert(wide, other, 0, 2);
    let result = cx.ir.select_nz(lower, raised, wide);
    let result = cx.ir.trunc(Ty::I16, result);
    match dst.addr() {
        // Nothing is written if nothing changes.
        Some(addr) => {
            cx.check_write_if(lower);
            cx.ir.store_if(addr, result, lower);
        }
        None => cx.set(&dst, result),
    }
    set_zf(cx, lower);
}

/// ZF := a value of 0 or 1.
fn set_zf<S: Sink>(cx: &mut LiftCx<S>, value: S::Value) {
    let six = cx.ir.const8(6);
    let image = cx.ir.shift(Opcode::Shl, value, six, FlagSet::NONE);
    cx.ir.set_flags(FlagSet::ZF, image);
}

/// What is known of the selector in operand `i`: access rights in the low half, limit in the high half, both zero if the
/// segment may not be looked at.
fn describe<S: Sink>(cx: &mut LiftCx<S>, i: u32) -> S::Value {
    let op = word(cx, i);
    let selector = cx.get(&op);
    let answer = cx.ir.helper(Helper::DescribeSegment, Ty::I64, &[selector]);
    let unknown = cx.ir.extract(answer, 0, 1);
    cx.ir.trap_if(unknown, Trap::Segment);
    answer
}

/// Whether there is a segment: bit 12 of the rights of code and data.
fn exists<S: Sink>(cx: &mut LiftCx<S>, rights: S::Value) -> S::Value {
    cx.ir.extract(rights, 12, 1)
}

/// LAR and LSL: a half of the description into operand 0 if there is one.
fn load_description<S: Sink>(cx: &mut LiftCx<S>, lsb: u32) {
    let dst = cx.operand(0);
    let description = describe(cx, 1);
    let half = cx.ir.extract(description, lsb, 32);
    let half = cx.ir.trunc(Ty::I32, half);
    let rights = cx.ir.trunc(Ty::I32, description);
    let found = exists(cx, rights);
    let old = cx.get_zext(&dst);
    let result = cx.ir.select_nz(found, half, old);
    let result = cx.ir.trunc(dst.ty, result);
    cx.set(&dst, result);
    set_zf(cx, found);
}

/// LAR: access rights.
pub(crate) fn lar<S: Sink>(cx: &mut LiftCx<S>) {
    load_description(cx, 0);
}

/// LSL: limit.
pub(crate) fn lsl<S: Sink>(cx: &mut LiftCx<S>) {
    load_description(cx, 32);
}

/// ZF := whether the segment has a right: its bit in the access rights, inverted for code segments if `write`.
fn verify<S: Sink>(cx: &mut LiftCx<S>, write: bool) {
    let description = describe(cx, 0);
    let rights = cx.ir.trunc(Ty::I32, description);
    let found = exists(cx, rights);
    let code = cx.ir.extract(rights, 11, 1);
    let bit = cx.ir.extract(rights, 9, 1);
    // Data is always readable and writable by bit 9; code is readable by bit 9 and never writable.
    let one = cx.ir.const32(1);
    let data = cx.ir.xor(code, one);
    let allowed = if write { cx.ir.and(data, bit) } else { cx.ir.or(data, bit) };
    let allowed = cx.ir.and(allowed, found);
    set_zf(cx, allowed);
}

/// VERR.
pub(crate) fn verr<S: Sink>(cx: &mut LiftCx<S>) {
    verify(cx, false);
}

/// VERW.
pub(crate) fn verw<S: Sink>(cx: &mut LiftCx<S>) {
    verify(cx, true);
}

/// SLDT, STR: what a kernel with UMIP answers for a process without an LDT.
pub(super) fn store_system_selector<S: Sink>(cx: &mut LiftCx<S>, selector: u32) {
    let ty = cx.ty(0);
    let value = cx.ir.iconst(ty, u64::from(selector));
    cx.write(0, value);
}
