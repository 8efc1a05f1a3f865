//! The command `ferry`: errors become one line and an exit status.
#![forbid(unsafe_code)]
use std::process::ExitCode;

/// musl's allocator asks the kernel for every other page; translation allocates too often for that.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    loader::command::main()
}
