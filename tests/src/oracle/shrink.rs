//! Random blocks run in bulk, and the smallest block that still differs.
use super::blocks::{case, inputs, is_sound, Blocks, Item};
use super::compare::Difference;
use super::execute::Host;
use super::wire::{Answers, TAIL};
use super::{compare, Case, Group, Input, Outcome, Output};
use anyhow::{ensure, Result};
use std::time::Duration;

/// For one run of the guest program.
const LIMIT: Duration = Duration::from_secs(300);

/// A block that two hosts disagree about.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What makes the same block again.
    pub seed: u64,
    /// The block.
    pub items: Vec<Item>,
    /// The state it fails on.
    pub input: Input,
    /// What the CPU left.
    pub want: Output,
    /// What ferry left; as `want` if ferry came to no end.
    pub got: Output,
}

/// What running blocks on two hosts came to.
#[derive(Debug)]
pub struct Bulk {
    /// The first difference of each block that has one.
    pub failures: Vec<Failure>,
    /// Executions compared.
    pub executions: usize,
    /// Those of them that ended in a signal.
    pub signals: usize,
    /// How ferry ended, if not well; then the last failure is where.
    pub trouble: String,
}

/// The block of a seed.
pub fn block(seed: u64) -> Vec<Item> {
    Blocks::new(seed).block()
}

/// Runs blocks, each on its inputs, on both hosts.
///
/// # Errors
/// If the hosts cannot be run, or the CPU comes to no end.
pub fn run(blocks: &[(u64, Vec<Item>, Vec<Input>)], hosts: &[Host; 2]) -> Result<Bulk> {
    let mut at = 0;
    let mut group = Group { name: "blocks".into(), cases: Vec::new() };
    for (_, items, inputs) in blocks {
        let case = case(items, at, inputs.clone());
        at += (case.code.len() + TAIL) as u32 | 1;
        group.cases.push(case);
    }
    let groups = [group];
    let want = hosts[0].run(&groups, false, LIMIT)?;
    ensure!(want.trouble.is_empty(), "{:?}: {}", hosts[0], want.trouble);
    let ferry = hosts[1].run(&groups, false, LIMIT)?;
    let (mut want, mut got) = (Answers::new(&want.stdout), Answers::new(&ferry.stdout));
    let mut bulk = Bulk { failures: Vec::new(), executions: 0, signals: 0, trouble: String::new() };
    for (n, (seed, items, inputs)) in blocks.iter().enumerate() {
        let failure = |input: usize, want: Output, got: Output| Failure {
            seed: *seed,
            items: items.clone(),
            input: inputs[input].clone(),
            want,
            got,
        };
        let Some(want) = want.next(inputs.len()) else { break };
        let Some(got) = got.next(inputs.len()) else {
            bulk.trouble = format!("ferry stopped in block {n}: {}\n", ferry.trouble);
            bulk.failures.push(failure(0, want.outputs[0].clone(), want.outputs[0].clone()));
            break;
        };
        bulk.executions += inputs.len();
        bulk.signals += want.outputs.iter().filter(|output| output.signo != 0).count();
        let case = &groups[0].cases[n];
        bulk.failures.extend(first_difference(case, &want, &got).map(|(i, want, got)| failure(i, want, got)));
    }
    Ok(bulk)
}

fn first_difference(case: &Case, want: &Outcome, got: &Outcome) -> Option<(usize, Output, Output)> {
    for (i, (want, got)) in want.outputs.iter().zip(&got.outputs).enumerate() {
        if let Some(found) = Difference::new((0, 0, i), case, want, got) {
            return Some((i, found.want, found.got));
        }
    }
    (want.strayed != got.strayed).then(|| (0, Output::default(), Output::default()))
}

/// Blocks with the seeds from `first` on, `count` of them, each on `n` inputs.
///
/// # Errors
/// As [`run`].
pub fn bulk(first: u64, count: u64, n: usize, hosts: &[Host; 2]) -> Result<Bulk> {
    let blocks: Vec<_> = (first..first + count).map(|seed| (seed, block(seed), inputs(seed, n))).collect();
    run(&blocks, hosts)
}

/// Every way to make a block smaller by one step.
fn smaller(items: &[Item]) -> Vec<Vec<Item>> {
    let mut all = Vec::new();
    for i in 0..items.len() {
        let with = |middle: &[Item]| [&items[..i], middle, &items[i + 1..]].concat();
        all.push(with(&[]));
        let body = match &items[i] {
            Item::Insn(_) => continue,
            Item::Unless(_, body) | Item::Loop(_, body) | Item::Call(body) | Item::Pushed(_, _, body) => body,
        };
        all.push(with(body));
        for less in smaller(body) {
            let item = match &items[i] {
                Item::Insn(_) => continue,
                Item::Unless(cc, _) => Item::Unless(*cc, less),
                Item::Loop(n, _) => Item::Loop(*n, less),
                Item::Call(_) => Item::Call(less),
                Item::Pushed(push, pop, _) => Item::Pushed(*push, *pop, less),
            };
            all.push(with(&[item]));
        }
    }
    all.retain(|items| is_sound(items));
    all
}

/// Takes parts out of a failing block as long as it fails.
///
/// # Errors
/// As [`run`].
pub fn shrink(mut failure: Failure, hosts: &[Host; 2]) -> Result<Failure> {
    loop {
        let candidates: Vec<_> = smaller(&failure.items)
            .into_iter()
            .map(|items| (failure.seed, items, vec![failure.input.clone()]))
            .collect();
        // One at a time where ferry does not survive them, all at once otherwise.
        let mut found = run(&candidates, hosts)?;
        match found.failures.pop() {
            Some(less) => failure = less,
            None => return Ok(failure),
        }
    }
}

impl Failure {
    /// The block, the state, and what differs.
    pub fn describe(&self) -> String {
        let case = case(&self.items, 0, Vec::new());
        format!(
            "seed {}:\n{}  input {}\n{}",
            self.seed,
            compare::disassemble(&case),
            compare::show_input(&self.input),
            compare::fields(&self.want, &self.got)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_the_same_again_and_sound() {
        let mut kinds = [0; 5];
        for seed in 0..400 {
            let items = block(seed);
            assert_eq!(items, block(seed));
            assert!(is_sound(&items), "seed {seed}");
            for item in &items {
                kinds[match item {
                    Item::Insn(_) => 0,
                    Item::Unless(..) => 1,
                    Item::Loop(..) => 2,
                    Item::Call(_) => 3,
                    Item::Pushed(..) => 4,
                }] += 1;
            }
        }
        assert!(kinds.iter().all(|n| *n > 20), "{kinds:?}");
    }

    #[test]
    fn smaller_blocks_are_smaller() {
        let items = block(7);
        let len = super::super::blocks::encode(&items).len();
        assert!(smaller(&items).iter().all(|less| super::super::blocks::encode(less).len() < len));
    }
}
