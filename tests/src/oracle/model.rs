//! Cases through lifter and IR interpreter, or executed as they are decoded, on any host: what the guest program does, in this
//! process.
use super::{Case, Input, Output, CODE, DATA, FX, STACK, WINDOWS};
use frontend::fault::Report;
use frontend::RegionPolicy;
use ir::guest::state::St;
use ir::guest::{Access, CpuState, Fault, FaultKind, GuestAddr, GuestMem, Trap};
use ir::{interp, Floats};

const PAGE: u32 = 4096;
/// Regions a case may run through before it counts as endless.
const MAX_REGIONS: u32 = 10_000;
/// Blocks a region may run through.
const MAX_BLOCKS: u64 = 1_000_000;

/// TF and AC in eflags: with either the engine executes step by step.
const TF_AC: u32 = 1 << 8 | 1 << 18;

/// What ends a case here: `int 0x80`.
const LEAVE: [u8; 2] = [0xcd, 0x80];

/// Guest memory: the code, data and stack pages of the guest program.
struct Memory {
    areas: [(u32, Vec<u8>); 4],
}

/// Index of the area that cannot be written.
const READ_ONLY: usize = 2;
/// Index of the area with the code, which can be executed as well.
const CODE_AREA: usize = 0;

impl Memory {
    fn new(case: &Case) -> Self {
        let mut code =
            vec![0; (case.at as usize + case.code.len() + super::wire::TAIL).next_multiple_of(PAGE as usize)];
        code[case.at as usize..case.at as usize + case.code.len()].copy_from_slice(&case.code);
        let pages = |n: u32| vec![0; (n * PAGE) as usize];
        let end = case.at as usize + case.code.len();
        code[end..end + LEAVE.len()].copy_from_slice(&LEAVE);
        Self { areas: [(CODE, code), (DATA, pages(2)), (DATA + 2 * PAGE, pages(1)), (STACK & !(PAGE - 1), pages(1))] }
    }

    /// The area and the offset in it of an address.
    fn find(&self, addr: u32) -> Option<(usize, usize)> {
        let inside = |(start, bytes): &(u32, Vec<u8>)| (addr.wrapping_sub(*start) as usize) < bytes.len();
        let area = self.areas.iter().position(inside)?;
        Some((area, (addr - self.areas[area].0) as usize))
    }

    /// Checks `len` bytes from `addr`, and calls for each.
    fn each(
        &mut self,
        addr: GuestAddr,
        len: usize,
        access: Access,
        mut f: impl FnMut(usize, &mut u8),
    ) -> Result<(), Fault> {
        for pass in 0..2 {
            for i in 0..len {
                let at = addr.plus(i as u32);
                let Some((area, offset)) = self.find(at.0) else {
                    return Err(Fault { addr: at, access, kind: FaultKind::Unmapped });
                };
                if area == READ_ONLY && access == Access::Write {
                    return Err(Fault { addr: at, access, kind: FaultKind::Protected });
                }
                if pass == 1 {
                    f(i, &mut self.areas[area].1[offset]);
                }
            }
        }
        Ok(())
    }

    fn fill(&mut self, input: &Input) {
        let mut x = input.seed | 1;
        for (start, size) in WINDOWS {
            for at in (start..start + size).step_by(4) {
                x ^= x << 13;
                x ^= x >> 17;
                x ^= x << 5;
                self.put(at, x);
            }
        }
        input.patches.iter().for_each(|&(at, value)| self.put(at, value));
    }

    fn put(&mut self, at: u32, value: u32) {
        let (area, offset) = self.find(at).expect("windows are mapped");
        self.areas[area].1[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
    }

    fn hashes(&self) -> [u32; 2] {
        let (mut a, mut b) = (0x811c_9dc5u32, 0u32);
        for (start, size) in WINDOWS {
            let (area, offset) = self.find(start).expect("windows are mapped");
            for word in self.areas[area].1[offset..offset + size as usize].chunks_exact(4) {
                let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
                a = (a ^ word).wrapping_mul(0x0100_0193);
                b = b.wrapping_add(word).wrapping_mul(0x85eb_ca6b);
            }
        }
        [a, b]
    }

    /// Whether bytes outside of the windows are not zero; clears all.
    fn strayed(&mut self) -> bool {
        for (start, size) in WINDOWS {
            let (area, offset) = self.find(start).expect("windows are mapped");
            self.areas[area].1[offset..offset + size as usize].fill(0);
        }
        let mut found = false;
        for (_, bytes) in &mut self.areas[1..] {
            found |= bytes.iter().any(|b| *b != 0);
            bytes.fill(0);
        }
        found
    }
}

impl GuestMem for Memory {
    fn read(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), Fault> {
        for (i, byte) in buf.iter_mut().enumerate() {
            let at = addr.plus(i as u32);
            let found = self.find(at.0);
            let (area, offset) = found.ok_or(Fault { addr: at, access: Access::Read, kind: FaultKind::Unmapped })?;
            *byte = self.areas[area].1[offset];
        }
        Ok(())
    }

    fn write(&mut self, addr: GuestAddr, data: &[u8]) -> Result<(), Fault> {
        self.each(addr, data.len(), Access::Write, |i, byte| *byte = data[i])
    }

    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault> {
        let fault = |kind| Fault { addr, access: Access::Execute, kind };
        let (area, offset) = self.find(addr.0).ok_or(fault(FaultKind::Unmapped))?;
        if area != CODE_AREA {
            return Err(fault(FaultKind::Protected));
        }
        let rest = &self.areas[area].1[offset..];
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
}

/// How instructions get to be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Lifted, and interpreted.
    Lifted,
    /// The same after the passes.
    Optimized,
    /// As they are decoded; lifted and interpreted from the first one on that is left to be translated.
    Direct,
}

/// Runs a case on all its inputs. An output is missing where the case asks for descriptor
/// tables, which are the kernel's.
pub fn run(case: &Case, way: Way) -> (Vec<Option<Output>>, bool) {
    let mut mem = Memory::new(case);
    let outputs = case.inputs.iter().map(|input| run_input(case, input, &mut mem, way)).collect();
    let strayed = mem.strayed();
    (outputs, strayed)
}

fn run_input(case: &Case, input: &Input, mem: &mut Memory, way: Way) -> Option<Output> {
    mem.fill(input);
    let mut state = state(input);
    state.eip = CODE + case.at;
    let exit = state.eip + case.code.len() as u32;
    let mut output = Output::default();
    // SSE arithmetic as the interpreter does it, whatever MXCSR says.
    let policy = RegionPolicy { floats: Floats::Interpreted, ..RegionPolicy::default() };
    for _ in 0..MAX_REGIONS {
        if way == Way::Direct && state.eflags() & TF_AC == 0 && state.segmented == 0 {
            let mut jumps = MAX_BLOCKS;
            frontend::direct::execute(&mut state, mem, &mut |_| {
                jumps -= 1;
                jumps > 0
            });
        }
        let outcome = match frontend::lift_region(mem, GuestAddr(state.eip), &policy) {
            Ok(mut region) => {
                if way == Way::Optimized {
                    ir::opt::optimize(&mut region);
                }
                if let Err(error) = ir::verify::verify(&region) {
                    panic!("{error}\n{region}");
                }
                interp::run(&region, &mut state, mem, MAX_BLOCKS)
            }
            Err(_) => interp::Outcome::Trap(Trap::Fetch),
        };
        if outcome == interp::Outcome::Trap(Trap::Syscall) && state.eip == exit + LEAVE.len() as u32 {
            break;
        }
        // Single steps are the engine's.
        if state.eflags() & 0x100 != 0 {
            return None;
        }
        match event(outcome, &mut state, mem) {
            Event::None => {}
            Event::Unknown => return None,
            Event::Signal(signal) => {
                output = signal;
                break;
            }
        }
    }
    finish(&mut output, &state);
    output.memory = mem.hashes();
    Some(output)
}

#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
enum Event {
    None,
    Unknown,
    Signal(Output),
}

/// What the program sees of the end of a run: trapno, err, signal, si_code and si_addr as Linux has them.
fn event(outcome: interp::Outcome, state: &mut CpuState, mem: &Memory) -> Event {
    let trap = match outcome {
        interp::Outcome::Left | interp::Outcome::OutOfFuel => return Event::None,
        interp::Outcome::Trap(trap) => trap,
        interp::Outcome::Fault(fault) => match frontend::fault::report(mem, state, fault) {
            Report::Trap(trap) => trap,
            Report::Page(fault) => return Event::Signal(page_fault(fault, state)),
        },
    };
    let eip = state.eip;
    let unmasked = |flags: u32| match flags {
        _ if flags & 1 != 0 => 7,
        _ if flags & 4 != 0 => 3,
        _ if flags & 8 != 0 => 4,
        _ if flags & 0x12 != 0 => 5,
        _ => 6,
    };
    let x87 = u32::from(state.fsw & !state.fcw) & 0x3f;
    let simd = state.mxcsr & !(state.mxcsr >> 7) & 0x3f;
    let (trapno, err, signo, code, addr) = match trap {
        Trap::Yield => return Event::None,
        Trap::Segment | Trap::Syscall | Trap::Sysenter => return Event::Unknown,
        // The engine's own business: an interpreter answers them by going on.
        Trap::Mxcsr | Trap::Interpret | Trap::Stale => return Event::Unknown,
        Trap::Fetch => {
            let kind = mem.fetch(GuestAddr(eip), &mut [0]).err().map_or(FaultKind::Unmapped, |fault| fault.kind);
            let fault = Fault { addr: GuestAddr(eip), access: Access::Execute, kind };
            return Event::Signal(page_fault(fault, state));
        }
        Trap::DivideError => (0, 0, 8, 1, eip),
        Trap::Debug => (1, 0, 5, 1, eip),
        Trap::SingleStep => (1, 0, 5, 2, eip),
        Trap::Breakpoint => (3, 0, 5, 0x80, 0),
        Trap::Overflow => (4, 0, 11, 0x80, 0),
        Trap::BoundRange => (5, 0, 11, 0x80, 0),
        Trap::Undefined | Trap::Unimplemented => (6, 0, 4, 2, eip),
        Trap::StackFault => (12, 0, 7, 0x80, 0),
        Trap::GeneralProtection => (13, gate(mem, eip), 11, 0x80, 0),
        Trap::X87 => (16, 0, 8, unmasked(x87), eip),
        Trap::Alignment => (17, 0, 7, 1, 0),
        Trap::Simd => (19, 0, 8, unmasked(simd), eip),
    };
    Event::Signal(Output { eip, trapno, err, signo, code, addr, eflags: state.eflags(), ..Output::default() })
}

/// The error code of `int n`, which names the gate.
fn gate(mem: &Memory, eip: u32) -> u32 {
    let mut insn = [0; 2];
    match mem.read(GuestAddr(eip), &mut insn) {
        Ok(()) if insn[0] == 0xcd => u32::from(insn[1]) << 3 | 2,
        _ => 0,
    }
}

fn page_fault(fault: Fault, state: &CpuState) -> Output {
    let access = match fault.access {
        Access::Read => 4,
        Access::Write => 6,
        Access::Execute => 0x14,
    };
    let protected = fault.kind == FaultKind::Protected;
    Output {
        eip: state.eip,
        trapno: 14,
        err: access | u32::from(protected),
        signo: 11,
        code: 1 + u32::from(protected),
        addr: fault.addr.0,
        ..Output::default()
    }
}

fn state(input: &Input) -> CpuState {
    let mut cpu = CpuState::default();
    cpu.gpr = input.gpr;
    cpu.set_eflags(input.eflags);
    cpu.selector = [0x2b, 0x23, 0x2b, 0x2b, 0x2b, 0x2b];
    let half = |at: usize| u16::from_le_bytes([input.fx[at], input.fx[at + 1]]);
    (cpu.fcw, cpu.fsw) = (half(0), half(2) & !0x3800);
    cpu.top = u32::from(half(2) >> 11 & 7);
    cpu.ftw = input.fx[4];
    cpu.mxcsr = u32::from(half(24)) | u32::from(half(26)) << 16;
    for i in 0..8 {
        let st = &input.fx[32 + 16 * i..][..10];
        let mantissa = u64::from_le_bytes(st[..8].try_into().expect("eight bytes"));
        cpu.st[(cpu.top as usize + i) & 7] = St::new(half(40 + 16 * i), mantissa);
        cpu.xmm[i] = u128::from_le_bytes(input.fx[160 + 16 * i..][..16].try_into().expect("sixteen bytes"));
    }
    cpu
}

/// Puts the registers into the output. RF is set in what a fault saves.
fn finish(out: &mut Output, cpu: &CpuState) {
    const RF: u32 = 1 << 16;
    let faults = out.signo != 0 && !matches!(out.trapno, 1 | 3 | 4);
    out.gpr = cpu.gpr;
    out.eflags = cpu.eflags() | if faults { RF } else { 0 };
    out.segments = [3, 0, 4, 5].map(|seg: usize| cpu.selector[seg]);
    let fx: &mut [u8; FX] = &mut out.fx;
    fx[0..2].copy_from_slice(&cpu.fcw.to_le_bytes());
    fx[2..4].copy_from_slice(&(cpu.fsw | (cpu.top as u16) << 11).to_le_bytes());
    fx[4] = cpu.ftw;
    fx[24..28].copy_from_slice(&cpu.mxcsr.to_le_bytes());
    for i in 0..8 {
        let st = cpu.st[(cpu.top as usize + i) & 7];
        fx[32 + 16 * i..][..8].copy_from_slice(&st.mantissa.to_le_bytes());
        fx[40 + 16 * i..][..2].copy_from_slice(&st.sign_exponent.to_le_bytes());
        fx[160 + 16 * i..][..16].copy_from_slice(&cpu.xmm[i].to_le_bytes());
    }
}
