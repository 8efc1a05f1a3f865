//! Stores of ST(0): converted into x9, with C1 (or [`COMMIT`]) in w10, then memory, then the state.
use super::super::mem::{self, AddrMode};
use super::*;
use ir::x87::{StoreForm, StoreKind};
use ir::Ty;

/// Bit of w10 when the slow way converted: its flags are pending and `Commit` reports them.
pub(crate) const COMMIT: u32 = 1;

/// `x87_store`.
pub(in super::super) fn store(cx: &mut EmitCx, inst: &Inst) {
    let form = StoreForm::decode(constant(cx, inst, 2) as u32);
    let place = cx.x87.stack().at(0);
    let saves = begin(cx);
    let fixed = address_aside(cx);
    load_a(cx, place);
    if form.kind == StoreKind::F80 {
        extended(cx, fixed);
        return call::pop_temps(cx, saves);
    }
    convert(cx, form);
    access(cx);
    let ty = [Ty::I16, Ty::I32, Ty::I64][form.kind.bytes().ilog2() as usize - 1];
    let mode = address(cx, fixed, ty.bytes());
    mem::store_to(cx, ty, 9, mode);
    let commit = with_helper(site(cx), Helper::X87Commit, [0; 3], X87Site::NO_RESULT);
    let commit = add_site(cx, commit);
    let (pending, back) = cold(cx, ColdX87::Call(X87Routine::Slow, commit));
    cx.asm.tbnz(10, COMMIT, pending);
    a64!(cx; strb w10, [x28, live::C1]);
    cx.asm.bind(back);
    call::pop_temps(cx, saves);
}

/// What comes before the access.
fn access(cx: &mut EmitCx) {
    // NZCV may have gone since the instruction began.
    let eip = cx.eip();
    cx.mark_pc(eip);
    if cx.options.ordered {
        // Earlier loads are ordered by the barrier that follows each of them.
        a64!(cx; dmb ishst);
    }
}

/// Computes the address early into x11 if a part of it is in a register of the operation.
fn address_aside(cx: &mut EmitCx) -> bool {
    let clash = (0..2).any(|i| cx.inst().args[i].is_some() && cx.imm(i).is_none() && (8..=15).contains(&cx.x(i)));
    if clash {
        let reg = mem::plain_address(cx);
        a64!(cx; mov w11, W(reg));
    }
    clash
}

fn address(cx: &mut EmitCx, fixed: bool, size: u32) -> AddrMode {
    match fixed {
        true => AddrMode::plain(11),
        false => mem::address(cx, size),
    }
}

/// FSTP m80. Where a page ends inside, the upper part goes first: the next page is the one that may not be there, and
/// hardware writes nothing then. Otherwise the lower part is where the fault is reported.
fn extended(cx: &mut EmitCx, fixed: bool) {
    access(cx);
    if !fixed {
        let reg = mem::plain_address(cx);
        a64!(cx; mov w11, W(reg));
    }
    let (across, done) = (cx.asm.new_label(), cx.asm.new_label());
    a64!(cx
        ; lsr w16, w15, 16
        ; orr w16, w16, w15
        ; and w17, w11, 0xfff
        ; sub w17, w17, 0xff7);
    cx.asm.tbz(S1, 31, across);
    a64!(cx; str x14, [x11]; strh w16, [x11, 8]);
    cx.asm.b(done);
    cx.asm.bind(across);
    a64!(cx; strh w16, [x11, 8]; str x14, [x11]);
    cx.asm.bind(done);
}

/// The value in memory's format.
fn convert(cx: &mut EmitCx, form: StoreForm) {
    let (routine, helper, bits) = match form.kind {
        StoreKind::F32 => (X87Routine::ToF32, Helper::X87ToF32, 0),
        StoreKind::F64 => (X87Routine::ToF64, Helper::X87ToF64, 0),
        _ if form.truncate => (X87Routine::Truncate, Helper::X87ToInt, 8 * form.kind.bytes()),
        _ => (X87Routine::ToInt, Helper::X87ToInt, 8 * form.kind.bytes()),
    };
    let args = [u64::from(bits), u64::from(form.truncate), 0];
    let site = with_helper(site(cx), helper, args, X87Site::NO_RESULT);
    let site = add_site(cx, site);
    if form.kind == StoreKind::F64 {
        return double(cx, site);
    }
    if form.kind.is_int() {
        a64!(cx; movz w8, bits);
    }
    call_routine(cx, routine, site);
}

/// To f64 in line; the routine knows the rest.
fn double(cx: &mut EmitCx, site: Label) {
    let (other, done) = cold(cx, ColdX87::Call(X87Routine::ToF64, site));
    let (tie, kept) = cold(cx, ColdX87::Tie);
    a64!(cx
        ; and w8, w15, 0x7fff
        ; ldr w16, [x28, live::F64_BIAS]
        ; sub w8, w8, w16
        ; subs wzr, WSP(8), 0x7fd);
    cx.asm.b_cond(Cond::Cs, other);
    a64!(cx
        ; lsl x10, x14, 53
        ; lsr x9, x14, 11
        ; adds x10, x10, x10);
    cx.asm.cbz(true, 10, tie);
    // CSINC, ADC: one instruction each.
    flags::cset(cx, 10, Cond::Cs);
    a64!(cx; adc x9, x9, xzr);
    cx.asm.bind(kept);
    a64!(cx
        ; add x9, x9, x8, lsl 52
        ; and w8, w15, 0x8000_0000
        ; orr x9, x9, x8, lsl 32);
    cx.asm.bind(done);
}
