//! CPUID: the identity ferry announces (SDM vol. 2A, CPUID), and the time stamp counter.
//!
//! What is not implemented is not announced.
use crate::guest::CpuState;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// EDX of leaf 1: FPU, TSC, CX8, CMOV.
const LEAF1_EDX: u32 = 1 | 1 << 4 | 1 << 8 | 1 << 15;

fn cpuid(leaf: u32) -> [u32; 4] {
    match leaf {
        0 => [1, u32::from_le_bytes(*b"Genu"), u32::from_le_bytes(*b"ntel"), u32::from_le_bytes(*b"ineI")],
        1 => [0x0000_06f1, 0x0001_0800, 0, LEAF1_EDX],
        0x8000_0000 => [0x8000_0001, 0, 0, 0],
        _ => [0; 4],
    }
}

pub(super) extern "C" fn cpuid_ab(_: &mut CpuState, leaf: u64, _: u64, _: u64, _: u64) -> u64 {
    let [eax, ebx, _, _] = cpuid(leaf as u32);
    u64::from(eax) | u64::from(ebx) << 32
}

pub(super) extern "C" fn cpuid_cd(_: &mut CpuState, leaf: u64, _: u64, _: u64, _: u64) -> u64 {
    let [_, _, ecx, edx] = cpuid(leaf as u32);
    u64::from(ecx) | u64::from(edx) << 32
}

/// A counter of nanoseconds that never goes back, and that processes share but for the precision of the wall clock.
pub(super) extern "C" fn rdtsc(_: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    static START: OnceLock<(Instant, u64)> = OnceLock::new();
    let (instant, nanos) = START.get_or_init(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (Instant::now(), since.as_nanos() as u64)
    });
    nanos.wrapping_add(instant.elapsed().as_nanos() as u64)
}
