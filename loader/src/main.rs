//! The command `ferry`: errors become one line and an exit status.
#![forbid(unsafe_code)]
use std::process::ExitCode;

fn main() -> ExitCode {
    loader::command::main()
}
