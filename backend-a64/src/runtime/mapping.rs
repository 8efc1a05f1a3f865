//! Anonymous private memory of the host kernel, given back when dropped.
//!
//! Private, so that a forked child gets its own copy of code, tables and thread state (fork(2), mmap(2)).
use std::io;

/// Where ferry's memory may begin: a guest access whose address computation leaves the 32-bit space reaches 38 GiB at most
/// (base, index times eight, displacement), and must find nothing there.
const LOWEST: u64 = 40 << 30;

/// One mmap(2) area out of the guest's reach.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: *mut u8,
    len: usize,
}

// SAFETY: plain memory; who may access which part when is up to the owner.
unsafe impl Send for Mapping {}
// SAFETY: as above; a shared `Mapping` only gives out its address.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes (rounded up to pages) of zeros with this protection (`PROT_*`). Nothing is committed until touched.
    pub(crate) fn new(len: usize, prot: i32) -> io::Result<Self> {
        let len = len.next_multiple_of(page_size());
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: no fixed address, so nothing that exists is replaced.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), len, prot, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let mapping = Self { base: base.cast(), len };
        assert!(base as u64 >= LOWEST, "the kernel placed memory of ferry where guest accesses may go: {base:?}");
        Ok(mapping)
    }

    /// The first byte.
    pub(crate) fn base(&self) -> *mut u8 {
        self.base
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Changes the protection of whole pages inside. Async-signal-safe.
    pub(crate) fn protect(&self, offset: usize, len: usize, prot: i32) -> io::Result<()> {
        assert!(offset + len <= self.len);
        // SAFETY: within the mapping; the owner knows that nothing relies on the old protection.
        let done = unsafe { libc::mprotect(self.base.add(offset).cast(), len, prot) };
        if done == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Makes whole pages inside zero again and gives their memory back.
    pub(crate) fn discard(&self, offset: usize, len: usize) {
        assert!(offset + len <= self.len);
        // SAFETY: within the mapping, which is private and anonymous, so its pages read as zero afterwards.
        let done = unsafe { libc::madvise(self.base.add(offset).cast(), len, libc::MADV_DONTNEED) };
        assert_eq!(done, 0, "madvise: {}", io::Error::last_os_error());
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the area was mapped by `new` and its owner is gone.
        unsafe { libc::munmap(self.base.cast(), self.len) };
    }
}

/// The host's page size in bytes: 4, 16 or 64 KiB.
pub(crate) fn page_size() -> usize {
    // SAFETY: sysconf has no preconditions.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}
