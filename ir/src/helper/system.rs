//! CPUID, the time stamp counter, random numbers.
use crate::cpuid;
use crate::guest::CpuState;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub(super) extern "C" fn cpuid_ab(_: &mut CpuState, leaf: u64, subleaf: u64, _: u64, _: u64) -> u64 {
    let [eax, ebx, _, _] = cpuid::leaf(leaf as u32, subleaf as u32);
    u64::from(eax) | u64::from(ebx) << 32
}

pub(super) extern "C" fn cpuid_cd(_: &mut CpuState, leaf: u64, subleaf: u64, _: u64, _: u64) -> u64 {
    let [_, _, ecx, edx] = cpuid::leaf(leaf as u32, subleaf as u32);
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

/// Fills a buffer with random bytes; tells whether it could.
pub type Entropy = fn(&mut [u8]) -> bool;

static ENTROPY: OnceLock<Entropy> = OnceLock::new();

/// Says where RDRAND and RDSEED take their numbers from. Until then they report that there are none.
pub fn set_entropy(source: Entropy) {
    ENTROPY.get_or_init(|| source);
}

/// A random number in the low half and whether there is one in bit 32.
pub(super) extern "C" fn random(_: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    let mut bytes = [0; 4];
    match ENTROPY.get() {
        Some(fill) if fill(&mut bytes) => u64::from(u32::from_le_bytes(bytes)) | 1 << 32,
        _ => 0,
    }
}
