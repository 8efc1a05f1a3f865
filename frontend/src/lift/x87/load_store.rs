//! FLD, FST and their integer and decimal forms, constants, FXCH, FCMOVcc. SDM vol. 1, 8.3.3, 8.3.4.
//!
//! A store changes the stack and the status word only after memory took the value; an unmasked exception of the
//! conversion keeps memory and stack as they are (`ir::helper::Pending`).
use super::{last_st, operation, simple, st, wait};
use crate::lifter::LiftCx;
use iced_x86::{MemorySize, Mnemonic};
use ir::guest::Cc;
use ir::helper::Pending;
use ir::sink::Addr;
use ir::x87::{StoreForm, StoreKind};
use ir::{Helper, Sink, Ty, Value};

/// FLD.
pub(crate) fn fld(cx: &mut LiftCx) {
    if let Some(i) = st(cx, cx.insn.op_count() - 1) {
        return operation(cx, Helper::X87FldSt, &[i]);
    }
    wait(cx);
    let addr = cx.mem_addr();
    let (helper, args) = match cx.insn.memory_size() {
        MemorySize::Float32 => (Helper::X87FldF32, vec![cx.ir.load(Ty::I32, addr)]),
        MemorySize::Float64 => (Helper::X87FldF64, vec![cx.ir.load(Ty::I64, addr)]),
        _ => (Helper::X87FldF80, load_ten_bytes(cx, addr)),
    };
    cx.ir.x87(helper, Ty::None, &args);
}

fn load_ten_bytes(cx: &mut LiftCx, addr: Addr) -> Vec<Value> {
    vec![cx.ir.load(Ty::I64, addr), cx.ir.load(Ty::I16, addr.plus(8))]
}

/// FILD.
pub(crate) fn fild(cx: &mut LiftCx) {
    wait(cx);
    let addr = cx.mem_addr();
    let value = match cx.mem_ty() {
        Ty::I64 => cx.ir.load(Ty::I64, addr),
        Ty::I32 => {
            let narrow = cx.ir.load(Ty::I32, addr);
            cx.ir.sext(Ty::I64, narrow)
        }
        _ => {
            let narrow = cx.ir.load_sx(Ty::I16, addr);
            cx.ir.sext(Ty::I64, narrow)
        }
    };
    cx.ir.x87(Helper::X87Fild, Ty::None, &[value]);
}

/// FBLD.
pub(crate) fn fbld(cx: &mut LiftCx) {
    wait(cx);
    let addr = cx.mem_addr();
    let args = load_ten_bytes(cx, addr);
    cx.ir.helper(Helper::X87Fbld, Ty::None, &args);
}

/// FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ.
pub(crate) fn fld_constant(cx: &mut LiftCx) {
    let n = match cx.insn.mnemonic() {
        Mnemonic::Fld1 => 0,
        Mnemonic::Fldl2t => 1,
        Mnemonic::Fldl2e => 2,
        Mnemonic::Fldpi => 3,
        Mnemonic::Fldlg2 => 4,
        Mnemonic::Fldln2 => 5,
        _ => 6,
    };
    operation(cx, Helper::X87FldConst, &[n]);
}

/// FST.
pub(crate) fn fst(cx: &mut LiftCx) {
    store_real(cx, false);
}

/// FSTP.
pub(crate) fn fstp(cx: &mut LiftCx) {
    store_real(cx, true);
}

/// FSTPNCE, an undocumented relative of FSTP.
pub(crate) fn fstpnce(cx: &mut LiftCx) {
    let i = st(cx, 0).unwrap_or(1);
    simple(cx, Helper::X87FstpNce, &[i]);
}

fn store_real(cx: &mut LiftCx, pop: bool) {
    if let Some(i) = st(cx, 0) {
        return operation(cx, Helper::X87FstSt, &[i, u32::from(pop)]);
    }
    let kind = match cx.insn.memory_size() {
        MemorySize::Float32 => StoreKind::F32,
        MemorySize::Float64 => StoreKind::F64,
        _ => StoreKind::F80,
    };
    store(cx, StoreForm { kind, truncate: false, pop });
}

/// FIST.
pub(crate) fn fist(cx: &mut LiftCx) {
    store_integer(cx, false, false);
}

/// FISTP.
pub(crate) fn fistp(cx: &mut LiftCx) {
    store_integer(cx, false, true);
}

/// FISTTP (SSE3): truncates whatever the rounding mode.
pub(crate) fn fisttp(cx: &mut LiftCx) {
    store_integer(cx, true, true);
}

fn store_integer(cx: &mut LiftCx, truncate: bool, pop: bool) {
    let kind = match cx.mem_ty() {
        Ty::I16 => StoreKind::I16,
        Ty::I32 => StoreKind::I32,
        _ => StoreKind::I64,
    };
    store(cx, StoreForm { kind, truncate, pop });
}

fn store(cx: &mut LiftCx, form: StoreForm) {
    wait(cx);
    let addr = cx.mem_addr();
    cx.ir.x87_store(addr, form);
}

/// FBSTP. The upper part goes first: if a page ends inside, the next is the one that may not be there, and hardware writes
/// nothing then.
pub(crate) fn fbstp(cx: &mut LiftCx) {
    wait(cx);
    let addr = cx.mem_addr();
    let low = cx.ir.helper(Helper::X87ToBcd, Ty::I64, &[]);
    let high = cx.ir.get_state(Ty::I16, Pending::HIGH);
    let ok = cx.ir.get_state(Ty::I32, Pending::OK);
    cx.ir.store_if(addr.plus(8), high, ok);
    cx.ir.store_if(addr, low, ok);
    let pops = cx.ir.const32(1);
    cx.ir.helper(Helper::X87Commit, Ty::None, &[pops]);
}

/// FXCH.
pub(crate) fn fxch(cx: &mut LiftCx) {
    let i = last_st(cx);
    operation(cx, Helper::X87Xch, &[i]);
}

/// FCMOVcc.
pub(crate) fn fcmov(cx: &mut LiftCx) {
    let cc = match cx.insn.mnemonic() {
        Mnemonic::Fcmovb => Cc::B,
        Mnemonic::Fcmove => Cc::E,
        Mnemonic::Fcmovbe => Cc::Be,
        Mnemonic::Fcmovu => Cc::P,
        Mnemonic::Fcmovnb => Cc::Ae,
        Mnemonic::Fcmovne => Cc::Ne,
        Mnemonic::Fcmovnbe => Cc::A,
        _ => Cc::Np,
    };
    wait(cx);
    let i = last_st(cx);
    let i = cx.ir.const32(i);
    let holds = cx.ir.cond(cc);
    cx.ir.x87(Helper::X87Cmov, Ty::None, &[i, holds]);
}
