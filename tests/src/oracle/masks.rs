//! What is not compared, and why: one table.
use super::{Input, Output};
use iced_x86::Instruction;

/// A part of an outcome that is left out.
struct Mask {
    /// Whether it applies to this instruction on this input.
    applies: fn(&Instruction, &Input) -> bool,
    /// Takes it out of the outcome.
    clear: fn(&Instruction, &mut Output),
    /// Why it may differ.
    #[allow(dead_code, reason = "for the reader of the table")]
    why: &'static str,
}

const MASKS: &[Mask] = &[Mask {
    applies: |_, _| true,
    clear: |_, out| out.fx[5..24].fill(0),
    why: "FOP, FIP, FDP: AMD CPUs store them only with a pending exception, and ferry does not track them",
}];

/// Clears in `out` what is not compared.
pub fn apply(insn: &Instruction, input: &Input, out: &mut Output) {
    out.fx[28..32].fill(0);
    for mask in MASKS {
        if (mask.applies)(insn, input) {
            (mask.clear)(insn, out);
        }
    }
}
