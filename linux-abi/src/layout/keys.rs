//! linux/keyctl.h.
use super::{U32, U64};
use crate::records;

records! {
    /// `struct keyctl_kdf_params`.
    KdfParams32 [44] { hashname: U32, otherinfo: U32, otherinfolen: U32, spare: [U32; 8] }
    /// `struct keyctl_kdf_params` of the host.
    KdfParams [56] { hashname: U64, otherinfo: U64, otherinfolen: U32, spare: [U32; 8], pad: U32 }
}
