//! The auxiliary vector as an i386 kernel gives it (linux/auxvec.h, fs/binfmt_elf.c).
use crate::elf::LoadPlan;

/// AT_HWCAP: EDX of CPUID leaf 1, what an x86 kernel reports.
pub fn hwcap() -> u32 {
    ir::cpuid::leaf(1, 0)[3]
}

/// What the vector says about the loaded program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuxInfo {
    /// Address of `__kernel_vsyscall`.
    pub sysinfo: u32,
    /// Address of the vDSO's ELF header.
    pub sysinfo_ehdr: u32,
    /// Program headers in memory.
    pub phdr: u32,
    /// How many.
    pub phnum: u32,
    /// Load address of the interpreter, 0 without one.
    pub base: u32,
    /// The program's own entry point.
    pub entry: u32,
    /// Real and effective user and group.
    pub ids: [u32; 4],
    /// Whether the host says the process gained privileges (AT_SECURE).
    pub secure: bool,
}

impl AuxInfo {
    /// For a program loaded with `bias`.
    pub fn new(plan: &LoadPlan, bias: u32, base: u32, vdso: (u32, u32), ids: [u32; 4], secure: bool) -> Self {
        let phdr = if plan.phdr == 0 { 0 } else { plan.phdr.wrapping_add(bias) };
        let entry = plan.entry.wrapping_add(bias);
        Self { sysinfo: vdso.0, sysinfo_ehdr: vdso.1, phdr, phnum: u32::from(plan.phnum), base, entry, ids, secure }
    }
}

/// Addresses of strings and bytes placed on the stack that the vector points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuxStrings {
    /// 16 random bytes.
    pub random: u32,
    /// The path given to execve.
    pub execfn: u32,
    /// "i686".
    pub platform: u32,
}

/// The vector, in the kernel's order, with its AT_NULL.
#[rustfmt::skip]
pub fn entries(info: &AuxInfo, strings: &AuxStrings) -> Vec<(u32, u32)> {
    const CLOCK_TICKS: u32 = 100;
    /// sizeof the kernel's minimal signal frame with FXSAVE state, what AT_MINSIGSTKSZ reports without AVX.
    const MINSIGSTKSZ: u32 = 1232;
    vec![
        (32, info.sysinfo),            // AT_SYSINFO
        (33, info.sysinfo_ehdr),       // AT_SYSINFO_EHDR
        (51, MINSIGSTKSZ),             // AT_MINSIGSTKSZ
        (16, hwcap()),                 // AT_HWCAP
        (6, ir::guest::PAGE_SIZE),     // AT_PAGESZ
        (17, CLOCK_TICKS),             // AT_CLKTCK
        (3, info.phdr),                // AT_PHDR
        (4, 32),                       // AT_PHENT
        (5, info.phnum),               // AT_PHNUM
        (7, info.base),                // AT_BASE
        (8, 0),                        // AT_FLAGS
        (9, info.entry),               // AT_ENTRY
        (11, info.ids[0]),             // AT_UID
        (12, info.ids[1]),             // AT_EUID
        (13, info.ids[2]),             // AT_GID
        (14, info.ids[3]),             // AT_EGID
        (23, u32::from(info.secure)),  // AT_SECURE
        (25, strings.random),          // AT_RANDOM
        (26, 0),                       // AT_HWCAP2
        (31, strings.execfn),          // AT_EXECFN
        (15, strings.platform),        // AT_PLATFORM
        (0, 0),                        // AT_NULL
    ]
}
