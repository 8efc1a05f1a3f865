//! Recordings: what the CPU did, small enough to keep. `tests/oracle/forms.txt` has a line for each case: code, then eight
//! bits of a hash for each input's masked outcome. The inputs are made again from the code.
use super::compare::first_insn;
use super::execute::{Host, Run};
use super::forms::forms;
use super::inputs::Inputs;
use super::rng::hash;
use super::wire::Answers;
use super::{masks, Case, Group, Input, Outcome, Output};
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
    let mut case = Case { code, at: index as u32 * STRIDE, inputs: Vec::new() };
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

/// Where the recording is.
pub fn path() -> PathBuf {
    root().join("tests/oracle/forms.txt")
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
    masks::apply(&[first_insn(case)], input, &mut output);
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
    let mut text = format!("# every instruction form as executed by: {cpu}\n");
    let mut answers = Answers::new(answers);
    for group in groups {
        let _ = writeln!(text, "{}", group.name);
        for case in &group.cases {
            let outcome =
                answers.next(case.inputs.len()).with_context(|| format!("the CPU stopped in {}", group.name))?;
            let _ = writeln!(text, " {} {}", hex(&case.code), hex(&hashes(case, &outcome)));
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
pub fn read() -> Result<Vec<Recorded>> {
    let text = std::fs::read_to_string(path()).with_context(|| path().display().to_string())?;
    let mut all: Vec<Recorded> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some(rest) = line.strip_prefix(' ') else {
            all.push((Group { name: line.into(), cases: Vec::new() }, Vec::new()));
            continue;
        };
        let (code, hashes) = rest.split_once(' ').context("no hashes")?;
        let (group, recorded) = all.last_mut().context("a case without a mnemonic")?;
        let hashes = bytes(hashes)?;
        group.cases.push(case(bytes(code)?, group.cases.len(), hashes.len() - 1));
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
