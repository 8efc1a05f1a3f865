//! linux/dirent.h of i386: headers of directory entries, the name follows.
use super::{I64, U16, U32, U64};
use crate::records;

records! {
    /// `struct linux_dirent` up to `d_name`; the type byte sits in the record's last byte.
    Dirent [10] { d_ino: U32, d_off: U32, d_reclen: U16 }
    /// `struct linux_dirent64` up to `d_name`; the same on every host.
    Dirent64 [19] { d_ino: U64, d_off: I64, d_reclen: U16, d_type: u8 }
    /// `struct old_linux_dirent` of readdir(89) up to `d_name`.
    OldDirent [10] { d_ino: U32, d_offset: U32, d_namlen: U16 }
}
