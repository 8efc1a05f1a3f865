//! MXCSR in the host's floating-point control and status registers (SDM vol. 1, 10.2.3; Arm ARM C5.2.8, C5.2.10).

/// MXCSR bits with a counterpart in FPCR. FZ flushes operands and results; it stands for either of the two.
const RC_SHIFT: u32 = 13;
const FTZ: u32 = 1 << 15;
const DAZ: u32 = 1 << 6;

/// FPSR.IDC: with FPCR.AH it is set for denormal operands as DE is, without for flushed ones only, which are no DE.
const IDC: u32 = 1 << 7;
const DE: u32 = 1 << 1;

/// Other FPSR bits with a counterpart in MXCSR: (FPSR bit, MXCSR bits).
/// UFC comes with IXC unless the result was flushed, which for x86 is inexact too.
const STICKY: [(u32, u32); 5] = [(0, 1), (1, 1 << 2), (2, 1 << 3), (3, 1 << 4 | 1 << 5), (4, 1 << 5)];

/// FPCR.AH and FPCR.NEP, which FEAT_AFP has (`codegen::emit::vector_afp`).
const AH_NEP: u64 = 1 << 1 | 1 << 2;

/// The FPCR translated code runs with: rounding mode and flush-to-zero. Without FEAT_AFP zero for the MXCSR a process starts with.
pub fn fpcr_from_mxcsr(mxcsr: u32, afp: bool) -> u64 {
    // RC counts nearest, down, up, zero; RMode counts nearest, up, down, zero.
    let rmode = [0u64, 2, 1, 3][(mxcsr >> RC_SHIFT & 3) as usize] << 22;
    let set = |bits| u64::from(mxcsr & bits != 0);
    match afp {
        true => rmode | set(FTZ) << 24 | set(DAZ) | AH_NEP,
        false => rmode | set(FTZ | DAZ) << 24,
    }
}

/// Whether the host's unit cannot do as an MXCSR says: it raises nothing, and flushes operands and results together.
pub fn needs_exact(mxcsr: u32) -> bool {
    const MASKS: u32 = 0x1f80;
    let flushes = |bit| mxcsr & bit != 0;
    mxcsr & MASKS != MASKS || flushes(FTZ) != flushes(DAZ)
}

/// Whether an MXCSR rounds in another way than a process starts with.
pub fn rounds_otherwise(mxcsr: u32) -> bool {
    mxcsr >> RC_SHIFT & 3 != 0
}

/// MXCSR with the exceptions that FPSR has accumulated.
pub fn merge_fpsr(mxcsr: u32, fpsr: u32, afp: bool) -> u32 {
    let mxcsr = if afp && fpsr & IDC != 0 { mxcsr | DE } else { mxcsr };
    STICKY.iter().fold(mxcsr, |mxcsr, (from, to)| if fpsr >> from & 1 != 0 { mxcsr | to } else { mxcsr })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control() {
        for (mxcsr, fpcr) in
            [(0x1f80, 0), (0x3f80, 2 << 22), (0x5f80, 1 << 22), (0x7f80, 3 << 22), (0x9f80, 1 << 24), (0x1fc0, 1 << 24)]
        {
            assert_eq!(fpcr_from_mxcsr(mxcsr, false), fpcr, "{mxcsr:#x}");
        }
    }

    #[test]
    fn control_with_afp() {
        for (mxcsr, fpcr) in [(0x1f80, 0), (0x3f80, 2 << 22), (0x9f80, 1 << 24), (0x1fc0, 1), (0x9fc0, 1 << 24 | 1)] {
            assert_eq!(fpcr_from_mxcsr(mxcsr, true), fpcr | AH_NEP, "{mxcsr:#x}");
        }
        assert_eq!(merge_fpsr(0x1f80, IDC, true), 0x1f82);
    }

    #[test]
    fn what_the_host_cannot_do() {
        for (mxcsr, exact) in [
            (0x1f80, false),
            (0x7fbf, false),
            (0x9fc0, false),
            (0x1fc0, true),
            (0x9f80, true),
            (0x1f00, true),
            (0, true),
        ] {
            assert_eq!(needs_exact(mxcsr), exact, "{mxcsr:#x}");
        }
    }

    #[test]
    fn status() {
        assert_eq!(merge_fpsr(0x1f80, 0, false), 0x1f80);
        for (fpsr, flag) in [(1, 1), (1 << 7, 0), (2, 4), (4, 8), (8, 0x30), (16, 32)] {
            assert_eq!(merge_fpsr(0x1f80, fpsr, false), 0x1f80 | flag);
        }
    }
}
