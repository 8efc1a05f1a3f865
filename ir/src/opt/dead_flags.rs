//! Dead flag elimination: backward liveness of the six flags over the region's blocks, then every instruction's `flags`
//! is cut to what is live behind it.
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

/// The pass. Leaves the flags live at each block's start in `cx.live_in`.
pub fn dead_flags(region: &mut Region, cx: &mut OptCx) {
    let live_in = &mut cx.live_in;
    live_in.clear();
    live_in.resize(region.blocks.len(), FlagSet::NONE);
    if region.blocks.len() == 1 && !region.blocks[0].term.targets().any(|t| matches!(t, Target::Block(_))) {
        // No successor inside: one walk does both.
        let live = live_out(region, 0, live_in);
        live_in[0] = shrink(&mut region.blocks[0], live);
        return;
    }
    solve(region, live_in);
    for index in 0..region.blocks.len() {
        let live = live_out(region, index, live_in);
        shrink(&mut region.blocks[index], live);
    }
}

/// Flags live behind a block's last instruction, given those live at the blocks' starts.
pub(super) fn live_out(region: &Region, index: usize, live_in: &[FlagSet]) -> FlagSet {
    let live_at = |target| match target {
        Target::Block(id) => live_in[id.index()],
        Target::Guest(addr) => region.live_at(addr),
    };
    match region.blocks[index].term {
        Terminator::Jump(target) | Terminator::Call { target, .. } => live_at(target),
        Terminator::Branch { cc, taken, fallthrough } => cc.reads() | live_at(taken) | live_at(fallthrough),
        Terminator::BranchNz { taken, fallthrough, .. } => live_at(taken) | live_at(fallthrough),
        _ => FlagSet::ALL,
    }
}

/// What a stretch of code does to liveness: `before = after - kills | reads`.
#[derive(Clone, Copy)]
struct Transfer {
    kills: FlagSet,
    reads: FlagSet,
}

impl Transfer {
    /// `None` for the many instructions that neither read nor write flags.
    #[inline]
    fn of(block: &Block, inst: &Inst) -> Option<Self> {
        if inst.flags.is_empty() && !inst.op.needs_flags() {
            return None;
        }
        let reads = if inst.op.effects().has(Effects::TRAPS) { FlagSet::ALL } else { inst.reads_flags() };
        let keeps = !inst.flags.is_empty() && inst.may_keep_flags(|v| block.as_const(v));
        Some(Self { kills: if keeps { FlagSet::NONE } else { inst.flags }, reads })
    }

    fn apply(self, after: FlagSet) -> FlagSet {
        after - self.kills | self.reads
    }
}

/// Fills `live_in` by iterating to the fixpoint. A backward order makes two or three rounds do for real code.
fn solve(region: &Region, live_in: &mut [FlagSet]) {
    let summaries: Vec<Transfer> = region.blocks.iter().map(summary).collect();
    let mut changed = true;
    while changed {
        changed = false;
        for index in (0..region.blocks.len()).rev() {
            let live = summaries[index].apply(live_out(region, index, live_in));
            changed |= live != live_in[index];
            live_in[index] = live;
        }
    }
}

fn summary(block: &Block) -> Transfer {
    let mut whole = Transfer { kills: FlagSet::NONE, reads: FlagSet::NONE };
    for inst in block.insts.iter().rev() {
        let Some(one) = Transfer::of(block, inst) else { continue };
        whole = Transfer { kills: whole.kills | one.kills, reads: one.apply(whole.reads) };
    }
    whole
}

/// Cuts the flags of a block; returns those live at its start.
fn shrink(block: &mut Block, mut live: FlagSet) -> FlagSet {
    for index in (0..block.insts.len()).rev() {
        let Some(transfer) = Transfer::of(block, &block.insts[index]) else { continue };
        let inst = &mut block.insts[index];
        inst.flags = inst.flags & live;
        live = transfer.apply(live);
    }
    live
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;

    /// The flags of every instruction that could write some, per block, after the pass.
    fn check(body: &str, want: &[&str]) {
        let mut region = parse(&format!("region 0x10\nlive 0x90 -\nlive 0x91 c\n{body}")).unwrap();
        dead_flags(&mut region, &mut OptCx::default());
        let insts = region.blocks.iter().flat_map(|block| &block.insts);
        let flags: Vec<String> =
            insts.filter(|inst| !inst.op.writes_flags().is_empty()).map(|inst| inst.flags.to_string()).collect();
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
