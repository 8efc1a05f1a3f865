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
//! The input is guest code in hexadecimal, or the text form of a region; comments begin with `#`. The stage, named by the
//! folder, says what becomes of it:
//!
//! | stage | output |
//! |---|---|
//! | `lift` | the region as lifted from guest code, with its folding |
//! | `opt` | the region after the passes |
//! | `alloc` | the register allocation of the region after the passes |
//! | `emit` | the listing of its A64 code |
//! | `verify` | `ok`, or what the verifier says |
//!
//! A region is taken as it is by `alloc`, `emit` and `verify`: only guest code goes through the passes before. A first line
//! `# options: few_registers ordered lse ...` chooses what code is generated for.
use crate::guest::root;
use anyhow::{Context, Result};
use backend_a64::codegen::{self, Options};
use ir::guest::{Access, Fault, FaultKind};
use ir::{GuestAddr, GuestMem, Region};
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

/// The region of a case: from its text, or lifted from its code.
fn region(input: &str, passes: bool) -> Result<Region> {
    let is_text = input.lines().any(|line| line.starts_with("region"));
    if is_text {
        return ir::parse::parse(input).map_err(|e| anyhow::anyhow!("{e}"));
    }
    let mem = CodeMem(code(input)?);
    let mut region = frontend::lift_region(&mem, GuestAddr(CodeMem::START), &frontend::RegionPolicy::default())?;
    if passes {
        ir::opt::optimize(&mut region);
    }
    Ok(region)
}

fn verified(region: Region) -> Result<Region> {
    ir::verify::verify(&region).map_err(|e| anyhow::anyhow!("{e}\n{region}"))?;
    Ok(region)
}

fn options(input: &str) -> Result<Options> {
    let mut options = Options::default();
    let words = input.lines().next().and_then(|line| line.strip_prefix("# options:")).unwrap_or("");
    for word in words.split_whitespace() {
        match word {
            "few_registers" => options.few_registers = true,
            "ordered" => options.ordered = true,
            "lse" => options.features.lse = true,
            "flagm" => options.features.flagm = true,
            "lrcpc" => options.features.lrcpc = true,
            "cssc" => options.features.cssc = true,
            _ => anyhow::bail!("no option is called `{word}`"),
        }
    }
    Ok(options)
}

fn run_stage(stage: &str, input: &str) -> Result<String> {
    Ok(match stage {
        "lift" => verified(region(input, false)?)?.to_string(),
        "opt" => {
            let mut region = verified(region(input, false)?)?;
            ir::opt::optimize(&mut region);
            region.to_string()
        }
        "alloc" => codegen::allocation_text(&verified(region(input, true)?)?, &options(input)?),
        "emit" => codegen::listing(&codegen::compile(&verified(region(input, true)?)?, &options(input)?)),
        "verify" => ir::verify::verify(&region(input, false)?).map_or_else(|e| e.to_string(), |()| "ok".into()),
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
