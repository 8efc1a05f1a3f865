//! Flag classes that several families share, and what iced-x86 says about flags in our terms.
//!
//! Flags are written by the operation that defines them (the `flags` of an IR instruction); here are the few shapes
//! that more than one family needs. SDM vol. 1, appendix A (cross-reference of flags).
use crate::lifter::LiftCx;
use iced_x86::{Instruction, RflagsBits};
use ir::guest::FlagSet;
use ir::{Opcode, Sink};

/// CF := bit 0 of a value.
pub fn set_carry<S: Sink>(cx: &mut LiftCx<S>, value: S::Value) {
    cx.ir.set_carry(value, 0);
}

/// S, Z, P as the result has them, C, O zero, A undefined: what TEST does.
pub fn set_logic<S: Sink>(cx: &mut LiftCx<S>, result: S::Value, flags: FlagSet) {
    cx.ir.binary(Opcode::And, result, result, flags);
}

/// The arithmetic flags among iced's bits.
pub fn from_rflags(bits: u32) -> FlagSet {
    let pick = |bit: u32, flag: FlagSet| if bits & bit != 0 { flag } else { FlagSet::NONE };
    pick(RflagsBits::CF, FlagSet::CF)
        | pick(RflagsBits::PF, FlagSet::PF)
        | pick(RflagsBits::AF, FlagSet::AF)
        | pick(RflagsBits::ZF, FlagSet::ZF)
        | pick(RflagsBits::SF, FlagSet::SF)
        | pick(RflagsBits::OF, FlagSet::OF)
}

/// The arithmetic flags an instruction may read.
pub fn reads(insn: &Instruction) -> FlagSet {
    from_rflags(insn.rflags_read())
}

/// The arithmetic flags that an instruction leaves with a value of its own, whatever its operands are.
///
/// iced counts shifts by CL and repeated comparisons as writers although with a count of zero they keep the flags.
pub fn kills(insn: &Instruction) -> FlagSet {
    use iced_x86::Mnemonic::*;
    let written = from_rflags(insn.rflags_written() | insn.rflags_cleared() | insn.rflags_set());
    match insn.mnemonic() {
        // AF is undefined: nobody wants the old one.
        And | Or | Xor | Test => FlagSet::ALL,
        // So are SF and ZF.
        Mul | Imul => FlagSet::NZCV,
        Shl | Sal | Shr | Sar | Rol | Ror | Rcl | Rcr | Shld | Shrd => FlagSet::NONE,
        _ if insn.has_rep_prefix() || insn.has_repne_prefix() => FlagSet::NONE,
        _ => written,
    }
}
