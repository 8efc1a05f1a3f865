//! MXCSR, fences, cache control. SDM vol. 1, 10.2.3, 10.4.6; vol. 2, each by name.
use crate::lifter::LiftCx;
use ir::guest::Trap;

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
