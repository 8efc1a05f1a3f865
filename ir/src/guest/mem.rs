//! How lower crates reach guest memory without knowing where it is.
use super::addr::GuestAddr;

/// What an access wanted to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Load.
    Read,
    /// Store, or the store half of a read-modify-write.
    Write,
    /// Instruction fetch.
    Execute,
}

/// Which signal the host would have raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Nothing is mapped there: SIGSEGV, SEGV_MAPERR.
    Unmapped,
    /// Mapped without the right: SIGSEGV, SEGV_ACCERR.
    Protected,
    /// Past the end of the file behind the mapping: SIGBUS, BUS_ADRERR.
    Bus,
}

/// A guest memory fault: a value, never an error of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The first byte that could not be accessed.
    pub addr: GuestAddr,
    /// What was wanted.
    pub access: Access,
    /// Why it failed.
    pub kind: FaultKind,
}

/// Byte access to guest memory that faults instead of crashing.
///
/// Addresses wrap at 4 GiB within one access, as they do on hardware.
pub trait GuestMem {
    /// Fills `buf` from `addr`. On a fault nothing of `buf` is meaningful.
    fn read(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), Fault>;

    /// Writes `data` at `addr`: all of it, or nothing on a fault.
    fn write(&mut self, addr: GuestAddr, data: &[u8]) -> Result<(), Fault>;

    /// Writes `new` at `addr` if `old` is what is there; whether it was. Both have the same length, 8 bytes at most. As atomic as
    /// the memory can make it; by itself it is not.
    fn replace(&mut self, addr: GuestAddr, old: &[u8], new: &[u8]) -> Result<bool, Fault> {
        let mut now = [0; 8];
        let now = &mut now[..old.len()];
        self.read(addr, now)?;
        let same = now == old;
        if same {
            self.write(addr, new)?;
        }
        Ok(same)
    }

    /// Fills `buf` with code bytes from `addr` and returns how many could be fetched before the first page that may
    /// not be executed (i386 without NX: read permission is enough when the process runs with READ_IMPLIES_EXEC).
    /// Zero available bytes is the fault itself.
    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault>;
}

/// Little-endian scalars on top of [`GuestMem`].
pub trait GuestMemExt: GuestMem {
    /// Reads `N` bytes.
    fn read_array<const N: usize>(&self, addr: GuestAddr) -> Result<[u8; N], Fault> {
        let mut buf = [0; N];
        self.read(addr, &mut buf)?;
        Ok(buf)
    }

    /// Reads a 32-bit word.
    fn read_u32(&self, addr: GuestAddr) -> Result<u32, Fault> {
        Ok(u32::from_le_bytes(self.read_array(addr)?))
    }

    /// Writes a 32-bit word.
    fn write_u32(&mut self, addr: GuestAddr, value: u32) -> Result<(), Fault> {
        self.write(addr, &value.to_le_bytes())
    }
}

impl<M: GuestMem + ?Sized> GuestMemExt for M {}
