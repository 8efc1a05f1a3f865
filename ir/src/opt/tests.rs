//! Properties of all passes together, over random regions.
use super::*;
use crate::interp::run;
use crate::testgen::{self, Rng, TestMem};
use crate::verify::verify;

/// Optimising changes nothing anybody may observe: how the run ends, where, registers, memory, live flags.
#[test]
fn optimize_preserves_the_outcome() {
    for seed in 0..4000 {
        let mut rng = Rng::new(seed);
        let region = testgen::region(&mut rng);
        let mut better = region.clone();
        optimize(&mut better);
        assert_eq!(verify(&better), Ok(()), "seed {seed}");
        for _ in 0..3 {
            let (mut a, mut mem_a) = (testgen::state(&mut rng), TestMem::random(&mut rng));
            let (mut b, mut mem_b) = (a.clone(), mem_a.clone());
            let outcome = run(&region, &mut a, &mut mem_a, 40);
            let after = run(&better, &mut b, &mut mem_b, 40);
            let show = || format!("seed {seed}\n{region}\noptimised to\n{better}");
            assert_eq!(outcome, after, "{}", show());
            assert_eq!(testgen::difference(&region, outcome, &a, &b), None, "{outcome:?} {}", show());
            assert!(mem_a == mem_b, "memory, {outcome:?} {}", show());
        }
    }
}

/// A second round finds little: at most a handful of instructions, never more than before.
#[test]
fn optimize_settles() {
    for seed in 0..300 {
        let mut region = testgen::region(&mut Rng::new(seed));
        optimize(&mut region);
        let count = |region: &Region| region.blocks.iter().map(|b| b.insts.len()).sum::<usize>();
        let once = count(&region);
        optimize(&mut region);
        assert!(count(&region) <= once, "seed {seed}: {once} then {}\n{region}", count(&region));
    }
}
