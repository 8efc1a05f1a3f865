//! mremap(2), remap_file_pages(2).
use super::address_space::{Effects, Layout};
use super::host_map::{self, HostMap};
use super::vma::{page_align, Backing, PageRange, Vma};
use super::{AddressSpace, TASK_SIZE};
use crate::errno::Errno;
use crate::host;
use ir::guest::{GuestAddr, PAGE_SIZE};

/// MREMAP_MAYMOVE.
const MAYMOVE: u32 = 1;
/// MREMAP_FIXED.
const FIXED: u32 = 2;
/// MREMAP_DONTUNMAP.
const DONTUNMAP: u32 = 4;

/// The arguments of mremap(2).
#[derive(Clone, Copy, Debug)]
pub struct MremapRequest {
    /// The old address.
    pub addr: u32,
    /// The old size; 0 duplicates a shared mapping.
    pub old_len: u32,
    /// The new size.
    pub new_len: u32,
    /// MREMAP_*.
    pub flags: u32,
    /// With MREMAP_FIXED, where to; with MREMAP_DONTUNMAP a hint.
    pub new_addr: u32,
}

impl MremapRequest {
    fn check(&self) -> Result<(PageRange, u32), Errno> {
        let einval = Errno(libc::EINVAL);
        let maymove = self.flags & MAYMOVE != 0;
        if self.flags & !(MAYMOVE | FIXED | DONTUNMAP) != 0 || self.flags & (FIXED | DONTUNMAP) != 0 && !maymove {
            return Err(einval);
        }
        let (old_len, new_len) = (page_align(self.old_len), page_align(self.new_len));
        let (Some(old_len), Some(new_len)) = (old_len, new_len) else { return Err(einval) };
        if new_len == 0 || self.flags & DONTUNMAP != 0 && old_len != new_len {
            return Err(einval);
        }
        if self.addr % PAGE_SIZE != 0 {
            return Err(einval);
        }
        let old = PageRange::new(self.addr, old_len).ok_or(Errno(libc::EFAULT))?;
        Ok((old, new_len))
    }
}

impl AddressSpace {
    /// mremap(2). The new address.
    pub fn mremap(&self, request: MremapRequest) -> Result<GuestAddr, Errno> {
        let (old, new_len) = request.check()?;
        // The host can move one mapping at a time: watched pages would have split it.
        self.unwatch_for_write(old.bytes());
        self.change(|layout, effects| {
            let move_it = Move { request, old, new_len };
            if request.flags & FIXED != 0 {
                return move_it.to_fixed(self, layout, effects);
            }
            if new_len <= old.len() && request.flags & DONTUNMAP == 0 {
                let tail = PageRange::between(old.start() + new_len, old.end());
                layout.source(old.start(), new_len)?;
                self.unmap(layout, effects, tail)?;
                return Ok(old.start_addr());
            }
            let vma = layout.source(old.start(), old.len())?;
            if !old.is_empty() && request.flags & DONTUNMAP == 0 && self.grow_in_place(layout, effects, vma, &move_it) {
                return Ok(old.start_addr());
            }
            if request.flags & MAYMOVE == 0 {
                return Err(Errno(libc::ENOMEM));
            }
            let to = layout.choose(new_len, PAGE_SIZE)?;
            move_it.go(self, layout, effects, vma, to)
        })
    }

    fn grow_in_place(&self, layout: &mut Layout, effects: &mut Effects, vma: Vma, grow: &Move) -> bool {
        let end = u64::from(grow.old.start()) + u64::from(grow.new_len);
        if vma.range.end() != grow.old.end() || end > u64::from(TASK_SIZE) {
            return false;
        }
        let added = PageRange::between(grow.old.end(), end as u32);
        if !layout.vmas.is_free(added) {
            return false;
        }
        let host = || host_map::on(libc::SYS_mremap, grow.old, [u64::from(grow.new_len), 0, 0, 0]).map(drop);
        let tail = Vma { range: added, backing: vma.backing_at(added.start()), ..vma };
        self.install(layout, effects, tail, host).is_ok()
    }

    /// remap_file_pages(2): shows other pages of the same file in `addr..addr + len`.
    pub fn remap_file_pages(&self, addr: u32, len: u32, prot: u32, pgoff: u32, flags: u32) -> Result<(), Errno> {
        let start = addr & !(PAGE_SIZE - 1);
        let range = Self::range(start, len & !(PAGE_SIZE - 1), libc::EINVAL)?;
        if prot != 0 || range.is_empty() {
            return Err(Errno(libc::EINVAL));
        }
        self.unwatch_for_write(range.bytes());
        self.change(|layout, effects| {
            let vma = layout.vmas.find(start).copied().filter(|v| v.shared).ok_or(Errno(libc::EINVAL))?;
            let Backing::File { id, .. } = vma.backing else { return Err(Errno(libc::EINVAL)) };
            let backing = Backing::File { offset: u64::from(pgoff) * u64::from(PAGE_SIZE), id };
            let rest = [0, u64::from(pgoff), u64::from(flags), 0];
            let host = || host_map::on(libc::SYS_remap_file_pages, range, rest).map(drop);
            self.install(layout, effects, Vma { range, backing, ..vma }, host)
        })
    }
}

/// A checked mremap.
struct Move {
    request: MremapRequest,
    old: PageRange,
    new_len: u32,
}

impl Move {
    fn to_fixed(&self, mm: &AddressSpace, layout: &mut Layout, effects: &mut Effects) -> Result<GuestAddr, Errno> {
        let einval = Errno(libc::EINVAL);
        if self.request.new_addr % PAGE_SIZE != 0 {
            return Err(einval);
        }
        let to = PageRange::new(self.request.new_addr, self.new_len).ok_or(einval)?;
        if to.overlaps(self.old) {
            return Err(einval);
        }
        let kept = self.old.len().min(self.new_len);
        if self.request.flags & DONTUNMAP == 0 && kept < self.old.len() {
            mm.unmap(layout, effects, PageRange::between(self.old.start() + kept, self.old.end()))?;
        }
        let vma = layout.source(self.old.start(), kept)?;
        mm.unmap(layout, effects, to)?;
        layout.vmas.forget_foreign(to);
        self.go(mm, layout, effects, vma, to)
    }

    /// Moves to `to`, which is free as far as the guest is concerned.
    fn go(
        &self,
        mm: &AddressSpace,
        layout: &mut Layout,
        effects: &mut Effects,
        vma: Vma,
        to: PageRange,
    ) -> Result<GuestAddr, Errno> {
        // Hold the place first: the host's MREMAP_FIXED would unmap whatever is there.
        HostMap::placeholder(to).if_free().map_err(|_| Errno(libc::ENOMEM))?;
        let old = PageRange::between(self.old.start(), self.old.start() + self.old.len().min(self.new_len));
        let flags = u64::from(self.request.flags | MAYMOVE | FIXED);
        let moved = Vma { range: to, backing: vma.backing_at(old.start()), ..vma };
        let args =
            [u64::from(old.start()), u64::from(old.len()), u64::from(self.new_len), flags, u64::from(to.start()), 0];
        let host = || host::syscall(libc::SYS_mremap, args).map(drop);
        if let Err(errno) = mm.install(layout, effects, moved, host) {
            let _ = host_map::unmap(to);
            return Err(errno);
        }
        if self.request.flags & DONTUNMAP == 0 && !old.is_empty() {
            let _leaf = super::address_space::lock(&mm.watch);
            mm.pages.set(old, 0);
            layout.vmas.remove(old);
        }
        Ok(to.start_addr())
    }
}

impl Layout {
    /// The one mapping that holds `start..start + len`; EFAULT as Linux says if there is none.
    fn source(&self, start: u32, len: u32) -> Result<Vma, Errno> {
        let vma = self.vmas.find(start).copied().ok_or(Errno(libc::EFAULT))?;
        if u64::from(start) + u64::from(len) > u64::from(vma.range.end()) {
            return Err(Errno(libc::EFAULT));
        }
        match len {
            0 if !vma.shared => Err(Errno(libc::EINVAL)),
            _ => Ok(vma),
        }
    }
}
