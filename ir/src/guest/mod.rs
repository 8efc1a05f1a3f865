//! The shared contract about the guest: data, little behaviour.
pub mod addr;
pub mod descriptor;
pub mod exit;
pub mod flags;
pub mod mem;
pub mod reg;
pub mod state;
pub mod x87_live;

pub use addr::{GuestAddr, GuestRange, PAGE_SIZE};
pub use descriptor::Descriptor;
pub use exit::{Exit, Trap};
pub use flags::{Cc, FlagSet};
pub use mem::{Access, Fault, FaultKind, GuestMem};
pub use reg::{Gpr, Mm, Seg, Xmm};
pub use state::CpuState;
pub use x87_live::{X87Live, X87Mode};
