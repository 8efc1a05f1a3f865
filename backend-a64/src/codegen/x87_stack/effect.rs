//! What instructions do to the x87 stack: which registers they read, fill and empty, how they move the top, and which of them
//! work on the live form at all.
use ir::guest::state::offset;
use ir::opcode::Effects;
use ir::x87::StoreKind;
use ir::{Block, Helper, Inst, Opcode};

/// What an instruction needs of the stack and does to it. Masks are of ST(i) before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    /// Registers that must be filled.
    pub(crate) reads: u8,
    /// Registers that are filled afterwards.
    pub(super) fills: u8,
    /// Registers that are emptied.
    pub(super) frees: u8,
    /// Whether it pushes; the new top must be empty.
    pub(crate) push: bool,
    /// Pops after all that.
    pub(crate) pops: u8,
    /// Turns the top without touching tags.
    pub(super) turn: u8,
    /// What it does to C1.
    pub(super) c1: C1,
}

/// What an instruction does to C1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum C1 {
    /// Nothing.
    #[default]
    Kept,
    /// Clears it; nobody writes that to memory.
    Zero,
    /// Writes it to memory.
    Written,
}

/// Bit of ST(i).
const fn st(i: u64) -> u8 {
    1 << (i & 7)
}

/// The effect of an `x87` or `x87_store` instruction.
pub(crate) fn effect(block: &Block, inst: &Inst) -> Effect {
    use Helper::*;
    let arg = |i: usize| block.as_const(inst.args[i]).unwrap_or(0);
    let (none, zero) = (Effect::default(), Effect { c1: C1::Zero, ..Effect::default() });
    let written = Effect { c1: C1::Written, ..none };
    if inst.op == Opcode::X87Store {
        let form = ir::x87::StoreForm::decode(arg(2) as u32);
        let kept = if form.kind == StoreKind::F80 { zero } else { written };
        return Effect { reads: 1, pops: u8::from(form.pop), ..kept };
    }
    match inst.helper() {
        X87Add | X87Mul | X87Sub | X87Subr | X87Div | X87Divr => {
            Effect { reads: st(arg(0)) | st(arg(1)), pops: arg(2) as u8, ..written }
        }
        X87Com => Effect { reads: 1 | st(arg(0)), pops: arg(1) as u8, ..zero },
        X87Comi => Effect { reads: 1 | st(arg(0)), pops: arg(1) as u8, ..none },
        X87ComF32 | X87ComF64 | X87ComInt => Effect { reads: 1, pops: arg(1) as u8, ..zero },
        X87Tst | X87Chs | X87Abs => Effect { reads: 1, ..zero },
        X87FldF32 | X87FldF64 | X87FldF80 | X87Fild | X87FldConst => Effect { push: true, ..zero },
        X87FldSt => Effect { reads: st(arg(0)), push: true, ..zero },
        X87FstSt => Effect { reads: 1, fills: st(arg(0)), pops: arg(1) as u8, ..zero },
        X87Xch => Effect { reads: 1 | st(arg(0)), ..zero },
        X87Cmov => Effect { reads: 1 | st(arg(0)), ..none },
        X87Free => Effect { frees: st(arg(0)), pops: arg(1) as u8, ..zero },
        X87Turn => Effect { turn: arg(0) as u8 & 7, ..zero },
        X87SetCw => none,
        _ => Effect { reads: 1, ..written },
    }
}

/// Whether an instruction needs the state at rest: it, or what it calls, does not know the live form.
pub(crate) fn is_barrier(inst: &Inst) -> bool {
    match inst.op {
        Opcode::Helper => inst.helper().name().starts_with("x87_"),
        op if is_mmx(op) => true,
        Opcode::GetState | Opcode::SetState => {
            let field = inst.imm as u32;
            (offset::FSW..offset::FTW + 1).contains(&field) || (offset::ST..offset::XMM).contains(&field)
        }
        _ => false,
    }
}

/// Whether an instruction reads or writes FIP in memory.
pub(crate) fn is_fip(inst: &Inst) -> bool {
    matches!(inst.op, Opcode::GetState | Opcode::SetState) && inst.imm as u32 == offset::FIP
}

/// Whether an instruction works on the form of MMX instructions.
fn is_mmx(op: Opcode) -> bool {
    matches!(op, Opcode::GetMm | Opcode::SetMm | Opcode::MmxEnter | Opcode::MmxLeave)
}

/// Whether an instruction wants the state at rest, neither live nor that of MMX.
pub(crate) fn wants_rest(inst: &Inst) -> bool {
    is_barrier(inst) && !is_mmx(inst.op)
}

/// Whether the `x87_wait` at `pos` begins an instruction that reads MMX registers before it enters MMX state, because it stores: the
/// state has to be that of MMX already, else the interpreter executes it.
pub(crate) fn begins_in_mmx(block: &Block, pos: usize) -> bool {
    let insn = block.insts[pos].insn;
    let mut rest = block.insts[pos..].iter().take_while(|inst| inst.insn == insn);
    rest.find(|inst| is_mmx(inst.op)).is_some_and(|inst| inst.op != Opcode::MmxEnter)
}

/// Whether the `x87_wait` at `pos` begins an MMX instruction that neither stores nor traps. Then `mmx_enter` looks for an exception: what
/// is before it, a load, is executed again by the interpreter if it faults with an exception pending (`runtime::recover`).
pub(crate) fn leads_to_mmx(block: &Block, pos: usize) -> bool {
    let insn = block.insts[pos].insn;
    let mut rest = block.insts[pos..].iter().take_while(|inst| inst.insn == insn);
    let stops = |e: Effects| e.has(Effects::STORE) || e.has(Effects::TRAPS);
    rest.find(|inst| inst.op == Opcode::MmxEnter || stops(inst.op.effects()))
        .is_some_and(|inst| inst.op == Opcode::MmxEnter)
}

/// Whether an instruction works on the live form.
pub(crate) fn is_live(inst: &Inst) -> bool {
    matches!(inst.op, Opcode::X87 | Opcode::X87Store)
}

/// How far a barrier is expected to move the top: -1 for a push, 1 for a pop.
pub(super) fn expected_turn(helper: Helper) -> i8 {
    use Helper::*;
    match helper {
        X87SinCos | X87Ptan | X87Xtract | X87Fbld => -1,
        X87Patan | X87Fyl2x | X87Fyl2xp1 | X87Commit | X87FstpNce => 1,
        _ => 0,
    }
}

/// Whether the instruction at `pos`, an `x87_wait`, begins something that works on the live form.
pub(crate) fn leads_to_live(block: &Block, pos: usize) -> bool {
    let insn = block.insts[pos].insn;
    block.insts[pos..].iter().take_while(|inst| inst.insn == insn).any(is_live)
}
