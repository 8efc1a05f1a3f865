//! The tables that indirect branches read: guest address to code.
//!
//! The first table is direct-mapped by the low bits of the guest address; translated code probes it inline. The second is
//! set-associative with a mixed hash; the stubs probe it before they give up and leave (trampoline.rs). Both hold the same
//! entries: one 64-bit word, guest address low, distance of the code from the tables high, so that reading one is a single
//! load. Nothing but the address of the first table is known to translated code.
//!
//! A stale entry does no harm: the entry points of a dead region lead back to the miss stub (link.rs), and before memory is
//! used again all threads are held outside while the tables are cleared.
use crate::codegen::abi::LOOKUP_ENTRIES;
use ir::guest::GuestAddr;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

/// Entries of a set of the second table.
const WAYS: usize = 4;
/// log2 of the number of sets of the second table.
pub(crate) const SET_BITS: u32 = 12;
/// The multiplier of its hash; the set is the top bits of the 32-bit product.
pub(crate) const HASH: u32 = 0x9e37_79b1;
const SECOND_ENTRIES: usize = WAYS << SET_BITS;
/// Distance of the second table from the first, in bytes.
pub(crate) const SECOND: u32 = LOOKUP_ENTRIES * 8;

/// Both tables, in the memory of `ExecMem`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tables {
    base: NonNull<AtomicU64>,
}

// SAFETY: all access to the entries is atomic.
unsafe impl Send for Tables {}
// SAFETY: as above.
unsafe impl Sync for Tables {}

impl Tables {
    /// Bytes of both.
    pub(crate) const LEN: usize = SECOND as usize + SECOND_ENTRIES * 8;

    /// The tables at `base`.
    ///
    /// # Safety
    /// `base` is aligned, and `LEN` bytes there stay mapped for as long as the tables are used.
    pub(crate) unsafe fn new(base: NonNull<AtomicU64>) -> Self {
        Self { base }
    }

    /// The address for x27.
    pub(crate) fn base(self) -> u64 {
        self.base.as_ptr() as u64
    }

    fn entries(&self) -> &[AtomicU64] {
        // SAFETY: `new`'s contract.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), Self::LEN / 8) }
    }

    fn first(&self, guest: GuestAddr) -> &AtomicU64 {
        &self.entries()[(guest.0 & (LOOKUP_ENTRIES - 1)) as usize]
    }

    fn set(&self, guest: GuestAddr) -> &[AtomicU64] {
        let set = (guest.0.wrapping_mul(HASH) >> (32 - SET_BITS)) as usize;
        let start = LOOKUP_ENTRIES as usize + set * WAYS;
        &self.entries()[start..start + WAYS]
    }

    /// The distance from the tables of the code for `guest`, if the first table has it.
    pub(crate) fn probe(&self, guest: GuestAddr) -> Option<u32> {
        let entry = self.first(guest).load(Ordering::Acquire);
        (entry as u32 == guest.0).then_some((entry >> 32) as u32)
    }

    /// Enters `guest`. In the second table it takes the place of its own older entry, or pushes out the oldest.
    pub(crate) fn fill(&self, guest: GuestAddr, offset: u32) {
        let entry = u64::from(guest.0) | u64::from(offset) << 32;
        self.first(guest).store(entry, Ordering::Release);
        let mut carried = entry;
        for way in self.set(guest) {
            let old = way.swap(carried, Ordering::AcqRel);
            if old as u32 == guest.0 {
                return;
            }
            carried = old;
        }
    }

    /// Removes `guest`. An empty word must not match where it stands: zero belongs to the first slot and the first set
    /// only, and one belongs to neither.
    pub(crate) fn clear(&self, guest: GuestAddr) {
        let first = self.first(guest);
        if first.load(Ordering::Relaxed) as u32 == guest.0 {
            first.store(u64::from(guest.0 & (LOOKUP_ENTRIES - 1) == 0), Ordering::Release);
        }
        let empty = u64::from(guest.0.wrapping_mul(HASH) >> (32 - SET_BITS) == 0);
        for way in self.set(guest) {
            if way.load(Ordering::Relaxed) as u32 == guest.0 {
                way.store(empty, Ordering::Release);
            }
        }
    }

    /// Removes everything. Fresh (zero) memory must be cleared once before use.
    pub(crate) fn clear_all(&self) {
        for entry in self.entries() {
            // Untouched pages stay untouched.
            if entry.load(Ordering::Relaxed) != 0 {
                entry.store(0, Ordering::Relaxed);
            }
        }
        self.init();
    }

    /// Makes zero memory empty tables: a zero word would match guest address 0 where that is looked for.
    pub(crate) fn init(&self) {
        self.first(GuestAddr(0)).store(1, Ordering::Relaxed);
        for way in self.set(GuestAddr(0)) {
            way.store(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::exec_mem::ExecMem;
    use super::*;

    #[test]
    fn fill_clear_and_zero() {
        let memory = ExecMem::new(1 << 20).unwrap();
        let tables = memory.tables();
        tables.init();
        let all = [0, 1, 0x1_0000, 0x0804_8000, 0x0805_8000, 0xffff_ffff].map(GuestAddr);
        for guest in all {
            assert_eq!(tables.probe(guest), None, "{guest}");
            tables.fill(guest, guest.0 | 4);
            assert_eq!(tables.probe(guest), Some(guest.0 | 4), "{guest}");
            assert!(tables.set(guest).iter().any(|way| way.load(Ordering::Relaxed) as u32 == guest.0));
        }
        // The same low bits share a slot of the first table only.
        assert_eq!(tables.probe(GuestAddr(0x0804_8000)), None);
        for guest in all {
            tables.clear(guest);
            assert_eq!(tables.probe(guest), None, "{guest}");
            assert!(tables.set(guest).iter().all(|way| way.load(Ordering::Relaxed) as u32 != guest.0), "{guest}");
        }
        tables.fill(all[3], 8);
        tables.clear_all();
        assert!(all.iter().all(|guest| tables.probe(*guest).is_none()));
    }

    #[test]
    fn sets_push_out_the_oldest() {
        let memory = ExecMem::new(1 << 20).unwrap();
        let tables = memory.tables();
        tables.init();
        // Multiples of 2^20 collide in the first table; how they spread in the second does not matter: refilling one
        // entry never duplicates it.
        for round in 0..3 {
            for n in 1..40u32 {
                tables.fill(GuestAddr(n << 20), n + round);
            }
        }
        for n in 1..40u32 {
            let same = tables.set(GuestAddr(n << 20)).iter().filter(|w| w.load(Ordering::Relaxed) as u32 == n << 20);
            assert!(same.count() <= 1);
        }
    }
}
