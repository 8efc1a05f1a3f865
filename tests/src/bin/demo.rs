//! `demo [--record] [NAME]...`: runs the demo programs and says for each whether it did what it does on a real CPU.
use anyhow::Result;
use std::process::ExitCode;

fn main() -> Result<ExitCode> {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    let record = names.first().is_some_and(|n| n == "--record");
    if record {
        names.remove(0);
    }
    let mut failed = 0;
    let mut passed = 0;
    for demo in tests::demo::all()? {
        if !names.is_empty() && !names.iter().any(|n| demo.name.contains(n.as_str())) {
            continue;
        }
        if record {
            demo.record()?;
            println!("recorded  {}", demo.name);
            continue;
        }
        let outcome = demo.run()?;
        let time = outcome.time.as_secs_f64();
        match demo.check(&outcome) {
            Ok(()) => {
                passed += 1;
                println!("ok    {:24} {} ({time:.1} s)", demo.name, demo.title);
            }
            Err(difference) => {
                failed += 1;
                println!("FAIL  {:24} {} ({time:.1} s)\n      {difference}", demo.name, demo.title);
            }
        }
    }
    if !record {
        println!("{passed} passed, {failed} failed");
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
