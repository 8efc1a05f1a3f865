//! Processes.
use std::ffi::CString;

/// How execve(2) starts ferry again for an i386 program.
#[derive(Clone, Debug, Default)]
pub struct ExecOptions {
    /// Path of the running ferry on the host, for when /proc is not mounted.
    pub ferry: CString,
    /// ferry's own options to repeat, one word each (`--rootfs`, its directory, ...).
    pub options: Vec<CString>,
}
