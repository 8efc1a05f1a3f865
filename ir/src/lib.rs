//! ferry's shared contract and its intermediate representation.
//!
//! - [`guest`]: what every crate says about the guest: addresses, registers, flags, CPU state, memory, exits.
//! - [`opcode`], [`inst`], [`region`], [`terminator`], [`builder`]: the SSA IR of one region; [`sink`]: what lift functions say, for
//!   a builder or to be done at once.
//! - [`helper`]: semantics too large to emit inline, shared by interpreter and generated code.
//! - [`print`], [`parse`], [`verify`], [`interp`]: text form, checker and reference interpreter.
//! - `fold`: what the builder does to instructions as it gets them; [`opt`]: the passes.
//! - [`x87`]: exact 80-bit arithmetic; `crypto`: AES, SHA, CRC; [`cpuid`]: the identity of the guest's CPU.
//!
//! Invariant of absence: no libc, no x86 decoder, no assembler, no unsafe code, no input or output.
#![forbid(unsafe_code)]

pub mod builder;
pub mod cpuid;
mod crypto;
mod fold;
pub mod guest;
pub mod helper;
pub mod inst;
pub mod interp;
pub mod opcode;
pub mod opt;
pub mod parse;
pub mod print;
pub mod region;
pub mod sink;
pub mod source;
pub mod terminator;
#[cfg(any(test, feature = "testgen"))]
pub mod testgen;
pub mod types;
pub mod verify;
pub mod x87;

pub use builder::Builder;
pub use guest::{Cc, CpuState, Exit, Fault, FlagSet, Gpr, GuestAddr, GuestMem, GuestRange, Mm, Seg, Trap, Xmm};
pub use helper::Helper;
pub use inst::{Inst, Value};
pub use opcode::Opcode;
pub use region::{Block, BlockId, InsnMark, Region};
pub use sink::Sink;
pub use source::{CodeWatch, Floats, Heat, LiftError, RegionSource};
pub use terminator::{Target, Terminator};
pub use types::{Lane, Ty};
