//! madvise(2), msync(2), mincore(2), mlock(2) and their kin: the host does them, on the guest's mappings only.
use super::vma::PageRange;
use super::{host_map, AddressSpace};
use crate::errno::Errno;
use crate::host;
use ir::guest::{GuestAddr, PAGE_SIZE};

impl AddressSpace {
    /// Applies a host call to every mapping of the guest's in `range`; ENOMEM at the end if there was a hole.
    fn on_parts(&self, range: PageRange, mut call: impl FnMut(PageRange) -> Result<(), Errno>) -> Result<(), Errno> {
        self.change(|layout, _| {
            for part in layout.vmas.parts(range) {
                call(part.range)?;
            }
            if layout.vmas.covers(range) {
                Ok(())
            } else {
                Err(Errno(libc::ENOMEM))
            }
        })
    }

    /// A range whose start must be page-aligned; empty ones are none.
    fn aligned(addr: u32, len: u32, outside: i32) -> Result<Option<PageRange>, Errno> {
        if addr % PAGE_SIZE != 0 {
            return Err(Errno(libc::EINVAL));
        }
        Self::range(addr, len, outside).map(|range| Some(range).filter(|r| !r.is_empty()))
    }

    /// madvise(2). Unknown advice is refused even where nothing is mapped.
    pub fn madvise(&self, addr: u32, len: u32, advice: i32) -> Result<(), Errno> {
        match self.advise_parts(addr, len, advice) {
            Ok(()) if len != 0 => Ok(()),
            result => host::syscall(libc::SYS_madvise, [0, 0, advice as u64, 0, 0, 0]).and(result),
        }
    }

    fn advise_parts(&self, addr: u32, len: u32, advice: i32) -> Result<(), Errno> {
        let Some(range) = Self::aligned(addr, len, libc::ENOMEM)? else { return Ok(()) };
        if matches!(advice, libc::MADV_DONTNEED | libc::MADV_REMOVE | libc::MADV_FREE | libc::MADV_DONTNEED_LOCKED) {
            // The contents change; translations of them must not outlive that.
            self.unwatch_for_write(range.bytes());
        }
        self.on_parts(range, |part| host_map::on(libc::SYS_madvise, part, [advice as u64, 0, 0, 0]).map(drop))
    }

    /// msync(2).
    pub fn msync(&self, addr: u32, len: u32, flags: u32) -> Result<(), Errno> {
        let known = (libc::MS_ASYNC | libc::MS_INVALIDATE | libc::MS_SYNC) as u32;
        let both = (libc::MS_ASYNC | libc::MS_SYNC) as u32;
        if flags & !known != 0 || flags & both == both {
            return Err(Errno(libc::EINVAL));
        }
        let Some(range) = Self::aligned(addr, len, libc::ENOMEM)? else { return Ok(()) };
        self.on_parts(range, |part| host_map::on(libc::SYS_msync, part, [u64::from(flags), 0, 0, 0]).map(drop))
    }

    /// mincore(2): one byte a page at `vec`.
    pub fn mincore(&self, addr: u32, len: u32, vec: GuestAddr) -> Result<(), Errno> {
        let Some(range) = Self::aligned(addr, len, libc::ENOMEM)? else { return Ok(()) };
        let mut resident = vec![0u8; (range.len() / PAGE_SIZE) as usize];
        self.on_parts(range, |part| {
            let first = ((part.start() - range.start()) / PAGE_SIZE) as usize;
            let out = resident[first..].as_mut_ptr().expose_provenance() as u64;
            host_map::on(libc::SYS_mincore, part, [out, 0, 0, 0]).map(drop)
        })?;
        Ok(self.store(vec, &resident)?)
    }

    /// mlock2(2), and mlock(2) with no flags. The range need not be aligned.
    pub fn mlock(&self, addr: u32, len: u32, flags: u32) -> Result<(), Errno> {
        if flags & !libc::MLOCK_ONFAULT != 0 {
            return Err(Errno(libc::EINVAL));
        }
        let Some(range) = Self::loose(addr, len)? else { return Ok(()) };
        self.on_parts(range, |part| host_map::lock(part, flags))
    }

    /// munlock(2).
    pub fn munlock(&self, addr: u32, len: u32) -> Result<(), Errno> {
        let Some(range) = Self::loose(addr, len)? else { return Ok(()) };
        self.on_parts(range, |part| host_map::on(libc::SYS_munlock, part, [0; 4]).map(drop))
    }

    fn loose(addr: u32, len: u32) -> Result<Option<PageRange>, Errno> {
        let start = addr & !(PAGE_SIZE - 1);
        let len = len.checked_add(addr - start).ok_or(Errno(libc::EINVAL))?;
        Self::aligned(start, len, libc::ENOMEM)
    }

    /// mlockall(2), on the guest's mappings; ferry's own memory stays pageable.
    pub fn mlockall(&self, flags: u32) -> Result<(), Errno> {
        let (current, future, on_fault) = (libc::MCL_CURRENT as u32, libc::MCL_FUTURE as u32, libc::MCL_ONFAULT as u32);
        if flags == 0 || flags & !(current | future | on_fault) != 0 || flags == on_fault {
            return Err(Errno(libc::EINVAL));
        }
        let lock_flags = u32::from(flags & on_fault != 0);
        self.change(|layout, _| {
            layout.lock_future = if flags & future != 0 { flags & (future | on_fault) } else { 0 };
            if flags & current == 0 {
                return Ok(());
            }
            for part in layout.vmas.parts(PageRange::covering(Self::window())) {
                host_map::lock(part.range, lock_flags)?;
            }
            Ok(())
        })
    }

    /// munlockall(2).
    pub fn munlockall(&self) -> Result<(), Errno> {
        self.change(|layout, _| layout.lock_future = 0);
        host::syscall(libc::SYS_munlockall, [0; 6]).map(drop)
    }
}
