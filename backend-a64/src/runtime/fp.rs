//! MXCSR in the host's floating-point control and status registers (SDM vol. 1, 10.2.3; Arm ARM C5.2.8, C5.2.10).

/// MXCSR bits with a counterpart in FPCR.
const RC_SHIFT: u32 = 13;
const FTZ: u32 = 1 << 15;

/// FPSR bits with a counterpart in MXCSR: (FPSR bit, MXCSR bit).
const STICKY: [(u32, u32); 6] = [(0, 0), (7, 1), (1, 2), (2, 3), (3, 4), (4, 5)];

/// The FPCR translated code runs with: rounding mode and flush-to-zero. Zero for the MXCSR a process starts with.
pub fn fpcr_from_mxcsr(mxcsr: u32) -> u64 {
    // RC counts nearest, down, up, zero; RMode counts nearest, up, down, zero.
    let rmode = [0u64, 2, 1, 3][(mxcsr >> RC_SHIFT & 3) as usize];
    let fz = u64::from(mxcsr & FTZ != 0);
    rmode << 22 | fz << 24
}

/// MXCSR with the exceptions that FPSR has accumulated.
pub fn merge_fpsr(mxcsr: u32, fpsr: u32) -> u32 {
    STICKY.iter().fold(mxcsr, |mxcsr, (from, to)| mxcsr | (fpsr >> from & 1) << to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control() {
        for (mxcsr, fpcr) in [(0x1f80, 0), (0x3f80, 2 << 22), (0x5f80, 1 << 22), (0x7f80, 3 << 22), (0x9f80, 1 << 24)] {
            assert_eq!(fpcr_from_mxcsr(mxcsr), fpcr, "{mxcsr:#x}");
        }
    }

    #[test]
    fn status() {
        assert_eq!(merge_fpsr(0x1f80, 0), 0x1f80);
        for (fpsr, flag) in [(1, 1), (1 << 7, 2), (2, 4), (4, 8), (8, 16), (16, 32)] {
            assert_eq!(merge_fpsr(0x1f80, fpsr), 0x1f80 | flag);
        }
    }
}
