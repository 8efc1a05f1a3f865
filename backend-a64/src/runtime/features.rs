//! What the host's CPU has beyond ARMv8.0 (getauxval(3); the kernel's Documentation/arch/arm64/elf_hwcaps.rst).
use crate::codegen::HostFeatures;

/// The features of the CPU this runs on, as the kernel tells them.
pub fn detect() -> HostFeatures {
    // SAFETY: getauxval has no preconditions.
    let (hwcap, hwcap2) = unsafe { (libc::getauxval(libc::AT_HWCAP), libc::getauxval(libc::AT_HWCAP2)) };
    let told = from_hwcaps(hwcap, hwcap2);
    HostFeatures { afp: told.afp || has_afp(), ..told }
}

/// Whether FPCR.AH has its effect. Kernels before 5.16 and qemu-aarch64 have FEAT_AFP without telling.
fn has_afp() -> bool {
    let nan: u64;
    // SAFETY: no memory is touched, FPCR and FPSR are as they were afterwards. Without the feature the bit does nothing.
    unsafe {
        std::arch::asm!(
            "mrs {fpcr}, fpcr",
            "mrs {fpsr}, fpsr",
            "mov {nan}, #2",
            "orr {nan}, {nan}, {fpcr}",
            "msr fpcr, {nan}",
            "movi {v:d}, #0",
            "fdiv {v:d}, {v:d}, {v:d}",
            "fmov {nan}, {v:d}",
            "msr fpcr, {fpcr}",
            "msr fpsr, {fpsr}",
            fpcr = out(reg) _,
            fpsr = out(reg) _,
            nan = out(reg) nan,
            v = out(vreg) _,
            options(nomem, nostack)
        );
    }
    // 0 / 0 is the default NaN, negative with AH.
    nan >> 63 != 0
}

/// The same, from the two words of the auxiliary vector (asm/hwcap.h).
pub fn from_hwcaps(hwcap: u64, hwcap2: u64) -> HostFeatures {
    let has = |word: u64, bit: u32| word >> bit & 1 != 0;
    HostFeatures {
        aes: has(hwcap, 3),
        pmull: has(hwcap, 4),
        sha1: has(hwcap, 5),
        sha256: has(hwcap, 6),
        crc32: has(hwcap, 7),
        lse: has(hwcap, 8),
        lrcpc: has(hwcap, 15),
        flagm: has(hwcap, 27),
        frintts: has(hwcap2, 8),
        afp: has(hwcap2, 20),
        cssc: has(hwcap2, 34),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits() {
        assert_eq!(from_hwcaps(0, 0), HostFeatures::default());
        let all = from_hwcaps(u64::MAX, u64::MAX);
        assert!(all.lse && all.lrcpc && all.flagm && all.frintts && all.afp && all.cssc);
        assert!(all.aes && all.pmull && all.sha1 && all.sha256 && all.crc32);
        assert!(from_hwcaps(1 << 8, 0).lse && !from_hwcaps(!(1 << 8), 0).lse);
    }
}
