//! Host memory calls on guest ranges. Every address here is that of a [`PageRange`], so below 4 GiB.
use super::vma::PageRange;
use crate::errno::Errno;
use crate::host;

/// A host mmap(2) at exactly `range`.
#[derive(Clone, Copy, Debug)]
pub(super) struct HostMap {
    pub range: PageRange,
    pub prot: u32,
    pub flags: u32,
    pub fd: i32,
    pub offset: u64,
}

impl HostMap {
    /// Anonymous, inaccessible, without claim on memory: holds a place.
    pub fn placeholder(range: PageRange) -> Self {
        let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE) as u32;
        Self { range, prot: 0, flags, fd: -1, offset: 0 }
    }

    fn call(&self, how: i32) -> Result<u64, Errno> {
        let (start, len) = (u64::from(self.range.start()), u64::from(self.range.len()));
        let flags = u64::from(self.flags & !(libc::MAP_FIXED | libc::MAP_FIXED_NOREPLACE) as u32 | how as u32);
        let fd = i64::from(self.fd) as u64;
        host::syscall(libc::SYS_mmap, [start, len, u64::from(self.prot), flags, fd, self.offset])
    }

    /// Maps over whatever is there: only where everything is the guest's.
    pub fn replace(&self) -> Result<(), Errno> {
        self.call(libc::MAP_FIXED).map(drop)
    }

    /// Maps only if nothing is there; EEXIST otherwise.
    pub fn if_free(&self) -> Result<(), Errno> {
        let at = self.call(libc::MAP_FIXED_NOREPLACE)?;
        if at == u64::from(self.range.start()) {
            return Ok(());
        }
        // A kernel that does not know the flag takes the address as a hint.
        host::syscall(libc::SYS_munmap, [at, u64::from(self.range.len()), 0, 0, 0, 0])?;
        Err(Errno(libc::EEXIST))
    }
}

/// munmap(2).
pub(super) fn unmap(range: PageRange) -> Result<(), Errno> {
    on(libc::SYS_munmap, range, [0; 4]).map(drop)
}

/// mprotect(2).
pub(super) fn protect(range: PageRange, prot: u32) -> Result<(), Errno> {
    on(libc::SYS_mprotect, range, [u64::from(prot), 0, 0, 0]).map(drop)
}

/// mlock(2), or mlock2(2) with MLOCK_ONFAULT, which emulators do not have.
pub(super) fn lock(range: PageRange, flags: u32) -> Result<(), Errno> {
    let nr = if flags == 0 { libc::SYS_mlock } else { libc::SYS_mlock2 };
    on(nr, range, [u64::from(flags), 0, 0, 0]).map(drop)
}

/// A host call whose first two arguments are address and length of `range`.
pub(super) fn on(nr: i64, range: PageRange, rest: [u64; 4]) -> Result<u64, Errno> {
    let [a, b, c, d] = rest;
    host::syscall(nr, [u64::from(range.start()), u64::from(range.len()), a, b, c, d])
}
