//! A64 backend.
//!
//! - [`codegen`]: pure. A region of IR in; bytes, relocations, link sites and a pc map out. Builds and is tested on any
//!   host. Contains no unsafe code.
//! - [`runtime`]: executable memory, code cache, dispatcher, linking, state recovery. The only place of this crate with
//!   unsafe code; runs on AArch64 only.
//!
//! Arrow inside the crate: `runtime -> codegen`, never back.

pub mod codegen;
#[cfg(target_arch = "aarch64")]
pub mod runtime;
