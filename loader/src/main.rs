//! The command `ferry`: errors become one line and an exit status.
#![forbid(unsafe_code)]
use std::process::ExitCode;

#[global_allocator]
static HEAP: linux_abi::host::alloc::Heap = linux_abi::host::alloc::Heap;

fn main() -> ExitCode {
    loader::command::main()
}
