//! /proc/cpuinfo of an x86 machine, from the same CPUID that the guest's instruction sees.
use ir::guest::CpuState;
use ir::Helper;
use std::fmt::Write;

/// Flag names by bit of leaf 1 EDX, as arch/x86/include/asm/cpufeatures.h has them.
#[rustfmt::skip]
const EDX: [&str; 32] = [
    "fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", "", "sep", "mtrr", "pge", "mca", "cmov",
    "pat", "pse36", "pn", "clflush", "", "dts", "acpi", "mmx", "fxsr", "sse", "sse2", "ss", "ht", "tm", "ia64", "pbe",
];
/// Flag names by bit of leaf 1 ECX.
#[rustfmt::skip]
const ECX: [&str; 32] = [
    "pni", "pclmulqdq", "dtes64", "monitor", "ds_cpl", "vmx", "smx", "est", "tm2", "ssse3", "cid", "sdbg", "fma",
    "cx16", "xtpr", "pdcm", "", "pcid", "dca", "sse4_1", "sse4_2", "x2apic", "movbe", "popcnt", "tsc_deadline_timer",
    "aes", "xsave", "osxsave", "avx", "f16c", "rdrand", "hypervisor",
];
/// Flag names by bit of leaf 7 EBX.
const LEAF7_EBX: [(u32, &str); 6] =
    [(3, "bmi1"), (5, "avx2"), (8, "bmi2"), (18, "rdseed"), (19, "adx"), (29, "sha_ni")];

fn cpuid(leaf: u32) -> [u32; 4] {
    let mut state = CpuState::default();
    let ab = Helper::CpuidAb.function()(&mut state, u64::from(leaf), 0, 0, 0);
    let cd = Helper::CpuidCd.function()(&mut state, u64::from(leaf), 0, 0, 0);
    [ab as u32, (ab >> 32) as u32, cd as u32, (cd >> 32) as u32]
}

fn flags() -> String {
    let [_, _, ecx, edx] = cpuid(1);
    let bits = |word: u32, names: &'static [&'static str; 32]| {
        names
            .iter()
            .enumerate()
            .filter(move |(bit, name)| word >> bit & 1 != 0 && !name.is_empty())
            .map(|(_, name)| *name)
    };
    let ebx7 = if cpuid(0)[0] >= 7 { cpuid(7)[1] } else { 0 };
    let leaf7 = LEAF7_EBX.iter().filter(move |(bit, _)| ebx7 >> bit & 1 != 0).map(|(_, name)| *name);
    bits(edx, &EDX).chain(bits(ecx, &ECX)).chain(leaf7).collect::<Vec<_>>().join(" ")
}

fn string(words: &[u32]) -> String {
    let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).filter(|&b| b != 0).collect();
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

/// The whole file: one record for each CPU this process may run on.
pub fn text() -> String {
    let [_, b, c, d] = cpuid(0);
    let vendor = string(&[b, d, c]);
    let signature = cpuid(1)[0];
    let family = match signature >> 8 & 15 {
        15 => 15 + (signature >> 20 & 255),
        family => family,
    };
    let model = signature >> 4 & 15 | if family >= 6 { signature >> 12 & 0xf0 } else { 0 };
    let brand: Vec<u32> = (0x8000_0002..=0x8000_0004).flat_map(cpuid).collect();
    let brand = if cpuid(0x8000_0000)[0] >= 0x8000_0004 { string(&brand) } else { "i686".to_owned() };
    let (stepping, flags) = (signature & 15, flags());
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    (0..cpus).fold(String::new(), |mut out, cpu| {
        let _ = write!(
            out,
            "processor\t: {cpu}\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\n\
             model name\t: {brand}\nstepping\t: {stepping}\nphysical id\t: 0\nsiblings\t: {cpus}\ncore id\t\t: {cpu}\n\
             cpu cores\t: {cpus}\nfpu\t\t: yes\nfpu_exception\t: yes\nwp\t\t: yes\nflags\t\t: {flags}\n\n"
        );
        out
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn describes_the_announced_cpu() {
        let text = super::text();
        assert!(text.starts_with("processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\n"), "{text}");
        assert!(text.contains("flags\t\t: fpu tsc cx8 cmov"), "{text}");
    }
}
