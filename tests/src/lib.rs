//! Harness shared by the test targets in `tests/tests` and the programs in `tests/src/bin`.

pub mod bench;
pub mod demo;
pub mod filetest;
pub mod guest;
pub mod insns;
pub mod oracle;
pub mod programs;
pub mod tiny_elf;
pub mod vectors;
pub mod x87;
