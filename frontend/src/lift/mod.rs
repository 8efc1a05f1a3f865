//! The lift functions, one file per XED category, one function per instruction (or per pair that differs in a number).
pub(crate) mod binary;
pub(crate) mod branch;
pub(crate) mod call_ret;
pub(crate) mod dataxfer;
pub(crate) mod logical;
pub(crate) mod mmx;
pub(crate) mod sse;
pub(crate) mod stack;
pub(crate) mod system;
pub(crate) mod x87;
