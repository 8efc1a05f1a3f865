//! The vDSO: a small i386 ELF image mapped into every guest, as the kernel maps linux-gate.so.1 (vdso(7), i386).
//!
//! Time calls need no system call: UD1 EAX, EAX *inside this image* asks ferry for the time ([`answer`]). In: eax = clock
//! id. Out: edx:eax = seconds << 30 | nanoseconds, or all ones for a clock that needs the system call. Anywhere else the
//! instruction is undefined, as on hardware.
//!
//! Unwinders recognise the two sigreturn trampolines by their bytes; the byte before each is a NOP, because they look
//! at the return address minus one.

use ir::guest::{CpuState, Gpr, GuestAddr};
use nix::time::{clock_gettime, ClockId};

/// Length of UD1 EAX, EAX.
const UD1_LEN: u32 = 3;

/// The undefined instruction at eip may be the one of the image at `vdso`: gives it its answer. Whether it was.
pub fn answer(state: &mut CpuState, vdso: GuestAddr) -> bool {
    if state.linear_eip().0.wrapping_sub(vdso.0) >= SIZE {
        return false;
    }
    let packed = time(state.get(Gpr::Eax)).unwrap_or(u64::MAX);
    state.set(Gpr::Eax, packed as u32);
    state.set(Gpr::Edx, (packed >> 32) as u32);
    state.eip += UD1_LEN;
    true
}

/// The clocks that the kernel's vDSO serves: realtime, monotonic, raw, both coarse ones, boot time, TAI.
fn time(clock: u32) -> Option<u64> {
    if !matches!(clock, 0 | 1 | 4..=7 | 11) {
        return None;
    }
    let now = clock_gettime(ClockId::from_raw(clock as i32)).ok()?;
    Some((now.tv_sec() as u64) << 30 | now.tv_nsec() as u64)
}

/// Where the code starts in the image.
const TEXT: u32 = 0x400;
/// Size of the image in memory: one page.
pub const SIZE: u32 = 4096;

/// Offset of `__kernel_vsyscall` in the image.
pub const VSYSCALL: u32 = TEXT;
/// Offset of the instruction after its `int 0x80`: where SYSENTER goes on.
pub const SYSENTER_RETURN: u32 = TEXT + 2;
/// Offset of `__kernel_sigreturn`.
pub const SIGRETURN: u32 = TEXT + 0x11;
/// Offset of `__kernel_rt_sigreturn`.
pub const RT_SIGRETURN: u32 = TEXT + 0x21;

/// Symbols: name, offset in the code, size, version index (2 = LINUX_2.5, 3 = LINUX_2.6).
#[rustfmt::skip]
const SYMBOLS: [(&str, u32, u32, u16); 8] = [
    ("__kernel_vsyscall",      0x00,  3,  2),
    ("__kernel_sigreturn",     0x11,  8,  2),
    ("__kernel_rt_sigreturn",  0x21,  7,  2),
    ("__vdso_clock_gettime",   0x30,  64, 3),
    ("__vdso_clock_gettime64", 0x70,  64, 3),
    ("__vdso_gettimeofday",    0xb0,  64, 3),
    ("__vdso_time",            0xf0,  32, 3),
    ("__vdso_clock_getres",    0x110, 32, 3),
];

const SONAME: &str = "linux-gate.so.1";
const VERSIONS: [&str; 3] = [SONAME, "LINUX_2.5", "LINUX_2.6"];

/// The code, position-independent.
#[rustfmt::skip]
const CODE: [u8; 304] = [
    // 0x00 __kernel_vsyscall
    0xcd, 0x80,                                 // int $0x80
    0xc3,                                       // ret
    0x8d, 0xb4, 0x26, 0x00, 0x00, 0x00, 0x00,   // lea 0x0(%esi,%eiz,1),%esi
    0x8d, 0xb6, 0x00, 0x00, 0x00, 0x00,         // lea 0x0(%esi),%esi
    0x90,                                       // nop
    // 0x11 __kernel_sigreturn
    0x58,                                       // pop %eax
    0xb8, 0x77, 0x00, 0x00, 0x00,               // mov $0x77,%eax
    0xcd, 0x80,                                 // int $0x80
    0x8d, 0xb4, 0x26, 0x00, 0x00, 0x00, 0x00,   // lea 0x0(%esi,%eiz,1),%esi
    0x90,                                       // nop
    // 0x21 __kernel_rt_sigreturn
    0xb8, 0xad, 0x00, 0x00, 0x00,               // mov $0xad,%eax
    0xcd, 0x80,                                 // int $0x80
    0x8d, 0xb4, 0x26, 0x00, 0x00, 0x00, 0x00,   // lea 0x0(%esi,%eiz,1),%esi
    0x90,                                       // nop
    // 0x30 __vdso_clock_gettime
    0x8b, 0x44, 0x24, 0x04,                     // mov 0x4(%esp),%eax
    0x0f, 0xb9, 0xc0,                           // ud1 %eax,%eax
    0x83, 0xfa, 0xff,                           // cmp $0xffffffff,%edx
    0x74, 0x17,                                 // je 53 <__vdso_clock_gettime+0x23>
    0x8b, 0x4c, 0x24, 0x08,                     // mov 0x8(%esp),%ecx
    0x50,                                       // push %eax
    0x0f, 0xac, 0xd0, 0x1e,                     // shrd $0x1e,%edx,%eax
    0x89, 0x01,                                 // mov %eax,(%ecx)
    0x58,                                       // pop %eax
    0x25, 0xff, 0xff, 0xff, 0x3f,               // and $0x3fffffff,%eax
    0x89, 0x41, 0x04,                           // mov %eax,0x4(%ecx)
    0x31, 0xc0,                                 // xor %eax,%eax
    0xc3,                                       // ret
    0x53,                                       // push %ebx
    0x8b, 0x5c, 0x24, 0x08,                     // mov 0x8(%esp),%ebx
    0x8b, 0x4c, 0x24, 0x0c,                     // mov 0xc(%esp),%ecx
    0xb8, 0x09, 0x01, 0x00, 0x00,               // mov $0x109,%eax
    0xcd, 0x80,                                 // int $0x80
    0x5b,                                       // pop %ebx
    0xc3,                                       // ret
    0x8d, 0xb4, 0x26, 0x00, 0x00, 0x00, 0x00,   // lea 0x0(%esi,%eiz,1),%esi
    0x8d, 0x74, 0x26, 0x00,                     // lea 0x0(%esi,%eiz,1),%esi
    // 0x70 __vdso_clock_gettime64
    0x8b, 0x44, 0x24, 0x04,                     // mov 0x4(%esp),%eax
    0x0f, 0xb9, 0xc0,                           // ud1 %eax,%eax
    0x83, 0xfa, 0xff,                           // cmp $0xffffffff,%edx
    0x74, 0x20,                                 // je 9c <__vdso_clock_gettime64+0x2c>
    0x8b, 0x4c, 0x24, 0x08,                     // mov 0x8(%esp),%ecx
    0x50,                                       // push %eax
    0x0f, 0xac, 0xd0, 0x1e,                     // shrd $0x1e,%edx,%eax
    0xc1, 0xea, 0x1e,                           // shr $0x1e,%edx
    0x89, 0x01,                                 // mov %eax,(%ecx)
    0x89, 0x51, 0x04,                           // mov %edx,0x4(%ecx)
    0x58,                                       // pop %eax
    0x25, 0xff, 0xff, 0xff, 0x3f,               // and $0x3fffffff,%eax
    0x89, 0x41, 0x08,                           // mov %eax,0x8(%ecx)
    0x31, 0xc0,                                 // xor %eax,%eax
    0x89, 0x41, 0x0c,                           // mov %eax,0xc(%ecx)
    0xc3,                                       // ret
    0x53,                                       // push %ebx
    0x8b, 0x5c, 0x24, 0x08,                     // mov 0x8(%esp),%ebx
    0x8b, 0x4c, 0x24, 0x0c,                     // mov 0xc(%esp),%ecx
    0xb8, 0x93, 0x01, 0x00, 0x00,               // mov $0x193,%eax
    0xcd, 0x80,                                 // int $0x80
    0x5b,                                       // pop %ebx
    0xc3,                                       // ret
    0x66, 0x90,                                 // xchg %ax,%ax
    // 0xb0 __vdso_gettimeofday
    0x53,                                       // push %ebx
    0x8b, 0x5c, 0x24, 0x08,                     // mov 0x8(%esp),%ebx
    0x85, 0xdb,                                 // test %ebx,%ebx
    0x74, 0x1e,                                 // je d7 <__vdso_gettimeofday+0x27>
    0x31, 0xc0,                                 // xor %eax,%eax
    0x0f, 0xb9, 0xc0,                           // ud1 %eax,%eax
    0x89, 0xc1,                                 // mov %eax,%ecx
    0x0f, 0xac, 0xd1, 0x1e,                     // shrd $0x1e,%edx,%ecx
    0x89, 0x0b,                                 // mov %ecx,(%ebx)
    0x25, 0xff, 0xff, 0xff, 0x3f,               // and $0x3fffffff,%eax
    0x31, 0xd2,                                 // xor %edx,%edx
    0xb9, 0xe8, 0x03, 0x00, 0x00,               // mov $0x3e8,%ecx
    0xf7, 0xf1,                                 // div %ecx
    0x89, 0x43, 0x04,                           // mov %eax,0x4(%ebx)
    0x8b, 0x5c, 0x24, 0x0c,                     // mov 0xc(%esp),%ebx
    0x31, 0xc0,                                 // xor %eax,%eax
    0x85, 0xdb,                                 // test %ebx,%ebx
    0x74, 0x05,                                 // je e6 <__vdso_gettimeofday+0x36>
    0x89, 0x03,                                 // mov %eax,(%ebx)
    0x89, 0x43, 0x04,                           // mov %eax,0x4(%ebx)
    0x5b,                                       // pop %ebx
    0xc3,                                       // ret
    0x8d, 0xb4, 0x26, 0x00, 0x00, 0x00, 0x00,   // lea 0x0(%esi,%eiz,1),%esi
    0x90,                                       // nop
    // 0xf0 __vdso_time
    0x31, 0xc0,                                 // xor %eax,%eax
    0x0f, 0xb9, 0xc0,                           // ud1 %eax,%eax
    0x0f, 0xac, 0xd0, 0x1e,                     // shrd $0x1e,%edx,%eax
    0x8b, 0x4c, 0x24, 0x04,                     // mov 0x4(%esp),%ecx
    0x85, 0xc9,                                 // test %ecx,%ecx
    0x74, 0x02,                                 // je 103 <__vdso_time+0x13>
    0x89, 0x01,                                 // mov %eax,(%ecx)
    0xc3,                                       // ret
    0x8d, 0xb4, 0x26, 0x00, 0x00, 0x00, 0x00,   // lea 0x0(%esi,%eiz,1),%esi
    0x8d, 0x74, 0x26, 0x00,                     // lea 0x0(%esi,%eiz,1),%esi
    0x90,                                       // nop
    // 0x110 __vdso_clock_getres
    0x53,                                       // push %ebx
    0x8b, 0x5c, 0x24, 0x08,                     // mov 0x8(%esp),%ebx
    0x8b, 0x4c, 0x24, 0x0c,                     // mov 0xc(%esp),%ecx
    0xb8, 0x0a, 0x01, 0x00, 0x00,               // mov $0x10a,%eax
    0xcd, 0x80,                                 // int $0x80
    0x5b,                                       // pop %ebx
    0xc3,                                       // ret
    0x8d, 0xb4, 0x26, 0x00, 0x00, 0x00, 0x00,   // lea 0x0(%esi,%eiz,1),%esi
    0x8d, 0xb4, 0x26, 0x00, 0x00, 0x00, 0x00,   // lea 0x0(%esi,%eiz,1),%esi
];

/// A string table and where each string is in it.
struct Strings {
    bytes: Vec<u8>,
}

impl Strings {
    fn add(&mut self, text: &str) -> u32 {
        let at = self.bytes.len() as u32;
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
        at
    }
}

/// The System V ABI's hash of a symbol name.
fn elf_hash(name: &str) -> u32 {
    name.bytes().fold(0u32, |hash, byte| {
        let hash = (hash << 4).wrapping_add(u32::from(byte));
        let high = hash & 0xf000_0000;
        (hash ^ high >> 24) & !high
    })
}

fn words(out: &mut Vec<u8>, values: &[u32]) {
    out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
}

fn halves(out: &mut Vec<u8>, values: &[u16]) {
    out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
}

/// Symbol table, in dynsym layout: name, value, size, info, other, section.
fn symbol_table(strings: &mut Strings) -> Vec<u8> {
    const GLOBAL_FUNC: u16 = 0x12;
    /// Any section number that is not SHN_UNDEF: the image has no section headers.
    const SECTION: u16 = 1;
    let mut out = vec![0; 16];
    for (name, at, size, _) in SYMBOLS {
        let name = strings.add(name);
        words(&mut out, &[name, TEXT + at, size]);
        halves(&mut out, &[GLOBAL_FUNC, SECTION]);
    }
    out
}

/// DT_HASH with one bucket: eight symbols need no more.
fn hash_table() -> Vec<u8> {
    let count = SYMBOLS.len() as u32 + 1;
    let mut out = Vec::new();
    words(&mut out, &[1, count, 1, 0]);
    // Chain: symbol i is followed by i + 1, the last one by 0.
    let chain: Vec<u32> = (1..count).map(|i| (i + 1) % count).collect();
    words(&mut out, &chain);
    out
}

/// Version definitions: the base name, then the two versions.
fn version_definitions(strings: &mut Strings) -> Vec<u8> {
    const VER_FLG_BASE: u16 = 1;
    const VERDEF_SIZE: u32 = 20;
    const VERDAUX_SIZE: u32 = 8;
    let mut out = Vec::new();
    for (i, name) in VERSIONS.iter().enumerate() {
        let flags = if i == 0 { VER_FLG_BASE } else { 0 };
        let next = if i + 1 == VERSIONS.len() { 0 } else { VERDEF_SIZE + VERDAUX_SIZE };
        halves(&mut out, &[1, flags, i as u16 + 1, 1]);
        words(&mut out, &[elf_hash(name), VERDEF_SIZE, next]);
        let name = strings.add(name);
        words(&mut out, &[name, 0]);
    }
    out
}

/// The image, one page.
pub fn image() -> Vec<u8> {
    const HEADERS: u32 = 52 + 2 * 32;
    let mut strings = Strings { bytes: vec![0] };
    let soname = strings.add(SONAME);
    let symbols = symbol_table(&mut strings);
    let verdef = version_definitions(&mut strings);
    let hash = hash_table();
    let mut versym = Vec::new();
    halves(&mut versym, &[0]);
    halves(&mut versym, &SYMBOLS.map(|(_, _, _, version)| version));

    let mut out = vec![0; HEADERS as usize];
    let mut place = |data: &[u8]| {
        out.resize(out.len().next_multiple_of(4), 0);
        let at = out.len() as u32;
        out.extend_from_slice(data);
        at
    };
    let (hash, symtab, strtab) = (place(&hash), place(&symbols), place(&strings.bytes));
    let (versym, verdef) = (place(&versym), place(&verdef));
    let strsz = strings.bytes.len() as u32;
    #[rustfmt::skip]
    let tags = [
        14, soname,                      // DT_SONAME
        4, hash,                         // DT_HASH
        5, strtab,                       // DT_STRTAB
        6, symtab,                       // DT_SYMTAB
        10, strsz,                       // DT_STRSZ
        11, 16,                          // DT_SYMENT
        0x6fff_fff0, versym,             // DT_VERSYM
        0x6fff_fffc, verdef,             // DT_VERDEF
        0x6fff_fffd, VERSIONS.len() as u32, // DT_VERDEFNUM
        0, 0,
    ];
    let dynamic_bytes: Vec<u8> = tags.iter().flat_map(|t: &u32| t.to_le_bytes()).collect();
    let dynamic = place(&dynamic_bytes);
    assert!(out.len() <= TEXT as usize, "the vDSO's tables reach into its code");
    out.resize(TEXT as usize, 0);
    out.extend_from_slice(&CODE);
    let len = out.len() as u32;
    let headers = headers(len, dynamic, dynamic_bytes.len() as u32);
    out[..headers.len()].copy_from_slice(&headers);
    out.resize(SIZE as usize, 0);
    out
}

/// ELF header and the two program headers (PT_LOAD, PT_DYNAMIC).
fn headers(len: u32, dynamic: u32, dynamic_len: u32) -> Vec<u8> {
    const ET_DYN: u16 = 3;
    const EM_386: u16 = 3;
    const READ_EXECUTE: u32 = 5;
    const READ: u32 = 4;
    let mut out = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    halves(&mut out, &[ET_DYN, EM_386]);
    words(&mut out, &[1, TEXT, 52, 0, 0]);
    halves(&mut out, &[52, 32, 2, 40, 0, 0]);
    words(&mut out, &[1, 0, 0, 0, len, len, READ_EXECUTE, SIZE]);
    words(&mut out, &[2, dynamic, dynamic, dynamic, dynamic_len, dynamic_len, READ, 4]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_can_be_found_as_libc_does() {
        let image = image();
        let elf = goblin::elf::Elf::parse(&image).unwrap();
        assert_eq!(elf.soname, Some(SONAME));
        for (name, at, size, _) in SYMBOLS {
            let symbol = elf.dynsyms.iter().find(|s| elf.dynstrtab.get_at(s.st_name) == Some(name)).unwrap();
            assert_eq!((symbol.st_value, symbol.st_size), (u64::from(TEXT + at), u64::from(size)));
        }
    }

    #[test]
    fn trampolines_have_the_bytes_unwinders_look_for() {
        let image = image();
        assert_eq!(image[SIGRETURN as usize..][..8], [0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80]);
        assert_eq!(image[RT_SIGRETURN as usize..][..7], [0xb8, 173, 0, 0, 0, 0xcd, 0x80]);
        assert_eq!((image[SIGRETURN as usize - 1], image[RT_SIGRETURN as usize - 1]), (0x90, 0x90));
    }
}
