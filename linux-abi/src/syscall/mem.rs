//! Memory: mmap(2) and its kin. The work is in [`crate::mm`]; here are the arguments.
use super::{fd, Args};
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::layout::U32;
use crate::mm::remap::MremapRequest;
use crate::mm::{flag, MmapRequest};
use crate::records;
use ir::guest::PAGE_SIZE;

records! {
    /// `struct mmap_arg_struct` of the first mmap: the arguments are in memory.
    OldMmap [24] { addr: U32, len: U32, prot: U32, flags: U32, fd: U32, offset: U32 }
}

/// Of several mistakes the kernel finds a bad descriptor first.
fn map(cx: &mut Cx<'_>, request: MmapRequest) -> SysResult {
    match try_map(cx, request) {
        Err(_) if request.flags & flag::ANONYMOUS == 0 && !fd::is_open(request.fd) => Err(Errno::EBADF),
        result => result,
    }
}

fn try_map(cx: &mut Cx<'_>, request: MmapRequest) -> SysResult {
    let kind = request.flags & flag::TYPE;
    let known = kind == flag::SHARED || kind == flag::PRIVATE || kind == flag::SHARED | flag::PRIVATE || kind == 8;
    if !known {
        return Err(Errno::EINVAL);
    }
    cx.process.mm.mmap(request).map(|addr| addr.0)
}

/// mmap(2) of the first ABI; its offset is in bytes and must be page-aligned.
pub fn old_mmap(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let m: OldMmap = cx.read(a.addr(0))?;
    let offset = u64::from(m.offset.get());
    if m.offset.get() % PAGE_SIZE != 0 {
        return Err(Errno::EINVAL);
    }
    let (addr, len, prot, flags) = (m.addr.get(), m.len.get(), m.prot.get(), m.flags.get());
    map(cx, MmapRequest { addr, len, prot, flags, fd: m.fd.get() as i32, offset })
}

/// mmap2: its offset is in pages.
pub fn mmap2(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (addr, len, prot, flags) = (a.uint(0), a.uint(1), a.uint(2), a.uint(3));
    map(cx, MmapRequest { addr, len, prot, flags, fd: a.int(4), offset: u64::from(a.uint(5)) * u64::from(PAGE_SIZE) })
}

/// munmap(2).
pub fn munmap(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.process.mm.munmap(a.uint(0), a.uint(1)).map(|()| 0)
}

/// mprotect(2).
pub fn mprotect(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.process.mm.mprotect(a.uint(0), a.uint(1), a.uint(2)).map(|()| 0)
}

/// mremap(2).
pub fn mremap(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (addr, old_len, new_len, flags, new_addr) = (a.uint(0), a.uint(1), a.uint(2), a.uint(3), a.uint(4));
    cx.process.mm.mremap(MremapRequest { addr, old_len, new_len, flags, new_addr }).map(|addr| addr.0)
}

/// remap_file_pages(2).
pub fn remap_file_pages(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.process.mm.remap_file_pages(a.uint(0), a.uint(1), a.uint(2), a.uint(3), a.uint(4)).map(|()| 0)
}

/// brk(2): the new break, or the old one.
pub fn brk(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    Ok(cx.process.mm.brk(a.addr(0)).0)
}

/// madvise(2).
pub fn madvise(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.process.mm.madvise(a.uint(0), a.uint(1), a.int(2)).map(|()| 0)
}

/// msync(2).
pub fn msync(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.process.mm.msync(a.uint(0), a.uint(1), a.uint(2)).map(|()| 0)
}

/// mincore(2).
pub fn mincore(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.process.mm.mincore(a.uint(0), a.uint(1), a.addr(2)).map(|()| 0)
}

/// mlock(2).
pub fn mlock(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.process.mm.mlock(a.uint(0), a.uint(1), 0).map(|()| 0)
}

/// mlock2(2).
pub fn mlock2(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.process.mm.mlock(a.uint(0), a.uint(1), a.uint(2)).map(|()| 0)
}

/// munlock(2).
pub fn munlock(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.process.mm.munlock(a.uint(0), a.uint(1)).map(|()| 0)
}

/// mlockall(2).
pub fn mlockall(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.process.mm.mlockall(a.uint(0)).map(|()| 0)
}

/// munlockall(2).
pub fn munlockall(cx: &mut Cx<'_>, _: &Args) -> SysResult {
    cx.process.mm.munlockall().map(|()| 0)
}

/// shmat(2): the address itself. The old ipc(2) stores it in memory.
pub fn shmat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.process.mm.shmat(a.int(0), a.uint(1), a.uint(2)).map(|addr| addr.0)
}

/// shmdt(2).
pub fn shmdt(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.process.mm.shmdt(a.uint(0)).map(|()| 0)
}

/// pkey_mprotect(2): without a key it is mprotect; there are no keys, as on a CPU without PKU.
pub fn pkey_mprotect(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    if a.int(3) != -1 {
        return Err(Errno::EINVAL);
    }
    mprotect(cx, a)
}
