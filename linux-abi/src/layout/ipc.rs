//! linux/ipc.h, linux/sem.h, linux/msg.h, linux/shm.h and linux/mqueue.h: the wide (IPC_64) structures.
use super::{I32, I64, U16, U32, U64};
use crate::records;

records! {
    /// `struct ipc64_perm`.
    Perm32 [36] { key: I32, ids: [U32; 4], mode: U16, pad1: U16, seq: U16, pad2: U16, unused: [U32; 2] }
    /// `struct ipc64_perm` of the host.
    Perm [48] { key: I32, ids: [U32; 4], mode: U32, seq: U16, pad2: U16, pad: U32, unused: [U64; 2] }
    /// A time of 64 bits in two halves that are not where a 64-bit number would have them on every architecture.
    SplitTime [8] { low: U32, high: U32 }
    /// `struct semid64_ds`.
    Semid32 [64] { perm: Perm32, otime: SplitTime, ctime: SplitTime, nsems: U32, unused: [U32; 2] }
    /// `struct msqid64_ds`.
    Msqid32 [88] {
        perm: Perm32, stime: SplitTime, rtime: SplitTime, ctime: SplitTime, cbytes: U32, qnum: U32, qbytes: U32,
        lspid: I32, lrpid: I32, unused: [U32; 2],
    }
    /// `struct msqid64_ds` of the host.
    Msqid [120] {
        perm: Perm, stime: I64, rtime: I64, ctime: I64, cbytes: U64, qnum: U64, qbytes: U64, lspid: I32, lrpid: I32,
        unused: [U64; 2],
    }
    /// `struct shmid64_ds`.
    Shmid32 [84] {
        perm: Perm32, segsz: U32, atime: SplitTime, dtime: SplitTime, ctime: SplitTime, cpid: I32, lpid: I32,
        nattch: U32, unused: [U32; 2],
    }
    /// `struct shmid64_ds` of the host.
    Shmid [112] {
        perm: Perm, segsz: U64, atime: I64, dtime: I64, ctime: I64, cpid: I32, lpid: I32, nattch: U64, unused: [U64; 2],
    }
    /// `struct shminfo64`.
    Shminfo32 [36] { limits: [U32; 5], unused: [U32; 4] }
    /// `struct shminfo64` of the host.
    Shminfo [72] { limits: [U64; 5], unused: [U64; 4] }
    /// `struct shm_info`.
    ShmUsage32 [24] { used_ids: I32, counts: [U32; 5] }
    /// `struct shm_info` of the host.
    ShmUsage [48] { used_ids: I32, pad: U32, counts: [U64; 5] }
    /// `struct mq_attr`.
    MqAttr32 [32] { flags: I32, maxmsg: I32, msgsize: I32, curmsgs: I32, reserved: [I32; 4] }
    /// `struct mq_attr` of the host.
    MqAttr [64] { flags: I64, maxmsg: I64, msgsize: I64, curmsgs: I64, reserved: [I64; 4] }
}

/// `struct semid64_ds` of the host: x86-64 has a spare word after each time.
#[cfg(target_arch = "aarch64")]
mod host {
    crate::records! {
        /// `struct semid64_ds` of arm64.
        Semid [88] { perm: super::Perm, otime: super::I64, ctime: super::I64, nsems: super::U64, unused: [super::U64; 2] }
    }
}
#[cfg(not(target_arch = "aarch64"))]
mod host {
    crate::records! {
        /// `struct semid64_ds` of x86-64.
        Semid [104] {
            perm: super::Perm, otime: super::I64, spare1: super::U64, ctime: super::I64, spare2: super::U64,
            nsems: super::U64, unused: [super::U64; 2],
        }
    }
}
pub use host::Semid;

impl From<I64> for SplitTime {
    fn from(time: I64) -> Self {
        let bits = time.get() as u64;
        Self { low: (bits as u32).into(), high: ((bits >> 32) as u32).into() }
    }
}

impl From<&Perm> for Perm32 {
    fn from(p: &Perm) -> Self {
        Self { key: p.key, ids: p.ids, mode: (p.mode.get() as u16).into(), seq: p.seq, ..Self::default() }
    }
}

/// What IPC_SET takes: owner and mode.
impl From<&Perm32> for Perm {
    fn from(p: &Perm32) -> Self {
        Self { key: p.key, ids: p.ids, mode: u32::from(p.mode.get()).into(), seq: p.seq, ..Self::default() }
    }
}

/// A count of the host in 32 bits; what does not fit is the largest number.
pub fn saturate(count: U64) -> U32 {
    u32::try_from(count.get()).unwrap_or(u32::MAX).into()
}
