//! Whether bytes were invalidated while they were being compiled: compiling holds no lock, so it may lose that race.
use ir::guest::{GuestAddr, GuestRange};

/// How many invalidations are remembered; a compilation that takes longer is repeated.
const REMEMBERED: usize = 16;

/// The latest invalidated ranges.
#[derive(Debug)]
pub(crate) struct Invalidations {
    count: u64,
    ring: [GuestRange; REMEMBERED],
}

/// A moment: the number of invalidations before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket(u64);

impl Default for Invalidations {
    fn default() -> Self {
        Self { count: 0, ring: [GuestRange { start: GuestAddr(0), len: 0 }; REMEMBERED] }
    }
}

impl Invalidations {
    /// Now.
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket(self.count)
    }

    /// Notes an invalidation.
    pub(crate) fn add(&mut self, range: GuestRange) {
        self.ring[self.count as usize % REMEMBERED] = range;
        self.count += 1;
    }

    /// Whether any of `ranges` was invalidated after `ticket`, or might have been.
    pub(crate) fn any_since(&self, ticket: Ticket, ranges: &[GuestRange]) -> bool {
        if self.count - ticket.0 > REMEMBERED as u64 {
            return true;
        }
        (ticket.0..self.count).any(|n| {
            let gone = self.ring[n as usize % REMEMBERED];
            ranges.iter().any(|range| range.overlaps(gone))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_what_came_after_the_ticket() {
        let range = |start, len| GuestRange::new(GuestAddr(start), len);
        let mut log = Invalidations::default();
        log.add(range(0x1000, 0x1000));
        let ticket = log.ticket();
        assert!(!log.any_since(ticket, &[range(0x1000, 1)]));
        log.add(range(0x5000, 0x10));
        assert!(!log.any_since(ticket, &[range(0x4000, 0x1000), range(0x5010, 4)]));
        assert!(log.any_since(ticket, &[range(0x100, 1), range(0x500f, 4)]));
        for _ in 0..REMEMBERED {
            log.add(range(0x9000, 1));
        }
        assert!(log.any_since(ticket, &[range(0x100, 1)]));
    }
}
