//! FLD, FST and their integer and decimal forms, constants, FXCH, FCMOVcc. SDM vol. 1, 8.3.3, 8.3.4.
//!
//! A store changes the stack and the status word only after memory took the value; an unmasked exception of the
//! conversion keeps memory and stack as they are (`ir::helper::Pending`).
use super::{last_st, simple, st, wait};
use crate::lifter::LiftCx;
use iced_x86::{MemorySize, Mnemonic};
use ir::builder::Addr;
use ir::guest::Cc;
use ir::helper::Pending;
use ir::{Helper, Ty, Value};

/// FLD.
pub(crate) fn fld(cx: &mut LiftCx) {
    if let Some(i) = st(cx, cx.insn.op_count() - 1) {
        return simple(cx, Helper::X87FldSt, &[i]);
    }
    wait(cx);
    let addr = cx.mem_addr();
    let (helper, args) = match cx.insn.memory_size() {
        MemorySize::Float32 => (Helper::X87FldF32, vec![cx.ir.load(Ty::I32, addr)]),
        MemorySize::Float64 => (Helper::X87FldF64, vec![cx.ir.load(Ty::I64, addr)]),
        _ => (Helper::X87FldF80, load_ten_bytes(cx, addr)),
    };
    cx.ir.helper(helper, Ty::None, &args);
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
    cx.ir.helper(Helper::X87Fild, Ty::None, &[value]);
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
    simple(cx, Helper::X87FldConst, &[n]);
}

/// FST.
pub(crate) fn fst(cx: &mut LiftCx) {
    store_real(cx, 0);
}

/// FSTP.
pub(crate) fn fstp(cx: &mut LiftCx) {
    store_real(cx, 1);
}

/// FSTPNCE, an undocumented relative of FSTP.
pub(crate) fn fstpnce(cx: &mut LiftCx) {
    let i = st(cx, 0).unwrap_or(1);
    simple(cx, Helper::X87FstpNce, &[i]);
}

fn store_real(cx: &mut LiftCx, pops: u32) {
    if let Some(i) = st(cx, 0) {
        return simple(cx, Helper::X87FstSt, &[i, pops]);
    }
    match cx.insn.memory_size() {
        MemorySize::Float32 => store(cx, Helper::X87ToF32, &[], Ty::I32, pops),
        MemorySize::Float64 => store(cx, Helper::X87ToF64, &[], Ty::I64, pops),
        _ => store_ten_bytes(cx, Helper::X87ToF80),
    }
}

/// FIST.
pub(crate) fn fist(cx: &mut LiftCx) {
    let ty = cx.mem_ty();
    store(cx, Helper::X87ToInt, &[ty.bits(), 0], ty, 0);
}

/// FISTP.
pub(crate) fn fistp(cx: &mut LiftCx) {
    let ty = cx.mem_ty();
    store(cx, Helper::X87ToInt, &[ty.bits(), 0], ty, 1);
}

/// FISTTP (SSE3): truncates whatever the rounding mode.
pub(crate) fn fisttp(cx: &mut LiftCx) {
    let ty = cx.mem_ty();
    store(cx, Helper::X87ToInt, &[ty.bits(), 1], ty, 1);
}

/// FBSTP.
pub(crate) fn fbstp(cx: &mut LiftCx) {
    store_ten_bytes(cx, Helper::X87ToBcd);
}

fn store(cx: &mut LiftCx, convert: Helper, args: &[u32], ty: Ty, pops: u32) {
    wait(cx);
    let addr = cx.mem_addr();
    let args: Vec<Value> = args.iter().map(|&n| cx.ir.const32(n)).collect();
    let bits = cx.ir.helper(convert, ty, &args);
    let ok = cx.ir.get_state(Ty::I32, Pending::OK);
    cx.ir.store_if(addr, bits, ok);
    commit(cx, pops);
}

/// An 80-bit store that pops. The upper part goes first: if a page ends inside, the next is the one that may not be there, and
/// hardware writes nothing then.
fn store_ten_bytes(cx: &mut LiftCx, convert: Helper) {
    wait(cx);
    let addr = cx.mem_addr();
    let low = cx.ir.helper(convert, Ty::I64, &[]);
    let high = cx.ir.get_state(Ty::I16, Pending::HIGH);
    let ok = cx.ir.get_state(Ty::I32, Pending::OK);
    cx.ir.store_if(addr.plus(8), high, ok);
    cx.ir.store_if(addr, low, ok);
    commit(cx, 1);
}

fn commit(cx: &mut LiftCx, pops: u32) {
    let pops = cx.ir.const32(pops);
    cx.ir.helper(Helper::X87Commit, Ty::None, &[pops]);
}

/// FXCH.
pub(crate) fn fxch(cx: &mut LiftCx) {
    let i = last_st(cx);
    simple(cx, Helper::X87Xch, &[i]);
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
    cx.ir.helper(Helper::X87Cmov, Ty::None, &[i, holds]);
}
