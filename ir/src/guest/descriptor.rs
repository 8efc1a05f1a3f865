//! Segment descriptors: what a selector stands for.
use super::reg::Seg;

/// A segment descriptor as the processor sees it (SDM vol. 3, 3.4.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// Linear address of offset 0.
    pub base: u32,
    /// Last offset, in bytes.
    pub limit: u32,
    /// Access rights as LAR gives them; 0 for a null selector.
    pub rights: u32,
}

/// Bits of access rights: accessed, writable data or readable code, expand-down data, code, code or data, present, 32-bit.
mod right {
    pub(super) const WRITE_OR_READ: u32 = 1 << 9;
    pub(super) const EXPAND_DOWN: u32 = 1 << 10;
    pub(super) const CODE: u32 = 1 << 11;
    pub(super) const BIG: u32 = 1 << 22;
}

impl Descriptor {
    /// No segment: what a null selector loads.
    pub const NULL: Self = Self { base: 0, limit: 0, rights: 0 };
    /// `__USER_DS` of an x86-64 kernel.
    pub const FLAT_DATA: Self = Self { base: 0, limit: u32::MAX, rights: 0x00cf_f300 };
    /// `__USER32_CS`.
    pub const FLAT_CODE: Self = Self { base: 0, limit: u32::MAX, rights: 0x00cf_fb00 };
    /// `__USER_CS`, for 64-bit code.
    pub const CODE64: Self = Self { base: 0, limit: u32::MAX, rights: 0x00af_fb00 };

    fn has(self, right: u32) -> bool {
        self.rights & right != 0
    }

    /// Code, which may not be written.
    pub fn is_code(self) -> bool {
        self.has(right::CODE)
    }

    /// Whether code has 32 bits by default, or a stack segment is used through ESP rather than SP.
    pub fn is_big(self) -> bool {
        self.has(right::BIG)
    }

    /// Whether data or code may be read.
    pub fn readable(self) -> bool {
        self.rights != 0 && (!self.is_code() || self.has(right::WRITE_OR_READ))
    }

    /// Whether it may be written.
    pub fn writable(self) -> bool {
        self.has(right::WRITE_OR_READ) && !self.is_code()
    }

    /// Whether it is writable up to its limit, so that one comparison is all there is to check.
    fn is_plain(self) -> bool {
        self.writable() && !self.has(right::EXPAND_DOWN)
    }

    /// Whether every access is allowed by it.
    pub fn is_whole(self) -> bool {
        self.is_plain() && self.limit == u32::MAX
    }

    /// One past the last offset of a plain segment; 0 for any other: there every access is looked at closely.
    pub(super) fn end(self) -> u64 {
        if self.is_plain() {
            u64::from(self.limit) + 1
        } else {
            0
        }
    }

    /// Whether an access of `size` bytes at `offset` is allowed.
    pub fn allows(self, offset: u32, size: u32, write: bool) -> bool {
        let end = u64::from(offset) + u64::from(size);
        let inside = if self.has(right::EXPAND_DOWN) && !self.is_code() {
            let top = if self.has(right::BIG) { 1 << 32 } else { 1 << 16 };
            offset > self.limit && end <= top
        } else {
            end <= u64::from(self.limit) + 1
        };
        inside && if write { self.writable() } else { self.readable() }
    }

    /// Whether translated code can work with it: FS and GS are checked where they are used, the others must be all of the
    /// address space.
    pub(super) fn is_simple_in(self, seg: Seg) -> bool {
        match seg {
            Seg::Fs | Seg::Gs => true,
            Seg::Cs => self.is_code() && self.base == 0 && self.limit == u32::MAX && self.is_big(),
            _ => self.is_whole() && self.base == 0,
        }
    }
}
