//! All translated code: regions by guest address and by guest page, allocation, invalidation.
//!
//! Code is allocated upwards and never moved. An invalidated region stays where it is, because a thread may still be in it
//! and shadow stacks may still point into it, but every way in is closed: lookup entries cleared, links taken back, its
//! entry points turned into branches to a miss (`link`). When the memory is full everything is flushed at once.
//!
//! Records live in a few flat vectors that a flush empties; nothing is allocated per region but their growth.
use super::exec_mem::{branch, CacheOffset, ExecMem, B};
use super::icache;
use super::invalidations::Invalidations;
use super::link::{Links, NO_SITE};
use super::lookup::Tables;
use super::pc_map::{PcMaps, MIN_REGION};
use super::trampoline::{assemble, Stubs};
use crate::codegen::{CompiledRegion, Stub};
use hashbrown::HashMap;
use ir::guest::{GuestAddr, GuestRange, PAGE_SIZE};
use std::io;
use std::ops::RangeInclusive;

/// What threads read without a lock: the memory itself, the tables, the pc maps.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) memory: ExecMem,
    pub(crate) tables: Tables,
    pub(crate) stubs: Stubs,
    pub(crate) maps: PcMaps,
}

impl Code {
    /// Reserves the memory and writes the stubs.
    pub(crate) fn new(code_len: usize) -> io::Result<Self> {
        let memory = ExecMem::new(code_len)?;
        let (bytes, stubs) = assemble(memory.stubs());
        memory.write_stubs(&bytes);
        let mut sync = icache::Sync::new();
        sync.wrote(memory.stubs().0, bytes.len());
        sync.finish();
        let tables = memory.tables();
        tables.init();
        let maps = PcMaps::new(memory.code_len())?;
        Ok(Self { memory, tables, stubs, maps })
    }

    /// The host pc of the code for `guest` if the first lookup table has it.
    pub(crate) fn probe(&self, guest: GuestAddr) -> Option<super::HostPc> {
        let offset = self.tables.probe(guest)?;
        Some(super::HostPc(self.tables.base() + u64::from(offset)))
    }
}

/// There is no room left: flush and try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// Bytes of the code that a dead entry point is turned into a branch to: the guest address into w16, a branch.
const ENTRY_TRAP: u32 = 12;
/// Alignment of a region's code.
const ALIGN: u32 = MIN_REGION;
const NONE: u32 = u32::MAX;

/// The ways into the code for a guest address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ways {
    /// With the canonical flags.
    pub(super) at: CacheOffset,
    /// With the guest's CF itself in C.
    pub(super) direct: Option<CacheOffset>,
}

impl Ways {
    /// Where a link site of either kind goes.
    pub(super) fn for_site(self, carry_direct: bool) -> Option<CacheOffset> {
        if carry_direct {
            self.direct
        } else {
            Some(self.at)
        }
    }
}

/// What is known about a guest address: the code for it, and who wants to branch there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) code: Option<Ways>,
    /// Whether the code is there to stay.
    hot: bool,
    /// Head of the list of link sites with this target.
    pub(super) sites: u32,
}

impl Target {
    /// Nobody knows anything about it.
    pub(super) const NONE: Self = Self { code: None, hot: false, sites: NO_SITE };
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    guest: GuestAddr,
    at: CacheOffset,
}

/// Slices of the flat vectors that belong to one region.
#[derive(Clone, Copy, Debug)]
struct Region {
    live: bool,
    entries: (u32, u32),
    ranges: (u32, u32),
}

#[derive(Clone, Copy, Debug)]
struct PageRef {
    region: u32,
    next: u32,
}

/// Numbers of the guest pages of a range that is not empty.
fn pages_of(range: GuestRange) -> RangeInclusive<u32> {
    range.start.0 / PAGE_SIZE..=(range.end().saturating_sub(1) / u64::from(PAGE_SIZE)) as u32
}

/// The records of all regions.
#[derive(Debug)]
pub(crate) struct CodeCache {
    cursor: u32,
    /// Bytes kept for the entry traps of live regions, so that invalidation never runs out of room.
    reserved: u32,
    regions: Vec<Region>,
    entries: Vec<Entry>,
    ranges: Vec<GuestRange>,
    page_refs: Vec<PageRef>,
    /// Head of the list of regions that have bytes in a guest page.
    pages: HashMap<u32, u32>,
    pub(super) targets: HashMap<GuestAddr, Target>,
    pub(super) links: Links,
    pub(super) sync: icache::Sync,
    /// What was invalidated lately.
    pub(crate) invalidations: Invalidations,
}

impl CodeCache {
    /// No regions.
    pub(crate) fn new() -> Self {
        Self {
            cursor: 0,
            reserved: 0,
            regions: Vec::new(),
            entries: Vec::new(),
            ranges: Vec::new(),
            page_refs: Vec::new(),
            pages: HashMap::new(),
            targets: HashMap::new(),
            links: Links::default(),
            sync: icache::Sync::new(),
            invalidations: Invalidations::default(),
        }
    }

    /// Whether all pages of these bytes have code of regions already.
    pub(crate) fn has_pages(&self, ranges: &[GuestRange]) -> bool {
        ranges.iter().all(|range| pages_of(*range).all(|page| self.pages.contains_key(&page)))
    }

    /// The code for a guest address; if `hot`, only code that is there to stay.
    pub(crate) fn find(&self, guest: GuestAddr, hot: bool) -> Option<CacheOffset> {
        let target = self.targets.get(&guest)?;
        target.code.filter(|_| target.hot || !hot).map(|code| code.at)
    }

    /// Places a region, links it in both directions, and gives the address of its code. If `hot`, its entries take the
    /// place of cold code.
    pub(crate) fn install(&mut self, code: &Code, compiled: &CompiledRegion, hot: bool) -> Result<CacheOffset, Full> {
        let start = self.place(code, compiled)?;
        let region = self.regions.len() as u32;
        let first_entry = self.entries.len() as u32;
        let mut replaced = Vec::new();
        for entry in &compiled.entries {
            let at = start.plus(entry.at.0);
            self.entries.push(Entry { guest: entry.guest, at });
            let ways = Ways { at, direct: entry.direct.map(|d| start.plus(d.0)) };
            let target = self.targets.entry(entry.guest).or_insert(Target::NONE);
            // The first code of its heat for an address stays; another region's return point serves as well.
            match target.code {
                Some(_) if target.hot || !hot => continue,
                Some(old) => replaced.push((entry.guest, old.at, ways)),
                None => {}
            }
            (target.code, target.hot) = (Some(ways), hot);
        }
        let first_range = self.ranges.len() as u32;
        self.ranges.extend_from_slice(&compiled.ranges);
        self.regions.push(Region {
            live: true,
            entries: (first_entry, self.entries.len() as u32),
            ranges: (first_range, self.ranges.len() as u32),
        });
        self.add_pages(region, &compiled.ranges);
        self.add_links(code, region, start, &compiled.links);
        self.sync.wrote(code.memory.pc(start).0, compiled.code.len());
        self.sync.finish();
        for entry in &compiled.entries {
            self.link_waiting(code, entry.guest);
        }
        for (guest, old, new) in replaced {
            self.redirect(code, guest, old, new);
        }
        self.sync.finish();
        Ok(start.plus(compiled.entries[0].at.0))
    }

    /// Allocates and writes the code, its branches to stubs resolved; registers its pc map.
    fn place(&mut self, code: &Code, compiled: &CompiledRegion) -> Result<CacheOffset, Full> {
        let len = (compiled.code.len() as u32).next_multiple_of(ALIGN);
        let traps = compiled.entries.len() as u32 * ENTRY_TRAP;
        if u64::from(self.cursor) + u64::from(self.reserved) + u64::from(len + traps)
            > u64::from(code.memory.code_len())
        {
            return Err(Full);
        }
        let start = CacheOffset(self.cursor);
        if !code.maps.push(start, compiled.entries[0].guest, &compiled.pc_map) {
            return Err(Full);
        }
        self.cursor += len;
        self.reserved += traps;
        code.memory.write(start, &compiled.code);
        for reloc in &compiled.relocs {
            let at = start.plus(reloc.at.0);
            let word = branch(code.memory.read(at), code.memory.pc(at), code.stubs.stub(reloc.stub));
            code.memory.patch(at, word);
        }
        Ok(start)
    }

    /// Makes everybody who goes to `old` go to `new`, the other code for `guest`.
    fn redirect(&mut self, code: &Code, guest: GuestAddr, old: CacheOffset, ways: Ways) {
        let new = ways.at;
        self.relink(code, guest, ways);
        code.tables.fill(guest, code.memory.table_offset(new));
        // The shadow stack and regions that have the old code inside come by here.
        code.memory.patch(old, branch(B, code.memory.pc(old), code.memory.pc(new)));
        self.sync.wrote(code.memory.pc(old).0, 4);
    }

    fn add_pages(&mut self, region: u32, ranges: &[GuestRange]) {
        let mut last = None;
        for range in ranges.iter().filter(|r| r.len > 0) {
            for page in pages_of(*range) {
                // Ranges are sorted, so a page comes twice only in a row.
                if last == Some(page) {
                    continue;
                }
                last = Some(page);
                let head = self.pages.entry(page).or_insert(NONE);
                self.page_refs.push(PageRef { region, next: *head });
                *head = self.page_refs.len() as u32 - 1;
            }
        }
    }

    /// Whether a link site's region is live.
    pub(super) fn is_live(&self, region: u32) -> bool {
        self.regions[region as usize].live
    }

    /// Closes all ways into regions made from any of these bytes; how many there were.
    pub(crate) fn invalidate(&mut self, code: &Code, range: GuestRange) -> u32 {
        self.invalidations.add(range);
        if range.len == 0 || self.pages.is_empty() {
            return 0;
        }
        let wanted = pages_of(range);
        // A large range is looked up from the other side.
        let pages: Vec<u32> = if (wanted.end() - wanted.start()) as usize >= self.pages.len() {
            self.pages.keys().copied().filter(|page| wanted.contains(page)).collect()
        } else {
            wanted.filter(|page| self.pages.contains_key(page)).collect()
        };
        let dead = pages.into_iter().map(|page| self.invalidate_page(code, page, range)).sum();
        self.sync.finish();
        dead
    }

    fn invalidate_page(&mut self, code: &Code, page: u32, range: GuestRange) -> u32 {
        let Some(mut next) = self.pages.remove(&page) else {
            return 0;
        };
        let (mut kept, mut dead) = (NONE, 0);
        while next != NONE {
            let this = next;
            let PageRef { region, next: after } = self.page_refs[this as usize];
            next = after;
            if !self.is_live(region) {
                continue;
            }
            let (from, to) = self.regions[region as usize].ranges;
            if self.ranges[from as usize..to as usize].iter().any(|r| r.overlaps(range)) {
                self.kill(code, region);
                dead += 1;
            } else {
                self.page_refs[this as usize].next = kept;
                kept = this;
            }
        }
        if kept != NONE {
            self.pages.insert(page, kept);
        }
        dead
    }

    fn kill(&mut self, code: &Code, region: u32) {
        self.regions[region as usize].live = false;
        let (from, to) = self.regions[region as usize].entries;
        for index in from..to {
            let Entry { guest, at } = self.entries[index as usize];
            let target = self.targets.get_mut(&guest).expect("every entry has a target");
            if target.code.is_some_and(|code| code.at == at) {
                target.code = None;
                code.tables.clear(guest);
                self.unlink_all(code, guest);
            }
            self.close_entry(code, guest, at);
        }
    }

    /// Turns a dead entry point into a branch to a miss for the same guest address: threads that are in the region, and
    /// returns through the shadow stack, may still come by.
    fn close_entry(&mut self, code: &Code, guest: GuestAddr, at: CacheOffset) {
        let trap = CacheOffset(self.cursor);
        self.cursor += ENTRY_TRAP;
        self.reserved -= ENTRY_TRAP;
        let branch_at = trap.plus(8);
        let (low, high) = (guest.0 & 0xffff, guest.0 >> 16);
        // movz w16, #low; movk w16, #high, lsl 16; b miss
        code.memory.patch(trap, 0x5280_0010 | low << 5);
        code.memory.patch(trap.plus(4), 0x72a0_0010 | high << 5);
        code.memory.patch(branch_at, branch(B, code.memory.pc(branch_at), code.stubs.stub(Stub::Miss)));
        self.sync.wrote(code.memory.pc(trap).0, ENTRY_TRAP as usize);
        self.sync.finish();
        code.memory.patch(at, branch(B, code.memory.pc(at), code.memory.pc(trap)));
        self.sync.wrote(code.memory.pc(at).0, 4);
    }

    /// Forgets everything and gives the memory back. No thread may be in translated code, and all shadow stacks must be
    /// cleared before one enters it again.
    pub(crate) fn flush(&mut self, code: &Code) {
        code.tables.clear_all();
        code.maps.clear();
        code.memory.discard_code(self.cursor);
        code.memory.clear_counters();
        self.cursor = 0;
        self.reserved = 0;
        self.regions.clear();
        self.entries.clear();
        self.ranges.clear();
        self.page_refs.clear();
        self.pages.clear();
        self.targets.clear();
        self.links.clear();
    }
}
