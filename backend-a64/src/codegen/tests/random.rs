//! Random regions: the interpreter against the emitted code. A failure prints its seed.
use super::super::*;
use super::machine::{self, Case, End};
use ir::interp::{self, Outcome};
use ir::testgen::{self, Rng, TestMem};
use ir::CpuState;

struct Expected {
    seed: u64,
    region: Region,
    outcome: Outcome,
    state: CpuState,
    mem: TestMem,
}

/// Runs seeds that end by themselves and without a fault.
fn check(seeds: std::ops::Range<u64>, optimize: bool, options: &Options) {
    let (mut cases, mut expected) = (Vec::new(), Vec::new());
    for seed in seeds {
        let mut rng = Rng::new(seed);
        let (region, state, mem) = (testgen::region(&mut rng), testgen::state(&mut rng), TestMem::random(&mut rng));
        let (mut after, mut mem_after) = (state.clone(), mem.clone());
        let outcome = interp::run(&region, &mut after, &mut mem_after, 200);
        if !matches!(outcome, Outcome::Left | Outcome::Trap(_)) {
            continue;
        }
        let compiled = if optimize {
            let mut region = region.clone();
            ir::opt::optimize(&mut region);
            compile(&region, options)
        } else {
            compile(&region, options)
        };
        cases.push(Case { compiled, state, mem });
        expected.push(Expected { seed, region, outcome, state: after, mem: mem_after });
    }
    assert!(cases.len() > expected.capacity() / 4, "most seeds end by themselves");
    let Some(results) = machine::run(&cases) else {
        eprintln!("qemu-aarch64 is missing: emitted code not executed");
        return;
    };
    for ((want, got), case) in expected.iter().zip(results).zip(&cases) {
        let problem = match (want.outcome, got.end) {
            (_, End::Single) => continue,
            (Outcome::Left, End::Left) => None,
            (Outcome::Trap(trap), End::Trap(n)) if trap as u32 == n => None,
            (want, got) => Some(format!("{want:?} against {got:?}")),
        };
        let problem = problem
            .or_else(|| testgen::difference(&want.region, want.outcome, &want.state, &got.state))
            .or_else(|| (want.mem != got.mem).then(|| "memory".into()));
        if let Some(problem) = problem {
            let code = super::disassemble(&case.compiled.code).unwrap_or_default();
            let code: String = code.iter().enumerate().map(|(i, l)| format!("{:4x} {l}\n", 4 * i)).collect();
            let entered = &case.state;
            panic!(
                "seed {}: {problem}\nentered with {:x?} {:#x}\n{}\n{}\n{code}",
                want.seed,
                entered.gpr,
                entered.eflags(),
                want.region,
                allocation_text(&want.region, options)
            );
        }
    }
}

#[test]
fn the_baseline_agrees_with_the_interpreter() {
    check(0..300, false, &Options::default());
}

#[test]
fn every_feature_agrees_with_the_interpreter() {
    let features = HostFeatures { lse: true, flagm: true, lrcpc: true, ..HostFeatures::default() };
    check(300..600, true, &Options { features, ..Options::default() });
    check(
        600..700,
        false,
        &Options {
            ordered: true,
            features: HostFeatures { flagm: true, ..HostFeatures::default() },
            ..Options::default()
        },
    );
    check(800..900, false, &Options { few_registers: true, ..Options::default() });
    check(900..1000, true, &Options { few_registers: true, ..Options::default() });
    check(700..800, true, &Options { ordered: true, ..Options::default() });
}

/// A soak by hand: FERRY_SEEDS=first..last.
#[test]
fn seeds_from_the_environment() {
    let Ok(range) = std::env::var("FERRY_SEEDS") else { return };
    let (first, last) = range.split_once("..").expect("FERRY_SEEDS=first..last");
    let (first, last): (u64, u64) = (first.parse().expect("a number"), last.parse().expect("a number"));
    for start in (first..last).step_by(500) {
        check(start..last.min(start + 500), false, &Options::default());
        check(start..last.min(start + 500), true, &Options::default());
        check(start..last.min(start + 500), true, &Options { few_registers: true, ..Options::default() });
        let features = HostFeatures { lse: true, flagm: true, ..HostFeatures::default() };
        check(start..last.min(start + 500), true, &Options { features, ..Options::default() });
    }
}
