//! Code generation: allocate registers, emit A64.
#![forbid(unsafe_code)]

pub mod abi;
pub mod compiled;

pub use compiled::{CodeOffset, CompiledRegion, EntryPoint, LinkKind, LinkSite, PcEntry, Reloc, Stub};
