//! Signals: actions, masks, frames, delivery. docs/signals.md tells the whole story.
//!
//! - [`host_handler`]: takes signals from the host kernel; the only unsafe code here.
//! - [`action`]: what the guest wants done with each signal, and how the host kernel is told.
//! - [`pending`]: a thread's mask, its alternate stack, the signal in hand.
//! - [`raise`]: from a fault or trap of the guest's to a signal. [`deliver`]: from a signal to a frame or the end.
//! - [`frame`], [`fpstate`], [`sigreturn`]: the i386 frames. [`info`]: siginfo_t of both widths.

pub mod action;
pub mod deliver;
pub mod fpstate;
pub mod frame;
pub mod host_handler;
pub mod info;
pub mod pending;
pub mod raise;
pub mod sigreturn;

pub use action::Actions;
pub use info::{SigInfo, SigInfo64};
pub use pending::ThreadSignals;
pub use raise::FaultOutcome;

/// Number of signals.
pub const NSIG: i32 = 64;

/// SIGSEGV's si_code for an address without a mapping.
pub(crate) const SEGV_MAPERR: i32 = 1;
/// SIGSEGV's si_code for a mapping without the right.
pub(crate) const SEGV_ACCERR: i32 = 2;

/// A signal in a mask: bit `n - 1` for signal `n`.
pub(crate) const fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// Signals that cannot be caught, blocked or ignored.
pub(crate) const UNCATCHABLE: u64 = bit(libc::SIGKILL) | bit(libc::SIGSTOP);

/// A line of text made without allocation, for handlers.
pub(crate) struct Line<'a> {
    buf: &'a mut [u8],
    len: usize,
}

impl<'a> Line<'a> {
    pub fn new(buf: &'a mut [u8]) -> Self {
        Self { buf, len: 0 }
    }

    /// Appends text; what does not fit is dropped.
    pub fn text(&mut self, text: &str) -> &mut Self {
        let n = text.len().min(self.buf.len() - self.len);
        self.buf[self.len..self.len + n].copy_from_slice(&text.as_bytes()[..n]);
        self.len += n;
        self
    }

    /// Appends a number in hexadecimal.
    pub fn hex(&mut self, value: u64) -> &mut Self {
        let digits = 16 - value.leading_zeros() / 4;
        for n in (0..digits.max(1)).rev() {
            let digit = (value >> (4 * n) & 15) as usize;
            self.text(&"0123456789abcdef"[digit..=digit]);
        }
        self
    }

    /// Writes it to standard error.
    pub fn print(&self) {
        let pointer = self.buf.as_ptr().expose_provenance() as u64;
        let _ = crate::host::syscall(libc::SYS_write, [2, pointer, self.len as u64, 0, 0, 0]);
    }
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn numbers_without_allocation() {
        let mut buf = [0; 24];
        let mut line = Line::new(&mut buf);
        line.hex(0).text(" ").hex(0xdead_beef_0123).text(" too long for this");
        let len = line.len;
        assert_eq!(&buf[..len], b"0 deadbeef0123 too long ");
    }
}
