//! Vectors: lanes, MMX registers, MXCSR; and SSE arithmetic in the way that [`Floats`] says.
use super::Builder;
use crate::guest::state::offset;
use crate::guest::{FlagSet, Mm, Trap};
use crate::helper::{sse, Helper};
use crate::inst::{Inst, Value};
use crate::opcode::{Effects, Opcode};
use crate::sink::{Addr, Sink};
use crate::source::Floats;
use crate::types::{Lane, Ty};

/// How many instructions back an access is looked for whose alignment has been checked.
const ALIGNMENT_REACH: usize = 64;

impl Builder {
    /// A vector operation; `imm` as the opcode's row says.
    pub fn vector(&mut self, op: Opcode, ty: Ty, lane: Lane, args: &[Value], imm: i64) -> Value {
        let mut inst = Inst::new(op, ty);
        inst.args[..args.len()].copy_from_slice(args);
        inst.lane = lane;
        inst.imm = imm;
        self.push_vector(inst)
    }

    fn push_vector(&mut self, inst: Inst) -> Value {
        match self.floats {
            _ if !inst.op.effects().has(Effects::FP) => {}
            Floats::Exact => return self.exact_float(&inst),
            Floats::Checked => self.check_denormals(&inst),
            Floats::Flushing | Floats::Host | Floats::Interpreted => {}
        }
        let result = self.push(inst);
        let flushes = matches!(self.floats, Floats::Flushing | Floats::Checked);
        if flushes && matches!(inst.op, Opcode::FMin | Opcode::FMax) {
            let mut flush = Inst::new(Opcode::VDaz, Ty::V128);
            (flush.args[0], flush.lane) = (result, inst.lane);
            return self.push(flush);
        }
        result
    }

    /// Leaves to the interpreter if an operand is denormal and DE has to be raised.
    fn check_denormals(&mut self, inst: &Inst) {
        use Opcode::*;
        let args = match inst.op {
            FAdd | FSub | FMul | FDiv | FMin | FMax | FAddSub | FAddPair | FSubPair | FCmp | FComi => {
                [inst.args[0], inst.args[1]]
            }
            FSqrt | FWiden | FNarrow => [inst.args[1]; 2],
            // Conversions from and to integers have no denormal operands.
            _ => return,
        };
        let lane = inst.lane;
        let news = args.map(|arg| self.may_be_denormal(arg, lane).then_some(arg));
        let [Some(first), second] = (if news[0].is_some() { news } else { [news[1], None] }) else { return };
        let mut check = Inst::new(TrapDenormal, Ty::V128);
        check.args[..2].copy_from_slice(&[first, second.unwrap_or(first)]);
        check.lane = lane;
        check.imm = Trap::Interpret as i64;
        self.push(check);
        self.checked.extend([first, second.unwrap_or(first)].map(|value| (value, lane)));
    }

    /// Whether lanes of a value may be denormals that have not been looked at since MXCSR was written.
    fn may_be_denormal(&self, value: Value, lane: Lane) -> bool {
        use Opcode::{FSqrt, FWiden, IntToF, VIntToF};
        let def = &self.block.insts[value.index()];
        let normal = matches!(def.op, FSqrt | FWiden | IntToF | VIntToF) && def.lane == lane;
        !normal && !self.checked.contains(&(value, lane))
    }

    /// Calls [`Helper::Simd`], and raises #XM if it says so.
    fn exact_float(&mut self, inst: &Inst) -> Value {
        let code = self.const32(sse::code(inst));
        let done = self.helper(Helper::Simd, Ty::I64, &[inst.args[0], inst.args[1], code]);
        let unmasked = self.extract(done, 32, 1);
        self.trap_if(unmasked, Trap::Simd);
        match inst.op {
            Opcode::FComi => {
                let image = self.trunc(Ty::I32, done);
                self.set_flags(inst.flags, image);
                image
            }
            Opcode::FToInt => self.trunc(inst.ty, done),
            _ => self.get_state(Ty::V128, offset::SCRATCH),
        }
    }

    /// A constant vector: `half` in both halves.
    pub fn vconst(&mut self, half: u64) -> Value {
        self.op_imm(Opcode::VConst, Ty::V128, &[], half as i64)
    }

    /// A lane-wise operation without immediate.
    pub fn lanes(&mut self, op: Opcode, lane: Lane, args: &[Value]) -> Value {
        self.vector(op, Ty::V128, lane, args, 0)
    }

    /// `FComi` or `VTest`: writes all arithmetic flags.
    pub fn vector_flags(&mut self, op: Opcode, lane: Lane, a: Value, b: Value, imm: i64) {
        let mut inst = Inst::new(op, Ty::V128);
        inst.args[..2].copy_from_slice(&[a, b]);
        inst.lane = lane;
        inst.imm = imm;
        inst.flags = FlagSet::ALL;
        self.push_vector(inst);
    }

    /// Loads 16 bytes, which must be aligned.
    pub fn load_aligned(&mut self, addr: Addr) -> Value {
        match self.is_aligned(addr) {
            true => self.load(Ty::V128, addr),
            false => self.mem(Opcode::LoadAligned, Ty::V128, addr, &[]),
        }
    }

    /// Stores 16 bytes, which must be aligned.
    pub fn store_aligned(&mut self, addr: Addr, value: Value) {
        match self.is_aligned(addr) {
            true => self.store(addr, value),
            false => {
                self.mem(Opcode::StoreAligned, Ty::V128, addr, &[value]);
            }
        }
    }

    /// Whether an access of this block has found the address aligned, or one that differs by multiples of 16 bytes.
    fn is_aligned(&self, addr: Addr) -> bool {
        let same = |inst: &Inst| {
            let checked = matches!(inst.op, Opcode::LoadAligned | Opcode::StoreAligned);
            checked && inst.args[..2] == [addr.base, Value::NONE] && inst.disp().wrapping_sub(addr.disp) % 16 == 0
        };
        if addr.base.is_none() && addr.index.is_none() {
            return addr.disp % 16 == 0;
        }
        let recent = self.block.insts.iter().rev().take(ALIGNMENT_REACH);
        addr.base.is_some() && addr.index.is_none() && { recent }.any(same)
    }

    /// Loads one lane's width into lane 0 of a zeroed vector.
    pub fn vload(&mut self, lane: Lane, addr: Addr) -> Value {
        let value = self.mem(Opcode::VLoad, Ty::V128, addr, &[]);
        self.block.insts[value.index()].lane = lane;
        value
    }

    /// Stores lane 0.
    pub fn vstore(&mut self, lane: Lane, addr: Addr, value: Value) {
        let store = self.mem(Opcode::VStore, Ty::V128, addr, &[value]);
        self.block.insts[store.index()].lane = lane;
    }

    /// Stores lane `number`.
    pub fn vstore_lane(&mut self, lane: Lane, addr: Addr, value: Value, number: u32) {
        if number == 0 && lane.bits() >= 32 {
            return self.vstore(lane, addr, value);
        }
        let number = self.const32(number);
        let store = self.mem(Opcode::VStoreLane, Ty::V128, addr, &[value, number]);
        self.block.insts[store.index()].lane = lane;
    }

    /// Reads an MMX register into the low half of a vector.
    pub fn get_mm(&mut self, reg: Mm) -> Value {
        self.op_imm(Opcode::GetMm, Ty::V128, &[], reg as i64)
    }

    /// Writes an MMX register from the low half of a vector.
    pub fn set_mm(&mut self, reg: Mm, value: Value) {
        self.op_imm(Opcode::SetMm, Ty::V128, &[value], reg as i64);
    }

    /// MXCSR with the sticky flags so far.
    pub fn get_mxcsr(&mut self) -> Value {
        self.op(Opcode::GetMxcsr, Ty::I32, &[], FlagSet::NONE)
    }

    /// Writes MXCSR.
    pub fn set_mxcsr(&mut self, value: Value) {
        self.checked.clear();
        self.op(Opcode::SetMxcsr, Ty::I32, &[value], FlagSet::NONE);
    }
}
