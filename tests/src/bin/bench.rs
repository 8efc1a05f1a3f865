//! `bench [NAME]...`: executed instructions per program, as Markdown tables. `startup` is the name of the second one.
use anyhow::Result;
use tests::bench::{geomean, measure, startup, Build, Row, BUSYBOX_LIMIT, FLOAT, INTEGER, OTHER, STARTUP};

fn print(row: &Row) {
    println!(
        "| {:10} | {:8.1} | {:8.1} | {:9.1} | {:9.1} | {:6.2} | {:6.2} |",
        row.name,
        row.x86 as f64 / 1e6,
        row.native as f64 / 1e6,
        row.ferry.translated as f64 / 1e6,
        row.ferry.total as f64 / 1e6,
        row.translated_per_x86(),
        row.total_per_native()
    );
}

fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let selected = |name: &str| wanted.is_empty() || wanted.iter().any(|w| w == name);
    if wanted.iter().any(|name| name != "startup") || wanted.is_empty() {
        programs(selected)?;
    }
    if selected("startup") {
        starts()?;
    }
    Ok(())
}

/// From start to exit.
fn starts() -> Result<()> {
    println!("| start to exit                            | transl. M | total M   |");
    println!("|------------------------------------------|----------:|----------:|");
    for (args, expected) in STARTUP {
        let count = startup(args, expected)?;
        let (translated, total) = (count.translated as f64 / 1e6, count.total as f64 / 1e6);
        println!("| {:40} | {translated:9.2} | {total:9.2} |", args.join(" "));
        if args[0].ends_with("busybox") && count.total > BUSYBOX_LIMIT {
            eprintln!("bench: {} takes more than {} M instructions", args.join(" "), BUSYBOX_LIMIT / 1_000_000);
        }
    }
    Ok(())
}

fn programs(selected: impl Fn(&str) -> bool) -> Result<()> {
    println!("| program    | x86 M    | native M | transl. M | total M   | A/X    | total/native |");
    println!("|------------|---------:|---------:|----------:|----------:|-------:|-------:|");
    let mut integer = Vec::new();
    for name in INTEGER.into_iter().filter(|n| selected(n)) {
        let row = measure(name, Build::X87)?;
        print(&row);
        integer.push(row);
    }
    if !integer.is_empty() {
        let per_x86 = geomean(integer.iter().map(Row::translated_per_x86));
        let per_native = geomean(integer.iter().map(Row::total_per_native));
        println!("| geomean    |          |          |           |           | {per_x86:6.2} | {per_native:6.2} |");
    }
    for name in FLOAT.into_iter().filter(|n| selected(n)) {
        print(&measure(name, Build::X87)?);
        print(&measure(name, Build::Sse)?);
    }
    for name in OTHER.into_iter().filter(|n| selected(n)) {
        print(&measure(name, Build::X87)?);
    }
    Ok(())
}
