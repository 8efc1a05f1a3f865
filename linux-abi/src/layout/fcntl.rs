//! asm/fcntl.h: open flags and record locks. O_DIRECT, O_LARGEFILE, O_DIRECTORY and O_NOFOLLOW differ between hosts.
use super::{I32, I64, U16};
use crate::records;

/// O_CREAT.
pub const O_CREAT: u32 = 0o100;
/// O_DIRECT of i386.
pub const O_DIRECT: u32 = 0o40000;
/// O_LARGEFILE of i386.
pub const O_LARGEFILE: u32 = 0o100000;
/// O_DIRECTORY of i386.
pub const O_DIRECTORY: u32 = 0o200000;
/// O_NOFOLLOW of i386.
pub const O_NOFOLLOW: u32 = 0o400000;
/// O_CLOEXEC.
pub const O_CLOEXEC: u32 = 0o2000000;
/// O_PATH.
pub const O_PATH: u32 = 0o10000000;
/// The bit that, with O_DIRECTORY, makes O_TMPFILE.
pub const O_TMPFILE_BIT: u32 = 0o20000000;

#[cfg(target_arch = "aarch64")]
const HOST: [(u32, u32); 4] =
    [(O_DIRECT, 0o200000), (O_LARGEFILE, 0o400000), (O_DIRECTORY, 0o40000), (O_NOFOLLOW, 0o100000)];
#[cfg(not(target_arch = "aarch64"))]
const HOST: [(u32, u32); 4] =
    [(O_DIRECT, O_DIRECT), (O_LARGEFILE, O_LARGEFILE), (O_DIRECTORY, O_DIRECTORY), (O_NOFOLLOW, O_NOFOLLOW)];

const DIFFERENT: u32 = O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW;

/// Open flags of the guest as the host wants them.
pub fn open_flags_to_host(guest: u32) -> u32 {
    HOST.iter().fold(guest & !DIFFERENT, |flags, &(g, h)| if guest & g != 0 { flags | h } else { flags })
}

/// Open flags of the host (F_GETFL) as the guest knows them.
pub fn open_flags_to_guest(host: u32) -> u32 {
    HOST.iter().fold(host & !DIFFERENT, |flags, &(g, h)| if host & h != 0 { flags | g } else { flags })
}

records! {
    /// `struct flock`.
    Flock32 [16] { l_type: U16, l_whence: U16, l_start: I32, l_len: I32, l_pid: I32 }
    /// `struct flock64`.
    Flock64 [24] { l_type: U16, l_whence: U16, l_start: I64, l_len: I64, l_pid: I32 }
    /// `struct open_how`; the same everywhere.
    OpenHow [24] { flags: super::U64, mode: super::U64, resolve: super::U64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_flags_round_trip() {
        for bit in 0..25 {
            let flags = 1 << bit | O_CREAT;
            assert_eq!(open_flags_to_guest(open_flags_to_host(flags)), flags);
        }
        #[cfg(target_arch = "aarch64")]
        assert_eq!(open_flags_to_host(O_TMPFILE_BIT | O_DIRECTORY | 2), 0o20000000 | 0o40000 | 2);
    }
}
