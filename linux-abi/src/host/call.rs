//! Arguments of host system calls: what each Rust or guest type becomes in a 64-bit register.
use crate::fs::HostPath;
use ir::guest::GuestAddr;
use std::ffi::CStr;

/// A value that can be a host system call argument. Borrows must live across the call; [`args!`] keeps them alive.
pub trait HostArg {
    /// The register image.
    fn raw(self) -> u64;
}

macro_rules! integers {
    ($($ty:ty),+) => { $(impl HostArg for $ty { fn raw(self) -> u64 { self as i64 as u64 } })+ };
}
integers!(i32, u32, i64, u64, usize);

impl HostArg for GuestAddr {
    fn raw(self) -> u64 {
        u64::from(self.0)
    }
}

impl HostArg for &CStr {
    fn raw(self) -> u64 {
        self.as_ptr().expose_provenance() as u64
    }
}

impl HostArg for &HostPath {
    fn raw(self) -> u64 {
        self.pointer()
    }
}

/// A pointer to a value the kernel reads.
pub fn ptr<T: ?Sized>(value: &T) -> u64 {
    std::ptr::from_ref(value).cast::<u8>().expose_provenance() as u64
}

/// A pointer to a value the kernel writes.
pub fn mut_ptr<T: ?Sized>(value: &mut T) -> u64 {
    std::ptr::from_mut(value).cast::<u8>().expose_provenance() as u64
}

/// A pointer to a value the kernel reads, or NULL.
pub fn opt_ptr<T>(value: Option<&T>) -> u64 {
    value.map_or(0, ptr)
}

/// Builds the six registers of a host call; what is left out is zero.
#[macro_export]
macro_rules! args {
    () => { [0u64; 6] };
    ($($arg:expr),+ $(,)?) => {{
        use $crate::host::call::HostArg as _;
        let given = [$($arg.raw()),+];
        let mut all = [0u64; 6];
        all[..given.len()].copy_from_slice(&given);
        all
    }};
}
