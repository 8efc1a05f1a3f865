//! Address folding: constants, sums and scales move into the memory operand that uses them.
//!
//! A step to an earlier value is taken only if it costs no register (`Forward::prefers`): after `sub esp, 4` the next
//! access goes by the new ESP, not by the old one, which is gone.
use super::forward::Forward;
use crate::inst::{Inst, Value};
use crate::opcode::Opcode;
use crate::types::Ty;

/// `lea`, and with it every sum with a constant.
pub(super) fn fold_lea(cx: &mut Forward<'_>, inst: &mut Inst) -> Value {
    simplify(cx, inst);
    let [base, index, ..] = inst.args;
    match (base.is_some(), index.is_some()) {
        (false, false) => cx.constant(Ty::I32, u64::from(inst.disp() as u32)),
        (true, false) if inst.disp() == 0 => base,
        _ => cx.emit(inst),
    }
}

/// Loads, stores, atomics.
pub(super) fn fold_access(cx: &mut Forward<'_>, inst: &mut Inst) -> Value {
    simplify(cx, inst);
    take_sum(cx, inst);
    cx.emit(inst)
}

/// Steps that are as cheap in `lea` as in an access. Every one goes to an earlier value, so this ends.
fn simplify(cx: &Forward<'_>, inst: &mut Inst) {
    while step(cx, inst) {}
}

fn step(cx: &Forward<'_>, inst: &mut Inst) -> bool {
    let [base, index, ..] = inst.args;
    if base.is_none() && index.is_some() && inst.shift == 0 {
        inst.args[0] = index;
        inst.args[1] = Value::NONE;
        return true;
    }
    if base.is_some() {
        let def = cx.def(base);
        match def.op {
            Opcode::Const => {
                inst.args[0] = Value::NONE;
                add_disp(inst, def.imm as i32);
                return true;
            }
            Opcode::Lea if def.args[1].is_none() && cx.prefers(def.args[0], base) => {
                inst.args[0] = def.args[0];
                add_disp(inst, def.disp());
                return true;
            }
            Opcode::Shl if index.is_none() => {
                if let Some((value, count)) = scaled(cx, base, 0) {
                    (inst.args[0], inst.args[1], inst.shift) = (Value::NONE, value, count);
                    return true;
                }
            }
            _ => {}
        }
    }
    index.is_some() && step_index(cx, inst)
}

fn step_index(cx: &Forward<'_>, inst: &mut Inst) -> bool {
    let index = inst.args[1];
    let def = cx.def(index);
    match def.op {
        Opcode::Const => {
            inst.args[1] = Value::NONE;
            add_disp(inst, (def.imm as i32) << inst.shift);
            inst.shift = 0;
        }
        Opcode::Lea if def.args[1].is_none() && cx.prefers(def.args[0], index) => {
            inst.args[1] = def.args[0];
            add_disp(inst, def.disp() << inst.shift);
        }
        Opcode::Shl => match scaled(cx, index, inst.shift) {
            Some((value, count)) => (inst.args[1], inst.shift) = (value, count),
            None => return false,
        },
        _ => return false,
    }
    true
}

/// A shifted value as an index: what is shifted, and the whole scale if it is small enough.
fn scaled(cx: &Forward<'_>, value: Value, shift: u8) -> Option<(Value, u8)> {
    let def = cx.def(value);
    let count = cx.as_const(def.args[1])? & 31;
    let whole = u64::from(shift) + count;
    (whole <= 3 && cx.prefers(def.args[0], value)).then_some((def.args[0], whole as u8))
}

/// A base that is a sum of two values becomes base and index where the host has that operand: no displacement, and a
/// scale that is one or the size of the access. [`super::dce`] does the rest for sums with a single use.
fn take_sum(cx: &Forward<'_>, inst: &mut Inst) {
    let [base, index, ..] = inst.args;
    if base.is_none() || index.is_some() || cx.state.in_register(base) {
        return;
    }
    let def = cx.def(base);
    let sum = match def.op {
        Opcode::Lea => true,
        Opcode::Add => def.ty == Ty::I32 && def.flags.is_empty(),
        _ => false,
    };
    let size_fits = def.shift == 0 || 1 << def.shift == inst.ty.bytes();
    if sum && size_fits && inst.disp().wrapping_add(def.disp()) == 0 {
        (inst.args[0], inst.args[1], inst.shift, inst.imm) = (def.args[0], def.args[1], def.shift, 0);
    }
}

fn add_disp(inst: &mut Inst, more: i32) {
    inst.imm = i64::from(inst.disp().wrapping_add(more));
}

#[cfg(test)]
mod tests {
    use super::super::forward::tests::check;

    /// `before` computes from v0 = eax and v1 = ecx the address v9, which is loaded from.
    fn address(before: &str, used: &str, after: &str) {
        let gets = "v0 = get_gpr eax\nv1 = get_gpr ecx";
        let tail = "set_gpr edx, v8\nset_gpr ebx, v1\nset_gpr esi, v0\njump 0x20";
        check(
            &format!("{gets}\n{before}\nv8 = load.i32 {used}\n{tail}"),
            &format!("{gets}\nv8 = load.i32 {after}\n{tail}"),
        );
    }

    #[test]
    fn sums_and_scales_move_in() {
        address("v2 = const.i32 8\nv9 = sub.i32 v0, v2", "[v9 + 4]", "[v0 - 4]");
        address("v9 = const.i32 0x1000", "[v9 - 4]", "[0xffc]");
        address("v2 = const.i8 2\nv3 = shl.i32 v1, v2", "[v0 + v3]", "[v0 + v1<<2]");
        address("v2 = const.i8 2\nv3 = shl.i32 v1, v2", "[v0 + v3<<1 + 4]", "[v0 + v1<<3 + 4]");
        address("v9 = add.i32 v0, v1", "[v9]", "[v0 + v1]");
        address("v9 = lea [v1 + 4]", "[v0 + v9<<2 + 1]", "[v0 + v1<<2 + 0x11]");
        address("v9 = const.i32 3", "[v0 + v9<<2]", "[v0 + 0xc]");
        address("v9 = lea [v0 + v1<<2 + 4]", "[v9 + 4]", "[v0 + v1<<2 + 8]");
    }

    #[test]
    fn lea_alone() {
        check("v0 = get_gpr eax\nv1 = lea [v0]\nv2 = lea [v1<<0]\nret v2", "v0 = get_gpr eax\nret v0");
        check("v0 = const.i32 4\nv1 = lea [v0 + v0<<2 + 1]\nret v1", "v0 = const.i32 0x15\nret v0");
    }

    /// PUSH twice: the second goes by the register as the first left it.
    #[test]
    fn a_register_that_moved_on_is_not_revived() {
        check(
            "v0 = get_gpr esp\nv1 = const.i32 4\nv2 = sub.i32 v0, v1\nstore.i32 [v2], v1\nset_gpr esp, v2
; 0x11 +1\nv3 = sub.i32 v2, v1\nstore.i32 [v3], v1\nset_gpr esp, v3\njump 0x20",
            "v0 = get_gpr esp\nv1 = const.i32 4\nv2 = lea [v0 - 4]\nstore.i32 [v0 - 4], v1\nset_gpr esp, v2
; 0x11 +1\nv3 = lea [v2 - 4]\nstore.i32 [v2 - 4], v1\nset_gpr esp, v3\njump 0x20",
        );
    }
}
