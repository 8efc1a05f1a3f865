//! What is known of the x87 stack along a block, instruction by instruction, and what memory lacks meanwhile.
use super::super::compiled::X87Fix;
use super::effect::{begins_in_mmx, effect, expected_turn, is_fip, leads_to_live, wants_rest, Effect, C1};
use super::{needs, Form, Needs, Stack};
use ir::{Block, GuestAddr, Helper, Opcode};

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
    /// FIP, if memory lacks it.
    fip: Option<GuestAddr>,
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
        Self {
            form: Form::Unknown { top, ftw },
            covered: false,
            synced,
            filled: 0,
            emptied: 0,
            c1_zero: false,
            fip: None,
        }
    }

    /// The state of MMX instructions.
    fn mmx() -> Self {
        Self { form: Form::Mmx, ..Self::unknown(0, 0xff) }
    }

    /// What memory lacks.
    pub(crate) fn fix(&self) -> X87Fix {
        self.stack_fix().with_fip(self.fip)
    }

    /// What memory lacks but for FIP.
    pub(crate) fn stack_fix(&self) -> X87Fix {
        let Form::Live(stack) = self.form else { return X87Fix::NONE };
        let (filled, emptied) = (self.filled & !self.synced.full, self.emptied & !self.synced.empty);
        if stack.top == self.synced.top && filled | emptied == 0 && !self.c1_zero {
            return X87Fix::NONE;
        }
        X87Fix::new(stack.top, filled, emptied, self.c1_zero).with_top_known(stack.top == self.synced.top)
    }

    /// Whether C1 is zero, whatever memory says.
    pub(crate) fn c1_is_zero(&self) -> bool {
        self.c1_zero
    }

    /// Memory is brought up to date.
    pub(crate) fn sync(&mut self) {
        self.sync_stack();
        self.fip = None;
    }

    /// Memory is brought up to date but for FIP.
    pub(crate) fn sync_stack(&mut self) {
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
            Form::Mmx | Form::Unknown { .. } => {
                let (top, ftw) = self.expected();
                (top, ftw, Stack { top, full: 0, empty: 0 })
            }
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
                    self.sync_stack();
                    let known = match self.form {
                        Form::Live(stack) => stack,
                        Form::Mmx | Form::Unknown { .. } => Stack { top, full: 0, empty: 0 },
                    };
                    let (full, empty) = (known.full | needs.full, known.empty | needs.empty);
                    self.form = Form::Live(Stack { top, full, empty });
                    self.sync_stack();
                }
                self.covered = true;
            }
            Opcode::MmxEnter => *self = Self { fip: self.fip, ..Self::mmx() },
            Opcode::X87Wait if begins_in_mmx(block, pos) => *self = Self { fip: self.fip, ..Self::mmx() },
            Opcode::MmxLeave => *self = Self { fip: self.fip, ..Self::unknown(0, 0) },
            Opcode::X87 | Opcode::X87Store => self.operate(&effect(block, inst)),
            Opcode::Helper if inst.helper() == Helper::X87Init => *self = Self::unknown(0, 0),
            Opcode::Helper if wants_rest(inst) => self.rest(expected_turn(inst.helper())),
            _ if wants_rest(inst) => self.rest(0),
            _ => {}
        }
        if is_fip(inst) {
            // Read, so that memory has it, or written.
            self.fip = None;
        } else if inst.sets_fip() {
            self.fip = Some(block.insn_addr(inst));
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
        *self = Self { fip: self.fip, ..Self::unknown(moved, ftw) };
    }

    /// Where the top is, or is expected, and the tags likewise.
    pub(super) fn expected(&self) -> (u8, u8) {
        match self.form {
            Form::Live(stack) => (stack.top, stack.full),
            Form::Mmx => (0, 0xff),
            Form::Unknown { top, ftw } => (top, ftw),
        }
    }

    /// The same with nothing known.
    pub(super) fn forgotten(&self) -> Self {
        let (top, ftw) = self.expected();
        Self::unknown(top, ftw)
    }

    /// Where two ways meet; `None` if memory has to be brought up to date before that.
    pub(super) fn meet(&self, other: &Self) -> Option<Self> {
        let clean = self.fix().is_none() && other.fix().is_none();
        if self.form == Form::Mmx && other.form == Form::Mmx {
            return (self.fip == other.fip).then_some(*self);
        }
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

impl Guard {
    /// What is known once it has been passed.
    pub(super) fn passed(&self) -> Track {
        let mut track = Track::unknown(self.top, self.ftw);
        track.form = Form::Live(Stack { top: self.top, full: self.needs.full, empty: self.needs.empty });
        track.sync();
        track
    }
}
