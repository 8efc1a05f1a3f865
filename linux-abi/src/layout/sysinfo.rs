//! linux/sysinfo.h of i386.
use super::{I32, U16, U32};
use crate::records;

records! {
    /// `struct sysinfo`.
    Sysinfo32 [64] {
        uptime: I32, loads: [U32; 3], totalram: U32, freeram: U32, sharedram: U32, bufferram: U32, totalswap: U32,
        freeswap: U32, procs: U16, pad: U16, totalhigh: U32, freehigh: U32, mem_unit: U32, reserved: [u8; 8],
    }
}
