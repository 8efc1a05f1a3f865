//! Recordings: what the CPU did, small enough to keep. A line for each case: code, then eight bits of a hash for each
//! input's masked outcome. In `tests/oracle/forms.txt` the inputs are made again from the code; in `blocks.txt` from a seed,
//! which follows together with the flags that are undefined after the block.
use super::blocks::Item;
use super::compare::first_insn;
use super::execute::{Host, Run};
use super::forms::forms;
use super::inputs::Inputs;
use super::rng::hash;
use super::wire::Answers;
use super::{blocks, masks, shrink, Case, Group, Input, Outcome, Output};
use crate::guest::root;
use anyhow::{ensure, Context, Result};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// Inputs of a recorded case.
pub const INPUTS: usize = 12;
/// Distance between cases: odd, so that some run over the ends of pages.
const STRIDE: u32 = 61;

/// A group and the hashes of its cases' outcomes.
pub type Recorded = (Group, Vec<Vec<u8>>);

/// A case for code that is `index` cases behind the start of its group.
pub fn case(code: Vec<u8>, index: usize, inputs: usize) -> Case {
    let mut case = Case { code, at: index as u32 * STRIDE, block: None, inputs: Vec::new() };
    let insn = first_insn(&case);
    let mut make = Inputs::new(&insn, hash(&case.code));
    case.inputs = (0..inputs).map(|_| make.next(&insn, case.at, case.code.len() as u32)).collect();
    case
}

/// All forms with `inputs` inputs each; of the named mnemonics, or of all.
pub fn groups(inputs: usize, only: &[&str]) -> Vec<Group> {
    let wanted = |name: &str| only.is_empty() || only.contains(&name);
    let group = |(name, forms): (String, Vec<super::forms::Form>)| {
        let cases = forms.into_iter().enumerate().map(|(i, form)| case(form.code, i, inputs)).collect();
        Group { name, cases }
    };
    forms().into_iter().filter(|(name, _)| wanted(name)).map(group).collect()
}

/// Recorded blocks.
const BLOCKS: u64 = 600;
/// Blocks that soaks have found wrong, shrunk: instructions in hexadecimal, each in the place that it went wrong in.
const FOUND: &[&[&str]] = &[
    // A register's copy in x14 and x15 from one x87 operation to the next, and an instruction between that uses them.
    &["dbe3", "d9eb", "d8c8", "db561a", "27", "de4730"],
    // NZCV put away by an x87 operation, and a shift that may leave the flags alone.
    &["83caff", "dcc9", "d3e0"],
    // ARPL that changes nothing, in a segment that cannot be written.
    &["2e633e"],
];
/// Distance between them: room for the longest.
const BLOCK_STRIDE: u32 = 2039;

/// What is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// Every instruction form.
    Forms,
    /// Random blocks.
    Blocks,
}

impl Recording {
    /// Where it is.
    pub fn path(self) -> PathBuf {
        root().join("tests/oracle").join(if self == Self::Forms { "forms.txt" } else { "blocks.txt" })
    }

    /// What there is to record now.
    pub fn groups(self) -> Vec<Group> {
        if self == Self::Forms {
            return groups(INPUTS, &[]);
        }
        let block = |seed: u64| {
            let at = seed as u32 * BLOCK_STRIDE;
            blocks::case(&shrink::block(seed), at, blocks::inputs(seed, INPUTS))
        };
        let found = |(seed, insns): (usize, &&[&str])| {
            let items: Vec<_> = insns.iter().map(|insn| Item::Insn(bytes(insn).expect("hexadecimal"))).collect();
            blocks::case(&items, seed as u32 * BLOCK_STRIDE, blocks::inputs(seed as u64, INPUTS))
        };
        vec![
            Group { name: "blocks".into(), cases: (0..BLOCKS).map(block).collect() },
            Group { name: "found".into(), cases: FOUND.iter().enumerate().map(found).collect() },
        ]
    }
}

/// A block from a line of its recording; `rest`: flags and inputs.
fn block(code: Vec<u8>, index: usize, rest: &str) -> Result<Case> {
    let undefined = u32::from_str_radix(rest, 16)?;
    let inputs = blocks::inputs(index as u64, INPUTS);
    Ok(Case { code, at: index as u32 * BLOCK_STRIDE, block: Some(undefined), inputs })
}

fn bits(output: &Output) -> u8 {
    let words = output.gpr.iter().chain([&output.eflags, &output.eip, &output.signo, &output.code, &output.addr]);
    let words = words.chain([&output.trapno, &output.err, &output.memory[0], &output.memory[1]]);
    let mut bytes: Vec<u8> = words.flat_map(|word| word.to_le_bytes()).collect();
    bytes.extend(output.segments.iter().flat_map(|half| half.to_le_bytes()));
    bytes.extend_from_slice(&output.fx);
    let h = hash(&bytes);
    (h ^ h >> 32 ^ h >> 16 ^ h >> 48) as u8
}

/// The hash of an output on an input.
pub fn masked_hash(case: &Case, input: &Input, output: &Output) -> u8 {
    let mut output = output.clone();
    masks::apply(case, input, &mut output);
    bits(&output)
}

/// The hashes of a case's outputs, with a last one for memory outside of the windows.
fn hashes(case: &Case, outcome: &Outcome) -> Vec<u8> {
    let each = case.inputs.iter().zip(&outcome.outputs).map(|(input, output)| masked_hash(case, input, output));
    each.chain([u8::from(outcome.strayed)]).collect()
}

/// The text of a recording of these groups.
///
/// # Errors
/// If the answers end early.
pub fn write(groups: &[Group], answers: &[u8], cpu: &str) -> Result<String> {
    let mut text = format!("# as executed by: {cpu}\n");
    let mut answers = Answers::new(answers);
    for group in groups {
        let _ = writeln!(text, "{}", group.name);
        for case in &group.cases {
            let outcome =
                answers.next(case.inputs.len()).with_context(|| format!("the CPU stopped in {}", group.name))?;
            let _ = write!(text, " {} {}", hex(&case.code), hex(&hashes(case, &outcome)));
            let _ = case.block.map(|undefined| write!(text, " {undefined:x}"));
            text.push('\n');
        }
    }
    Ok(text)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn bytes(hex: &str) -> Result<Vec<u8>> {
    ensure!(hex.is_ascii() && hex.len() % 2 == 0, "no hexadecimal bytes: {hex}");
    (0..hex.len()).step_by(2).map(|i| Ok(u8::from_str_radix(&hex[i..i + 2], 16)?)).collect()
}

/// The recording.
///
/// # Errors
/// If the file is not there or not as [`write`] writes it.
pub fn read(recording: Recording) -> Result<Vec<Recorded>> {
    let path = recording.path();
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut all: Vec<Recorded> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some(rest) = line.strip_prefix(' ') else {
            all.push((Group { name: line.into(), cases: Vec::new() }, Vec::new()));
            continue;
        };
        let mut words = rest.split(' ');
        let mut next = || words.next().context("a line is too short");
        let (code, hashes) = (bytes(next()?)?, bytes(next()?)?);
        let (group, recorded) = all.last_mut().context("a case without a mnemonic")?;
        let index = group.cases.len();
        group.cases.push(match words.next() {
            Some(undefined) => block(code, index, undefined)?,
            None => case(code, index, hashes.len() - 1),
        });
        recorded.push(hashes);
    }
    Ok(all)
}

/// A recorded case on an input whose outcome is another now.
#[derive(Clone, Debug)]
pub struct Mismatch {
    /// Mnemonic.
    pub name: String,
    /// The case.
    pub case: Case,
    /// Index of the input; that after the last stands for memory outside of the windows.
    pub input: usize,
    /// What came out.
    pub got: Output,
}

/// Where outputs are not what was recorded; `None` is not compared.
pub fn mismatches(name: &str, case: &Case, want: &[u8], got: &[Option<Output>], strayed: bool) -> Vec<Mismatch> {
    let note = |input: usize, got: Output| Mismatch { name: name.into(), case: case.clone(), input, got };
    let mut found = Vec::new();
    for (i, output) in got.iter().enumerate() {
        if let Some(output) = output.as_ref().filter(|output| masked_hash(case, &case.inputs[i], output) != want[i]) {
            found.push(note(i, output.clone()));
        }
    }
    if u8::from(strayed) != want[got.len()] && got.iter().all(Option::is_some) {
        found.push(note(got.len(), Output::default()));
    }
    found
}

/// Runs the recorded cases on a host; what differs, and how the run ended.
///
/// # Errors
/// If the program cannot be run at all.
pub fn replay(recorded: &[Recorded], host: &Host, limit: Duration) -> Result<(Vec<Mismatch>, Run)> {
    let groups: Vec<Group> = recorded.iter().map(|(group, _)| group.clone()).collect();
    let run = host.run(&groups, false, limit)?;
    let mut answers = Answers::new(&run.stdout);
    let mut found = Vec::new();
    for (group, hashes) in recorded {
        for (case, want) in group.cases.iter().zip(hashes) {
            let Some(outcome) = answers.next(case.inputs.len()) else { break };
            let outputs: Vec<_> = outcome.outputs.into_iter().map(Some).collect();
            found.extend(mismatches(&group.name, case, want, &outputs, outcome.strayed));
        }
    }
    Ok((found, run))
}
