//! The guest's address space: the low 4 GiB of the process itself.
//!
//! - [`address_space`]: the window, its locks, fault-safe access ([`ir::guest::GuestMem`]).
//! - [`vma`]: what the guest has mapped, as it asked for it; [`pages`]: the same per page, readable without a lock.
//! - [`map`], [`protect`], [`remap`], [`advise`], [`brk`], [`shm`]: the system calls, as methods of [`AddressSpace`].
//! - [`watch`]: pages with translated code; [`render`]: /proc/self/maps.
//!
//! Three rules hold everywhere here:
//! - A guest range is checked against the window once, in [`PageRange::new`]; nothing else becomes a host address.
//! - The host never gets PROT_EXEC: guest code is only read. What the guest may execute is in the page flags.
//! - Nothing that is not the guest's is unmapped or overwritten: free places are taken with MAP_FIXED_NOREPLACE.

pub mod address_space;
pub mod advise;
pub mod brk;
mod host_map;
pub mod map;
pub mod pages;
pub mod protect;
pub mod remap;
pub mod render;
pub mod shm;
pub mod vma;
pub mod watch;

#[cfg(test)]
mod tests;

pub use address_space::AddressSpace;
pub use map::{flag, MmapRequest};
pub use vma::{PageRange, Prot, VmaName};

/// One past the last address a guest may map: what an x86-64 kernel gives an i386 program (IA32_PAGE_OFFSET).
pub const TASK_SIZE: u32 = 0xffff_e000;
