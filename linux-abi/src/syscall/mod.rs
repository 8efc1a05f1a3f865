//! System calls: the table and the handlers.
pub mod process;
