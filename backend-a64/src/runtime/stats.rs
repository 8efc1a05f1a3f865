//! What the engine counted: for `--stats` and for tests. Relaxed counters; a snapshot is not atomic as a whole.
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($name:ident $doc:literal),+ $(,)?) => {
        /// The counters while they count.
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: Counter),+ }

        /// A snapshot of the engine's counters.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Stats { $(#[doc = $doc] pub $name: u64),+ }

        impl Counters {
            pub(crate) fn snapshot(&self) -> Stats {
                let mut stats = Stats { $($name: self.$name.get()),+ };
                let Stats { link_exits, misses, traps, faults, polls, singles, hots, .. } = stats;
                // Not counted by itself: it is on the way of every system call.
                stats.entered = link_exits + misses + traps + faults + polls + singles + hots;
                stats
            }
        }

        impl Stats {
            /// Every counter: name, value, meaning.
            pub fn rows(&self) -> Vec<(&'static str, u64, &'static str)> {
                vec![$((stringify!($name), self.$name, $doc)),+]
            }
        }
    };
}

counters! {
    regions "regions compiled",
    insns "guest instructions in them",
    code_bytes "bytes of A64 code in them",
    hot_regions "regions among them that replaced cold ones",
    hot_insns "guest instructions in those",
    links "direct branches patched to their target",
    entered "times translated code was entered",
    link_exits "exits for a branch whose target was not compiled",
    misses "exits for an indirect branch that the lookup tables did not know",
    traps "exits for an event of an instruction",
    faults "exits for a memory fault",
    polls "exits at a loop back-edge",
    hots "exits for code that became hot",
    singles "instructions executed by the interpreter",
    executed "instructions executed one by one as they are seldom run",
    invalidated "regions invalidated",
    flushes "times all code was dropped",
}

/// One counter.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
