//! FXSAVE and FXRSTOR: the 512-byte image of x87, MMX and SSE state. SDM vol. 1, 10.5.
use crate::lift::sse::state;
use crate::lifter::LiftCx;
use ir::guest::state::offset;
use ir::guest::{Trap, Xmm};
use ir::sink::Addr;
use ir::{Helper, Sink, Ty, Value};

/// Bits of MXCSR that may be set: what the image announces in MXCSR_MASK.
const MXCSR_MASK: u32 = 0xffff;

/// Bytes of the image.
const IMAGE: usize = 512;

/// The operand's address; #GP unless it is a multiple of 16.
fn aligned(cx: &mut LiftCx) -> Addr {
    let addr = cx.mem_addr();
    let linear = cx.ir.lea(addr);
    let low = cx.ir.extract(linear, 0, 4);
    cx.ir.trap_if(low, Trap::GeneralProtection);
    Addr::base(linear)
}

/// FXSAVE. What the format reserves above ST(7) and XMM7 is not written.
pub(crate) fn fxsave(cx: &mut LiftCx) {
    let addr = aligned(cx);
    cx.reach(addr, IMAGE, true);
    save_control(cx, addr);
    for i in 0..8 {
        let n = cx.ir.const32(i as u32);
        let value = cx.ir.helper(Helper::X87GetSt, Ty::V128, &[n]);
        cx.ir.store(addr.plus(32 + 16 * i), value);
    }
    for &xmm in Xmm::ALL {
        let value = cx.ir.get_xmm(xmm);
        cx.ir.store(addr.plus(160 + 16 * xmm.index() as i32), value);
    }
}

/// The first 32 bytes: all but the registers.
fn save_control(cx: &mut LiftCx, addr: Addr) {
    let fields = [(0, offset::FCW), (6, offset::FOP)];
    for (at, field) in fields {
        let value = cx.ir.get_state(Ty::I16, field);
        store_half(cx, addr.plus(at), value);
    }
    let status = cx.ir.x87_status();
    store_half(cx, addr.plus(2), status);
    let tags = cx.ir.get_state(Ty::I8, offset::FTW);
    let tags = cx.ir.zext(Ty::I32, tags);
    store_half(cx, addr.plus(4), tags);
    let zero = cx.ir.const32(0);
    // The selectors of FIP and FDP, as CPUID announces.
    cx.ir.store(addr.plus(12), zero);
    cx.ir.store(addr.plus(20), zero);
    for (at, field) in [(8, offset::FIP), (16, offset::FDP)] {
        let value = cx.ir.get_state(Ty::I32, field);
        cx.ir.store(addr.plus(at), value);
    }
    let mxcsr = cx.ir.get_mxcsr();
    cx.ir.store(addr.plus(24), mxcsr);
    let mask = cx.ir.const32(MXCSR_MASK);
    cx.ir.store(addr.plus(28), mask);
}

fn store_half(cx: &mut LiftCx, addr: Addr, value: Value) {
    let half = cx.ir.trunc(Ty::I16, value);
    cx.ir.store(addr, half);
}

/// FXRSTOR; #GP for reserved bits of MXCSR. Everything is loaded before anything is changed.
pub(crate) fn fxrstor(cx: &mut LiftCx) {
    let addr = aligned(cx);
    cx.reach(addr, IMAGE, false);
    let mut half = |at: i32| cx.ir.load(Ty::I16, addr.plus(at));
    let [cw, sw, fop] = [0, 2, 6].map(&mut half);
    let tags = cx.ir.load(Ty::I8, addr.plus(4));
    let [fip, fdp, mxcsr] = [8, 16, 24].map(|at| cx.ir.load(Ty::I32, addr.plus(at)));
    state::check(cx, mxcsr);
    let registers: Vec<(Value, Value)> = (0..8)
        .map(|i| (cx.ir.load(Ty::I64, addr.plus(32 + 16 * i)), cx.ir.load(Ty::I16, addr.plus(40 + 16 * i))))
        .collect();
    let xmm: Vec<Value> = (0..8).map(|i| cx.ir.load(Ty::V128, addr.plus(160 + 16 * i))).collect();
    for (&reg, value) in Xmm::ALL.iter().zip(xmm) {
        cx.ir.set_xmm(reg, value);
    }
    cx.ir.set_mxcsr(mxcsr);
    let pointers = [(offset::FOP, fop), (offset::FIP, fip), (offset::FDP, fdp)];
    for (field, value) in pointers {
        cx.ir.set_state(field, value);
    }
    cx.ir.helper(Helper::X87SetFxEnv, Ty::None, &[cw, sw, tags]);
    set_stack(cx, registers);
}

/// ST(0) to ST(7), as mantissa and sign with exponent.
fn set_stack(cx: &mut LiftCx, registers: Vec<(Value, Value)>) {
    for (i, (low, high)) in (0..).zip(registers) {
        let i = cx.ir.const32(i);
        cx.ir.helper(Helper::X87SetSt, Ty::None, &[i, low, high]);
    }
}
