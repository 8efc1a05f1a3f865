//! The command line. `--help` is written for people; what follows PROGRAM is never touched.
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Everything after PROGRAM is passed to it untouched. Exit status: the program's own; 127 when PROGRAM or its
interpreter is not found, 126 when it cannot be executed, 125 when ferry itself fails. If the program is killed by a
signal, ferry dies by the same signal.

Examples:
  ferry ./hello                                run a static program
  ferry --rootfs /srv/i386 /bin/bash -c 'ls'   run a program of an i386 Debian tree with its own libraries
  ferry --strace ./hello 2>trace.txt           show its system calls
  ferry binfmt install                         let the kernel run i386 programs through ferry";

/// Run i386 (32-bit x86) Linux programs on AArch64 Linux.
#[derive(Debug, Parser)]
#[command(name = "ferry", version, after_help = AFTER_HELP, args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true, disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    /// What to do instead of running a program.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// How to run the program.
    #[command(flatten)]
    pub run: RunArgs,
}

/// How to run a program.
#[derive(Debug, Default, Args, Clone)]
pub struct RunArgs {
    /// Look every absolute path up in DIR first, then on the host
    #[arg(long, value_name = "DIR")]
    pub rootfs: Option<PathBuf>,

    /// Set NAME in the program's environment (NAME alone removes it); may be repeated
    #[arg(long = "env", value_name = "NAME=VALUE")]
    pub env: Vec<OsString>,

    /// Print every system call to standard error, one line each
    #[arg(long)]
    pub strace: bool,

    /// Print the stages of translation in text to standard error (comma-separated)
    #[arg(long, value_name = "STAGE", value_delimiter = ',')]
    pub dump: Vec<DumpStage>,

    /// Only dump the region that starts at this address (hexadecimal)
    #[arg(long, value_name = "ADDR", requires = "dump", value_parser = parse_address)]
    pub dump_at: Option<u32>,

    /// Print what the translator did to standard error when the program ends
    #[arg(long)]
    pub stats: bool,

    /// Give the program this argv[0] instead of PROGRAM
    #[arg(long, value_name = "NAME")]
    pub argv0: Option<OsString>,

    /// The i386 program to run, then its arguments
    #[arg(value_name = "PROGRAM", trailing_var_arg = true, allow_hyphen_values = true, required = true, num_args = 1..)]
    pub program: Vec<OsString>,
}

/// A stage of translation that can be shown as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DumpStage {
    /// Guest instructions, disassembled
    Insn,
    /// IR as lifted
    Ir,
    /// IR after the passes
    Opt,
    /// Register allocation
    Alloc,
    /// A64 code
    Asm,
}

/// Things other than running a program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List every x86 instruction and how far it is supported
    Insns(ListArgs),
    /// List every i386 system call and how far it is supported
    Syscalls(ListArgs),
    /// Register ferry with the kernel as the handler of i386 programs
    Binfmt {
        /// What to do.
        #[command(subcommand)]
        action: BinfmtAction,
    },
    /// Say what this host offers and which way system calls take
    Doctor,
}

/// How a table is listed.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Actions on the binfmt_misc registration.
#[derive(Debug, Subcommand)]
pub enum BinfmtAction {
    /// Register this binary; it keeps working inside chroots and containers (flag F)
    Install,
    /// Show the registration
    Status,
    /// Remove the registration
    Uninstall,
}

fn parse_address(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u32::from_str_radix(digits, 16).map_err(|_| format!("`{text}` is not a hexadecimal address below 4 GiB"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_follows_the_program_is_untouched() {
        let cli = Cli::parse_from(["ferry", "--rootfs", "/r", "/bin/ls", "--strace", "-l", "--", "x"]);
        assert!(!cli.run.strace);
        assert_eq!(cli.run.program, ["/bin/ls", "--strace", "-l", "--", "x"]);
        let cli = Cli::parse_from(["ferry", "--", "insns", "x"]);
        assert_eq!(cli.run.program, ["insns", "x"]);
    }
}
