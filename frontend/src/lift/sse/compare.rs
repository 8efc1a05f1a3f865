//! CMPPS and its kin, COMISS and UCOMISS. SDM vol. 1, 10.4.1.5 and 11.4.1.4; vol. 2, each by name.
use super::{combine, imm8, lifts, second, source};
use crate::lifter::LiftCx;
use ir::{Lane, Opcode, Ty};
use Lane::{F32x4, F64x2, F32, F64};

/// Masks of the predicate in the immediate. Bits above 2 are reserved in the encodings without VEX and ignored by CPUs.
fn mask(cx: &mut LiftCx, lane: Lane) {
    let predicate = i64::from(imm8(cx) & 7);
    combine(cx, |cx, a, b| cx.ir.vector(Opcode::FCmp, Ty::V128, lane, &[a, b], predicate));
}

/// ZF, PF, CF from a comparison of lane 0.
fn flags(cx: &mut LiftCx, lane: Lane, signalling: bool) {
    let a = source(cx, 0);
    let b = second(cx, a);
    cx.ir.vector_flags(Opcode::FComi, lane, a, b, i64::from(signalling));
}

lifts! {
    cmpps: mask(F32x4);
    cmppd: mask(F64x2);
    cmpss: mask(F32);
    /// CMPSD with XMM operands; the string instruction has the same mnemonic.
    cmpsd: mask(F64);
    ucomiss: flags(F32, false);
    ucomisd: flags(F64, false);
    comiss: flags(F32, true);
    comisd: flags(F64, true);
}
