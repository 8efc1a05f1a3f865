//! CONVERT: CBW, CWDE, CWD, CDQ. SDM vol. 1, 7.3.1.5.
use crate::lifter::{LiftCx, Operand};
use ir::guest::{FlagSet, Gpr};
use ir::{Opcode, Sink, Ty};

/// CBW: AX := AL, sign-extended.
pub(crate) fn cbw<S: Sink>(cx: &mut LiftCx<S>) {
    let value = cx.get_sext(&Operand::low(Gpr::Eax, Ty::I8));
    let value = cx.ir.trunc(Ty::I16, value);
    cx.set(&Operand::low(Gpr::Eax, Ty::I16), value);
}

/// CWDE: EAX := AX, sign-extended.
pub(crate) fn cwde<S: Sink>(cx: &mut LiftCx<S>) {
    let value = cx.get_sext(&Operand::low(Gpr::Eax, Ty::I16));
    cx.ir.set_gpr(Gpr::Eax, value);
}

/// CWD: DX := the sign of AX.
pub(crate) fn cwd<S: Sink>(cx: &mut LiftCx<S>) {
    let eax = cx.ir.get_gpr(Gpr::Eax);
    let sign = cx.ir.extract_s(eax, 15, 1);
    let sign = cx.ir.trunc(Ty::I16, sign);
    cx.set(&Operand::low(Gpr::Edx, Ty::I16), sign);
}

/// CDQ: EDX := the sign of EAX.
pub(crate) fn cdq<S: Sink>(cx: &mut LiftCx<S>) {
    let eax = cx.ir.get_gpr(Gpr::Eax);
    let all = cx.ir.const8(31);
    let sign = cx.ir.shift(Opcode::Sar, eax, all, FlagSet::NONE);
    cx.ir.set_gpr(Gpr::Edx, sign);
}
