//! What every lift function works with: the instruction, its operands as values, and the ways a block ends.
//!
//! A lift function tells a [`Sink`] what its instruction does. Those of the common integer instructions take any sink, and so
//! serve to execute an instruction at once as well (`crate::direct`); the others build blocks only.
//!
//! A lift function reads operands, computes, and writes back *last*: everything that can fault comes before the first
//! `set_*` and before flags (ir::opcode says why). For a read-modify-write of memory that means: compute without flags,
//! store, then the flag-writing operation on the same arguments; see `lift/binary.rs`. SDM vol. 1, 3.7 (operand
//! addressing).
mod address;

use crate::lift::x87;
use crate::region::{RegionPolicy, Segments};
use crate::table::LiftFn;
use iced_x86::{Instruction, MemorySize, OpKind, Register};
use ir::guest::{Gpr, GuestAddr, Seg, Trap, Xmm};
use ir::inst::Datum;
use ir::sink::{Addr, Sink};
use ir::{Block, BlockId, Builder, Floats, Region, Target, Terminator, Ty, Value};

/// Where an operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<V = Value> {
    /// A general register or a part of it that begins at bit `lsb`.
    Gpr {
        /// The 32-bit register.
        gpr: Gpr,
        /// 8 for AH, CH, DH, BH, else 0.
        lsb: u32,
    },
    /// Memory.
    Mem(Addr<V>),
    /// An immediate, sign-extended to the operand size by the decoder.
    Imm(u64),
}

/// A place and its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operand<V = Value> {
    /// Where it is.
    pub place: Place<V>,
    /// `I8`, `I16` or `I32`; for memory also `I64` and `V128`.
    pub ty: Ty,
}

impl<V: Datum> Operand<V> {
    /// A whole 32-bit register.
    pub fn gpr(gpr: Gpr) -> Self {
        Self { place: Place::Gpr { gpr, lsb: 0 }, ty: Ty::I32 }
    }

    /// The low `ty` of a register: AL, AX, EAX and so on.
    pub fn low(gpr: Gpr, ty: Ty) -> Self {
        Self { place: Place::Gpr { gpr, lsb: 0 }, ty }
    }

    /// AH, CH, DH, BH.
    pub fn high(gpr: Gpr) -> Self {
        Self { place: Place::Gpr { gpr, lsb: 8 }, ty: Ty::I8 }
    }

    /// The address, if it is in memory.
    pub fn addr(&self) -> Option<Addr<V>> {
        match self.place {
            Place::Mem(addr) => Some(addr),
            _ => None,
        }
    }
}

/// The context of lifting one run of guest instructions.
#[derive(Debug)]
pub struct LiftCx<S = Builder> {
    /// Takes the operations.
    pub ir: S,
    /// The instruction being lifted.
    pub insn: Instruction,
    /// Blocks whose memory can be used again.
    spare: Vec<Block>,
    ended: bool,
    folds: bool,
    floats: Floats,
    segments: Segments,
    /// Whether the next instruction is begun already.
    begun: bool,
    /// Whether the instruction is lifted alone, for the interpreter.
    pub single: bool,
    /// Whether the stack pointer is SP.
    small_stack: bool,
    /// The opcode, as FOP has it, of an x87 instruction that may raise an unmasked exception.
    pub raises: Option<u16>,
}

impl Default for LiftCx {
    /// With no block begun; [`Self::restart`] comes next.
    fn default() -> Self {
        Self { ended: true, ..Self::new(Builder::new(GuestAddr(0)), Segments::Flat) }
    }
}

impl<S> LiftCx<S> {
    /// A context in which accesses go through segments like this.
    pub fn new(ir: S, segments: Segments) -> Self {
        Self {
            ir,
            insn: Instruction::default(),
            spare: Vec::new(),
            ended: false,
            folds: true,
            floats: Floats::Host,
            segments,
            begun: false,
            single: false,
            small_stack: false,
            raises: None,
        }
    }
}

impl LiftCx {
    /// Begins a region in the memory of an old one; `begin_block` comes next.
    pub fn restart(&mut self, region: &mut Region, entry: GuestAddr, policy: &RegionPolicy) {
        debug_assert!(self.ended);
        region.restart(entry, &mut self.spare);
        std::mem::swap(&mut self.ir.ended, &mut region.blocks);
        (self.folds, self.floats, self.segments) = (policy.folds, policy.floats, policy.segments);
        (self.single, self.small_stack) = (policy.max_insns == 1, policy.small_stack);
    }

    /// Begins a block that starts at `start`; the block before it has ended.
    pub fn begin_block(&mut self, start: GuestAddr) {
        debug_assert!(self.ended);
        let memory = self.spare.pop().unwrap_or_else(|| Block::new(start));
        self.ir.restart(start, memory, self.folds, self.floats);
        self.ended = false;
    }

    /// How SSE arithmetic is done.
    pub fn floats(&self) -> Floats {
        self.floats
    }

    /// The blocks built; the last one has ended.
    pub fn take_blocks(&mut self) -> Vec<Block> {
        debug_assert!(self.ended);
        std::mem::take(&mut self.ir.ended)
    }

    /// The id of the block being built. The next one begun has the next id.
    pub fn block_id(&self) -> BlockId {
        self.ir.block_id()
    }

    /// Whether the current block has ended.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Lifts one instruction into the current block.
    pub fn lift(&mut self, insn: &Instruction, lift: LiftFn) {
        self.insn = *insn;
        if !std::mem::take(&mut self.begun) {
            self.mark();
        }
        lift(self);
        if let Some(opcode) = self.raises.take().filter(|_| !self.ended) {
            x87::note_raised(self, opcode);
        }
    }

    /// Begins the instruction `insn`, which is to be lifted next, by comparing the bytes of the block that starts with it: if they
    /// are others now, translated code is left, and made anew.
    pub fn check_code(&mut self, insn: &Instruction, bytes: &[u8]) {
        let start = GuestAddr(insn.ip32());
        self.ir.begin_insn(start, insn.len() as u8);
        let mut difference = None;
        for (offset, ty) in pieces(bytes.len()) {
            let piece = &bytes[offset..offset + ty.bytes() as usize];
            let expected = piece.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
            let at = start.plus(offset as u32).0 as i32;
            let now = self.ir.load(ty, Addr { base: Value::NONE, index: Value::NONE, shift: 0, disp: at });
            let expected = self.ir.iconst(ty, expected);
            let here = self.ir.xor(now, expected);
            let here = self.ir.zext(Ty::I64, here);
            difference = Some(difference.map_or(here, |before| self.ir.or(before, here)));
        }
        if let Some(difference) = difference {
            self.ir.trap_if(difference, Trap::Stale);
        }
        self.begun = true;
    }

    /// Says that what is built next belongs to the current instruction.
    fn mark(&mut self) {
        self.ir.begin_insn(self.addr(), self.insn.len() as u8);
    }

    /// Ends the block and begins another one of the same instruction.
    pub fn split(&mut self, term: Terminator) {
        self.end(term);
        self.begin_block(self.addr());
        self.mark();
    }
}

impl<S: Sink> LiftCx<S> {
    /// The next instruction comes, whatever the one before it did.
    pub(crate) fn begin(&mut self) {
        self.ended = false;
    }

    /// Address of the current instruction.
    pub fn addr(&self) -> GuestAddr {
        GuestAddr(self.insn.ip32())
    }

    /// Address of the instruction after it.
    pub fn next(&self) -> GuestAddr {
        GuestAddr(self.insn.next_ip32())
    }

    /// Ends the block. Targets inside the region are written as guest addresses, `region` resolves them; only the
    /// extra blocks of one instruction (REP loops) are named by id.
    pub fn end(&mut self, term: Terminator<S::Value>) {
        debug_assert!(!self.ended);
        self.ir.end(term);
        self.ended = true;
    }

    /// Ends the block with a jump.
    pub fn jump(&mut self, target: GuestAddr) {
        self.end(Terminator::Jump(Target::Guest(target)));
    }

    /// Ends the block: the current instruction faults with `trap`, eip at the instruction.
    pub fn fault(&mut self, trap: Trap) {
        let eip = self.addr();
        self.end(Terminator::Exit { trap, eip });
    }

    /// Ends the block: the current instruction is done and raises `trap`, eip after the instruction.
    pub fn trap(&mut self, trap: Trap) {
        let eip = self.next();
        self.end(Terminator::Exit { trap, eip });
    }

    /// #UD.
    pub fn undefined(&mut self) {
        self.fault(Trap::Undefined);
    }

    /// The operand with index `i`; a memory operand's address is computed here.
    #[inline]
    pub fn operand(&mut self, i: u32) -> Operand<S::Value> {
        match self.insn.op_kind(i) {
            OpKind::Register => register(self.insn.op_register(i)).expect("a general-purpose operand"),
            kind => self.other_operand(i, kind),
        }
    }

    fn other_operand(&mut self, i: u32, kind: OpKind) -> Operand<S::Value> {
        match kind {
            OpKind::Immediate8 | OpKind::Immediate8_2nd => self.immediate(i, Ty::I8),
            OpKind::Immediate16 | OpKind::Immediate8to16 => self.immediate(i, Ty::I16),
            OpKind::Immediate32 | OpKind::Immediate8to32 => self.immediate(i, Ty::I32),
            _ => Operand { place: Place::Mem(self.mem_addr()), ty: self.mem_ty() },
        }
    }

    fn immediate(&self, i: u32, ty: Ty) -> Operand<S::Value> {
        Operand { place: Place::Imm(self.insn.immediate(i) & ty.mask()), ty }
    }

    /// Whether operand `i` is in memory.
    pub fn is_mem(&self, i: u32) -> bool {
        self.insn.op_kind(i) >= OpKind::MemorySegSI
    }

    /// Width of the memory operand as an IR type; `I32` for sizes that no type has.
    pub fn mem_ty(&self) -> Ty {
        let size = self.insn.memory_size();
        if size == MemorySize::Unknown {
            return Ty::I32;
        }
        match size.size() {
            1 => Ty::I8,
            2 => Ty::I16,
            8 => Ty::I64,
            16 => Ty::V128,
            _ => Ty::I32,
        }
    }

    /// Width of operand `i`.
    pub fn ty(&mut self, i: u32) -> Ty {
        if self.is_mem(i) {
            return self.mem_ty();
        }
        match self.insn.op_kind(i) {
            OpKind::Register => register::<S::Value>(self.insn.op_register(i)).map_or(Ty::I32, |op| op.ty),
            _ => self.operand(i).ty,
        }
    }

    /// Reads an operand; the value has the operand's width.
    #[inline]
    pub fn get(&mut self, op: &Operand<S::Value>) -> S::Value {
        match op.place {
            Place::Imm(imm) => self.ir.iconst(op.ty, imm),
            Place::Mem(addr) => self.ir.load(op.ty, addr),
            Place::Gpr { gpr, lsb } => {
                let whole = self.ir.get_gpr(gpr);
                let part = if lsb == 0 { whole } else { self.ir.extract(whole, lsb, 8) };
                self.ir.trunc(op.ty, part)
            }
        }
    }

    /// Writes an operand of the value's width.
    pub fn set(&mut self, op: &Operand<S::Value>, value: S::Value) {
        match op.place {
            Place::Imm(_) => unreachable!("an immediate is never written"),
            Place::Mem(addr) => self.ir.store(addr, value),
            Place::Gpr { gpr, .. } if op.ty == Ty::I32 => self.ir.set_gpr(gpr, value),
            Place::Gpr { gpr, lsb } => {
                let whole = self.ir.get_gpr(gpr);
                let merged = self.ir.insert(whole, value, lsb, op.ty.bits());
                self.ir.set_gpr(gpr, merged);
            }
        }
    }

    /// The 32-bit register that operand `i` is, if it is one.
    #[inline]
    pub fn whole_register(&self, i: u32) -> Option<Gpr> {
        let register = (self.insn.op_kind(i) == OpKind::Register).then(|| self.insn.op_register(i) as usize)?;
        Gpr::from_index(register.wrapping_sub(Register::EAX as usize))
    }

    /// Whether operands 0 and 1 are the same register.
    pub fn same_register(&self) -> bool {
        self.insn.op0_kind() == OpKind::Register
            && self.insn.op1_kind() == OpKind::Register
            && self.insn.op0_register() == self.insn.op1_register()
    }

    /// Reads operand `i`.
    pub fn read(&mut self, i: u32) -> S::Value {
        if let Some(gpr) = self.whole_register(i) {
            return self.ir.get_gpr(gpr);
        }
        let op = self.operand(i);
        self.get(&op)
    }

    /// Writes operand `i`. Not for read-modify-write: the address would be computed twice.
    pub fn write(&mut self, i: u32, value: S::Value) {
        if let Some(gpr) = self.whole_register(i) {
            return self.ir.set_gpr(gpr, value);
        }
        let op = self.operand(i);
        self.set(&op, value);
    }

    /// Writes ESP, or SP if that is the stack pointer.
    pub fn set_esp(&mut self, value: S::Value) {
        let whole = if self.small_stack {
            let esp = self.ir.get_gpr(Gpr::Esp);
            self.ir.insert(esp, value, 0, 16)
        } else {
            value
        };
        self.ir.set_gpr(Gpr::Esp, whole);
    }

    /// Whether the stack pointer is SP.
    pub fn has_small_stack(&self) -> bool {
        self.small_stack
    }

    /// Reads an operand zero-extended to `I32`, in as few steps as it can be.
    pub fn get_zext(&mut self, op: &Operand<S::Value>) -> S::Value {
        match op.place {
            Place::Gpr { gpr, lsb } if op.ty != Ty::I32 => {
                let whole = self.ir.get_gpr(gpr);
                self.ir.extract(whole, lsb, op.ty.bits())
            }
            _ => {
                let value = self.get(op);
                self.ir.zext(Ty::I32, value)
            }
        }
    }

    /// Reads an operand sign-extended to `I32`, in as few steps as it can be.
    pub fn get_sext(&mut self, op: &Operand<S::Value>) -> S::Value {
        match op.place {
            Place::Gpr { gpr, lsb } if op.ty != Ty::I32 => {
                let whole = self.ir.get_gpr(gpr);
                self.ir.extract_s(whole, lsb, op.ty.bits())
            }
            Place::Mem(addr) if op.ty != Ty::I32 => self.ir.load_sx(op.ty, addr),
            _ => {
                let value = self.get(op);
                self.ir.sext(Ty::I32, value)
            }
        }
    }

    /// Reads the immediate operand `i` as it is after sign extension to 32 bits.
    pub fn imm32(&self, i: u32) -> u32 {
        self.insn.immediate(i) as u32
    }

    /// The XMM register of operand `i`.
    pub fn xmm(&self, i: u32) -> Option<Xmm> {
        xmm(self.insn.op_register(i))
    }

    /// 1 (`I32`) if an `I32` value is zero, else 0; touches no flags.
    pub fn is_zero(&mut self, value: S::Value) -> S::Value {
        let zeros = self.ir.unary(ir::Opcode::Clz, value);
        self.ir.extract(zeros, 5, 1)
    }
}

/// Offsets and widths of accesses that cover `len` bytes; the last may overlap the one before.
fn pieces(len: usize) -> impl Iterator<Item = (usize, Ty)> {
    let ty = match len {
        0..=1 => Ty::I8,
        2..=3 => Ty::I16,
        4..=7 => Ty::I32,
        _ => Ty::I64,
    };
    let step = ty.bytes() as usize;
    (0..len).step_by(step).map(move |offset| (offset.min(len - step), ty))
}

/// A general-purpose register of any width as an operand.
#[inline]
pub fn register<V: Datum>(reg: Register) -> Option<Operand<V>> {
    let (gpr, lsb, ty) = REGISTERS.get(reg as usize).copied()?;
    (ty != Ty::None).then_some(Operand { place: Place::Gpr { gpr, lsb: u32::from(lsb) }, ty })
}

/// By iced's number of a register: the 32-bit register it is part of, the bit it begins at, and its width; `None` for others.
static REGISTERS: [(Gpr, u8, Ty); Register::EDI as usize + 1] = {
    let mut table = [(Gpr::Eax, 0, Ty::None); Register::EDI as usize + 1];
    let mut n = 0;
    while n < 8 {
        table[Register::EAX as usize + n] = (Gpr::ALL[n], 0, Ty::I32);
        table[Register::AX as usize + n] = (Gpr::ALL[n], 0, Ty::I16);
        table[Register::AL as usize + n] = (Gpr::ALL[n % 4], if n < 4 { 0 } else { 8 }, Ty::I8);
        n += 1;
    }
    table
};

/// A segment register.
pub fn segment(reg: Register) -> Option<Seg> {
    Seg::from_index((reg as usize).checked_sub(Register::ES as usize)?)
}

/// An XMM register of 32-bit mode.
pub fn xmm(reg: Register) -> Option<Xmm> {
    Xmm::from_index((reg as usize).checked_sub(Register::XMM0 as usize)?)
}
