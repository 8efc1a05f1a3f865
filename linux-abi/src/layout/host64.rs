//! Structures of the 64-bit host kernel, the same on arm64 and x86-64.
use super::time::Timeval;
use super::{I32, I64, U16, U32, U64};
use crate::records;

records! {
    /// `struct statx_timestamp`.
    StatxTime [16] { tv_sec: I64, tv_nsec: U32, pad: U32 }
    /// `struct statx`.
    Statx [256] {
        stx_mask: U32, stx_blksize: U32, stx_attributes: U64, stx_nlink: U32, stx_uid: U32, stx_gid: U32, stx_mode: U16,
        pad: U16, stx_ino: U64, stx_size: U64, stx_blocks: U64, stx_attributes_mask: U64, stx_atime: StatxTime,
        stx_btime: StatxTime, stx_ctime: StatxTime, stx_mtime: StatxTime, stx_rdev_major: U32, stx_rdev_minor: U32,
        stx_dev_major: U32, stx_dev_minor: U32, spare: [U64; 14],
    }
    /// `struct statfs`.
    Statfs [120] {
        f_type: I64, f_bsize: I64, f_blocks: U64, f_bfree: U64, f_bavail: U64, f_files: U64, f_ffree: U64,
        f_fsid: [I32; 2], f_namelen: I64, f_frsize: I64, f_flags: I64, f_spare: [I64; 4],
    }
    /// `struct rusage`.
    Rusage [144] { ru_utime: Timeval, ru_stime: Timeval, counters: [I64; 14] }
    /// `struct sysinfo`.
    Sysinfo [112] {
        uptime: I64, loads: [U64; 3], totalram: U64, freeram: U64, sharedram: U64, bufferram: U64, totalswap: U64,
        freeswap: U64, procs: U16, pad: [u8; 6], totalhigh: U64, freehigh: U64, mem_unit: U32, pad_end: U32,
    }
    /// `struct rlimit`, `struct rlimit64`.
    Rlimit [16] { rlim_cur: U64, rlim_max: U64 }
    /// `struct iovec`.
    Iovec [16] { iov_base: U64, iov_len: U64 }
    /// `struct flock`.
    Flock [32] { l_type: U16, l_whence: U16, pad: U32, l_start: I64, l_len: I64, l_pid: I32, pad_end: U32 }
    /// `struct msghdr`.
    Msghdr [56] {
        msg_name: U64, msg_namelen: U32, pad: U32, msg_iov: U64, msg_iovlen: U64, msg_control: U64, msg_controllen: U64,
        msg_flags: U32, pad_end: U32,
    }
    /// `struct mmsghdr`.
    Mmsghdr [64] { msg_hdr: Msghdr, msg_len: U32, pad: U32 }
    /// `struct cmsghdr`.
    Cmsghdr [16] { cmsg_len: U64, cmsg_level: I32, cmsg_type: I32 }
    /// `struct utsname`.
    Utsname [390] {
        sysname: [u8; 65], nodename: [u8; 65], release: [u8; 65], version: [u8; 65], machine: [u8; 65],
        domainname: [u8; 65],
    }
    /// `struct timex`.
    Timex [208] {
        modes: U32, pad0: U32, offset: I64, freq: I64, maxerror: I64, esterror: I64, status: I32, pad1: U32,
        constant: I64, precision: I64, tolerance: I64, time: Timeval, tick: I64, ppsfreq: I64, jitter: I64, shift: I32,
        pad2: U32, stabil: I64, jitcnt: I64, calcnt: I64, errcnt: I64, stbcnt: I64, tai: I32, unused: [I32; 11],
    }
}
