//! `--strace`: one line per system call on stderr, in the manner of strace(1), formats from the table.
//!
//! The line is written in one piece after the call, so that lines of several threads do not mix; a call that does not come
//! back (exit, a successful execve) is announced before it. ` [compat]` marks calls that went through the compat entry.
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::syscall::{socket, Entry};
use ir::guest::GuestAddr;

mod format;
pub mod names;

pub use format::Fmt;
use format::Line;

/// Names that do not come back when they succeed: their line is printed first.
const ONE_WAY: [&str; 6] = ["exit", "exit_group", "execve", "execveat", "sigreturn", "rt_sigreturn"];

/// Carries out a call and prints its line.
pub fn traced(cx: &mut Cx<'_>, entry: &'static Entry, args: [u32; 6]) -> SysResult {
    // As strace does, the call that is meant, not the one that packs it.
    let (shown, args_shown) = match entry.name {
        "socketcall" => socket::demultiplex(cx, args[0], GuestAddr(args[1])).unwrap_or((entry, args)),
        _ => (entry, args),
    };
    let mut line = Line::new(cx, shown, args_shown);
    if ONE_WAY.contains(&entry.name) {
        line.finish_args(cx, &Ok(0));
        line.print(" = ?");
        return entry.call(cx, args);
    }
    let result = entry.call(cx, args);
    line.finish_args(cx, &result);
    line.print(&outcome(entry, &result));
    result
}

/// A number beyond the table.
pub fn unknown(cx: &mut Cx<'_>, nr: u32, args: [u32; 6]) -> SysResult {
    let args = args.map(|arg| format!("{arg:#x}")).join(", ");
    format::emit(cx.thread.tid, &format!("syscall_{nr}({args}) = -1 ENOSYS (Function not implemented)"));
    Err(Errno::ENOSYS)
}

fn outcome(entry: &Entry, result: &SysResult) -> String {
    let way = if entry.passes_through() { " [compat]" } else { "" };
    match result {
        Ok(value) if entry.fmt.contains(&Fmt::RetHex) => format!(" = {value:#x}{way}"),
        Ok(value) => format!(" = {}{way}", *value as i32),
        Err(errno) if errno.0 >= Errno::ERESTARTSYS.0 => format!(" = ? {} ({}){way}", errno.name(), errno.text()),
        Err(errno) => format!(" = -1 {} ({}){way}", errno.name(), errno.text()),
    }
}
