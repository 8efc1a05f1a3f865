//! Comparison with the counts of another translator: a JSON file `{"entries": [{"x86": [..], "bytes": "..", "base": n,
//! "best": n}]}`, where `base` is without and `best` with optional host features. LSE, CRC32 and the
//! cryptographic instructions count as none of them there, so they do not here.
use super::{bytes, cost};
use anyhow::{Context, Result};
use backend_a64::codegen::HostFeatures;
use serde_json::Value;
use std::path::Path;

/// The sets of host features compared, with their names.
pub const FEATURES: [(&str, HostFeatures); 2] = [("base", COMMON), ("all", HostFeatures::ALL)];

/// What both sets have.
const COMMON: HostFeatures =
    HostFeatures { lse: true, aes: true, pmull: true, sha1: true, sha256: true, crc32: true, ..HostFeatures::BASELINE };

/// One entry of the file beside ours.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The guest instruction.
    pub x86: String,
    /// Whether it is an x87 instruction; those count instructions of routines as well.
    pub x87: bool,
    /// Per feature set: their count.
    pub theirs: [u32; FEATURES.len()],
    /// Per feature set: ours, or nothing if it is not implemented.
    pub ours: [Option<u32>; FEATURES.len()],
    /// Whether ours calls compiled functions, whose instructions are not counted.
    pub helpers: bool,
}

/// Sums of a comparison.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// Entries compared.
    pub entries: usize,
    /// Of these, with at most their count.
    pub at_most: usize,
    /// Sum of ours.
    pub ours: u32,
    /// Sum of theirs.
    pub theirs: u32,
}

impl Summary {
    /// Ours in sum against theirs.
    pub fn ratio(&self) -> f64 {
        f64::from(self.ours) / f64::from(self.theirs)
    }

    /// Share of entries with at most their count.
    pub fn share(&self) -> f64 {
        self.at_most as f64 / self.entries as f64
    }
}

/// Reads the file and measures ours.
pub fn compare(path: &Path) -> Result<Vec<Pair>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file: Value = serde_json::from_str(&text)?;
    let entries = file["entries"].as_array().context("the file has no array `entries`")?;
    entries.iter().map(|entry| pair(entry).with_context(|| format!("entry {entry}"))).collect()
}

fn pair(entry: &Value) -> Option<Pair> {
    let code = bytes(entry["bytes"].as_str()?)?;
    let texts: Vec<&str> = entry["x86"].as_array()?.iter().filter_map(Value::as_str).collect();
    let number = |key: &str| u32::try_from(entry[key].as_u64()?).ok();
    let costs = FEATURES.map(|(_, features)| cost(&code, features));
    Some(Pair {
        x86: texts.join("; "),
        // A wait is part of some instructions' encodings.
        x87: code.iter().find(|b| **b != 0x9b && **b != 0x66).is_some_and(|b| (0xd8..=0xdf).contains(b)),
        theirs: [number("base")?, number("best")?],
        helpers: costs.iter().flatten().any(|c| c.helpers > 0),
        ours: costs.map(|c| c.map(|c| c.count)),
    })
}

/// Sums over the pairs that can be compared: implemented, without calls whose cost is not known.
pub fn summary<'a>(pairs: impl Iterator<Item = &'a Pair>, set: usize) -> Summary {
    let mut sum = Summary::default();
    for (pair, ours) in pairs.filter(|p| !p.helpers).filter_map(|p| Some((p, p.ours[set]?))) {
        sum.entries += 1;
        sum.at_most += usize::from(ours <= pair.theirs[set]);
        sum.ours += ours;
        sum.theirs += pair.theirs[set];
    }
    sum
}
