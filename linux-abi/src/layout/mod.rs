//! i386 structures, one file per C header, and the 64-bit host structures they are converted from ([`host64`]).
//!
//! i386 aligns 64-bit members to 4 bytes, so every field is an unaligned little-endian type: the records have exactly the
//! C layout and no padding but what is written out. Each record's size, and offsets where they are not obvious, are
//! checked at compile time.
pub mod aio;
pub mod dirent;
pub mod fcntl;
pub mod host64;
pub mod ioctl;
pub mod ipc;
pub mod keys;
pub mod poll;
pub mod quota;
pub mod signal;
pub mod socket;
pub mod stat;
pub mod sysinfo;
pub mod time;
pub mod uio;

pub use zerocopy::little_endian::{I32, I64, U16, U32, U64};

/// Declares records with the derives every layout needs and asserts their size.
#[macro_export]
macro_rules! records {
    ($($(#[$m:meta])* $name:ident [$size:literal] { $($(#[$fm:meta])* $field:ident: $ty:ty),* $(,)? })+) => {
        $(
            $(#[$m])*
            #[derive(Clone, Copy, Debug, zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable)]
            #[repr(C)]
            pub struct $name { $($(#[$fm])* #[allow(missing_docs, reason = "named as in the C header")] pub $field: $ty),* }

            const _: () = assert!(size_of::<$name>() == $size);

            impl Default for $name {
                fn default() -> Self {
                    zerocopy::FromZeros::new_zeroed()
                }
            }
        )+
    };
}
