//! linux/quota.h.
use super::{U32, U64};
use crate::records;

records! {
    /// `struct if_dqblk`.
    Dqblk32 [68] { numbers: [U64; 8], dqb_valid: U32 }
    /// `struct if_dqblk` of the host.
    Dqblk [72] { numbers: [U64; 8], dqb_valid: U32, pad: U32 }
}
