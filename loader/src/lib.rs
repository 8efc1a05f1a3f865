//! Library behind the binary `ferry`, so that tests can drive every part.
#![forbid(unsafe_code)]

pub mod auxv;
pub mod binfmt;
pub mod cli;
pub mod elf;
pub mod stack;
pub mod vdso;
