//! The backward walk over a block: everything that is decided by what comes after an instruction.
//!
//! - Flags are cut to what is live ([`super::dead_flags`]), and a branch on ZF may do without ([`super::fuse_branch`]).
//! - What has neither uses nor live flags nor effects is dropped. Loads stay even when unused: they may fault.
//! - What wrote flags and no longer does takes the form it would have had without: a sum with a constant is an address.
//! - An instruction merges with its only user: all users of a value are known when its definition comes up.
//!   - A double-width product that is only cut to its low half is a plain `mul`;
//!   - a narrow load that is only sign-extended is a `load_sx`;
//!   - an address that is only the base of one access moves into its memory operand.
//!
//! Then a forward walk closes the gaps and renumbers the values.
use super::dead_flags::{branch_reads, live_behind, Transfer};
use super::fuse_branch::{branch_on, Fusion};
use super::OptCx;
use crate::guest::FlagSet;
use crate::inst::{Inst, Value};
use crate::opcode::{Effects, Opcode};
use crate::region::{Block, Region};
use crate::terminator::Terminator;
use crate::types::Ty;

/// How often a value is used, and by which instruction first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Uses {
    count: u16,
    user: u16,
}

/// A user that is not an instruction.
const TERMINATOR: u16 = u16::MAX;

/// The pass over one block; needs what `dead_flags` found out.
pub fn backward(region: &mut Region, index: usize, cx: &mut OptCx) {
    let behind = live_behind(&cx.flows, index);
    let block = &mut region.blocks[index];
    let (live, fusion) = (behind | branch_reads(block), Fusion::new(&block.term, behind));
    let (insts, term) = (block.insts.as_mut_slice(), &mut block.term);
    cx.uses.clear();
    cx.uses.resize(insts.len(), Uses::default());
    let uses = cx.uses.as_mut_slice();
    if let Some(value) = term.value() {
        uses[value.index()] = Uses { count: 1, user: TERMINATOR };
    }
    let mut walk = Walk { insts, term, uses, live, fusion, gap: usize::MAX };
    for index in (0..walk.uses.len()).rev() {
        walk.step(index);
    }
    let gap = walk.gap;
    if gap < usize::MAX {
        compact(block, gap, &mut cx.map);
    }
}

/// The walk behind the instruction it comes to next.
struct Walk<'a> {
    insts: &'a mut [Inst],
    term: &'a mut Terminator,
    uses: &'a mut [Uses],
    live: FlagSet,
    fusion: Fusion,
    /// The first place so far where an instruction went.
    gap: usize,
}

impl Walk<'_> {
    #[inline]
    fn step(&mut self, index: usize) {
        let inst = &self.insts[index];
        let unused = |walk: &Self| walk.uses[index].count == 0 && inst.op.effects().removable();
        if !inst.flags.intersects(self.live) && unused(self) {
            self.drop(index);
            return;
        }
        if !inst.flags.is_empty() || inst.op.needs_flags() {
            self.flags(index);
            if self.insts[index].op == Opcode::Nop {
                return;
            }
        }
        self.arguments(index);
    }

    fn drop(&mut self, index: usize) {
        self.insts[index].become_nop();
        self.gap = index;
    }

    /// Cuts the flags of an instruction that writes or reads some.
    fn flags(&mut self, index: usize) {
        let inst = &mut self.insts[index];
        let wrote = !inst.flags.is_empty();
        inst.flags = inst.flags & self.live;
        let transfer = Transfer::of(self.insts, &self.insts[index]);
        self.live = transfer.apply(self.live);
        if let Some(value) = self.fusion.see(self.insts, index, transfer.reads) {
            self.insts[index].flags = FlagSet::NONE;
            *self.term = branch_on(value, *self.term);
            let uses = &mut self.uses[value.index()];
            *uses = Uses { count: uses.count + 1, user: TERMINATOR };
            if self.uses[index].count == 0 {
                self.drop(index);
                return;
            }
        }
        if wrote && self.insts[index].flags.is_empty() {
            without_flags(self.insts, index);
        }
    }

    /// Counts the uses that an instruction makes, or those of what it has merged with.
    #[inline]
    fn arguments(&mut self, index: usize) {
        let Uses { count, user } = self.uses[index];
        let inst = &self.insts[index];
        let args = inst.args;
        let places = inst.op.arg_count();
        let mut by = index as u16;
        if count == 1 && merges(inst.op) && user != TERMINATOR && merge(self.insts, index, usize::from(user)) {
            let moved = self.insts[index].op == Opcode::Nop;
            by = if moved { user } else { by };
            self.gap = if moved { index } else { self.gap.min(usize::from(user)) };
        }
        for arg in &args[..places] {
            // Covers absent arguments as well: their index is past any value's.
            if let Some(uses) = self.uses.get_mut(arg.index()) {
                *uses = Uses { count: uses.count.saturating_add(1), user: by };
            }
        }
    }
}

/// Simplifies an instruction whose flags have died, as [`crate::fold`] would have.
fn without_flags(insts: &mut [Inst], index: usize) {
    let inst = insts[index];
    let Some(constant) = insts.get(inst.args[1].index()).and_then(Inst::as_const) else { return };
    match inst.op {
        Opcode::Add | Opcode::Sub if inst.ty == Ty::I32 => {
            let disp = if inst.op == Opcode::Add { constant as i32 } else { (constant as i32).wrapping_neg() };
            let args = [inst.args[0], Value::NONE, Value::NONE, Value::NONE];
            insts[index] = Inst { op: Opcode::Lea, args, imm: i64::from(disp), ..inst };
        }
        Opcode::Xor if constant == inst.ty.mask() => {
            insts[index].op = Opcode::Not;
            insts[index].args[1] = Value::NONE;
        }
        _ => {}
    }
}

/// Opcodes that [`merge`] knows.
fn merges(op: Opcode) -> bool {
    matches!(op, Opcode::MulWideU | Opcode::MulWideS | Opcode::Load | Opcode::Lea)
}

/// Merges an instruction with its only user, if the pair is one of the above. Either the instruction has become a `nop`
/// and the user has its arguments, or the user has become a `nop` whose first argument stands for its result.
fn merge(insts: &mut [Inst], index: usize, user: usize) -> bool {
    let (inst, mut with) = (insts[index], insts[user]);
    let narrow = matches!(inst.ty, Ty::I8 | Ty::I16);
    match inst.op {
        Opcode::MulWideU | Opcode::MulWideS
            if with.op == Opcode::Trunc && with.ty == inst.ty && inst.flags.is_empty() =>
        {
            insts[index].op = Opcode::Mul;
            become_alias(&mut insts[user], index);
        }
        Opcode::Load if with.op == Opcode::Sext && with.ty == Ty::I32 && narrow => {
            insts[index].op = Opcode::LoadSx;
            become_alias(&mut insts[user], index);
        }
        Opcode::Lea if takes_address(&with) && with.args[0].index() == index && with.args[1].is_none() => {
            with.args[0] = inst.args[0];
            with.args[1] = inst.args[1];
            with.shift = inst.shift;
            with.imm = i64::from(inst.disp().wrapping_add(with.disp()));
            insts[user] = with;
            insts[index].become_nop();
        }
        _ => return false,
    }
    true
}

/// Accesses that have more than a plain base on the host. Atomics have not.
fn takes_address(inst: &Inst) -> bool {
    inst.op.has_address() && inst.op != Opcode::Lea && !inst.op.effects().has(Effects::FENCE)
}

fn become_alias(inst: &mut Inst, index: usize) {
    inst.become_nop();
    inst.args[0] = Value(index as u16);
}

/// Removes every `nop` and renumbers the values. There is none before `gap`.
fn compact(block: &mut Block, gap: usize, map: &mut Vec<Value>) {
    map.clear();
    map.resize(block.insts.len() - gap, Value::NONE);
    let map = map.as_mut_slice();
    let insts = block.insts.as_mut_slice();
    // Values before the gap keep their numbers; absent arguments are past the map.
    let rename = |map: &[Value], value: Value| match value.index().checked_sub(gap) {
        Some(index) => map.get(index).copied().unwrap_or(Value::NONE),
        None => value,
    };
    let mut kept = gap;
    for index in 0..map.len() {
        let mut inst = insts[gap + index];
        if inst.op == Opcode::Nop {
            map[index] = rename(map, inst.args[0]);
            continue;
        }
        for arg in inst.arg_places() {
            *arg = rename(map, *arg);
        }
        map[index] = Value(kept as u16);
        insts[kept] = inst;
        kept += 1;
    }
    block.insts.truncate(kept);
    if let Some(value) = block.term.value_mut() {
        *value = rename(map, *value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opt::dead_flags::dead_flags;
    use crate::parse::parse;

    fn check(before: &str, after: &str) {
        let region = |body: &str| parse(&format!("region 0x10\nb0 0x10 entry:\n; 0x10 +1\n{body}")).unwrap();
        let mut got = region(before);
        let cx = &mut OptCx::default();
        dead_flags(&got, cx);
        backward(&mut got, 0, cx);
        assert_eq!(got.to_string(), region(after).to_string());
    }

    #[test]
    fn unused_chains_go_and_effects_stay() {
        check(
            "v0 = get_gpr eax\nv1 = not.i32 v0\nv2 = not.i32 v1\nv3 = add.i32.c v0, v0\nv4 = load.i32 [v0]\nnop\njump 0x20",
            "v0 = get_gpr eax\nv1 = add.i32.c v0, v0\nv2 = load.i32 [v0]\njump 0x20",
        );
        check("v0 = get_gpr eax\nset_flags v0\njump 0x20", "jump 0x20");
        check("v0 = get_gpr eax\nv1 = get_gpr ecx\nret v1", "v0 = get_gpr ecx\nret v0");
    }

    #[test]
    fn single_use_pairs_merge() {
        check(
            "v0 = get_gpr eax\nv1 = mul_wide_s.i32 v0, v0\nv2 = trunc.i32 v1\nset_gpr eax, v2\njump 0x20",
            "v0 = get_gpr eax\nv1 = mul.i32 v0, v0\nset_gpr eax, v1\njump 0x20",
        );
        check(
            "v0 = get_gpr eax\nv1 = load.i8 [v0 + 4]\nv2 = sext.i32 v1\nset_gpr eax, v2\njump 0x20",
            "v0 = get_gpr eax\nv1 = load_sx.i8 [v0 + 4]\nset_gpr eax, v1\njump 0x20",
        );
        check(
            "v0 = get_gpr eax\nv1 = lea [v0 + v0<<3 + 4]\nstore.i32 [v1 + 4], v0\njump 0x20",
            "v0 = get_gpr eax\nstore.i32 [v0 + v0<<3 + 8], v0\njump 0x20",
        );
    }

    #[test]
    fn shared_values_do_not_merge() {
        for body in [
            "v0 = get_gpr eax\nv1 = mul_wide_s.i32.c v0, v0\nv2 = trunc.i32 v1\nset_gpr eax, v2\njump 0x20",
            "v0 = get_gpr eax\nv1 = load.i8 [v0]\nv2 = sext.i32 v1\nset_gpr eax, v2\nbranch_nz v1, 0x20, 0x21",
            "v0 = get_gpr eax\nv1 = lea [v0 + v0<<3]\nstore.i32 [v1], v1\njump 0x20",
            "v0 = get_gpr eax\nv1 = lea [v0 + v0<<3]\nv2 = atomic_add.i32 [v1], v0\njump 0x20",
        ] {
            check(body, body);
        }
    }
}
