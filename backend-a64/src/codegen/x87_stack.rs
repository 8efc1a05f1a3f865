//! Where the x87 registers are: resolves stack positions statically, over the blocks of a region.
//!
//! Translated code holds the x87 state in the live form (`ir::guest::x87_live`): each place that begins to work on the stack
//! chooses where ST(0) is and checks that it is so (a *guard*). From there on pushes, pops and exchanges of the top are only
//! followed here; TOP and tags in memory are brought up to date at ends of blocks, and otherwise the pc map says what they
//! are. A guard covers the rest of its block up to the next instruction that does not know the live form (a *barrier*): it
//! checks that everything the code reads is filled and everything it pushes to is empty, so that no stack fault can happen.
//! What is known at the end of a block is known at the beginning of the blocks that only it leads to, so loops and chains of
//! blocks are checked once.
use super::compiled::X87Fix;
use ir::guest::state::offset;
use ir::x87::StoreKind;
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
    /// What it does to C1.
    c1: C1,
}

/// What an instruction does to C1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum C1 {
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

/// Places that must be filled and places that must be empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    pub(crate) full: u8,
    pub(crate) empty: u8,
}

impl Needs {
    fn or(self, other: Self) -> Self {
        Self { full: self.full | other.full, empty: self.empty | other.empty }
    }
}

/// What the code from instruction `from` to the next barrier needs if ST(0) is at `top` before it; `behind` is what the code
/// behind the block needs, if there is no barrier.
pub(crate) fn needs(block: &Block, from: usize, top: u8, behind: Needs) -> Needs {
    let mut now = Stack { top, full: 0, empty: 0 };
    let mut needs = Needs::default();
    for inst in &block.insts[from..] {
        if is_barrier(inst) {
            return needs;
        }
        if !is_live(inst) {
            continue;
        }
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
    // Not where that contradicts: then the code behind checks for itself.
    let made = now.full | now.empty;
    let behind = Needs { full: behind.full & !made & !needs.empty, empty: behind.empty & !made & !needs.full };
    needs.or(behind)
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

/// Whether the instruction at `pos`, an `x87_wait`, begins something that works on the live form.
pub(crate) fn leads_to_live(block: &Block, pos: usize) -> bool {
    let insn = block.insts[pos].insn;
    block.insts[pos..].iter().take_while(|inst| inst.insn == insn).any(is_live)
}

/// What is known at a point of a block, and what memory lacks there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Track {
    pub(crate) form: Form,
    /// Whether a guard of this block covers what follows.
    pub(crate) covered: bool,
    /// What was known when memory was last up to date.
    synced: Stack,
    /// Places filled and emptied since.
    filled: u8,
    emptied: u8,
    /// C1 is zero, whatever memory says.
    c1_zero: bool,
}

/// What an `x87_wait` has to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Guard {
    pub(crate) needs: Needs,
    /// Where ST(0) is wanted.
    pub(crate) top: u8,
    /// The tags that are expected.
    pub(crate) ftw: u8,
}

impl Track {
    /// Nothing known but what to expect.
    pub(crate) fn unknown(top: u8, ftw: u8) -> Self {
        let synced = Stack { top, full: 0, empty: 0 };
        Self { form: Form::Unknown { top, ftw }, covered: false, synced, filled: 0, emptied: 0, c1_zero: false }
    }

    /// What memory lacks.
    pub(crate) fn fix(&self) -> X87Fix {
        let Form::Live(stack) = self.form else { return X87Fix::NONE };
        let (filled, emptied) = (self.filled & !self.synced.full, self.emptied & !self.synced.empty);
        if stack.top == self.synced.top && filled | emptied == 0 && !self.c1_zero {
            return X87Fix::NONE;
        }
        X87Fix::new(stack.top, filled, emptied, self.c1_zero)
    }

    /// Whether C1 is zero, whatever memory says.
    pub(crate) fn c1_is_zero(&self) -> bool {
        self.c1_zero
    }

    /// Memory is brought up to date.
    pub(crate) fn sync(&mut self) {
        if let Form::Live(stack) = self.form {
            self.synced = stack;
        }
        (self.filled, self.emptied, self.c1_zero) = (0, 0, false);
    }

    /// What the `x87_wait` at `pos` has to check, if it begins work on the live form and not all is known.
    pub(crate) fn guard(&self, block: &Block, pos: usize, behind: Needs) -> Option<Guard> {
        if self.covered || !leads_to_live(block, pos) {
            return None;
        }
        let (top, ftw, known) = match self.form {
            Form::Live(stack) => (stack.top, stack.full, stack),
            Form::Unknown { top, ftw } => (top, ftw, Stack { top, full: 0, empty: 0 }),
        };
        let needs = needs(block, pos, top, behind);
        let sure = needs.full & !known.full == 0 && needs.empty & !known.empty == 0;
        let ftw = (ftw | needs.full) & !needs.empty;
        (!(sure && matches!(self.form, Form::Live(_)))).then_some(Guard { needs, top, ftw })
    }

    /// Goes past an instruction.
    pub(crate) fn step(&mut self, block: &Block, pos: usize, behind: Needs) {
        let inst = &block.insts[pos];
        match inst.op {
            Opcode::X87Wait if leads_to_live(block, pos) => {
                if let Some(Guard { needs, top, .. }) = self.guard(block, pos, behind) {
                    self.sync();
                    let known = match self.form {
                        Form::Live(stack) => stack,
                        Form::Unknown { .. } => Stack { top, full: 0, empty: 0 },
                    };
                    let (full, empty) = (known.full | needs.full, known.empty | needs.empty);
                    self.form = Form::Live(Stack { top, full, empty });
                    self.sync();
                }
                self.covered = true;
            }
            Opcode::X87Wait => self.rest(0),
            Opcode::X87 | Opcode::X87Store => self.operate(&effect(block, inst)),
            Opcode::Helper if inst.helper() == Helper::X87Init => *self = Self::unknown(0, 0),
            Opcode::Helper if is_barrier(inst) => self.rest(expected_turn(inst.helper())),
            _ if is_barrier(inst) => self.rest(0),
            _ => {}
        }
    }

    fn operate(&mut self, e: &Effect) {
        let Form::Live(stack) = &mut self.form else { return };
        let before = *stack;
        stack.apply(e);
        let (filled, emptied) = (stack.full & !before.full, stack.empty & !before.empty);
        self.filled = (self.filled | filled) & !emptied;
        self.emptied = (self.emptied | emptied) & !filled;
        match e.c1 {
            C1::Kept => {}
            C1::Zero => self.c1_zero = true,
            C1::Written => self.c1_zero = false,
        }
    }

    /// The state is put at rest; the top moves by `by`, as far as one knows.
    pub(crate) fn rest(&mut self, by: i8) {
        let (top, ftw) = self.expected();
        let moved = (top as i8 + by) as u8 & 7;
        let ftw = match by {
            -1 => ftw | 1 << moved,
            1 => ftw & !(1 << top),
            _ => ftw,
        };
        *self = Self::unknown(moved, ftw);
    }

    fn expected(&self) -> (u8, u8) {
        match self.form {
            Form::Live(stack) => (stack.top, stack.full),
            Form::Unknown { top, ftw } => (top, ftw),
        }
    }

    /// The same with nothing known.
    fn forgotten(&self) -> Self {
        let (top, ftw) = self.expected();
        Self::unknown(top, ftw)
    }

    /// Where two ways meet; `None` if memory has to be brought up to date before that.
    fn meet(&self, other: &Self) -> Option<Self> {
        let clean = self.fix().is_none() && other.fix().is_none();
        let (Form::Live(a), Form::Live(b)) = (self.form, other.form) else {
            return clean.then_some(self.forgotten());
        };
        if a.top != b.top {
            return clean.then_some(self.forgotten());
        }
        if self.fix() != other.fix() {
            return None;
        }
        let both = |a: Stack, b: Stack| Stack { top: a.top, full: a.full & b.full, empty: a.empty & b.empty };
        let fix = self.fix();
        // What memory lacks is the same; with less known of it, all of that is said.
        let synced = Stack { top: self.synced.top, ..both(self.synced, other.synced) };
        let met = Self { synced, filled: fix.filled(), emptied: fix.emptied(), ..*self };
        (self.synced.top == other.synced.top).then_some(Self { form: Form::Live(both(a, b)), ..met })
    }
}

/// What emission needs to know of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// At the beginning.
    pub(crate) begin: Track,
    /// What is needed behind the block.
    pub(crate) behind: Needs,
    /// Whether memory is brought up to date at the end.
    pub(crate) sync: bool,
    /// What whoever comes from outside has to check for what `begin` says to be true, if the block can be reached both ways.
    pub(crate) outside: Option<Guard>,
}

/// Whether a block ends in branches to blocks of its region only.
fn stays_inside(term: &Terminator) -> bool {
    matches!(term, Terminator::Jump(_) | Terminator::Branch { .. } | Terminator::BranchNz { .. })
        && term.targets().all(|target| matches!(target, Target::Block(_)))
}

/// Blocks that a block leads to by itself.
fn ways(term: &Terminator) -> impl Iterator<Item = usize> {
    term.targets().filter_map(|target| match target {
        Target::Block(id) => Some(id.index()),
        Target::Guest(_) => None,
    })
}

/// The block that a call comes back to.
fn return_block(term: &Terminator) -> Option<usize> {
    match term {
        Terminator::Call { ret_block, .. } | Terminator::CallIndirect { ret_block, .. } => {
            ret_block.map(|id| id.index())
        }
        _ => None,
    }
}

/// The analysis while it runs.
struct Analysis<'a> {
    region: &'a Region,
    entry: Track,
    behind: Vec<Needs>,
    begin: Vec<Option<Track>>,
    outside: Vec<Option<Guard>>,
    /// Blocks before which memory has to be up to date.
    clean: Vec<bool>,
}

/// The plan of every block; empty if the region does nothing with the x87 stack. `counted`: it may be left at every block for
/// better code.
pub(crate) fn analyse(region: &Region, hint: X87Hint, counted: bool) -> Vec<Plan> {
    if !region.blocks.iter().any(|b| b.insts.iter().any(is_live)) {
        return Vec::new();
    }
    let n = region.blocks.len();
    let entry = Track::unknown(hint.top, hint.ftw);
    let clean = region.blocks.iter().map(|block| block.entry || counted).collect();
    let (behind, begin, outside) = (vec![Needs::default(); n], vec![None; n], vec![None; n]);
    let mut a = Analysis { region, entry, behind, begin, outside, clean };
    // Where ST(0) is at every block; then what is needed behind each; then the rest.
    a.forward();
    a.backward();
    a.enter();
    a.forward();
    (0..n)
        .map(|index| Plan {
            begin: a.begin[index].unwrap_or(entry),
            behind: a.behind[index],
            sync: a.syncs(index),
            outside: a.outside[index],
        })
        .collect()
}

impl Analysis<'_> {
    fn syncs(&self, index: usize) -> bool {
        let term = &self.region.blocks[index].term;
        !stays_inside(term) || ways(term).any(|to| self.clean[to])
    }

    /// The state at the end of a block.
    fn end(&self, index: usize, mut track: Track) -> Track {
        let block = &self.region.blocks[index];
        track.covered = false;
        for pos in 0..block.insts.len() {
            track.step(block, pos, self.behind[index]);
        }
        if self.syncs(index) {
            track.sync();
        }
        track
    }

    /// The state at the beginning of every block. Starts anew when memory turns out to be needed up to date somewhere.
    fn forward(&mut self) {
        loop {
            self.begin.fill(None);
            self.begin[0] = Some(self.entry);
            for (begin, outside) in self.begin.iter_mut().zip(&self.outside) {
                if let Some(guard) = outside {
                    *begin = Some(guard.passed());
                }
            }
            let before = self.clean.clone();
            while self.pass() {}
            if self.clean == before {
                return;
            }
        }
    }

    /// One walk over the blocks; whether anything changed.
    fn pass(&mut self) -> bool {
        let mut changed = false;
        for index in 0..self.begin.len() {
            let Some(begin) = self.begin[index] else { continue };
            let end = self.end(index, begin);
            let term = &self.region.blocks[index].term;
            for (to, track) in ways(term).map(|to| (to, end)).chain(self.returns(term, &end)) {
                let unknown = self.region.blocks[to].entry && self.outside[to].is_none();
                let track = if unknown { track.forgotten() } else { track };
                let met = match &self.begin[to] {
                    Some(old) => old.meet(&track),
                    None => Some(track),
                };
                let Some(met) = met else {
                    self.clean[to] = true;
                    continue;
                };
                changed |= self.begin[to] != Some(met);
                self.begin[to] = Some(met);
            }
        }
        changed
    }

    /// Where a call comes back to, with the expected state: that of the call, with a result on top of it if the code there
    /// uses more than there was.
    fn returns(&self, term: &Terminator, end: &Track) -> Option<(usize, Track)> {
        let to = return_block(term)?;
        let (top, ftw) = end.expected();
        let needs = needs(&self.region.blocks[to], 0, top, Needs::default());
        let above = (top + 7) & 7;
        let result = needs.full & !ftw != 0;
        Some((to, if result { Track::unknown(above, ftw | 1 << above) } else { Track::unknown(top, ftw) }))
    }

    /// What is needed at the beginning of a block, and where ST(0) is there.
    fn wants(&self, index: usize) -> Option<(Needs, u8)> {
        let (top, _) = self.begin[index]?.expected();
        Some((needs(&self.region.blocks[index], 0, top, self.behind[index]), top))
    }

    /// What is needed behind every block.
    fn backward(&mut self) {
        let tops: Vec<_> = (0..self.begin.len()).map(|i| self.begin[i].map(|b| self.end(i, b).expected().0)).collect();
        loop {
            let mut changed = false;
            for index in (0..self.begin.len()).rev() {
                let Some(top) = tops[index] else { continue };
                let mut behind = self.behind[index];
                for to in ways(&self.region.blocks[index].term) {
                    match self.wants(to) {
                        Some((wants, at)) if at == top && wants.full & wants.empty == 0 => behind = behind.or(wants),
                        _ => {}
                    }
                }
                if behind.full & behind.empty == 0 && behind != self.behind[index] {
                    self.behind[index] = behind;
                    changed = true;
                }
            }
            if !changed {
                return;
            }
        }
    }

    /// Blocks that are entered from outside and from inside: the former is checked apart, so that loops need not be.
    fn enter(&mut self) {
        // Returns come to the block itself.
        let returned = |index: usize| self.region.blocks.iter().any(|block| return_block(&block.term) == Some(index));
        let inside: Vec<usize> = self.region.blocks.iter().flat_map(|block| ways(&block.term)).collect();
        for index in 0..self.begin.len() {
            if !self.region.blocks[index].entry || !inside.contains(&index) || returned(index) {
                continue;
            }
            let Some(begin) = self.begin[index] else { continue };
            let Some((needs, top)) = self.wants(index) else { continue };
            if needs == Needs::default() || needs.full & needs.empty != 0 {
                continue;
            }
            let (_, ftw) = begin.expected();
            self.outside[index] = Some(Guard { needs, top, ftw: (ftw | needs.full) & !needs.empty });
        }
    }
}

impl Guard {
    /// What is known once it has been passed.
    fn passed(&self) -> Track {
        let mut track = Track::unknown(self.top, self.ftw);
        track.form = Form::Live(Stack { top: self.top, full: self.needs.full, empty: self.needs.empty });
        track.sync();
        track
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ir::parse;

    fn plans(text: &str) -> Vec<Plan> {
        let region = parse::parse(text).unwrap();
        ir::verify::verify(&region).unwrap();
        analyse(&region, X87Hint { top: 0, ftw: 0 }, false)
    }

    const PUSH: &str = "x87_wait
x87 x87_fld_const, v0
";

    #[test]
    fn a_loop_is_checked_where_it_is_entered() {
        let body = format!("region 0x10\nb0 0x10 entry:\n; 0x10 +2\nv0 = const.i32 0\n{PUSH}; 0x12 +2\nx87_wait\nx87 x87_fst_st, v0, v0\njump b0\n");
        let plans = plans(&body.replace("x87_fst_st, v0, v0", "x87_free, v0, v0"));
        let guard = plans[0].outside.expect("reached both ways");
        assert_eq!((guard.top, guard.needs), (0, Needs { full: 0, empty: 1 << 7 }));
    }
}
