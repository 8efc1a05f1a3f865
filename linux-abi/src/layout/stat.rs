//! asm/stat.h and asm/statfs.h of i386.
use super::{I32, I64, U16, U32, U64};
use crate::records;

records! {
    /// `struct stat64`.
    Stat64 [96] {
        st_dev: U64, pad0: U32, st_ino_low: U32, st_mode: U32, st_nlink: U32, st_uid: U32, st_gid: U32, st_rdev: U64,
        pad3: U32, st_size: I64, st_blksize: U32, st_blocks: U64, st_atime: U32, st_atime_nsec: U32, st_mtime: U32,
        st_mtime_nsec: U32, st_ctime: U32, st_ctime_nsec: U32, st_ino: U64,
    }
    /// `struct stat` of stat(106), lstat(107), fstat(108).
    Stat [64] {
        st_dev: U32, st_ino: U32, st_mode: U16, st_nlink: U16, st_uid: U16, st_gid: U16, st_rdev: U32, st_size: U32,
        st_blksize: U32, st_blocks: U32, st_atime: U32, st_atime_nsec: U32, st_mtime: U32, st_mtime_nsec: U32,
        st_ctime: U32, st_ctime_nsec: U32, unused: [U32; 2],
    }
    /// `struct __old_kernel_stat` of oldstat(18), oldfstat(28), oldlstat(84).
    OldStat [32] {
        st_dev: U16, st_ino: U16, st_mode: U16, st_nlink: U16, st_uid: U16, st_gid: U16, st_rdev: U16, pad: U16,
        st_size: U32, st_atime: U32, st_mtime: U32, st_ctime: U32,
    }
    /// `struct statfs`.
    Statfs [64] {
        f_type: U32, f_bsize: U32, f_blocks: U32, f_bfree: U32, f_bavail: U32, f_files: U32, f_ffree: U32,
        f_fsid: [I32; 2], f_namelen: U32, f_frsize: U32, f_flags: U32, f_spare: [U32; 4],
    }
    /// `struct statfs64`.
    Statfs64 [84] {
        f_type: U32, f_bsize: U32, f_blocks: U64, f_bfree: U64, f_bavail: U64, f_files: U64, f_ffree: U64,
        f_fsid: [I32; 2], f_namelen: U32, f_frsize: U32, f_flags: U32, f_spare: [U32; 4],
    }
    /// `struct ustat`.
    Ustat [20] {
        f_tfree: U32, f_tinode: U32, f_fname: [u8; 6], f_fpack: [u8; 6],
    }
}

const _: () = {
    use std::mem::offset_of;
    assert!(offset_of!(Stat64, st_ino_low) == 12 && offset_of!(Stat64, st_rdev) == 32);
    assert!(
        offset_of!(Stat64, st_size) == 44 && offset_of!(Stat64, st_blocks) == 56 && offset_of!(Stat64, st_ino) == 88
    );
    assert!(offset_of!(Stat, st_rdev) == 16 && offset_of!(Stat, st_atime) == 32);
    assert!(offset_of!(Statfs64, f_fsid) == 48);
};
