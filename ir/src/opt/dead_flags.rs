//! Dead flag elimination: backward liveness of the six flags over the region's blocks. [`super::backward`] then cuts every
//! instruction's `flags` to what is live behind it.
//!
//! What counts as a read
//! - `cond`, `select`, `adc` and the like read what [`Inst::reads_flags`] says, `branch` what its condition does.
//! - Going to another region reads `Region::live_at(target)`. Where the target is not known (`indirect`, `ret`,
//!   `call_indirect`) and at `exit`, all six are read.
//! - `trap_if` reads all six: a handler of SIGFPE or SIGSEGV finds exact eflags.
//! - Loads and stores read none, although a handler of SIGSEGV could look at eflags in its frame. So there, flags that the
//!   program itself never reads again may be stale; what it does read again is exact, also after the handler returns.
//! - `entry` has no effect: liveness flows backward, out of the block.
//!
//! A shift whose count may be zero may keep flags, so it does not end their life.
use super::OptCx;
use crate::guest::FlagSet;
use crate::inst::Inst;
use crate::opcode::Effects;
use crate::region::{Block, Region};
use crate::terminator::{Target, Terminator};

/// What flags mean to a block as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// From its end to its start.
    transfer: Transfer,
    /// Flags that may be read right behind it by other than the blocks in `next`; not what its own branch reads.
    exit: FlagSet,
    /// Its successors inside the region; `NO_BLOCK` where there is none.
    next: [u16; 2],
    /// Flags live at its start.
    pub(super) live_in: FlagSet,
}

const NO_BLOCK: u16 = u16::MAX;

/// The pass: fills `cx.flows`. Iterates to the fixpoint; a backward order makes two or three rounds do for real code.
pub fn dead_flags(region: &Region, cx: &mut OptCx) {
    let flows = &mut cx.flows;
    flows.clear();
    // Nobody asks what is live at the start of blocks if no branch goes to one.
    let inside = |target| matches!(target, Target::Block(_));
    let mut changed = region.blocks.iter().any(|block| block.term.targets().any(inside));
    flows.extend(region.blocks.iter().map(|block| Flow::of(region, block, changed)));
    while changed {
        changed = false;
        for index in (0..flows.len()).rev() {
            let live = flows[index].transfer.apply(live_behind(flows, index) | branch_reads(&region.blocks[index]));
            changed |= live != flows[index].live_in;
            flows[index].live_in = live;
        }
    }
}

/// Flags live behind a block, not counting what its own branch reads.
pub(super) fn live_behind(flows: &[Flow], index: usize) -> FlagSet {
    let flow = &flows[index];
    flow.next.iter().fold(flow.exit, |live, next| match flows.get(usize::from(*next)) {
        Some(next) => live | next.live_in,
        None => live,
    })
}

/// Flags that the block's own branch reads.
pub fn branch_reads(block: &Block) -> FlagSet {
    match block.term {
        Terminator::Branch { cc, .. } => cc.reads(),
        _ => FlagSet::NONE,
    }
}

impl Flow {
    fn of(region: &Region, block: &Block, inside: bool) -> Self {
        let transfer = if inside { Transfer::of_block(block) } else { Transfer::NOTHING };
        let mut flow = Self { transfer, exit: FlagSet::NONE, next: [NO_BLOCK; 2], live_in: FlagSet::NONE };
        let mut known = false;
        for (slot, target) in block.term.targets().enumerate() {
            known = true;
            match target {
                Target::Block(id) => flow.next[slot] = id.0,
                Target::Guest(addr) => flow.exit |= region.live_at(addr),
            }
        }
        if !known {
            flow.exit = FlagSet::ALL;
        }
        flow
    }
}

/// What a stretch of code does to liveness: `before = after - kills | reads`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transfer {
    kills: FlagSet,
    pub(super) reads: FlagSet,
}

impl Transfer {
    const NOTHING: Self = Self { kills: FlagSet::NONE, reads: FlagSet::NONE };

    /// Of one instruction; `insts` are those before it, among which its arguments are.
    pub(super) fn of(insts: &[Inst], inst: &Inst) -> Self {
        let reads = if inst.op.effects().has(Effects::TRAPS) { FlagSet::ALL } else { inst.reads_flags() };
        let keeps = !inst.flags.is_empty() && inst.may_keep_flags(|v| insts[v.index()].as_const());
        Self { kills: if keeps { FlagSet::NONE } else { inst.flags }, reads }
    }

    fn of_block(block: &Block) -> Self {
        let mut whole = Self::NOTHING;
        for inst in block.insts.iter().rev() {
            if !inst.flags.is_empty() || inst.op.needs_flags() {
                let one = Self::of(&block.insts, inst);
                whole = Self { kills: whole.kills | one.kills, reads: one.apply(whole.reads) };
            }
        }
        whole
    }

    pub(super) fn apply(self, after: FlagSet) -> FlagSet {
        after - self.kills | self.reads
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;

    /// The flags of every instruction that could write some, per block, after the pass.
    fn check(body: &str, want: &[&str]) {
        let mut region = parse(&format!("region 0x10\nlive 0x90 -\nlive 0x91 c\n{body}")).unwrap();
        let cx = &mut OptCx::default();
        dead_flags(&region, cx);
        let mut flags: Vec<String> = Vec::new();
        for (index, block) in region.blocks.iter_mut().enumerate().rev() {
            let mut live = live_behind(&cx.flows, index) | branch_reads(block);
            for inst in block.insts.iter().rev() {
                if !inst.op.writes_flags().is_empty() {
                    flags.push((inst.flags & live).to_string());
                }
                live = Transfer::of(&block.insts, inst).apply(live);
            }
        }
        flags.reverse();
        assert_eq!(flags, want, "{body}");
    }

    #[test]
    fn an_overwritten_flag_dies() {
        let head = "b0 0x10 entry:\n; 0x10 +1\nv0 = get_gpr eax\nv1 = add.i32.oszapc v0, v0\n";
        check(&format!("{head}v2 = sub.i32.oszapc v1, v0\nret v0"), &["-", "oszapc"]);
        check(&format!("{head}v2 = sub.i32.oszap v1, v0\nret v0"), &["c", "oszap"]);
        check(&format!("{head}v2 = sub.i32.oszapc v1, v0\nbranch e, 0x90, 0x91"), &["-", "zc"]);
        check(&format!("{head}v2 = cond b\nv3 = sub.i32.oszapc v1, v0\njump 0x90"), &["c", "-"]);
        check(&format!("{head}v2 = adc.i32.oszapc v1, v0\njump 0x91"), &["c", "c"]);
        check(&format!("{head}v2 = load.i32 [v0]\nv3 = sub.i32.oszapc v1, v0\njump 0x90"), &["-", "-"]);
        check(&format!("{head}trap_if.i32 x87, v1\nv3 = sub.i32.oszapc v1, v0\njump 0x90"), &["oszapc", "-"]);
    }

    #[test]
    fn shifts_by_an_unknown_count_keep_flags_alive() {
        let head = "b0 0x10 entry:\n; 0x10 +1\nv0 = get_gpr eax\nv9 = trunc.i8 v0\nv1 = add.i32.oszapc v0, v0\n";
        check(&format!("{head}v2 = shl.i32.oszapc v0, v9\njump 0x91"), &["c", "c"]);
        let fixed = |n| format!("{head}v3 = const.i8 {n}\nv2 = shl.i32.oszapc v0, v3\njump 0x91");
        check(&fixed(3), &["-", "c"]);
        check(&fixed(32), &["c", "c"]);
    }

    #[test]
    fn loops_reach_the_fixpoint() {
        let body = "b0 0x10 entry:\n; 0x10 +1\nv0 = get_gpr eax\nv1 = add.i32.oszapc v0, v0\njump b1
b1 0x20:\n; 0x20 +1\nv0 = get_gpr eax\nv1 = add.i32.oszap v0, v0\nbranch e, b1, b2
b2 0x30:\n; 0x30 +1\nv0 = get_gpr eax\nv1 = adc.i32.oszapc v0, v0\nbranch s, b1, 0x90";
        check(body, &["c", "z", "sc"]);
    }
}
