//! Which encodings are tried: every form that iced-x86 decodes and the instruction table supports, found by decoding
//! all opcodes in all maps with many ModRM bytes, prefixes and tails, and keeping a few of each kind. Which few is
//! decided by a hash of the bytes, so a new instruction changes nothing for the others.
use super::rng::hash;
use super::{CODE, DATA, WINDOWS};
use iced_x86::{Code, Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};
use std::collections::BTreeMap;

/// An encoding.
#[derive(Clone, Debug)]
pub struct Form {
    /// Its bytes; behind a relative branch a marker that the branch jumps over.
    pub code: Vec<u8>,
    /// Its first instruction.
    pub insn: Instruction,
}

/// Instructions whose outcome is not that of the CPU alone, and why.
pub const NOT_TRIED: &[(&[Mnemonic], &str)] = &[
    (&[Mnemonic::Syscall, Mnemonic::Sysenter], "enter the kernel, each CPU vendor has another set of them"),
    (&[Mnemonic::Rdtsc, Mnemonic::Rdtscp, Mnemonic::Rdpid], "read clocks and CPU numbers"),
    (&[Mnemonic::Rdrand, Mnemonic::Rdseed], "read random numbers"),
    (&[Mnemonic::Cpuid, Mnemonic::Xgetbv], "tell ferry's own identity"),
    (&[Mnemonic::Int1], "ICEBP is a trap, which hypervisors report as a fault"),
    (&[Mnemonic::Vmcall, Mnemonic::Vmmcall], "call the hypervisor, if there is one"),
    (&[Mnemonic::Xsetbv], "#UD or #GP as the kernel has set CR4.OSXSAVE"),
    (&[Mnemonic::Xbegin, Mnemonic::Xend, Mnemonic::Xabort, Mnemonic::Xtest], "depend on transactional memory"),
];

const PREFIXES: &[&[u8]] = &[
    &[],
    &[0x66],
    &[0xf3],
    &[0xf2],
    &[0x67],
    &[0xf0],
    &[0x66, 0xf3],
    &[0x66, 0xf2],
    &[0x66, 0xf0],
    &[0x67, 0xf3],
    &[0x2e],
    &[0x65],
    &[0x26, 0x66, 0x66],
    &[0x36, 0xf2, 0xf3],
    &[0xf2, 0xf0],
];

const MAPS: &[&[u8]] = &[&[], &[0x0f], &[0x0f, 0x38], &[0x0f, 0x3a]];

/// What follows the ModRM byte: SIB and displacement with addresses in the windows, immediates, branch distances.
const TAILS: &[[u8; 11]] = &[
    [0x30, 0x0f, 0x00, 0x20, 0x5a, 0x12, 0x00, 0x20, 0x81, 0x07, 0x00],
    [0x0f, 0x00, 0x20, 0x1f, 0x01, 0x00, 0x80, 0x21, 0x00, 0x00, 0x00],
    [0x00; 11],
    [0x5e, 0x12, 0x34, 0x56, 0x01, 0x23, 0x00, 0x11, 0x22, 0x33, 0x44],
    [0x98, 0xf4, 0xff, 0xff, 0xff, 0x81, 0x7f, 0xff, 0x08, 0x80, 0x00],
    [0x24, 0x10, 0x05, 0x20, 0x80, 0x00, 0x00, 0x80, 0x02, 0x40, 0x55],
    [0xcc, 0xff, 0x3f, 0x00, 0x00, 0xaa, 0x1b, 0x4e, 0x33, 0x44, 0x55],
    [0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
];

/// How an encoding reaches its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Registers,
    SameRegister,
    Memory,
    /// At an address in the encoding that is not mapped.
    Nowhere,
}

/// All forms by mnemonic.
pub fn forms() -> BTreeMap<String, Vec<Form>> {
    let mut kept: BTreeMap<(Code, usize, Kind), BTreeMap<u64, Form>> = BTreeMap::new();
    let mut keep = |prefix: usize, bytes: &[u8]| {
        if let Some(form) = form(bytes) {
            let kind = kind(&form.insn);
            let few = kept.entry((form.insn.code(), prefix, kind)).or_default();
            few.insert(hash(&form.code), form);
            while few.len() > 12 {
                few.pop_last();
            }
        }
    };
    for (n, prefix) in PREFIXES.iter().enumerate() {
        for map in MAPS {
            every_modrm(if n < 4 { TAILS } else { &TAILS[..4] }, &[prefix, *map].concat(), |bytes| keep(n, bytes));
        }
    }
    for vex in vex_prefixes() {
        every_modrm(&TAILS[..4], &vex, |bytes| keep(0, bytes));
    }
    choose(kept)
}

fn every_modrm(tails: &[[u8; 11]], start: &[u8], mut visit: impl FnMut(&[u8])) {
    let mut bytes = Vec::new();
    for tail in tails {
        for opcode in 0..=255 {
            for modrm in 0..=255 {
                bytes.clear();
                bytes.extend_from_slice(start);
                bytes.extend_from_slice(&[opcode, modrm]);
                bytes.extend_from_slice(tail);
                visit(&bytes);
            }
        }
    }
}

/// Three-byte VEX prefixes of all maps with several second operands.
fn vex_prefixes() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for map in 1..=3u8 {
        for rest in 0..=255u8 {
            let operand = rest >> 3 & 15;
            // VEX.L is for AVX; the second operand is EDI, EBX, EDX or none.
            if rest & 4 == 0 && matches!(operand, 15 | 12 | 13 | 8) {
                all.push(vec![0xc4, 0xe0 | map, rest]);
            }
        }
    }
    all
}

/// The form of these bytes, if it is one to try.
fn form(bytes: &[u8]) -> Option<Form> {
    let insn = Decoder::with_ip(32, bytes, u64::from(CODE), DecoderOptions::NONE).decode();
    let untried = || NOT_TRIED.iter().any(|(mnemonics, _)| mnemonics.contains(&insn.mnemonic()));
    if insn.is_invalid() || frontend::table::support(insn.mnemonic()).lift().is_none() || untried() {
        return None;
    }
    let system_call = insn.mnemonic() == Mnemonic::Int && insn.immediate8() == 0x80;
    let mut code = bytes[..insn.len()].to_vec();
    match insn.op0_kind() {
        OpKind::NearBranch32 if insn.near_branch32() != insn.next_ip32() + 2 => return None,
        // mov bl, 0x5a
        OpKind::NearBranch32 => code.extend([0xb3, 0x5a]),
        _ => {}
    }
    (!system_call && !somewhere_else(&insn)).then_some(Form { code, insn })
}

fn kind(insn: &Instruction) -> Kind {
    let kinds = || (0..insn.op_count()).map(|i| insn.op_kind(i));
    if kinds().any(|k| k == OpKind::Memory) && insn.mnemonic() != Mnemonic::Lea {
        let absolute = insn.memory_base() == Register::None && insn.memory_index() == Register::None;
        return if absolute && !in_window(insn.memory_displacement32()) { Kind::Nowhere } else { Kind::Memory };
    }
    let registers = insn.op0_kind() == OpKind::Register && insn.op1_kind() == OpKind::Register && insn.op_count() > 1;
    if registers && insn.op0_register() == insn.op1_register() {
        return Kind::SameRegister;
    }
    Kind::Registers
}

/// Whether the encoding names an address that belongs to the stack or the vDSO of some hosts, or an address in the middle
/// of a bit string whose 16-bit wrap is not emulated.
fn somewhere_else(insn: &Instruction) -> bool {
    let absolute = insn.memory_base() == Register::None && insn.memory_index() == Register::None;
    let occupied = absolute && (0xf000_0000..0xffff_f000).contains(&insn.memory_displacement32());
    let kinds = insn.op0_kind() == OpKind::Memory && insn.op1_kind() == OpKind::Register;
    let bits = matches!(insn.mnemonic(), Mnemonic::Bt | Mnemonic::Btc | Mnemonic::Btr | Mnemonic::Bts);
    occupied || kinds && bits && (insn.memory_base().is_gpr16() || insn.memory_index().is_gpr16())
}

/// Whether an address is in a window with room behind it.
fn in_window(addr: u32) -> bool {
    debug_assert!(WINDOWS[1].0 > DATA);
    WINDOWS.iter().any(|&(start, size)| addr >= start && addr + 16 <= start + size)
}

/// The final few of each kind; fewer with prefixes that do not make it another instruction.
fn choose(kept: BTreeMap<(Code, usize, Kind), BTreeMap<u64, Form>>) -> BTreeMap<String, Vec<Form>> {
    let mut first = BTreeMap::new();
    for (code, prefix, _) in kept.keys() {
        first.entry(*code).or_insert(*prefix);
    }
    let mut all: BTreeMap<String, Vec<Form>> = BTreeMap::new();
    for ((code, prefix, kind), few) in kept {
        let sample = few.values().next().expect("an entry has a form");
        let n = if prefix == first[&code] { count(&sample.insn, kind) } else { extra(&sample.insn, prefix, kind) };
        let name = frontend::table::name(sample.insn.mnemonic());
        all.entry(name).or_default().extend(few.into_values().take(n));
    }
    for forms in all.values_mut() {
        forms.sort_by(|a, b| a.code.cmp(&b.code));
        forms.dedup_by(|a, b| a.code == b.code);
    }
    all
}

fn has_immediate(insn: &Instruction) -> bool {
    (0..insn.op_count()).any(|i| insn.op_kind(i) == OpKind::Immediate8)
}

/// How many of the plain encodings.
fn count(insn: &Instruction, kind: Kind) -> usize {
    let vector = insn.op0_register().is_xmm() || insn.op0_register().is_mm();
    match kind {
        Kind::Nowhere | Kind::SameRegister => 1,
        Kind::Registers if has_immediate(insn) && vector => 10,
        Kind::Registers if has_immediate(insn) => 5,
        Kind::Registers | Kind::Memory => 3,
    }
}

/// How many with a further prefix: one where the prefix matters.
fn extra(insn: &Instruction, prefix: usize, kind: Kind) -> usize {
    let bytes = PREFIXES[prefix];
    let string = insn.is_string_instruction();
    let addresses = kind == Kind::Memory || string;
    let wanted = match bytes {
        [0xf0] | [0x66, 0xf0] | [0xf2, 0xf0] => kind == Kind::Memory && insn.has_lock_prefix(),
        [0x67] | [0x67, 0xf3] => addresses || insn.mnemonic() == Mnemonic::Lea,
        [0x2e] | [0x65] => {
            addresses
                && insn.mnemonic() != Mnemonic::Str
                && hash(format!("{:?}", insn.code()).as_bytes()) % 4 == u64::from(bytes[0] & 1)
        }
        [0xf2] | [0xf3] | [0x66, 0xf2] | [0x66, 0xf3] => string,
        _ => hash(format!("{prefix}{:?}", insn.code()).as_bytes()) % 16 == 0,
    };
    usize::from(wanted && kind != Kind::Nowhere)
}
