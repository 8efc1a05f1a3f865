//! What the command line asks for, and the exit status: the guest's own, 126 or 127 as env(1), 125 for ferry's failures.
use crate::binfmt;
use crate::cli::{BinfmtAction, Cli, Command, RunArgs};
use crate::list;
use crate::load::LoadError;
use anyhow::Result;
use clap::Parser;
use std::ffi::OsString;
use std::process::ExitCode;

/// ferry's own failure, as env(1) has it.
const OWN_FAILURE: u8 = 125;

/// Runs the command of this process's arguments.
pub fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let result = match binfmt::handler_call(&args) {
        Some(call) => run_program(RunArgs::default(), call.path, call.argv),
        None => dispatch(Cli::parse_from(args)),
    };
    match result {
        Ok(status) => ExitCode::from(status as u8),
        Err(error) => {
            eprintln!("ferry: {error:#}");
            ExitCode::from(error.downcast_ref::<LoadError>().map_or(OWN_FAILURE, LoadError::exit_status))
        }
    }
}

fn dispatch(cli: Cli) -> Result<i32> {
    match cli.command {
        None => {
            let mut options = cli.run;
            let mut argv = std::mem::take(&mut options.program);
            let path = argv[0].clone();
            if let Some(name) = options.argv0.take() {
                argv[0] = name;
            }
            return run_program(options, path.into(), argv);
        }
        Some(Command::Insns(how)) => list::insns(how.json)?,
        Some(Command::Syscalls(how)) => list::syscalls(how.json)?,
        Some(Command::Doctor) => list::doctor()?,
        Some(Command::Binfmt { action: BinfmtAction::Install }) => binfmt::install()?,
        Some(Command::Binfmt { action: BinfmtAction::Status }) => binfmt::status()?,
        Some(Command::Binfmt { action: BinfmtAction::Uninstall }) => binfmt::uninstall()?,
    }
    Ok(0)
}

#[cfg(target_arch = "aarch64")]
fn run_program(options: RunArgs, path: std::path::PathBuf, argv: Vec<OsString>) -> Result<i32> {
    match crate::run::run(crate::run::Start { path, argv, options })? {}
}

#[cfg(not(target_arch = "aarch64"))]
fn run_program(_: RunArgs, _: std::path::PathBuf, _: Vec<OsString>) -> Result<i32> {
    anyhow::bail!("this build of ferry is for tests; programs run with the AArch64 build (make build)")
}
