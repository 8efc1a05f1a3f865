//! Random regions, states and memories for property tests, all from one printed seed.
//!
//! Regions are valid and take every opcode, width and terminator that does not need vectors or helpers. Memory operands
//! mostly hit [`TestMem`]; some do not, so that faults are compared as well.
mod region;

use crate::guest::{Access, CpuState, Fault, FaultKind, FlagSet, Gpr, GuestAddr, GuestMem, Seg};
use crate::interp::Outcome;
use crate::region::Region;

pub use region::region;

/// splitmix64: small, and good enough here.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator whose whole sequence depends on `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    #[allow(clippy::should_implement_trait, reason = "it has no end and no adapters: no iterator")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// True once in `n`.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// An element.
    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    /// A number that is often at an edge of some width.
    pub fn number(&mut self) -> u64 {
        const EDGES: [u64; 12] =
            [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, u64::MAX];
        if self.one_in(2) {
            self.pick(&EDGES)
        } else {
            self.next() >> self.below(64)
        }
    }
}

/// One page of guest memory; everything else is unmapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestMem {
    /// The bytes at [`TestMem::BASE`].
    pub bytes: Vec<u8>,
}

impl Default for TestMem {
    fn default() -> Self {
        Self { bytes: vec![0; Self::LEN as usize] }
    }
}

impl TestMem {
    /// Where the page is.
    pub const BASE: GuestAddr = GuestAddr(0x2000_0000);
    /// Its length.
    pub const LEN: u32 = 4096;

    /// A page of random bytes.
    pub fn random(rng: &mut Rng) -> Self {
        Self { bytes: (0..Self::LEN).map(|_| rng.next() as u8).collect() }
    }

    fn place(addr: GuestAddr, len: usize, access: Access) -> Result<usize, Fault> {
        let start = addr.0.wrapping_sub(Self::BASE.0);
        let fault = |addr| Err(Fault { addr, access, kind: FaultKind::Unmapped });
        if start >= Self::LEN {
            return fault(addr);
        }
        if start as usize + len > Self::LEN as usize {
            return fault(Self::BASE.plus(Self::LEN));
        }
        Ok(start as usize)
    }
}

impl GuestMem for TestMem {
    fn read(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), Fault> {
        let at = Self::place(addr, buf.len(), Access::Read)?;
        buf.copy_from_slice(&self.bytes[at..at + buf.len()]);
        Ok(())
    }

    fn write(&mut self, addr: GuestAddr, data: &[u8]) -> Result<(), Fault> {
        let at = Self::place(addr, data.len(), Access::Write)?;
        self.bytes[at..at + data.len()].copy_from_slice(data);
        Ok(())
    }

    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault> {
        let at = Self::place(addr, 1, Access::Execute)?;
        let len = buf.len().min(self.bytes.len() - at);
        buf[..len].copy_from_slice(&self.bytes[at..at + len]);
        Ok(len)
    }
}

/// A state with random registers and flags; ESP, ESI and EDI point into [`TestMem`], the others sometimes.
pub fn state(rng: &mut Rng) -> CpuState {
    let mut state = CpuState::default();
    for reg in Gpr::ALL {
        let pointer = matches!(reg, Gpr::Esp | Gpr::Esi | Gpr::Edi) || rng.one_in(4);
        let value = if pointer { TestMem::BASE.0 + 1024 + rng.below(2048) as u32 } else { rng.number() as u32 };
        state.set(*reg, value);
    }
    // Without TF and AC, with which translated code does not run.
    state.set_eflags(rng.next() as u32 & !(1 << 8 | 1 << 18));
    state.seg_base[Seg::Gs.index()] = rng.below(64) as u32;
    state
}

/// What differs after two runs that ended in the same way; flags count where somebody may read them.
pub fn difference(region: &Region, outcome: Outcome, a: &CpuState, b: &CpuState) -> Option<String> {
    let flags = match outcome {
        Outcome::Left => region.live_at(GuestAddr(a.eip)),
        Outcome::Trap(_) => FlagSet::ALL,
        // Flags nobody reads any more may be stale at a memory fault; inside a loop nobody says which those are.
        Outcome::Fault(_) | Outcome::OutOfFuel => FlagSet::NONE,
    };
    let rest = |s: &CpuState| (s.eip, s.df_step, s.seg_base, s.selector, s.top, s.fcw, s.mxcsr);
    let mask = flags.eflags_mask();
    if a.gpr != b.gpr {
        Some(format!("gpr {:x?} against {:x?}", a.gpr, b.gpr))
    } else if a.eflags() & mask != b.eflags() & mask {
        Some(format!("eflags {:#x} against {:#x}, mask {mask:#x}", a.eflags(), b.eflags()))
    } else if a.xmm != b.xmm || rest(a) != rest(b) {
        Some("other state".into())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{interp, parse, verify};

    #[test]
    fn random_regions_are_valid_and_round_trip() {
        for seed in 0..300 {
            let mut rng = Rng::new(seed);
            let region = region(&mut rng);
            assert_eq!(verify::verify(&region), Ok(()), "seed {seed}\n{region}");
            assert_eq!(parse::parse(&region.to_string()), Ok(region), "seed {seed}");
        }
    }

    #[test]
    fn most_runs_do_not_fault() {
        let mut faults = 0;
        for seed in 0..300 {
            let mut rng = Rng::new(seed);
            let (region, mut state, mut mem) = (region(&mut rng), state(&mut rng), TestMem::random(&mut rng));
            let outcome = interp::run(&region, &mut state, &mut mem, 50);
            faults += u32::from(matches!(outcome, Outcome::Fault(_)));
        }
        assert!((10..150).contains(&faults), "{faults} of 300");
    }
}
