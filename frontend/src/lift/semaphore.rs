//! SEMAPHORE: XADD, CMPXCHG, CMPXCHG8B. SDM vol. 1, 7.3.1.2; vol. 3, 9.1.2.2.
use crate::lifter::{LiftCx, Operand};
use ir::guest::{Cc, FlagSet, Gpr};
use ir::sink::Addr;
use ir::{Opcode, Sink, Ty};

/// XADD: src and dst exchanged, then dst := their sum.
pub(crate) fn xadd<S: Sink>(cx: &mut LiftCx<S>) {
    let (dst, src) = (cx.operand(0), cx.operand(1));
    let b = cx.get(&src);
    let Some(addr) = dst.addr() else {
        let old = cx.get(&dst);
        let sum = cx.ir.binary(Opcode::Add, old, b, FlagSet::ALL);
        cx.set(&src, old);
        return cx.set(&dst, sum);
    };
    let old = if cx.insn.has_lock_prefix() {
        cx.ir.atomic(Opcode::AtomicAdd, addr, b)
    } else {
        let old = cx.ir.load(dst.ty, addr);
        let sum = cx.ir.add(old, b);
        cx.ir.store(addr, sum);
        old
    };
    cx.ir.binary(Opcode::Add, old, b, FlagSet::ALL);
    cx.set(&src, old);
}

/// Memory half of both CMPXCHGs: if memory equals `expected`, it becomes `new`, else it is written back; the old value.
fn compare_exchange<S: Sink>(cx: &mut LiftCx<S>, addr: Addr<S::Value>, expected: S::Value, new: S::Value) -> S::Value {
    if cx.insn.has_lock_prefix() {
        return cx.ir.atomic_cas(addr, expected, new);
    }
    let ty = cx.ir.ty(new);
    let old = cx.ir.load(ty, addr);
    let difference = cx.ir.xor(old, expected);
    let value = cx.ir.select_nz(difference, old, new);
    cx.ir.store(addr, value);
    old
}

/// CMPXCHG: flags of accumulator - dst. The accumulator always becomes the old value: if they are equal it is that.
pub(crate) fn cmpxchg<S: Sink>(cx: &mut LiftCx<S>) {
    let dst = cx.operand(0);
    let accumulator = Operand::low(Gpr::Eax, dst.ty);
    let new = cx.read(1);
    let expected = cx.get(&accumulator);
    if let Some(addr) = dst.addr() {
        let old = compare_exchange(cx, addr, expected, new);
        cx.ir.binary(Opcode::Sub, expected, old, FlagSet::ALL);
        return cx.set(&accumulator, old);
    }
    let old = cx.get(&dst);
    cx.ir.binary(Opcode::Sub, expected, old, FlagSet::ALL);
    let value = cx.ir.select(Cc::E, new, old);
    cx.set(&accumulator, old);
    cx.set(&dst, value);
}

/// CMPXCHG8B: EDX:EAX with memory, ECX:EBX new; ZF only.
pub(crate) fn cmpxchg8b<S: Sink>(cx: &mut LiftCx<S>) {
    let addr = cx.mem_addr();
    let pair = |cx: &mut LiftCx<S>, low, high| {
        let (low, high) = (cx.ir.get_gpr(low), cx.ir.get_gpr(high));
        cx.ir.concat(low, high)
    };
    let expected = pair(cx, Gpr::Eax, Gpr::Edx);
    let new = pair(cx, Gpr::Ebx, Gpr::Ecx);
    let old = compare_exchange(cx, addr, expected, new);
    cx.ir.binary(Opcode::Sub, expected, old, FlagSet::ZF);
    let low = cx.ir.trunc(Ty::I32, old);
    let high = cx.ir.extract(old, 32, 32);
    let high = cx.ir.trunc(Ty::I32, high);
    cx.ir.set_gpr(Gpr::Eax, low);
    cx.ir.set_gpr(Gpr::Edx, high);
}
