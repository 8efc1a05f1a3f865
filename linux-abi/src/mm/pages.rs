//! One byte of flags per guest page, readable from any thread and from signal handlers.
use super::vma::PageRange;
use ir::guest::{GuestAddr, PAGE_SIZE};
use std::sync::atomic::{AtomicU8, Ordering};

/// The guest may read.
pub const READ: u8 = 1;
/// The guest may write (and, as on x86, read).
pub const WRITE: u8 = 2;
/// The guest may execute.
pub const EXEC: u8 = 4;
/// Something of the guest's is mapped.
pub const MAPPED: u8 = 8;
/// Code on it is translated: the host page is write-protected whatever the guest may do.
pub const WATCHED: u8 = 16;
/// MAP_SHARED: other mappings may show the same page.
pub const SHARED: u8 = 32;

/// Code on it is written so often that its translations look for changes themselves: it is not watched.
pub const VOLATILE: u8 = 64;
/// Translations may have been made from it.
pub const TRANSLATED: u8 = WATCHED | VOLATILE;

/// Pages in 4 GiB.
const PAGES: usize = 1 << 20;

/// The flags of every page.
pub struct PageTable {
    flags: Box<[AtomicU8]>,
}

impl std::fmt::Debug for PageTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PageTable").finish_non_exhaustive()
    }
}

impl PageTable {
    /// A table of unmapped pages; its memory is only used where something is mapped.
    pub fn new() -> Self {
        // Zeroed from the allocator: the kernel gives the pages on first use.
        let zeros = Box::into_raw(vec![0u8; PAGES].into_boxed_slice());
        // SAFETY: AtomicU8 has the size, alignment and bit validity of u8.
        Self { flags: unsafe { Box::from_raw(zeros as *mut [AtomicU8]) } }
    }

    /// The flags of the page that holds `addr`.
    pub fn get(&self, addr: GuestAddr) -> u8 {
        self.flags[(addr.0 / PAGE_SIZE) as usize].load(Ordering::Acquire)
    }

    fn slice(&self, range: PageRange) -> &[AtomicU8] {
        &self.flags[(range.start() / PAGE_SIZE) as usize..(range.end() / PAGE_SIZE) as usize]
    }

    /// Sets the flags of a range; whether any of its pages may have translations.
    pub fn set(&self, range: PageRange, flags: u8) -> bool {
        let mut before = 0;
        for page in self.slice(range) {
            before |= page.load(Ordering::Relaxed);
            page.store(flags, Ordering::Release);
        }
        before & TRANSLATED != 0
    }

    /// Adds and removes flags of every page of a range.
    pub fn update_all(&self, range: PageRange, add: u8, remove: u8) {
        for page in self.slice(range) {
            let before = page.load(Ordering::Relaxed);
            page.store(before & !remove | add, Ordering::Release);
        }
    }

    /// Whether any page of the range has one of the flags.
    pub fn any(&self, range: PageRange, flags: u8) -> bool {
        self.slice(range).iter().any(|page| page.load(Ordering::Acquire) & flags != 0)
    }

    /// Cuts the range into runs of pages for which `key` is the same.
    pub fn runs<K: PartialEq>(&self, range: PageRange, key: impl Fn(u8) -> K) -> Vec<(PageRange, K)> {
        let mut runs: Vec<(PageRange, K)> = Vec::new();
        for page in range.pages() {
            let k = key(self.get(page.start_addr()));
            match runs.last_mut() {
                Some((run, last)) if *last == k => *run = run.join(page),
                _ => runs.push((page, k)),
            }
        }
        runs
    }
}

impl Default for PageTable {
    fn default() -> Self {
        Self::new()
    }
}
