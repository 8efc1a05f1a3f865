//! Typed access to the six argument registers of a system call.
use super::Entry;
use ir::guest::GuestAddr;

/// EBX ECX EDX ESI EDI EBP, and the row of the table they are for.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    raw: [u32; 6],
    /// The row.
    pub entry: &'static Entry,
}

impl Args {
    /// The registers of a call.
    pub fn new(raw: [u32; 6], entry: &'static Entry) -> Self {
        Self { raw, entry }
    }

    /// Argument `n` as an unsigned number.
    pub fn uint(&self, n: usize) -> u32 {
        self.raw[n]
    }

    /// Argument `n` as a signed number.
    pub fn int(&self, n: usize) -> i32 {
        self.raw[n] as i32
    }

    /// Argument `n` as a pointer.
    pub fn addr(&self, n: usize) -> GuestAddr {
        GuestAddr(self.raw[n])
    }

    /// Arguments `n` (low half) and `n + 1` (high half) as one 64-bit number; i386 does not align such pairs.
    pub fn pair(&self, n: usize) -> i64 {
        (u64::from(self.raw[n]) | u64::from(self.raw[n + 1]) << 32) as i64
    }

    /// All six, as the host's registers hold unsigned arguments.
    pub fn zero_extended(&self) -> [u64; 6] {
        self.raw.map(u64::from)
    }

    /// All six.
    pub fn raw(&self) -> [u32; 6] {
        self.raw
    }
}
