//! `bench [NAME]...`: executed instructions per program, as Markdown tables, compared with the committed figures;
//! `BLESS=1` commits the new ones. `startup` is the name of the second table.
use anyhow::Result;
use tests::bench::{
    baseline, bless, geomean, measure, startup, Build, Row, BUSYBOX_LIMIT, FLOAT, INTEGER, OTHER, STARTUP,
};

/// How far a figure is from the committed one.
fn change(new: u64, old: Option<u64>) -> String {
    match old {
        Some(old) if old > 0 => format!("{:+.1} %", 100.0 * (new as f64 / old as f64 - 1.0)),
        _ => "new".into(),
    }
}

fn print(row: &Row, old: Option<&Row>) {
    println!(
        "| {:10} | {:6.1} | {:8.1} | {:9.1} | {:9.1} | {:6.2} | {:12.2} | {:>8} | {:>8} |",
        row.name,
        row.x86 as f64 / 1e6,
        row.native as f64 / 1e6,
        row.ferry.translated as f64 / 1e6,
        row.ferry.total as f64 / 1e6,
        row.translated_per_x86(),
        row.total_per_native(),
        change(row.ferry.translated, old.map(|r| r.ferry.translated)),
        change(row.ferry.total, old.map(|r| r.ferry.total)),
    );
}

fn print_mean(rows: &[Row]) {
    let per_x86 = geomean(rows.iter().map(Row::translated_per_x86));
    let per_native = geomean(rows.iter().map(Row::total_per_native));
    println!("| geomean    |        |          |           |           | {per_x86:6.2} | {per_native:12.2} |          |          |");
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
    let old = baseline()?;
    let mut rows: Vec<Row> = Vec::new();
    let run = |rows: &mut Vec<Row>, name: &str, build: Build| -> Result<()> {
        let row = measure(name, build)?;
        print(&row, old.iter().find(|o| o.name == row.name));
        rows.push(row);
        Ok(())
    };
    println!(
        "| program    | x86 M  | native M | transl. M | total M   | A/X    | total/native | transl.  | total    |"
    );
    println!(
        "|------------|-------:|---------:|----------:|----------:|-------:|-------------:|---------:|---------:|"
    );
    for name in INTEGER.into_iter().filter(|n| selected(n)) {
        run(&mut rows, name, Build::X87)?;
    }
    if !rows.is_empty() {
        print_mean(&rows);
    }
    for name in FLOAT.into_iter().filter(|n| selected(n)) {
        run(&mut rows, name, Build::X87)?;
        run(&mut rows, name, Build::Sse)?;
    }
    for name in OTHER.into_iter().filter(|n| selected(n)) {
        run(&mut rows, name, Build::X87)?;
    }
    if std::env::var_os("BLESS").is_some() {
        bless(&rows)?;
    }
    Ok(())
}
