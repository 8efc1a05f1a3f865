//! Executes compiled regions without a runtime: writes a static AArch64 program that holds code, states and memory images
//! of many cases, runs it (under qemu-aarch64 where the host is another) and reads states and memory back.
use super::super::asm::{a64, Asm, Label};
use super::super::*;
use super::abi;
use ir::guest::state::{offset, HOST_WORDS};
use ir::guest::CpuState;
use ir::testgen::TestMem;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

/// One region with the state and memory it starts from.
pub struct Case {
    pub compiled: CompiledRegion,
    pub state: CpuState,
    pub mem: TestMem,
}

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// For another region; the address is in the state's eip.
    Left,
    /// With this trap number.
    Trap(u32),
    /// To be executed by other means.
    Single,
}

/// What became of a case.
pub struct Result {
    pub end: End,
    pub state: CpuState,
    pub mem: TestMem,
}

const TEXT: u64 = 0x10_0000_0000;
const DATA: u64 = 0x20_0000_0000;
/// Lookup table (empty) and shadow stack (matching nothing), filled with ones.
const TABLES: u64 = 0x30_0000_0000;
const SHADOW_TOP: u64 = TABLES + TABLE_BYTES - 4096;
const TABLE_BYTES: u64 = 8 * abi::LOOKUP_ENTRIES as u64 + 65536;
const STATE_BYTES: usize = offset::HOST as usize + 8 * HOST_WORDS;
const CASE_BYTES: usize = (STATE_BYTES + TestMem::LEN as usize).next_multiple_of(64);
/// Host words of the harness: where to go on, and how the case ended.
const NEXT: u32 = abi::host_word(0);
const END: u32 = abi::host_word(1);

struct Program {
    asm: Asm,
}

/// Runs all cases; `None` if programs of this architecture cannot be run here.
pub fn run(cases: &[Case]) -> Option<Vec<Result>> {
    let image = program(cases);
    let path =
        std::env::temp_dir().join(format!("ferry-cases-{}-{:?}", std::process::id(), std::thread::current().id()));
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o755).open(&path).expect("temporary file");
    std::io::Write::write_all(&mut file, &image).expect("temporary file");
    drop(file);
    let mut command = match cfg!(target_arch = "aarch64") {
        true => Command::new(&path),
        false => {
            let mut command = Command::new("qemu-aarch64");
            command.arg(&path);
            command
        }
    };
    let output = command.output();
    let _ = std::fs::remove_file(&path);
    let output = output.ok()?;
    assert!(output.status.success(), "{:?} {}", output.status, String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout.len(), cases.len() * CASE_BYTES);
    Some(output.stdout.chunks(CASE_BYTES).map(decode).collect())
}

/// The program as an ELF file of three segments.
fn program(cases: &[Case]) -> Vec<u8> {
    let mut p = Program { asm: Asm::default() };
    let stubs: Vec<(Stub, Label)> = [Stub::Link, Stub::Miss, Stub::RetMiss, Stub::Trap, Stub::Single, Stub::Helper]
        .map(|s| (s, p.asm.new_label()))
        .into();
    let mut data = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        data.extend_from_slice(&encode(case));
        data.resize((i + 1) * CASE_BYTES, 0);
        enter(&mut p, i, case, &stubs);
    }
    finish(&mut p, cases.len());
    for (stub, label) in stubs {
        p.asm.bind(label);
        leave(&mut p, stub);
    }
    // The poll of the last case reads beyond it.
    data.resize(data.len() + 2 * abi::POLL as usize, 0);
    elf(&p.asm.finish(), &data)
}

fn address(p: &mut Program, reg: u8, value: u64) {
    for (i, shift) in [0u32, 16, 32, 48].into_iter().enumerate() {
        let bits = (value >> shift) as u32 & 0xffff;
        match i {
            0 => a64!(p; movz X(reg), bits),
            _ => a64!(p; movk X(reg), bits, lsl shift),
        }
    }
}

/// Copies the case's memory image in, loads the registers, then the case's code with its branches to stubs resolved; the
/// stubs come back behind it.
fn enter(p: &mut Program, i: usize, case: &Case, stubs: &[(Stub, Label)]) {
    let state = DATA + (i * CASE_BYTES) as u64;
    address(p, 28, state);
    address(p, 27, TABLES);
    address(p, 29, SHADOW_TOP);
    copy(p, state + STATE_BYTES as u64, u64::from(TestMem::BASE.0));
    for n in 0..8u8 {
        a64!(p; ldr W(19 + n), [x28, 4 * u32::from(n)]; ldr Q(16 + n), [x28, offset::XMM + 16 * u32::from(n)]);
    }
    let next = p.asm.new_label();
    p.asm.adr(0, next);
    a64!(p; str x0, [x28, NEXT]; ldr w0, [x28, offset::NZCV]; msr 0x5a10, x0);
    a64!(p; ldp W(abi::PF), W(abi::AF), [x28, offset::PF_RAW as i32]);
    let entry = case.compiled.entries[0].at.0 as usize / 4;
    let begin = p.asm.new_label();
    p.asm.b(begin);
    for (n, word) in case.compiled.code.chunks(4).enumerate() {
        if n == entry {
            p.asm.bind(begin);
        }
        let reloc = case.compiled.relocs.iter().find(|r| r.at.0 as usize == 4 * n);
        let word = u32::from_le_bytes(word.try_into().unwrap());
        match reloc.map(|r| stubs.iter().find(|s| s.0 == r.stub).unwrap().1) {
            Some(label) if word >> 31 != 0 => p.asm.bl(label),
            Some(label) => p.asm.b(label),
            None => p.asm.word(word),
        }
    }
    p.asm.bind(next);
    address(p, 28, state);
    copy(p, u64::from(TestMem::BASE.0), state + STATE_BYTES as u64);
}

fn copy(p: &mut Program, from: u64, to: u64) {
    address(p, 0, from);
    address(p, 1, to);
    let again = p.asm.new_label();
    a64!(p; movz x2, TestMem::LEN / 16);
    p.asm.bind(again);
    a64!(p; ldr q0, [x0], 16; str q0, [x1], 16; sub x2, x2, 1);
    p.asm.cbnz(true, 2, again);
}

/// All pinned state goes back; x16 is the guest address.
fn leave(p: &mut Program, stub: Stub) {
    for n in 0..8u8 {
        a64!(p; str X(19 + n), [x28, abi::host_word(2 + u32::from(n))]);
        a64!(p; str W(19 + n), [x28, 4 * u32::from(n)]; str Q(16 + n), [x28, offset::XMM + 16 * u32::from(n)]);
    }
    a64!(p; mrs x0, 0x5a10; str w0, [x28, offset::NZCV]; str w16, [x28, offset::EIP]);
    a64!(p; stp W(abi::PF), W(abi::AF), [x28, offset::PF_RAW as i32]);
    match stub {
        Stub::Trap => a64!(p; add w17, w17, 2; str w17, [x28, END]),
        Stub::Single => a64!(p; movz w17, 1; str w17, [x28, END]),
        _ => a64!(p; str wzr, [x28, END]),
    }
    a64!(p; ldr x0, [x28, NEXT]; br x0);
}

/// write(1, all cases), exit(0).
fn finish(p: &mut Program, cases: usize) {
    let again = p.asm.new_label();
    address(p, 1, DATA);
    address(p, 2, (cases * CASE_BYTES) as u64);
    p.asm.bind(again);
    a64!(p; movz x0, 1; movz x8, 64; svc 0; add x1, x1, x0; sub x2, x2, x0);
    p.asm.cbnz(true, 2, again);
    a64!(p; movz x0, 0; movz x8, 94; svc 0);
}

fn put(bytes: &mut [u8], at: u32, value: &[u8]) {
    bytes[at as usize..at as usize + value.len()].copy_from_slice(value);
}

fn encode(case: &Case) -> Vec<u8> {
    let mut bytes = vec![0; STATE_BYTES];
    let s = &case.state;
    for (i, value) in s.gpr.iter().enumerate() {
        put(&mut bytes, offset::GPR + 4 * i as u32, &value.to_le_bytes());
    }
    for (i, value) in s.seg_base.iter().enumerate() {
        put(&mut bytes, offset::SEG_BASE + 4 * i as u32, &value.to_le_bytes());
    }
    for (i, value) in s.xmm.iter().enumerate() {
        put(&mut bytes, offset::XMM + 16 * i as u32, &value.to_le_bytes());
    }
    for (at, value) in
        [(offset::NZCV, s.nzcv), (offset::PF_RAW, s.pf_raw), (offset::AF_RAW, s.af_raw), (offset::MXCSR, s.mxcsr)]
    {
        put(&mut bytes, at, &value.to_le_bytes());
    }
    put(&mut bytes, offset::DF_STEP, &s.df_step.to_le_bytes());
    bytes.extend_from_slice(&case.mem.bytes);
    bytes
}

fn decode(bytes: &[u8]) -> Result {
    let word = |at: u32| u32::from_le_bytes(bytes[at as usize..at as usize + 4].try_into().unwrap());
    let quad = |at: u32| u128::from_le_bytes(bytes[at as usize..at as usize + 16].try_into().unwrap());
    let mut state = CpuState::default();
    state.eip = word(offset::EIP);
    state.nzcv = word(offset::NZCV);
    state.pf_raw = word(offset::PF_RAW);
    state.af_raw = word(offset::AF_RAW);
    state.df_step = word(offset::DF_STEP) as i32;
    state.mxcsr = word(offset::MXCSR);
    for i in 0..8 {
        state.gpr[i as usize] = word(offset::GPR + 4 * i);
        state.xmm[i as usize] = quad(offset::XMM + 16 * i);
        assert_eq!(word(abi::host_word(2 + i) + 4), 0, "upper half of pinned register {i}");
    }
    for i in 0..6 {
        state.seg_base[i as usize] = word(offset::SEG_BASE + 4 * i);
    }
    let end = match word(END) {
        0 => End::Left,
        1 => End::Single,
        trap => End::Trap(trap - 2),
    };
    let mem = TestMem { bytes: bytes[STATE_BYTES..STATE_BYTES + TestMem::LEN as usize].to_vec() };
    Result { end, state, mem }
}

/// A static ELF64 executable for AArch64: text, data, tables of ones, and the guest's page.
fn elf(text: &[u8], data: &[u8]) -> Vec<u8> {
    let page = |n: usize| n.next_multiple_of(65536);
    let tables = vec![0xff; TABLE_BYTES as usize];
    let guest = vec![0; TestMem::LEN as usize];
    let parts: [(u64, u32, &[u8]); 4] =
        [(TEXT, 5, text), (DATA, 6, data), (TABLES, 6, &tables), (u64::from(TestMem::BASE.0), 6, &guest)];
    let mut file = Vec::new();
    file.extend_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    file.extend_from_slice(&[2, 0, 183, 0, 1, 0, 0, 0]);
    for value in [TEXT, 64, 0] {
        file.extend_from_slice(&value.to_le_bytes());
    }
    file.extend_from_slice(&[0, 0, 0, 0, 64, 0, 56, 0, parts.len() as u8, 0, 64, 0, 0, 0, 0, 0]);
    let mut at = 65536;
    for (addr, flags, bytes) in parts {
        file.extend_from_slice(&1u32.to_le_bytes());
        file.extend_from_slice(&flags.to_le_bytes());
        for value in [at as u64, addr, addr, bytes.len() as u64, bytes.len() as u64, 65536] {
            file.extend_from_slice(&value.to_le_bytes());
        }
        at += page(bytes.len());
    }
    for (_, _, bytes) in parts {
        file.resize(page(file.len()), 0);
        file.extend_from_slice(bytes);
    }
    file
}
