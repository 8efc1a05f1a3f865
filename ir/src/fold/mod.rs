//! Folding while a block is built: what an instruction is asked to compute, in the cheapest known way.
//!
//! - [`state`]: reads of registers and fields whose value is known, writes that are overwritten unseen.
//! - [`arith`]: constants and identities of arithmetic, shifts, choices.
//! - [`bits`]: chains of width changes and bit fields.
//! - [`address`]: constants, sums and scales move into memory operands.
//!
//! Every function gets an instruction whose arguments are in their final form, emits what is to stand for it and says
//! which value to use. Flags are not known to be dead yet: an instruction that writes some stays for their sake, and
//! [`crate::opt`] drops or simplifies it later. What is replaced is left unused for the same pass.
mod address;
mod arith;
mod bits;
mod state;

use crate::builder::Builder;
use crate::guest::FlagSet;
use crate::inst::{Inst, Value};
use crate::opcode::Opcode;
use crate::terminator::Terminator;
use crate::types::Ty;

pub(crate) use state::StateCache;

/// Builds an instruction or something better; the value to use for its result.
pub(crate) fn step(cx: &mut Builder, inst: &mut Inst) -> Value {
    use Opcode::*;
    match inst.op {
        GetGpr | SetGpr | GetXmm | SetXmm | GetState | SetState | GetMm | SetMm => state::forward_state(cx, inst),
        _ => {
            // Before, so that a write that must stay for this instruction is not taken for dead afterwards.
            cx.state.observe(inst);
            fold(cx, inst)
        }
    }
}

/// As [`step`], for anything but plain accesses to guest state.
fn fold(cx: &mut Builder, inst: &mut Inst) -> Value {
    use Opcode::*;
    match inst.op {
        Const | Nop => cx.emit(inst),
        Add | Sub | Adc | Sbb | And | Or | Xor | Not | Mul | MulWideU | MulWideS | Udiv | Sdiv | Urem | Srem => {
            arith::fold_arith(cx, inst)
        }
        Shl | Shr | Sar | Rol | Ror | Rcl | Rcr | Shld | Shrd => arith::fold_shift(cx, inst),
        Select | SelectNz | TrapIf | TrapIfZero | GetFlags => arith::fold_choice(cx, inst),
        Zext | Sext | Trunc | Concat | Extract | ExtractS | Insert | Bswap | Clz | Ctz | Popcnt => {
            bits::fold_bits(cx, inst)
        }
        SetCarry => bits::fold_set_carry(cx, inst),
        Lea => address::fold_lea(cx, inst),
        _ if inst.op.has_address() => address::fold_access(cx, inst),
        _ => cx.emit(inst),
    }
}

impl Builder {
    /// Appends a constant, cut to the width.
    fn constant(&mut self, ty: Ty, value: u64) -> Value {
        let mut inst = Inst::new(Opcode::Const, ty);
        inst.imm = (value & ty.mask()) as i64;
        self.emit(&mut inst)
    }

    /// The instruction that defines a value.
    fn def(&self, value: Value) -> &Inst {
        &self.block.insts[value.index()]
    }

    /// The constant a value holds.
    fn as_const(&self, value: Value) -> Option<u64> {
        self.block.as_const(value)
    }

    /// Whether using `new` for what `old` gave costs no register: unless `old` sits in a guest register at this point and
    /// `new` does not any more. (Keeping a value beyond its register costs a move, more than most foldings save.)
    fn prefers(&self, new: Value, old: Value) -> bool {
        !self.state.in_register(old) || self.state.in_register(new)
    }
}

/// What a block can end in instead.
pub(crate) fn fold_terminator(cx: &Builder, term: Terminator) -> Terminator {
    let Terminator::BranchNz { value, taken, fallthrough } = term else { return term };
    let def = cx.def(value);
    match def.op {
        Opcode::Const => Terminator::Jump(if def.imm != 0 { taken } else { fallthrough }),
        Opcode::Zext | Opcode::Sext => {
            fold_terminator(cx, Terminator::BranchNz { value: def.args[0], taken, fallthrough })
        }
        Opcode::Cond if flags_last(cx, value, def.reads_flags()) => {
            Terminator::Branch { cc: def.cc(), taken, fallthrough }
        }
        _ => term,
    }
}

/// Whether these flags are from a value's position on as they are at the block's end.
fn flags_last(cx: &Builder, from: Value, flags: FlagSet) -> bool {
    cx.block.insts[from.index()..].iter().all(|inst| !inst.flags.intersects(flags))
}

#[cfg(test)]
mod tests {
    use crate::opt;
    use crate::parse::parse;
    use crate::verify::verify;

    /// One block folded, with what is unused then removed.
    pub(super) fn check(before: &str, after: &str) {
        let region = |body: &str| {
            let region = parse(&format!("region 0x10\nb0 0x10 entry:\n; 0x10 +1\n{body}")).unwrap();
            assert_eq!(verify(&region), Ok(()), "{body}");
            region
        };
        let mut got = region(before);
        opt::refold::refold(&mut got.blocks[0]);
        assert_eq!(verify(&got), Ok(()), "{got}");
        let cx = &mut opt::OptCx::default();
        opt::dead_flags::dead_flags(&got, cx);
        opt::backward::backward(&mut got, 0, cx);
        assert_eq!(got.to_string(), region(after).to_string(), "from\n{before}");
    }

    #[test]
    fn branches_see_through_what_cannot_change_zero() {
        check("v0 = const.i32 1\nbranch_nz v0, 0x20, 0x30", "jump 0x20");
        check("v0 = const.i32 0\nbranch_nz v0, 0x20, 0x30", "jump 0x30");
        check("v0 = cond be\nv1 = zext.i32 v0\nbranch_nz v1, 0x20, 0x30", "branch be, 0x20, 0x30");
        let overwritten =
            "v0 = cond be\nv1 = get_gpr eax\nv2 = not.i32 v1\nv3 = and.i32.c v1, v2\nbranch_nz v0, 0x20, 0x30";
        check(overwritten, overwritten);
    }
}
