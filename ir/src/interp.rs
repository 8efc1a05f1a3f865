//! The reference interpreter: the meaning of a region, step by step.
//!
//! It is the oracle of tests, and in production it runs the single instructions that generated code cannot: so a memory
//! fault or trap leaves registers, flags and state fields as they were before the guest instruction. That rests on the
//! order the verifier demands; earlier stores of the same instruction stay done, as on hardware. Its atomics are a
//! read and a write: whoever needs them atomic against other threads must keep those out.
//!
//! [`alu`] holds the integer semantics as pure functions; [`Direct`] does the operations of lift functions as they come.
pub mod alu;
mod direct;
pub(crate) mod float;
mod shift;
mod state;
pub mod vector;
mod x87;

pub use direct::{Direct, Done, Word};

use crate::guest::state::St;
use crate::guest::{CpuState, Fault, FlagSet, GuestAddr, GuestMem, Trap};
use crate::inst::{Inst, Value, MAX_ARGS};
use crate::opcode::Opcode;
use crate::region::{Block, BlockId, Region};
use crate::terminator::{Target, Terminator};
use crate::types::Ty;

/// How a run ended; `state.eip` says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Control left the region for the guest address in `state.eip`.
    Left,
    /// The event; `state.eip` as [`Trap`] says.
    Trap(Trap),
    /// The access of the instruction at `state.eip` faulted.
    Fault(Fault),
    /// A loop was about to go round once more; `state.eip` is its head.
    OutOfFuel,
}

/// Runs a region from its entry. `fuel` is the number of blocks after which the next backward branch stops the run.
///
/// The region must be verified: what the verifier would reject may panic here.
pub fn run(region: &Region, state: &mut CpuState, mem: &mut dyn GuestMem, mut fuel: u64) -> Outcome {
    let mut machine = Machine { state, mem, values: Vec::new() };
    let mut at = BlockId(0);
    loop {
        let block = &region.blocks[at.index()];
        fuel = fuel.saturating_sub(1);
        match machine.block(block) {
            Err(Stop::Fault(fault)) => return Outcome::Fault(fault),
            Err(Stop::Trap(trap)) => return Outcome::Trap(trap),
            Ok(Target::Guest(addr)) => {
                machine.state.eip = addr.0;
                return Outcome::Left;
            }
            Ok(Target::Block(next)) => {
                if fuel == 0 && next <= at {
                    machine.state.eip = region.blocks[next.index()].start.0;
                    return Outcome::OutOfFuel;
                }
                at = next;
            }
        }
    }
}

/// Why a block did not reach its end, or ended outside of translated code. `eip` is set.
enum Stop {
    Fault(Fault),
    Trap(Trap),
}

/// Denormal operands are zeros.
const MXCSR_DAZ: u32 = 1 << 6;
/// Where denormal operands are of no interest: DE is set, or they are zeros.
const MXCSR_DE_DAZ: u32 = 1 << 1 | MXCSR_DAZ;

struct Machine<'a> {
    state: &'a mut CpuState,
    mem: &'a mut dyn GuestMem,
    /// The block's values so far, zero-extended; zero for instructions without result.
    values: Vec<u128>,
}

impl Machine<'_> {
    fn block(&mut self, block: &Block) -> Result<Target, Stop> {
        self.values.clear();
        for inst in &block.insts {
            let value = self.inst(block, inst).inspect_err(|_| self.state.eip = block.insn_addr(inst).0)?;
            self.values.push(value);
            self.note_x87(block, inst);
        }
        let pick = |holds: bool, taken, fallthrough| if holds { taken } else { fallthrough };
        Ok(match block.term {
            Terminator::Jump(target) | Terminator::Call { target, .. } => target,
            Terminator::Branch { cc, taken, fallthrough } => pick(cc.holds(self.state.eflags()), taken, fallthrough),
            Terminator::BranchNz { value, taken, fallthrough } => pick(self.get(value) != 0, taken, fallthrough),
            Terminator::Indirect { pc } | Terminator::CallIndirect { pc, .. } | Terminator::Ret { pc } => {
                Target::Guest(GuestAddr(self.get(pc) as u32))
            }
            Terminator::Exit { trap, eip } => {
                self.state.eip = eip.0;
                return Err(Stop::Trap(trap));
            }
        })
    }

    /// The value, or zero where there is none: an absent address part or helper argument.
    fn get(&self, value: Value) -> u128 {
        if value.is_none() {
            return 0;
        }
        self.values[value.index()]
    }

    fn set_flags(&mut self, inst: &Inst, defined: FlagSet, eflags: u32) {
        self.state.set_flags(inst.flags & defined, eflags);
    }

    /// Executes one instruction; its result.
    fn inst(&mut self, block: &Block, inst: &Inst) -> Result<u128, Stop> {
        use Opcode::*;
        let args: [u128; MAX_ARGS] = inst.args.map(|value| self.get(value));
        let bytes = inst.ty.bytes();
        match inst.op {
            Nop | Fence => {}
            GetGpr => return Ok(u128::from(self.state.get(inst.gpr()))),
            SetGpr => self.state.set(inst.gpr(), args[0] as u32),
            GetXmm => return Ok(self.state.xmm[inst.xmm().index()]),
            SetXmm => self.state.xmm[inst.xmm().index()] = args[0],
            GetState => return Ok(state::read(self.state, inst.imm as u32, bytes)),
            SetState => state::write(self.state, inst.imm as u32, bytes, args[0]),
            GetFlags => return Ok(u128::from(self.state.eflags() & inst.imm as u32)),
            SetFlags => self.set_flags(inst, FlagSet::ALL, args[0] as u32),
            SetCarry => self.set_flags(inst, FlagSet::CF, (args[0] >> inst.imm) as u32 & 1),
            FlipCarry => self.set_flags(inst, FlagSet::CF, self.state.eflags() ^ 1),
            Cond => return Ok(u128::from(inst.cc().holds(self.state.eflags()))),
            Select => return Ok(if inst.cc().holds(self.state.eflags()) { args[0] } else { args[1] }),
            SelectNz => return Ok(if args[0] != 0 { args[1] } else { args[2] }),
            Lea => return Ok(u128::from(self.address(inst).0)),
            Load | LoadAligned | LoadSx | Store | StoreAligned | StoreIf | VLoad | VStore | VStoreLane => {
                return self.access(inst, args)
            }
            AtomicXchg | AtomicAdd | AtomicAnd | AtomicOr | AtomicXor | AtomicNeg | AtomicCas => {
                return self.atomic(inst, args[2], args[3])
            }
            TrapIfZero if args[0] == 0 => return Err(Stop::Trap(inst.trap())),
            TrapIfZero => {}
            TrapIf if args[0] != 0 => return Err(Stop::Trap(inst.trap())),
            TrapIf => {}
            Helper | X87 => return Ok(self.helper(block, inst, args)),
            X87Wait | MmxEnter if x87::pending(self.state) => return Err(Stop::Trap(Trap::X87)),
            X87Wait => {}
            MmxEnter => (self.state.top, self.state.ftw) = (0, 0xff),
            MmxLeave => self.state.ftw = 0,
            X87Store => self.x87_store(inst, args[2] as u32)?,
            X87Status => return Ok(u128::from(x87::status(self.state))),
            GetMm => {
                let low = u128::from(self.state.st[inst.imm as usize & 7].mantissa);
                // Something above that nobody can take for the register or for zero.
                return Ok(low | !low << 64);
            }
            SetMm => self.state.st[inst.imm as usize & 7] = St::new(0xffff, args[0] as u64),
            TrapDenormal => {
                let found = vector::has_denormals(inst.lane, [args[0], args[1]]);
                if found && self.state.mxcsr & MXCSR_DE_DAZ == 0 {
                    return Err(Stop::Trap(inst.trap()));
                }
            }
            VDaz if self.state.mxcsr & MXCSR_DAZ == 0 => return Ok(args[0]),
            VDaz => return Ok(vector::flush_denormals(inst.lane, args[0])),
            GetMxcsr => return Ok(u128::from(self.state.mxcsr)),
            SetMxcsr => self.state.mxcsr = args[0] as u32,
            _ => return self.compute(block, inst, args),
        }
        Ok(0)
    }

    /// A load or store.
    fn access(&mut self, inst: &Inst, args: [u128; MAX_ARGS]) -> Result<u128, Stop> {
        use Opcode::*;
        let (bytes, lane) = (inst.ty.bytes(), inst.lane.bits());
        match inst.op {
            LoadAligned | StoreAligned if self.address(inst).0 % 16 != 0 => {
                return Err(Stop::Trap(Trap::GeneralProtection))
            }
            Load | LoadAligned => return self.load(inst, bytes),
            LoadSx => return Ok(alu::sext(inst.ty, self.load(inst, bytes)? as u64) as u32 as u128),
            Store | StoreAligned => self.store(inst, bytes, args[2])?,
            StoreIf if args[3] != 0 => self.store(inst, bytes, args[2])?,
            VLoad => return self.load(inst, lane / 8),
            VStore => self.store(inst, lane / 8, args[2])?,
            VStoreLane => self.store(inst, lane / 8, args[2] >> (args[3] as u32 * lane & 127))?,
            _ => {}
        }
        Ok(0)
    }

    fn compute(&mut self, block: &Block, inst: &Inst, args: [u128; MAX_ARGS]) -> Result<u128, Stop> {
        let src = if inst.args[0].is_some() { block.ty(inst.args[0]) } else { Ty::None };
        if inst.ty == Ty::V128 || src == Ty::V128 {
            return self.vector(inst, args);
        }
        let ints = [args[0] as u64, args[1] as u64, args[2] as u64];
        match alu::eval(inst, ints, src, self.state.eflags() & 1 != 0) {
            Some(out) => {
                self.set_flags(inst, out.flags, out.eflags);
                Ok(u128::from(out.value))
            }
            None => panic!("no semantics for `{inst}`"),
        }
    }

    fn vector(&mut self, inst: &Inst, args: [u128; MAX_ARGS]) -> Result<u128, Stop> {
        let value = vector::execute(inst, [args[0], args[1], args[2]], &mut self.state.mxcsr);
        let value = value.map_err(|_| Stop::Trap(Trap::Simd))?;
        let value = value.unwrap_or_else(|| panic!("no semantics for `{inst}`"));
        if matches!(inst.op, Opcode::FComi | Opcode::VTest) {
            self.set_flags(inst, FlagSet::ALL, value as u32);
        }
        Ok(value)
    }

    fn address(&self, inst: &Inst) -> GuestAddr {
        let index = (self.get(inst.args[1]) as u32) << inst.shift;
        GuestAddr((self.get(inst.args[0]) as u32).wrapping_add(index)).offset(inst.disp())
    }

    fn load(&mut self, inst: &Inst, bytes: u32) -> Result<u128, Stop> {
        let mut buf = [0; 16];
        self.mem.read(self.address(inst), &mut buf[..bytes as usize]).map_err(Stop::Fault)?;
        Ok(u128::from_le_bytes(buf))
    }

    fn store(&mut self, inst: &Inst, bytes: u32, value: u128) -> Result<(), Stop> {
        let data = value.to_le_bytes();
        self.mem.write(self.address(inst), &data[..bytes as usize]).map_err(Stop::Fault)
    }

    fn atomic(&mut self, inst: &Inst, operand: u128, new: u128) -> Result<u128, Stop> {
        let (addr, bytes) = (self.address(inst), inst.ty.bytes() as usize);
        loop {
            let old = self.load(inst, inst.ty.bytes())?;
            let result = alu::exchanged(inst.op, old as u64, operand as u64, new as u64);
            let (from, to) = (old.to_le_bytes(), result.to_le_bytes());
            if self.mem.replace(addr, &from[..bytes], &to[..bytes]).map_err(Stop::Fault)? {
                return Ok(old);
            }
        }
    }

    fn helper(&mut self, block: &Block, inst: &Inst, args: [u128; MAX_ARGS]) -> u128 {
        for (index, value) in inst.args.iter().enumerate() {
            if value.is_some() && block.ty(*value) == Ty::V128 {
                self.state.scratch[index] = args[index];
            }
        }
        let [a, b, c, d] = args.map(|arg| arg as u64);
        let result = inst.helper().function()(self.state, a, b, c, d);
        let result = match inst.ty {
            Ty::None => 0,
            Ty::V128 => self.state.scratch[0],
            ty => u128::from(result & ty.mask()),
        };
        if !inst.flags.is_empty() {
            self.set_flags(inst, FlagSet::ALL, result as u32);
        }
        result
    }
}

#[cfg(test)]
mod tests;
