//! Runtime of translated code: where it lives, how control gets into it, between its regions and out of it.
//!
//! ```text
//! engine, dispatch    new, run: find or compile a region, enter it, look at why it came back
//!   world             one thread at a time: everybody else is held outside translated code
//!   code_cache        regions, entry points, pages; install, invalidate, flush
//!     link, lookup    direct branches patched; indirect branches looked up in generated code
//!     pc_map          host pc -> guest eip
//!     exec_mem        the memory: stubs, tables, code; instruction cache maintenance
//!   trampoline        the stubs: enter, leave, call a helper, second chance of a miss
//!   thread            one guest thread's memory: CpuState, poll page, shadow stack
//!   recover           a host signal context -> guest state; async-signal-safe
//!   step              one guest instruction by the interpreter
//! ```
//!
//! Locks, in the order they are taken: `world` (others held), then `code_cache`. Neither is held while the region source,
//! the code watch or guest memory is called, except `world` during a step.
mod code_cache;
mod dispatch;
pub mod engine;
mod exec_mem;
pub mod features;
pub mod fp;
mod icache;
mod invalidations;
mod link;
mod lookup;
mod mapping;
mod mmx;
mod pc_map;
pub mod recover;
pub mod stats;
mod step;
pub mod thread;
#[allow(clippy::useless_conversion, reason = "dynasm converts register numbers that are u8 already")]
mod trampoline;
mod visits;
mod world;
mod x87;
#[allow(clippy::useless_conversion, reason = "as in trampoline")]
mod x87_routines;

pub use engine::{Engine, EngineError, EngineOptions, Observer};
pub use stats::Stats;
pub use thread::{ExitHandle, ThreadContext};

/// A host address of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPc(pub u64);

#[cfg(test)]
#[allow(clippy::useless_conversion, reason = "as in trampoline")]
mod tests;
