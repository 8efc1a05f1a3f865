//! `--strace`: one line per system call, formats from the table.
