//! State forwarding within a block: a read of a register or field whose value is known is that value; a write that
//! another one overwrites before anybody can look is dropped.
//!
//! Who can look at a pending write
//! - an instruction that may leave the block (`Effects::may_exit`): then everything written so far must be in place;
//! - for fields of `CpuState`, besides: helpers and whatever else works on state. Registers are invisible to helpers.
use crate::builder::Builder;
use crate::guest::state::offset;
use crate::inst::{Inst, Value};
use crate::opcode::{Effects, Opcode};
use crate::types::Ty;

/// How many fields are tracked at once; blocks touch few, MMX code a dozen.
const FIELDS: usize = 12;
/// Places: general registers, XMM registers, fields.
const PLACES: usize = 16 + FIELDS;

/// A field of `CpuState` as accesses name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    offset: u16,
    ty: Ty,
}

impl Field {
    /// No field: shares no byte with any.
    const NONE: Self = Self { offset: 0, ty: Ty::None };

    fn overlaps(self, other: Self) -> bool {
        let end = |field: Self| field.offset + field.ty.bytes() as u16;
        self.offset < end(other) && other.offset < end(self)
    }
}

/// What is known of the guest state at a point of a block.
#[derive(Debug)]
pub(crate) struct StateCache {
    /// What each place holds; `NONE` if unknown.
    values: [Value; PLACES],
    /// The last write to each place, if nobody can have seen it yet.
    pending: [Value; PLACES],
    /// Whether there is any, so that most instructions need not look.
    any_pending: bool,
    fields: [Field; FIELDS],
    /// The field that the next new one replaces.
    next: usize,
}

impl Default for StateCache {
    fn default() -> Self {
        Self {
            values: [Value::NONE; PLACES],
            pending: [Value::NONE; PLACES],
            any_pending: false,
            fields: [Field::NONE; FIELDS],
            next: 0,
        }
    }
}

impl StateCache {
    /// Whether a general register holds the value.
    pub(super) fn in_register(&self, value: Value) -> bool {
        self.values[..8].contains(&value)
    }

    /// Accounts for an instruction that is no plain state access itself.
    pub(super) fn observe(&mut self, inst: &Inst) {
        let effects = inst.op.effects();
        if effects == Effects::PURE {
            return;
        }
        if effects.may_exit() && self.any_pending {
            self.pending = [Value::NONE; PLACES];
            self.any_pending = false;
        }
        if !works_on_memory_or_flags(inst.op, effects) {
            (0..FIELDS).for_each(|field| self.forget(field));
        }
    }

    fn forget(&mut self, field: usize) {
        self.fields[field] = Field::NONE;
        self.values[16 + field] = Value::NONE;
        self.pending[16 + field] = Value::NONE;
    }

    /// The place an instruction reads or writes. An MMX register is a field that covers a whole x87 register.
    fn place(&mut self, inst: &Inst) -> usize {
        match inst.op {
            Opcode::GetGpr | Opcode::SetGpr => inst.gpr().index(),
            Opcode::GetXmm | Opcode::SetXmm => 8 + inst.xmm().index(),
            Opcode::GetMm | Opcode::SetMm => {
                let offset = offset::ST + 16 * (inst.imm as u32 & 7);
                16 + self.field(Field { offset: offset as u16, ty: Ty::V128 })
            }
            _ => 16 + self.field(Field { offset: inst.imm as u16, ty: inst.ty }),
        }
    }

    /// The slot of a field, new if need be. Knowledge about bytes it shares with other fields ends.
    fn field(&mut self, wanted: Field) -> usize {
        let mut found = None;
        for slot in 0..FIELDS {
            if self.fields[slot] == wanted {
                found = Some(slot);
            } else if self.fields[slot].overlaps(wanted) {
                self.forget(slot);
            }
        }
        found.unwrap_or_else(|| {
            let slot = self.next % FIELDS;
            self.next += 1;
            self.forget(slot);
            self.fields[slot] = wanted;
            slot
        })
    }
}

/// Whether an instruction has nothing to do with fields of `CpuState`.
fn works_on_memory_or_flags(op: Opcode, effects: Effects) -> bool {
    use Opcode::*;
    matches!(op, GetFlags | Cond | Select | Adc | Sbb | Rcl | Rcr)
        || !effects.has(Effects::READS_STATE)
            && !effects.has(Effects::WRITES_STATE)
            && !effects.has(Effects::X87)
            && (effects.may_exit() || op == Fence)
}

/// Handles `get_gpr` to `set_state`, `get_mm` and `set_mm`; the value a read stands for.
pub(super) fn forward_state(cx: &mut Builder, inst: &mut Inst) -> Value {
    let place = cx.state.place(inst);
    let known = cx.state.values[place];
    if inst.op.effects().has(Effects::READS_STATE) {
        if known.is_some() {
            return known;
        }
        cx.state.values[place] = Value(cx.block.insts.len() as u16);
        return cx.emit(inst);
    }
    // Writing an MMX register also sets sign and exponent, which reading it back does not.
    if known == inst.args[0] && inst.op != Opcode::SetMm {
        return Value::NONE;
    }
    let overwritten = cx.state.pending[place];
    if overwritten.is_some() {
        cx.block.insts[overwritten.index()].become_nop();
    }
    cx.state.values[place] = inst.args[0];
    cx.state.pending[place] = Value(cx.block.insts.len() as u16);
    cx.state.any_pending = true;
    cx.emit(inst)
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn reads_are_forwarded() {
        check(
            "v0 = get_gpr eax\nset_gpr ecx, v0\nv1 = get_gpr ecx\nv2 = get_gpr eax\nv3 = xor.i32.z v1, v2\nret v1",
            "v0 = get_gpr eax\nset_gpr ecx, v0\nv1 = xor.i32.z v0, v0\nret v0",
        );
        check(
            "v0 = get_xmm xmm1\nset_xmm xmm2, v0\nv1 = get_xmm xmm2\nset_xmm xmm3, v1\njump 0x20",
            "v0 = get_xmm xmm1\nset_xmm xmm2, v0\nset_xmm xmm3, v0\njump 0x20",
        );
        check(
            "v0 = get_state.i32 seg_base+16\nv1 = get_state.i32 seg_base+16\nset_gpr eax, v0\nset_gpr ecx, v1\njump 0x20",
            "v0 = get_state.i32 seg_base+16\nset_gpr eax, v0\nset_gpr ecx, v0\njump 0x20",
        );
    }

    #[test]
    fn overwritten_and_useless_writes_go() {
        check(
            "v0 = get_gpr eax\nv1 = not.i32 v0\nset_gpr eax, v1\nv2 = bswap.i32 v1\nset_gpr eax, v2\njump 0x20",
            "v0 = get_gpr eax\nv1 = not.i32 v0\nv2 = bswap.i32 v1\nset_gpr eax, v2\njump 0x20",
        );
        check("v0 = get_gpr eax\nset_gpr eax, v0\njump 0x20", "jump 0x20");
        check(
            "v0 = get_gpr eax\nset_state.i32 top, v0\nv1 = not.i32 v0\nset_state.i32 top, v1\njump 0x20",
            "v0 = get_gpr eax\nv1 = not.i32 v0\nset_state.i32 top, v1\njump 0x20",
        );
    }

    #[test]
    fn mmx_registers_are_forwarded_and_written_once() {
        check(
            "v0 = get_mm 0\nv1 = vadd.b16 v0, v0\nset_mm 0, v1\nv2 = get_mm 0\nv3 = vadd.b16 v2, v2\nset_mm 0, v3\njump 0x20",
            "v0 = get_mm 0\nv1 = vadd.b16 v0, v0\nv2 = vadd.b16 v1, v1\nset_mm 0, v2\njump 0x20",
        );
        // Reading gives no reason to leave out the write; a load or the x87 register below sees what was written.
        for body in [
            "v0 = get_mm 0\nset_mm 0, v0\njump 0x20",
            "v0 = get_gpr eax\nv1 = get_mm 0\nset_mm 1, v1\n; 0x11 +1\nv2 = vload.d2 [v0]\nset_mm 1, v2\njump 0x20",
            "v0 = get_mm 0\nset_mm 1, v0\nv1 = get_state.i64 st+16\nset_mm 1, v0\nv2 = trunc.i32 v1\nset_gpr eax, v2\njump 0x20",
        ] {
            check(body, body);
        }
    }

    #[test]
    fn whoever_may_look_keeps_the_write() {
        for between in ["v5 = load.i8 [v0]", "store.i32 [v0], v0", "trap_if.i32 x87, v0"] {
            let body = format!(
                "v0 = get_gpr eax\nv1 = get_gpr ecx\nset_gpr edx, v0\n; 0x11 +1\n{between}\nset_gpr edx, v1\njump 0x20"
            );
            check(&body, &body);
        }
        let fields =
            "v0 = get_gpr eax\nv1 = get_gpr ecx\nset_state.i32 top, v0\nhelper cpuid_ab, v0\nset_state.i32 top, v1\n\
            v2 = get_state.i16 top\nv3 = zext.i32 v2\nset_gpr eax, v3\njump 0x20";
        check(fields, fields);
    }
}
