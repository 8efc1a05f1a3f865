//! INTERRUPT, SYSTEM, NOP and the rest that talks to the processor itself. SDM vol. 1, 7.3.16; vol. 3, chapter 6.
use crate::lifter::LiftCx;
use ir::guest::Trap;

/// NOP, and instructions that are hints.
pub(crate) fn nop(_: &mut LiftCx) {}

/// INT n: vectors with a gate that user code may use; #GP for all others.
pub(crate) fn int(cx: &mut LiftCx) {
    match cx.imm32(0) & 0xff {
        0x80 => cx.trap(Trap::Syscall),
        3 => cx.trap(Trap::Breakpoint),
        4 => cx.trap(Trap::Overflow),
        _ => cx.fault(Trap::GeneralProtection),
    }
}

/// INT3.
pub(crate) fn int3(cx: &mut LiftCx) {
    cx.trap(Trap::Breakpoint);
}

/// UD0, UD1, UD2: #UD by definition.
pub(crate) fn ud(cx: &mut LiftCx) {
    cx.undefined();
}

/// HLT and everything else that needs privilege or I/O rights: #GP.
pub(crate) fn privileged(cx: &mut LiftCx) {
    cx.fault(Trap::GeneralProtection);
}

/// An instruction without a lift function: leaves with its address, so that it can be named.
pub(crate) fn unimplemented(cx: &mut LiftCx) {
    cx.fault(Trap::Unimplemented);
}
