//! MXCSR, fences, cache control. SDM vol. 1, 10.2.3, 10.4.6; vol. 2, each by name.
use crate::lifter::LiftCx;
use ir::guest::Trap;
use ir::Ty;

/// Bits of MXCSR that do not exist: writing them is #GP.
const MXCSR_RESERVED: u32 = 0xffff_0000;

/// LDMXCSR.
pub(crate) fn ldmxcsr(cx: &mut LiftCx) {
    let value = cx.read(0);
    let mask = cx.ir.const32(MXCSR_RESERVED);
    let reserved = cx.ir.and(value, mask);
    cx.ir.trap_if(reserved, Trap::GeneralProtection);
    cx.ir.set_mxcsr(value);
}

/// STMXCSR.
pub(crate) fn stmxcsr(cx: &mut LiftCx) {
    let value = cx.ir.get_mxcsr();
    cx.write(0, value);
}

/// MFENCE.
pub(crate) fn mfence(cx: &mut LiftCx) {
    cx.ir.fence();
}

/// LFENCE, SFENCE: loads are not reordered with loads nor stores with stores here, so there is nothing to wait for.
/// PREFETCH*: a hint.
pub(crate) fn nothing(_: &mut LiftCx) {}

/// CLFLUSH, CLFLUSHOPT: coherent caches have nothing to do, but the address is checked as a load of a byte.
pub(crate) fn clflush(cx: &mut LiftCx) {
    let addr = cx.mem_addr();
    cx.ir.load(Ty::I8, addr);
}
