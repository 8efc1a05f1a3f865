//! Operations done as they come, for code that runs too seldom to be translated.
//!
//! The meaning is [`alu`]'s and that of the interpreter; only the route is shorter: no block is built. An instruction that
//! faults, traps or asks for more than this knows stops: from then on it changes nothing, and as instructions change state
//! after all that can fault, it has changed nothing before either but memory it will write again. Whoever runs it next, from its
//! own address, answers for what it does.
use super::{alu, state};
use crate::guest::{CpuState, FlagSet, Gpr, GuestAddr, GuestMem, GuestRange, Seg};
use crate::inst::{Datum, Inst};
use crate::opcode::Opcode;
use crate::sink::Sink;
use crate::terminator::{Target, Terminator};
use crate::types::Ty;

/// An integer of a type, zero-extended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    bits: u64,
    ty: Ty,
}

impl Datum for Word {
    const NONE: Self = Self { bits: 0, ty: Ty::None };
}

/// Does what it is told, on this state and memory. Its loads and stores have no order that another thread could rely on.
pub struct Direct<'a> {
    state: &'a mut CpuState,
    mem: &'a mut dyn GuestMem,
    stopped: bool,
    target: Option<GuestAddr>,
    code: GuestRange,
}

impl std::fmt::Debug for Direct<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Direct").field("stopped", &self.stopped).field("target", &self.target).finish_non_exhaustive()
    }
}

/// What an instruction came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It is done; the next one follows it in memory.
    Next,
    /// It is done; control is at this address.
    Jump(GuestAddr),
    /// It cannot be done here.
    Stopped,
}

impl<'a> Direct<'a> {
    /// Works on this state and memory.
    pub fn new(state: &'a mut CpuState, mem: &'a mut dyn GuestMem) -> Self {
        Self { state, mem, stopped: false, target: None, code: GuestRange::new(GuestAddr(0), 0) }
    }

    /// The next instruction to execute is at this address.
    pub fn set_eip(&mut self, eip: GuestAddr) {
        self.state.eip = eip.0;
    }

    /// Reads code ahead, as [`GuestMem::fetch`]; `None` if there is none.
    pub fn fetch(&mut self, addr: GuestAddr, buf: &mut [u8]) -> Option<usize> {
        let len = self.mem.fetch(addr, buf).ok()?;
        self.code = GuestRange::new(addr, len as u64);
        Some(len)
    }

    /// Whether the code that was read ahead is still what memory holds, as far as this thread has written it.
    pub fn is_current(&self) -> bool {
        self.code.len != 0
    }

    /// A register as it is now.
    pub fn register(&self, reg: Gpr) -> u32 {
        self.state.get(reg)
    }

    /// Whether the current instruction has stopped.
    pub fn has_stopped(&self) -> bool {
        self.stopped
    }

    /// What the operations since the last call came to: those of one instruction.
    #[inline]
    pub fn take_done(&mut self) -> Done {
        if std::mem::take(&mut self.stopped) {
            return Done::Stopped;
        }
        self.target.take().map_or(Done::Next, Done::Jump)
    }

    fn stop(&mut self) -> u64 {
        self.stopped = true;
        0
    }

    fn address(inst: &Inst<Word>) -> GuestAddr {
        let index = (inst.args[1].bits as u32) << inst.shift;
        GuestAddr((inst.args[0].bits as u32).wrapping_add(index)).offset(inst.disp())
    }

    fn load(&mut self, addr: GuestAddr, ty: Ty) -> u64 {
        let mut buf = [0; 8];
        if self.stopped || ty == Ty::V128 || self.mem.read(addr, &mut buf[..ty.bytes() as usize]).is_err() {
            return self.stop();
        }
        u64::from_le_bytes(buf)
    }

    fn store(&mut self, addr: GuestAddr, ty: Ty, value: u64) {
        let len = ty.bytes();
        if self.stopped || self.mem.write(addr, &value.to_le_bytes()[..len as usize]).is_err() {
            self.stop();
        } else if self.code.overlaps(GuestRange::new(addr, u64::from(len))) {
            self.code.len = 0;
        }
    }

    /// As there is no other thread, a read and a write will do.
    fn atomic(&mut self, inst: &Inst<Word>) -> u64 {
        let (addr, ty) = (Self::address(inst), inst.ty);
        let (operand, new) = (inst.args[2].bits, inst.args[3].bits);
        let old = self.load(addr, ty);
        self.store(addr, ty, alu::exchanged(inst.op, old, operand, new));
        old
    }

    fn helper(&mut self, inst: &Inst<Word>) -> u64 {
        if self.stopped || inst.ty == Ty::V128 {
            return self.stop();
        }
        let [a, b, c, d] = inst.args.map(|arg| arg.bits);
        let result = inst.helper().function()(self.state, a, b, c, d);
        if inst.ty == Ty::None {
            0
        } else {
            result & inst.ty.mask()
        }
    }

    fn set_flags_in(&mut self, mask: FlagSet, eflags: u32) {
        if !self.stopped {
            self.state.set_flags(mask, eflags);
        }
    }

    fn set_state(&mut self, inst: &Inst<Word>) {
        if !self.stopped {
            state::write(self.state, inst.imm as u32, inst.ty.bytes(), u128::from(inst.args[0].bits));
        }
    }

    fn compute(&mut self, inst: &Inst<Word>) -> u64 {
        let [a, b, c, _] = inst.args.map(|arg| arg.bits);
        match alu::eval(inst, [a, b, c], inst.args[0].ty, self.state.carry()) {
            Some(out) => {
                if !inst.flags.is_empty() {
                    self.set_flags_in(inst.flags & out.flags, out.eflags);
                }
                out.value
            }
            None => self.stop(),
        }
    }
}

impl Sink for Direct<'_> {
    type Value = Word;

    #[inline(always)]
    fn push(&mut self, inst: Inst<Word>) -> Word {
        use Opcode::*;
        let arg = inst.args[0].bits;
        let bits = match inst.op {
            Const => inst.imm as u64,
            GetGpr => u64::from(self.state.get(inst.gpr())),
            SetGpr => {
                if !self.stopped {
                    self.state.set(inst.gpr(), arg as u32);
                }
                0
            }
            GetState => state::read(self.state, inst.imm as u32, inst.ty.bytes()) as u64,
            SetState => {
                self.set_state(&inst);
                0
            }
            GetFlags => u64::from(self.state.eflags() & inst.imm as u32),
            SetFlags => {
                self.set_flags_in(inst.flags, arg as u32);
                0
            }
            SetCarry => {
                self.set_flags_in(FlagSet::CF, (arg >> inst.imm) as u32 & 1);
                0
            }
            FlipCarry => {
                self.set_flags_in(FlagSet::CF, u32::from(!self.state.carry()));
                0
            }
            Cond => u64::from(inst.cc().holds(self.state.eflags())),
            Select => inst.args[usize::from(!inst.cc().holds(self.state.eflags()))].bits,
            Lea => u64::from(Self::address(&inst).0),
            Load => self.load(Self::address(&inst), inst.ty),
            LoadSx => {
                let value = self.load(Self::address(&inst), inst.ty);
                u64::from(alu::sext(inst.ty, value) as u32)
            }
            Store => {
                self.store(Self::address(&inst), inst.ty, inst.args[2].bits);
                0
            }
            TrapIf | TrapIfZero => {
                if (arg == 0) == (inst.op == TrapIfZero) {
                    self.stop();
                }
                0
            }
            AtomicXchg | AtomicAdd | AtomicAnd | AtomicOr | AtomicXor | AtomicNeg | AtomicCas => self.atomic(&inst),
            Helper => self.helper(&inst),
            Zext => arg,
            Trunc => arg & inst.ty.mask(),
            _ => self.compute(&inst),
        };
        Word { bits, ty: inst.result_ty() }
    }

    #[inline(always)]
    fn ty(&self, value: Word) -> Ty {
        value.ty
    }

    #[inline(always)]
    fn end(&mut self, term: Terminator<Word>) {
        let pick = |holds: bool, taken, fallthrough| if holds { taken } else { fallthrough };
        let target = match term {
            Terminator::Jump(target) | Terminator::Call { target, .. } => target,
            Terminator::Branch { cc, taken, fallthrough } => pick(cc.holds(self.state.eflags()), taken, fallthrough),
            Terminator::BranchNz { value, taken, fallthrough } => pick(value.bits != 0, taken, fallthrough),
            Terminator::Indirect { pc } | Terminator::CallIndirect { pc, .. } | Terminator::Ret { pc } => {
                Target::Guest(GuestAddr(pc.bits as u32))
            }
            Terminator::Exit { .. } => return self.stopped = true,
        };
        match target {
            Target::Guest(addr) => self.target = Some(addr),
            // An instruction of several blocks.
            Target::Block(_) => self.stopped = true,
        }
    }

    #[inline]
    fn seg_base(&mut self, seg: Seg) -> Word {
        Word { bits: u64::from(self.state.seg_base[seg.index()]), ty: Ty::I32 }
    }

    #[inline]
    fn seg_end(&mut self, seg: Seg) -> Word {
        Word { bits: self.state.seg_end[seg.index()], ty: Ty::I64 }
    }
}
