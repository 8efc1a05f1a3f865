//! Pre- and post-indexed accesses: PUSH, POP and the like as one instruction.
//!
//! An access at a pinned register plus a constant, followed at once by that register's step (`set_gpr r, lea [..]`, which
//! the allocator moved down to the set), becomes one instruction. A fault leaves the base as it was (Arm ARM D1.13.4),
//! so the state is exact. An access that succeeds lies in the guest's window, so the new base does not leave 32 bits.
use super::super::abi;
use super::super::allocation::{Loc, When};
use super::super::imm::SImm9;
use super::{a64, pair, EmitCx};
use ir::{Inst, Opcode, Ty, Value};

/// How far to look for the step behind an access.
const REACH: usize = 8;

/// What the guest's registers are known to hold: a value plus a constant.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held([Option<(Value, u32)>; 8]);

/// An access that also steps its base register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stepping {
    /// `[base, #offset]!`.
    Pre(u8, SImm9),
    /// `[base], #offset`.
    Post(u8, SImm9),
}

/// A value as another one plus a constant, as far back as that goes.
fn resolve(cx: &EmitCx, value: Value) -> (Value, u32) {
    let (mut value, mut offset) = (value, 0u32);
    loop {
        let root = Value(cx.alloc.slots[value.index()].root);
        let def = cx.block.def(root);
        if def.op != Opcode::Lea || def.args[1].is_some() || def.args[0].is_none() {
            return (root, offset);
        }
        offset = offset.wrapping_add(def.disp() as u32);
        value = def.args[0];
    }
}

/// What `reg` (0..8) holds, relative to `root`.
fn distance(cx: &EmitCx, reg: usize, root: Value) -> Option<u32> {
    match cx.held.0[reg] {
        Some((held, offset)) => (held == root).then_some(offset),
        None => {
            let def = cx.block.def(root);
            (def.op == Opcode::GetGpr && def.gpr().index() == reg).then_some(0)
        }
    }
}

/// A guest register was set.
pub(super) fn note_set(cx: &mut EmitCx, inst: &Inst) {
    let held = resolve(cx, inst.args[0]);
    cx.held.0[inst.gpr().index()] = Some(held);
}

/// The step right behind the current access, as the guest register's number, its new value and where it is emitted: at
/// the set it sank to, or by itself into the pinned register.
fn next_step(cx: &EmitCx) -> Option<(usize, Value, usize)> {
    for at in cx.pos + 1..cx.block.insts.len().min(cx.pos + REACH) {
        if cx.alloc.slots[at].when != When::Here {
            continue;
        }
        let inst = &cx.block.insts[at];
        if inst.op != Opcode::SetGpr {
            let loc = cx.alloc.slots[at].loc;
            return match loc {
                Loc::X(n) if inst.op == Opcode::Lea && loc.is_pinned() => {
                    Some((usize::from(n - abi::GPR_BASE), Value(at as u16), at))
                }
                _ => None,
            };
        }
        let root = usize::from(cx.alloc.slots[inst.args[0].index()].root);
        let slot = cx.alloc.slots[root];
        if slot.when == When::At(at as u16) {
            return (cx.block.insts[root].op == Opcode::Lea).then_some((inst.gpr().index(), inst.args[0], at));
        }
        // A register whose value was computed in place takes no instruction.
        if slot.loc != Loc::gpr(inst.gpr()) || slot.when == When::FirstUse {
            return None;
        }
    }
    None
}

/// Whether the current load or store (`data` is the register it moves) can step its base.
pub(super) fn stepping(cx: &mut EmitCx, inst: &Inst, data: u8) -> Option<Stepping> {
    if inst.args[0].is_none() || inst.args[1].is_some() || cx.imm(0).is_some() {
        return None;
    }
    let (reg, value, at) = next_step(cx)?;
    let base = abi::GPR_BASE + reg as u8;
    let (root, offset) = resolve(cx, inst.args[0]);
    let (new_root, new_offset) = resolve(cx, value);
    if root != new_root || data == base && inst.ty != Ty::V128 {
        return None;
    }
    let held = distance(cx, reg, root)?;
    let access = offset.wrapping_add(inst.disp() as u32).wrapping_sub(held) as i32;
    let step = SImm9::new(new_offset.wrapping_sub(held) as i32)?;
    let stepping = match access {
        _ if access == step.value() => Stepping::Pre(base, step),
        0 => Stepping::Post(base, step),
        _ => return None,
    };
    cx.stepped = at;
    Some(stepping)
}

/// The load.
pub(super) fn load(cx: &mut EmitCx, ty: Ty, reg: u8, stepping: Stepping) {
    match stepping {
        Stepping::Pre(base, imm) => {
            let by = imm.value();
            match ty {
                Ty::I8 => a64!(cx; ldrb W(reg), [X(base), by]!),
                Ty::I16 => a64!(cx; ldrh W(reg), [X(base), by]!),
                Ty::I32 => a64!(cx; ldr W(reg), [X(base), by]!),
                Ty::I64 => a64!(cx; ldr X(reg), [X(base), by]!),
                _ => a64!(cx; ldr Q(reg), [X(base), by]!),
            }
        }
        Stepping::Post(base, imm) => {
            let by = imm.value();
            match ty {
                Ty::I8 => a64!(cx; ldrb W(reg), [X(base)], by),
                Ty::I16 => a64!(cx; ldrh W(reg), [X(base)], by),
                Ty::I32 => a64!(cx; ldr W(reg), [X(base)], by),
                Ty::I64 => a64!(cx; ldr X(reg), [X(base)], by),
                _ => a64!(cx; ldr Q(reg), [X(base)], by),
            }
        }
    }
}

/// The store.
pub(super) fn store(cx: &mut EmitCx, ty: Ty, reg: u8, stepping: Stepping) {
    match stepping {
        Stepping::Pre(base, imm) => {
            let by = imm.value();
            if pair::join(cx, ty, reg, base, by, true) {
                return;
            }
            match ty {
                Ty::I8 => a64!(cx; strb W(reg), [X(base), by]!),
                Ty::I16 => a64!(cx; strh W(reg), [X(base), by]!),
                Ty::I32 => a64!(cx; str W(reg), [X(base), by]!),
                Ty::I64 => a64!(cx; str X(reg), [X(base), by]!),
                _ => a64!(cx; str Q(reg), [X(base), by]!),
            }
            pair::note(cx, ty, reg, base, by, true);
        }
        Stepping::Post(base, imm) => {
            let by = imm.value();
            match ty {
                Ty::I8 => a64!(cx; strb W(reg), [X(base)], by),
                Ty::I16 => a64!(cx; strh W(reg), [X(base)], by),
                Ty::I32 => a64!(cx; str W(reg), [X(base)], by),
                Ty::I64 => a64!(cx; str X(reg), [X(base)], by),
                _ => a64!(cx; str Q(reg), [X(base)], by),
            }
        }
    }
}
