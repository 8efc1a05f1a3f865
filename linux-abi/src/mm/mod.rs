//! The guest's address space: the low 4 GiB.

/// The memory map of the guest.
#[derive(Debug, Default)]
pub struct AddressSpace {}
