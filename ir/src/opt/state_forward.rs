//! State forwarding within a block: a read of a register or field whose value is known is that value; a write that
//! another one overwrites before anybody can look is dropped.
//!
//! Who can look at a pending write
//! - an instruction that may leave the block (`Effects::may_exit`): then everything written so far must be in place;
//! - for fields of `CpuState`, besides: helpers and whatever else works on state. Registers are invisible to helpers.
use super::forward::Forward;
use crate::inst::{Inst, Value};
use crate::opcode::{Effects, Opcode};
use crate::types::Ty;

/// How many fields are tracked at once; blocks touch few.
const FIELDS: usize = 8;

/// What is known of one place of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// What it holds; `NONE` if unknown.
    value: Value,
    /// The last write, if nobody can have seen it yet; as a value for brevity.
    pending: Value,
}

const UNKNOWN: Place = Place { value: Value::NONE, pending: Value::NONE };

#[derive(Clone, Copy, Debug)]
struct Field {
    offset: i64,
    ty: Ty,
    place: Place,
}

const NO_FIELD: Field = Field { offset: 0, ty: Ty::None, place: UNKNOWN };

/// What is known of the guest state at a point of a block.
#[derive(Debug)]
pub(super) struct StateCache {
    gpr: [Place; 8],
    xmm: [Place; 8],
    fields: [Field; FIELDS],
    /// Fields in use; the next one replaces the oldest.
    count: usize,
    /// Whether any write is pending, so that most instructions need not look.
    pending: bool,
}

impl Default for StateCache {
    fn default() -> Self {
        Self { gpr: [UNKNOWN; 8], xmm: [UNKNOWN; 8], fields: [NO_FIELD; FIELDS], count: 0, pending: false }
    }
}

impl StateCache {
    /// Whether a general register holds the value.
    pub(super) fn in_register(&self, value: Value) -> bool {
        self.gpr.iter().any(|place| place.value == value)
    }

    /// Accounts for an instruction that is no plain state access itself.
    pub(super) fn observe(&mut self, inst: &Inst) {
        let effects = inst.op.effects();
        if effects == Effects::PURE {
            return;
        }
        if effects.may_exit() && self.pending {
            self.gpr.iter_mut().chain(&mut self.xmm).for_each(|place| place.pending = Value::NONE);
            self.fields.iter_mut().for_each(|field| field.place.pending = Value::NONE);
            self.pending = false;
        }
        if !works_on_memory_or_flags(inst.op, effects) {
            self.fields = [NO_FIELD; FIELDS];
            self.count = 0;
        }
    }

    /// The field an access is about, new if need be. Knowledge about bytes it shares with other fields ends.
    fn field(&mut self, inst: &Inst) -> &mut Field {
        let end = |offset: i64, ty: Ty| offset + i64::from(ty.bytes());
        let (offset, ty) = (inst.imm, inst.ty);
        let mut found = None;
        for (index, field) in self.fields.iter_mut().enumerate() {
            if field.offset == offset && field.ty == ty {
                found = Some(index);
            } else if field.offset < end(offset, ty) && offset < end(field.offset, field.ty) {
                *field = NO_FIELD;
            }
        }
        let index = found.unwrap_or_else(|| {
            let index = self.count % FIELDS;
            self.count += 1;
            self.fields[index] = Field { offset, ty, place: UNKNOWN };
            index
        });
        &mut self.fields[index]
    }
}

/// Whether an instruction has nothing to do with fields of `CpuState`.
fn works_on_memory_or_flags(op: Opcode, effects: Effects) -> bool {
    use Opcode::*;
    matches!(op, GetFlags | Cond | Select | Adc | Sbb | Rcl | Rcr)
        || !effects.has(Effects::READS_STATE)
            && !effects.has(Effects::WRITES_STATE)
            && (effects.may_exit() || op == Fence)
}

/// Handles `get_gpr` to `set_state`; the value a read stands for.
pub(super) fn forward_state(cx: &mut Forward<'_>, inst: Inst) -> Value {
    use Opcode::*;
    let place = match inst.op {
        GetGpr | SetGpr => &mut cx.state.gpr[inst.gpr().index()],
        GetXmm | SetXmm => &mut cx.state.xmm[inst.xmm().index()],
        _ => &mut cx.state.field(&inst).place,
    };
    let before = *place;
    if matches!(inst.op, GetGpr | GetXmm | GetState) {
        if before.value.is_some() {
            return before.value;
        }
        place.value = Value(cx.out.len() as u16);
        return cx.emit(inst);
    }
    if before.value == inst.args[0] {
        return Value::NONE;
    }
    *place = Place { value: inst.args[0], pending: Value(cx.out.len() as u16) };
    cx.state.pending = true;
    if before.pending.is_some() {
        cx.out[before.pending.index()] = Inst { insn: cx.def(before.pending).insn, ..Inst::new(Nop, Ty::None) };
    }
    cx.emit(inst)
}

#[cfg(test)]
mod tests {
    use super::super::forward::tests::check;

    #[test]
    fn reads_are_forwarded() {
        check(
            "v0 = get_gpr eax\nset_gpr ecx, v0\nv1 = get_gpr ecx\nv2 = get_gpr eax\nv3 = xor.i32.z v1, v2\nret v1",
            "v0 = get_gpr eax\nset_gpr ecx, v0\nv1 = sub.i32.z v0, v0\nret v0",
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
