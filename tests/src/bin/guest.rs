//! `guest [--record | --build FOLDER] [NAME]...`: runs the guest programs, linked in every way, and says for each whether it
//! did what it does on a real CPU; or records that natively; or builds them statically for use elsewhere.
use anyhow::{Context, Result};
use std::path::Path;
use std::process::ExitCode;
use tests::programs::{build, check, names, record, runs_here, Link};

fn main() -> Result<ExitCode> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let action = args.first().filter(|a| a.starts_with("--")).cloned();
    args.drain(..usize::from(action.is_some()));
    let folder = match action.as_deref() {
        Some("--build") => Some(args.drain(..1).next().context("--build: name a folder")?),
        _ => None,
    };
    let mut failed = 0;
    for name in names()?.into_iter().filter(|name| args.is_empty() || args.contains(name)) {
        if let Some(folder) = &folder {
            let folder = Path::new(folder).join(Path::new(&name).parent().unwrap_or(Path::new("")));
            std::fs::create_dir_all(&folder)?;
            build(&name, Link::Static, &folder)?;
        } else if action.is_some() {
            record(&name)?;
            println!("recorded  {name}");
        } else if !runs_here(&name) {
            println!("elsewhere {name}: needs a real arm64 kernel, as in tools/vm.sh");
        } else {
            for link in Link::ALL {
                let result = check(&name, link)?;
                failed += usize::from(result.is_err());
                println!("{}", result.err().unwrap_or_else(|| format!("ok        {name} ({link:?})")));
            }
        }
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
