//! Direct branches between regions: patched to go straight to their target while it exists, back to their own stub code
//! when it is gone.
//!
//! A site is one `b` or `bl` and is replaced by one `b` or `bl`, which threads may execute meanwhile (Arm ARM B2.2.5
//! "Concurrent modification and execution of instructions"). Sites with the same target form a list; it outlives the
//! target, so that the next code for that address is linked at once.
use super::code_cache::{Code, CodeCache, Target, Ways};
use super::exec_mem::{branch, CacheOffset};
use crate::codegen::LinkSite;
use ir::guest::GuestAddr;

/// The end of a list of sites.
pub(super) const NO_SITE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Site {
    at: CacheOffset,
    stub: CacheOffset,
    region: u32,
    next: u32,
    linked: bool,
    carry_direct: bool,
}

/// All link sites.
#[derive(Debug, Default)]
pub(super) struct Links {
    sites: Vec<Site>,
    /// Times a site was patched to its target, since the start.
    pub(super) patched: u64,
}

impl Links {
    /// Forgets all sites.
    pub(super) fn clear(&mut self) {
        self.sites.clear();
    }
}

impl CodeCache {
    /// Times a branch was patched to go to its target.
    pub(crate) fn links_patched(&self) -> u64 {
        self.links.patched
    }

    /// Adds the sites of a region at `start` that nobody executes yet; links those whose target exists.
    pub(super) fn add_links(&mut self, code: &Code, region: u32, start: CacheOffset, links: &[LinkSite]) {
        for link in links {
            let target = self.targets.entry(link.target).or_insert(Target::NONE);
            let index = self.links.sites.len() as u32;
            let (at, stub) = (start.plus(link.at.0), start.plus(link.stub.0));
            let carry_direct = link.carry_direct;
            let to = target.code.and_then(|code| code.for_site(carry_direct));
            self.links.sites.push(Site { at, stub, region, next: target.sites, linked: to.is_some(), carry_direct });
            target.sites = index;
            if let Some(to) = to {
                patch(code, at, to);
                self.links.patched += 1;
            }
        }
    }

    /// Links all sites that wait for `guest`, which has code now.
    pub(super) fn link_waiting(&mut self, code: &Code, guest: GuestAddr) {
        let Some(Target { code: Some(ways), sites, .. }) = self.targets.get(&guest).copied() else {
            return;
        };
        let mut next = sites;
        while next != NO_SITE {
            let site = self.links.sites[next as usize];
            // A dead region needs no fast way out, and one of its sites may be a closed entry point.
            let to = ways.for_site(site.carry_direct).filter(|_| !site.linked && self.is_live(site.region));
            if let Some(to) = to {
                patch(code, site.at, to);
                self.sync.wrote(code.memory.pc(site.at).0, 4);
                self.links.sites[next as usize].linked = true;
                self.links.patched += 1;
            }
            next = site.next;
        }
    }

    /// Patches every link to `guest` to go to `to` instead of where it goes.
    pub(super) fn relink(&mut self, code: &Code, guest: GuestAddr, to: Ways) {
        let mut next = self.targets.get(&guest).map_or(NO_SITE, |t| t.sites);
        while next != NO_SITE {
            let site = self.links.sites[next as usize];
            if site.linked && self.is_live(site.region) {
                let to = to.for_site(site.carry_direct);
                patch(code, site.at, to.unwrap_or(site.stub));
                self.sync.wrote(code.memory.pc(site.at).0, 4);
                self.links.sites[next as usize].linked = to.is_some();
            }
            next = site.next;
        }
    }

    /// Takes back all links to `guest`.
    pub(super) fn unlink_all(&mut self, code: &Code, guest: GuestAddr) {
        let mut next = self.targets.get(&guest).map_or(NO_SITE, |t| t.sites);
        while next != NO_SITE {
            let site = &mut self.links.sites[next as usize];
            if std::mem::take(&mut site.linked) {
                patch(code, site.at, site.stub);
                self.sync.wrote(code.memory.pc(site.at).0, 4);
            }
            next = site.next;
        }
    }
}

/// Makes the `b` or `bl` at `at` go to `to`.
fn patch(code: &Code, at: CacheOffset, to: CacheOffset) {
    code.memory.patch(at, branch(code.memory.read(at), code.memory.pc(at), code.memory.pc(to)));
}
