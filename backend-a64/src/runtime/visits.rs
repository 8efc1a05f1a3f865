//! How often control has come to addresses that are not translated. Different addresses may share a counter: then one of them
//! is translated earlier than it need be.
use super::mapping::Mapping;
use ir::guest::GuestAddr;
use std::io;
use std::sync::atomic::{AtomicU8, Ordering};

/// Number of counters, in memory that is touched as code is met: neighbours in code are neighbours here.
const COUNTERS: usize = 1 << 18;

/// The counters, and how far they count.
#[derive(Debug)]
pub(super) struct Visits {
    counters: Mapping,
    limit: u8,
}

impl Visits {
    /// Of every address that many visits are to be let through.
    pub(super) fn new(limit: u8) -> io::Result<Self> {
        Ok(Self { counters: Mapping::new(COUNTERS, libc::PROT_READ | libc::PROT_WRITE)?, limit })
    }

    /// Whether none are let through.
    pub(super) fn is_off(&self) -> bool {
        self.limit == 0
    }

    /// Whether another visit would be let through.
    pub(super) fn is_new(&self, guest: GuestAddr) -> bool {
        self.counter(guest).load(Ordering::Relaxed) < self.limit
    }

    /// Counts a visit; whether it is let through.
    pub(super) fn count(&self, guest: GuestAddr) -> bool {
        let counter = self.counter(guest);
        let seen = counter.load(Ordering::Relaxed);
        if seen < self.limit {
            counter.store(seen + 1, Ordering::Relaxed);
        }
        seen < self.limit
    }

    fn counter(&self, guest: GuestAddr) -> &AtomicU8 {
        let folded = guest.0 ^ guest.0 >> COUNTERS.trailing_zeros();
        let at = self.counters.base().wrapping_add(folded as usize % COUNTERS);
        // SAFETY: inside the mapping, which lives as long as `self` and is accessed as atomic bytes only.
        unsafe { AtomicU8::from_ptr(at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_are_let_through_up_to_the_limit() {
        let visits = Visits::new(2).unwrap();
        let at = GuestAddr(0xffff_8001);
        assert!(!visits.is_off() && visits.count(at) && visits.count(at));
        assert!(!visits.count(at) && !visits.is_new(at) && visits.is_new(GuestAddr(0xffff_8002)));
        let off = Visits::new(0).unwrap();
        assert!(off.is_off() && !off.count(at) && !off.is_new(at));
    }
}
