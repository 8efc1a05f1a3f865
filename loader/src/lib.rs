//! Library behind the binary `ferry`, so that tests can drive every part.
//!
//! `cli`, `command`: what is asked for; `list`, `doctor`, `binfmt`: what is not running a program. `program`, `elf`, `load`, `stack`, `auxv`, `vdso`: the program in memory. `translate`,
//! `machine`, `run`: running it. Invariant of absence: no policy, no unsafe code.
#![forbid(unsafe_code)]

pub mod auxv;
pub mod binfmt;
pub mod cli;
pub mod command;
pub mod doctor;
pub mod elf;
pub mod list;
pub mod load;
#[cfg(target_arch = "aarch64")]
pub mod machine;
pub mod program;
#[cfg(target_arch = "aarch64")]
pub mod run;
pub mod stack;
pub mod symbols;
pub mod translate;
pub mod vdso;
