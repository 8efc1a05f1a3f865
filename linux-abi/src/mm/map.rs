//! mmap(2), munmap(2): places below 4 GiB, chosen here because a 64-bit kernel would choose high ones.
use super::address_space::{random_bits, stack_limit, Effects, Layout, LOWEST_CHOICE};
use super::host_map::{self, HostMap};
use super::vma::{page_align, Backing, FileId, PageRange, Prot, Vma, VmaName, GUARD_GAP};
use super::{AddressSpace, TASK_SIZE};
use crate::errno::Errno;
use crate::host;
use ir::guest::{GuestAddr, PAGE_SIZE};

/// MAP_* of the i386 ABI that are handled here; all others have the same values on the host and are passed on.
pub mod flag {
    /// MAP_SHARED; MAP_SHARED_VALIDATE is this and MAP_PRIVATE.
    pub const SHARED: u32 = 0x01;
    /// MAP_PRIVATE.
    pub const PRIVATE: u32 = 0x02;
    /// The two, and MAP_DROPPABLE.
    pub const TYPE: u32 = 0x0f;
    /// MAP_FIXED.
    pub const FIXED: u32 = 0x10;
    /// MAP_ANONYMOUS.
    pub const ANONYMOUS: u32 = 0x20;
    /// MAP_32BIT: every mapping is.
    pub const BIT32: u32 = 0x40;
    /// MAP_GROWSDOWN.
    pub const GROWSDOWN: u32 = 0x100;
    /// MAP_HUGETLB.
    pub const HUGETLB: u32 = 0x4_0000;
    /// MAP_FIXED_NOREPLACE.
    pub const FIXED_NOREPLACE: u32 = 0x10_0000;
}

/// The arguments of mmap(2).
#[derive(Clone, Copy, Debug)]
pub struct MmapRequest {
    /// Where, or a hint.
    pub addr: u32,
    /// Bytes.
    pub len: u32,
    /// PROT_*.
    pub prot: u32,
    /// MAP_*.
    pub flags: u32,
    /// File descriptor; ignored for anonymous mappings.
    pub fd: i32,
    /// Offset in the file, bytes.
    pub offset: u64,
}

impl MmapRequest {
    /// Private zero pages.
    pub fn anonymous(addr: u32, len: u32, prot: Prot) -> Self {
        Self { addr, len, prot: prot.0, flags: flag::PRIVATE | flag::ANONYMOUS, fd: -1, offset: 0 }
    }

    fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    fn fixed(&self) -> bool {
        self.has(flag::FIXED | flag::FIXED_NOREPLACE)
    }

    fn shared(&self) -> bool {
        self.has(flag::SHARED)
    }

    /// Alignment the kernel asks for.
    fn align(&self) -> u32 {
        const SHIFT: u32 = 26;
        match (self.has(flag::HUGETLB), self.flags >> SHIFT & 0x3f) {
            (false, _) => PAGE_SIZE,
            (true, 0) => 2 << 20,
            (true, log) => 1u32.checked_shl(log).unwrap_or(1 << 31).max(PAGE_SIZE),
        }
    }
}

/// f_type of the file systems that matter.
const HUGETLBFS_MAGIC: u64 = 0x9584_58f6;
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// What must be known of a file before it is mapped.
struct FileFacts {
    id: FileId,
    /// In memory, so that another process probably writes what is only read here.
    tmpfs: bool,
}

/// f_type and f_bsize of an open file.
fn statfs(fd: i32) -> Option<[u64; 2]> {
    let mut buf = [0u64; 16];
    let args = [fd as u64, buf.as_mut_ptr().expose_provenance() as u64, 0, 0, 0, 0];
    host::syscall(libc::SYS_fstatfs, args).ok().map(|_| [buf[0], buf[1]])
}

fn file_facts(fd: i32) -> Option<FileFacts> {
    // SAFETY: an all-zero stat is a valid value.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: `stat` is writable.
    if unsafe { libc::fstat(fd, &mut stat) } != 0 {
        return None;
    }
    let tmpfs = statfs(fd).is_some_and(|[kind, _]| kind == TMPFS_MAGIC);
    #[allow(clippy::unnecessary_cast, reason = "the widths differ between hosts")]
    let id = FileId { dev: stat.st_dev as u64, ino: stat.st_ino as u64 };
    Some(FileFacts { id, tmpfs })
}

impl AddressSpace {
    /// mmap(2). The address; see the man page for the errors.
    pub fn mmap(&self, request: MmapRequest) -> Result<GuestAddr, Errno> {
        if request.len == 0 || request.offset % u64::from(PAGE_SIZE) != 0 {
            return Err(Errno(libc::EINVAL));
        }
        let len = page_align(request.len).ok_or(Errno(libc::ENOMEM))?;
        let facts = match request.shared() && !request.has(flag::ANONYMOUS) {
            true => file_facts(request.fd),
            false => None,
        };
        self.change(|layout, effects| {
            let plan = Plan { request, len, prot: self.effective(request.prot), facts: &facts };
            let range = match request.fixed() {
                true => self.map_fixed(layout, effects, &plan)?,
                false => self.map_anywhere(layout, effects, &plan)?,
            };
            let in_memory = facts.as_ref().is_some_and(|f| f.tmpfs);
            effects.ordered |= request.shared() && (plan.prot.writable() || in_memory);
            layout.lock_new(range);
            Ok(range.start_addr())
        })
    }

    fn map_fixed(&self, layout: &mut Layout, effects: &mut Effects, plan: &Plan<'_>) -> Result<PageRange, Errno> {
        let request = &plan.request;
        if request.addr % PAGE_SIZE != 0 {
            return Err(Errno(libc::EINVAL));
        }
        let range = Self::range(request.addr, plan.len, libc::ENOMEM)?;
        layout.vmas.forget_foreign(range);
        if request.has(flag::FIXED_NOREPLACE) {
            if !layout.vmas.is_free(range) {
                return Err(Errno(libc::EEXIST));
            }
            return self.place(layout, effects, plan, range, HostMap::if_free).map(|()| range);
        }
        // Holes may hide something of the host's: take them first, as placeholders.
        let holes = layout.vmas.holes(range);
        let whole = holes == [range];
        if whole {
            return match self.place(layout, effects, plan, range, HostMap::if_free) {
                Err(Errno(libc::EEXIST)) => Err(Errno(libc::ENOMEM)),
                result => result.map(|()| range),
            };
        }
        hold(&holes).map_err(|_| Errno(libc::ENOMEM))?;
        let result = self.place(layout, effects, plan, range, HostMap::replace);
        if result.is_err() {
            give_back(&holes);
        }
        result.map(|()| range)
    }

    fn map_anywhere(&self, layout: &mut Layout, effects: &mut Effects, plan: &Plan<'_>) -> Result<PageRange, Errno> {
        let mut align = plan.request.align();
        let hint = plan.request.addr & !(align - 1);
        if let Some(range) = PageRange::new(hint.max(LOWEST_CHOICE), plan.len).filter(|_| hint != 0) {
            let free = layout.vmas.gap(plan.len, align, range.start(), range.end()).is_ok();
            if free && self.place(layout, effects, plan, range, HostMap::if_free).is_ok() {
                return Ok(range);
            }
        }
        loop {
            let range = layout.choose(plan.len, align)?;
            match self.place(layout, effects, plan, range, HostMap::if_free) {
                Ok(()) => return Ok(range),
                Err(Errno(libc::EEXIST)) => layout.note_foreign(range),
                Err(Errno(libc::EINVAL)) if align == PAGE_SIZE => {
                    align = plan.huge_page().ok_or(Errno(libc::EINVAL))?
                }
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Maps on the host by `how` and records it.
    fn place(
        &self,
        layout: &mut Layout,
        effects: &mut Effects,
        plan: &Plan<'_>,
        range: PageRange,
        how: impl Fn(&HostMap) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let vma = plan.vma(range);
        let host = plan.host(range);
        self.install(layout, effects, vma, || how(&host))
    }

    /// Changes what the host maps at `vma.range` by `host`, and records it as `vma`.
    pub(super) fn install(
        &self,
        layout: &mut Layout,
        effects: &mut Effects,
        vma: Vma,
        host: impl FnOnce() -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        {
            let _leaf = super::address_space::lock(&self.watch);
            host()?;
            if self.pages.set(vma.range, vma.page_flags()) {
                effects.stale.push(vma.range);
            }
        }
        layout.vmas.insert(vma);
        if vma.shared {
            self.watch_aliases(layout, &vma);
        }
        Ok(())
    }

    /// munmap(2).
    pub fn munmap(&self, addr: u32, len: u32) -> Result<(), Errno> {
        let range = Self::range(addr, len, libc::EINVAL)?;
        if range.is_empty() {
            return Err(Errno(libc::EINVAL));
        }
        self.change(|layout, effects| self.unmap(layout, effects, range))
    }

    /// Unmaps what the guest has in `range`; nothing else.
    pub(super) fn unmap(&self, layout: &mut Layout, effects: &mut Effects, range: PageRange) -> Result<(), Errno> {
        for part in layout.vmas.parts(range) {
            {
                let _leaf = super::address_space::lock(&self.watch);
                host_map::unmap(part.range)?;
                if self.pages.set(part.range, 0) {
                    effects.stale.push(part.range);
                }
            }
            layout.vmas.remove(part.range);
        }
        Ok(())
    }

    /// Records a mapping that the host kernel has made below 4 GiB for the guest (a ring, a driver's buffer).
    pub fn adopt(&self, addr: u32, len: u32, prot: Prot, shared: bool) -> Result<(), Errno> {
        let range = Self::range(addr, len, libc::ENOMEM)?;
        let backing = Backing::File { offset: 0, id: None };
        let vma = Vma { range, prot, shared, grows_down: false, backing, name: VmaName::None };
        self.change(|layout, effects| {
            effects.ordered |= shared;
            self.install(layout, effects, vma, || Ok(()))
        })
    }

    /// Gives the mapping at `addr` a name for /proc/self/maps.
    pub fn set_name(&self, addr: GuestAddr, name: VmaName) {
        self.change(|layout, _| {
            if let Some(range) = layout.vmas.find(addr.0).map(|v| v.range) {
                layout.vmas.change(range, |vma| vma.name = name);
            }
        });
    }

    /// Maps the initial stack: its top at a random distance below the end of the window, as large as RLIMIT_STACK allows.
    ///
    /// All of it is mapped at once, so that the host kernel can write anywhere in it; a stack without limit gets 64 MiB.
    pub fn map_stack(&self, prot: Prot) -> Result<PageRange, Errno> {
        const MAX: u64 = 64 << 20;
        const MIN: u64 = 128 << 10;
        let len = stack_limit().clamp(MIN, MAX) as u32 & !(PAGE_SIZE - 1);
        let top = TASK_SIZE - random_bits(11) * PAGE_SIZE;
        let mut request = MmapRequest::anonymous(top - len, len, prot);
        request.flags |= flag::FIXED_NOREPLACE | (libc::MAP_NORESERVE | libc::MAP_STACK) as u32;
        let start = self.mmap(request)?;
        self.set_name(start, VmaName::Stack);
        Ok(PageRange::between(start.0, top))
    }

    /// A fault just below a MAP_GROWSDOWN mapping extends it; whether it did.
    pub fn grow_down(&self, addr: GuestAddr) -> bool {
        let page = addr.page().0;
        self.change(|layout, effects| {
            let above = layout.vmas.iter().find(|v| v.range.start() > page).copied();
            let Some(above) = above.filter(|v| v.grows_down) else { return false };
            let limit = stack_limit().min(u64::from(u32::MAX));
            if u64::from(above.range.end() - page) > limit || page < LOWEST_CHOICE {
                return false;
            }
            // As expand_downwards(): the gap to the next mapping stays, unless that is inaccessible or a stack itself.
            let gap = PageRange::between(page.saturating_sub(GUARD_GAP), page);
            if layout.vmas.parts(gap).iter().any(|v| !v.grows_down && v.prot != Prot::NONE) {
                return false;
            }
            let range = PageRange::between(page, above.range.start());
            if !layout.vmas.is_free(range) {
                return false;
            }
            let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as u32;
            let host = HostMap { range, prot: above.prot.host(false), flags, fd: -1, offset: 0 };
            let vma = Vma { range: range.join(above.range), ..above };
            let grown = self.install(layout, effects, Vma { range, ..above }, || host.if_free()).is_ok();
            if grown {
                layout.vmas.insert(vma);
            }
            grown
        })
    }
}

/// Takes all of `holes` as placeholders, or none if something of the host's is in one.
pub(super) fn hold(holes: &[PageRange]) -> Result<(), Errno> {
    for (n, hole) in holes.iter().enumerate() {
        HostMap::placeholder(*hole).if_free().inspect_err(|_| give_back(&holes[..n]))?;
    }
    Ok(())
}

/// Unmaps placeholders again. That cannot fail for a mapping of our own.
pub(super) fn give_back(holes: &[PageRange]) {
    for hole in holes {
        let _ = host_map::unmap(*hole);
    }
}

/// A checked request.
struct Plan<'a> {
    request: MmapRequest,
    len: u32,
    prot: Prot,
    facts: &'a Option<FileFacts>,
}

impl Plan<'_> {
    fn vma(&self, range: PageRange) -> Vma {
        let request = &self.request;
        let backing = match request.has(flag::ANONYMOUS) {
            true => Backing::Anonymous,
            false => Backing::File { offset: request.offset, id: self.facts.as_ref().map(|f| f.id) },
        };
        let grows_down = request.has(flag::GROWSDOWN);
        Vma { range, prot: self.prot, shared: request.shared(), grows_down, backing, name: VmaName::None }
    }

    fn host(&self, range: PageRange) -> HostMap {
        let request = &self.request;
        let fd = if request.has(flag::ANONYMOUS) { -1 } else { request.fd };
        let flags = request.flags & !(flag::BIT32 | flag::GROWSDOWN);
        HostMap { range, prot: self.prot.host(false), flags, fd, offset: request.offset }
    }

    /// The page size of the hugetlbfs file behind the request, if it is one.
    fn huge_page(&self) -> Option<u32> {
        let [kind, size] = statfs(self.request.fd)?;
        (kind == HUGETLBFS_MAGIC && !self.request.has(flag::ANONYMOUS)).then_some(size as u32)
    }
}

impl Layout {
    /// A free place for a new mapping: below the mmap base, or anywhere if that is full.
    pub(super) fn choose(&self, len: u32, align: u32) -> Result<PageRange, Errno> {
        let below = self.vmas.gap(len, align, LOWEST_CHOICE, self.mmap_base);
        below.or_else(|_| self.vmas.gap(len, align, LOWEST_CHOICE, TASK_SIZE))
    }

    /// Something of the host's is in `range`: find out what, so that it is not tried again.
    pub(super) fn note_foreign(&mut self, range: PageRange) {
        let foreign = |range| Vma {
            range,
            prot: Prot::NONE,
            shared: false,
            grows_down: false,
            backing: Backing::Foreign,
            name: VmaName::None,
        };
        for low in super::render::host_ranges() {
            for hole in self.vmas.holes(low) {
                self.vmas.insert(foreign(hole));
            }
        }
        if self.vmas.is_free(range) {
            self.vmas.insert(foreign(range));
        }
    }

    /// MCL_FUTURE: locks a new mapping. Not being able to is no error for the mapping itself.
    fn lock_new(&self, range: PageRange) {
        if self.lock_future != 0 {
            let _ = host_map::lock(range, u32::from(self.lock_future & libc::MCL_ONFAULT as u32 != 0));
        }
    }
}
