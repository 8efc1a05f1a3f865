//! The files of `tests/insn-count`: entries in a small part of TOML, so that a change of the code shows as a difference.
//!
//! ```toml
//! [[entry]]
//! bytes = "89c8"
//! x86 = "mov eax,ecx"
//! base = 1
//! base_code = ["mov w19, w20"]
//! all = 1
//! ```
//!
//! `bytes` alone is written by hand; the rest by `BLESS=1 make insns`. The code of a feature set is left out where it is
//! the same as that of `base`.
use super::{bytes, cost, disassemble, Cost, FEATURES};
use crate::guest::root;
use anyhow::{ensure, Context, Result};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An entry as its file has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The guest code, in hexadecimal.
    pub bytes: String,
    /// Its text.
    pub x86: String,
    /// Per feature set: executed instructions, `None` before the first blessing or where it is not implemented.
    pub counts: [Option<u32>; FEATURES.len()],
    /// Per feature set: their text.
    pub code: [Vec<String>; FEATURES.len()],
}

/// The ledger's files, in order.
pub fn files() -> Result<Vec<PathBuf>> {
    let folder = root().join("tests/insn-count");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?.map(|e| Ok(e?.path())).collect::<Result<_>>()?;
    files.retain(|f| f.extension().is_some_and(|e| e == "toml"));
    files.sort();
    Ok(files)
}

/// Reads one file.
pub fn read(path: &Path) -> Result<Vec<Entry>> {
    let text = fs::read_to_string(path)?;
    let mut entries: Vec<Entry> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let place = || format!("{}:{}: not as the ledger has it", path.display(), number + 1);
        match line.trim() {
            "" => {}
            comment if comment.starts_with('#') => {}
            "[[entry]]" => entries.push(Entry::default()),
            pair => {
                let (key, value) = pair.split_once(" = ").with_context(place)?;
                set(entries.last_mut().with_context(place)?, key, value).with_context(place)?;
            }
        }
    }
    for entry in &mut entries {
        for set in 1..FEATURES.len() {
            if entry.counts[set].is_some() && entry.code[set].is_empty() {
                entry.code[set] = entry.code[0].clone();
            }
        }
    }
    Ok(entries)
}

fn set(entry: &mut Entry, key: &str, value: &str) -> Option<()> {
    let string = |v: &str| Some(v.strip_prefix('"')?.strip_suffix('"')?.to_string());
    match key {
        "bytes" => entry.bytes = string(value)?,
        "x86" => entry.x86 = string(value)?,
        _ => {
            let (name, code) = key.strip_suffix("_code").map_or((key, false), |name| (name, true));
            let set = FEATURES.iter().position(|(n, _)| *n == name)?;
            if code {
                let lines = value.strip_prefix('[')?.strip_suffix(']')?;
                let lines = lines.split("\", \"").map(|l| l.trim_matches('"').to_string());
                entry.code[set] = lines.filter(|l| !l.is_empty()).collect();
            } else {
                entry.counts[set] = Some(value.parse().ok()?);
            }
        }
    }
    Some(())
}

/// The comment lines a file begins with.
fn head(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path)?;
    Ok(text.lines().take_while(|l| l.starts_with('#')).fold(String::new(), |head, l| head + l + "\n"))
}

/// The file's text.
fn render(head: &str, entries: &[Entry]) -> String {
    let mut text = head.to_string();
    for entry in entries {
        let _ = write!(text, "\n[[entry]]\nbytes = \"{}\"\nx86 = \"{}\"\n", entry.bytes, entry.x86);
        for (set, (name, _)) in FEATURES.iter().enumerate() {
            let Some(count) = entry.counts[set] else { continue };
            let _ = writeln!(text, "{name} = {count}");
            let code = &entry.code[set];
            if !code.is_empty() && (set == 0 || *code != entry.code[0]) {
                let _ = writeln!(text, "{name}_code = [\"{}\"]", code.join("\", \""));
            }
        }
    }
    text
}

/// The same entries as the code generator makes them now.
fn measure(entries: &[Entry]) -> Result<Vec<Entry>> {
    let mut costs: Vec<[Option<Cost>; FEATURES.len()]> = Vec::new();
    for entry in entries {
        let code = bytes(&entry.bytes).with_context(|| format!("`{}` are not bytes", entry.bytes))?;
        costs.push(FEATURES.map(|(_, features)| cost(&code, features)));
    }
    let words: Vec<u32> = costs.iter().flatten().flatten().flat_map(|c| c.words.iter().copied()).collect();
    let mut lines = listing(&words)?.into_iter();
    let mut measured = Vec::with_capacity(entries.len());
    for (entry, costs) in entries.iter().zip(&costs) {
        let code = bytes(&entry.bytes).unwrap_or_default();
        let mut new = Entry { bytes: entry.bytes.clone(), x86: disassemble(&code), ..Entry::default() };
        for (set, cost) in costs.iter().enumerate() {
            let Some(cost) = cost else { continue };
            new.counts[set] = Some(cost.count);
            new.code[set] = lines.by_ref().take(cost.words.len()).collect();
        }
        measured.push(new);
    }
    Ok(measured)
}

/// The text of A64 instructions, by binutils.
fn listing(words: &[u32]) -> Result<Vec<String>> {
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let path = std::env::temp_dir().join(format!("ferry-insns-{}", std::process::id()));
    fs::write(&path, words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>())?;
    let name = if cfg!(target_arch = "aarch64") { "objdump" } else { "aarch64-linux-gnu-objdump" };
    let output = Command::new(name).args(["-D", "-b", "binary", "-m", "aarch64"]).arg(&path).output();
    fs::remove_file(&path)?;
    let output = output.with_context(|| format!("{name} is missing: run `make setup`"))?;
    let text = String::from_utf8(output.stdout)?;
    let lines: Vec<String> = text.lines().filter_map(instruction).collect();
    ensure!(lines.len() == words.len(), "{name} printed {} lines for {} words", lines.len(), words.len());
    Ok(lines)
}

/// The instruction of a line `offset: word instruction // comment`.
fn instruction(line: &str) -> Option<String> {
    let text = line.split_once(":\t")?.1.split_once('\t')?.1;
    Some(text.split("//").next()?.replace('\t', " ").trim().to_string())
}

/// Differences of one file from what the code generator makes now; with `bless`, they are written to it instead.
pub fn check(path: &Path, bless: bool) -> Result<Vec<String>> {
    let old = read(path)?;
    let new = measure(&old)?;
    if bless {
        fs::write(path, render(&head(path)?, &new))?;
        return Ok(Vec::new());
    }
    let differs = old.iter().zip(&new).filter(|(old, new)| old != new);
    Ok(differs
        .map(|(old, new)| format!("{}: {:?} was {:?}\n  {:?}", new.x86, new.counts, old.counts, new.code))
        .collect())
}

/// Entries for these bytes, as a file would have them but one line an instruction.
pub fn listing_of(codes: &[String]) -> Result<String> {
    let entries: Vec<Entry> = codes.iter().map(|c| Entry { bytes: c.clone(), ..Entry::default() }).collect();
    let mut text = String::new();
    for entry in measure(&entries)? {
        for (set, (name, _)) in FEATURES.iter().enumerate() {
            let count = entry.counts[set].map_or("not implemented".to_string(), |n| n.to_string());
            let _ = writeln!(text, "{}: {name} {count}", entry.x86);
            text.extend(entry.code[set].iter().map(|line| format!("    {line}\n")));
        }
    }
    Ok(text)
}

/// Sums per feature set over entries that are implemented.
pub fn sums(entries: &[Entry]) -> [u32; FEATURES.len()] {
    let sum = |set: usize| entries.iter().filter_map(|e| e.counts[set]).sum();
    std::array::from_fn(sum)
}
