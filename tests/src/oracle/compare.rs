//! Holds two sets of answers against each other.
use super::wire::Answers;
use super::{masks, Case, Group, Input, Output, CODE};
use iced_x86::{Decoder, DecoderOptions, FastFormatter, Instruction};
use std::fmt::Write as _;

/// A case on an input that two hosts disagree about.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Index of the group.
    pub group: usize,
    /// Index of the case in it.
    pub case: usize,
    /// Index of the input; none if memory outside of the windows is what differs.
    pub input: Option<usize>,
    /// What the CPU left.
    pub want: Output,
    /// What ferry left.
    pub got: Output,
}

/// The first instruction of a case.
pub fn first_insn(case: &Case) -> Instruction {
    Decoder::with_ip(32, &case.code, u64::from(CODE + case.at), DecoderOptions::NONE).decode()
}

/// The differences between two runs of the same groups, up to the end of the shorter; how many cases both have.
pub fn compare(groups: &[Group], want: &[u8], got: &[u8]) -> (Vec<Difference>, usize) {
    let (mut want, mut got) = (Answers::new(want), Answers::new(got));
    let mut found = Vec::new();
    let mut done = 0;
    for (g, group) in groups.iter().enumerate() {
        for (c, case) in group.cases.iter().enumerate() {
            let n = case.inputs.len();
            let (Some(want), Some(got)) = (want.next(n), got.next(n)) else { return (found, done) };
            done += 1;
            for i in 0..n {
                found.extend(Difference::new((g, c, i), case, &want.outputs[i], &got.outputs[i]));
            }
            if want.strayed != got.strayed {
                let (want, got) = (Output::default(), Output::default());
                found.push(Difference { group: g, case: c, input: None, want, got });
            }
        }
    }
    (found, done)
}

/// The instructions of a case.
pub fn disassemble(case: &Case) -> String {
    let mut text = String::new();
    let mut formatter = FastFormatter::new();
    let start = CODE + case.at;
    for insn in &mut Decoder::with_ip(32, &case.code, u64::from(start), DecoderOptions::NONE) {
        let at = (insn.ip32() - start) as usize;
        let bytes: String = case.code[at..at + insn.len()].iter().map(|b| format!("{b:02x}")).collect();
        let mut line = String::new();
        formatter.format(&insn, &mut line);
        let _ = writeln!(text, "  {:08x} {bytes:<22} {line}", insn.ip32());
    }
    text
}

impl Difference {
    /// What is left of two outcomes that differ after the masks. `at`: group, case, input.
    pub fn new(at: (usize, usize, usize), case: &Case, want: &Output, got: &Output) -> Option<Self> {
        let (mut want, mut got) = (want.clone(), got.clone());
        masks::apply(case, &case.inputs[at.2], &mut want);
        masks::apply(case, &case.inputs[at.2], &mut got);
        (want != got).then_some(Self { group: at.0, case: at.1, input: Some(at.2), want, got })
    }

    /// The names of the fields that differ.
    pub fn names(&self) -> String {
        if self.input.is_none() {
            return "stray".into();
        }
        if self.want.signo != self.got.signo {
            let (want, got) = (&self.want, &self.got);
            return format!(
                "signal {}/{}/{:x} for {}/{}/{:x}",
                got.signo, got.code as i32, got.err, want.signo, want.code as i32, want.err
            );
        }
        let text = fields(&self.want, &self.got);
        let names = text.lines().filter_map(|line| line.trim().split_once(':')).map(|(name, _)| name);
        let flags = self.want.eflags ^ self.got.eflags;
        names
            .map(|n| if n == "eflags" { format!("eflags {flags:x}") } else { n.to_owned() })
            .collect::<Vec<_>>()
            .join(",")
    }

    /// The input and the fields that differ.
    pub fn describe(&self, groups: &[Group]) -> String {
        let case = &groups[self.group].cases[self.case];
        let Some(input) = self.input.map(|i| &case.inputs[i]) else {
            return "  memory outside of the windows\n".into();
        };
        format!("  input {}\n{}", show_input(input), fields(&self.want, &self.got))
    }
}

/// An input in words.
pub fn show_input(input: &Input) -> String {
    let half = |at: usize| u16::from_le_bytes([input.fx[at], input.fx[at + 1]]);
    let mut text = format!(
        "gpr {:08x?} eflags {:x} fcw {:x} fsw {:x} tags {:x} mxcsr {:x}",
        input.gpr,
        input.eflags,
        half(0),
        half(2),
        input.fx[4],
        half(24)
    );
    if !input.patches.is_empty() {
        let _ = write!(text, "\n    memory");
        input.patches.iter().for_each(|(addr, value)| {
            let _ = write!(text, " {addr:x}={value:08x}");
        });
    }
    for i in 0..8 {
        let (st, xmm) = (32 + 16 * i, 160 + 16 * i);
        let _ =
            write!(text, "\n    st{i} {} xmm{i} {}", number(&input.fx[st..st + 10]), number(&input.fx[xmm..xmm + 16]));
    }
    text
}

fn number(bytes: &[u8]) -> String {
    bytes.iter().rev().map(|b| format!("{b:02x}")).collect()
}

/// A line for each field that differs.
pub fn fields(want: &Output, got: &Output) -> String {
    const GPR: [&str; 8] = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];
    let mut text = String::new();
    let mut field = |name: &str, want: u32, got: u32| {
        if want != got {
            let _ = writeln!(text, "    {name}: cpu {want:08x}, ferry {got:08x} ({:08x})", want ^ got);
        }
    };
    GPR.iter().enumerate().for_each(|(i, name)| field(name, want.gpr[i], got.gpr[i]));
    for (name, want, got) in [
        ("eflags", want.eflags, got.eflags),
        ("eip", want.eip, got.eip),
        ("signal", want.signo, got.signo),
        ("si_code", want.code, got.code),
        ("si_addr", want.addr, got.addr),
        ("trapno", want.trapno, got.trapno),
        ("err", want.err, got.err),
        ("memory", want.memory[0], got.memory[0]),
    ] {
        field(name, want, got);
    }
    (0..4).for_each(|i| field(["ds", "es", "fs", "gs"][i], want.segments[i].into(), got.segments[i].into()));
    let parts = [("fcw", 0, 2), ("fsw", 2, 2), ("tags", 4, 1), ("pointers", 5, 19), ("mxcsr", 24, 4)];
    let registers = (0..16).map(|i| (if i < 8 { "st" } else { "xmm" }, 32 + 16 * i, 16));
    for (name, at, len) in parts.into_iter().chain(registers) {
        let (want, got) = (&want.fx[at..at + len], &got.fx[at..at + len]);
        if want != got {
            let index = if at >= 32 { format!("{}", (at - 32) / 16 % 8) } else { String::new() };
            let _ = writeln!(text, "    {name}{index}: cpu {}, ferry {}", number(want), number(got));
        }
    }
    text
}
