//! Compare-and-branch fusion: `branch e` or `ne` that only asks whether a value is zero becomes `branch_nz` on the value,
//! and nobody writes ZF.
//!
//! The last writer of ZF must be in the block, define no other live flag, and nothing may read ZF after it: neither in the
//! block nor at the targets. It must also be an operation where this saves something on the host: logic and shifts, whose
//! flags take a separate comparison, and comparisons with zero. (`sub` and `add` set flags for free.)
//!
//! The backward walk of [`super::backward`] shows this pass the instructions that have to do with flags, last first.
use crate::guest::{Cc, FlagSet};
use crate::inst::{Inst, Value};
use crate::opcode::Opcode;
use crate::terminator::Terminator;

/// The search for the writer of ZF that a block's branch reads.
pub(super) struct Fusion {
    open: bool,
}

impl Fusion {
    /// For a block's terminator and the flags that others read behind it.
    pub(super) fn new(term: &Terminator, live_behind: FlagSet) -> Self {
        let asks_zero = matches!(term, Terminator::Branch { cc: Cc::E | Cc::Ne, .. });
        Self { open: asks_zero && !live_behind.contains(FlagSet::ZF) }
    }

    /// Looks at the instruction at `index`, whose flags are cut to what is live. If the branch can do without its ZF: the
    /// value to compare with zero.
    pub(super) fn see(&mut self, insts: &[Inst], index: usize, reads: FlagSet) -> Option<Value> {
        if !self.open {
            return None;
        }
        let inst = &insts[index];
        if inst.flags.contains(FlagSet::ZF) {
            self.open = false;
            return if inst.flags == FlagSet::ZF { tested(insts, index) } else { None };
        }
        self.open = !reads.contains(FlagSet::ZF);
        None
    }
}

/// The terminator instead of a branch on ZF.
pub(super) fn branch_on(value: Value, term: Terminator) -> Terminator {
    match term {
        Terminator::Branch { cc: Cc::Ne, taken, fallthrough } => Terminator::BranchNz { value, taken, fallthrough },
        Terminator::Branch { taken, fallthrough, .. } => {
            Terminator::BranchNz { value, taken: fallthrough, fallthrough: taken }
        }
        _ => term,
    }
}

/// The value that is zero exactly when the instruction sets ZF, if asking it is cheaper.
fn tested(insts: &[Inst], index: usize) -> Option<Value> {
    use Opcode::*;
    let inst = &insts[index];
    let result = Value(index as u16);
    let [a, b, ..] = inst.args;
    let as_const = |v: Value| insts[v.index()].as_const();
    match inst.op {
        And if a == b => Some(a),
        And | Or | Xor => Some(result),
        Sub if as_const(b) == Some(0) => Some(a),
        Shl | Shr | Sar if !inst.may_keep_flags(as_const) => Some(result),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::opt::{backward::backward, dead_flags::dead_flags, OptCx};
    use crate::parse::parse;

    fn check(before: &str, after: &str) {
        let head = "region 0x10\nlive 0x20 -\nlive 0x30 -\nlive 0x40 z\nb0 0x10 entry:\n; 0x10 +1\nv0 = get_gpr eax\n";
        let mut region = parse(&format!("{head}{before}")).unwrap();
        let cx = &mut OptCx::default();
        dead_flags(&region, cx);
        backward(&mut region, 0, cx);
        assert_eq!(region.to_string(), parse(&format!("{head}{after}")).unwrap().to_string());
    }

    #[test]
    fn tests_for_zero_fuse() {
        check("v1 = and.i32.oszapc v0, v0\nbranch ne, 0x20, 0x30", "branch_nz v0, 0x20, 0x30");
        check("v1 = and.i32.oszapc v0, v0\nbranch e, 0x20, 0x30", "branch_nz v0, 0x30, 0x20");
        let zero = "v1 = const.i32 0\n";
        check(&format!("{zero}v2 = sub.i32.oszapc v0, v1\nbranch e, 0x20, 0x30"), "branch_nz v0, 0x30, 0x20");
        check(
            "v1 = not.i32 v0\nv2 = or.i32.z v0, v1\nbranch ne, 0x20, 0x30",
            "v1 = not.i32 v0\nv2 = or.i32 v0, v1\nbranch_nz v2, 0x20, 0x30",
        );
    }

    #[test]
    fn other_readers_prevent_it() {
        for body in [
            "v1 = and.i32.z v0, v0\nbranch ne, 0x20, 0x40",
            "v1 = and.i32.z v0, v0\nv2 = cond e\nv3 = zext.i32 v2\nset_gpr eax, v3\nbranch ne, 0x20, 0x30",
            "v1 = and.i32.sz v0, v0\nv2 = cond s\nv3 = zext.i32 v2\nset_gpr eax, v3\nbranch ne, 0x20, 0x30",
            "v1 = trunc.i8 v0\nv2 = shl.i32.z v0, v1\nbranch ne, 0x20, 0x30",
            "v1 = not.i32 v0\nv2 = sub.i32.z v0, v1\nbranch ne, 0x20, 0x30",
        ] {
            check(body, body);
        }
    }
}
