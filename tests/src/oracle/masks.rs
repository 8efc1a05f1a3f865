//! What is not compared, and why: one table. It is meant to shrink.
use super::compare::first_insn;
use super::{Case, Input, Output};
use frontend::table::{support, Support};
use iced_x86::{Instruction, Mnemonic, OpKind, Register, RflagsBits};

/// A part of an outcome that is left out.
#[derive(Debug)]
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

    /// CMPSD shares its row with the string instruction of that name.
    fn sse_gap(&self) -> bool {
        self.partial("DE is not recorded")
            || self.insn.op0_register().is_xmm() && self.insn.mnemonic() == Mnemonic::Cmpsd
    }

    fn fcw(&self) -> u16 {
        u16::from_le_bytes([self.input.fx[0], self.input.fx[1]])
    }

    /// The memory operand's address.
    fn address(&self) -> u32 {
        let value = |reg: Register| match reg {
            _ if reg.is_gpr16() => self.input.gpr[reg.number()] & 0xffff,
            _ if reg.is_gpr32() => self.input.gpr[reg.number()],
            _ => 0,
        };
        let scaled = value(self.insn.memory_index()).wrapping_mul(self.insn.memory_index_scale());
        value(self.insn.memory_base()).wrapping_add(scaled).wrapping_add(self.insn.memory_displacement32())
    }

    fn in_memory(&self) -> bool {
        (0..self.insn.op_count()).any(|i| self.insn.op_kind(i) == OpKind::Memory)
    }

    fn name_starts(&self, start: &str) -> bool {
        frontend::table::name(self.insn.mnemonic()).starts_with(start)
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
        applies: |s| s.sse_gap(),
        clear: |_, out| out.fx[24] &= !DE,
        why: "known gap: MXCSR.DE is not recorded where the host does not tell",
    },
    Mask {
        applies: |s| s.sse_gap(),
        clear: |_, out| out.fx[24] &= !UE,
        why: "known gap: MXCSR.UE of a result that is tiny before rounding only",
    },
    Mask {
        applies: |s| s.name_starts("sha") && s.in_memory() && s.address() % 16 != 0,
        clear: |_, out| *out = Output::default(),
        why: "SHA with a misaligned operand is #GP by the SDM and on Intel CPUs, not on AMD's",
    },
    Mask {
        applies: |s| {
            let count = if s.insn.op2_kind() == OpKind::Register { s.input.gpr[1] } else { s.insn.immediate8().into() };
            matches!(s.insn.mnemonic(), Mnemonic::Shld | Mnemonic::Shrd)
                && s.insn.op1_register().is_gpr16()
                && count & 31 > 16
        },
        clear: |_, out| *out = Output::default(),
        why: "SHLD, SHRD: with a count beyond the operand's 16 bits the SDM leaves destination and flags undefined",
    },
    Mask {
        applies: |s| s.name_starts("maskmov"),
        clear: |_, out| *out = Output { gpr: out.gpr, ..Output::default() },
        why: "MASKMOVQ, MASKMOVDQU: whether bytes that are not stored fault is up to the CPU (SDM)",
    },
    Mask {
        applies: |s| {
            use Mnemonic::{Arpl, Call, Enter, Iret, Iretd, Jmp, Lds, Les, Lfs, Lgs, Lss, Mov, Pop, Retf};
            let far = [Arpl, Call, Enter, Iret, Iretd, Jmp, Lds, Les, Lfs, Lgs, Lss, Mov, Pop, Retf];
            s.faults && far.contains(&s.insn.mnemonic())
        },
        clear: |_, out| (out.err, out.addr) = (0, 0),
        why: "known gap: the selector in the error code of #GP, fault addresses of far pointers",
    },
    Mask {
        applies: |s| s.faults && s.name_starts("f") && s.in_memory(),
        clear: |_, out| (out.code, out.addr, out.err, out.memory) = (0, 0, 0, [0; 2]),
        why: "known gap: x87 operands longer than eight bytes are stored piece by piece",
    },
    Mask {
        applies: |s| s.name_starts("f") && s.in_memory() && s.fcw() & 0x3f != 0x3f,
        clear: |_, out| *out = Output::default(),
        why: "known gap: an unmasked exception of an x87 store comes before the fault of its address",
    },
    Mask {
        applies: |s| {
            use Mnemonic::{Sgdt, Sidt, Sldt, Smsw, Str};
            s.faults && matches!(s.insn.mnemonic(), Sgdt | Sidt | Sldt | Smsw | Str)
        },
        clear: |_, out| (out.trapno, out.code, out.addr, out.err, out.memory) = (0, 0, 0, 0, [0; 2]),
        why: "the kernel emulates these for user code (UMIP) and reports faults in its own way",
    },
    Mask {
        applies: |s| s.name_starts("fxsave") || s.name_starts("xsave"),
        clear: |_, out| out.memory = [0; 2],
        why: "FOP, FIP, FDP and MXCSR_MASK in the image in memory, as above",
    },
    Mask {
        applies: |s| s.faults && s.insn.mnemonic() == Mnemonic::Retf && s.insn.op_count() > 0,
        clear: |_, out| (out.trapno, out.code) = (0, 0),
        why: "RETF n with a selector of another ring: this CPU looks at the outer stack before it looks at the selector",
    },
    Mask {
        applies: |s| s.faults && s.name_starts("cmps") && s.insn.is_string_instruction(),
        clear: |_, out| out.addr = 0,
        why: "CMPS where both operands fault: which one is reported depends on the CPU's path, as with 16-bit addresses",
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

/// Clears what is not compared in the outcome of a case, run on `input`.
pub fn apply(case: &Case, input: &Input, out: &mut Output) {
    if let Some(undefined) = case.block {
        return apply_to_block(undefined, out);
    }
    let insn = &first_insn(case);
    let subject = Subject { insn, input, faults: out.signo != 0 };
    for mask in MASKS.iter().filter(|mask| (mask.applies)(&subject)) {
        (mask.clear)(insn, out);
    }
}

/// Clears what is not compared in the outcome of a block: pointers, flags that are `undefined` (iced's bits) at its end, all
/// arithmetic flags at a fault (those that a later instruction overwrites are not kept), the known gaps of MXCSR.
fn apply_to_block(undefined: u32, out: &mut Output) {
    const ARITHMETIC: u32 = 0x8d5;
    out.fx[5..24].fill(0);
    out.fx[28..32].fill(0);
    out.fx[24] &= !(DE | UE);
    out.eflags &= !arithmetic(undefined);
    if out.signo != 0 {
        out.eflags &= !ARITHMETIC;
    }
}
