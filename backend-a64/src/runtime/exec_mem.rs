//! The memory translated code lives in: one reservation `[stubs | lookup tables | counters | code]`.
//!
//! Everything in it is within reach of a direct branch (128 MiB), and every piece of code is at a positive 32-bit offset
//! from the first table, which is what lookup entries hold. The memory is writable and executable at once: code is
//! patched while other threads run it, which a toggled protection would not allow.
use super::lookup::Tables;
use super::mapping::Mapping;
use super::HostPc;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// Room for the runtime's stubs.
const STUBS_LEN: usize = 64 << 10;
/// Number of counters of cold code: their numbers are 16-bit immediates.
pub(crate) const COUNTERS: u32 = 1 << 16;
/// Room for them, four bytes each.
const COUNTERS_LEN: usize = 4 * COUNTERS as usize;
/// Least and most memory for code: the least holds any one region, the most keeps direct branches in reach.
pub const CODE_LEN_RANGE: std::ops::RangeInclusive<usize> = 1 << 20..=112 << 20;

/// Where the code area begins.
const CODE_START: usize = STUBS_LEN + Tables::LEN + COUNTERS_LEN;

/// A byte offset from the start of the code area.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CacheOffset(pub(crate) u32);

impl CacheOffset {
    /// The offset `bytes` on.
    pub(crate) fn plus(self, bytes: u32) -> Self {
        Self(self.0 + bytes)
    }
}

/// The reservation and its parts.
#[derive(Debug)]
pub(crate) struct ExecMem {
    mapping: Mapping,
    code_len: usize,
}

impl ExecMem {
    /// Reserves room for `code_len` bytes of code (clamped to [`CODE_LEN_RANGE`]).
    pub(crate) fn new(code_len: usize) -> io::Result<Self> {
        let code_len = code_len.clamp(*CODE_LEN_RANGE.start(), *CODE_LEN_RANGE.end()).next_multiple_of(64 << 10);
        let mapping = Mapping::new(CODE_START + code_len, libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC)?;
        Ok(Self { mapping, code_len })
    }

    /// Where the stubs are.
    pub(crate) fn stubs(&self) -> HostPc {
        HostPc(self.mapping.base() as u64)
    }

    /// The lookup tables; their address is what x27 holds.
    pub(crate) fn tables(&self) -> Tables {
        let base = NonNull::new(self.mapping.base().wrapping_add(STUBS_LEN)).expect("mapped");
        // SAFETY: the tables' part of the mapping is `Tables::LEN` bytes, page-aligned, zero at first, only accessed as
        // tables, and lives as long as `self`; `Tables` is used by owners of `self` only.
        unsafe { Tables::new(base.cast()) }
    }

    /// Bytes of the code area.
    pub(crate) fn code_len(&self) -> u32 {
        self.code_len as u32
    }

    fn code_base(&self) -> u64 {
        self.mapping.base() as u64 + CODE_START as u64
    }

    /// The host address of code.
    pub(crate) fn pc(&self, at: CacheOffset) -> HostPc {
        HostPc(self.code_base() + u64::from(at.0))
    }

    /// The offset of a host address, if it is in the code area.
    pub(crate) fn offset_of(&self, pc: HostPc) -> Option<CacheOffset> {
        let offset = pc.0.checked_sub(self.code_base())?;
        (offset < self.code_len as u64).then_some(CacheOffset(offset as u32))
    }

    /// What a lookup entry holds for code at `at`: its distance from the tables.
    pub(crate) fn table_offset(&self, at: CacheOffset) -> u32 {
        (Tables::LEN + COUNTERS_LEN) as u32 + at.0
    }

    /// Makes all counters zero; no thread may be in translated code.
    pub(crate) fn clear_counters(&self) {
        self.mapping.discard(STUBS_LEN + Tables::LEN, COUNTERS_LEN);
    }

    /// Makes one counter zero, while others may count in it.
    pub(crate) fn clear_counter(&self, number: u16) {
        let at = self.mapping.base().wrapping_add(STUBS_LEN + Tables::LEN + 4 * usize::from(number));
        // SAFETY: inside the counters' part of the mapping and aligned; code that runs may be counting, and what is lost
        // then does not matter.
        unsafe { AtomicU32::from_ptr(at.cast()) }.store(0, Ordering::Relaxed);
    }

    /// Copies the runtime's stubs to their place. Before any thread runs.
    pub(crate) fn write_stubs(&self, code: &[u8]) {
        assert!(code.len() <= STUBS_LEN);
        // SAFETY: the stubs' part of the mapping is `STUBS_LEN` bytes and nobody executes it yet.
        unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), self.mapping.base(), code.len()) };
    }

    /// Copies code to a place that no thread can reach yet.
    pub(crate) fn write(&self, at: CacheOffset, code: &[u8]) {
        assert!(at.0 as usize + code.len() <= self.code_len);
        let to = self.pc(at).0 as *mut u8;
        // SAFETY: inside the code area (asserted); the caller allocated it and has not published it.
        unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), to, code.len()) };
    }

    fn word(&self, at: CacheOffset) -> &AtomicU32 {
        assert!(at.0 % 4 == 0 && at.0 as usize + 4 <= self.code_len);
        // SAFETY: inside the code area and aligned (asserted); code that may run is only accessed through atomics.
        unsafe { AtomicU32::from_ptr(self.pc(at).0 as *mut u32) }
    }

    /// Replaces one instruction; threads that execute it see the old or the new one.
    pub(crate) fn patch(&self, at: CacheOffset, word: u32) {
        self.word(at).store(word, Ordering::Release);
    }

    /// The instruction at `at`.
    pub(crate) fn read(&self, at: CacheOffset) -> u32 {
        self.word(at).load(Ordering::Relaxed)
    }

    /// Gives memory of the code area back; no thread may be in it.
    pub(crate) fn discard_code(&self, used: u32) {
        let used = (used as usize).next_multiple_of(super::mapping::page_size()).min(self.code_len);
        self.mapping.discard(CODE_START, used);
    }
}

/// `b` or `bl` (bit 31 of `word` says which) from `from` to `to`.
pub(crate) fn branch(word: u32, from: HostPc, to: HostPc) -> u32 {
    let distance = to.0.wrapping_sub(from.0) as i64;
    assert!(distance % 4 == 0 && (-(1 << 27)..1 << 27).contains(&distance), "branch out of reach: {distance}");
    word & 0xfc00_0000 | (distance >> 2) as u32 & 0x03ff_ffff
}

/// `b` with no distance yet.
pub(crate) const B: u32 = 0x1400_0000;
