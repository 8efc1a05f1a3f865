//! Where the x87 registers are: resolves stack positions statically, over the blocks of a region.
//!
//! Translated code holds the x87 state in the live form (`ir::guest::x87_live`): each place that begins to work on the stack
//! chooses where ST(0) is and checks that it is so (a *guard*). From there on pushes, pops and exchanges of the top are only
//! followed here; TOP and tags in memory are brought up to date at ends of blocks, and otherwise the pc map says what they
//! are. A guard covers the rest of its block up to the next instruction that does not know the live form (a *barrier*): it
//! checks that everything the code reads is filled and everything it pushes to is empty, so that no stack fault can happen.
//! What is known at the end of a block is known at the beginning of the blocks that only it leads to, so loops and chains of
//! blocks are checked once.
use ir::guest::state::offset;
use ir::{Block, Helper, Inst, Opcode, Region, Target, Terminator};

/// What is known of the live form at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stack {
    /// Where ST(0) is.
    pub(crate) top: u8,
    /// Places that are filled for sure.
    pub(crate) full: u8,
    /// Places that are empty for sure.
    pub(crate) empty: u8,
}

/// The x87 state at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Live, as described.
    Live(Stack),
    /// Nothing is known. A guard here would expect this top and these tags.
    Unknown { top: u8, ftw: u8 },
}

/// TOP and tags as the engine found them at the entry of the region: what guards expect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct X87Hint {
    /// TOP.
    pub top: u8,
    /// The abridged tag word.
    pub ftw: u8,
}

/// What an instruction needs of the stack and does to it. Masks are of ST(i) before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    /// Registers that must be filled.
    pub(crate) reads: u8,
    /// Registers that are filled afterwards.
    fills: u8,
    /// Registers that are emptied.
    frees: u8,
    /// Whether it pushes; the new top must be empty.
    pub(crate) push: bool,
    /// Pops after all that.
    pub(crate) pops: u8,
    /// Turns the top without touching tags.
    turn: u8,
}

/// Bit of ST(i).
const fn st(i: u64) -> u8 {
    1 << (i & 7)
}

/// The effect of an `x87` or `x87_store` instruction.
pub(crate) fn effect(block: &Block, inst: &Inst) -> Effect {
    use Helper::*;
    let arg = |i: usize| block.as_const(inst.args[i]).unwrap_or(0);
    let none = Effect::default();
    if inst.op == Opcode::X87Store {
        let form = ir::x87::StoreForm::decode(arg(2) as u32);
        return Effect { reads: 1, pops: u8::from(form.pop), ..none };
    }
    match inst.helper() {
        X87Add | X87Mul | X87Sub | X87Subr | X87Div | X87Divr => {
            Effect { reads: st(arg(0)) | st(arg(1)), pops: arg(2) as u8, ..none }
        }
        X87Com => Effect { reads: 1 | st(arg(0)), pops: arg(1) as u8, ..none },
        X87Comi => Effect { reads: 1 | st(arg(0)), pops: arg(1) as u8, ..none },
        X87ComF32 | X87ComF64 | X87ComInt => Effect { reads: 1, pops: arg(1) as u8, ..none },
        X87FldF32 | X87FldF64 | X87FldF80 | X87Fild | X87FldConst => Effect { push: true, ..none },
        X87FldSt => Effect { reads: st(arg(0)), push: true, ..none },
        X87FstSt => Effect { reads: 1, fills: st(arg(0)), pops: arg(1) as u8, ..none },
        X87Xch | X87Cmov => Effect { reads: 1 | st(arg(0)), ..none },
        X87Free => Effect { frees: st(arg(0)), pops: arg(1) as u8, ..none },
        X87Turn => Effect { turn: arg(0) as u8 & 7, ..none },
        X87SetCw => none,
        _ => Effect { reads: 1, ..none },
    }
}

/// Whether an instruction needs the state at rest: it, or what it calls, does not know the live form.
pub(crate) fn is_barrier(inst: &Inst) -> bool {
    match inst.op {
        Opcode::Helper => inst.helper().name().starts_with("x87_"),
        Opcode::GetMm | Opcode::SetMm => true,
        Opcode::GetState | Opcode::SetState => {
            let field = inst.imm as u32;
            (offset::FSW..offset::FTW + 1).contains(&field) || (offset::ST..offset::XMM).contains(&field)
        }
        _ => false,
    }
}

/// Whether an instruction works on the live form.
pub(crate) fn is_live(inst: &Inst) -> bool {
    matches!(inst.op, Opcode::X87 | Opcode::X87Store)
}

impl Stack {
    /// The place of ST(i).
    pub(crate) fn at(&self, i: u64) -> u8 {
        (self.top + i as u8) & 7
    }

    /// A mask of ST(i) as a mask of places.
    fn places(&self, mask: u8) -> u8 {
        mask.rotate_left(u32::from(self.top))
    }

    fn fill(&mut self, places: u8) {
        self.full |= places;
        self.empty &= !places;
    }

    fn free(&mut self, places: u8) {
        self.empty |= places;
        self.full &= !places;
    }

    /// Does what an instruction does.
    pub(crate) fn apply(&mut self, e: &Effect) {
        self.fill(self.places(e.fills));
        self.free(self.places(e.frees));
        if e.push {
            self.top = (self.top + 7) & 7;
            self.fill(self.places(1));
        }
        for _ in 0..e.pops {
            self.free(self.places(1));
            self.top = (self.top + 1) & 7;
        }
        self.top = (self.top + e.turn) & 7;
    }
}

/// What the code from instruction `from` to the next barrier needs filled and empty, if ST(0) is at `top` before it.
pub(crate) fn needs(block: &Block, from: usize, top: u8) -> Stack {
    let mut now = Stack { top, full: 0, empty: 0 };
    let mut needs = now;
    for inst in block.insts[from..].iter().take_while(|inst| !is_barrier(inst)).filter(|inst| is_live(inst)) {
        let e = effect(block, inst);
        let reads = now.places(e.reads);
        let pushes = if e.push { now.places(1 << 7) } else { 0 };
        // What the code itself has made so needs no check. What it has made otherwise is a stack fault for sure: then the check
        // is one that fails.
        let fault = reads & now.empty | pushes & now.full;
        needs.full |= reads & !now.full | fault;
        needs.empty |= pushes & !now.empty | fault;
        now.apply(&e);
    }
    needs
}

/// How far a barrier is expected to move the top: -1 for a push, 1 for a pop.
fn expected_turn(helper: Helper) -> i8 {
    use Helper::*;
    match helper {
        X87SinCos | X87Ptan | X87Xtract | X87Fbld => -1,
        X87Patan | X87Fyl2x | X87Fyl2xp1 | X87Commit | X87FstpNce => 1,
        _ => 0,
    }
}

/// What the guard at `pos` has to check, in the state `form`: the stack as the code after it may rely on it, and whether
/// anything of that is not known yet.
pub(crate) fn guard(block: &Block, pos: usize, form: Form) -> (Stack, Stack, bool) {
    let known = match form {
        Form::Live(stack) => stack,
        Form::Unknown { top, .. } => Stack { top, full: 0, empty: 0 },
    };
    let needs = needs(block, pos, known.top);
    let sure = matches!(form, Form::Live(_)) && needs.full & !known.full == 0 && needs.empty & !known.empty == 0;
    let after = Stack { top: known.top, full: known.full | needs.full, empty: known.empty | needs.empty };
    (needs, after, !sure)
}

/// Whether the instruction at `pos`, an `x87_wait`, begins something that works on the live form.
pub(crate) fn leads_to_live(block: &Block, pos: usize) -> bool {
    let insn = block.insts[pos].insn;
    block.insts[pos..].iter().take_while(|inst| inst.insn == insn).any(is_live)
}

/// The state behind an instruction. `covered`: whether a guard of this block covers it.
pub(crate) fn step(block: &Block, pos: usize, form: &mut Form, covered: &mut bool) {
    let inst = &block.insts[pos];
    match inst.op {
        Opcode::X87Wait if leads_to_live(block, pos) => {
            if !*covered {
                *form = Form::Live(guard(block, pos, *form).1);
                *covered = true;
            }
        }
        Opcode::X87Wait => rest(form, covered, 0),
        Opcode::X87 | Opcode::X87Store => {
            if let Form::Live(stack) = form {
                stack.apply(&effect(block, inst));
            }
        }
        Opcode::Helper if inst.helper() == Helper::X87Init => {
            *form = Form::Unknown { top: 0, ftw: 0 };
            *covered = false;
        }
        Opcode::Helper if is_barrier(inst) => rest(form, covered, expected_turn(inst.helper())),
        _ if is_barrier(inst) => rest(form, covered, 0),
        _ => {}
    }
}

/// The state is put at rest; the top moves by `by`, as far as one knows.
fn rest(form: &mut Form, covered: &mut bool, by: i8) {
    let (top, ftw) = match *form {
        Form::Live(stack) => (stack.top, stack.full),
        Form::Unknown { top, ftw } => (top, ftw),
    };
    let moved = (top as i8 + by) as u8 & 7;
    let ftw = match by {
        -1 => ftw | 1 << moved,
        1 => ftw & !(1 << top),
        _ => ftw,
    };
    *form = Form::Unknown { top: moved, ftw };
    *covered = false;
}

/// What is known where two ways meet.
fn meet(a: Form, b: Form) -> Form {
    match (a, b) {
        (Form::Live(a), Form::Live(b)) if a.top == b.top => {
            Form::Live(Stack { top: a.top, full: a.full & b.full, empty: a.empty & b.empty })
        }
        (Form::Live(Stack { top, full, .. }), _) => Form::Unknown { top, ftw: full },
        (unknown, _) => unknown,
    }
}

/// The state at the beginning of every block; empty if the region does nothing with the x87 stack.
pub(crate) fn analyse(region: &Region, hint: X87Hint) -> Vec<Form> {
    if !region.blocks.iter().any(|b| b.insts.iter().any(is_live)) {
        return Vec::new();
    }
    let entry = Form::Unknown { top: hint.top, ftw: hint.ftw };
    let mut begin: Vec<Option<Form>> = vec![None; region.blocks.len()];
    begin[0] = Some(entry);
    loop {
        let mut changed = false;
        for (index, block) in region.blocks.iter().enumerate() {
            let Some(mut form) = begin[index] else { continue };
            let mut covered = false;
            for pos in 0..block.insts.len() {
                step(block, pos, &mut form, &mut covered);
            }
            let ways = block.term.targets().filter_map(|t| match t {
                Target::Block(id) => Some((id.index(), form)),
                Target::Guest(_) => None,
            });
            for (to, form) in ways.chain(returns(region, &block.term, form)) {
                let form = if region.blocks[to].entry { unknown(form) } else { form };
                let met = begin[to].map_or(form, |old| meet(old, form));
                changed |= begin[to] != Some(met);
                begin[to] = Some(met);
            }
        }
        if !changed {
            return begin.into_iter().map(|form| form.unwrap_or(entry)).collect();
        }
    }
}

fn unknown(form: Form) -> Form {
    match form {
        Form::Live(Stack { top, full, .. }) => Form::Unknown { top, ftw: full },
        unknown => unknown,
    }
}

/// Where a call comes back to, with the expected state: that of the call, with a result on top of it if the code there
/// uses more than there was.
fn returns(region: &Region, term: &Terminator, form: Form) -> Option<(usize, Form)> {
    let (Terminator::Call { ret_block, .. } | Terminator::CallIndirect { ret_block, .. }) = *term else { return None };
    let to = ret_block?.index();
    let Form::Unknown { top, ftw } = unknown(form) else { return None };
    let needs = needs(&region.blocks[to], 0, top);
    let result = needs.full & !ftw != 0;
    let above = (top + 7) & 7;
    let form = if result { Form::Unknown { top: above, ftw: ftw | 1 << above } } else { Form::Unknown { top, ftw } };
    Some((to, form))
}
