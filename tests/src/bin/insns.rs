//! `insns`: checks the ledger of `tests/insn-count` and prints its sums; `BLESS=1` rewrites it.
//! `insns ANCHOR`: compares entry by entry with a reference file.
//! `insns BYTES...`: the listing of guest code given in hexadecimal.
use anyhow::Result;
use std::path::Path;
use std::process::ExitCode;
use tests::insns::anchor::{self, compare, summary, Pair};
use tests::insns::{bytes, ledger, FEATURES};

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|a| bytes(a).is_some()) {
        print!("{}", ledger::listing_of(&arguments)?);
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(path) = arguments.first() {
        print_comparison(&compare(Path::new(path))?);
        return Ok(ExitCode::SUCCESS);
    }
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    let mut entries = Vec::new();
    for file in ledger::files()? {
        wrong.extend(ledger::check(&file, bless)?);
        let part = ledger::read(&file)?;
        println!(
            "{:12} {:4} entries, {:?}",
            file.file_stem().unwrap_or_default().to_string_lossy(),
            part.len(),
            ledger::sums(&part)
        );
        entries.extend(part);
    }
    println!(
        "{:12} {:4} entries, {:?} ({})",
        "sum",
        entries.len(),
        ledger::sums(&entries),
        FEATURES.map(|f| f.0).join(", ")
    );
    wrong.iter().for_each(|difference| println!("{difference}"));
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_comparison(pairs: &[Pair]) {
    let number = |n: Option<u32>| n.map_or("-".to_string(), |n| n.to_string());
    for pair in pairs {
        let [base, all] = pair.ours;
        let worse = (0..anchor::FEATURES.len()).any(|set| pair.ours[set].is_some_and(|ours| ours > pair.theirs[set]));
        let note = match () {
            () if base.is_none() => " not implemented",
            () if pair.helpers => " calls compiled code",
            () if worse => " more",
            () => "",
        };
        let [their_base, their_all] = pair.theirs;
        println!("{:48} {:>4} {their_base:>4}   {:>4} {their_all:>4}{note}", pair.x86, number(base), number(all));
    }
    for (title, x87) in [("without x87", false), ("x87", true)] {
        let part = || pairs.iter().filter(|p| p.x87 == x87);
        let missing = part().filter(|p| p.ours[0].is_none()).count();
        let helpers = part().filter(|p| p.helpers).count();
        println!("{title}: {} entries, {missing} not implemented, {helpers} call compiled code", part().count());
        for (set, (name, _)) in anchor::FEATURES.iter().enumerate() {
            let sum = summary(part(), set);
            println!(
                "  {name:5} {:4} compared: {:5.1} % at most theirs; sum {} against {}, ratio {:.3}",
                sum.entries,
                100.0 * sum.share(),
                sum.ours,
                sum.theirs,
                sum.ratio()
            );
        }
    }
}
