//! SEMAPHORE: XADD, CMPXCHG, CMPXCHG8B. SDM vol. 1, 7.3.1.2; vol. 3, 9.1.2.2.
use crate::lifter::{LiftCx, Operand};
use ir::guest::{Cc, FlagSet, Gpr};
use ir::{Opcode, Sink, Ty};

/// XADD: src and dst exchanged, then dst := their sum. As CMPXCHG, atomic in memory also without LOCK.
pub(crate) fn xadd<S: Sink>(cx: &mut LiftCx<S>) {
    let (dst, src) = (cx.operand(0), cx.operand(1));
    let b = cx.get(&src);
    let Some(addr) = dst.addr() else {
        let old = cx.get(&dst);
        let sum = cx.ir.binary(Opcode::Add, old, b, FlagSet::ALL);
        cx.set(&src, old);
        return cx.set(&dst, sum);
    };
    let old = cx.ir.atomic(Opcode::AtomicAdd, addr, b);
    cx.ir.binary(Opcode::Add, old, b, FlagSet::ALL);
    cx.set(&src, old);
}

/// CMPXCHG: flags of accumulator - dst. In memory it is atomic also without LOCK: that is one instruction. The accumulator always becomes the old value: if they are equal it is that.
pub(crate) fn cmpxchg<S: Sink>(cx: &mut LiftCx<S>) {
    let dst = cx.operand(0);
    let accumulator = Operand::low(Gpr::Eax, dst.ty);
    let new = cx.read(1);
    let expected = cx.get(&accumulator);
    if let Some(addr) = dst.addr() {
        let old = cx.ir.atomic_cas(addr, expected, new);
        cx.ir.binary(Opcode::Sub, expected, old, FlagSet::ALL);
        return cx.set(&accumulator, old);
    }
    if dst.place == accumulator.place {
        // It is equal to itself.
        cx.ir.binary(Opcode::Sub, expected, expected, FlagSet::ALL);
        return cx.set(&dst, new);
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
    let old = cx.ir.atomic_cas(addr, expected, new);
    cx.ir.binary(Opcode::Sub, expected, old, FlagSet::ZF);
    let low = cx.ir.trunc(Ty::I32, old);
    let high = cx.ir.extract(old, 32, 32);
    let high = cx.ir.trunc(Ty::I32, high);
    cx.ir.set_gpr(Gpr::Eax, low);
    cx.ir.set_gpr(Gpr::Edx, high);
}
