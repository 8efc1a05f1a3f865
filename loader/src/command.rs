//! What the command line asks for, and the exit status: the guest's own, 126 or 127 as env(1), 125 for ferry's failures.
use crate::binfmt;
use crate::cli::{BinfmtAction, Cli, Command, RunArgs};
use crate::doctor;
use crate::list;
use crate::load::LoadError;
use anyhow::Result;
use clap::error::ErrorKind;
use clap::Parser;
use linux_abi::host;
use std::ffi::OsString;
use std::process::ExitCode;

/// ferry's own failure, as env(1) has it.
const OWN_FAILURE: u8 = 125;

/// Runs the command of this process's arguments.
pub fn main() -> ExitCode {
    if host::startup::auxval(libc::AT_SECURE) != 0 {
        forget_settings();
    }
    let args: Vec<OsString> = std::env::args_os().collect();
    let by_kernel = binfmt::handler_call(&args);
    let args = by_kernel.as_ref().map_or(args, binfmt::HandlerCall::command_line);
    let result = match Cli::try_parse_from(args) {
        Ok(cli) => dispatch(cli, by_kernel.is_some()),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            // A reader that has seen enough is no error.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => Err(usage(&error)),
    };
    match result {
        Ok(status) => ExitCode::from(status as u8),
        Err(error) => {
            eprintln!("ferry: {error:#}");
            ExitCode::from(error.downcast_ref::<LoadError>().map_or(OWN_FAILURE, LoadError::exit_status))
        }
    }
}

/// Whoever starts a setuid program must not choose where its libraries come from, nor see what it does.
fn forget_settings() {
    let ours = |name: &OsString| name.as_encoded_bytes().starts_with(b"FERRY_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| ours(name)) {
        std::env::remove_var(name);
    }
}

/// The parser's complaint in one line.
fn usage(error: &clap::Error) -> anyhow::Error {
    let text = error.to_string();
    let what = match error.kind() {
        ErrorKind::MissingRequiredArgument => "no PROGRAM given",
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "an action is missing",
        _ => text.lines().next().unwrap_or_default().trim_start_matches("error: "),
    };
    anyhow::anyhow!("{what}; see `ferry --help`")
}

fn dispatch(cli: Cli, by_kernel: bool) -> Result<i32> {
    match cli.command {
        None => {
            let mut options = cli.run;
            let mut argv = std::mem::take(&mut options.program);
            let path = argv[0].clone();
            if let Some(name) = options.argv0.take() {
                argv[0] = name;
            }
            return run_program(options, path.into(), argv, by_kernel);
        }
        Some(Command::Insns(how)) => list::insns(how.json)?,
        Some(Command::Syscalls(how)) => list::syscalls(how.json)?,
        Some(Command::Doctor) => return doctor::run(),
        Some(Command::Binfmt { action }) => match action {
            BinfmtAction::Install { no_credentials } => binfmt::install(!no_credentials)?,
            BinfmtAction::Status => binfmt::status()?,
            BinfmtAction::Uninstall => binfmt::uninstall()?,
        },
    }
    Ok(0)
}

#[cfg(target_arch = "aarch64")]
fn run_program(options: RunArgs, path: std::path::PathBuf, argv: Vec<OsString>, by_kernel: bool) -> Result<i32> {
    match crate::run::run(crate::run::Start { path, argv, options, by_kernel })? {}
}

#[cfg(not(target_arch = "aarch64"))]
fn run_program(_: RunArgs, _: std::path::PathBuf, _: Vec<OsString>, _: bool) -> Result<i32> {
    anyhow::bail!("this build of ferry is for tests; programs run with the AArch64 build (make build)")
}
