//! linux/aio_abi.h: the control block has one layout; only what its buffer field points to may differ.
use super::{I32, U16, U32, U64};
use crate::records;

records! {
    /// `struct iocb`.
    Iocb [64] {
        data: U64, key: U32, rw_flags: U32, opcode: U16, priority: U16, fd: I32, buf: U64, nbytes: U64, offset: U64,
        reserved: U64, flags: U32, resfd: U32,
    }
}

const _: () = assert!(std::mem::offset_of!(Iocb, buf) == 24);
