//! What ferry inherited: the auxiliary vector, and what the Rust runtime changes before `main`: the disposition of SIGPIPE,
//! and which of the standard descriptors were closed.
use std::ffi::{CStr, CString};
use std::fs::File;
use std::os::fd::FromRawFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

static SIGPIPE_IGNORED: AtomicBool = AtomicBool::new(false);
/// The standard descriptors that were closed, bit by bit. The Rust runtime opens /dev/null in their places.
static CLOSED: AtomicU32 = AtomicU32::new(0);
const STANDARD: std::ops::RangeInclusive<i32> = libc::STDIN_FILENO..=libc::STDERR_FILENO;

extern "C" fn record() {
    // SAFETY: an all-zero sigaction is a valid value.
    let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: only asks for the disposition; `old` is writable.
    unsafe { libc::sigaction(libc::SIGPIPE, std::ptr::null(), &mut old) };
    SIGPIPE_IGNORED.store(old.sa_sigaction == libc::SIG_IGN, Ordering::Relaxed);
    for fd in STANDARD {
        // SAFETY: only asks.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
            CLOSED.fetch_or(1 << fd, Ordering::Relaxed);
        }
    }
}

/// Runs before `main`, and so before the Rust runtime sets SIGPIPE to be ignored and opens what is closed.
// SAFETY: the section holds function pointers of this type; `record` needs nothing of the Rust runtime.
#[unsafe(link_section = ".init_array")]
#[used]
static RECORD: extern "C" fn() = record;

/// Whether SIGPIPE was ignored when the process started.
pub(crate) fn sigpipe_was_ignored() -> bool {
    std::hint::black_box(RECORD);
    SIGPIPE_IGNORED.load(Ordering::Relaxed)
}

/// Closes the standard descriptors that were closed when the process started; after that the program owns all of them.
pub fn close_standard_files() {
    std::hint::black_box(RECORD);
    let closed = CLOSED.load(Ordering::Relaxed);
    for fd in STANDARD.filter(|fd| closed & 1 << fd != 0) {
        let _ = super::syscall(libc::SYS_close, crate::args![fd]);
    }
}

/// The program's file, which binfmt_misc opened for ferry (flag O, AT_EXECFD). Closed with the answer, so that the program
/// does not find a descriptor it did not open; only the first call answers it.
pub fn opened_program() -> Option<File> {
    /// linux/auxvec.h.
    const AT_EXECFD: u64 = 2;
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let fd = auxval(AT_EXECFD) as i32;
    if fd <= libc::STDERR_FILENO || TAKEN.swap(true, Ordering::Relaxed) {
        return None;
    }
    // SAFETY: the kernel opened it for this process, and nobody else has been given it.
    Some(unsafe { File::from_raw_fd(fd) })
}

/// A value of ferry's own auxiliary vector, 0 if the kernel gave none.
pub fn auxval(kind: u64) -> u64 {
    // SAFETY: reads the auxiliary vector.
    unsafe { libc::getauxval(kind as libc::c_ulong) }
}

/// The environment strings ferry was started with, in their order, whatever is in them.
pub fn environment() -> Vec<CString> {
    unsafe extern "C" {
        static environ: *const *const libc::c_char;
    }
    let mut strings = Vec::new();
    // SAFETY: the C library's list ends with NULL; nothing in ferry changes it.
    unsafe {
        let mut at = environ;
        while !at.is_null() && !(*at).is_null() {
            strings.push(CStr::from_ptr(*at).to_owned());
            at = at.add(1);
        }
    }
    strings
}

/// Names the calling thread, which for a process's first is the name that ps(1) shows: execve(2) gives it the file's.
pub fn set_thread_name(name: &CStr) {
    // Cannot fail: the kernel takes the first 15 bytes.
    let _ = super::syscall(libc::SYS_prctl, crate::args![libc::PR_SET_NAME, name]);
}
