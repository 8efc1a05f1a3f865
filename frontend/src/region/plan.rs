//! Region discovery: runs of decoded instructions, and where blocks begin in them.
use super::{Checks, RegionPolicy};
use crate::access;
use crate::decode::{Code, Decoded};
use crate::lift::{call_ret, system};
use crate::table::{self, LiftFn};
use iced_x86::{FlowControl, Instruction, Mnemonic};
use ir::guest::{Fault, GuestAddr, GuestRange};

/// A decoded instruction and what the region does with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub insn: Instruction,
    pub lift: LiftFn,
    /// A block begins here.
    pub leader: bool,
    /// Control can come here from outside the region.
    pub entry: bool,
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The last instruction does not go on.
    Never,
    /// Execution goes on at this address, in another run or outside.
    Next(GuestAddr),
}

/// Instructions that follow one another in memory.
#[derive(Clone, Debug)]
pub(super) struct Run {
    start: GuestAddr,
    /// One past the last byte.
    end: GuestAddr,
    /// Where its steps are in the plan.
    first: usize,
    last: usize,
    pub stop: Stop,
}

/// What is known of a region before it is lifted.
#[derive(Debug, Default)]
pub(super) struct Plan {
    entry: GuestAddr,
    steps: Vec<Step>,
    runs: Vec<Run>,
    blocks: usize,
    pending: Vec<GuestAddr>,
    /// Bytes outside the runs that the region depends on.
    beside: Vec<GuestRange>,
}

/// What finding a region works with.
pub(super) struct FindCx<'a, 'm> {
    /// Reads the region.
    pub code: &'a mut Code<'m>,
    /// Reads what is elsewhere.
    pub aside: &'a mut Code<'m>,
    pub policy: &'a RegionPolicy,
    pub known: &'a dyn Fn(GuestAddr) -> bool,
}

/// What follows an instruction.
enum Flow {
    /// The next instruction, in the same block.
    On,
    /// The next instruction, in a new block; if `entry`, control comes there from outside.
    Leader { entry: bool },
    /// Nothing.
    Stop,
}

impl Plan {
    /// Finds the region at `entry`; the fault if its first instruction cannot be fetched.
    pub(super) fn find(&mut self, mut cx: FindCx, entry: GuestAddr) -> Result<(), Fault> {
        self.steps.clear();
        self.runs.clear();
        self.pending.clear();
        self.beside.clear();
        (self.entry, self.blocks) = (entry, 0);
        if let Some(fault) = self.add_run(&mut cx, entry) {
            return Err(fault);
        }
        let mut next = 0;
        while let Some(&target) = self.pending.get(next) {
            next += 1;
            self.add_target(&mut cx, target);
        }
        self.runs.sort_unstable_by_key(|run| run.start.0.wrapping_sub(entry.0));
        Ok(())
    }

    /// The runs in the order of emission: the entry's, then by address, wrapping around.
    pub(super) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// A run's instructions.
    pub(super) fn steps(&self, run: &Run) -> &[Step] {
        &self.steps[run.first..run.last]
    }

    /// The bytes the region was made from, in no order.
    pub(super) fn ranges(&self) -> impl Iterator<Item = GuestRange> + '_ {
        let span = |run: &Run| GuestRange::new(run.start, u64::from(run.end.0.wrapping_sub(run.start.0)));
        self.runs.iter().map(span).chain(self.beside.iter().copied())
    }

    /// The step that begins at `addr`.
    fn step_at(&self, addr: GuestAddr) -> Option<usize> {
        self.runs.iter().find_map(|run| {
            let inside = addr.0.wrapping_sub(run.start.0) < run.end.0.wrapping_sub(run.start.0);
            let key = |step: &Step| step.insn.ip32().wrapping_sub(run.start.0);
            let offset = addr.0.wrapping_sub(run.start.0);
            inside.then(|| self.steps(run).binary_search_by_key(&offset, key).ok())?.map(|at| run.first + at)
        })
    }

    /// Makes a jump target a block: of a run that is there already, or of a new one if the policy allows it.
    fn add_target(&mut self, cx: &mut FindCx, target: GuestAddr) {
        if let Some(at) = self.step_at(target) {
            self.make_leader(at);
            return;
        }
        let distance = (target.0.wrapping_sub(self.entry.0) as i32).unsigned_abs();
        let room = self.steps.len() < cx.policy.max_insns && self.blocks < cx.policy.max_blocks;
        if room && distance <= cx.policy.max_distance && !(cx.known)(target) {
            self.add_run(cx, target);
        }
    }

    fn make_leader(&mut self, at: usize) {
        if !self.steps[at].leader {
            self.steps[at].leader = true;
            self.blocks += 1;
        }
    }

    /// How far after `start` another run can be met at the earliest.
    fn horizon(&self, start: GuestAddr) -> u32 {
        let distance = |run: &Run| {
            let inside = start.0.wrapping_sub(run.start.0) < run.end.0.wrapping_sub(run.start.0);
            if inside {
                0
            } else {
                run.start.0.wrapping_sub(start.0)
            }
        };
        self.runs.iter().map(distance).min().unwrap_or(u32::MAX)
    }

    /// Decodes a run; the fault if not even one instruction can be fetched (then there is no run).
    fn add_run(&mut self, cx: &mut FindCx, start: GuestAddr) -> Option<Fault> {
        let FindCx { code, aside, policy, known } = cx;
        let first = self.steps.len();
        let mut stop = Stop::Never;
        let mut leader = Flow::Leader { entry: false };
        let mut fault = None;
        let horizon = self.horizon(start);
        code.walk(start, |addr, decoded| {
            let (insn, lift) = match decoded {
                Decoded::Insn(insn) => (insn, None),
                Decoded::Undefined(len) => (no_instruction(addr, len), Some(system::ud as LiftFn)),
                Decoded::TooLong => (no_instruction(addr, 15), Some(system::privileged as LiftFn)),
                Decoded::Fetch(f) => {
                    (stop, fault) = (Stop::Next(addr), Some(f));
                    return false;
                }
            };
            // Known already, or no room: the run ends before this instruction.
            let full = self.steps.len() >= policy.max_insns
                || (matches!(leader, Flow::Leader { .. }) && self.blocks >= policy.max_blocks);
            let met = if addr.0.wrapping_sub(start.0) >= horizon { self.step_at(addr) } else { None };
            let beside = matches!(leader, Flow::Leader { .. }) && known(addr);
            if met.is_some() || ((full || beside) && self.steps.len() > first) {
                if let Some(at) = met {
                    self.make_leader(at);
                }
                stop = Stop::Next(addr);
                return false;
            }
            let (is_leader, entry) = match leader {
                Flow::Leader { entry } => (true, entry),
                _ => (false, false),
            };
            self.blocks += usize::from(is_leader);
            let (lift, flow) = match lift {
                Some(lift) => (lift, Flow::Stop),
                None => self.follow(&insn, aside, policy),
            };
            self.steps.push(Step { insn, lift, leader: is_leader, entry });
            leader = flow;
            !matches!(leader, Flow::Stop)
        });
        if self.steps.len() == first {
            return fault;
        }
        let end = GuestAddr(self.steps[self.steps.len() - 1].insn.next_ip32());
        self.runs.push(Run { start, end, first, last: self.steps.len(), stop });
        None
    }

    /// The lift function of an instruction and what comes after it; notes its jump target.
    fn follow(&mut self, insn: &Instruction, aside: &mut Code, policy: &RegionPolicy) -> (LiftFn, Flow) {
        let Some(lift) = table::support(insn.mnemonic()).lift() else {
            return (system::unimplemented, Flow::Stop);
        };
        if crate::fault::writes_code_segment(insn) {
            return (system::privileged, Flow::Stop);
        }
        let flow = match insn.flow_control() {
            FlowControl::Next if ends_block(insn, policy) => Flow::Leader { entry: false },
            FlowControl::Next => Flow::On,
            FlowControl::ConditionalBranch => {
                if policy.both_ways {
                    self.note_target(insn);
                }
                if policy.past_branches {
                    Flow::Leader { entry: false }
                } else {
                    Flow::Stop
                }
            }
            FlowControl::UnconditionalBranch => {
                self.note_target(insn);
                Flow::Stop
            }
            FlowControl::Call | FlowControl::IndirectCall => return self.follow_call(insn, lift, aside, policy),
            // After a system call the run loop comes back to the next instruction.
            FlowControl::Interrupt if insn.mnemonic() == Mnemonic::Int => Flow::Leader { entry: true },
            FlowControl::Interrupt if insn.mnemonic() == Mnemonic::Into => Flow::Leader { entry: false },
            _ => Flow::Stop,
        };
        (lift, flow)
    }

    fn note_target(&mut self, insn: &Instruction) {
        if insn.near_branch_target() != 0 || insn.is_jcc_short_or_near() {
            self.pending.push(GuestAddr(insn.near_branch_target() as u32));
        }
    }

    fn follow_call(
        &mut self,
        insn: &Instruction,
        lift: LiftFn,
        aside: &mut Code,
        policy: &RegionPolicy,
    ) -> (LiftFn, Flow) {
        if insn.is_call_near() {
            let target = GuestAddr(insn.near_branch_target() as u32);
            if target.0 == insn.next_ip32() {
                return (lift, Flow::Leader { entry: false });
            }
            // Behind a thunk that is part of this code nothing would look for changes of it; and a call that is executed alone
            // is one instruction.
            if let Some(lift) = pc_thunk(aside, target).filter(|_| policy.checks == Checks::None && policy.past_calls) {
                self.beside.push(GuestRange::new(target, 4));
                return (lift, Flow::On);
            }
        }
        (lift, if policy.past_calls { Flow::Leader { entry: true } } else { Flow::Stop })
    }
}

/// The lift function for a call of `mov reg, [esp]; ret`, with which position-independent code reads EIP.
fn pc_thunk(code: &mut Code, target: GuestAddr) -> Option<LiftFn> {
    match *code.bytes(target).ok()? {
        [0x8b, modrm, 0x24, 0xc3, ..] if modrm & 0xc7 == 0x04 => call_ret::pc_thunk(modrm >> 3 & 7),
        _ => None,
    }
}

/// Whether an instruction without a jump of its own still ends its block: it has blocks of its own, or a state that
/// what follows must be looked at anew with.
fn ends_block(insn: &Instruction, policy: &RegionPolicy) -> bool {
    let repeats = insn.has_rep_prefix() || insn.has_repne_prefix();
    (repeats && insn.is_string_instruction())
        || matches!(insn.mnemonic(), Mnemonic::Popf | Mnemonic::Popfd)
        || (policy.checks == Checks::Stores && access::writes_any_memory(insn))
}

/// A stand-in for bytes that are no instruction.
fn no_instruction(addr: GuestAddr, len: u8) -> Instruction {
    let mut insn = Instruction::default();
    insn.set_len(usize::from(len));
    insn.set_next_ip(u64::from(addr.0.wrapping_add(u32::from(len))));
    insn
}
