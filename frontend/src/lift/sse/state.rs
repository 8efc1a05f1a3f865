//! MXCSR, fences, cache control. SDM vol. 1, 10.2.3, 10.4.6; vol. 2, each by name.
use crate::lifter::LiftCx;
use ir::guest::{FlagSet, Trap};
use ir::{Floats, Opcode, Sink, Value};

/// Bits of MXCSR that do not exist: writing them is #GP.
const MXCSR_RESERVED: u32 = 0xffff_0000;

/// The exception masks.
const MASKS: u32 = 0x1f80;
/// DAZ, and how far above it FTZ is.
const DAZ: u32 = 1 << 6;
const FTZ_ABOVE_DAZ: u8 = 9;

/// Before MXCSR is set: #GP for bits that do not exist, and a way out if arithmetic as it is done cannot do as this value
/// says. The host's unit has no exceptions to unmask, and flushes operands and results together. A program that sets
/// MXCSR at all is taken to look at its flags too, DE among them, unless operands are flushed.
pub(crate) fn check(cx: &mut LiftCx, value: Value) {
    let mask = cx.ir.const32(MXCSR_RESERVED);
    let reserved = cx.ir.and(value, mask);
    cx.ir.trap_if(reserved, Trap::GeneralProtection);
    if cx.floats() > Floats::Checked {
        return;
    }
    let inverse = cx.ir.not(value);
    let (masks, daz) = (cx.ir.const32(MASKS), cx.ir.const32(DAZ));
    let unmasked = cx.ir.and(inverse, masks);
    let by = cx.ir.const8(FTZ_ABOVE_DAZ);
    let ftz = cx.ir.shift(Opcode::Shr, value, by, FlagSet::NONE);
    let differ = cx.ir.xor(ftz, value);
    let differ = cx.ir.and(differ, daz);
    let beyond = match cx.floats() {
        Floats::Host => cx.ir.const32(1),
        Floats::Flushing => {
            let denormals = cx.ir.and(inverse, daz);
            let beyond = cx.ir.or(unmasked, differ);
            cx.ir.or(beyond, denormals)
        }
        _ => cx.ir.or(unmasked, differ),
    };
    cx.ir.trap_if(beyond, Trap::Mxcsr);
}

/// LDMXCSR.
pub(crate) fn ldmxcsr(cx: &mut LiftCx) {
    let value = cx.read(0);
    check(cx, value);
    cx.ir.set_mxcsr(value);
}

/// STMXCSR.
pub(crate) fn stmxcsr(cx: &mut LiftCx) {
    let value = cx.ir.get_mxcsr();
    cx.write(0, value);
}
