//! Typed access to guest memory for system call handlers, on top of the fault-safe copies of [`crate::mm`].
//!
//! A bad pointer is `EFAULT`, never a crash. Bulk data does not come through here: handlers hand the guest's pointer to
//! the host kernel and announce buffers the kernel will fill with [`Cx::will_write`].
use crate::context::Cx;
use crate::errno::Errno;
use crate::host::call::{mut_ptr, ptr, HostArg};
use ir::guest::{GuestAddr, GuestRange};
use std::ffi::CString;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Longest path the kernel takes, the terminating zero included (linux/limits.h).
pub const PATH_MAX: usize = 4096;

/// Bytes of a string read at once; pieces never straddle a page.
const CHUNK: u32 = 256;

/// An address that no process has, neither of ours nor of the guest's: the host finds EFAULT there.
pub const NOWHERE: u64 = 0xffff_ffff_ffff_0000;

/// A structure of the guest in the host's form, for a call that reads it.
///
/// A guest pointer that leads nowhere is no error yet: the host is given one that leads nowhere either, and says EFAULT
/// where that comes among its checks.
#[derive(Debug)]
pub struct Input<H>(Option<H>);

impl<H> Input<H> {
    /// The structure as the host has left it; EFAULT if there was none.
    pub fn value(&self) -> Result<&H, Errno> {
        self.0.as_ref().ok_or(Errno::EFAULT)
    }
}

impl<H> HostArg for &mut Input<H> {
    fn raw(self) -> u64 {
        self.0.as_mut().map_or(NOWHERE, mut_ptr)
    }
}

impl HostArg for &Input<Vec<u8>> {
    fn raw(self) -> u64 {
        self.0.as_deref().map_or(NOWHERE, ptr)
    }
}

impl Cx<'_> {
    /// Reads one value for the host.
    pub fn input<G: FromBytes + IntoBytes, H>(&self, addr: GuestAddr, to_host: impl FnOnce(&G) -> H) -> Input<H> {
        Input(self.read(addr).ok().map(|guest| to_host(&guest)))
    }

    /// Reads `len` bytes for the host. The caller bounds `len`.
    pub fn input_bytes(&self, addr: GuestAddr, len: usize, to_host: impl FnOnce(&[u8]) -> Vec<u8>) -> Input<Vec<u8>> {
        Input(self.read_bytes(addr, len).ok().map(|guest| to_host(&guest)))
    }

    /// Fills `buf` from guest memory.
    pub fn read_into(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), Errno> {
        Ok(self.process.mm.load(addr, buf)?)
    }

    /// Reads one value.
    pub fn read<T: FromBytes + IntoBytes>(&self, addr: GuestAddr) -> Result<T, Errno> {
        let mut value = T::new_zeroed();
        self.read_into(addr, value.as_mut_bytes())?;
        Ok(value)
    }

    /// Reads one value, or nothing if the pointer is NULL.
    pub fn read_opt<T: FromBytes + IntoBytes>(&self, addr: GuestAddr) -> Result<Option<T>, Errno> {
        if addr.0 == 0 {
            return Ok(None);
        }
        self.read(addr).map(Some)
    }

    /// Reads `count` values that follow each other. The caller bounds `count`.
    pub fn read_array<T: FromBytes + IntoBytes>(&self, addr: GuestAddr, count: usize) -> Result<Vec<T>, Errno> {
        let mut values: Vec<T> = std::iter::repeat_with(T::new_zeroed).take(count).collect();
        self.read_into(addr, values.as_mut_slice().as_mut_bytes())?;
        Ok(values)
    }

    /// Reads `len` bytes. The caller bounds `len`.
    pub fn read_bytes(&self, addr: GuestAddr, len: usize) -> Result<Vec<u8>, Errno> {
        let mut bytes = vec![0; len];
        self.read_into(addr, &mut bytes)?;
        Ok(bytes)
    }

    /// Writes one value or slice.
    pub fn write<T: IntoBytes + Immutable + ?Sized>(&self, addr: GuestAddr, value: &T) -> Result<(), Errno> {
        Ok(self.process.mm.store(addr, value.as_bytes())?)
    }

    /// Writes one value unless the pointer is NULL.
    pub fn write_opt<T: IntoBytes + Immutable + ?Sized>(&self, addr: GuestAddr, value: &T) -> Result<(), Errno> {
        if addr.0 == 0 {
            return Ok(());
        }
        self.write(addr, value)
    }

    /// Announces that the kernel is about to write here, so that pages watched for translated code are given back.
    pub fn will_write(&self, addr: GuestAddr, len: u64) {
        if len != 0 {
            self.process.mm.unwatch_for_write(GuestRange::new(addr, len));
        }
    }

    /// Reads a zero-terminated string of fewer than `max` bytes; `too_long` is the answer to a longer one.
    pub fn read_cstr(&self, addr: GuestAddr, max: usize, too_long: Errno) -> Result<CString, Errno> {
        let mut bytes = Vec::with_capacity(CHUNK as usize);
        let mut at = addr;
        while bytes.len() < max {
            let to_page_end = at.page().0.wrapping_add(ir::guest::PAGE_SIZE).wrapping_sub(at.0);
            let len = to_page_end.min(CHUNK) as usize;
            let mut chunk = [0; CHUNK as usize];
            self.read_into(at, &mut chunk[..len])?;
            let end = chunk[..len].iter().position(|&b| b == 0);
            bytes.extend_from_slice(&chunk[..end.unwrap_or(len)]);
            if end.is_some() && bytes.len() < max {
                return CString::new(bytes).map_err(|_| Errno::EINVAL);
            }
            at = at.plus(len as u32);
        }
        Err(too_long)
    }

    /// Reads a path: at most [`PATH_MAX`] bytes, else `ENAMETOOLONG`.
    pub fn read_path(&self, addr: GuestAddr) -> Result<CString, Errno> {
        self.read_cstr(addr, PATH_MAX, Errno::ENAMETOOLONG)
    }
}
