//! The reference interpreter.
mod float;
pub mod vector;
