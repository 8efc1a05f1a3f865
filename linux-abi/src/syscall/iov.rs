//! Scatter-gather I/O: readv(2) and its relatives, process_vm_readv(2), vmsplice(2). i386 iovecs are widened; the buffers
//! stay where they are.
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::guest_mem::NOWHERE;
use crate::host::call::ptr;
use crate::layout::host64::Iovec;
use crate::layout::uio::Iovec32;
use ir::guest::GuestAddr;

/// Most segments a call takes (UIO_MAXIOV).
const MAX_SEGMENTS: u32 = 1024;
/// As many segments fit without an allocation (UIO_FASTIOV).
const INLINE: usize = 8;

/// A host iovec array.
#[derive(Debug)]
pub struct HostIov {
    inline: [Iovec; INLINE],
    heap: Vec<Iovec>,
    len: usize,
    readable: bool,
}

impl HostIov {
    /// Reads `count` i386 iovecs. `writes` says that the kernel will write into the buffers.
    ///
    /// What is wrong with them is for the host to say, after it has looked at the descriptor: too many stay too many, a
    /// negative length stays negative, and an array that cannot be read is nowhere for the host too.
    pub fn read(cx: &Cx<'_>, addr: GuestAddr, count: u32, writes: bool) -> Self {
        let len = count as usize;
        let mut iov =
            Self { inline: [Iovec::default(); INLINE], heap: Vec::new(), len, readable: count <= MAX_SEGMENTS };
        if iov.readable {
            iov.readable = iov.fill(cx, addr, writes).is_ok();
        }
        iov
    }

    fn fill(&mut self, cx: &Cx<'_>, addr: GuestAddr, writes: bool) -> Result<(), Errno> {
        if self.len > INLINE {
            self.heap = vec![Iovec::default(); self.len];
        }
        for i in 0..self.len {
            let one: Iovec32 = cx.read(addr.plus(8 * i as u32))?;
            let (base, size) = (one.iov_base.get(), one.iov_len.get() as i32);
            let wide = i64::from(size) as u64;
            self.as_mut()[i] = Iovec { iov_base: u64::from(base).into(), iov_len: wide.into() };
            if size < 0 {
                // EINVAL, whatever follows.
                return Ok(());
            }
            if writes {
                cx.will_write(GuestAddr(base), wide);
            }
        }
        Ok(())
    }

    fn as_mut(&mut self) -> &mut [Iovec] {
        if self.len > INLINE {
            &mut self.heap
        } else {
            &mut self.inline[..self.len]
        }
    }

    /// Pointer to the array, for the host.
    pub fn pointer(&self) -> u64 {
        if !self.readable {
            NOWHERE
        } else if self.len > INLINE {
            ptr(self.heap.as_slice())
        } else {
            ptr(&self.inline)
        }
    }

    /// Number of segments.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no segment.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// readv(2).
pub fn readv(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let iov = HostIov::read(cx, a.addr(1), a.uint(2), true);
    cx.host(a, libc::SYS_readv, args![a.int(0), iov.pointer(), iov.len()])
}

/// writev(2).
pub fn writev(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let iov = HostIov::read(cx, a.addr(1), a.uint(2), false);
    cx.host(a, libc::SYS_writev, args![a.int(0), iov.pointer(), iov.len()])
}

/// preadv(2): the offset is 64 bits in arguments 3 and 4.
pub fn preadv(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let iov = HostIov::read(cx, a.addr(1), a.uint(2), true);
    cx.host(a, libc::SYS_preadv, args![a.int(0), iov.pointer(), iov.len(), a.pair(3), 0u32])
}

/// pwritev(2).
pub fn pwritev(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let iov = HostIov::read(cx, a.addr(1), a.uint(2), false);
    cx.host(a, libc::SYS_pwritev, args![a.int(0), iov.pointer(), iov.len(), a.pair(3), 0u32])
}

/// preadv2(2): flags follow the offset.
pub fn preadv2(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let iov = HostIov::read(cx, a.addr(1), a.uint(2), true);
    cx.host(a, libc::SYS_preadv2, args![a.int(0), iov.pointer(), iov.len(), a.pair(3), 0u32, a.uint(5)])
}

/// pwritev2(2).
pub fn pwritev2(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let iov = HostIov::read(cx, a.addr(1), a.uint(2), false);
    cx.host(a, libc::SYS_pwritev2, args![a.int(0), iov.pointer(), iov.len(), a.pair(3), 0u32, a.uint(5)])
}

/// vmsplice(2).
pub fn vmsplice(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let iov = HostIov::read(cx, a.addr(1), a.uint(2), true);
    cx.host(a, libc::SYS_vmsplice, args![a.int(0), iov.pointer(), iov.len(), a.uint(3)])
}

/// process_vm_readv(2): 32-bit remote addresses, so only the low 4 GiB of the other process can be named.
pub fn process_vm_readv(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    process_vm(cx, a, libc::SYS_process_vm_readv, true)
}

/// process_vm_writev(2).
pub fn process_vm_writev(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    process_vm(cx, a, libc::SYS_process_vm_writev, false)
}

/// process_madvise(2): the ranges are the other process's.
pub fn process_madvise(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let iov = HostIov::read(cx, a.addr(1), a.uint(2), false);
    cx.host(a, super::nr::PROCESS_MADVISE, args![a.int(0), iov.pointer(), iov.len(), a.int(3), a.uint(4)])
}

fn process_vm(cx: &mut Cx<'_>, a: &Args, nr: i64, local_written: bool) -> SysResult {
    let local = HostIov::read(cx, a.addr(1), a.uint(2), local_written);
    let remote = HostIov::read(cx, a.addr(3), a.uint(4), false);
    cx.host(a, nr, args![a.int(0), local.pointer(), local.len(), remote.pointer(), remote.len(), a.uint(5)])
}
