//! linux/uio.h of i386.
use super::{U16, U32};
use crate::records;

records! {
    /// `struct iovec`.
    Iovec32 [8] { iov_base: U32, iov_len: U32 }
    /// `struct pollfd`; the same everywhere.
    Pollfd [8] { fd: super::I32, events: U16, revents: U16 }
}
