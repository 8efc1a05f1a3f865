//! Uses, flag liveness, aliases and pinned targets: what the linear scan needs to know, in one walk each way.
use super::super::abi;
use super::super::allocation::{Allocation, Loc, Saves, Slot, When, NO_USE};
use super::super::x87_stack;
use super::halves::reads_upper;
use super::operand::Operands;
use ir::opcode::Effects;
use ir::{Block, FlagSet, Inst, Opcode, Terminator, Ty, Value};

/// A `set_gpr`, `set_xmm` or `set_mm` whose value might be computed in the pinned register; that value's `loc` says which.
#[derive(Clone, Copy)]
struct Pending {
    value: u16,
    set_at: u16,
    /// Where the register is overwritten after that.
    overwritten: u16,
}

/// How many guest registers are pinned: 8 general, 8 XMM, 8 MMX.
const PINNED: usize = 24;
/// The MMX registers among them, as bits.
const MMX: u32 = 0xff << 16;

/// Guest registers during the backward walk.
struct Pinned {
    /// Meaningful where `waiting` has the register's bit.
    pending: [Pending; PINNED],
    waiting: u32,
    /// Something between definition and set needs the old register: the definition may only move down to the set.
    blocked: u32,
    /// Where the register is overwritten next.
    next_write: [u16; PINNED],
}

struct Analysis<'a> {
    insts: &'a [Inst],
    slots: &'a mut [Slot],
    pinned: Pinned,
}

/// Fills `alloc` except for the locations of temporaries.
pub fn analyse(block: &Block, live_out: FlagSet, alloc: &mut Allocation) {
    let n = block.insts.len();
    alloc.slots.clear();
    alloc.slots.reserve(n);
    alloc.saves.clear();
    alloc.spilled = false;
    alloc.used_x = 0;
    for (i, inst) in block.insts.iter().enumerate() {
        let slot = first_look(block, inst, i as u16, &alloc.slots);
        alloc.slots.push(slot);
    }
    alloc.ret_value = ret_value(block, &alloc.slots);
    let pending = [Pending { value: 0, set_at: 0, overwritten: 0 }; PINNED];
    let pinned = Pinned { pending, waiting: 0, blocked: 0, next_write: [NO_USE; PINNED] };
    let mut a = Analysis { insts: &block.insts, slots: &mut alloc.slots, pinned };
    if let Some(value) = block.term.value() {
        if !(matches!(block.term, Terminator::BranchNz { .. }) && block.as_const(value).is_some()) {
            a.note_use(value, n as u16);
        }
    }
    let mut live = live_out;
    for i in (0..n).rev() {
        live = a.step(i, live);
    }
    alloc.live_in = live;
    // The constant stays in its register for the call only if something else put it there.
    if let Some(value) = alloc.ret_value {
        let slot = &mut alloc.slots[value.index()];
        if slot.is_used() {
            slot.last = n as u16;
        } else {
            alloc.ret_value = None;
        }
    }
    debug_assert!(alloc.saves.iter().all(|(_, s)| *s == Saves::default()));
}

/// A constant of the block that equals the return address its call pushes.
fn ret_value(block: &Block, slots: &[Slot]) -> Option<Value> {
    let (Terminator::Call { ret, .. } | Terminator::CallIndirect { ret, .. }) = block.term else { return None };
    let from = slots.len().saturating_sub(12);
    (from..slots.len())
        .map(|i| Value(i as u16))
        .find(|v| block.as_const(*v) == Some(u64::from(ret.0)) && block.ty(*v) == Ty::I32)
}

/// What is known of a value from what comes before it. A value that is another one seen at a different width shares its
/// register.
fn first_look(block: &Block, inst: &Inst, i: u16, before: &[Slot]) -> Slot {
    let mut slot = Slot {
        loc: Loc::None,
        when: When::Here,
        root: i,
        first: NO_USE,
        last: NO_USE,
        live: FlagSet::NONE,
        zero_above: zero_above(block, inst),
        wide: false,
        operands: Operands::of(block, inst),
    };
    let alias = match inst.op {
        Opcode::Trunc => matches!(inst.ty, Ty::I8 | Ty::I16),
        Opcode::Zext => block.ty(inst.args[0]) == Ty::I32 || before[inst.args[0].index()].zero_above,
        _ => false,
    };
    // A constant has no register of its own to share.
    if alias {
        let root = before[inst.args[0].index()].root;
        if block.insts[usize::from(root)].op != Opcode::Const {
            slot.root = root;
            slot.when = When::Never;
            slot.zero_above = inst.op == Opcode::Zext;
        }
    }
    slot
}

/// Whether the bits above an I8 or I16 result are zero by the way it is made.
fn zero_above(block: &Block, inst: &Inst) -> bool {
    match inst.op {
        Opcode::Load | Opcode::Cond | Opcode::Const | Opcode::GetState | Opcode::VLane => true,
        op if op.effects().has(Effects::LOAD.and(Effects::STORE)) => true,
        Opcode::And => {
            inst.args[..2].iter().any(|a| block.as_const(*a).is_some_and(|c| c <= inst.ty.mask()))
                && inst.ty.bits() < 32
        }
        _ => false,
    }
}

impl Analysis<'_> {
    /// The guest register an instruction gets or sets, as an index into [`Pinned`].
    fn register(inst: &Inst) -> usize {
        match inst.op {
            Opcode::GetXmm | Opcode::SetXmm => 8 + inst.xmm().index(),
            Opcode::GetMm | Opcode::SetMm => 16 + inst.mm().index(),
            _ => inst.gpr().index(),
        }
    }

    /// The inverse of [`Self::loc`].
    fn pinned(loc: Loc) -> usize {
        match loc {
            Loc::V(n) if loc.is_mm() => usize::from(16 + n - abi::MM_BASE),
            Loc::V(n) => usize::from(8 + n - abi::XMM_BASE),
            Loc::X(n) => usize::from(n - abi::GPR_BASE),
            Loc::None | Loc::Spill(_) => unreachable!("not a pinned register"),
        }
    }

    fn loc(register: usize) -> Loc {
        match register {
            0..=7 => Loc::X(abi::GPR_BASE + register as u8),
            16.. => Loc::V(abi::MM_BASE + register as u8 - 16),
            _ => Loc::V(abi::XMM_BASE + register as u8 - 8),
        }
    }

    fn note_use(&mut self, value: Value, at: u16) {
        let root = usize::from(self.slots[value.index()].root);
        let slot = &mut self.slots[root];
        // `NO_USE` is the greatest number, so it is the first position as it stands, and one less than the last.
        slot.last = slot.last.wrapping_add(1).max(at + 1) - 1;
        slot.first = slot.first.min(at);
    }

    /// One instruction, going up: `live` are the flags live after it; returns those live before.
    fn step(&mut self, i: usize, live: FlagSet) -> FlagSet {
        let inst = &self.insts[i];
        let op = inst.op;
        let slot = &mut self.slots[i];
        slot.live = live;
        if slot.when == When::Never {
            return live;
        }
        if !slot.is_used() && inst.flags.is_empty() && op.effects().removable() && !is_set(op) {
            slot.when = When::Never;
            return live;
        }
        match op {
            Opcode::Const => slot.when = When::FirstUse,
            _ if is_get(op) => self.get(i),
            Opcode::SetGpr | Opcode::SetXmm | Opcode::SetMm => self.set(i),
            _ => {
                let at = self.place(i);
                for index in self.slots[i].operands.regs() {
                    self.note_use(inst.args[index], at);
                    if reads_upper(inst, index, self.slots[i].wide) {
                        self.note_wide(inst.args[index]);
                    }
                }
            }
        }
        if op == Opcode::MmxEnter {
            // MMX registers are not looked at before this; emission keeps what was written to them.
            self.pinned.blocked |= self.pinned.waiting & !MMX;
        } else if op.effects().may_exit() {
            // State must be exact here: nothing may be written to a pinned register above and set only below.
            self.pinned.blocked = self.pinned.waiting;
        } else if x87_stack::wants_rest(inst) || op == Opcode::MmxLeave {
            self.pinned.blocked |= self.pinned.waiting & MMX;
        }
        flags_before(self.insts, inst, live)
    }

    fn note_wide(&mut self, value: Value) {
        let root = usize::from(self.slots[value.index()].root);
        self.slots[root].wide = true;
    }

    /// Decides whether the value of `i` is computed in a pinned register, and where; returns the position.
    fn place(&mut self, i: usize) -> u16 {
        let loc = std::mem::take(&mut self.slots[i].loc);
        if loc == Loc::None {
            return i as u16;
        }
        let register = Self::pinned(loc);
        let pending = self.pinned.pending[register];
        let blocked = self.pinned.blocked & 1 << register != 0;
        self.forget(register);
        let last = self.slots[i].last;
        if loc.is_mm() && self.slots[i].wide {
            // An MMX register holds but one half.
            return i as u16;
        }
        if last != NO_USE && last > pending.overwritten {
            // A user that sank below the set made it outlive its register.
            return i as u16;
        }
        if !blocked {
            self.slots[i].loc = loc;
            self.pinned.next_write[register] = i as u16;
            return i as u16;
        }
        if self.can_sink(i, pending.set_at) {
            self.slots[i].loc = loc;
            self.slots[i].when = When::At(pending.set_at);
            return pending.set_at;
        }
        i as u16
    }

    /// Nothing is pending for the register any more.
    fn forget(&mut self, register: usize) {
        self.pinned.waiting &= !(1 << register);
        self.pinned.blocked &= !(1 << register);
    }

    /// Whether `i` can be computed as late as `set_at`, its first user, without costing a copy of an operand.
    fn can_sink(&self, i: usize, set_at: u16) -> bool {
        let inst = &self.insts[i];
        inst.op.effects() == ir::opcode::Effects::PURE
            && inst.flags.is_empty()
            && self.slots[i].first == set_at
            && inst.used_args().all(|arg| {
                let root = &self.insts[usize::from(self.slots[arg.index()].root)];
                match root.op {
                    op if is_get(op) => self.pinned.next_write[Self::register(root)] >= set_at,
                    _ => true,
                }
            })
    }

    fn get(&mut self, i: usize) {
        let register = Self::register(&self.insts[i]);
        self.pinned.blocked |= self.pinned.waiting & 1 << register;
        let slot = &mut self.slots[i];
        if slot.last == NO_USE || slot.last <= self.pinned.next_write[register] {
            slot.loc = Self::loc(register);
            slot.when = When::Never;
        }
    }

    fn set(&mut self, i: usize) {
        let inst = &self.insts[i];
        let register = Self::register(inst);
        let overwritten = std::mem::replace(&mut self.pinned.next_write[register], i as u16);
        if self.pinned.waiting & 1 << register != 0 {
            // The value of the later set is made before this one.
            self.slots[usize::from(self.pinned.pending[register].value)].loc = Loc::None;
            self.forget(register);
        }
        if !self.slots[i].operands.regs().has(0) {
            return;
        }
        let root = self.slots[inst.args[0].index()].root;
        let slot = &mut self.slots[usize::from(root)];
        let taken = slot.loc != Loc::None;
        let op = self.insts[usize::from(root)].op;
        let fixed = is_get(op) || op == Opcode::Const;
        let outlives = slot.last != NO_USE && slot.last > overwritten;
        if !taken && !fixed && !outlives {
            slot.loc = Self::loc(register);
            self.pinned.pending[register] = Pending { value: root, set_at: i as u16, overwritten };
            self.pinned.waiting |= 1 << register;
        }
        self.note_use(inst.args[0], i as u16);
        if inst.op == Opcode::SetXmm {
            self.note_wide(inst.args[0]);
        }
    }
}

/// Whether it reads a pinned register.
pub(super) fn is_get(op: Opcode) -> bool {
    matches!(op, Opcode::GetGpr | Opcode::GetXmm | Opcode::GetMm)
}

fn is_set(op: Opcode) -> bool {
    matches!(
        op,
        Opcode::SetGpr | Opcode::SetXmm | Opcode::SetMm | Opcode::SetFlags | Opcode::SetCarry | Opcode::FlipCarry
    )
}

/// Guest flags live before an instruction, given those live after it.
#[inline]
fn flags_before(insts: &[Inst], inst: &Inst, live: FlagSet) -> FlagSet {
    if inst.flags.is_empty() && !inst.op.needs_flags() {
        return live;
    }
    let mut live = live;
    if !inst.flags.is_empty() && !inst.may_keep_flags(|v| insts[v.index()].as_const()) {
        live = live - inst.flags;
    }
    if matches!(inst.op, Opcode::TrapIf | Opcode::TrapDenormal) {
        return FlagSet::ALL;
    }
    live | inst.reads_flags()
}
