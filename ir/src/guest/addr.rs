//! Guest addresses: 32 bits, wrapping, with explicit methods instead of arithmetic operators.
use std::fmt;

/// Bytes in an i386 page; the guest always sees this size, whatever the host's page size is.
pub const PAGE_SIZE: u32 = 4096;

/// A linear address in the guest. Guest and host share one address space, so it is also a host address below 4 GiB.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GuestAddr(pub u32);

impl GuestAddr {
    /// The address `delta` bytes on, wrapping at 4 GiB as the hardware does.
    pub fn offset(self, delta: i32) -> Self {
        Self(self.0.wrapping_add_signed(delta))
    }

    /// The address `len` bytes on, wrapping at 4 GiB.
    pub fn plus(self, len: u32) -> Self {
        Self(self.0.wrapping_add(len))
    }

    /// The start of the page that holds this address.
    pub fn page(self) -> Self {
        Self(self.0 & !(PAGE_SIZE - 1))
    }

    /// The address as a host address.
    pub fn host(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for GuestAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

impl fmt::Display for GuestAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

/// A half-open range of guest addresses that does not wrap: `start` and a length in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestRange {
    /// First address.
    pub start: GuestAddr,
    /// Length in bytes; `start + len` is at most 4 GiB.
    pub len: u64,
}

impl GuestRange {
    /// A range from `start`, cut off at 4 GiB.
    pub fn new(start: GuestAddr, len: u64) -> Self {
        Self { start, len: len.min((1 << 32) - u64::from(start.0)) }
    }

    /// One past the last address, as 64 bits because it may be 4 GiB.
    pub fn end(self) -> u64 {
        u64::from(self.start.0) + self.len
    }

    /// Whether `addr` lies inside.
    pub fn contains(self, addr: GuestAddr) -> bool {
        addr >= self.start && u64::from(addr.0) < self.end()
    }

    /// Whether the two ranges share a byte.
    pub fn overlaps(self, other: Self) -> bool {
        u64::from(self.start.0) < other.end() && u64::from(other.start.0) < self.end()
    }
}
