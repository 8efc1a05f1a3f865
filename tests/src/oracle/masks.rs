//! What is not compared, and why: one table. It is meant to shrink.
use super::{Input, Output};
use frontend::table::{support, Support};
use iced_x86::{Instruction, Mnemonic, RflagsBits};

/// A part of an outcome that is left out.
pub struct Mask {
    /// Whether it applies to this instruction on this input, with what the CPU and ferry left.
    applies: fn(&Subject) -> bool,
    /// Takes it out of an outcome.
    clear: fn(&Instruction, &mut Output),
    /// Why it may differ.
    pub why: &'static str,
}

/// What a mask looks at.
struct Subject<'a> {
    insn: &'a Instruction,
    input: &'a Input,
    faults: bool,
}

impl Subject<'_> {
    fn mxcsr(&self) -> u32 {
        u32::from_le_bytes([self.input.fx[24], self.input.fx[25], self.input.fx[26], self.input.fx[27]])
    }

    /// A row of the table that says what is missing.
    fn partial(&self, part: &str) -> bool {
        matches!(support(self.insn.mnemonic()), Support::Partial(_, note) if note.contains(part))
    }
}

const DE: u8 = 1 << 1;
const UE: u8 = 1 << 4;

/// All masks.
pub const MASKS: &[Mask] = &[
    Mask {
        applies: |_| true,
        clear: |_, out| out.fx[5..24].fill(0),
        why: "FOP, FIP, FDP: AMD CPUs store them only with a pending exception, Intel's always",
    },
    Mask {
        applies: |_| true,
        clear: |_, out| out.fx[28..32].fill(0),
        why: "the mask of MXCSR in an FXSAVE image tells what the CPU supports, nothing it has done",
    },
    Mask {
        applies: |s| s.insn.rflags_undefined() != 0,
        clear: |insn, out| out.eflags &= !arithmetic(insn.rflags_undefined()),
        why: "flags that the SDM leaves undefined after the instruction (as iced-x86 has them)",
    },
    Mask {
        applies: |s| s.faults,
        clear: |insn, out| out.eflags &= !arithmetic(insn.rflags_modified()),
        why: "flags at a fault that the same instruction overwrites when it is run again",
    },
    Mask {
        applies: |s| s.partial("DE is not recorded"),
        clear: |_, out| out.fx[24] &= !DE,
        why: "known gap: MXCSR.DE",
    },
    Mask {
        applies: |s| s.partial("DE is not recorded"),
        clear: |_, out| out.fx[24] &= !UE,
        why: "known gap: MXCSR.UE of a result that is tiny before rounding only",
    },
    Mask {
        applies: |s| s.partial("unmasked exceptions") && s.mxcsr() & 0x1f80 != 0x1f80,
        clear: |_, out| *out = Output::default(),
        why: "known gap: unmasked SSE exceptions",
    },
    Mask {
        applies: |s| s.partial("FTZ and DAZ") && s.mxcsr() & 0x8040 != 0,
        clear: |_, out| *out = Output::default(),
        why: "known gap: FTZ and DAZ apart, MIN and MAX with them",
    },
    Mask {
        applies: |s| transcendental(s.insn),
        clear: |_, out| {
            out.fx[3] &= !2;
            (0..8).for_each(|i| out.fx[32 + 16 * i] = 0);
        },
        why: "transcendental x87 results are correctly rounded, a CPU's may be one unit off; C1 says which way it rounded",
    },
];

fn transcendental(insn: &Instruction) -> bool {
    use Mnemonic::{F2xm1, Fcos, Fpatan, Fptan, Fsin, Fsincos, Fyl2x, Fyl2xp1};
    matches!(insn.mnemonic(), F2xm1 | Fcos | Fpatan | Fptan | Fsin | Fsincos | Fyl2x | Fyl2xp1)
}

/// The arithmetic flags among iced's bits, as eflags has them.
fn arithmetic(bits: u32) -> u32 {
    let flags = [
        (RflagsBits::CF, 0),
        (RflagsBits::PF, 2),
        (RflagsBits::AF, 4),
        (RflagsBits::ZF, 6),
        (RflagsBits::SF, 7),
        (RflagsBits::OF, 11),
    ];
    flags.iter().map(|&(bit, n)| u32::from(bits & bit != 0) << n).sum()
}

/// Clears what is not compared in the outcome of `insns`, run on `input`.
pub fn apply(insns: &[Instruction], input: &Input, out: &mut Output) {
    let faults = out.signo != 0;
    for insn in insns {
        let subject = Subject { insn, input, faults };
        for mask in MASKS.iter().filter(|mask| (mask.applies)(&subject)) {
            (mask.clear)(insn, out);
        }
    }
}
