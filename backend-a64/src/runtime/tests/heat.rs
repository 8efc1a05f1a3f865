//! Cold code that becomes hot: by the real code generator, from regions in text.
use super::*;
use crate::runtime::exec_mem::COUNTERS;
use ir::parse::parse;
use ir::Trap;

/// Counts ECX down to zero; the hot form counts its passes in EDX.
struct Countdown;

const COLD: &str = "region 0x1000\nrange 0x1000 +6\nlive 0x1006 -\nb0 0x1000 entry:\n; 0x1000 +6
v0 = get_gpr ecx\nv1 = lea [v0 - 1]\nset_gpr ecx, v1\nbranch_nz v1, b0, 0x1006\n";
const HOT: &str = "region 0x1000\nrange 0x1000 +6\nlive 0x1006 -\nb0 0x1000 entry:\n; 0x1000 +6
v0 = get_gpr ecx\nv1 = lea [v0 - 1]\nset_gpr ecx, v1\nv2 = get_gpr edx\nv3 = lea [v2 + 1]\nset_gpr edx, v3
branch_nz v1, b0, 0x1006\n";
const END: &str = "region 0x1006\nrange 0x1006 +2\nb0 0x1006 entry:\n; 0x1006 +2\nexit syscall, 0x1008\n";

impl RegionSource for Countdown {
    fn region(&self, entry: GuestAddr, heat: Heat) -> Result<Region, LiftError> {
        let text = match (entry.0, heat) {
            (0x1000, Heat::Cold(known)) => {
                assert!(!known(entry));
                COLD
            }
            (0x1000, Heat::Hot) => HOT,
            _ => END,
        };
        Ok(parse(text).unwrap())
    }

    fn single(&self, state: &CpuState) -> Result<Region, LiftError> {
        let entry = GuestAddr(state.eip);
        Err(LiftError::Fetch(no_code(entry)))
    }
}

#[test]
fn hot_code_takes_the_place_of_cold_code() {
    let options = EngineOptions { code_len: 1 << 20, translate_after: 0, ..EngineOptions::default() };
    let engine = Engine::new(&options, Box::new(Countdown), Box::new(NoWatch)).unwrap();
    let mut thread = engine.new_thread().unwrap();
    let mut passes = |count| passes(&engine, &mut thread, count);
    let limit = 1 << crate::codegen::abi::HOT_BIT;
    assert_eq!(passes(limit - 1), 0);
    assert_eq!(engine.stats().hot_regions, 0);
    // The pass that makes it hot is done by the new code.
    assert_eq!(passes(10), 10);
    assert_eq!(passes(limit), limit);
    let stats = engine.stats();
    assert_eq!((stats.hots, stats.hot_regions, stats.regions), (1, 1, 3));
    // What is written anew is cold again.
    engine.invalidate(GuestRange::new(GuestAddr(0x1000), 1));
    assert_eq!(passes(limit - 1), 0);
    engine.flush();
    assert_eq!(passes(limit - 1), 0);
    assert_eq!(passes(limit), limit);
}

/// Counts down from `count`; how many passes of that were in hot code.
fn passes(engine: &Engine, thread: &mut ThreadContext, count: u32) -> u32 {
    let state = thread.state_mut();
    state.set(Gpr::Ecx, count);
    state.set(Gpr::Edx, 0);
    state.eip = 0x1000;
    assert_eq!(engine.run(thread, &mut NoMem), Exit::Trap(Trap::Syscall));
    assert_eq!((thread.state().get(Gpr::Ecx), thread.state().eip), (0, 0x1008));
    thread.state().get(Gpr::Edx)
}

/// A program of more regions than there are counters still begins cold everywhere.
#[test]
fn regions_share_counters_when_all_are_in_use() {
    let options = EngineOptions { code_len: 1 << 20, translate_after: 0, ..EngineOptions::default() };
    let engine = Engine::new(&options, Box::new(Countdown), Box::new(NoWatch)).unwrap();
    let mut thread = engine.new_thread().unwrap();
    let limit = 1 << crate::codegen::abi::HOT_BIT;
    for laps in 0..3 {
        engine.counted.store(laps * COUNTERS, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(passes(&engine, &mut thread, limit - 1), 0);
        engine.invalidate(GuestRange::new(GuestAddr(0x1000), 1));
    }
}
