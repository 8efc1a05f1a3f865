//! The file of cases that the guest program reads, and what it writes. Everything is a little-endian 32-bit word but for
//! code and FXSAVE images.
//!
//! File: number of groups; a group: number of cases, bytes of code space; a case: place, bytes of code, number of inputs,
//! flags (1: show memory), code (padded to a word), inputs; an input: registers, eflags, seed, number of patches, FXSAVE
//! image, patches. The answer to a case: an [`Output`] for each input (followed by the windows if memory is to be shown),
//! then a word that says whether memory outside of the windows changed.
use super::{Case, Group, Input, Outcome, Output, FX, WINDOWS};

/// Bytes behind the code of a case: the jump out, and distance from the next.
pub const TAIL: usize = 16;
/// Bytes of an output.
const OUTPUT: usize = 76 + FX;
/// Bytes of all windows.
pub const MEMORY: usize = (WINDOWS[0].1 + WINDOWS[1].1 + WINDOWS[2].1 + WINDOWS[3].1) as usize;

/// The file of these groups.
pub fn encode(groups: &[Group], show_memory: bool) -> Vec<u8> {
    let mut out = Vec::new();
    word(&mut out, groups.len() as u32);
    for group in groups {
        word(&mut out, group.cases.len() as u32);
        let end = group.cases.iter().map(|c| c.at + (c.code.len() + TAIL) as u32).max().unwrap_or(0);
        word(&mut out, end.next_multiple_of(4096));
        for case in &group.cases {
            encode_case(&mut out, case, show_memory);
        }
    }
    out
}

fn encode_case(out: &mut Vec<u8>, case: &Case, show_memory: bool) {
    for value in [case.at, case.code.len() as u32, case.inputs.len() as u32, u32::from(show_memory)] {
        word(out, value);
    }
    out.extend_from_slice(&case.code);
    out.resize(out.len().next_multiple_of(4), 0);
    for input in &case.inputs {
        encode_input(out, input);
    }
}

fn encode_input(out: &mut Vec<u8>, input: &Input) {
    for value in input.gpr.into_iter().chain([input.eflags, input.seed, input.patches.len() as u32]) {
        word(out, value);
    }
    out.extend_from_slice(&input.fx);
    for &(addr, value) in &input.patches {
        word(out, addr);
        word(out, value);
    }
}

fn word(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Reads answers one after the other.
#[derive(Debug)]
pub struct Answers<'a> {
    rest: &'a [u8],
}

impl<'a> Answers<'a> {
    /// What the program wrote.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(head)
    }

    /// The next case's outcome; none if the program ended before it.
    pub fn next(&mut self, inputs: usize) -> Option<Outcome> {
        let outputs = (0..inputs).map(|_| Some(output(self.take(OUTPUT)?))).collect::<Option<_>>()?;
        Some(Outcome { outputs, strayed: self.take(4)? != [0; 4] })
    }

    /// The same where memory was asked for: the windows after each input.
    pub fn next_with_memory(&mut self, inputs: usize) -> Option<(Outcome, Vec<&'a [u8]>)> {
        let mut outcome = Outcome::default();
        let mut memory = Vec::new();
        for _ in 0..inputs {
            outcome.outputs.push(output(self.take(OUTPUT)?));
            memory.push(self.take(MEMORY)?);
        }
        outcome.strayed = self.take(4)? != [0; 4];
        Some((outcome, memory))
    }
}

fn output(bytes: &[u8]) -> Output {
    let word = |i: usize| u32::from_le_bytes([bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]]);
    let half = |i: usize| u16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]]);
    let mut fx = [0; FX];
    fx.copy_from_slice(&bytes[76..76 + FX]);
    Output {
        gpr: std::array::from_fn(word),
        eflags: word(8),
        eip: word(9),
        signo: word(10),
        code: word(11),
        addr: word(12),
        trapno: word(13),
        err: word(14),
        segments: std::array::from_fn(|i| half(30 + i)),
        memory: [word(17), word(18)],
        fx,
    }
}
