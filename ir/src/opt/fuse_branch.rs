//! Compare-and-branch fusion: `branch e` or `ne` that only asks whether a value is zero becomes `branch_nz` on the value,
//! and nobody writes ZF.
//!
//! The last writer of ZF must be in the block, define no other live flag, and nothing may read ZF after it: neither in the
//! block nor at the targets. It must also be an operation where this saves something on the host: logic and shifts, whose
//! flags take a separate comparison, and comparisons with zero. (`sub` and `add` set flags for free.)
use super::dead_flags::live_out;
use super::OptCx;
use crate::guest::{Cc, FlagSet};
use crate::inst::{Inst, Value};
use crate::opcode::Opcode;
use crate::region::{Block, Region};
use crate::terminator::Terminator;

/// The pass over one block; needs the liveness that `dead_flags` left.
pub fn fuse_branch(region: &mut Region, index: usize, cx: &OptCx) {
    let Terminator::Branch { cc: cc @ (Cc::E | Cc::Ne), taken, fallthrough } = region.blocks[index].term else {
        return;
    };
    let jump = Terminator::BranchNz { value: Value::NONE, taken, fallthrough };
    if behind(region, index, jump, cx).intersects(FlagSet::ZF) {
        return;
    }
    let block = &mut region.blocks[index];
    let Some((writer, value)) = zero_test(block) else { return };
    block.insts[writer].flags = FlagSet::NONE;
    let (taken, fallthrough) = if cc == Cc::Ne { (taken, fallthrough) } else { (fallthrough, taken) };
    block.term = Terminator::BranchNz { value, taken, fallthrough };
}

/// Flags live behind a block if it ended in `term`.
fn behind(region: &mut Region, index: usize, term: Terminator, cx: &OptCx) -> FlagSet {
    let old = std::mem::replace(&mut region.blocks[index].term, term);
    let live = live_out(region, index, &cx.live_in);
    region.blocks[index].term = old;
    live
}

/// The instruction that decides ZF at the block's end, and the value it compares with zero.
fn zero_test(block: &Block) -> Option<(usize, Value)> {
    for (index, inst) in block.insts.iter().enumerate().rev() {
        if inst.flags.contains(FlagSet::ZF) {
            let value = tested(block, inst, Value(index as u16))?;
            return (inst.flags == FlagSet::ZF).then_some((index, value));
        }
        if inst.reads_flags().contains(FlagSet::ZF) || inst.op == Opcode::TrapIf {
            return None;
        }
    }
    None
}

fn tested(block: &Block, inst: &Inst, result: Value) -> Option<Value> {
    use Opcode::*;
    let [a, b, ..] = inst.args;
    match inst.op {
        And if a == b => Some(a),
        And | Or | Xor => Some(result),
        Sub if block.as_const(b) == Some(0) => Some(a),
        Shl | Shr | Sar if !inst.may_keep_flags(|v| block.as_const(v)) => Some(result),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opt::dead_flags::dead_flags;
    use crate::parse::parse;

    fn check(before: &str, after: &str) {
        let head = "region 0x10\nlive 0x20 -\nlive 0x30 -\nlive 0x40 z\nb0 0x10 entry:\n; 0x10 +1\nv0 = get_gpr eax\n";
        let mut region = parse(&format!("{head}{before}")).unwrap();
        let cx = &mut OptCx::default();
        dead_flags(&mut region, cx);
        fuse_branch(&mut region, 0, cx);
        assert_eq!(region.to_string(), parse(&format!("{head}{after}")).unwrap().to_string());
    }

    #[test]
    fn tests_for_zero_fuse() {
        check("v1 = and.i32.oszapc v0, v0\nbranch ne, 0x20, 0x30", "v1 = and.i32 v0, v0\nbranch_nz v0, 0x20, 0x30");
        check("v1 = and.i32.oszapc v0, v0\nbranch e, 0x20, 0x30", "v1 = and.i32 v0, v0\nbranch_nz v0, 0x30, 0x20");
        let zero = "v1 = const.i32 0\n";
        check(
            &format!("{zero}v2 = sub.i32.oszapc v0, v1\nbranch e, 0x20, 0x30"),
            &format!("{zero}v2 = sub.i32 v0, v1\nbranch_nz v0, 0x30, 0x20"),
        );
        check(
            "v1 = not.i32 v0\nv2 = or.i32.z v0, v1\nbranch ne, 0x20, 0x30",
            "v1 = not.i32 v0\nv2 = or.i32 v0, v1\nbranch_nz v2, 0x20, 0x30",
        );
    }

    #[test]
    fn other_readers_prevent_it() {
        for body in [
            "v1 = and.i32.z v0, v0\nbranch ne, 0x20, 0x40",
            "v1 = and.i32.z v0, v0\nv2 = cond e\nbranch ne, 0x20, 0x30",
            "v1 = and.i32.sz v0, v0\nv2 = cond s\nbranch ne, 0x20, 0x30",
            "v1 = trunc.i8 v0\nv2 = shl.i32.z v0, v1\nbranch ne, 0x20, 0x30",
            "v1 = not.i32 v0\nv2 = sub.i32.z v0, v1\nbranch ne, 0x20, 0x30",
        ] {
            check(body, body);
        }
    }
}
