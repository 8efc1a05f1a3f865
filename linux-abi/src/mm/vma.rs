//! What the guest has mapped, range by range, as it asked for it (the kernel's vm_area_struct).
use super::{pages, TASK_SIZE};
use crate::errno::Errno;
use ir::guest::{GuestAddr, GuestRange, PAGE_SIZE};
use std::collections::BTreeMap;

/// A page-aligned range inside the guest's window; may be empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageRange {
    start: u32,
    end: u32,
}

/// Rounds up to a whole page; `None` past 4 GiB.
pub fn page_align(len: u32) -> Option<u32> {
    len.checked_add(PAGE_SIZE - 1).map(|n| n & !(PAGE_SIZE - 1))
}

impl PageRange {
    /// `len` bytes from `start`, rounded up to whole pages: the one place where a guest's range is checked.
    ///
    /// `None` if the start is not page-aligned or the end is outside the window.
    pub fn new(start: u32, len: u32) -> Option<Self> {
        let end = start.checked_add(page_align(len)?)?;
        (start % PAGE_SIZE == 0 && end <= TASK_SIZE).then_some(Self { start, end })
    }

    /// The pages from `start` up to `end`, both page-aligned and inside the window.
    pub(super) fn between(start: u32, end: u32) -> Self {
        debug_assert!(start <= end && end <= TASK_SIZE && (start | end) % PAGE_SIZE == 0);
        Self { start, end }
    }

    /// The pages that a byte range touches, cut off at the end of the window.
    pub fn covering(range: GuestRange) -> Self {
        let start = (range.start.0 & !(PAGE_SIZE - 1)).min(TASK_SIZE);
        let end = range.end().next_multiple_of(u64::from(PAGE_SIZE)).min(u64::from(TASK_SIZE)) as u32;
        Self { start, end: end.max(start) }
    }

    /// First address.
    pub fn start(self) -> u32 {
        self.start
    }

    /// First address.
    pub fn start_addr(self) -> GuestAddr {
        GuestAddr(self.start)
    }

    /// One past the last address.
    pub fn end(self) -> u32 {
        self.end
    }

    /// Bytes.
    pub fn len(self) -> u32 {
        self.end - self.start
    }

    /// Whether there is no page in it.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether the two share a page.
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// What the two share.
    pub fn intersect(self, other: Self) -> Self {
        let start = self.start.max(other.start);
        Self { start, end: self.end.min(other.end).max(start) }
    }

    /// The smallest range that holds both.
    pub(super) fn join(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// Its pages, one by one.
    pub(super) fn pages(self) -> impl Iterator<Item = Self> {
        (self.start..self.end).step_by(PAGE_SIZE as usize).map(|start| Self { start, end: start + PAGE_SIZE })
    }

    /// As bytes.
    pub fn bytes(self) -> GuestRange {
        GuestRange::new(self.start_addr(), u64::from(self.len()))
    }
}

/// PROT_READ, PROT_WRITE, PROT_EXEC as the guest asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Prot(pub u32);

impl Prot {
    /// No access.
    pub const NONE: Self = Self(0);
    /// PROT_READ.
    pub const READ: Self = Self(1);
    /// PROT_READ | PROT_WRITE.
    pub const READ_WRITE: Self = Self(3);
    /// PROT_READ | PROT_EXEC.
    pub const READ_EXEC: Self = Self(5);
    /// Everything.
    pub const ALL: Self = Self(7);

    /// Whether the guest may write.
    pub fn writable(self) -> bool {
        self.0 & 2 != 0
    }

    /// Whether the guest may execute.
    pub fn executable(self) -> bool {
        self.0 & 4 != 0
    }

    /// What the host maps: code is read, and what can be written can be read (there is no write-only page on x86).
    pub(super) fn host(self, watched: bool) -> u32 {
        match self.0 & 7 {
            0 => 0,
            p if p & 2 != 0 && !watched => 3,
            _ => 1,
        }
    }

    /// As page flags of a private mapping.
    pub(super) fn page_flags(self) -> u8 {
        let all = [(1, pages::READ), (2, pages::WRITE), (4, pages::EXEC)];
        all.iter().filter(|(bit, _)| self.0 & bit != 0).fold(pages::MAPPED, |flags, (_, flag)| flags | flag)
    }
}

/// A file as the kernel knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileId {
    /// Device.
    pub dev: u64,
    /// Inode.
    pub ino: u64,
}

/// What is behind a mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backing {
    /// Zeros.
    Anonymous,
    /// A file from this offset on. The identity is kept for shared mappings only: other mappings may show the same page.
    File {
        /// Offset of the first byte.
        offset: u64,
        /// Which file, for shared mappings.
        id: Option<FileId>,
    },
    /// A System V segment attached at `base`.
    Shm {
        /// What shmat(2) answered.
        base: u32,
    },
    /// Not the guest's: found there when a place was wanted, or made by the host.
    Foreign,
}

/// The bracketed name in /proc/self/maps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum VmaName {
    /// None, or the file's path.
    #[default]
    None,
    /// `[heap]`.
    Heap,
    /// `[stack]`.
    Stack,
    /// `[vdso]`.
    Vdso,
    /// `[vvar]`.
    Vvar,
}

/// One mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Vma {
    /// Where.
    pub range: PageRange,
    /// What the guest may do.
    pub prot: Prot,
    /// MAP_SHARED.
    pub shared: bool,
    /// MAP_GROWSDOWN: a fault below extends it.
    pub grows_down: bool,
    /// What is behind it.
    pub backing: Backing,
    /// How it is called.
    pub name: VmaName,
}

impl Vma {
    /// The flags of its pages.
    pub(super) fn page_flags(&self) -> u8 {
        self.prot.page_flags() | if self.shared { pages::SHARED } else { 0 }
    }

    /// The part of it inside `range`.
    fn part(&self, range: PageRange) -> Self {
        let range = self.range.intersect(range);
        Self { range, backing: self.backing_at(range.start), ..*self }
    }

    /// What is behind the page at `addr`, at or above its start (also past its end, where it may grow to).
    pub(super) fn backing_at(&self, addr: u32) -> Backing {
        match self.backing {
            Backing::File { offset, id } => Backing::File { offset: offset + u64::from(addr - self.range.start), id },
            other => other,
        }
    }

    /// The two as one, if they touch and are alike (the kernel merges them as well).
    fn merged(&self, next: &Self) -> Option<Self> {
        let joined = Self { range: self.range.join(next.range), ..*self };
        let alike = self.range.end == next.range.start && joined.part(next.range) == *next;
        (alike && !self.grows_down).then_some(joined)
    }
}

/// Distance kept free below a mapping that grows down (stack_guard_gap).
pub const GUARD_GAP: u32 = 256 * PAGE_SIZE;

/// All mappings, by start address; they do not overlap.
#[derive(Debug, Default)]
pub struct VmaMap {
    by_start: BTreeMap<u32, Vma>,
}

impl VmaMap {
    /// The mapping that holds `addr`, unless it is foreign.
    pub fn find(&self, addr: u32) -> Option<&Vma> {
        let (_, vma) = self.by_start.range(..=addr).next_back()?;
        (addr < vma.range.end && vma.backing != Backing::Foreign).then_some(vma)
    }

    /// All mappings in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Vma> {
        self.by_start.values()
    }

    /// The guest's mappings inside `range`, cut to it, in order.
    pub fn parts(&self, range: PageRange) -> Vec<Vma> {
        self.overlapping(range).filter(|v| v.backing != Backing::Foreign).map(|v| v.part(range)).collect()
    }

    fn overlapping(&self, range: PageRange) -> impl Iterator<Item = &Vma> {
        let before = self.by_start.range(..range.start).next_back().map(|(_, v)| v);
        let inside = self.by_start.range(range.start..range.end).map(|(_, v)| v);
        before.into_iter().chain(inside).filter(move |v| v.range.overlaps(range))
    }

    /// Whether nothing at all is mapped in `range`.
    pub fn is_free(&self, range: PageRange) -> bool {
        self.overlapping(range).next().is_none()
    }

    /// Whether the guest has mapped every page of `range`.
    pub fn covers(&self, range: PageRange) -> bool {
        let parts = self.parts(range);
        let mapped: u64 = parts.iter().map(|v| u64::from(v.range.len())).sum();
        mapped == u64::from(range.len())
    }

    /// The parts of `range` where nothing is mapped, in order.
    pub fn holes(&self, range: PageRange) -> Vec<PageRange> {
        let mut holes = Vec::new();
        let mut at = range.start;
        for vma in self.overlapping(range) {
            if at < vma.range.start {
                holes.push(PageRange { start: at, end: vma.range.start });
            }
            at = vma.range.end;
        }
        if at < range.end {
            holes.push(PageRange { start: at, end: range.end });
        }
        holes
    }

    /// Takes out everything in `range`, cutting mappings at its ends.
    pub fn remove(&mut self, range: PageRange) {
        let touched: Vec<Vma> = self.overlapping(range).copied().collect();
        for vma in touched {
            self.by_start.remove(&vma.range.start);
            let below = PageRange { start: vma.range.start, end: range.start.max(vma.range.start) };
            let above = PageRange { start: range.end.min(vma.range.end), end: vma.range.end };
            for rest in [below, above].into_iter().filter(|r| !r.is_empty()) {
                self.by_start.insert(rest.start, vma.part(rest));
            }
        }
    }

    /// Puts a mapping in the place of whatever was there, merging it with its neighbours.
    pub fn insert(&mut self, mut vma: Vma) {
        self.remove(vma.range);
        if let Some(before) = self.by_start.range(..vma.range.start).next_back().map(|(_, v)| *v) {
            if let Some(joined) = before.merged(&vma) {
                self.by_start.remove(&before.range.start);
                vma = joined;
            }
        }
        if let Some(after) = self.by_start.get(&vma.range.end).copied() {
            if let Some(joined) = vma.merged(&after) {
                self.by_start.remove(&after.range.start);
                vma = joined;
            }
        }
        self.by_start.insert(vma.range.start, vma);
    }

    /// Forgets what the host had in `range`: it will be found again if it is still there.
    pub fn forget_foreign(&mut self, range: PageRange) {
        let foreign = |v: &&Vma| v.backing == Backing::Foreign;
        let found: Vec<PageRange> = self.overlapping(range).filter(foreign).map(|v| v.range).collect();
        found.into_iter().for_each(|range| self.remove(range));
    }

    /// Applies `change` to every part of the guest's mappings inside `range`.
    pub fn change(&mut self, range: PageRange, change: impl Fn(&mut Vma)) {
        for mut part in self.parts(range) {
            change(&mut part);
            self.insert(part);
        }
    }

    /// The highest free place for `len` bytes between `floor` and `ceiling`, aligned to `align` (a power of two).
    pub fn gap(&self, len: u32, align: u32, floor: u32, ceiling: u32) -> Result<PageRange, Errno> {
        let mut top = ceiling;
        let fits = |top: u32, bottom: u32| {
            let start = top.checked_sub(len)? & !(align - 1);
            (start >= bottom).then(|| PageRange::between(start, start + len))
        };
        for vma in self.by_start.range(..ceiling).rev().map(|(_, v)| v) {
            if vma.range.end < floor {
                break;
            }
            if let Some(found) = fits(top, vma.range.end.max(floor)) {
                return Ok(found);
            }
            let guard = if vma.grows_down { GUARD_GAP } else { 0 };
            top = top.min(vma.range.start.saturating_sub(guard));
        }
        fits(top, floor).ok_or(Errno(libc::ENOMEM))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u32, end: u32) -> PageRange {
        PageRange::between(start << 12, end << 12)
    }

    fn anon(start: u32, end: u32, prot: Prot) -> Vma {
        let range = range(start, end);
        Vma { range, prot, shared: false, grows_down: false, backing: Backing::Anonymous, name: VmaName::None }
    }

    fn shape(map: &VmaMap) -> Vec<(u32, u32, u32)> {
        map.iter().map(|v| (v.range.start >> 12, v.range.end >> 12, v.prot.0)).collect()
    }

    #[test]
    fn a_range_outside_the_window_is_no_range() {
        let cases = [(0x1000, 0x1000, true), (0xffff_d000, 0x1000, true), (0xffff_d000, 0x1001, false)];
        let more = [(0xffff_f000, 0x2000, false), (0x1001, 1, false), (0x1000, u32::MAX, false), (0, 0, true)];
        for (start, len, good) in cases.into_iter().chain(more) {
            assert_eq!(PageRange::new(start, len).is_some(), good, "{start:#x} {len:#x}");
        }
    }

    #[test]
    fn neighbours_merge_and_split() {
        let mut map = VmaMap::default();
        map.insert(anon(10, 20, Prot::READ));
        map.insert(anon(20, 30, Prot::READ));
        assert_eq!(shape(&map), [(10, 30, 1)]);
        map.change(range(14, 16), |v| v.prot = Prot::READ_WRITE);
        assert_eq!(shape(&map), [(10, 14, 1), (14, 16, 3), (16, 30, 1)]);
        map.change(range(12, 18), |v| v.prot = Prot::READ);
        assert_eq!(shape(&map), [(10, 30, 1)]);
        map.remove(range(0, 12));
        map.remove(range(20, 21));
        assert_eq!(shape(&map), [(12, 20, 1), (21, 30, 1)]);
        assert_eq!(map.holes(range(10, 40)), [range(10, 12), range(20, 21), range(30, 40)]);
        assert!(map.covers(range(13, 20)) && !map.covers(range(13, 22)));
    }

    #[test]
    fn file_offsets_follow_the_cut() {
        let mut map = VmaMap::default();
        let backing = Backing::File { offset: 0x5000, id: None };
        map.insert(Vma { backing, ..anon(10, 20, Prot::READ) });
        map.remove(range(12, 13));
        let offsets: Vec<_> = map.iter().map(|v| v.backing).collect();
        let at = |offset| Backing::File { offset, id: None };
        assert_eq!(offsets, [at(0x5000), at(0x8000)]);
    }

    #[test]
    fn gaps_are_found_top_down() {
        let mut map = VmaMap::default();
        map.insert(anon(50, 60, Prot::READ));
        map.insert(Vma { grows_down: true, ..anon(900, 910, Prot::READ) });
        let gap = |len: u32, align: u32, ceiling: u32| {
            map.gap(len << 12, align << 12, 16 << 12, ceiling << 12).map(|r| r.start >> 12).ok()
        };
        assert_eq!(gap(10, 1, 910), Some(634));
        assert_eq!(gap(10, 1, 60), Some(40));
        assert_eq!(gap(10, 16, 60), Some(32));
        assert_eq!(gap(34, 1, 60), Some(16));
        assert_eq!(gap(35, 1, 60), None);
    }
}
