//! The guest's address space: the low 4 GiB.
use ir::guest::{Access, Fault, FaultKind, GuestAddr, GuestRange};

/// The memory map of the guest.
#[derive(Debug, Default)]
pub struct AddressSpace {}

impl AddressSpace {
    /// Fills `buf` from guest memory, or says which access failed.
    pub fn load(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), Fault> {
        let fault = Fault { addr, access: Access::Read, kind: FaultKind::Unmapped };
        let (local, remote) = iovecs(buf.as_ptr().expose_provenance(), addr, buf.len());
        // SAFETY: the kernel checks the guest side; `buf` is writable and long enough.
        let n = unsafe { libc::process_vm_readv(libc::getpid(), &local, 1, &remote, 1, 0) };
        (n == buf.len() as isize).then_some(()).ok_or(fault)
    }

    /// Writes `data` at `addr`, or says which access failed.
    pub fn store(&self, addr: GuestAddr, data: &[u8]) -> Result<(), Fault> {
        let fault = Fault { addr, access: Access::Write, kind: FaultKind::Unmapped };
        let (local, remote) = iovecs(data.as_ptr().expose_provenance(), addr, data.len());
        // SAFETY: the kernel checks the guest side; `data` is readable and long enough.
        let n = unsafe { libc::process_vm_writev(libc::getpid(), &local, 1, &remote, 1, 0) };
        (n == data.len() as isize).then_some(()).ok_or(fault)
    }

    /// Gives pages that are write-protected because code on them is translated back to the kernel's writes.
    pub fn unwatch_for_write(&self, _range: GuestRange) {}
}

fn iovecs(local: usize, guest: GuestAddr, len: usize) -> (libc::iovec, libc::iovec) {
    let vec = |base: usize| libc::iovec { iov_base: std::ptr::with_exposed_provenance_mut(base), iov_len: len };
    (vec(local), vec(guest.host()))
}
