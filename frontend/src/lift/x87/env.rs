//! FNSTENV, FLDENV, FNSAVE, FRSTOR. SDM vol. 1, 8.1.10: the protected-mode formats of both operand sizes.
use super::control::padded;
use super::{call, wait};
use crate::lifter::LiftCx;
use iced_x86::MemorySize;
use ir::guest::state::offset;
use ir::sink::Addr;
use ir::{Helper, Sink, Ty, Value};

/// Whether the operand size is 32 bits: seven double words instead of seven words.
fn is_wide(cx: &LiftCx) -> bool {
    matches!(cx.insn.memory_size(), MemorySize::FpuEnv28 | MemorySize::FpuState108)
}

/// FNSTENV.
pub(crate) fn fnstenv(cx: &mut LiftCx) {
    let addr = cx.mem_addr();
    let wide = is_wide(cx);
    store_env(cx, addr, wide);
    call(cx, Helper::X87MaskAll, &[]);
}

/// FNSAVE: the environment, then ST(0) to ST(7) in ten bytes each; then as FNINIT.
pub(crate) fn fnsave(cx: &mut LiftCx) {
    let addr = cx.mem_addr();
    let wide = is_wide(cx);
    let mut at = store_env(cx, addr, wide);
    for i in 0..8 {
        let i = cx.ir.const32(i);
        let low = cx.ir.helper(Helper::X87StLow, Ty::I64, &[i]);
        let high = cx.ir.helper(Helper::X87StHigh, Ty::I16, &[i]);
        cx.ir.store(at, low);
        cx.ir.store(at.plus(8), high);
        at = at.plus(10);
    }
    call(cx, Helper::X87Init, &[]);
}

/// Stores the environment; the address after it.
fn store_env(cx: &mut LiftCx, addr: Addr, wide: bool) -> Addr {
    cx.reach(addr, cx.insn.memory_size().size(), true);
    let cw = cx.ir.get_state(Ty::I16, offset::FCW);
    let cw = cx.ir.zext(Ty::I32, cw);
    let sw = cx.ir.x87_status();
    let tags = cx.ir.helper(Helper::X87TagWord, Ty::I32, &[]);
    let fip = cx.ir.get_state(Ty::I32, offset::FIP);
    let fdp = cx.ir.get_state(Ty::I32, offset::FDP);
    let fop = cx.ir.get_state(Ty::I16, offset::FOP);
    let fop = cx.ir.zext(Ty::I32, fop);
    // The selectors are zero, as CPUID announces.
    let none = cx.ir.const32(0);
    if wide {
        let selector_and_opcode = cx.ir.insert(none, fop, 16, 11);
        let words = [padded(cx, cw), padded(cx, sw), padded(cx, tags), fip, selector_and_opcode, fdp, padded(cx, none)];
        store_words(cx, addr, &words, 4)
    } else {
        let words = [cw, sw, tags, fip, none, fdp, none].map(|word| cx.ir.trunc(Ty::I16, word));
        store_words(cx, addr, &words, 2)
    }
}

fn store_words(cx: &mut LiftCx, mut addr: Addr, words: &[Value], bytes: i32) -> Addr {
    for &word in words {
        cx.ir.store(addr, word);
        addr = addr.plus(bytes);
    }
    addr
}

/// FLDENV.
pub(crate) fn fldenv(cx: &mut LiftCx) {
    wait(cx);
    let addr = cx.mem_addr();
    let wide = is_wide(cx);
    cx.reach(addr, cx.insn.memory_size().size(), false);
    let env = load_env(cx, addr, wide);
    env.set(cx);
}

/// FRSTOR.
pub(crate) fn frstor(cx: &mut LiftCx) {
    wait(cx);
    let addr = cx.mem_addr();
    let wide = is_wide(cx);
    cx.reach(addr, cx.insn.memory_size().size(), false);
    let env = load_env(cx, addr, wide);
    let at = addr.plus(if wide { 28 } else { 14 });
    let registers: Vec<(Value, Value)> =
        (0..8).map(|i| (cx.ir.load(Ty::I64, at.plus(10 * i)), cx.ir.load(Ty::I16, at.plus(10 * i + 8)))).collect();
    env.set(cx);
    for (i, (low, high)) in (0..).zip(registers) {
        let i = cx.ir.const32(i);
        cx.ir.helper(Helper::X87SetSt, Ty::None, &[i, low, high]);
    }
}

/// An environment that was loaded; all `I16` but the pointers.
struct Loaded {
    cw: Value,
    sw: Value,
    tags: Value,
    fip: Value,
    fop: Option<Value>,
    fdp: Value,
}

fn load_env(cx: &mut LiftCx, addr: Addr, wide: bool) -> Loaded {
    let step = if wide { 4 } else { 2 };
    let mut half = |n: i32| cx.ir.load(Ty::I16, addr.plus(step * n));
    let (cw, sw, tags) = (half(0), half(1), half(2));
    // The selectors are read and dropped.
    let _ = (half(4), half(6));
    // The last word of the wide format is four bytes that are all read.
    let fop = wide.then(|| cx.ir.load(Ty::I16, addr.plus(4 * 4 + 2)));
    if wide {
        cx.ir.load(Ty::I16, addr.plus(4 * 6 + 2));
    }
    let mut pointer = |n: i32| {
        if wide {
            return cx.ir.load(Ty::I32, addr.plus(step * n));
        }
        let low = cx.ir.load(Ty::I16, addr.plus(step * n));
        cx.ir.zext(Ty::I32, low)
    };
    let (fip, fdp) = (pointer(3), pointer(5));
    Loaded { cw, sw, tags, fip, fop, fdp }
}

impl Loaded {
    fn set(&self, cx: &mut LiftCx) {
        cx.ir.helper(Helper::X87SetEnv, Ty::None, &[self.cw, self.sw, self.tags]);
        cx.ir.set_state(offset::FIP, self.fip);
        cx.ir.set_state(offset::FDP, self.fdp);
        let fop = match self.fop {
            Some(word) => {
                let word = cx.ir.zext(Ty::I32, word);
                let opcode = cx.ir.extract(word, 0, 11);
                cx.ir.trunc(Ty::I16, opcode)
            }
            None => cx.ir.iconst(Ty::I16, 0),
        };
        cx.ir.set_state(offset::FOP, fop);
    }
}
