//! x86-32 in, IR out: decode with iced-x86, find regions, lift.
//!
//! - [`decode`]: instructions from guest memory, with the 15-byte limit and faults where they belong.
//! - [`access`]: which memory an instruction writes.
//! - [`region`]: which instructions make one unit of translation.
//! - [`lifter`]: what every lift function works with: operands, addresses, ways to end a block.
//! - [`direct`]: executing instructions without translating them.
//! - [`fault`]: what a faulting access means on x86.
//! - [`table`]: mnemonic to lift function, with the support level as a value.
//! - `lift`: one file per XED category, one function per instruction.
//!
//! Invariant of absence: nothing here knows A64, Linux, or how guest memory is reached.
#![forbid(unsafe_code)]

pub mod access;
pub mod decode;
pub mod direct;
pub mod fault;
pub mod flags;
mod lift;
pub mod lifter;
pub mod region;
pub mod table;

pub use decode::disassemble;
pub use region::{lift_interpreted, lift_region, lift_single, Checks, Lifter, RegionPolicy, Segments};
