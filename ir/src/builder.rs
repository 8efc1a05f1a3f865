//! Construction of one block after the other.
//!
//! A folding builder puts every instruction through [`crate::fold`] first, so that much of what optimisation would remove
//! is never built.
mod vector;

use crate::fold::{self, StateCache};
use crate::guest::{FlagSet, GuestAddr, Xmm};
use crate::helper::Helper;
use crate::inst::{Inst, Value};
use crate::opcode::Opcode;
use crate::region::{Block, BlockId, InsnMark};
use crate::sink::{Addr, Sink};
use crate::source::Floats;
use crate::terminator::Terminator;
use crate::types::{Lane, Ty};
use crate::x87::StoreForm;

/// Builds blocks, instruction by instruction.
#[derive(Debug)]
pub struct Builder {
    /// The blocks that have ended with [`Sink::end`].
    pub ended: Vec<Block>,
    pub(crate) block: Block,
    /// What is known of the guest state at this point; only a folding builder keeps it up to date.
    pub(crate) state: StateCache,
    folds: bool,
    floats: Floats,
    /// Values of the block that code has looked at for denormals, as lanes of that kind.
    checked: Vec<(Value, Lane)>,
}

/// Room for the instructions of a usual block, so that it need not grow step by step.
const USUAL_INSTS: usize = 40;
/// As above, guest instructions.
const USUAL_INSNS: usize = 12;

impl Builder {
    /// A builder for a block that starts at `start`.
    pub fn new(start: GuestAddr) -> Self {
        Self {
            ended: Vec::new(),
            block: Block::new(start),
            state: StateCache::default(),
            folds: false,
            floats: Floats::Host,
            checked: Vec::new(),
        }
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
        self.checked.clear();
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

    /// The id of the block being built.
    pub fn block_id(&self) -> BlockId {
        BlockId(self.ended.len() as u16)
    }

    /// Appends an instruction as it is.
    pub(crate) fn emit(&mut self, inst: &mut Inst) -> Value {
        inst.insn = self.block.insns.len().saturating_sub(1) as u16;
        let value = Value(self.block.insts.len() as u16);
        self.block.insts.push(*inst);
        value
    }

    /// Reads an XMM register.
    pub fn get_xmm(&mut self, reg: Xmm) -> Value {
        self.op_imm(Opcode::GetXmm, Ty::V128, &[], reg as i64)
    }

    /// Writes an XMM register.
    pub fn set_xmm(&mut self, reg: Xmm, value: Value) {
        self.op_imm(Opcode::SetXmm, Ty::V128, &[value], reg as i64);
    }

    /// Leaves with `Trap::X87` if an unmasked exception is pending.
    pub fn x87_wait(&mut self) {
        self.op_imm(Opcode::X87Wait, Ty::None, &[], 0);
    }

    /// MMX state: as `x87_wait`, then TOP := 0 and all tags valid.
    pub fn mmx_enter(&mut self) {
        self.op_imm(Opcode::MmxEnter, Ty::None, &[], 0);
    }

    /// EMMS: all tags empty.
    pub fn mmx_leave(&mut self) {
        self.op_imm(Opcode::MmxLeave, Ty::None, &[], 0);
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

impl Sink for Builder {
    type Value = Value;

    /// Appends an instruction; it is given to the current guest instruction.
    fn push(&mut self, mut inst: Inst) -> Value {
        if self.folds {
            fold::step(self, &mut inst)
        } else {
            self.emit(&mut inst)
        }
    }

    fn ty(&self, value: Value) -> Ty {
        self.block.ty(value)
    }

    fn end(&mut self, term: Terminator) {
        let built = self.take(term);
        self.ended.push(built);
    }
}
