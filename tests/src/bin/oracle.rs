//! Compares a real CPU with ferry. `oracle --help` says how.
use anyhow::{ensure, Result};
use std::collections::BTreeMap;
use std::time::Duration;
use tests::oracle::compare::{compare, disassemble, Difference};
use tests::oracle::execute::{self, Host};
use tests::oracle::rng::hash;
use tests::oracle::{forms, inputs, Case, Group};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["list"] => list(),
        ["forms", n, rest @ ..] => forms(n.parse()?, rest),
        _ => anyhow::bail!("usage: oracle list | forms INPUTS [MNEMONIC]..."),
    }
}

fn list() -> Result<()> {
    let all = forms::forms();
    println!("{} mnemonics, {} forms", all.len(), all.values().map(Vec::len).sum::<usize>());
    for (name, forms) in all {
        println!("{name} {}", forms.len());
    }
    Ok(())
}

fn forms(n: usize, only: &[&str]) -> Result<()> {
    let mut groups = Vec::new();
    for (name, forms) in forms::forms() {
        if !only.is_empty() && !only.contains(&name.as_str()) {
            continue;
        }
        let mut at = 0;
        let mut cases = Vec::new();
        for form in forms {
            let mut make = inputs::Inputs::new(&form.insn, hash(&form.code));
            let len = form.code.len() as u32;
            let inputs = (0..n).map(|_| make.next(&form.insn, at, len)).collect();
            cases.push(Case { code: form.code, at, inputs });
            at += 61;
        }
        groups.push(Group { name, cases });
    }
    execute::program()?;
    let cases: usize = groups.iter().map(|g| g.cases.len()).sum();
    let want = Host::Native.run(&groups, false, Duration::from_secs(60))?;
    println!("native: {} bytes {}", want.stdout.len(), want.trouble);
    let got = Host::Ferry(None).run(&groups, false, Duration::from_secs(600))?;
    println!("ferry: {} bytes {}", got.stdout.len(), got.trouble);
    let (differences, done) = compare(&groups, &want.stdout, &got.stdout);
    println!("{done} of {cases} cases, {} differences", differences.len());
    summarise(&groups, &differences);
    ensure!(done == cases, "the end is missing");
    Ok(())
}

/// A line for each mnemonic and set of fields that differ, with the first case of each.
fn summarise(groups: &[Group], differences: &[Difference]) {
    let mut kinds: BTreeMap<(usize, String), Vec<&Difference>> = BTreeMap::new();
    for d in differences {
        kinds.entry((d.group, d.names())).or_default().push(d);
    }
    let show: usize = std::env::var("SHOW").ok().map_or(0, |s| s.parse().unwrap_or(1));
    for ((group, names), found) in kinds {
        let case = &groups[group].cases[found[0].case];
        let text = disassemble(case);
        println!(
            "{} {names}: {} times, first {}",
            groups[group].name,
            found.len(),
            text.lines().next().unwrap_or("").trim()
        );
        for d in found.iter().take(show) {
            print!("{}{}", disassemble(&groups[group].cases[d.case]), d.describe(groups));
        }
    }
}
