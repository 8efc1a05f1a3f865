//! Re-proves an allocation by abstract interpretation: walks the block as it will be emitted, with the content of every
//! register and spill slot as a symbol, and checks
//!
//! - that every operand is where the allocation says, at the position its user is emitted;
//! - that a value has its home to itself from its definition to its last use;
//! - that pinned registers hold the guest's registers wherever the block may be left (so a result computed early in a
//!   pinned register must not pass an access or a trap), and at its end.
//!
//! Runs after every allocation in debug builds and in tests.
use super::super::abi;
use super::super::allocation::{Allocation, Loc, When};
use super::super::x87_stack;
use super::analysis::is_get;
use super::operand::{operand, Operand};
use ir::{Block, FlagSet, Inst, Opcode, Ty, Value};
use std::fmt::Write;

/// What a place holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// Nothing anybody may rely on.
    Unknown,
    /// The guest register this place pins, as it was at the block's start.
    Initial,
    /// MMX register `.1` as it is where position `.0` entered MMX state.
    Entered(u16, u8),
    /// A value, by its root.
    Value(u16),
}

/// Places: 32 general registers, 32 vector registers, spill words.
const PLACES: usize = 64 + abi::SPILL_WORDS as usize;

struct Checker<'a> {
    block: &'a Block,
    alloc: &'a Allocation,
    places: [Content; PLACES],
    /// What the guest's registers hold: 8 general, 8 XMM, 8 MMX.
    guest: [Content; 24],
    /// Value that a `get_gpr` stands for, once it has been executed.
    reads: Vec<Content>,
}

/// Checks a whole block; the error says what is wrong where.
pub fn check(block: &Block, alloc: &Allocation) -> Result<(), String> {
    let mut places = [Content::Unknown; PLACES];
    for i in 0..8 {
        places[usize::from(abi::GPR_BASE) + i] = Content::Initial;
        places[32 + usize::from(abi::XMM_BASE) + i] = Content::Initial;
        places[32 + usize::from(abi::MM_BASE) + i] = Content::Initial;
    }
    let reads = vec![Content::Unknown; block.insts.len()];
    let mut c = Checker { block, alloc, places, guest: [Content::Initial; 24], reads };
    for (pos, inst) in block.insts.iter().enumerate() {
        c.step(pos, inst).map_err(|mut e| {
            let _ = write!(e, " at v{pos} {}", inst.op.name());
            e
        })?;
    }
    if let Some(value) = block.term.value().filter(|v| block.as_const(*v).is_none()) {
        c.operand(value, "terminator")?;
    }
    c.exact(24)
}

/// Index of a guest register among `Checker::guest`.
fn register(inst: &Inst) -> usize {
    match inst.op {
        Opcode::GetXmm | Opcode::SetXmm => 8 + inst.xmm().index(),
        Opcode::GetMm | Opcode::SetMm => 16 + inst.mm().index(),
        _ => inst.gpr().index(),
    }
}

/// The place that pins guest register `i`.
fn pinned(i: usize) -> usize {
    match i {
        0..8 => usize::from(abi::GPR_BASE) + i,
        16.. => 32 + usize::from(abi::MM_BASE) + i - 16,
        _ => 32 + usize::from(abi::XMM_BASE) + i - 8,
    }
}

fn place(loc: Loc) -> Option<usize> {
    match loc {
        Loc::None => None,
        Loc::X(n) => Some(usize::from(n)),
        Loc::V(n) => Some(32 + usize::from(n)),
        Loc::Spill(n) => Some(64 + usize::from(n)),
    }
}

impl Checker<'_> {
    fn step(&mut self, pos: usize, inst: &Inst) -> Result<(), String> {
        if is_get(inst.op) {
            self.reads[pos] = self.guest[register(inst)];
        }
        let slot = self.alloc.slots[pos];
        if slot.when != When::Here {
            return Ok(());
        }
        if matches!(inst.op, Opcode::SetGpr | Opcode::SetXmm | Opcode::SetMm) {
            return self.set(pos, inst);
        }
        self.execute(pos, inst)
    }

    /// An instruction is emitted: operands, exactness, result.
    fn execute(&mut self, value: usize, inst: &Inst) -> Result<(), String> {
        for (i, arg) in inst.args.iter().enumerate().filter(|(_, a)| a.is_some()) {
            if operand(self.block, inst, i) == Operand::Reg {
                self.operand(*arg, "operand")?;
            }
        }
        if inst.op.effects().may_exit() {
            // Before MMX state is entered, nobody looks at its registers.
            self.exact(if inst.op == Opcode::MmxEnter { 16 } else { 24 })?;
        }
        self.mmx(value, inst);
        if inst.flags.intersects(FlagSet::PF | FlagSet::AF) {
            self.places[usize::from(abi::PF)] = Content::Unknown;
        }
        let saves = self.alloc.saves_at(value);
        if inst.op == Opcode::Helper {
            self.clobber(&abi::TEMPS, 0, saves.x);
            self.clobber(&abi::VTEMPS, 32, saves.v);
        } else if matches!(inst.op, Opcode::X87 | Opcode::X87Store) {
            self.clobber(&abi::X87_TEMPS, 0, saves.x);
        }
        self.define(value)
    }

    /// What the instruction does to the MMX registers as a whole: whoever wants another form of the x87 state takes them away.
    fn mmx(&mut self, at: usize, inst: &Inst) {
        let enters = matches!(inst.op, Opcode::MmxEnter | Opcode::X87Wait);
        let leaves = x87_stack::wants_rest(inst) || x87_stack::is_live(inst) || inst.op == Opcode::MmxLeave;
        for i in 16..24 {
            if leaves {
                (self.guest[i], self.places[pinned(i)]) = (Content::Unknown, Content::Unknown);
            } else if enters && self.guest[i] == Content::Unknown {
                self.guest[i] = Content::Entered(at as u16, i as u8);
                if self.places[pinned(i)] == Content::Unknown {
                    self.places[pinned(i)] = self.guest[i];
                }
            }
        }
    }

    fn clobber(&mut self, regs: &[u8], base: usize, saved: u32) {
        for reg in regs.iter().filter(|r| saved >> **r & 1 == 0) {
            self.places[base + usize::from(*reg)] = Content::Unknown;
        }
    }

    fn define(&mut self, value: usize) -> Result<(), String> {
        let slot = self.alloc.slots[value];
        let Some(at) = place(slot.loc) else { return Ok(()) };
        let content = match self.block.insts[value].op {
            op if is_get(op) => self.reads[value],
            _ => Content::Value(value as u16),
        };
        if slot.loc.is_mm() && slot.wide {
            return Err(format!("all of v{value} is wanted, of which {} holds a half", slot.loc));
        }
        self.places[at] = content;
        if matches!(slot.loc, Loc::Spill(_)) && self.block.insts[value].result_ty() == Ty::V128 {
            self.places[at + 1] = content;
        }
        Ok(())
    }

    fn set(&mut self, pos: usize, inst: &Inst) -> Result<(), String> {
        let to = register(inst);
        let root = self.alloc.slots[inst.args[0].index()].root;
        if operand(self.block, inst, 0) != Operand::Reg {
            self.guest[to] = Content::Value(root);
            self.places[pinned(to)] = Content::Value(root);
            return Ok(());
        }
        if self.alloc.slots[usize::from(root)].when == When::At(pos as u16) {
            self.execute(usize::from(root), &self.block.insts[usize::from(root)])?;
        } else {
            self.operand(inst.args[0], "operand")?;
        }
        let content = self.symbol(root);
        self.guest[to] = content;
        self.places[pinned(to)] = content;
        Ok(())
    }

    /// What a value's register must hold.
    fn symbol(&self, root: u16) -> Content {
        match self.block.insts[usize::from(root)].op {
            op if is_get(op) => self.reads[usize::from(root)],
            _ => Content::Value(root),
        }
    }

    fn operand(&mut self, value: Value, what: &str) -> Result<(), String> {
        let root = self.alloc.slots[value.index()].root;
        let slot = self.alloc.slots[usize::from(root)];
        let constant = slot.when == When::FirstUse;
        let Some(at) = place(slot.loc) else {
            // Constants without a register are made anew at each use.
            return if constant { Ok(()) } else { Err(format!("{what} v{root} has no place")) };
        };
        if constant && self.places[at] != Content::Value(root) {
            // Its first use: it is made now, in a register that must be free.
            if self.defined(root) {
                return Err(format!("constant v{root} was overwritten in {}", slot.loc));
            }
            self.reads[usize::from(root)] = Content::Value(root);
            self.places[at] = Content::Value(root);
            return Ok(());
        }
        let wanted = self.symbol(root);
        // A read that an unwritten guest register stands for is the register itself.
        let held = match (self.places[at], wanted) {
            (Content::Initial, Content::Initial) => {
                let read = &self.block.insts[usize::from(root)];
                if slot.loc.is_pinned() && pinned(register(read)) != at {
                    Content::Unknown
                } else {
                    Content::Initial
                }
            }
            (held, _) => held,
        };
        if held != wanted || wanted == Content::Unknown {
            return Err(format!("{what} v{root} should be in {} but that holds {held:?}", slot.loc));
        }
        Ok(())
    }

    /// Whether a constant has been put into its register before.
    fn defined(&self, root: u16) -> bool {
        self.reads[usize::from(root)] != Content::Unknown
    }

    /// Each of the first `count` pinned registers holds what the guest's register holds.
    fn exact(&self, count: usize) -> Result<(), String> {
        for (i, content) in self.guest[..count].iter().enumerate() {
            if self.places[pinned(i)] != *content {
                return Err(format!(
                    "guest register {i} is {content:?} but its pinned register is {:?}",
                    self.places[pinned(i)]
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{allocate, Registers};
    use super::*;
    use ir::guest::{FlagSet, Gpr, GuestAddr};
    use ir::sink::Addr;
    use ir::{Builder, Sink, Terminator, Trap};

    fn block() -> Block {
        let start = GuestAddr(0x1000);
        let mut b = Builder::new(start);
        b.begin_insn(start, 1);
        let (eax, ecx) = (b.get_gpr(Gpr::Eax), b.get_gpr(Gpr::Ecx));
        let sum = b.add(eax, ecx);
        let less = b.sub(eax, ecx);
        b.store(Addr::base(ecx), sum);
        b.set_gpr(Gpr::Eax, less);
        b.set_gpr(Gpr::Ecx, sum);
        b.finish(Terminator::Exit { trap: Trap::Yield, eip: start })
    }

    #[test]
    fn what_the_allocator_does_passes() {
        let mut alloc = Allocation::default();
        allocate(&block(), FlagSet::ALL, Registers::All, &mut alloc);
        assert_eq!(check(&block(), &alloc), Ok(()));
    }

    /// Each a broken allocation: value, its wrong place, what the checker must say.
    #[test]
    fn what_is_broken_is_found() {
        for (value, loc, message) in [
            (2, Loc::gpr(Gpr::Ecx), "v1 should be in ecx"),
            (2, Loc::gpr(Gpr::Edx), "guest register 2"),
            (3, Loc::X(0), "v2 should be in x0"),
            (2, Loc::None, "has no place"),
        ] {
            let mut alloc = Allocation::default();
            allocate(&block(), FlagSet::ALL, Registers::All, &mut alloc);
            alloc.slots[3].when = When::Here;
            alloc.slots[3].loc = Loc::X(5);
            alloc.slots[value].loc = loc;
            let error = check(&block(), &alloc).expect_err("broken");
            assert!(error.contains(message), "{error}");
        }
    }
}
