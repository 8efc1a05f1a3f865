//! Where operations go: the vocabulary of lift functions, apart from what becomes of it.
//!
//! A lift function says what its instruction does, operation by operation. A [`Builder`](crate::Builder) makes a block of that;
//! [`Direct`](crate::interp::Direct) does it at once. So an instruction has one description, whether it is translated or
//! executed. Types come from the arguments, so that a lifter cannot mix widths silently.
use crate::guest::state::offset;
use crate::guest::{Cc, FlagSet, Gpr, Seg, Trap};
use crate::helper::Helper;
use crate::inst::{Datum, Inst, Value, MAX_ARGS};
use crate::opcode::Opcode;
use crate::terminator::Terminator;
use crate::types::Ty;

/// A memory operand: `base + (index << shift) + disp` modulo 2^32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addr<V = Value> {
    /// `I32`, or none.
    pub base: V,
    /// `I32`, or none.
    pub index: V,
    /// Scale of the index as a shift count, 0..=3.
    pub shift: u8,
    /// Displacement in bytes.
    pub disp: i32,
}

impl<V: Datum> Addr<V> {
    /// The address in a value.
    pub fn base(base: V) -> Self {
        Self { base, index: V::NONE, shift: 0, disp: 0 }
    }

    /// The same address `bytes` further on.
    pub fn plus(self, bytes: i32) -> Self {
        Self { disp: self.disp.wrapping_add(bytes), ..self }
    }
}

/// Arguments in their places, the other places empty.
#[inline(always)]
fn places<V: Datum>(args: &[V]) -> [V; MAX_ARGS] {
    std::array::from_fn(|place| args.get(place).copied().unwrap_or(V::NONE))
}

/// Takes the operations of one instruction after the other.
pub trait Sink {
    /// What an operation's result is known by.
    type Value: Datum;

    /// Takes an operation; its result, if it has one.
    fn push(&mut self, inst: Inst<Self::Value>) -> Self::Value;

    /// The type of a result.
    fn ty(&self, value: Self::Value) -> Ty;

    /// Control goes elsewhere: nothing more comes of this block.
    fn end(&mut self, term: Terminator<Self::Value>);

    /// Any instruction without immediate.
    #[inline(always)]
    fn op(&mut self, op: Opcode, ty: Ty, args: &[Self::Value], flags: FlagSet) -> Self::Value {
        let inst = Inst { flags, args: places(args), ..Inst::new(op, ty) };
        self.push(inst)
    }

    /// Any instruction with one.
    #[inline(always)]
    fn op_imm(&mut self, op: Opcode, ty: Ty, args: &[Self::Value], imm: i64) -> Self::Value {
        let inst = Inst { imm, args: places(args), ..Inst::new(op, ty) };
        self.push(inst)
    }

    /// A constant, cut to the width.
    #[inline]
    fn iconst(&mut self, ty: Ty, value: u64) -> Self::Value {
        self.op_imm(Opcode::Const, ty, &[], (value & ty.mask()) as i64)
    }

    /// An `I32` constant.
    #[inline]
    fn const32(&mut self, value: u32) -> Self::Value {
        self.iconst(Ty::I32, u64::from(value))
    }

    /// An `I8` constant, as shift counts are.
    #[inline]
    fn const8(&mut self, value: u8) -> Self::Value {
        self.iconst(Ty::I8, u64::from(value))
    }

    /// Reads a register.
    #[inline]
    fn get_gpr(&mut self, reg: Gpr) -> Self::Value {
        self.op_imm(Opcode::GetGpr, Ty::I32, &[], reg as i64)
    }

    /// Writes a register.
    #[inline]
    fn set_gpr(&mut self, reg: Gpr, value: Self::Value) {
        self.op_imm(Opcode::SetGpr, Ty::I32, &[value], reg as i64);
    }

    /// Reads a field of `CpuState` by its offset (`guest::state::offset`).
    #[inline]
    fn get_state(&mut self, ty: Ty, offset: u32) -> Self::Value {
        self.op_imm(Opcode::GetState, ty, &[], i64::from(offset))
    }

    /// Writes a field of `CpuState` by its offset.
    #[inline]
    fn set_state(&mut self, offset: u32, value: Self::Value) {
        let ty = self.ty(value);
        self.op_imm(Opcode::SetState, ty, &[value], i64::from(offset));
    }

    /// The base address of a segment.
    #[inline]
    fn seg_base(&mut self, seg: Seg) -> Self::Value {
        self.get_state(Ty::I32, offset::SEG_BASE + 4 * seg as u32)
    }

    /// One past the last offset of a segment (`I64`).
    #[inline]
    fn seg_end(&mut self, seg: Seg) -> Self::Value {
        self.get_state(Ty::I64, offset::SEG_END + 8 * seg as u32)
    }

    /// The arithmetic flags in `mask` at their eflags bits.
    #[inline]
    fn get_flags(&mut self, mask: FlagSet) -> Self::Value {
        self.op_imm(Opcode::GetFlags, Ty::I32, &[], i64::from(mask.eflags_mask()))
    }

    /// Sets the flags in `mask` from the same bits of an eflags image.
    #[inline]
    fn set_flags(&mut self, mask: FlagSet, image: Self::Value) {
        self.op(Opcode::SetFlags, Ty::I32, &[image], mask);
    }

    /// 1 if the condition holds, else 0 (`I8`).
    #[inline]
    fn cond(&mut self, cc: Cc) -> Self::Value {
        self.op_imm(Opcode::Cond, Ty::I8, &[], cc as i64)
    }

    /// CF := a bit of a value.
    #[inline]
    fn set_carry(&mut self, value: Self::Value, bit: u32) {
        let mut inst = Inst::new(Opcode::SetCarry, Ty::None);
        inst.args[0] = value;
        inst.flags = FlagSet::CF;
        inst.imm = i64::from(bit);
        self.push(inst);
    }

    /// CF := its complement.
    #[inline]
    fn flip_carry(&mut self) {
        self.op(Opcode::FlipCarry, Ty::None, &[], FlagSet::CF);
    }

    /// `yes` if the condition holds in the guest flags, else `no`.
    #[inline]
    fn select(&mut self, cc: Cc, yes: Self::Value, no: Self::Value) -> Self::Value {
        let ty = self.ty(yes);
        self.op_imm(Opcode::Select, ty, &[yes, no], cc as i64)
    }

    /// `yes` if `value` is not zero, else `no`.
    #[inline]
    fn select_nz(&mut self, value: Self::Value, yes: Self::Value, no: Self::Value) -> Self::Value {
        let ty = self.ty(yes);
        self.op(Opcode::SelectNz, ty, &[value, yes, no], FlagSet::NONE)
    }

    /// A two-operand arithmetic or logical operation (`Add` .. `Xor`, `Mul*`, `*div`, `*rem`) that writes `flags`.
    #[inline]
    fn binary(&mut self, op: Opcode, a: Self::Value, b: Self::Value, flags: FlagSet) -> Self::Value {
        let ty = self.ty(a);
        self.op(op, ty, &[a, b], flags)
    }

    /// Wrapping sum without flags.
    #[inline]
    fn add(&mut self, a: Self::Value, b: Self::Value) -> Self::Value {
        self.binary(Opcode::Add, a, b, FlagSet::NONE)
    }

    /// Wrapping difference without flags.
    #[inline]
    fn sub(&mut self, a: Self::Value, b: Self::Value) -> Self::Value {
        self.binary(Opcode::Sub, a, b, FlagSet::NONE)
    }

    /// Bitwise and without flags.
    #[inline]
    fn and(&mut self, a: Self::Value, b: Self::Value) -> Self::Value {
        self.binary(Opcode::And, a, b, FlagSet::NONE)
    }

    /// Bitwise or without flags.
    #[inline]
    fn or(&mut self, a: Self::Value, b: Self::Value) -> Self::Value {
        self.binary(Opcode::Or, a, b, FlagSet::NONE)
    }

    /// Bitwise exclusive or without flags.
    #[inline]
    fn xor(&mut self, a: Self::Value, b: Self::Value) -> Self::Value {
        self.binary(Opcode::Xor, a, b, FlagSet::NONE)
    }

    /// A one-operand operation at its operand's width (`Not`, `Bswap`, `Clz`, `Ctz`, `Popcnt`).
    #[inline]
    fn unary(&mut self, op: Opcode, a: Self::Value) -> Self::Value {
        let ty = self.ty(a);
        self.op(op, ty, &[a], FlagSet::NONE)
    }

    /// Bitwise complement.
    #[inline]
    fn not(&mut self, a: Self::Value) -> Self::Value {
        self.unary(Opcode::Not, a)
    }

    /// A shift or rotation of `a` by an `I8` count.
    #[inline]
    fn shift(&mut self, op: Opcode, a: Self::Value, count: Self::Value, flags: FlagSet) -> Self::Value {
        let ty = self.ty(a);
        self.op(op, ty, &[a, count], flags)
    }

    /// `Shld` or `Shrd`.
    #[inline]
    fn shift_double(
        &mut self,
        op: Opcode,
        a: Self::Value,
        fill: Self::Value,
        count: Self::Value,
        flags: FlagSet,
    ) -> Self::Value {
        let ty = self.ty(a);
        self.op(op, ty, &[a, fill, count], flags)
    }

    /// Zero-extends to `ty`; the same value if it already has that type.
    #[inline]
    fn zext(&mut self, ty: Ty, a: Self::Value) -> Self::Value {
        self.widen(Opcode::Zext, ty, a)
    }

    /// Sign-extends to `ty`; the same value if it already has that type.
    #[inline]
    fn sext(&mut self, ty: Ty, a: Self::Value) -> Self::Value {
        self.widen(Opcode::Sext, ty, a)
    }

    /// Cuts to `ty`; the same value if it already has that type.
    #[inline]
    fn trunc(&mut self, ty: Ty, a: Self::Value) -> Self::Value {
        self.widen(Opcode::Trunc, ty, a)
    }

    /// The same value if it already has the type, else `op` of it.
    #[inline]
    fn widen(&mut self, op: Opcode, ty: Ty, a: Self::Value) -> Self::Value {
        if self.ty(a) == ty {
            return a;
        }
        self.op(op, ty, &[a], FlagSet::NONE)
    }

    /// Two `I32` halves as an `I64`.
    #[inline]
    fn concat(&mut self, lo: Self::Value, hi: Self::Value) -> Self::Value {
        self.op(Opcode::Concat, Ty::I64, &[lo, hi], FlagSet::NONE)
    }

    /// The bit field `[lsb, lsb + width)` of an `I32` or `I64`, zero-extended.
    #[inline]
    fn extract(&mut self, a: Self::Value, lsb: u32, width: u32) -> Self::Value {
        let ty = self.ty(a);
        self.op_imm(Opcode::Extract, ty, &[a], i64::from(lsb | width << 8))
    }

    /// The bit field `[lsb, lsb + width)` of an `I32` or `I64`, sign-extended.
    #[inline]
    fn extract_s(&mut self, a: Self::Value, lsb: u32, width: u32) -> Self::Value {
        let ty = self.ty(a);
        self.op_imm(Opcode::ExtractS, ty, &[a], i64::from(lsb | width << 8))
    }

    /// `base` with the field `[lsb, lsb + width)` replaced by the low bits of `value`.
    #[inline]
    fn insert(&mut self, base: Self::Value, value: Self::Value, lsb: u32, width: u32) -> Self::Value {
        let ty = self.ty(base);
        self.op_imm(Opcode::Insert, ty, &[base, value], i64::from(lsb | width << 8))
    }

    /// An access to memory; `data` are the arguments after the address.
    #[inline(always)]
    fn mem(&mut self, op: Opcode, ty: Ty, addr: Addr<Self::Value>, data: &[Self::Value]) -> Self::Value {
        let mut inst = Inst::new(op, ty);
        inst.args[0] = addr.base;
        inst.args[1] = addr.index;
        inst.args[2..2 + data.len()].copy_from_slice(data);
        inst.shift = addr.shift;
        inst.imm = i64::from(addr.disp);
        self.push(inst)
    }

    /// The address itself.
    #[inline]
    fn lea(&mut self, addr: Addr<Self::Value>) -> Self::Value {
        self.mem(Opcode::Lea, Ty::I32, addr, &[])
    }

    /// Loads a value of type `ty`.
    #[inline]
    fn load(&mut self, ty: Ty, addr: Addr<Self::Value>) -> Self::Value {
        self.mem(Opcode::Load, ty, addr, &[])
    }

    /// Loads an `I8` or `I16`, sign-extended to `I32`.
    #[inline]
    fn load_sx(&mut self, ty: Ty, addr: Addr<Self::Value>) -> Self::Value {
        self.mem(Opcode::LoadSx, ty, addr, &[])
    }

    /// Stores a value.
    #[inline]
    fn store(&mut self, addr: Addr<Self::Value>, value: Self::Value) {
        let ty = self.ty(value);
        self.mem(Opcode::Store, ty, addr, &[value]);
    }

    /// Stores a value if `condition` (`I32`) is not zero.
    #[inline]
    fn store_if(&mut self, addr: Addr<Self::Value>, value: Self::Value, condition: Self::Value) {
        let ty = self.ty(value);
        self.mem(Opcode::StoreIf, ty, addr, &[value, condition]);
    }

    /// An atomic read-modify-write with one operand; the old value.
    #[inline]
    fn atomic(&mut self, op: Opcode, addr: Addr<Self::Value>, value: Self::Value) -> Self::Value {
        let ty = self.ty(value);
        self.mem(op, ty, addr, &[value])
    }

    /// Fetch and negate; the old value.
    #[inline]
    fn atomic_neg(&mut self, ty: Ty, addr: Addr<Self::Value>) -> Self::Value {
        self.mem(Opcode::AtomicNeg, ty, addr, &[])
    }

    /// Compare and swap; the old value.
    #[inline]
    fn atomic_cas(&mut self, addr: Addr<Self::Value>, expected: Self::Value, new: Self::Value) -> Self::Value {
        let ty = self.ty(new);
        self.mem(Opcode::AtomicCas, ty, addr, &[expected, new])
    }

    /// Full memory barrier.
    #[inline]
    fn fence(&mut self) {
        self.op(Opcode::Fence, Ty::None, &[], FlagSet::NONE);
    }

    /// Leaves with `trap` at the current instruction if `value` is not zero.
    #[inline]
    fn trap_if(&mut self, value: Self::Value, trap: Trap) {
        let ty = self.ty(value);
        self.op_imm(Opcode::TrapIf, ty, &[value], trap as i64);
    }

    /// Calls a helper; `ty` is the result's type, `Ty::None` for none.
    #[inline]
    fn helper(&mut self, helper: Helper, ty: Ty, args: &[Self::Value]) -> Self::Value {
        self.op_imm(Opcode::Helper, ty, args, helper as i64)
    }
}
