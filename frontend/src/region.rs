//! Which instructions make one unit of translation, and putting their blocks together.
//!
//! From the entry, code is followed through fallthroughs and direct jumps into runs: stretches of instructions that
//! follow one another in memory. Runs are cut into blocks where control can join or leave. A run that would be entered
//! in the middle of one of its instructions is no special case: the other reading is a run of its own.
mod liveness;
mod plan;

use crate::decode::Code;
use crate::lifter::LiftCx;
use ir::guest::{GuestAddr, GuestMem, GuestRange};
use ir::{Block, BlockId, LiftError, Region, Target, Terminator};
use plan::{Plan, Run, Stop};

/// How far a region reaches. Every instruction translated but never executed is wasted start-up time; every jump out
/// of a region costs state at its edge.
#[derive(Clone, Copy, Debug)]
pub struct RegionPolicy {
    /// Most instructions. Past some hundred the gain at the edges no longer pays for the cold parts.
    pub max_insns: usize,
    /// Most blocks: bounds what passes that are not linear cost.
    pub max_blocks: usize,
    /// Jump targets further than this many bytes from the entry are left to other regions: distant code is most
    /// often the unlikely path that compilers move away.
    pub max_distance: u32,
    /// Whether the code after a call belongs to the region.
    pub past_calls: bool,
    /// Whether the code after a conditional jump belongs to the region.
    pub past_branches: bool,
    /// Whether the code that a conditional jump goes to belongs to the region.
    pub both_ways: bool,
    /// Whether heads of loops are entries, so that other code can take their place.
    pub loops_are_entries: bool,
    /// Instructions decoded at each exit to find flags that are dead there; 0 turns it off.
    pub lookahead: usize,
    /// Whether instructions are folded as they are built; `ir::opt::optimize` does it otherwise.
    pub folds: bool,
}

impl Default for RegionPolicy {
    fn default() -> Self {
        Self {
            max_insns: 160,
            max_blocks: 32,
            max_distance: 768,
            past_calls: true,
            past_branches: true,
            both_ways: true,
            loops_are_entries: false,
            lookahead: 4,
            folds: true,
        }
    }
}

impl RegionPolicy {
    /// The path that is about to run and what will surely follow it: for code that may run once.
    pub const PATH: Self = Self {
        max_insns: 64,
        max_blocks: 16,
        max_distance: u32::MAX,
        past_calls: true,
        past_branches: false,
        both_ways: false,
        loops_are_entries: true,
        lookahead: 4,
        folds: true,
    };

    /// Exactly one instruction, nothing assumed about what follows.
    const SINGLE: Self = Self {
        max_insns: 1,
        max_blocks: 1,
        max_distance: 0,
        past_calls: false,
        past_branches: false,
        both_ways: false,
        loops_are_entries: false,
        lookahead: 0,
        folds: false,
    };
}

/// The region at `entry`.
///
/// # Errors
/// `LiftError::Fetch` if the first instruction cannot be fetched; anything else that is no instruction is lifted to the
/// exit the CPU would take.
pub fn lift_region(mem: &dyn GuestMem, entry: GuestAddr, policy: &RegionPolicy) -> Result<Region, LiftError> {
    lift_beside(mem, entry, policy, &|_| false)
}

/// The region at `entry` without what is `known`: blocks that are not to be part of it.
///
/// # Errors
/// As [`lift_region`].
pub fn lift_beside(
    mem: &dyn GuestMem,
    entry: GuestAddr,
    policy: &RegionPolicy,
    known: &dyn Fn(GuestAddr) -> bool,
) -> Result<Region, LiftError> {
    let mut code = Code::new(mem);
    let plan = Plan::find(&mut code, mem, entry, policy, known).map_err(LiftError::Fetch)?;
    let mut region = Region::new(entry);
    let mut ranges: Vec<GuestRange> = plan.ranges().collect();
    region.blocks = build(plan, policy);
    region.folded = policy.folds;
    if policy.lookahead > 0 {
        liveness::look_ahead(&mut region, mem, policy.lookahead, &mut ranges);
    }
    region.ranges = merge(ranges);
    Ok(region)
}

/// A region of exactly the one instruction at `entry` (a REP string instruction with its loop).
///
/// # Errors
/// As [`lift_region`].
pub fn lift_single(mem: &dyn GuestMem, entry: GuestAddr) -> Result<Region, LiftError> {
    lift_region(mem, entry, &RegionPolicy::SINGLE)
}

/// Lifts the runs in emission order and resolves the jumps between them.
fn build(plan: Plan, policy: &RegionPolicy) -> Vec<Block> {
    let mut cx = LiftCx::new(plan.blocks(), policy.folds);
    let mut starts: Vec<(GuestAddr, BlockId)> = Vec::with_capacity(plan.blocks());
    let mut entries: Vec<BlockId> = vec![BlockId(0)];
    for run in plan.runs() {
        lift_run(&mut cx, &plan, run, &mut starts, &mut entries);
    }
    let mut blocks = cx.into_blocks();
    for id in entries {
        blocks[id.index()].entry = true;
    }
    starts.sort_unstable();
    let find = |addr: GuestAddr| {
        let at = starts.binary_search_by_key(&addr, |&(start, _)| start).ok()?;
        Some(starts[at].1)
    };
    for block in &mut blocks {
        resolve(&mut block.term, find);
    }
    // A call that is not followed past may still come back to a block that is here for another reason.
    for index in 0..blocks.len() {
        if let Terminator::Call { ret_block: Some(id), .. } | Terminator::CallIndirect { ret_block: Some(id), .. } =
            blocks[index].term
        {
            blocks[id.index()].entry = true;
        }
    }
    if policy.loops_are_entries {
        mark_loops(&mut blocks, find);
    }
    blocks
}

/// Makes entries of the blocks that a block at or after them goes back to. Blocks in the midst of an instruction, which
/// are those that `find` does not give for their address, cannot be any.
fn mark_loops(blocks: &mut [Block], find: impl Fn(GuestAddr) -> Option<BlockId>) {
    for from in 0..blocks.len() {
        for target in blocks[from].term.targets() {
            let Target::Block(to) = target else { continue };
            if to.index() <= from && find(blocks[to.index()].start) == Some(to) {
                blocks[to.index()].entry = true;
            }
        }
    }
}

fn lift_run(
    cx: &mut LiftCx,
    plan: &Plan,
    run: &Run,
    starts: &mut Vec<(GuestAddr, BlockId)>,
    entries: &mut Vec<BlockId>,
) {
    let steps = plan.steps(run);
    for (at, step) in steps.iter().enumerate() {
        let addr = GuestAddr(step.insn.ip32());
        if step.leader {
            if !cx.ended() {
                cx.jump(addr);
            }
            starts.push((addr, cx.block_id()));
            if step.entry {
                entries.push(cx.block_id());
            }
            let insns = steps[at + 1..].iter().take_while(|step| !step.leader).count() + 1;
            cx.begin_block(addr, insns);
        }
        // After an instruction that turned out to leave for good, nothing is reached up to the next leader.
        if !cx.ended() {
            cx.lift(&step.insn, step.lift);
        }
    }
    if let (false, Stop::Next(addr)) = (cx.ended(), run.stop) {
        cx.jump(addr);
    }
}

/// Turns guest addresses that are blocks of the region into block ids.
fn resolve(term: &mut Terminator, find: impl Fn(GuestAddr) -> Option<BlockId>) {
    let inside = |target: &mut Target| {
        if let Target::Guest(addr) = *target {
            if let Some(id) = find(addr) {
                *target = Target::Block(id);
            }
        }
    };
    match term {
        Terminator::Jump(target) => inside(target),
        Terminator::Branch { taken, fallthrough, .. } | Terminator::BranchNz { taken, fallthrough, .. } => {
            inside(taken);
            inside(fallthrough);
        }
        Terminator::Call { target, ret, ret_block } => {
            inside(target);
            *ret_block = find(*ret);
        }
        Terminator::CallIndirect { ret, ret_block, .. } => *ret_block = find(*ret),
        Terminator::Indirect { .. } | Terminator::Ret { .. } | Terminator::Exit { .. } => {}
    }
}

/// Sorted and disjoint, adjacent ones joined.
fn merge(mut ranges: Vec<GuestRange>) -> Vec<GuestRange> {
    ranges.sort_unstable_by_key(|r| r.start);
    let mut merged: Vec<GuestRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if u64::from(range.start.0) <= last.end() => {
                last.len = last.len.max(range.end() - u64::from(last.start.0));
            }
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests;
