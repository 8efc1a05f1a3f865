//! Linear scan: temporaries for what the analysis left without a place. Straight-line code, so one forward walk does it.
use super::super::abi::{self, TEMPS, VTEMPS};
use super::super::allocation::{Allocation, Loc, Saves, Slot, When, NO_USE, RELOADS};
use ir::{Block, FlagSet, Opcode, Ty, Value};

/// How many registers there are, and what happens when they are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registers {
    /// All; the scan fails.
    All,
    /// All but those for reloading; values are spilled.
    Spilling,
    /// Two of each kind, so that tests see spilling.
    Few,
}

/// Not enough registers or, when spilling, not enough spill slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRegisters;

struct Scan<'a> {
    block: &'a Block,
    slots: &'a mut [Slot],
    saves: &'a mut Vec<(u16, Saves)>,
    used_x: &'a mut u32,
    /// Free temporaries as bit masks of register numbers.
    free_x: u32,
    free_v: u32,
    /// For each spill word the position from which it is free; `NO_USE` while it is taken.
    free_from: [u16; abi::SPILL_WORDS as usize],
    registers: Registers,
}

/// The registers the allocator may use.
fn available(all: &[u8], registers: Registers) -> &[u8] {
    match registers {
        Registers::All => all,
        Registers::Spilling => &all[..all.len() - RELOADS],
        Registers::Few => &all[..2],
    }
}

fn mask(regs: &[u8]) -> u32 {
    regs.iter().fold(0, |m, r| m | 1 << r)
}

/// Gives every value that needs one a temporary or, if `registers` says so, a spill slot.
pub fn scan(block: &Block, alloc: &mut Allocation, registers: Registers) -> Result<(), OutOfRegisters> {
    alloc.spilled = registers != Registers::All;
    let mut scan = Scan {
        block,
        slots: &mut alloc.slots,
        saves: &mut alloc.saves,
        used_x: &mut alloc.used_x,
        free_x: mask(available(&TEMPS, registers)),
        free_v: mask(available(&VTEMPS, registers)),
        free_from: [0; abi::SPILL_WORDS as usize],
        registers,
    };
    for i in 0..block.insts.len() {
        scan.step(i)?;
    }
    let value = block.term.value().map(|v| (v.index(), scan.slots[v.index()]));
    match value {
        Some((v, slot))
            if slot.when == When::FirstUse
                && slot.loc == Loc::None
                && slot.is_used()
                && registers == Registers::All =>
        {
            scan.assign(v, block.insts.len())
        }
        _ => Ok(()),
    }
}

impl Scan<'_> {
    fn step(&mut self, i: usize) -> Result<(), OutOfRegisters> {
        let slot = &self.slots[i];
        if slot.when != When::Here {
            return Ok(());
        }
        let wanted = slot.loc == Loc::None && slot.is_used();
        let inst = &self.block.insts[i];
        self.operands(i, i)?;
        match inst.op {
            Opcode::SetGpr | Opcode::SetXmm | Opcode::SetMm => {
                // A definition that sank to here uses its operands here.
                let root = usize::from(self.slots[inst.args[0].index()].root);
                if self.slots[root].when == When::At(i as u16) {
                    self.operands(root, i)?;
                }
            }
            Opcode::Helper => {
                let (x, v) = (mask(available(&TEMPS, self.registers)), mask(available(&VTEMPS, self.registers)));
                let (x, v) = (x & !self.free_x, v & !self.free_v);
                self.saves.push((i as u16, Saves { x, v }));
            }
            Opcode::X87 | Opcode::X87Store => {
                let x = mask(available(&TEMPS, self.registers)) & !self.free_x & mask(&abi::X87_TEMPS);
                self.saves.push((i as u16, Saves { x, v: 0 }));
            }
            _ => {}
        }
        if wanted && self.gives_parity(i) {
            self.slots[i].loc = Loc::X(abi::PF);
        } else if wanted {
            self.assign(i, i)?;
        }
        Ok(())
    }

    /// Whether the value is what PF is taken from, as long as it lives.
    fn gives_parity(&self, i: usize) -> bool {
        use Opcode::*;
        const RAW: FlagSet = FlagSet::PF.with(FlagSet::AF);
        let (inst, slot) = (&self.block.insts[i], &self.slots[i]);
        let wanted = slot.live & RAW;
        matches!(inst.op, Add | Sub | Adc | Sbb | And | Or | Xor | Shl | Shr | Sar | Shld | Shrd)
            && inst.ty != Ty::I64
            && !wanted.is_empty()
            && inst.flags.contains(wanted)
            && !inst.may_keep_flags(|count| self.block.as_const(count))
            && self
                .block
                .insts
                .get(i + 1..=usize::from(slot.last))
                .is_some_and(|rest| rest.iter().all(|other| !other.flags.intersects(RAW)))
    }

    /// Gives constants that the instruction `user`, emitted at `i`, is the first to use their register, then frees what it
    /// uses last. When spilling, constants are made anew for each use instead.
    fn operands(&mut self, user: usize, i: usize) -> Result<(), OutOfRegisters> {
        let (args, operands) = (&self.block.insts[user].args, self.slots[user].operands);
        if operands.regs().is_empty() {
            return Ok(());
        }
        if self.registers == Registers::All {
            for arg in operands.consts().map(|place| args[place].index()) {
                let slot = &self.slots[arg];
                if slot.when == When::FirstUse && slot.loc == Loc::None && usize::from(slot.first) == i {
                    self.assign(arg, i)?;
                }
            }
        }
        for arg in operands.regs().map(|place| args[place]) {
            let root = &self.slots[usize::from(self.slots[arg.index()].root)];
            if usize::from(root.last) == i {
                self.free(root.loc, arg, i);
            }
        }
        Ok(())
    }

    fn free(&mut self, loc: Loc, value: Value, now: usize) {
        match loc {
            Loc::X(n) if n < abi::SCRATCH0 => self.free_x |= 1 << n,
            Loc::V(n) if !loc.is_pinned() => self.free_v |= 1 << n,
            Loc::Spill(n) => self.free_from[usize::from(n)..][..words(self.block.ty(value))].fill(now as u16),
            _ => {}
        }
    }

    fn assign(&mut self, value: usize, now: usize) -> Result<(), OutOfRegisters> {
        let vector = self.block.insts[value].result_ty() == Ty::V128;
        let free = if vector { &mut self.free_v } else { &mut self.free_x };
        if *free == 0 {
            if self.registers == Registers::All {
                return Err(OutOfRegisters);
            }
            return self.evict(value, now, vector);
        }
        let n = free.trailing_zeros() as u8;
        *free &= *free - 1;
        if !vector {
            *self.used_x |= 1 << n;
        }
        self.slots[value].loc = if vector { Loc::V(n) } else { Loc::X(n) };
        Ok(())
    }

    /// Puts the value used furthest away, the new one or one that has a register, into a spill slot from its start.
    fn evict(&mut self, value: usize, now: usize, vector: bool) -> Result<(), OutOfRegisters> {
        let candidate = |i: usize| {
            let slot = &self.slots[i];
            let same = match slot.loc {
                Loc::X(n) => !vector && n < abi::SCRATCH0,
                Loc::V(_) => vector && !slot.loc.is_pinned(),
                _ => false,
            };
            same && slot.last != NO_USE && usize::from(slot.last) > now && usize::from(slot.root) == i
        };
        let victim = (0..value).filter(|i| candidate(*i)).max_by_key(|i| self.slots[*i].last);
        let victim = victim.filter(|v| self.slots[*v].last > self.slots[value].last);
        let spilled = victim.unwrap_or(value);
        let slot = self.take_words(self.block.insts[spilled].result_ty(), spilled)?;
        if victim.is_some() {
            self.slots[value].loc = self.slots[spilled].loc;
        }
        self.slots[spilled].loc = Loc::Spill(slot);
        Ok(())
    }

    /// A slot that has been free since `from`: the value is there from its definition on, not from now.
    fn take_words(&mut self, ty: Ty, from: usize) -> Result<u8, OutOfRegisters> {
        let need = words(ty);
        let free = |n: &usize| self.free_from[*n..*n + need].iter().all(|f| usize::from(*f) <= from);
        let n = (0..=self.free_from.len() - need).step_by(need).find(free).ok_or(OutOfRegisters)?;
        self.free_from[n..n + need].fill(NO_USE);
        Ok(n as u8)
    }
}

fn words(ty: Ty) -> usize {
    if ty == Ty::V128 {
        2
    } else {
        1
    }
}
