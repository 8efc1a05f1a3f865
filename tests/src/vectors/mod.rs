//! Replays what a real x86 CPU did with single instructions: `tests/vectors/*.txt`, recorded by
//! `tests/vectors/record/record.sh` (the format is described there, in README.md).
#[cfg(target_arch = "aarch64")]
pub mod emitted;

use crate::guest::root;
use anyhow::{bail, Context, Result};
use ir::guest::{Access, CpuState, Fault, FaultKind, FlagSet, Gpr, GuestAddr, GuestMem};
use std::fmt::Write as _;
use std::fs;

/// Where the instruction is.
pub const CODE: u32 = 0x1000_0000;
/// Where ESI points: 16 bytes, aligned, with some room before and after.
pub const DATA: u32 = 0x2000_0100;

/// The registers and the memory that the recorder sets and watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Watched {
    /// XMM0, XMM1, XMM2.
    pub xmm: [u128; 3],
    /// MM0, MM1.
    pub mm: [u64; 2],
    /// EAX, ECX, EDX.
    pub gpr: [u32; 3],
    /// MXCSR.
    pub mxcsr: u32,
    /// The arithmetic flags.
    pub eflags: u32,
    /// 16 bytes at [esi].
    pub mem: u128,
}

impl Watched {
    /// Applies fields of the form `name=hex`.
    fn apply(&mut self, line: &str) -> Result<()> {
        for field in line.split_whitespace().filter(|f| *f != "=") {
            let (name, hex) = field.split_once('=').with_context(|| format!("no field: {field}"))?;
            let value = u128::from_str_radix(hex, 16)?;
            match name {
                "x0" => self.xmm[0] = value,
                "x1" => self.xmm[1] = value,
                "x2" => self.xmm[2] = value,
                "m0" => self.mm[0] = value as u64,
                "m1" => self.mm[1] = value as u64,
                "a" => self.gpr[0] = value as u32,
                "c" => self.gpr[1] = value as u32,
                "d" => self.gpr[2] = value as u32,
                "s" => self.mxcsr = value as u32,
                "f" => self.eflags = value as u32,
                "mem" => self.mem = value,
                _ => bail!("unknown field {name}"),
            }
        }
        Ok(())
    }

    /// The CPU state before the instruction.
    pub fn state(&self) -> CpuState {
        let mut state = CpuState::default();
        (state.eip, state.mxcsr) = (CODE, self.mxcsr);
        state.xmm[..3].copy_from_slice(&self.xmm);
        state.st[0].mantissa = self.mm[0];
        state.st[1].mantissa = self.mm[1];
        state.set(Gpr::Eax, self.gpr[0]);
        state.set(Gpr::Ecx, self.gpr[1]);
        state.set(Gpr::Edx, self.gpr[2]);
        state.set(Gpr::Esi, DATA);
        state.set(Gpr::Edi, DATA);
        state.set_flags(FlagSet::ALL, self.eflags);
        state
    }

    /// What an execution left.
    pub fn of(state: &CpuState, mem: u128) -> Self {
        Self {
            xmm: [state.xmm[0], state.xmm[1], state.xmm[2]],
            mm: [state.st[0].mantissa, state.st[1].mantissa],
            gpr: [state.get(Gpr::Eax), state.get(Gpr::Ecx), state.get(Gpr::Edx)],
            mxcsr: state.mxcsr,
            eflags: state.eflags() & FlagSet::ALL.eflags_mask(),
            mem,
        }
    }

    /// The memory from 16 bytes before [`DATA`] on, as the recorder has it: XMM1, the operand, XMM2.
    pub(crate) fn around(&self) -> [u8; 48] {
        let mut bytes = [0; 48];
        for (to, value) in bytes.chunks_mut(16).zip([self.xmm[1], self.mem, self.xmm[2]]) {
            to.copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }

    /// Adds everything to a digest, as the recorder does it: FNV-1a.
    fn digest(&self, digest: u64) -> u64 {
        let [x0, x1, x2] = self.xmm;
        let vectors = [x0, x1, self.mem, x2].into_iter().flat_map(u128::to_le_bytes);
        let mmx = self.mm.into_iter().flat_map(u64::to_le_bytes);
        let words = self.gpr.into_iter().chain([self.mxcsr]).flat_map(u32::to_le_bytes);
        let flags = (self.eflags as u16).to_le_bytes();
        let bytes = vectors.chain(mmx).chain(words).chain(flags);
        bytes.fold(digest, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
    }
}

/// What a digest begins with.
const NO_DIGEST: u64 = 0xcbf2_9ce4_8422_2325;

/// One instruction and what it did with each input.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// As the assembler reads it.
    pub text: String,
    /// Its bytes.
    pub code: Vec<u8>,
    /// Before each, and after; nothing after if only the digest of all was recorded.
    pub cases: Vec<(Watched, Option<Watched>)>,
    /// The digest.
    pub digest: Option<u64>,
    /// Flags it leaves undefined; they are recorded as zero.
    pub undefined: u32,
}

impl Recorded {
    /// Executes every case with `run`, which says how it ended if not well; the differences. `excuse` knows which of them
    /// are meant.
    fn replay(
        &self,
        mut run: impl FnMut(&Watched) -> Result<(Option<String>, Watched)>,
        excuse: impl Fn(&Watched, &Watched, &Watched) -> bool,
    ) -> Result<Vec<String>> {
        let mut wrong = Vec::new();
        let mut digest = NO_DIGEST;
        for (before, after) in &self.cases {
            let (ended, mut got) = run(before)?;
            got.eflags &= !self.undefined;
            digest = got.digest(digest);
            let want = after.unwrap_or(got);
            if ended.is_some() || got != want && !excuse(before, &want, &got) {
                wrong.push(difference(&self.text, before, &want, &got, &ended.unwrap_or_default()));
            }
        }
        if self.digest.is_some_and(|want| want != digest) {
            wrong.push(format!("{}: another digest; record.sh says how to see the results\n", self.text));
        }
        Ok(wrong)
    }
}

/// Every instruction of `tests/vectors/<name>.txt`.
pub fn read(name: &str) -> Result<Vec<Recorded>> {
    let path = root().join("tests/vectors").join(format!("{name}.txt"));
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut inputs: Vec<Watched> = Vec::new();
    let mut ops: Vec<Recorded> = Vec::new();
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "group" => inputs.clear(),
            "in" => inputs.push(input(rest)?),
            "op" => ops.push(op(rest)?),
            "undefined" => {
                ops.last_mut().context("flags without op")?.undefined = u32::from_str_radix(rest, 16)?;
            }
            "digest" => {
                let op = ops.last_mut().context("a digest without op")?;
                op.digest = Some(u64::from_str_radix(rest, 16)?);
                op.cases = inputs.iter().map(|input| (*input, None)).collect();
            }
            _ => {
                let cases = &mut ops.last_mut().context("a result without op")?.cases;
                let before = *inputs.get(cases.len()).context("more results than inputs")?;
                let mut after = before;
                after.apply(line).with_context(|| line.to_string())?;
                cases.push((before, Some(after)));
            }
        }
    }
    Ok(ops)
}

fn input(fields: &str) -> Result<Watched> {
    let mut watched = Watched { eflags: FlagSet::ALL.eflags_mask(), ..Watched::default() };
    watched.gpr[1] = 0x1234_5678;
    watched.apply(fields)?;
    if !fields.contains("mem=") {
        watched.mem = watched.xmm[1];
    }
    Ok(watched)
}

fn op(line: &str) -> Result<Recorded> {
    let (hex, text) = line.split_once(' ').context("op without text")?;
    let code: Result<Vec<u8>, _> = (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16)).collect();
    Ok(Recorded { text: text.into(), code: code?, cases: Vec::new(), digest: None, undefined: 0 })
}

/// Guest memory with the instruction and the data around ESI.
#[derive(Clone, Debug)]
pub struct VectorMem {
    code: Vec<u8>,
    data: [u8; 64],
}

/// Bytes before [`DATA`] in `VectorMem::data`.
const BEFORE: u32 = 16;

impl VectorMem {
    /// Memory with this code and an input's values.
    pub fn new(code: &[u8], input: &Watched) -> Self {
        let mut mem = Self { code: code.to_vec(), data: [0; 64] };
        mem.data[..48].copy_from_slice(&input.around());
        mem
    }

    /// The value at [`DATA`].
    pub fn value(&self) -> u128 {
        u128::from_le_bytes(self.data[BEFORE as usize..BEFORE as usize + 16].try_into().expect("16 bytes"))
    }

    fn range(&self, addr: GuestAddr, len: usize, access: Access) -> Result<std::ops::Range<usize>, Fault> {
        let at = addr.0.wrapping_sub(DATA - BEFORE) as usize;
        if at.checked_add(len).is_some_and(|end| end <= self.data.len()) {
            return Ok(at..at + len);
        }
        Err(Fault { addr, access, kind: FaultKind::Unmapped })
    }
}

impl GuestMem for VectorMem {
    fn read(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), Fault> {
        buf.copy_from_slice(&self.data[self.range(addr, buf.len(), Access::Read)?]);
        Ok(())
    }

    fn write(&mut self, addr: GuestAddr, data: &[u8]) -> Result<(), Fault> {
        let range = self.range(addr, data.len(), Access::Write)?;
        self.data[range].copy_from_slice(data);
        Ok(())
    }

    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault> {
        let at = addr.0.wrapping_sub(CODE) as usize;
        let rest = self.code.get(at..).filter(|r| !r.is_empty());
        let rest = rest.ok_or(Fault { addr, access: Access::Execute, kind: FaultKind::Unmapped })?;
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
}

/// Lifts each instruction of a file, optimises it if asked to, and interprets it with every input; the differences.
pub fn interpret(name: &str, optimize: bool) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for op in read(name)? {
        let mem = VectorMem::new(&op.code, &Watched::default());
        let mut region = frontend::lift_single(&mem, GuestAddr(CODE))?;
        ir::verify::verify(&region).map_err(|e| anyhow::anyhow!("{}: {e}\n{region}", op.text))?;
        if optimize {
            ir::opt::optimize(&mut region);
        }
        let run = |before: &Watched| {
            let (mut state, mut mem) = (before.state(), VectorMem::new(&op.code, before));
            let outcome = ir::interp::run(&region, &mut state, &mut mem, 100);
            let ended = (outcome != ir::interp::Outcome::Left).then(|| format!("{outcome:?}"));
            Ok((ended, Watched::of(&state, mem.value())))
        };
        wrong.extend(op.replay(run, |_, _, _| false)?);
    }
    Ok(wrong)
}

/// A readable report of one difference.
pub fn difference(text: &str, before: &Watched, want: &Watched, got: &Watched, outcome: &str) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{text} ({outcome})\n  in   {before:x?}\n  want {want:x?}\n  got  {got:x?}");
    out
}
