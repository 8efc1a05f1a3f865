//! The x87 register stack in the live form. `x87_stack` says where registers are; the arithmetic is in the runtime's routines
//! (`runtime::x87_routines`), which an operation calls with its own convention (`compiled::X87Routine`).
//!
//! - Every register is in memory (`CpuState::st`) at all times; x14 and x15 keep the last result besides, for the next
//!   operation. x8-x15 belong to an operation while it runs: the allocator knows, and what lives there is saved.
//! - TOP, tags and a C1 that is zero are brought up to date by [`sync`] at ends of blocks and before barriers. Where the block
//!   may be left before that, [`X87Fix`] says what is missing: in the pc map for faults, in code for other exits.
//! - What the usual way does not cover goes to [`X87Routine::Slow`] with an [`X87Site`]: the helper of the IR does the
//!   operation on the state at rest. If that would raise an unmasked exception the instruction is left to the interpreter.
mod ops;
mod store;

use super::super::abi;
use super::super::allocation::{Loc, Saves, Slot, When};
use super::super::asm::{Cond, Label};
use super::super::compiled::{Stub, X87Fix, X87Routine, X87Site};
use super::super::imm::LogicalImm;
use super::super::x87_stack::{self, Form, Guard, Needs, Plan, Stack, Track};
use super::flags::{self, Carry};
use super::{a64, branch, call, EmitCx, S0, S1};
use ir::guest::state::offset as state;
use ir::guest::x87_live::offset as live;
use ir::guest::{Trap, X87Live, X87Mode};
use ir::opt::dead_flags::branch_reads;
use ir::{FlagSet, Helper, Inst, Opcode};

pub(super) use ops::operation;
pub(super) use store::store;

/// Registers that keep a copy of an x87 register from one operation to the next.
pub(super) const CACHE: [u8; 2] = [14, 15];

/// The x87 state while a block is emitted.
#[derive(Debug)]
pub(crate) struct X87State {
    /// What is to be done in every block; empty if the region has nothing of the kind.
    plans: Vec<Plan>,
    track: Track,
    /// Whether the state is at rest for sure.
    rests: bool,
    /// The guest's NZCV is in the state, that of the host is an operation's.
    flags_away: bool,
    /// The place whose register is in [`CACHE`].
    cached: Option<u8>,
    /// Whether the values of the block leave [`CACHE`] alone between operations.
    may_cache: bool,
    sites: Vec<(Label, X87Site)>,
    /// Constants of 64 bits, which follow the sites.
    literals: Vec<(Label, u64)>,
}

impl X87State {
    pub(crate) fn new(plans: Vec<Plan>) -> Self {
        Self {
            plans,
            track: Track::unknown(0, 0),
            rests: false,
            flags_away: false,
            cached: None,
            may_cache: false,
            sites: Vec::new(),
            literals: Vec::new(),
        }
    }

    /// Somebody else writes the registers of [`CACHE`].
    pub(super) fn forget_copy(&mut self) {
        self.cached = None;
    }

    /// What memory lacks at this point.
    pub(super) fn fix(&self) -> X87Fix {
        self.track.fix().with_saved_flags(self.flags_away)
    }

    /// As `fix`, but always with TOP.
    fn fix_or_top(&self) -> X87Fix {
        match self.track.form {
            Form::Live(stack) if !self.track.fix().has_stack() => {
                X87Fix::new(stack.top, 0, 0, false).with_fip(self.track.fix().fip()).with_saved_flags(self.flags_away)
            }
            _ => self.fix(),
        }
    }

    /// The stack, which a guard has made known.
    fn stack(&self) -> Stack {
        match self.track.form {
            Form::Live(stack) => stack,
            Form::Mmx | Form::Unknown { .. } => panic!("an x87 operation without a guard before it"),
        }
    }

    fn behind(&self, block: usize) -> Needs {
        self.plans.get(block).map_or(Needs::default(), |plan| plan.behind)
    }
}

/// The beginning of a block.
pub(super) fn begin_block(cx: &mut EmitCx, index: usize) {
    let uses = |slot: &Slot| matches!(slot.loc, Loc::X(8..=15));
    let x87 = &mut cx.x87;
    (x87.rests, x87.cached, x87.flags_away) = (false, None, false);
    let Some(plan) = x87.plans.get(index) else { return };
    x87.track = plan.begin;
    x87.track.covered = false;
    x87.may_cache = !cx.alloc.spilled && !cx.alloc.slots.iter().any(uses);
}

/// The way into the current block from outside, if that is another than from inside, is in cold code: entry number `entry`. Its
/// label; it leaves NZCV alone.
pub(super) fn outside(cx: &mut EmitCx, entry: usize) -> Option<Label> {
    let guard = cx.x87.plans.get(cx.block_index)?.outside?;
    let site = guard_site(X87Site { eip: cx.block.start, ..X87Site::default() }, &guard, false);
    let site = add_site(cx, site);
    let (way, back) = cold(cx, ColdX87::Outside { guard, site, entry });
    cx.asm.bind(back);
    Some(way)
}

/// Before an instruction: a barrier wants the state at rest, who reads or writes flags those of the guest.
pub(super) fn before(cx: &mut EmitCx, inst: &Inst) {
    if cx.x87.flags_away {
        flags_before(cx, inst);
    }
    if inst.op == Opcode::Helper {
        cx.x87.cached = None;
    }
    if x87_stack::is_fip(inst) && inst.op == Opcode::GetState {
        emit_fip(cx, cx.x87.track.fix());
    }
    if x87_stack::wants_rest(inst) || inst.op == Opcode::MmxEnter && matches!(cx.x87.track.form, Form::Live(_)) {
        to_rest(cx);
    }
    if x87_stack::is_barrier(inst) {
        cx.x87.cached = None;
    }
}

/// After an instruction: what it has done to the stack.
pub(super) fn after(cx: &mut EmitCx, pos: usize) {
    let behind = cx.x87.behind(cx.block_index);
    cx.x87.track.step(cx.block, pos, behind);
}

/// Gives NZCV back if the instruction has to do with flags. (What only keeps NZCV may as well keep an operation's.)
fn flags_before(cx: &mut EmitCx, inst: &Inst) {
    cx.value = cx.pos;
    let writes = !inst.flags.is_empty();
    // A shift by nothing leaves the flags as they were.
    let keeps = writes && inst.may_keep_flags(|count| cx.block.as_const(count));
    let reads = keeps || inst.reads_flags().intersects(FlagSet::NZCV);
    if !reads && flags::kept(cx).is_empty() && (writes || flags::nzcv_free(cx)) {
        // Nobody wants them any more.
        cx.x87.flags_away = false;
    } else if (reads || writes) && !x87_stack::is_live(inst) {
        flags_back(cx);
    }
}

/// Gives NZCV back.
fn flags_back(cx: &mut EmitCx) {
    if std::mem::take(&mut cx.x87.flags_away) {
        a64!(cx; ldr x16, [x28, X87Site::SAVED_NZCV]);
        flags::write_nzcv(cx, S0);
    }
}

/// The end of a block, before its terminator.
pub(super) fn end_block(cx: &mut EmitCx) {
    if cx.x87.plans.get(cx.block_index).is_some_and(|plan| plan.sync) {
        sync(cx);
    }
    let read = cx.live_out | branch_reads(cx.block);
    if read.intersects(FlagSet::NZCV) {
        flags_back(cx);
    }
    cx.x87.flags_away = false;
}

/// Writes what memory lacks, gives NZCV back. Uses both scratch registers.
pub(super) fn emit_fix(cx: &mut EmitCx, fix: X87Fix) {
    if fix.saved_flags() {
        a64!(cx; ldr x16, [x28, X87Site::SAVED_NZCV]);
        flags::write_nzcv(cx, S0);
    }
    emit_fip(cx, fix);
    if !fix.has_stack() {
        return;
    }
    let (filled, emptied) = (fix.filled(), fix.emptied());
    if filled | emptied != 0 {
        a64!(cx; ldrb w16, [x28, live::FTW]);
        // Four times the byte, as every run of ones in it, also around its ends, is an immediate then.
        let four = |byte: u8| LogicalImm::new32(u32::from_ne_bytes([byte; 4]));
        match four(filled) {
            _ if filled == 0 => {}
            Some(imm) => a64!(cx; orr WSP(S0), w16, imm.bits32()),
            None => a64!(cx; movz w17, u32::from(filled); orr w16, w16, w17),
        }
        match four(!emptied) {
            _ if emptied == 0 => {}
            Some(imm) => a64!(cx; and WSP(S0), w16, imm.bits32()),
            None => a64!(cx; movz w17, u32::from(emptied); bic w16, w16, w17),
        }
        a64!(cx; strb w16, [x28, live::FTW]);
    }
    match (fix.top(), fix.c1_zero()) {
        (_, false) if fix.top_known() => {}
        (_, true) if fix.top_known() => a64!(cx; strb wzr, [x28, live::C1]),
        (0, true) => a64!(cx; sturh wzr, [x28, live::TOP as i32]),
        (0, false) => a64!(cx; strb wzr, [x28, live::TOP]),
        (top, true) => a64!(cx; movz w17, u32::from(top); sturh w17, [x28, live::TOP as i32]),
        (top, false) => a64!(cx; movz w17, u32::from(top); strb w17, [x28, live::TOP]),
    }
}

/// Writes FIP if memory lacks it.
fn emit_fip(cx: &mut EmitCx, fix: X87Fix) {
    let Some(fip) = fix.fip() else { return };
    if fip.0 < 1 << 16 {
        cx.mov_imm(S0, fip.0);
    } else {
        let literal = cx.asm.new_label();
        cx.x87.literals.push((literal, u64::from(fip.0)));
        cx.asm.ldr_x(S0, literal);
    }
    a64!(cx; str w16, [x28, state::FIP]);
}

/// Brings memory up to date.
fn sync(cx: &mut EmitCx) {
    let fix = cx.x87.track.fix();
    emit_fix(cx, fix);
    cx.x87.track.sync();
}

/// Brings memory up to date but for FIP.
fn sync_stack(cx: &mut EmitCx) {
    let fix = cx.x87.track.stack_fix();
    emit_fix(cx, fix);
    cx.x87.track.sync_stack();
}

/// Puts the state at rest if it is not.
fn to_rest(cx: &mut EmitCx) {
    if std::mem::replace(&mut cx.x87.rests, true) {
        return;
    }
    if matches!(cx.x87.track.form, Form::Unknown { .. }) {
        let (cold, back) = cold(cx, ColdX87::Rest);
        a64!(cx; ldrb w16, [x28, live::AWAY]);
        cx.asm.tbz(S0, X87Live::REST_BIT, cold);
        cx.asm.bind(back);
    } else {
        sync_stack(cx);
        branch::call_stub(cx, Stub::X87(X87Routine::Rest));
        cx.x87.track.rest(0);
    }
}

/// `x87_wait`: a guard if operations follow, the look at the mark if MMX registers are read at once, else the plain check for a
/// pending exception, which there is only in a state at rest.
pub(super) fn wait(cx: &mut EmitCx) {
    let pos = cx.value;
    if x87_stack::begins_in_mmx(cx.block, pos) {
        if cx.x87.track.form != Form::Mmx {
            if matches!(cx.x87.track.form, Form::Live(_)) {
                to_rest(cx);
            }
            let other = branch::cold_single(cx);
            cx.asm.tbz(abi::STATE, abi::MMX_TAG, other);
            (cx.x87.rests, cx.x87.cached) = (false, None);
        }
        return;
    }
    if !x87_stack::leads_to_live(cx.block, pos) {
        let rests = matches!(cx.x87.track.form, Form::Unknown { .. });
        if rests && !x87_stack::leads_to_mmx(cx.block, pos) {
            let trap = branch::cold_trap(cx, Trap::X87);
            a64!(cx; ldrb w16, [x28, state::FSW]);
            cx.asm.tbnz(S0, 7, trap);
        }
        return;
    }
    cx.x87.rests = false;
    let behind = cx.x87.behind(cx.block_index);
    let Some(guard) = cx.x87.track.guard(cx.block, pos, behind) else { return };
    sync_stack(cx);
    let site = guard_site(site(cx), &guard, cx.x87.flags_away);
    let site = add_site(cx, site);
    let (cold, back) = cold(cx, ColdX87::Call(X87Routine::Enter, site));
    compare_stack(cx, &guard, cold);
    cx.asm.bind(back);
    cx.x87.cached = None;
}

/// `mmx_enter`.
pub(super) fn mmx_enter(cx: &mut EmitCx) {
    if cx.x87.track.form == Form::Mmx {
        return;
    }
    let site = site(cx);
    let site = add_site(cx, site);
    let kind = ColdX87::Mmx { site, kept: values_in_mm(cx) };
    let (cold, back) = cold(cx, kind);
    cx.asm.tbz(abi::STATE, abi::MMX_TAG, cold);
    cx.asm.bind(back);
    (cx.x87.rests, cx.x87.cached) = (false, None);
}

/// Registers of MMX in which values have been made that are set only behind the current instruction: what it loads.
fn values_in_mm(cx: &EmitCx) -> [Option<u8>; 2] {
    let (mut kept, mut n, mut seen) = ([None; 2], 0, 0u8);
    for (inst, slot) in cx.block.insts[..cx.pos].iter().zip(&cx.alloc.slots).rev() {
        let bit = match (inst.op, slot.loc) {
            (Opcode::SetMm, _) => 1 << inst.mm().index(),
            (op, Loc::V(reg)) if slot.loc.is_mm() && slot.when == When::Here && op != Opcode::GetMm => {
                let bit = 1 << (reg - abi::MM_BASE);
                if seen & bit == 0 {
                    kept[n] = Some(reg);
                    n += 1;
                }
                bit
            }
            _ => continue,
        };
        seen |= bit;
    }
    kept
}

/// `mmx_leave`.
pub(super) fn mmx_leave(cx: &mut EmitCx) {
    assert_eq!(cx.x87.track.form, Form::Mmx, "EMMS outside MMX state");
    a64!(cx; and XSP(abi::STATE), X(abi::STATE), !(1u64 << abi::MMX_TAG));
    (cx.x87.rests, cx.x87.cached) = (false, None);
}

/// Whether MMX registers are where they are read and written now.
pub(super) fn in_mmx(cx: &EmitCx) -> bool {
    cx.x87.track.form == Form::Mmx
}

fn guard_site(site: X87Site, guard: &Guard, flags_away: bool) -> X87Site {
    let fix = X87Fix::new(guard.top, 0, 0, false).with_fip(site.fix.fip()).with_saved_flags(flags_away);
    X87Site { full: guard.needs.full, empty: guard.needs.empty, fix, ..site }
}

/// Goes to `other` unless the state is live with TOP and tags as expected.
fn compare_stack(cx: &mut EmitCx, guard: &Guard, other: Label) {
    if guard.needs.full & guard.needs.empty != 0 {
        // A stack fault for sure.
        return cx.asm.b(other);
    }
    let expected = X87Live::word(guard.top, guard.ftw);
    a64!(cx; ldr w16, [x28, live::WORD]);
    match LogicalImm::new32(expected) {
        _ if expected == 0 => {}
        Some(imm) => a64!(cx; eor WSP(S0), w16, imm.bits32()),
        None => a64!(cx; movz w17, expected >> 16, lsl 16; eor w16, w16, w17),
    }
    cx.asm.cbnz(false, S0, other);
}

/// `x87_status`.
pub(super) fn status(cx: &mut EmitCx) {
    let d = cx.dst();
    if let Form::Live(stack) = cx.x87.track.form {
        a64!(cx; ldrh w16, [x28, state::FSW]; ldrb w17, [x28, live::CODES]; orr w16, w16, w17, lsl 8);
        if !cx.x87.track.c1_is_zero() {
            a64!(cx; ldrb w17, [x28, live::C1]; orr w16, w16, w17, lsl 9);
        }
        a64!(cx; ldrb w17, [x28, live::TURN]);
        if stack.top != 0 {
            a64!(cx; add w17, w17, u32::from(stack.top));
        }
        a64!(cx; bfi w16, w17, 11, 3; mov W(d), w16);
        return;
    }
    if in_mmx(cx) {
        return a64!(cx; ldrh W(d), [x28, state::FSW]);
    }
    to_rest(cx);
    a64!(cx; ldrh w16, [x28, state::FSW]; ldr w17, [x28, state::TOP]; bfi w16, w17, 11, 3; mov W(d), w16);
}

/// Cold code of this module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cold {
    back: Label,
    kind: ColdX87,
}

#[derive(Clone, Copy, Debug)]
enum ColdX87 {
    /// Put the state at rest, go on.
    Rest,
    /// The way into a block from outside.
    Outside { guard: Guard, site: Label, entry: usize },
    /// Make the state that of MMX instructions, but for these registers.
    Mmx { site: Label, kept: [Option<u8>; 2] },
    /// Call a routine with the site.
    Call(X87Routine, Label),
    /// A float in `reg` that is no normal number: zero goes on with x12 and w13 (or 14 and 15 for `a`), all else to `Slow` and
    /// then to `done`.
    Widen { bits: u8, wide: bool, into: u8, site: Label, done: Label },
    /// A significand cut to 53 bits in x9 whose dropped rest is nothing or exactly half (C): w10 is whether it grew.
    Tie,
}

/// A label in cold code, and the one it comes back to.
fn cold(cx: &mut EmitCx, kind: ColdX87) -> (Label, Label) {
    let back = cx.asm.new_label();
    (branch::cold_x87(cx, Cold { back, kind }), back)
}

/// Emits cold code; its label is bound.
pub(super) fn emit_cold(cx: &mut EmitCx, cold: &Cold) {
    match cold.kind {
        ColdX87::Rest => branch::call_stub(cx, Stub::X87(X87Routine::Rest)),
        ColdX87::Outside { guard, site, entry } => {
            let here = cx.asm.here();
            let point = &mut cx.entries[entry];
            point.at = here;
            // Whoever may come in with C either way comes by here as well.
            point.direct = point.direct.map(|_| here);
            let other = cx.asm.new_label();
            compare_stack(cx, &guard, other);
            cx.asm.b(cold.back);
            cx.asm.bind(other);
            call_routine(cx, X87Routine::Enter, site);
        }
        ColdX87::Mmx { site, kept } => {
            let kept = || kept.into_iter().flatten().zip(abi::VSCRATCH);
            kept().for_each(|(reg, scratch)| a64!(cx; fmov D(scratch), D(reg)));
            call_routine(cx, X87Routine::Mmx, site);
            kept().for_each(|(reg, scratch)| a64!(cx; fmov D(reg), D(scratch)));
        }
        ColdX87::Call(routine, site) => call_routine(cx, routine, site),
        ColdX87::Widen { bits, wide, into, site, done } => {
            let slow = cx.asm.new_label();
            match wide {
                true => a64!(cx; lsl x16, X(bits), 1),
                false => a64!(cx; lsl w16, W(bits), 1),
            }
            cx.asm.cbnz(true, S0, slow);
            a64!(cx; mov X(into), xzr; and WSP(into + 1), W(into + 1), 0x8000_0000);
            cx.asm.b(cold.back);
            cx.asm.bind(slow);
            call_routine(cx, X87Routine::Slow, site);
            return cx.asm.b(done);
        }
        ColdX87::Tie => {
            let exact = cx.asm.new_label();
            a64!(cx; movz w10, 0);
            cx.asm.b_cond(Cond::Cc, exact);
            a64!(cx; and w10, w9, 1; add x9, x9, x10);
            cx.asm.bind(exact);
        }
    }
    cx.asm.b(cold.back);
}

/// Emits the sites' words and the literals.
pub(super) fn emit_sites(cx: &mut EmitCx) {
    for (label, site) in std::mem::take(&mut cx.x87.sites) {
        cx.asm.bind(label);
        site.words().into_iter().for_each(|word| cx.asm.word(word));
    }
    for (label, value) in std::mem::take(&mut cx.x87.literals) {
        cx.asm.bind(label);
        cx.asm.word(value as u32);
        cx.asm.word((value >> 32) as u32);
    }
}

/// A site of the current instruction, without a helper.
fn site(cx: &EmitCx) -> X87Site {
    X87Site {
        eip: cx.block.insn_addr(cx.inst()),
        fix: cx.x87.fix_or_top(),
        carry_direct: cx.carry == Carry::Direct,
        ..X87Site::default()
    }
}

fn add_site(cx: &mut EmitCx, site: X87Site) -> Label {
    let label = cx.asm.new_label();
    cx.x87.sites.push((label, site));
    label
}

/// `bl` to a routine with the site in x17.
fn call_routine(cx: &mut EmitCx, routine: X87Routine, site: Label) {
    cx.asm.adr(S1, site);
    branch::call_stub(cx, Stub::X87(routine));
}

/// Begins an operation: saves what lives in its registers, and NZCV if it is the guest's.
fn begin(cx: &mut EmitCx) -> Saves {
    let saves = begin_with_flags(cx);
    if flags::kept(cx).is_empty() {
        cx.x87.flags_away = false;
    } else if !std::mem::replace(&mut cx.x87.flags_away, true) {
        flags::read_nzcv(cx, S0);
        a64!(cx; str x16, [x28, X87Site::SAVED_NZCV]);
    }
    saves
}

/// The same for an operation that leaves NZCV alone.
fn begin_with_flags(cx: &mut EmitCx) -> Saves {
    let saves = cx.alloc.saves_at(cx.pos);
    call::push_temps(cx, saves);
    saves
}

/// Offset of a register by its place.
fn st(place: u8) -> u32 {
    state::ST + 16 * u32::from(place)
}

/// The register at `place` into x14 and x15.
fn load_a(cx: &mut EmitCx, place: u8) {
    if cx.x87.cached != Some(place) {
        a64!(cx; ldp x14, x15, [x28, st(place) as i32]);
        note_cached(cx, place);
    }
}

/// The register at `place` into x12 and x13.
fn load_b(cx: &mut EmitCx, place: u8) {
    a64!(cx; ldp x12, x13, [x28, st(place) as i32]);
}

/// x14 and x15 to the register at `place`.
fn store_a(cx: &mut EmitCx, place: u8) {
    a64!(cx; stp x14, x15, [x28, st(place) as i32]);
    note_cached(cx, place);
}

fn note_cached(cx: &mut EmitCx, place: u8) {
    cx.x87.cached = cx.x87.may_cache.then_some(place);
}

/// A constant argument of the instruction.
fn constant(cx: &EmitCx, inst: &Inst, i: usize) -> u64 {
    cx.block.as_const(inst.args[i]).expect("a constant argument")
}

/// The helper a site calls for the current instruction, with its constant arguments.
fn with_helper(site: X87Site, helper: Helper, args: [u64; 3], result: u8) -> X87Site {
    X87Site { helper: helper as u16, args: args.map(|n| n as u8), result, ..site }
}
