//! Pages with translated code: write-protected on the host, so that no write to them goes unseen.
//!
//! A guest store, a copy of ferry's and a write of the kernel's must all give the page back first: the store by its fault
//! ([`AddressSpace::repair_write`]), the copy likewise, the kernel's because the system call's handler says beforehand
//! where the kernel will write ([`AddressSpace::unwatch_for_write`]). Pages of shared mappings are watched in every place
//! this process shows them.
//!
//! A page that is written again and again although there is code on it (data beside code, code that patches itself) would
//! cost a fault each time. After [`PATIENCE`] of them it becomes volatile: no longer watched, and its code translated so that
//! every block compares its own bytes ([`AddressSpace::volatility`]). The blocks of code in shared mappings do so as well, because
//! another process may write there.
use super::address_space::{lock, Effects, Layout};
use super::pages::{MAPPED, SHARED, VOLATILE, WATCHED, WRITE};
use super::vma::{Backing, PageRange, Prot, Vma};
use super::{host_map, AddressSpace};
use ir::guest::{GuestAddr, GuestRange, PAGE_SIZE};
use ir::CodeWatch;
use std::collections::HashMap;

/// Writes to a page with translated code after which it is watched no more. A page has room for about so many small
/// functions, so a program that generates code function by function does not get there.
const PATIENCE: u8 = 128;

/// How often pages were written while they were watched, by number.
#[derive(Debug, Default)]
pub(super) struct Watch {
    writes: HashMap<u32, u8>,
}

impl Watch {
    /// Something new is mapped in a range.
    pub(super) fn forget(&mut self, range: PageRange) {
        self.writes.retain(|page, _| !(range.start()..range.end()).contains(&(page * PAGE_SIZE)));
    }
}

/// How code in a range may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volatility {
    /// Not without notice.
    Watched,
    /// By another process.
    Shared,
    /// By any store.
    Volatile,
}

/// How a write fault that was not the guest's fault has been repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// The page held translated code; it is writable again and the code is gone.
    Unwatched,
    /// The host protected more than the guest; now it does not. Trying again is enough.
    Unprotected,
}

impl CodeWatch for AddressSpace {
    fn watch(&self, range: GuestRange) -> bool {
        let range = PageRange::covering(range);
        if self.pages.any(range, SHARED) {
            let layout = lock(&self.layout);
            let _leaf = lock(&self.watch);
            let places = layout.places(range);
            places.into_iter().all(|place| self.protect_watched(place))
        } else {
            let _leaf = lock(&self.watch);
            self.protect_watched(range)
        }
    }
}

impl AddressSpace {
    /// Marks pages and takes the host's write permission away. The watch lock is held. `false` if the host has no memory for
    /// another mapping: then the pages are volatile.
    fn protect_watched(&self, range: PageRange) -> bool {
        let mut watched = true;
        for (run, flags) in self.pages.runs(range, |f| f & (MAPPED | WRITE | WATCHED | VOLATILE)) {
            if flags & MAPPED == 0 || flags & (WATCHED | VOLATILE) != 0 {
                continue;
            }
            self.pages.update_all(run, WATCHED, 0);
            if flags & WRITE != 0 && host_map::protect(run, Prot::READ.0).is_err() {
                self.pages.update_all(run, VOLATILE, WATCHED);
                watched = false;
            }
        }
        watched
    }

    /// How code in a range may change.
    pub fn volatility(&self, range: GuestRange) -> Volatility {
        let range = PageRange::covering(range);
        if self.pages.any(range, VOLATILE) {
            Volatility::Volatile
        } else if self.pages.any(range, SHARED) {
            Volatility::Shared
        } else {
            Volatility::Watched
        }
    }

    /// Ends the watch of pages and gives those that the guest may write back to it; they are added to `stale`. A page whose
    /// writes have been too many becomes volatile.
    fn unprotect(&self, watch: &mut Watch, range: PageRange, stale: &mut Vec<PageRange>) {
        for (run, flags) in self.pages.runs(range, |f| f & (WATCHED | WRITE)) {
            if flags & WATCHED == 0 {
                continue;
            }
            self.pages.update_all(run, 0, WATCHED);
            for page in run.pages() {
                let writes = watch.writes.entry(page.start() / PAGE_SIZE).or_default();
                *writes = writes.saturating_add(1);
                if *writes > PATIENCE {
                    self.pages.update_all(page, VOLATILE, 0);
                }
            }
            if flags & WRITE != 0 {
                // Cannot fail for lack of memory: it undoes a split.
                let _ = host_map::protect(run, Prot::READ_WRITE.0);
            }
            stale.push(run);
        }
    }

    /// Before the kernel or ferry writes into `range`: translations of the watched pages in it are dropped.
    ///
    /// Cheap if there is none. A page that gets watched while a call is under way makes that call answer EFAULT; see
    /// [`Self::retry_watched`].
    pub fn unwatch_for_write(&self, range: GuestRange) {
        let range = PageRange::covering(range);
        if self.pages.any(range, WATCHED) {
            self.unwatch(range);
        }
    }

    fn unwatch(&self, range: PageRange) {
        let mut effects = Effects::default();
        {
            let layout = lock(&self.layout);
            let mut watch = lock(&self.watch);
            for place in layout.places(range) {
                self.unprotect(&mut watch, place, &mut effects.stale);
            }
        }
        self.tell(&effects);
    }

    /// Runs a system call that writes to `range`, again if it met a page that got watched meanwhile.
    pub fn retry_watched<T>(
        &self,
        range: GuestRange,
        mut call: impl FnMut() -> Result<T, crate::Errno>,
    ) -> Result<T, crate::Errno> {
        loop {
            self.unwatch_for_write(range);
            match call() {
                Err(crate::Errno::EFAULT) if self.pages.any(PageRange::covering(range), WATCHED) => {}
                result => return result,
            }
        }
    }

    /// Repairs a write fault at `addr` if the guest may write there; `None` if the fault is the guest's.
    pub fn repair_write(&self, addr: GuestAddr) -> Option<Repair> {
        let flags = self.pages.get(addr);
        if flags & WRITE == 0 {
            return None;
        }
        let page = PageRange::covering(GuestRange::new(addr, 1));
        if flags & WATCHED != 0 {
            self.unwatch(page);
            return Some(Repair::Unwatched);
        }
        let _leaf = lock(&self.watch);
        let still = self.pages.get(addr) & (WRITE | WATCHED) == WRITE;
        let repaired = !still || host_map::protect(page, Prot::READ_WRITE.0).is_ok();
        repaired.then_some(Repair::Unprotected)
    }

    /// A new shared mapping of a file whose pages are watched elsewhere: watch them here as well.
    pub(super) fn watch_aliases(&self, layout: &Layout, vma: &Vma) {
        let _leaf = lock(&self.watch);
        for place in layout.aliases(vma) {
            for (run, watched) in self.pages.runs(place.there, |f| f & WATCHED != 0) {
                if watched {
                    let shift = run.start() - place.there.start();
                    let start = place.here.start() + shift;
                    // Code from shared pages looks itself in any case.
                    let _ = self.protect_watched(PageRange::between(start, start + run.len()));
                }
            }
        }
    }
}

/// The same pages of a file in two places.
struct Alias {
    here: PageRange,
    there: PageRange,
}

impl Layout {
    /// `range` itself and every other place that shows the same shared pages.
    fn places(&self, range: PageRange) -> Vec<PageRange> {
        let mut places = vec![range];
        for part in self.vmas.parts(range).iter().filter(|v| v.shared) {
            places.extend(self.aliases(part).iter().map(|alias| alias.there));
        }
        places
    }

    /// Other shared mappings of what `vma` shows.
    fn aliases(&self, vma: &Vma) -> Vec<Alias> {
        let Backing::File { offset, id: Some(id) } = vma.backing else { return Vec::new() };
        let mut found = Vec::new();
        for other in self.vmas.iter().filter(|o| o.shared && o.range != vma.range) {
            let Backing::File { offset: base, id: same } = other.backing else { continue };
            let from = offset.max(base);
            let to = (offset + u64::from(vma.range.len())).min(base + u64::from(other.range.len()));
            if same == Some(id) && from < to {
                let at = |r: PageRange, o: u64| {
                    let start = r.start() + (from - o) as u32;
                    PageRange::between(start, start + (to - from) as u32)
                };
                found.push(Alias { here: at(vma.range, offset), there: at(other.range, base) });
            }
        }
        found
    }
}
