//! The verifier: whoever builds or changes a region can ask whether it still keeps the rules. Debug builds ask after
//! every pass.
//!
//! Region
//! - It has a block; block 0 starts at the region's entry and is marked as an entry.
//! - `ranges` is sorted and disjoint.
//!
//! Block
//! - Values number less than 65535. Guest instructions are 1 to 15 bytes long.
//! - `Inst::insn` names an instruction of the block and never falls.
//!
//! Instruction
//! - Arguments: as many as the row says; absent ones only where the row allows it (address parts, helper arguments).
//! - An argument is defined earlier in the block, by an instruction that has a result, with the type the row wants.
//! - `ty` is one that the opcode works at: an integer for arithmetic, the widths in brackets in the row's text,
//!   narrower or wider than the argument for extensions and truncations, any for `load`, `store`, `select`, `helper`.
//! - So the unspecified upper bits of I8 and I16 values stay unobservable: only `zext` and `sext` go up, and a field
//!   inserted is not wider than the value it comes from.
//! - The immediate is in range for its kind; constants are zero-extended; state fields lie inside one unpinned part of
//!   `CpuState`; `shift` is at most 3 and only on memory operands; a lane only where V128 is involved.
//! - `flags` holds only flags that the opcode may write.
//! - Within one guest instruction no state write (register, state field, flags) comes before anything that may leave
//!   the block. Stores may precede other accesses: PUSHA and ENTER on hardware leave memory half written as well.
//!   What helpers do to x87 state is theirs to order: the table does not tell which write.
//!
//! Terminator
//! - Targets name blocks; `ret_block` is an entry that starts at `ret`.
//! - Addresses are I32 values, conditions integers.
use crate::guest::state::offset;
use crate::guest::{FlagSet, Trap};
use crate::helper::Helper;
use crate::inst::{Inst, Value};
use crate::opcode::{ArgTy, Effects, ImmKind, Opcode};
use crate::region::{Block, BlockId, Region};
use crate::terminator::{Target, Terminator};
use crate::types::{Lane, Ty};
use std::fmt;

/// A broken rule: our bug, never the guest's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyError {
    /// The block it is in.
    pub block: BlockId,
    /// The text of the offending instruction or terminator; empty if the block or region as a whole is at fault.
    pub inst: String,
    /// The rule.
    pub message: String,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.block)?;
        if !self.inst.is_empty() {
            write!(f, "`{}`: ", self.inst)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for VerifyError {}

type Check = Result<(), String>;

/// Checks every rule above; the first one broken is the error.
pub fn verify(region: &Region) -> Result<(), VerifyError> {
    check_region(region).map_err(|message| VerifyError { block: BlockId(0), inst: String::new(), message })?;
    for (number, block) in region.blocks.iter().enumerate() {
        let error = |inst: String, message| VerifyError { block: BlockId(number as u16), inst, message };
        check_block(block).map_err(|message| error(String::new(), message))?;
        let mut order = StateOrder::default();
        for (index, inst) in block.insts.iter().enumerate() {
            let check = check_inst(block, index).and_then(|()| order.step(inst));
            check.map_err(|message| error(block.inst_text(index), message))?;
        }
        check_terminator(region, block).map_err(|message| error(block.term.to_string(), message))?;
    }
    Ok(())
}

fn ensure(holds: bool, message: impl FnOnce() -> String) -> Check {
    if holds {
        Ok(())
    } else {
        Err(message())
    }
}

fn check_region(region: &Region) -> Check {
    let first = region.blocks.first().ok_or("the region has no block")?;
    ensure(first.start == region.entry, || "block 0 is not at the region's entry".into())?;
    ensure(first.entry, || "block 0 is not marked as an entry".into())?;
    let sorted = region.ranges.windows(2).all(|pair| pair[0].end() <= u64::from(pair[1].start.0));
    ensure(sorted, || "ranges are not sorted and disjoint".into())
}

fn check_block(block: &Block) -> Check {
    ensure(block.insts.len() < usize::from(u16::MAX), || "too many values".into())?;
    ensure(block.insns.iter().all(|mark| (1..=15).contains(&mark.len)), || "instruction length".into())?;
    let mut last = 0;
    for inst in &block.insts {
        let known = usize::from(inst.insn) < block.insns.len() && inst.insn >= last;
        ensure(known, || format!("`{inst}` belongs to guest instruction {} out of order", inst.insn))?;
        last = inst.insn;
    }
    Ok(())
}

fn check_inst(block: &Block, index: usize) -> Check {
    let inst = &block.insts[index];
    check_args(block, index)?;
    check_ty(block, inst)?;
    check_imm(inst)?;
    if inst.op == Opcode::Insert {
        check_insert(block, inst)?;
    }
    ensure(inst.shift <= 3 && (inst.shift == 0 || inst.op.has_address()), || "scale of the index".into())?;
    let vector = inst.result_ty() == Ty::V128 || inst.used_args().any(|v| block.ty(v) == Ty::V128);
    ensure(inst.lane == Lane::None || vector, || "a lane where no vector is".into())?;
    ensure(inst.op.writes_flags().contains(inst.flags), || "flags this opcode does not write".into())
}

fn check_args(block: &Block, index: usize) -> Check {
    let inst = &block.insts[index];
    let row = inst.op.args();
    for (place, &value) in inst.args.iter().enumerate() {
        let want = row.get(place).copied();
        if value.is_none() {
            let optional = matches!(want, None | Some(ArgTy::Addr | ArgTy::Any));
            ensure(optional, || format!("argument {place} is missing"))?;
            continue;
        }
        let want = want.ok_or_else(|| format!("{value} is one argument too many"))?;
        let ty = value_ty(block, value, index)?;
        let fits = match want {
            ArgTy::T => ty == inst.ty,
            ArgTy::Addr | ArgTy::I32 => ty == Ty::I32,
            ArgTy::I8 => ty == Ty::I8,
            ArgTy::I64 => ty == Ty::I64,
            ArgTy::V128 => ty == Ty::V128,
            ArgTy::Int => ty.is_int(),
            ArgTy::Any => true,
        };
        ensure(fits, || format!("{value} is {ty}, the row wants {want:?}"))?;
    }
    Ok(())
}

/// The type of a value used at position `at`.
fn value_ty(block: &Block, value: Value, at: usize) -> Result<Ty, String> {
    ensure(value.index() < at, || format!("{value} is not defined before"))?;
    let ty = block.ty(value);
    ensure(ty != Ty::None, || format!("{value} has no result"))?;
    Ok(ty)
}

fn check_ty(block: &Block, inst: &Inst) -> Check {
    use Opcode::*;
    let ty = inst.ty;
    let fits = match inst.op {
        Load | Store | Select | SelectNz | GetState | SetState => ty != Ty::None,
        Const | Add | Sub | Adc | Sbb | And | Or | Xor | Not | Mul | Shl | Shr | Sar | Rol | Ror => ty.is_int(),
        AtomicXchg | AtomicAdd | AtomicAnd | AtomicOr | AtomicXor | AtomicNeg | AtomicCas => ty.is_int(),
        MulSub | Udiv | Sdiv | Urem | Srem | Extract | ExtractS | Insert | Bswap | Clz | Ctz | Popcnt => {
            matches!(ty, Ty::I32 | Ty::I64)
        }
        MulWideU | MulWideS | Rcl | Rcr => ty.is_int() && ty != Ty::I64,
        Shld | Shrd => matches!(ty, Ty::I16 | Ty::I32),
        Zext | Sext => ty.is_int() && block.ty(inst.args[0]).bits() < ty.bits(),
        Trunc => ty.is_int() && block.ty(inst.args[0]).bits() > ty.bits(),
        LoadSx => matches!(ty, Ty::I8 | Ty::I16),
        TrapIf | TrapIfZero => ty.is_int() && block.ty(inst.args[0]) == ty,
        Nop | Fence | GetGpr | SetGpr | GetXmm | SetXmm | GetFlags | SetFlags | SetCarry | FlipCarry | Cond | Lea => {
            ty == inst.op.implied_ty()
        }
        LoadAligned | StoreAligned => ty == Ty::V128,
        Concat => ty == Ty::I64,
        // Helpers take and give anything; vector rows are checked by their argument types alone.
        _ => true,
    };
    ensure(fits, || format!("the opcode does not work at {ty}"))
}

fn check_imm(inst: &Inst) -> Check {
    let imm = inst.imm;
    let fits = match inst.op.imm() {
        ImmKind::None => imm == 0,
        ImmKind::Const => inst.ty == Ty::V128 || imm as u64 & !inst.ty.mask() == 0,
        ImmKind::Gpr | ImmKind::Xmm => (0..8).contains(&imm),
        ImmKind::Cc => (0..16).contains(&imm),
        ImmKind::Disp => i64::from(inst.disp()) == imm,
        ImmKind::Field => return check_field(inst),
        ImmKind::State => return check_state_field(inst),
        ImmKind::Helper => (0..Helper::ALL.len() as i64).contains(&imm),
        ImmKind::Trap => (0..Trap::ALL.len() as i64).contains(&imm),
        ImmKind::Flags => i64::from(FlagSet::from_eflags_mask(imm as u32).eflags_mask()) == imm,
        ImmKind::Control => true,
    };
    ensure(fits, || format!("immediate {imm:#x} is out of range"))
}

fn check_field(inst: &Inst) -> Check {
    let (lsb, width) = inst.field();
    let inside = inst.imm >> 16 == 0 && width >= 1 && lsb + width <= inst.ty.bits();
    ensure(inside, || format!("field {lsb}:{width} is not inside {}", inst.ty))
}

fn check_state_field(inst: &Inst) -> Check {
    let start = inst.imm;
    let end = start + i64::from(inst.ty.bytes());
    let within = |from: u32, to: u32| start >= i64::from(from) && end <= i64::from(to);
    let unpinned = within(offset::DF_STEP, offset::XMM) || within(offset::SCRATCH, offset::HOST);
    ensure(unpinned, || format!("bytes {start}..{end} of CpuState are not free to access"))
}

/// The inserted field must come from specified bits.
fn check_insert(block: &Block, inst: &Inst) -> Check {
    let source = block.ty(inst.args[1]);
    let (_, width) = inst.field();
    ensure(width <= source.bits(), || format!("{width} bits from a value of type {source}"))
}

/// State writes come last within a guest instruction.
#[derive(Default)]
struct StateOrder {
    insn: u16,
    written: bool,
}

impl StateOrder {
    fn step(&mut self, inst: &Inst) -> Check {
        if inst.insn != self.insn {
            *self = Self { insn: inst.insn, written: false };
        }
        let effects = inst.op.effects();
        ensure(!(self.written && effects.may_exit()), || "may leave after the guest instruction wrote state".into())?;
        self.written |= effects.has(Effects::WRITES_STATE) || !inst.flags.is_empty();
        Ok(())
    }
}

fn check_terminator(region: &Region, block: &Block) -> Check {
    let exists = |id: BlockId| ensure(id.index() < region.blocks.len(), || format!("there is no {id}"));
    for target in block.term.targets() {
        if let Target::Block(id) = target {
            exists(id)?;
        }
    }
    if let Terminator::Call { ret, ret_block: Some(id), .. }
    | Terminator::CallIndirect { ret, ret_block: Some(id), .. } = block.term
    {
        exists(id)?;
        let back = &region.blocks[id.index()];
        ensure(back.entry && back.start == ret, || format!("{id} is no entry at {ret}"))?;
    }
    let Some(value) = block.term.value() else { return Ok(()) };
    let ty = value_ty(block, value, block.insts.len())?;
    let fits = if matches!(block.term, Terminator::BranchNz { .. }) { ty.is_int() } else { ty == Ty::I32 };
    ensure(fits, || format!("{value} is {ty}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;

    fn check(body: &str) -> Result<(), String> {
        let text = format!("region 0x10\nb0 0x10 entry:\n; 0x10 +2\n{body}\n; 0x12 +1\n  exit yield, 0x13\n");
        verify(&parse(&text).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn good_blocks_pass() {
        let bodies = [
            "v0 = get_gpr eax\nv1 = load.i32 [v0]\nv2 = add.i32.oszapc v0, v1\nset_gpr eax, v2",
            "v0 = get_gpr eax\nstore.i32 [v0], v0\nstore.i32 [v0 + 4], v0\nset_gpr esp, v0",
            "v0 = get_gpr eax\nv1 = trunc.i8 v0\nv2 = insert.i32 8:8, v0, v1\nset_gpr eax, v2",
            "v0 = get_gpr eax\nset_gpr ecx, v0\n; 0x11 +1\nv1 = load.i32 [v0]",
            "v0 = const.i32 1\nv1 = helper.i64 cpuid_ab, v0, _, v0\nv2 = extract.i64 32:32, v1",
            "v0 = get_state.i32 seg_base+16\nset_state.i32 df_step, v0",
        ];
        for body in bodies {
            assert_eq!(check(body), Ok(()), "{body}");
        }
    }

    #[test]
    fn broken_rules_are_named() {
        let cases = [
            ("v0 = get_gpr eax\nv1 = add.i16 v0, v0", "v0 is i32, the row wants T"),
            ("v0 = get_gpr eax\nv1 = add.i32 v0", "argument 1 is missing"),
            ("v0 = get_gpr eax\nv1 = not.i32 v0, v0", "v0 is one argument too many"),
            ("v0 = get_gpr eax\nv1 = zext.i32 v0", "the opcode does not work at i32"),
            ("v0 = get_gpr eax\nv1 = trunc.i32 v0", "the opcode does not work at i32"),
            ("v0 = const.i8 0x100", "immediate 0x100 is out of range"),
            ("v0 = get_gpr eax\nv1 = extract.i32 30:3, v0", "field 30:3 is not inside i32"),
            ("v0 = get_gpr eax\nv1 = trunc.i8 v0\nv2 = insert.i32 0:9, v0, v1", "9 bits from a value of type i8"),
            ("v0 = get_state.i32 gpr+4", "bytes 4..8 of CpuState are not free to access"),
            ("v0 = get_state.v128 xmm", "are not free to access"),
            ("v0 = get_gpr eax\nv1 = not.i32.z v0", "flags this opcode does not write"),
            ("v0 = get_gpr eax\nv1 = lea [v0<<4]", "scale of the index"),
            ("v0 = get_gpr eax\nv1 = not.i32.b16 v0", "a lane where no vector is"),
            (
                "v0 = get_gpr eax\nset_gpr eax, v0\nv1 = load.i8 [v0]",
                "may leave after the guest instruction wrote state",
            ),
            ("v0 = get_gpr eax\nv1 = and.i32.z v0, v0\nstore.i32 [v0], v0", "may leave after"),
        ];
        for (body, message) in cases {
            let error = check(body).unwrap_err();
            assert!(error.contains(message), "{body}: {error}");
        }
    }

    #[test]
    fn regions_and_terminators_are_checked() {
        let cases = [
            ("region 0x10\n", "the region has no block"),
            ("region 0x10\nb0 0x10:\n exit yield, 0", "not marked as an entry"),
            ("region 0x10\nb0 0x11 entry:\n exit yield, 0", "block 0 is not at the region's entry"),
            ("region 0x10\nb0 0x10 entry:\n jump b1", "there is no b1"),
            ("region 0x10\nrange 0x10 +2\nrange 0x11 +1\nb0 0x10 entry:\n exit yield, 0", "sorted and disjoint"),
            ("region 0x10\nb0 0x10 entry:\n; 0x10 +16\n exit yield, 0", "instruction length"),
            ("region 0x10\nb0 0x10 entry:\nv0 = get_gpr eax\n exit yield, 0", "out of order"),
            ("region 0x10\nb0 0x10 entry:\n; 0x10 +1\nv0 = cond e\n ret v0", "`ret v0`: v0 is i8"),
            (
                "region 0x10\nb0 0x10 entry:\n call 0x20, 0x15, b1\nb1 0x15:\n exit yield, 0",
                "b1 is no entry at 0x00000015",
            ),
        ];
        for (text, message) in cases {
            let error = verify(&parse(text).unwrap()).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
        let mut region =
            parse("region 0x10\nb0 0x10 entry:\n; 0x10 +1\nv0 = get_gpr eax\nset_gpr eax, v0\n ret v0").unwrap();
        region.blocks[0].term = Terminator::Ret { pc: Value(1) };
        assert!(verify(&region).unwrap_err().message.contains("v1 has no result"));
        region.blocks[0].insts[1].args[0] = Value(1);
        assert!(verify(&region).unwrap_err().message.contains("v1 is not defined before"));
    }
}
