//! Typed construction of one block. Types come from the arguments, so that a lifter cannot mix widths silently.
//!
//! A folding builder puts every instruction through [`crate::fold`] first, so that much of what optimisation would remove
//! is never built.
mod vector;

use crate::fold::{self, StateCache};
use crate::guest::state::offset;
use crate::guest::{Cc, FlagSet, Gpr, GuestAddr, Seg, Trap, Xmm};
use crate::helper::Helper;
use crate::inst::{Inst, Value, MAX_ARGS};
use crate::opcode::Opcode;
use crate::region::{Block, InsnMark};
use crate::source::Floats;
use crate::terminator::Terminator;
use crate::types::Ty;
use crate::x87::StoreForm;

/// A memory operand: `base + (index << shift) + disp` modulo 2^32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addr {
    /// `I32`, or `Value::NONE`.
    pub base: Value,
    /// `I32`, or `Value::NONE`.
    pub index: Value,
    /// Scale of the index as a shift count, 0..=3.
    pub shift: u8,
    /// Displacement in bytes.
    pub disp: i32,
}

impl Addr {
    /// The address in a value.
    pub fn base(base: Value) -> Self {
        Self { base, index: Value::NONE, shift: 0, disp: 0 }
    }

    /// The same address `bytes` further on.
    pub fn plus(self, bytes: i32) -> Self {
        Self { disp: self.disp.wrapping_add(bytes), ..self }
    }
}

/// Arguments in their places, the other places empty.
#[inline(always)]
fn places(args: &[Value]) -> [Value; MAX_ARGS] {
    std::array::from_fn(|place| args.get(place).copied().unwrap_or(Value::NONE))
}

/// Builds one block, instruction by instruction.
#[derive(Debug)]
pub struct Builder {
    pub(crate) block: Block,
    /// What is known of the guest state at this point; only a folding builder keeps it up to date.
    pub(crate) state: StateCache,
    folds: bool,
    floats: Floats,
}

/// Room for the instructions of a usual block, so that it need not grow step by step.
const USUAL_INSTS: usize = 40;
/// As above, guest instructions.
const USUAL_INSNS: usize = 12;

impl Builder {
    /// A builder for a block that starts at `start`.
    pub fn new(start: GuestAddr) -> Self {
        Self { block: Block::new(start), state: StateCache::default(), folds: false, floats: Floats::Host }
    }

    /// A builder that folds what it is given. A value it returns stands for the result asked for, not for an instruction.
    pub fn folding(start: GuestAddr) -> Self {
        Self { folds: true, ..Self::new(start) }
    }

    /// Begins another block after [`Self::take`], in the memory of `old`.
    pub fn restart(&mut self, start: GuestAddr, mut old: Block, folds: bool, floats: Floats) {
        old.insns.clear();
        old.insts.clear();
        self.block = Block { insns: old.insns, insts: old.insts, ..Block::new(start) };
        self.state = StateCache::default();
        (self.folds, self.floats) = (folds, floats);
    }

    /// Begins a guest instruction; what is built next belongs to it.
    pub fn begin_insn(&mut self, addr: GuestAddr, len: u8) {
        if self.block.insns.is_empty() {
            self.block.insns.reserve(USUAL_INSNS);
            self.block.insts.reserve(USUAL_INSTS);
        }
        self.block.insns.push(InsnMark { addr, len });
    }

    /// The block so far.
    pub fn block(&self) -> &Block {
        &self.block
    }

    /// Ends the block.
    pub fn finish(mut self, term: Terminator) -> Block {
        self.take(term)
    }

    /// Ends the block; [`Self::restart`] begins another one.
    pub fn take(&mut self, term: Terminator) -> Block {
        self.block.term = if self.folds { fold::fold_terminator(self, term) } else { term };
        std::mem::replace(&mut self.block, Block::new(GuestAddr(0)))
    }

    /// The type of a value built here.
    pub fn ty(&self, value: Value) -> Ty {
        self.block.ty(value)
    }

    /// Appends any instruction; it is given to the current guest instruction.
    pub fn push(&mut self, mut inst: Inst) -> Value {
        if self.folds {
            fold::step(self, &mut inst)
        } else {
            self.emit(&mut inst)
        }
    }

    /// Appends an instruction as it is.
    pub(crate) fn emit(&mut self, inst: &mut Inst) -> Value {
        inst.insn = self.block.insns.len().saturating_sub(1) as u16;
        let value = Value(self.block.insts.len() as u16);
        self.block.insts.push(*inst);
        value
    }

    #[inline]
    fn op(&mut self, op: Opcode, ty: Ty, args: &[Value], flags: FlagSet) -> Value {
        let inst = Inst { flags, args: places(args), ..Inst::new(op, ty) };
        self.push(inst)
    }

    #[inline]
    fn op_imm(&mut self, op: Opcode, ty: Ty, args: &[Value], imm: i64) -> Value {
        let inst = Inst { imm, args: places(args), ..Inst::new(op, ty) };
        self.push(inst)
    }

    /// A constant, cut to the width.
    pub fn iconst(&mut self, ty: Ty, value: u64) -> Value {
        self.op_imm(Opcode::Const, ty, &[], (value & ty.mask()) as i64)
    }

    /// An `I32` constant.
    pub fn const32(&mut self, value: u32) -> Value {
        self.iconst(Ty::I32, u64::from(value))
    }

    /// An `I8` constant, as shift counts are.
    pub fn const8(&mut self, value: u8) -> Value {
        self.iconst(Ty::I8, u64::from(value))
    }

    /// Reads a register.
    pub fn get_gpr(&mut self, reg: Gpr) -> Value {
        self.op_imm(Opcode::GetGpr, Ty::I32, &[], reg as i64)
    }

    /// Writes a register.
    pub fn set_gpr(&mut self, reg: Gpr, value: Value) {
        self.op_imm(Opcode::SetGpr, Ty::I32, &[value], reg as i64);
    }

    /// Reads an XMM register.
    pub fn get_xmm(&mut self, reg: Xmm) -> Value {
        self.op_imm(Opcode::GetXmm, Ty::V128, &[], reg as i64)
    }

    /// Writes an XMM register.
    pub fn set_xmm(&mut self, reg: Xmm, value: Value) {
        self.op_imm(Opcode::SetXmm, Ty::V128, &[value], reg as i64);
    }

    /// Reads a field of `CpuState` by its offset (`guest::state::offset`).
    pub fn get_state(&mut self, ty: Ty, offset: u32) -> Value {
        self.op_imm(Opcode::GetState, ty, &[], i64::from(offset))
    }

    /// Writes a field of `CpuState` by its offset.
    pub fn set_state(&mut self, offset: u32, value: Value) {
        let ty = self.ty(value);
        self.op_imm(Opcode::SetState, ty, &[value], i64::from(offset));
    }

    /// The base address of a segment.
    pub fn seg_base(&mut self, seg: Seg) -> Value {
        self.get_state(Ty::I32, offset::SEG_BASE + 4 * seg as u32)
    }

    /// One past the last offset of a segment (`I64`).
    pub fn seg_end(&mut self, seg: Seg) -> Value {
        self.get_state(Ty::I64, offset::SEG_END + 8 * seg as u32)
    }

    /// The arithmetic flags in `mask` at their eflags bits.
    pub fn get_flags(&mut self, mask: FlagSet) -> Value {
        self.op_imm(Opcode::GetFlags, Ty::I32, &[], i64::from(mask.eflags_mask()))
    }

    /// Sets the flags in `mask` from the same bits of an eflags image.
    pub fn set_flags(&mut self, mask: FlagSet, image: Value) {
        self.op(Opcode::SetFlags, Ty::I32, &[image], mask);
    }

    /// 1 if the condition holds, else 0 (`I8`).
    pub fn cond(&mut self, cc: Cc) -> Value {
        self.op_imm(Opcode::Cond, Ty::I8, &[], cc as i64)
    }

    /// CF := a bit of a value.
    pub fn set_carry(&mut self, value: Value, bit: u32) {
        let mut inst = Inst::new(Opcode::SetCarry, Ty::None);
        inst.args[0] = value;
        inst.flags = FlagSet::CF;
        inst.imm = i64::from(bit);
        self.push(inst);
    }

    /// CF := its complement.
    pub fn flip_carry(&mut self) {
        self.op(Opcode::FlipCarry, Ty::None, &[], FlagSet::CF);
    }

    /// `yes` if the condition holds in the guest flags, else `no`.
    pub fn select(&mut self, cc: Cc, yes: Value, no: Value) -> Value {
        let ty = self.ty(yes);
        self.op_imm(Opcode::Select, ty, &[yes, no], cc as i64)
    }

    /// `yes` if `value` is not zero, else `no`.
    pub fn select_nz(&mut self, value: Value, yes: Value, no: Value) -> Value {
        let ty = self.ty(yes);
        self.op(Opcode::SelectNz, ty, &[value, yes, no], FlagSet::NONE)
    }

    /// A two-operand arithmetic or logical operation (`Add` .. `Xor`, `Mul*`, `*div`, `*rem`) that writes `flags`.
    pub fn binary(&mut self, op: Opcode, a: Value, b: Value, flags: FlagSet) -> Value {
        let ty = self.ty(a);
        self.op(op, ty, &[a, b], flags)
    }

    /// Wrapping sum without flags.
    pub fn add(&mut self, a: Value, b: Value) -> Value {
        self.binary(Opcode::Add, a, b, FlagSet::NONE)
    }

    /// Wrapping difference without flags.
    pub fn sub(&mut self, a: Value, b: Value) -> Value {
        self.binary(Opcode::Sub, a, b, FlagSet::NONE)
    }

    /// Bitwise and without flags.
    pub fn and(&mut self, a: Value, b: Value) -> Value {
        self.binary(Opcode::And, a, b, FlagSet::NONE)
    }

    /// Bitwise or without flags.
    pub fn or(&mut self, a: Value, b: Value) -> Value {
        self.binary(Opcode::Or, a, b, FlagSet::NONE)
    }

    /// Bitwise exclusive or without flags.
    pub fn xor(&mut self, a: Value, b: Value) -> Value {
        self.binary(Opcode::Xor, a, b, FlagSet::NONE)
    }

    /// A one-operand operation at its operand's width (`Not`, `Bswap`, `Clz`, `Ctz`, `Popcnt`).
    pub fn unary(&mut self, op: Opcode, a: Value) -> Value {
        let ty = self.ty(a);
        self.op(op, ty, &[a], FlagSet::NONE)
    }

    /// Bitwise complement.
    pub fn not(&mut self, a: Value) -> Value {
        self.unary(Opcode::Not, a)
    }

    /// A shift or rotation of `a` by an `I8` count.
    pub fn shift(&mut self, op: Opcode, a: Value, count: Value, flags: FlagSet) -> Value {
        let ty = self.ty(a);
        self.op(op, ty, &[a, count], flags)
    }

    /// `Shld` or `Shrd`.
    pub fn shift_double(&mut self, op: Opcode, a: Value, fill: Value, count: Value, flags: FlagSet) -> Value {
        let ty = self.ty(a);
        self.op(op, ty, &[a, fill, count], flags)
    }

    /// Zero-extends to `ty`; the same value if it already has that type.
    pub fn zext(&mut self, ty: Ty, a: Value) -> Value {
        self.widen(Opcode::Zext, ty, a)
    }

    /// Sign-extends to `ty`; the same value if it already has that type.
    pub fn sext(&mut self, ty: Ty, a: Value) -> Value {
        self.widen(Opcode::Sext, ty, a)
    }

    /// Cuts to `ty`; the same value if it already has that type.
    pub fn trunc(&mut self, ty: Ty, a: Value) -> Value {
        self.widen(Opcode::Trunc, ty, a)
    }

    fn widen(&mut self, op: Opcode, ty: Ty, a: Value) -> Value {
        if self.ty(a) == ty {
            return a;
        }
        self.op(op, ty, &[a], FlagSet::NONE)
    }

    /// Two `I32` halves as an `I64`.
    pub fn concat(&mut self, lo: Value, hi: Value) -> Value {
        self.op(Opcode::Concat, Ty::I64, &[lo, hi], FlagSet::NONE)
    }

    /// The bit field `[lsb, lsb + width)` of an `I32` or `I64`, zero-extended.
    pub fn extract(&mut self, a: Value, lsb: u32, width: u32) -> Value {
        let ty = self.ty(a);
        self.op_imm(Opcode::Extract, ty, &[a], i64::from(lsb | width << 8))
    }

    /// The bit field `[lsb, lsb + width)` of an `I32` or `I64`, sign-extended.
    pub fn extract_s(&mut self, a: Value, lsb: u32, width: u32) -> Value {
        let ty = self.ty(a);
        self.op_imm(Opcode::ExtractS, ty, &[a], i64::from(lsb | width << 8))
    }

    /// `base` with the field `[lsb, lsb + width)` replaced by the low bits of `value`.
    pub fn insert(&mut self, base: Value, value: Value, lsb: u32, width: u32) -> Value {
        let ty = self.ty(base);
        self.op_imm(Opcode::Insert, ty, &[base, value], i64::from(lsb | width << 8))
    }

    fn mem(&mut self, op: Opcode, ty: Ty, addr: Addr, data: &[Value]) -> Value {
        let mut inst = Inst::new(op, ty);
        inst.args[0] = addr.base;
        inst.args[1] = addr.index;
        inst.args[2..2 + data.len()].copy_from_slice(data);
        inst.shift = addr.shift;
        inst.imm = i64::from(addr.disp);
        self.push(inst)
    }

    /// The address itself.
    pub fn lea(&mut self, addr: Addr) -> Value {
        self.mem(Opcode::Lea, Ty::I32, addr, &[])
    }

    /// Loads a value of type `ty`.
    pub fn load(&mut self, ty: Ty, addr: Addr) -> Value {
        self.mem(Opcode::Load, ty, addr, &[])
    }

    /// Loads an `I8` or `I16`, sign-extended to `I32`.
    pub fn load_sx(&mut self, ty: Ty, addr: Addr) -> Value {
        self.mem(Opcode::LoadSx, ty, addr, &[])
    }

    /// Stores a value.
    pub fn store(&mut self, addr: Addr, value: Value) {
        let ty = self.ty(value);
        self.mem(Opcode::Store, ty, addr, &[value]);
    }

    /// Stores a value if `condition` (`I32`) is not zero.
    pub fn store_if(&mut self, addr: Addr, value: Value, condition: Value) {
        let ty = self.ty(value);
        self.mem(Opcode::StoreIf, ty, addr, &[value, condition]);
    }

    /// An atomic read-modify-write with one operand; the old value.
    pub fn atomic(&mut self, op: Opcode, addr: Addr, value: Value) -> Value {
        let ty = self.ty(value);
        self.mem(op, ty, addr, &[value])
    }

    /// Fetch and negate; the old value.
    pub fn atomic_neg(&mut self, ty: Ty, addr: Addr) -> Value {
        self.mem(Opcode::AtomicNeg, ty, addr, &[])
    }

    /// Compare and swap; the old value.
    pub fn atomic_cas(&mut self, addr: Addr, expected: Value, new: Value) -> Value {
        let ty = self.ty(new);
        self.mem(Opcode::AtomicCas, ty, addr, &[expected, new])
    }

    /// Full memory barrier.
    pub fn fence(&mut self) {
        self.op(Opcode::Fence, Ty::None, &[], FlagSet::NONE);
    }

    /// Leaves with `trap` at the current instruction if `value` is not zero.
    pub fn trap_if(&mut self, value: Value, trap: Trap) {
        let ty = self.ty(value);
        self.op_imm(Opcode::TrapIf, ty, &[value], trap as i64);
    }

    /// Leaves with `trap` at the current instruction if `value` is zero.
    pub fn trap_if_zero(&mut self, value: Value, trap: Trap) {
        let ty = self.ty(value);
        self.op_imm(Opcode::TrapIfZero, ty, &[value], trap as i64);
    }

    /// `a - n * m`.
    pub fn mul_sub(&mut self, n: Value, m: Value, a: Value) -> Value {
        let ty = self.ty(a);
        self.op(Opcode::MulSub, ty, &[n, m, a], FlagSet::NONE)
    }

    /// Calls a helper; `ty` is the result's type, `Ty::None` for none.
    pub fn helper(&mut self, helper: Helper, ty: Ty, args: &[Value]) -> Value {
        self.op_imm(Opcode::Helper, ty, args, helper as i64)
    }

    /// Leaves with `Trap::X87` if an unmasked exception is pending.
    pub fn x87_wait(&mut self) {
        self.op_imm(Opcode::X87Wait, Ty::None, &[], 0);
    }

    /// MMX state: as `x87_wait`, then TOP := 0 and all tags valid.
    pub fn mmx_enter(&mut self) {
        self.op_imm(Opcode::MmxEnter, Ty::None, &[], 0);
    }

    /// An operation on the x87 stack; as `helper`.
    pub fn x87(&mut self, helper: Helper, ty: Ty, args: &[Value]) -> Value {
        self.op_imm(Opcode::X87, ty, args, helper as i64)
    }

    /// FCOMI and the like: compares ST(0) with ST(i) into the flags, then `pops` pops; `quiet` as FUCOMI.
    pub fn x87_comi(&mut self, i: u32, pops: u32, quiet: bool) {
        let mut inst = Inst::new(Opcode::X87, Ty::I32);
        inst.args[..3].copy_from_slice(&[i, pops, u32::from(quiet)].map(|n| self.const32(n)));
        inst.flags = FlagSet::ALL;
        inst.imm = Helper::X87Comi as i64;
        self.push(inst);
    }

    /// Stores ST(0).
    pub fn x87_store(&mut self, addr: Addr, form: StoreForm) {
        let form = self.const32(form.encode());
        self.mem(Opcode::X87Store, Ty::None, addr, &[form]);
    }

    /// The x87 status word with TOP.
    pub fn x87_status(&mut self) -> Value {
        self.op_imm(Opcode::X87Status, Ty::I32, &[], 0)
    }
}
