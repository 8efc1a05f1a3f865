//! The command line. `--help` is written for people; what follows PROGRAM is never touched.
use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Everything after PROGRAM is passed to it untouched. Exit status: the program's own; 127 when PROGRAM or its \
interpreter is not found, 126 when it cannot be executed, 125 when ferry itself fails. If the program is killed by a \
signal, ferry dies by the same signal.

Options with [env: ...] can be given by that variable too: when the kernel starts ferry (`ferry binfmt install`) \
there is no command line for them. Programs that gain rights by being started (setuid) run without these variables.

Examples:
  ferry ./hello                                  run a static program
  ferry --rootfs /srv/i386 /bin/bash -c 'ls'     run a program of an i386 Debian tree
  ferry --strace ./hello 2>trace.txt             show its system calls
  ferry --dump=insn,asm --dump-at=main ./hello   show what its main was translated to
  ferry binfmt install                           let the kernel run i386 programs through ferry";

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
#[derive(Debug, Args, Clone)]
pub struct RunArgs {
    /// Look every absolute path up in DIR first, then on the host
    #[arg(long, value_name = "DIR", env = "FERRY_ROOTFS", hide_env_values = true)]
    pub rootfs: Option<PathBuf>,

    /// Set NAME in the program's environment (NAME alone removes it); may be repeated
    #[arg(long = "env", value_name = "NAME=VALUE", allow_hyphen_values = true)]
    pub env: Vec<OsString>,

    /// Print every system call to standard error, one line each
    #[arg(long, env = "FERRY_STRACE", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub strace: bool,

    /// Print the stages of translation in text to standard error (comma-separated)
    #[arg(long, value_name = "STAGE", value_delimiter = ',', env = "FERRY_DUMP", hide_env_values = true)]
    pub dump: Vec<DumpStage>,

    /// Only dump what translates this function (a symbol of the program or its interpreter) or address (0x...)
    #[arg(long, value_name = "WHERE", value_parser = parse_place, env = "FERRY_DUMP_AT", hide_env_values = true)]
    pub dump_at: Option<DumpAt>,

    /// Print what the translator did to standard error when the program ends
    #[arg(long, env = "FERRY_STATS", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub stats: bool,

    /// Execute code N times one instruction at a time before it is translated; 0 translates everything at once
    #[arg(long, value_name = "N", default_value_t = 6, env = "FERRY_TRANSLATE_AFTER", hide_env_values = true)]
    pub translate_after: u8,

    /// Files of /proc that an earlier program of this process has opened tell of this one
    #[arg(long, hide = true)]
    pub renew_proc: bool,

    /// Give the program this argv[0] instead of PROGRAM
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub argv0: Option<OsString>,

    /// The i386 program to run, then its arguments
    #[arg(value_name = "PROGRAM", trailing_var_arg = true, required = true, num_args = 1..)]
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

impl fmt::Display for DumpStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Insn => "insn",
            Self::Ir => "ir",
            Self::Opt => "opt",
            Self::Alloc => "alloc",
            Self::Asm => "asm",
        })
    }
}

/// Which translations are dumped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DumpAt {
    /// That of an address.
    Address(u32),
    /// Those of a function.
    Name(String),
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
    Install {
        /// Start setuid programs without the rights of their owner (without the flags O and C)
        #[arg(long)]
        no_credentials: bool,
    },
    /// Show the registration
    Status,
    /// Remove the registration
    Uninstall,
}

fn parse_place(text: &str) -> Result<DumpAt, String> {
    match text.strip_prefix("0x") {
        None => Ok(DumpAt::Name(text.to_owned())),
        Some(digits) => u32::from_str_radix(digits, 16)
            .map(DumpAt::Address)
            .map_err(|_| format!("`{text}` is not a hexadecimal address below 4 GiB")),
    }
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
        let cli = Cli::parse_from(["ferry", "--argv0", "-bash", "--env", "-x=1", "--", "/bin/bash", "-l"]);
        assert_eq!(cli.run.argv0.as_deref(), Some("-bash".as_ref()), "a login shell");
        assert_eq!(cli.run.program, ["/bin/bash", "-l"]);
        let cli = Cli::parse_from(["ferry", "--", "insns", "x"]);
        assert_eq!(cli.run.program, ["insns", "x"]);
    }

    #[test]
    fn places_are_addresses_or_names() {
        assert_eq!(parse_place("0x8049000"), Ok(DumpAt::Address(0x0804_9000)));
        assert_eq!(parse_place("add"), Ok(DumpAt::Name("add".into())));
        assert!(parse_place("0x100000000").is_err() && parse_place("0xmain").is_err());
    }
}
