//! Dead code elimination: one backward walk counts uses and drops what has none, one forward walk closes the gaps.
//!
//! Loads stay even when unused: they may fault. So does an unused operation some of whose flags are live.
//!
//! Going backward, all users of a value are known when its definition comes up; so this is also where an instruction
//! merges with its only user, which an earlier pass could not have decided:
//! - a double-width product that is only cut to its low half is a plain `mul`;
//! - a narrow load that is only sign-extended is a `load_sx`;
//! - an address that is only the base of one access moves into its memory operand.
use super::OptCx;
use crate::inst::{Inst, Value};
use crate::opcode::{Effects, Opcode};
use crate::region::Block;
use crate::types::Ty;

/// How often a value is used, and by which instruction first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Uses {
    count: u16,
    user: u16,
}

/// A user that is not an instruction.
const TERMINATOR: u16 = u16::MAX;

/// The pass.
pub fn dce(block: &mut Block, cx: &mut OptCx) {
    let insts = block.insts.as_mut_slice();
    cx.uses.clear();
    cx.uses.resize(insts.len(), Uses::default());
    let uses = cx.uses.as_mut_slice();
    if let Some(value) = block.term.value() {
        uses[value.index()] = Uses { count: 1, user: TERMINATOR };
    }
    for index in (0..uses.len()).rev() {
        let Uses { count, user } = uses[index];
        let inst = &mut insts[index];
        if count == 0 && inst.flags.is_empty() && inst.op.effects().removable() {
            inst.become_nop();
            continue;
        }
        let args = inst.args;
        let places = inst.op.arg_count();
        let mut by = index as u16;
        if count == 1 && merges(inst.op) && user != TERMINATOR && merge(insts, index, usize::from(user)) {
            by = if insts[index].op == Opcode::Nop { user } else { by };
        }
        for arg in &args[..places] {
            // Covers absent arguments as well: their index is past any value's.
            if let Some(uses) = uses.get_mut(arg.index()) {
                *uses = Uses { count: uses.count.saturating_add(1), user: by };
            }
        }
    }
    compact(block, &mut cx.map);
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

/// Removes every `nop` and renumbers the values.
fn compact(block: &mut Block, map: &mut Vec<Value>) {
    map.clear();
    map.resize(block.insts.len(), Value::NONE);
    let map = map.as_mut_slice();
    let insts = block.insts.as_mut_slice();
    let mut kept = 0;
    for index in 0..map.len() {
        let mut inst = insts[index];
        if inst.op == Opcode::Nop {
            map[index] = map.get(inst.args[0].index()).copied().unwrap_or(Value::NONE);
            continue;
        }
        for arg in inst.arg_places() {
            // An absent argument has no entry.
            if let Some(new) = map.get(arg.index()) {
                *arg = *new;
            }
        }
        map[index] = Value(kept as u16);
        insts[kept] = inst;
        kept += 1;
    }
    block.insts.truncate(kept);
    if let Some(value) = block.term.value_mut() {
        *value = map[value.index()];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;

    fn check(before: &str, after: &str) {
        let region = |body: &str| parse(&format!("region 0x10\nb0 0x10 entry:\n; 0x10 +1\n{body}")).unwrap();
        let mut got = region(before);
        dce(&mut got.blocks[0], &mut OptCx::default());
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
