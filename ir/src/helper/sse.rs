//! SSE instructions that look tables up: RCPPS and RSQRTPS.
use crate::guest::CpuState;
use crate::interp::float::{reciprocal, reciprocal_root};

/// Applies `f` to lane 0 of a1 and keeps the rest of a0, or to all four lanes if a2 is 1.
fn singles(state: &mut CpuState, packed: u64, f: fn(u64) -> u64) -> u64 {
    let (kept, source) = (state.scratch[0], state.scratch[1]);
    let lanes = if packed != 0 { 4 } else { 1 };
    state.scratch[0] = (0..lanes).map(|i| 32 * i).fold(kept, |v, shift| {
        let lane = (source >> shift) as u32;
        v & !(0xffff_ffff << shift) | u128::from(f(u64::from(lane))) << shift
    });
    0
}

pub(super) extern "C" fn rcp(state: &mut CpuState, _: u64, _: u64, packed: u64, _: u64) -> u64 {
    singles(state, packed, reciprocal)
}

pub(super) extern "C" fn rsqrt(state: &mut CpuState, _: u64, _: u64, packed: u64, _: u64) -> u64 {
    singles(state, packed, reciprocal_root)
}
