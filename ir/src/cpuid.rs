//! CPUID: the identity ferry announces (SDM vol. 2A, CPUID; docs/cpu.md describes it for users).
//!
//! An Intel family 6 model 5CH, the last 32-bit capable design without AVX, with a brand string of ferry's own. What is
//! not implemented is not announced: [`FEATURES`] is held against the instruction table by a test of the frontend. What
//! only a kernel can use (paging, APIC, MSRs and the like) is not announced either.

/// An output register of CPUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reg {
    /// EAX.
    Eax,
    /// EBX.
    Ebx,
    /// ECX.
    Ecx,
    /// EDX.
    Edx,
}
use Reg::{Ebx, Ecx, Edx};

/// A feature bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// The leaf, with subleaf 0.
    pub leaf: u32,
    /// The register.
    pub reg: Reg,
    /// The bit.
    pub bit: u32,
    /// What Linux calls it in /proc/cpuinfo (arch/x86/include/asm/cpufeatures.h); empty if it does not list it.
    pub name: &'static str,
    /// What iced-x86 calls the instructions that come with it, several with a blank; empty if there are none.
    pub instructions: &'static str,
}

const EXTENDED: u32 = 0x8000_0001;

macro_rules! features {
    ($($leaf:tt $reg:ident $bit:literal $name:literal $instructions:literal;)+) => {
        &[$(Feature { leaf: $leaf, reg: $reg, bit: $bit, name: $name, instructions: $instructions }),+]
    };
}

/// What is announced, in the order of /proc/cpuinfo.
#[rustfmt::skip]
pub const FEATURES: &[Feature] = features! {
//  leaf      reg  bit  name             instructions
    1         Edx  0   "fpu"             "FPU FPU287 FPU387";
    1         Edx  4   "tsc"             "TSC";
    1         Edx  8   "cx8"             "CX8";
    1         Edx  11  "sep"             "";
    1         Edx  15  "cmov"            "CMOV";
    1         Edx  19  "clflush"         "CLFSH";
    1         Edx  23  "mmx"             "MMX";
    1         Edx  24  "fxsr"            "FXSR";
    1         Edx  25  "sse"             "SSE";
    1         Edx  26  "sse2"            "SSE2";
    EXTENDED  Edx  27  "rdtscp"          "RDTSCP";
    1         Ecx  0   "pni"             "SSE3";
    1         Ecx  1   "pclmulqdq"       "PCLMULQDQ";
    1         Ecx  9   "ssse3"           "SSSE3";
    1         Ecx  19  "sse4_1"          "SSE4_1";
    1         Ecx  20  "sse4_2"          "SSE4_2";
    1         Ecx  22  "movbe"           "MOVBE";
    1         Ecx  23  "popcnt"          "POPCNT";
    1         Ecx  25  "aes"             "AES";
    1         Ecx  30  "rdrand"          "RDRAND";
    EXTENDED  Ecx  0   "lahf_lm"         "";
    EXTENDED  Ecx  5   "abm"             "LZCNT";
    EXTENDED  Ecx  8   "3dnowprefetch"   "PREFETCHW";
    7         Ebx  3   "bmi1"            "BMI1";
    // The x87 data pointer is that of unmasked exceptions only; its selectors and that of FIP read as zero.
    7         Ebx  6   ""                "";
    7         Ebx  13  ""                "";
    7         Ebx  8   "bmi2"            "BMI2";
    7         Ebx  18  "rdseed"          "RDSEED";
    7         Ebx  19  "adx"             "ADX";
    7         Ebx  23  "clflushopt"      "CLFLUSHOPT";
    7         Ebx  29  "sha_ni"          "SHA";
};

/// The feature bits of one register.
const fn bits(leaf: u32, reg: Reg) -> u32 {
    let (mut bits, mut i) = (0, 0);
    while i < FEATURES.len() {
        let feature = FEATURES[i];
        if feature.leaf == leaf && feature.reg as u8 == reg as u8 {
            bits |= 1 << feature.bit;
        }
        i += 1;
    }
    bits
}

/// Highest basic leaf.
const MAX_BASIC: u32 = 0x15;
/// Highest extended leaf.
const MAX_EXTENDED: u32 = 0x8000_0008;
/// Type, family, model, stepping: family 6, model 5CH, stepping 9.
const SIGNATURE: u32 = 0x0005_06c9;
/// Leaf 1 EBX: cache lines of 64 bytes for CLFLUSH, one logical processor.
const CLFLUSH_SIZE: u32 = 0x0001_0800;
/// The brand string, 48 bytes with its end.
const BRAND: &[u8; 48] = b"ferry i686 processor on AArch64\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// The time stamp counter counts nanoseconds.
const TSC_HZ: u32 = 1_000_000_000;

/// EAX, EBX, ECX, EDX of a leaf. A leaf that does not exist answers as the highest basic one.
pub fn leaf(leaf: u32, subleaf: u32) -> [u32; 4] {
    match leaf {
        0 => [MAX_BASIC, word(b"Genu"), word(b"ntel"), word(b"ineI")],
        1 => [SIGNATURE, CLFLUSH_SIZE, bits(1, Ecx), bits(1, Edx)],
        // One descriptor: the caches are described by leaf 4.
        2 => [0x0000_ff01, 0, 0, 0],
        4 => cache(subleaf),
        7 if subleaf == 0 => [0, bits(7, Ebx), 0, 0],
        // Core crystal clock and TSC run at the same rate.
        0x15 => [1, 1, TSC_HZ, 0],
        3..=MAX_BASIC => [0; 4],
        0x8000_0000 => [MAX_EXTENDED, 0, 0, 0],
        EXTENDED => [0, 0, bits(EXTENDED, Ecx), bits(EXTENDED, Edx)],
        0x8000_0002..=0x8000_0004 => {
            let at = 16 * (leaf - 0x8000_0002) as usize;
            std::array::from_fn(|i| word(&[0, 1, 2, 3].map(|k| BRAND[at + 4 * i + k])))
        }
        0x8000_0005 => [0; 4],
        // L2: 1 MiB, 16 ways, lines of 64 bytes.
        0x8000_0006 => [0, 0, 1024 << 16 | 8 << 12 | 64, 0],
        // The time stamp counter is invariant.
        0x8000_0007 => [0, 0, 0, 1 << 8],
        // Physical and linear address bits.
        0x8000_0008 => [32 << 8 | 36, 0, 0, 0],
        _ => self::leaf(MAX_BASIC, subleaf),
    }
}

fn word(bytes: &[u8; 4]) -> u32 {
    u32::from_le_bytes(*bytes)
}

/// Leaf 4: L1 data 24 KiB, L1 instruction 32 KiB, L2 1 MiB; each of one processor alone, lines of 64 bytes.
fn cache(subleaf: u32) -> [u32; 4] {
    const SELF_INITIALISING: u32 = 1 << 8;
    let (kind, level, ways, sets) = match subleaf {
        0 => (1, 1, 6, 64),
        1 => (2, 1, 8, 64),
        2 => (3, 2, 16, 1024),
        _ => return [0; 4],
    };
    [kind | level << 5 | SELF_INITIALISING, (ways - 1) << 22 | 63, sets - 1, 0]
}

/// Names of all features, as /proc/cpuinfo lists them.
pub fn names() -> impl Iterator<Item = &'static str> {
    FEATURES.iter().map(|feature| feature.name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_have_their_own_bits() {
        for (i, a) in FEATURES.iter().enumerate() {
            assert!(FEATURES[..i].iter().all(|b| (a.leaf, a.reg, a.bit) != (b.leaf, b.reg, b.bit)), "{}", a.name);
            assert_ne!(leaf(a.leaf, 0)[a.reg as usize] >> a.bit & 1, 0, "{}", a.name);
        }
    }

    #[test]
    fn caches_have_the_sizes_that_are_said() {
        let size = |i| {
            let [_, ebx, ecx, _] = leaf(4, i);
            ((ebx >> 22) + 1) * ((ebx & 0xfff) + 1) * (ecx + 1) / 1024
        };
        assert_eq!([size(0), size(1), size(2)], [24, 32, 1024]);
        assert_eq!(leaf(4, 3), [0; 4]);
    }

    #[test]
    fn unknown_leaves_answer_as_the_highest_basic_one() {
        assert_eq!(leaf(0x77, 0), leaf(MAX_BASIC, 0));
        assert_eq!(leaf(0x9000_0000, 0), leaf(MAX_BASIC, 0));
    }
}
