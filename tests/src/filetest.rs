//! File tests: text in, text out, for every stage of translation. `BLESS=1` rewrites the expectations.
//!
//! A file of `tests/filetests/<stage>/` holds cases:
//!
//! ```text
//! === name
//! input lines
//! ---
//! expected output
//! ```
//!
//! The stage, named by the folder, says what the input is: guest code in hexadecimal with comments after `#` (`lift`), or
//! the text form of a region (`opt`, `alloc`, `emit`).
use crate::guest::root;
use anyhow::{Context, Result};
use ir::guest::{Access, Fault, FaultKind};
use ir::{GuestAddr, GuestMem};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

struct Case {
    name: String,
    input: String,
    expected: String,
}

fn parse(text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for part in text.split("=== ").skip(1) {
        let (name, rest) = part.split_once('\n').unwrap_or((part, ""));
        let (input, expected) = rest.split_once("---\n").unwrap_or((rest, ""));
        cases.push(Case { name: name.trim().into(), input: input.into(), expected: expected.trim_end().into() });
    }
    cases
}

fn render(cases: &[Case], outputs: &[String]) -> String {
    let mut text = String::new();
    for (case, output) in cases.iter().zip(outputs) {
        let _ = writeln!(text, "=== {}\n{}---\n{}\n", case.name, case.input, output.trim_end());
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Guest memory that holds nothing but code.
pub(crate) struct CodeMem(pub(crate) Vec<u8>);

impl CodeMem {
    /// Where the code is.
    pub(crate) const START: u32 = 0x1000;
}

impl GuestMem for CodeMem {
    fn read(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), Fault> {
        let got = self.fetch(addr, buf)?;
        if got < buf.len() {
            return Err(Fault { addr: addr.plus(got as u32), access: Access::Read, kind: FaultKind::Unmapped });
        }
        Ok(())
    }

    fn write(&mut self, addr: GuestAddr, _: &[u8]) -> Result<(), Fault> {
        Err(Fault { addr, access: Access::Write, kind: FaultKind::Protected })
    }

    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault> {
        let at = addr.0.wrapping_sub(Self::START) as usize;
        let rest = self.0.get(at..).filter(|r| !r.is_empty());
        let rest = rest.ok_or(Fault { addr, access: Access::Execute, kind: FaultKind::Unmapped })?;
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
}

fn code(input: &str) -> Result<Vec<u8>> {
    let words = input.lines().flat_map(|l| l.split('#').next().unwrap_or("").split_whitespace());
    words.map(|w| u8::from_str_radix(w, 16).with_context(|| format!("`{w}` is not a byte"))).collect()
}

fn run_stage(stage: &str, input: &str) -> Result<String> {
    let region = || ir::parse::parse(input).map_err(|e| anyhow::anyhow!("{e}"));
    Ok(match stage {
        "lift" => {
            let mem = CodeMem(code(input)?);
            let region = frontend::lift_region(&mem, GuestAddr(CodeMem::START), &frontend::RegionPolicy::default())?;
            ir::verify::verify(&region).map_err(|e| anyhow::anyhow!("{e}\n{region}"))?;
            region.to_string()
        }
        "opt" => {
            let mut region = region()?;
            ir::opt::optimize(&mut region);
            region.to_string()
        }
        _ => anyhow::bail!("no stage is called `{stage}`"),
    })
}

fn check_file(path: &Path, stage: &str, bless: bool) -> Result<Vec<String>> {
    let text = fs::read_to_string(path)?;
    let cases = parse(&text);
    let outputs: Result<Vec<String>> = cases
        .iter()
        .map(|case| run_stage(stage, &case.input).with_context(|| format!("{}: {}", path.display(), case.name)))
        .collect();
    let outputs = outputs?;
    if bless {
        fs::write(path, render(&cases, &outputs))?;
        return Ok(Vec::new());
    }
    let wrong = cases.iter().zip(&outputs).filter(|(case, output)| case.expected != output.trim_end());
    Ok(wrong
        .map(|(case, output)| {
            format!("{}: {}\n--- expected\n{}\n--- got\n{output}", path.display(), case.name, case.expected)
        })
        .collect())
}

/// Runs every file of one stage; the differences, and how many files there were.
pub fn check_stage(stage: &str) -> Result<(Vec<String>, usize)> {
    let bless = std::env::var_os("BLESS").is_some();
    let mut files: Vec<PathBuf> =
        fs::read_dir(root().join("tests/filetests").join(stage))?.map(|e| Ok(e?.path())).collect::<Result<_>>()?;
    files.sort();
    let mut wrong = Vec::new();
    for file in &files {
        wrong.extend(check_file(file, stage, bless)?);
    }
    Ok((wrong, files.len()))
}
