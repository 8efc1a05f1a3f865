//! How often control has come to addresses that are not translated. Different addresses may share a counter: then one of them
//! is translated earlier than it need be.
use ir::guest::GuestAddr;
use std::sync::atomic::{AtomicU8, Ordering};

/// Number of counters: some times the blocks of a program's start.
const COUNTERS: usize = 1 << 13;
/// Multiplicative hash (the golden ratio).
const HASH: u32 = 0x9e37_79b1;

/// The counters, and how far they count.
#[derive(Debug)]
pub(super) struct Visits {
    counters: Box<[AtomicU8]>,
    limit: u8,
}

impl Visits {
    /// Of every address that many visits are to be let through.
    pub(super) fn new(limit: u8) -> Self {
        let counters = (0..if limit == 0 { 0 } else { COUNTERS }).map(|_| AtomicU8::new(0)).collect();
        Self { counters, limit }
    }

    /// Whether none are let through.
    pub(super) fn is_off(&self) -> bool {
        self.limit == 0
    }

    /// Whether another visit would be let through.
    pub(super) fn is_new(&self, guest: GuestAddr) -> bool {
        self.counter(guest).is_some_and(|counter| counter.load(Ordering::Relaxed) < self.limit)
    }

    fn counter(&self, guest: GuestAddr) -> Option<&AtomicU8> {
        self.counters.get((guest.0.wrapping_mul(HASH) >> (32 - COUNTERS.trailing_zeros())) as usize)
    }

    /// Counts a visit; whether it is let through.
    pub(super) fn count(&self, guest: GuestAddr) -> bool {
        let Some(counter) = self.counter(guest) else { return false };
        let seen = counter.load(Ordering::Relaxed);
        if seen < self.limit {
            counter.store(seen + 1, Ordering::Relaxed);
        }
        seen < self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_are_let_through_up_to_the_limit() {
        let visits = Visits::new(2);
        let at = GuestAddr(0x0804_8000);
        assert!(!visits.is_off() && visits.count(at) && visits.is_new(at) && visits.count(at) && !visits.is_new(at));
        assert!(!visits.count(at) && !visits.count(at) && visits.count(GuestAddr(0x0804_8001)));
        assert!(Visits::new(0).is_off() && !Visits::new(0).count(at));
    }
}
