//! Compares a real CPU with ferry.
use anyhow::{bail, ensure, Context, Result};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tests::oracle::compare::{compare, disassemble, show_input, Difference};
use tests::oracle::execute::{self, Host};
use tests::oracle::record::Recording;
use tests::oracle::wire::Answers;
use tests::oracle::{blocks, forms, masks, model, record, shrink, Group};

const USAGE: &str = "\
usage: oracle list                        how many forms there are of each mnemonic
       oracle masks                       what is not compared, and why
       oracle forms [INPUTS [MNEMONIC]..] compares this x86 CPU with ferry on every form; SHOW=n prints n cases of each kind
       oracle model [INPUTS [MNEMONIC]..] the same with lifter and IR interpreter instead of ferry
       oracle record                      records this CPU in tests/oracle/*.txt
       oracle replay [CPU]                compares ferry (on that CPU of qemu-aarch64, or `native`) with the recording
       oracle soak [EXECUTIONS [SEED]]    compares this CPU with ferry on random blocks; a failing one is shrunk
       oracle block SEED                  the same for one block
environment: FERRY_UNDER_TEST, the binary (by default the release build)";

/// For one run of the guest program.
const LIMIT: Duration = Duration::from_secs(900);

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["list"] => list(),
        ["masks"] => masks::MASKS.iter().for_each(|mask| println!("{}", mask.why)),
        ["forms", rest @ ..] => forms(rest)?,
        ["model", rest @ ..] => compare_model(rest)?,
        ["record"] => record_all()?,
        ["replay"] => replay(&Host::Ferry(None))?,
        ["replay", "native"] => replay(&Host::Native)?,
        ["replay", cpu] => replay(&Host::Ferry(Some((*cpu).into())))?,
        ["soak"] => soak(1_000_000, 1)?,
        ["soak", n] => soak(n.parse()?, 1)?,
        ["soak", n, seed] => soak(n.parse()?, seed.parse()?)?,
        ["block", seed] => one_block(seed.parse()?)?,
        _ => bail!("{USAGE}"),
    }
    Ok(())
}

fn list() {
    let all = forms::forms();
    println!("{} mnemonics, {} forms", all.len(), all.values().map(Vec::len).sum::<usize>());
    all.iter().for_each(|(name, forms)| println!("{name} {}", forms.len()));
}

fn arguments<'a>(words: &'a [&'a str]) -> Result<Vec<Group>> {
    let Some((n, only)) = words.split_first() else { return Ok(record::groups(record::INPUTS, &[])) };
    Ok(record::groups(n.parse().with_context(|| format!("{n} is no number of inputs"))?, only))
}

fn native(groups: &[Group]) -> Result<Vec<u8>> {
    ensure!(execute::is_native(), "this needs an x86-64 CPU");
    execute::program()?;
    let run = Host::Native.run(groups, false, LIMIT)?;
    ensure!(run.trouble.is_empty(), "natively: {}", run.trouble);
    Ok(run.stdout)
}

fn forms(words: &[&str]) -> Result<()> {
    let groups = arguments(words)?;
    let cases: usize = groups.iter().map(|g| g.cases.len()).sum();
    let want = native(&groups)?;
    let got = Host::Ferry(None).run(&groups, false, LIMIT)?;
    let (differences, done) = compare(&groups, &want, &got.stdout);
    summarise(&groups, &differences);
    println!("{done} of {cases} cases, {} differences {}", differences.len(), got.trouble);
    ensure!(done == cases && differences.is_empty(), "ferry is not exact");
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
        let text = disassemble(&groups[group].cases[found[0].case]);
        let first = text.lines().next().unwrap_or("").trim();
        println!("{} {names}: {} times, first {first}", groups[group].name, found.len());
        for d in found.iter().take(show) {
            print!("{}{}", disassemble(&groups[group].cases[d.case]), d.describe(groups));
        }
    }
}

fn compare_model(words: &[&str]) -> Result<()> {
    let groups = arguments(words)?;
    let bytes = native(&groups)?;
    let mut answers = Answers::new(&bytes);
    let mut differences = Vec::new();
    let mut count = 0;
    for (g, group) in groups.iter().enumerate() {
        for (c, case) in group.cases.iter().enumerate() {
            let want = answers.next(case.inputs.len()).context("the CPU stopped")?;
            for (i, output) in model::run(case, model::Way::Optimized).0.into_iter().enumerate() {
                count += usize::from(output.is_some());
                differences.extend(output.and_then(|got| Difference::new((g, c, i), case, &want.outputs[i], &got)));
            }
        }
    }
    summarise(&groups, &differences);
    println!("{count} executions, {} differences", differences.len());
    Ok(())
}

fn record_all() -> Result<()> {
    let info = std::fs::read_to_string("/proc/cpuinfo")?;
    let cpu =
        info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("").trim_matches(['\t', ':', ' ']);
    for recording in [Recording::Forms, Recording::Blocks] {
        let groups = recording.groups();
        std::fs::write(recording.path(), record::write(&groups, &native(&groups)?, cpu)?)?;
    }
    Ok(())
}

fn replay(host: &Host) -> Result<()> {
    execute::program()?;
    let mut recorded = record::read(Recording::Forms)?;
    recorded.extend(record::read(Recording::Blocks)?);
    let (found, run) = record::replay(&recorded, host, LIMIT)?;
    for m in &found {
        print!("{}:\n{}", m.name, disassemble(&m.case));
        if let Some(input) = m.case.inputs.get(m.input) {
            println!("  input {}\n  ferry {:x?}", show_input(input), m.got);
        }
    }
    let cases: usize = recorded.iter().map(|(group, _)| group.cases.len()).sum();
    println!("{cases} cases, {} differences {}", found.len(), run.trouble);
    ensure!(found.is_empty() && run.trouble.is_empty(), "ferry does not do what was recorded");
    Ok(())
}

/// The hosts that blocks are compared on.
fn hosts() -> Result<[Host; 2]> {
    ensure!(execute::is_native(), "this needs an x86-64 CPU");
    execute::program()?;
    Ok([Host::Native, Host::Ferry(None)])
}

/// Random blocks until so many executions are done, in runs of a process each; stops at the third failing block.
fn soak(executions: usize, seed: u64) -> Result<()> {
    // Mistakes are rarer among the inputs of a block than among blocks.
    const BLOCKS: u64 = 3000;
    const INPUTS: usize = 24;
    let hosts = hosts()?;
    let start = Instant::now();
    let (mut done, mut signals, mut first, mut failed) = (0, 0, seed, 0);
    while done < executions {
        let bulk = shrink::bulk(first, BLOCKS, INPUTS, &hosts)?;
        done += bulk.executions;
        signals += bulk.signals;
        first += BLOCKS;
        for failure in bulk.failures {
            failed += 1;
            println!("{}{}", bulk.trouble, shrink::shrink(failure, &hosts)?.describe());
            ensure!(failed < 3, "three blocks failed of {}", first - seed);
        }
        let seconds = start.elapsed().as_secs();
        eprintln!("{done} executions of {} blocks in {seconds} s, {failed} blocks failed", first - seed);
    }
    println!(
        "{done} executions of {} blocks (seeds {seed} to {}), {signals} to a signal, {failed} blocks failed",
        first - seed,
        first - 1
    );
    ensure!(failed == 0, "ferry is not exact");
    Ok(())
}

fn one_block(seed: u64) -> Result<()> {
    let hosts = hosts()?;
    print!("{}", disassemble(&blocks::case(&shrink::block(seed), 0, Vec::new())));
    for failure in shrink::bulk(seed, 1, 200, &hosts)?.failures {
        println!("{}", failure.describe());
        println!("shrunk: {}", shrink::shrink(failure, &hosts)?.describe());
    }
    Ok(())
}
