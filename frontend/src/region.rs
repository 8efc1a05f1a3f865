//! Which instructions make one unit of translation, and putting their blocks together.
//!
//! From the entry, code is followed through fallthroughs and direct jumps into runs: stretches of instructions that
//! follow one another in memory. Runs are cut into blocks where control can join or leave. A run that would be entered
//! in the middle of one of its instructions is no special case: the other reading is a run of its own.
mod liveness;
mod plan;

use crate::decode::{Code, Window};
use crate::lift::x87;
use crate::lifter::LiftCx;
use ir::guest::{CpuState, Descriptor, GuestAddr, GuestMem, GuestRange, Seg};
use ir::{Block, BlockId, Floats, LiftError, Region, Target, Terminator};
use plan::{FindCx, Plan, Run, Step, Stop};

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
    /// How SSE arithmetic is done.
    pub floats: Floats,
    /// What of segmentation is checked.
    pub segments: Segments,
    /// Whether the code looks itself whether it is still what it was made from.
    pub checks: Checks,
    /// The segment that addresses are offsets in.
    pub code: Descriptor,
    /// Whether the stack pointer is SP rather than ESP.
    pub small_stack: bool,
}

/// How code that may change without notice finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Checks {
    /// It is told: its pages are watched.
    None,
    /// Every block compares its bytes.
    Blocks,
    /// And a block ends behind every instruction that may write memory, as that may have been the next one's.
    Stores,
}

/// How accesses go through segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segments {
    /// FS and GS have a base; FS has a limit, the others have none.
    Flat,
    /// GS has a limit too.
    GsLimit,
    /// All have base, limit and rights.
    Full,
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
            floats: Floats::Host,
            segments: Segments::Flat,
            checks: Checks::None,
            code: Descriptor::FLAT_CODE,
            small_stack: false,
        }
    }
}

impl RegionPolicy {
    /// The path that is about to run and what will surely follow it: for code that may run once. To look for dead flags
    /// would cost more than keeping them.
    pub const PATH: Self = Self {
        max_insns: 64,
        max_blocks: 16,
        max_distance: u32::MAX,
        past_calls: true,
        past_branches: false,
        both_ways: false,
        loops_are_entries: true,
        lookahead: 0,
        folds: true,
        floats: Floats::Host,
        segments: Segments::Flat,
        checks: Checks::None,
        code: Descriptor::FLAT_CODE,
        small_stack: false,
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
        floats: Floats::Interpreted,
        segments: Segments::Flat,
        checks: Checks::None,
        code: Descriptor::FLAT_CODE,
        small_stack: false,
    };
}

/// The region at `entry`.
///
/// # Errors
/// As [`Lifter::region`].
pub fn lift_region(mem: &dyn GuestMem, entry: GuestAddr, policy: &RegionPolicy) -> Result<Region, LiftError> {
    Lifter::default().region(mem, entry, policy, &|_| false)
}

/// Lifts one region after the other in the same memory.
#[derive(Debug)]
pub struct Lifter {
    plan: Plan,
    cx: LiftCx,
    /// Where blocks of the region start, and which of them are entries.
    starts: Vec<(GuestAddr, BlockId)>,
    entries: Vec<BlockId>,
    /// A region that nobody needs any more.
    old: Option<Region>,
    window: Window,
    /// What was fetched elsewhere.
    aside: Window,
}

impl Default for Lifter {
    fn default() -> Self {
        Self {
            plan: Plan::default(),
            cx: LiftCx::default(),
            starts: Vec::new(),
            entries: Vec::new(),
            old: None,
            window: Window::default(),
            aside: Window::small(),
        }
    }
}

impl Lifter {
    /// The region at `entry` without what is `known`: blocks that are not to be part of it.
    ///
    /// # Errors
    /// `LiftError::Fetch` if the first instruction cannot be fetched; anything else that is no instruction is lifted to
    /// the exit the CPU would take.
    pub fn region(
        &mut self,
        mem: &dyn GuestMem,
        entry: GuestAddr,
        policy: &RegionPolicy,
        known: &dyn Fn(GuestAddr) -> bool,
    ) -> Result<Region, LiftError> {
        let code = &mut Code::in_segment(mem, &mut self.window, policy.code);
        let aside = &mut Code::in_segment(mem, &mut self.aside, policy.code);
        self.plan.find(FindCx { code, aside, policy, known }, entry).map_err(LiftError::Fetch)?;
        let mut region = self.old.take().unwrap_or_else(|| Region::new(entry));
        self.cx.restart(&mut region, entry, policy);
        region.ranges.extend(self.plan.ranges());
        let checked = (policy.checks != Checks::None).then_some(mem);
        region.blocks = build(&self.plan, code, &mut self.cx, &mut self.starts, &mut self.entries, policy, checked);
        region.folded = policy.folds;
        if policy.lookahead > 0 {
            liveness::look_ahead(&mut region, code, aside, policy.lookahead);
        }
        merge(&mut region.ranges);
        Ok(region)
    }

    /// Takes the memory of a region for the next one.
    pub fn recycle(&mut self, region: Region) {
        self.old = Some(region);
    }
}

/// Lifts the runs in emission order and resolves the jumps between them.
fn build(
    plan: &Plan,
    code: &mut Code,
    cx: &mut LiftCx,
    starts: &mut Vec<(GuestAddr, BlockId)>,
    entries: &mut Vec<BlockId>,
    policy: &RegionPolicy,
    checked: Option<&dyn GuestMem>,
) -> Vec<Block> {
    starts.clear();
    entries.clear();
    entries.push(BlockId(0));
    for run in plan.runs() {
        lift_run(cx, plan, code, run, starts, entries, checked);
    }
    let mut blocks = cx.take_blocks();
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

/// A region of exactly the one instruction at `entry` (a REP string instruction with its loop).
///
/// # Errors
/// As [`lift_region`].
pub fn lift_single(mem: &dyn GuestMem, entry: GuestAddr) -> Result<Region, LiftError> {
    lift_region(mem, entry, &RegionPolicy::SINGLE)
}

/// The same of the instruction at `state.eip` for the interpreter, with all that segments can be.
///
/// # Errors
/// As [`lift_region`].
pub fn lift_interpreted(mem: &dyn GuestMem, state: &CpuState) -> Result<Region, LiftError> {
    let (code, small_stack) = (state.segment(Seg::Cs), !state.segment(Seg::Ss).is_big());
    let policy = RegionPolicy { segments: Segments::Full, code, small_stack, ..RegionPolicy::SINGLE };
    lift_region(mem, GuestAddr(state.eip), &policy)
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
    code: &mut Code,
    run: &Run,
    starts: &mut Vec<(GuestAddr, BlockId)>,
    entries: &mut Vec<BlockId>,
    checked: Option<&dyn GuestMem>,
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
            cx.begin_block(addr);
            if let Some(mem) = checked {
                check_block(cx, mem, &steps[at..]);
            }
        }
        // After an instruction that turned out to leave for good, nothing is reached up to the next leader.
        if !cx.ended() {
            if x87::wants_opcode(&step.insn, cx.single) {
                cx.raises = code.bytes(addr).ok().and_then(x87::opcode);
            }
            cx.lift(&step.insn, step.lift);
        }
    }
    if let (false, Stop::Next(addr)) = (cx.ended(), run.stop) {
        cx.jump(addr);
    }
}

/// Compares the bytes of the block that begins with the first of `steps`.
fn check_block(cx: &mut LiftCx, mem: &dyn GuestMem, steps: &[Step]) {
    let first = &steps[0].insn;
    let last = steps[1..].iter().take_while(|step| !step.leader).last().unwrap_or(&steps[0]);
    let mut bytes = vec![0; last.insn.next_ip32().wrapping_sub(first.ip32()) as usize];
    // What cannot be fetched any more is told of by whoever unmapped it.
    let len = mem.fetch(GuestAddr(first.ip32()), &mut bytes).unwrap_or(0);
    cx.check_code(first, &bytes[..len]);
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

/// Sorts them and joins those that overlap or touch.
fn merge(ranges: &mut Vec<GuestRange>) {
    ranges.sort_unstable_by_key(|r| r.start);
    ranges.dedup_by(|range, last| {
        let touches = u64::from(range.start.0) <= last.end();
        if touches {
            last.len = last.len.max(range.end() - u64::from(last.start.0));
        }
        touches
    });
}

#[cfg(test)]
mod tests;
