//! The forward walk: rebuilds a block instruction by instruction, so that a folding may insert as well as replace.
//!
//! Every instruction first has its arguments renamed to new values, then goes to [`super::state_forward`] if it reads or
//! writes guest state, else to the folding of its kind, which emits what is to stand for it and says which value to use.
//! What is replaced is left unused for [`super::dce`].
use super::state_forward::StateCache;
use super::{const_fold, fold_address, fold_bits, state_forward, OptCx};
use crate::guest::FlagSet;
use crate::inst::{Inst, Value};
use crate::opcode::Opcode;
use crate::region::Block;
use crate::terminator::Terminator;
use crate::types::Ty;

/// The pass.
pub fn forward(block: &mut Block, cx: &mut OptCx) {
    cx.out.clear();
    cx.map.clear();
    let mut walk = Forward { out: &mut cx.out, state: StateCache::default(), insn: 0 };
    for inst in &block.insts {
        let mut inst = *inst;
        for arg in inst.arg_places() {
            // An absent argument has no entry.
            if let Some(new) = cx.map.get(arg.index()) {
                *arg = *new;
            }
        }
        walk.insn = inst.insn;
        let value = walk.step(&mut inst);
        cx.map.push(value);
    }
    if let Some(value) = block.term.value_mut() {
        *value = cx.map[value.index()];
    }
    block.term = walk.fold_terminator(block.term);
    block.insts.clear();
    block.insts.extend_from_slice(&cx.out);
}

/// The block so far.
pub(super) struct Forward<'a> {
    pub(super) out: &'a mut Vec<Inst>,
    pub(super) state: StateCache,
    /// The guest instruction that what is emitted belongs to.
    insn: u16,
}

impl Forward<'_> {
    fn step(&mut self, inst: &mut Inst) -> Value {
        use Opcode::*;
        match inst.op {
            GetGpr | SetGpr | GetXmm | SetXmm | GetState | SetState => state_forward::forward_state(self, inst),
            _ => {
                // Before, so that a write that must stay for this instruction is not taken for dead afterwards.
                self.state.observe(inst);
                self.fold(inst)
            }
        }
    }

    /// Emits an instruction or something better; the value to use for its result.
    pub(super) fn fold(&mut self, inst: &mut Inst) -> Value {
        use Opcode::*;
        match inst.op {
            Const | Nop => self.emit(inst),
            Add | Sub | Adc | Sbb | And | Or | Xor | Not | Mul | MulWideU | MulWideS | Udiv | Sdiv | Urem | Srem => {
                const_fold::fold_arith(self, inst)
            }
            Shl | Shr | Sar | Rol | Ror | Rcl | Rcr | Shld | Shrd => const_fold::fold_shift(self, inst),
            Select | SelectNz | TrapIf | GetFlags => const_fold::fold_choice(self, inst),
            Zext | Sext | Trunc | Concat | Extract | ExtractS | Insert | Bswap | Clz | Ctz | Popcnt => {
                fold_bits::fold_bits(self, inst)
            }
            Lea => fold_address::fold_lea(self, inst),
            _ if inst.op.has_address() => fold_address::fold_access(self, inst),
            _ => self.emit(inst),
        }
    }

    /// Appends an instruction as it is.
    pub(super) fn emit(&mut self, inst: &mut Inst) -> Value {
        inst.insn = self.insn;
        self.out.push(*inst);
        Value((self.out.len() - 1) as u16)
    }

    /// Appends a constant, cut to the width.
    pub(super) fn constant(&mut self, ty: Ty, value: u64) -> Value {
        let mut inst = Inst::new(Opcode::Const, ty);
        inst.imm = (value & ty.mask()) as i64;
        self.emit(&mut inst)
    }

    /// The instruction that defines a value.
    pub(super) fn def(&self, value: Value) -> &Inst {
        &self.out[value.index()]
    }

    pub(super) fn ty(&self, value: Value) -> Ty {
        self.def(value).result_ty()
    }

    /// The constant a value holds.
    pub(super) fn as_const(&self, value: Value) -> Option<u64> {
        let inst = self.out.get(value.index())?;
        (inst.op == Opcode::Const).then_some(inst.imm as u64)
    }

    /// Whether using `new` for what `old` gave costs no register: unless `old` sits in a guest register at this point and
    /// `new` does not any more. (Keeping a value beyond its register costs a move, more than most foldings save.)
    pub(super) fn prefers(&self, new: Value, old: Value) -> bool {
        !self.state.in_register(old) || self.state.in_register(new)
    }

    fn fold_terminator(&mut self, term: Terminator) -> Terminator {
        let Terminator::BranchNz { value, taken, fallthrough } = term else { return term };
        let def = *self.def(value);
        match def.op {
            Opcode::Const => Terminator::Jump(if def.imm != 0 { taken } else { fallthrough }),
            Opcode::Zext | Opcode::Sext => {
                self.fold_terminator(Terminator::BranchNz { value: def.args[0], taken, fallthrough })
            }
            Opcode::Cond if self.flags_last(value, def.reads_flags()) => {
                Terminator::Branch { cc: def.cc(), taken, fallthrough }
            }
            _ => term,
        }
    }

    /// Whether these flags are from a value's position on as they are at the block's end.
    fn flags_last(&self, from: Value, flags: FlagSet) -> bool {
        self.out[from.index()..].iter().all(|inst| !inst.flags.intersects(flags))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::parse::parse;
    use crate::verify::verify;

    /// One block through this pass and dead code elimination.
    pub(in crate::opt) fn check(before: &str, after: &str) {
        let region = |body: &str| {
            let region = parse(&format!("region 0x10\nb0 0x10 entry:\n; 0x10 +1\n{body}")).unwrap();
            assert_eq!(verify(&region), Ok(()), "{body}");
            region
        };
        let mut got = region(before);
        let cx = &mut OptCx::default();
        forward(&mut got.blocks[0], cx);
        assert_eq!(verify(&got), Ok(()), "{got}");
        crate::opt::dce::dce(&mut got.blocks[0], cx);
        assert_eq!(got.to_string(), region(after).to_string(), "from\n{before}");
    }

    #[test]
    fn branches_see_through_what_cannot_change_zero() {
        check("v0 = const.i32 1\nbranch_nz v0, 0x20, 0x30", "jump 0x20");
        check("v0 = const.i32 0\nbranch_nz v0, 0x20, 0x30", "jump 0x30");
        check("v0 = cond be\nv1 = zext.i32 v0\nbranch_nz v1, 0x20, 0x30", "branch be, 0x20, 0x30");
        let overwritten =
            "v0 = cond be\nv1 = get_gpr eax\nv2 = not.i32 v1\nv3 = and.i32.c v1, v2\nbranch_nz v0, 0x20, 0x30";
        check(
            overwritten,
            "v0 = cond be\nv1 = get_gpr eax\nv2 = not.i32 v1\nv3 = and.i32.c v1, v2\nbranch_nz v0, 0x20, 0x30",
        );
    }
}
