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
        let mut check = Inst::new(VDenormal, Ty::V128);
        check.args[..2].copy_from_slice(&args);
        check.lane = inst.lane;
        let found = self.push(check);
        self.trap_if(found, Trap::Interpret);
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
        self.op(Opcode::SetMxcsr, Ty::I32, &[value], FlagSet::NONE);
    }
}
