//! Random x87 programs: several blocks, memory that faults, stacks that over- and underflow, TOP anywhere. Emitted code
//! against the interpreter; a failure prints the seed and the program.
mod ops;

use super::faults::guard;
use super::random::{outcome, page, same_end, seeds};
use super::*;
use ir::guest::state::St;
use ir::guest::{CpuState, FlagSet, Gpr, Trap};
use ir::interp;
use ir::testgen::{state, Rng, TestMem};
use ir::x87::J;
use ir::{Block, BlockId, Builder, Opcode, Sink, Target, Terminator};
use ops::{lift, op, Op};

const START: u32 = 0x1000;

#[derive(Clone, Debug, Default)]
struct Program {
    ops: Vec<Op>,
    /// After these the program goes on there if EAX is odd; or, where that is back, as long as EDI, counted down, is not negative.
    jumps: Vec<(usize, usize)>,
}

fn address(index: usize) -> GuestAddr {
    GuestAddr(START + 4 * index as u32)
}

fn program(rng: &mut Rng, mut depth: i32) -> Program {
    let len = 1 + rng.below(40) as usize;
    let ops = (0..len).map(|_| op(rng, &mut depth)).collect();
    let mut jump = |_| {
        let at = rng.below(len as u64) as usize;
        match rng.one_in(3) {
            true => (at, rng.below(at as u64 + 1) as usize),
            false => (at, (at + 1 + rng.below(6) as usize).min(len)),
        }
    };
    let mut jumps: Vec<_> = (0..3).map(&mut jump).collect();
    jumps.sort_unstable();
    jumps.dedup_by_key(|jump| jump.0);
    Program { ops, jumps }
}

impl Program {
    fn jump(&self, at: usize) -> Option<usize> {
        self.jumps.iter().find(|jump| jump.0 == at).map(|jump| jump.1)
    }

    fn leaders(&self, from: usize) -> Vec<usize> {
        let mut leaders: Vec<_> = self.jumps.iter().flat_map(|&(at, to)| [at + 1, to]).collect();
        leaders.extend([from, self.ops.len()]);
        // Reached from here: all that a loop goes back to as well.
        let mut first = from;
        while let Some(&(_, to)) = self.jumps.iter().find(|&&(at, to)| at >= first && to < first) {
            first = to;
        }
        leaders.retain(|&at| at >= first);
        leaders.sort_unstable();
        leaders.dedup();
        // The entry is the first block.
        leaders.retain(|&at| at != from);
        leaders.insert(0, from);
        leaders
    }

    fn block(&self, from: usize, to: usize, entry: bool, target: impl Fn(usize) -> Target) -> Block {
        let mut b = Builder::new(address(from));
        for at in from..to {
            b.begin_insn(address(at), 4);
            lift(&mut b, self.ops[at]);
        }
        if from == to {
            b.begin_insn(address(to), 4);
        }
        let term = match to.checked_sub(1).filter(|_| to > from).and_then(|last| self.jump(last)) {
            Some(taken) if taken < to => {
                let (edi, one) = (b.get_gpr(Gpr::Edi), b.const32(1));
                let less = b.binary(Opcode::Sub, edi, one, FlagSet::NONE);
                b.set_gpr(Gpr::Edi, less);
                let sign = b.extract(less, 31, 1);
                Terminator::BranchNz { value: sign, taken: target(to), fallthrough: target(taken) }
            }
            Some(taken) => {
                let (eax, one) = (b.get_gpr(Gpr::Eax), b.const32(1));
                let odd = b.binary(Opcode::And, eax, one, FlagSet::NONE);
                Terminator::BranchNz { value: odd, taken: target(taken), fallthrough: target(to) }
            }
            None if from == self.ops.len() => Terminator::Exit { trap: Trap::Syscall, eip: address(to) },
            None => Terminator::Jump(target(to)),
        };
        let mut block = b.finish(term);
        block.entry = entry;
        block
    }

    fn region(&self, from: usize) -> Region {
        let leaders = self.leaders(from);
        let target =
            |at: usize| Target::Block(BlockId(leaders.iter().position(|l| *l == at).expect("a leader") as u16));
        let mut region = Region::new(address(from));
        region.ranges.push(GuestRange::new(address(0), 4 * self.ops.len() as u64 + 4));
        let next = |at: usize| leaders.iter().copied().filter(|l| *l > at).min().unwrap_or(at);
        for &at in &leaders {
            region.blocks.push(self.block(at, next(at), at == from, target));
        }
        region
    }

    fn single(&self, at: usize) -> Region {
        let mut region = Region::new(address(at));
        if at == self.ops.len() {
            return self.region(at);
        }
        region.blocks.push(self.block(at, at + 1, true, |to| Target::Guest(address(to))));
        region
    }
}

#[derive(Clone, Default)]
struct Source(Arc<Mutex<Program>>);

impl Source {
    fn index(eip: GuestAddr) -> usize {
        ((eip.0 - START) / 4) as usize
    }
}

impl RegionSource for Source {
    fn region(&self, entry: GuestAddr, _: ir::Heat<'_>) -> Result<Region, LiftError> {
        let mut region = self.0.lock().unwrap().region(Self::index(entry));
        ir::opt::optimize(&mut region);
        Ok(region)
    }

    fn single(&self, state: &CpuState) -> Result<Region, LiftError> {
        let entry = GuestAddr(state.eip);
        Ok(self.0.lock().unwrap().single(Self::index(entry)))
    }
}

/// A number: mostly of everyday size, sometimes anything.
fn number(rng: &mut Rng) -> St {
    let sign = (rng.next() as u16) & 0x8000;
    match rng.below(12) {
        0 => St::new(sign, 0),
        1 => St::new(sign | (rng.next() as u16 & 0x7fff), J | rng.next()),
        2 => St::new(sign | 0x7fff, J | rng.next() << rng.below(64)),
        3 if rng.one_in(4) => St::new(sign | rng.pick(&[0, 1, 2, 0x7ffd, 0x7ffe, 0x3fff]), rng.next()),
        4 | 5 => St::new(sign | (0x3fff + rng.below(8) as u16), J | rng.next() << 40 | rng.next() << 50),
        _ => St::new(sign | (0x3fff - 40 + rng.below(80) as u16), J | rng.next() << rng.below(64)),
    }
}

fn start(rng: &mut Rng) -> (CpuState, i32) {
    let mut state = state(rng);
    state.eflags_system = 0;
    state.set(Gpr::Esi, TestMem::BASE.0 + 256);
    state.set(Gpr::Edi, rng.below(6) as u32);
    let depth = rng.below(6) as i32;
    state.top = rng.below(8) as u32;
    state.ftw = if rng.one_in(30) { rng.next() as u8 } else { ((1u8 << depth) - 1).rotate_left(state.top) };
    state.fcw = if rng.one_in(4) { rng.pick(&[0x27f, 0xf7f, 0x37b, 0x37d, 0x75f, 0x0]) } else { 0x37f };
    state.fsw = if rng.one_in(4) { 0 } else { 0x20 } | rng.next() as u16 & 0x4700;
    state.fsw &= !(!state.fcw & 0x3f);
    if rng.one_in(40) {
        (state.fcw, state.fsw) = (0x37e, 0x8081);
    }
    state.st = std::array::from_fn(|_| number(rng));
    (state, depth)
}

fn memory(rng: &mut Rng) -> TestMem {
    let mut mem = TestMem::random(rng);
    for place in mem.bytes.chunks_mut(8) {
        let bits = match rng.below(6) {
            0 => rng.number(),
            1 => u64::from((rng.next() as f32 / 1e18).to_bits()),
            2 => (rng.below(1000) as f64).to_bits(),
            _ => (rng.next() as i64 as f64 / rng.below(1 << 40) as f64).to_bits(),
        };
        place.copy_from_slice(&bits.to_le_bytes());
    }
    mem
}

type View = (u32, [u32; 8], [St; 8], u32, u8, u16, u16, u32);

fn view(s: &CpuState) -> View {
    (s.eip, s.gpr, s.st, s.top, s.ftw, s.fcw, s.fsw, s.fip)
}

#[test]
fn x87_programs_do_what_the_interpreter_does() {
    let mut page = page();
    let (mut singles, mut runs) = (0, 0);
    for features in [crate::codegen::HostFeatures::default(), crate::runtime::features::detect()] {
        let source = Source::default();
        let options = EngineOptions { code_len: 1 << 20, features, ..EngineOptions::default() };
        let engine = Engine::new(&options, Box::new(source.clone()), Box::new(NoWatch)).unwrap();
        guard(&engine);
        let mut thread = engine.new_thread().unwrap();
        for seed in seeds() {
            let rng = &mut Rng::new(seed);
            let (state, depth) = start(rng);
            let program = program(rng, depth);
            *source.0.lock().unwrap() = program.clone();
            engine.invalidate(GuestRange::new(GuestAddr(0), 1 << 32));
            // The same code again from other states: TOP may be anywhere then.
            for again in 0..3 {
                let (mut state, memory) = (state.clone(), memory(rng));
                state.top = (state.top + again * 3) & 7;
                state.ftw = state.ftw.rotate_left(3 * again);
                state.eip = START;
                if again == 1 {
                    // Code that stays, made for another stack than it then meets.
                    let x87 = crate::codegen::X87Hint { top: (state.top as u8 + 1) & 7, ftw: state.ftw };
                    engine.replace(GuestAddr(START), if rng.one_in(4) { x87 } else { Default::default() }).unwrap();
                }
                let (mut want, mut want_mem) = (state.clone(), memory.clone());
                let end = interp::run(&program.region(0), &mut want, &mut want_mem, 1000);
                thread.load(&state);
                page.copy_from_slice(&memory.bytes);
                let mut mem = Mapped;
                let exit = engine.run(&mut thread, &mut mem);
                let got = outcome(exit).expect("nothing is left to others");
                let what = format!("seed {seed}.{again}, {features:?}, from {:x?}\n{program:x?}", view(&state));
                assert!(same_end(end, got), "{end:?} against {got:?}, {what}");
                assert_eq!(view(&want), view(thread.state()), "{what}");
                if matches!(end, interp::Outcome::Trap(Trap::Syscall)) {
                    assert_eq!(want.eflags(), thread.state().eflags(), "{what}");
                }
                let differs = page.iter().zip(&want_mem.bytes).position(|(a, b)| a != b);
                assert_eq!(differs, None, "memory, {what}");
                runs += 1;
            }
        }
        singles += engine.stats().singles;
    }
    // Loops over broken stacks are most of them.
    assert!(singles < 16 * runs, "{singles} instructions were left to the interpreter in {runs} runs");
}

/// The page as it is mapped, for the instructions that are left to the interpreter.
struct Mapped;

impl GuestMem for Mapped {
    fn read(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), Fault> {
        check(addr, buf.len(), ir::guest::Access::Read)?;
        // SAFETY: inside the page, which this test holds.
        unsafe { std::ptr::copy_nonoverlapping(addr.host() as *const u8, buf.as_mut_ptr(), buf.len()) };
        Ok(())
    }

    fn write(&mut self, addr: GuestAddr, data: &[u8]) -> Result<(), Fault> {
        check(addr, data.len(), ir::guest::Access::Write)?;
        // SAFETY: as above.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), addr.host() as *mut u8, data.len()) };
        Ok(())
    }

    fn fetch(&self, addr: GuestAddr, _: &mut [u8]) -> Result<usize, Fault> {
        Err(no_code(addr))
    }
}

fn check(addr: GuestAddr, len: usize, access: ir::guest::Access) -> Result<(), Fault> {
    let start = addr.0.wrapping_sub(TestMem::BASE.0) as usize;
    match start < TestMem::LEN as usize && start + len <= TestMem::LEN as usize {
        true => Ok(()),
        false => Err(Fault { addr, access, kind: ir::guest::FaultKind::Unmapped }),
    }
}
