//! x87 instructions against a real CPU: one instruction on one state, natively and through lifter and interpreter.
//!
//! `tests/examples/x87_oracle.rs` executes cases natively (x86-64) and either records them in `tests/vectors/x87/` or
//! compares at once; `tests/tests/x87.rs` replays what was recorded, on any host.
mod cases;
#[cfg(target_arch = "aarch64")]
mod emitted;
mod text;

#[cfg(target_arch = "aarch64")]
pub use emitted::Emitted;

pub use cases::{encodings, Encoding, Generator};
pub use text::{parse, print};

use crate::vectors::DATA;
use anyhow::{bail, Result};
use ir::guest::state::St;
use ir::guest::{Access, CpuState, Fault, FaultKind, FlagSet, GuestAddr, GuestMem};
use ir::interp::Outcome;
use ir::x87::F80;

/// Bytes of memory an instruction may touch.
pub const MEM: usize = 128;
/// Where the code is.
const CODE: u32 = 0x1000;
/// Flags that are compared.
const FLAGS: u32 = 0x8d5;

/// What an x87 instruction reads and writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Control word.
    pub cw: u16,
    /// Status word with TOP.
    pub sw: u16,
    /// Abridged tag word, by physical register.
    pub tags: u8,
    /// Arithmetic flags of eflags.
    pub eflags: u32,
    /// Physical registers.
    pub st: [F80; 8],
    /// The memory operand and what follows it.
    pub mem: [u8; MEM],
}

/// An instruction and the state it meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its bytes; a memory operand is `[esi]` (`[rsi]` natively).
    pub code: Vec<u8>,
    /// The state before.
    pub state: State,
}

/// Guest memory with code and data only.
struct Memory<'a> {
    code: &'a [u8],
    data: [u8; MEM],
}

impl Memory<'_> {
    fn data_at(&self, addr: GuestAddr, len: usize, access: Access) -> Result<usize, Fault> {
        let at = addr.0.wrapping_sub(DATA) as usize;
        if at.checked_add(len).is_some_and(|end| end <= MEM) {
            return Ok(at);
        }
        Err(Fault { addr, access, kind: FaultKind::Unmapped })
    }
}

impl GuestMem for Memory<'_> {
    fn read(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), Fault> {
        let at = self.data_at(addr, buf.len(), Access::Read)?;
        buf.copy_from_slice(&self.data[at..at + buf.len()]);
        Ok(())
    }

    fn write(&mut self, addr: GuestAddr, data: &[u8]) -> Result<(), Fault> {
        let at = self.data_at(addr, data.len(), Access::Write)?;
        self.data[at..at + data.len()].copy_from_slice(data);
        Ok(())
    }

    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault> {
        let rest = self.code.get(addr.0.wrapping_sub(CODE) as usize..).filter(|rest| !rest.is_empty());
        let rest = rest.ok_or(Fault { addr, access: Access::Execute, kind: FaultKind::Unmapped })?;
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
}

/// Executes a case by lifting and interpreting, with or without the passes; the state after.
///
/// # Errors
/// If the instruction does not lift, does not verify, or does not run to its end.
pub fn emulate(case: &Case, optimize: bool) -> Result<State> {
    match interpret(case, optimize)? {
        (Outcome::Left, state) => Ok(state),
        (other, _) => bail!("{other:?}"),
    }
}

/// The same with whatever end it comes to.
///
/// # Errors
/// If the instruction does not lift or does not verify.
pub fn interpret(case: &Case, optimize: bool) -> Result<(Outcome, State)> {
    let mut mem = Memory { code: &case.code, data: case.state.mem };
    let mut region = frontend::lift_single(&mem, GuestAddr(CODE))?;
    if optimize {
        ir::opt::optimize(&mut region);
    }
    ir::verify::verify(&region).map_err(|e| anyhow::anyhow!("{e}\n{region}"))?;
    let mut cpu = case.state.cpu();
    let outcome = ir::interp::run(&region, &mut cpu, &mut mem, 100);
    Ok((outcome, State::of(&cpu, mem.data)))
}

impl State {
    fn cpu(&self) -> CpuState {
        let mut cpu = CpuState::default();
        cpu.fcw = self.cw;
        cpu.fsw = self.sw & !(7 << 11);
        cpu.top = u32::from(self.sw >> 11 & 7);
        cpu.ftw = self.tags;
        cpu.st = self.st.map(|v| St::new(v.sign_exponent, v.mantissa));
        cpu.set(ir::Gpr::Esi, DATA);
        cpu.set_flags(FlagSet::ALL, self.eflags);
        cpu
    }

    fn of(cpu: &CpuState, mem: [u8; MEM]) -> Self {
        Self {
            cw: cpu.fcw,
            sw: cpu.fsw | (cpu.top as u16) << 11,
            tags: cpu.ftw,
            eflags: cpu.eflags() & FLAGS,
            st: cpu.st.map(|st| F80::new(st.sign_exponent, st.mantissa)),
            mem,
        }
    }
}

/// Clears what is not compared in the state after `code`: the instruction and data pointers of an environment in memory,
/// which ferry does not track.
pub fn mask(code: &[u8], state: &mut State) {
    state.eflags &= FLAGS;
    let (wide, op) = if code[0] == 0x66 { (false, &code[1..]) } else { (true, code) };
    if matches!(op, [0xd9, 0x36] | [0xdd, 0x36]) {
        let pointers = if wide { 12..28 } else { 6..14 };
        state.mem[pointers].fill(0);
    }
}

/// Whether the instruction is a transcendental one. CPUs err by up to one unit in the last place there, ferry rounds
/// correctly (`tests/vectors/x87/transcendental.txt`); so against a CPU that much, and C1, may differ.
pub fn is_transcendental(code: &[u8]) -> bool {
    matches!(code, [0xd9, 0xf0..=0xf3 | 0xf9 | 0xfb | 0xfe | 0xff])
}

/// Whether an outcome is what a CPU does.
pub fn agrees(code: &[u8], want: &State, got: &State) -> bool {
    if !is_transcendental(code) {
        return want == got;
    }
    let position = |x: F80| i128::from(x.sign_exponent & 0x7fff) << 63 | i128::from(x.mantissa & !(1 << 63));
    let near = |a: F80, b: F80| a.is_negative() == b.is_negative() && (position(a) - position(b)).abs() <= 1;
    let registers = want.st.iter().zip(&got.st).all(|(&a, &b)| near(a, b));
    let rest = |s: &State| (s.cw, s.sw & !ir::x87::C1, s.tags, s.eflags, s.mem);
    registers && rest(want) == rest(got)
}
