//! Lift and interpreter against a real CPU: `native/integer.txt` was recorded by `native/record.sh`.
//!
//! A line is: class of inputs, code bytes, hash of all outcomes, a hash for each of CF PF AF ZF SF OF, the operation's
//! text. Inputs are made here exactly as record.c makes them.
use iced_x86::{Decoder, DecoderOptions};
use ir::guest::{Access, CpuState, Descriptor, Fault, FaultKind, FlagSet, GuestAddr, GuestMem, Seg, Trap};
use ir::interp::{self, Outcome};
use ir::Region;

const DATA: u32 = 0x2000_1000;
const DATA_SIZE: usize = 0x2000;
const CODE: u32 = 0x3000_0000;
const INPUTS: usize = 160;
const FLAGS: u32 = 0x8d5;
const DF: u32 = 0x400;

#[rustfmt::skip]
const EDGES: [u32; 32] = [
    0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 0x63, 0x7f, 0x80, 0x99, 0x9a, 0xff, 0x100, 0x7fff, 0x8000, 0x8080, 0xffff,
    0x10000, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xff00_ff00, 0xffff_fff0, 0xffff_ffff, 0x1234_5678,
];

/// The data pages and the code.
struct Memory {
    data: Vec<u8>,
    code: Vec<u8>,
}

impl Memory {
    fn at(&self, addr: GuestAddr) -> Option<&u8> {
        let in_code = self.code.get(addr.0.wrapping_sub(CODE) as usize);
        self.data.get(addr.0.wrapping_sub(DATA) as usize).or(in_code)
    }

    /// The first byte of a range that is not there.
    fn check(&self, addr: GuestAddr, len: usize, access: Access) -> Result<(), Fault> {
        match (0..len as u32).map(|i| addr.plus(i)).find(|a| self.at(*a).is_none()) {
            Some(addr) => Err(Fault { addr, access, kind: FaultKind::Unmapped }),
            None => Ok(()),
        }
    }
}

impl GuestMem for Memory {
    fn read(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), Fault> {
        self.check(addr, buf.len(), Access::Read)?;
        (0..).zip(buf).for_each(|(i, byte)| *byte = *self.at(addr.plus(i)).expect("checked"));
        Ok(())
    }
    fn write(&mut self, addr: GuestAddr, bytes: &[u8]) -> Result<(), Fault> {
        self.check(addr, bytes.len(), Access::Write)?;
        let at = addr.0.wrapping_sub(DATA) as usize;
        self.data[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault> {
        let code = self.code.get(addr.0.wrapping_sub(CODE) as usize..).filter(|code| !code.is_empty());
        let code = code.ok_or(Fault { addr, access: Access::Execute, kind: FaultKind::Unmapped })?;
        let n = buf.len().min(code.len());
        buf[..n].copy_from_slice(&code[..n]);
        Ok(n)
    }
}

/// The generator of record.c.
struct Inputs(u64);

impl Inputs {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn value(&mut self) -> u32 {
        let r = self.next();
        match r & 3 {
            1 | 3 => EDGES[(r >> 8) as usize % 32],
            2 => (r >> 8) as i8 as u32,
            _ => (r >> 16) as u32,
        }
    }

    /// make() of record.c.
    fn make(&mut self, class: &str, data: &mut [u8]) -> CpuState {
        for word in data.chunks_exact_mut(8) {
            word.copy_from_slice(&self.next().to_le_bytes());
        }
        let mut gpr: [u32; 8] = std::array::from_fn(|_| self.value());
        let r = self.next() as u32;
        let mut flags = self.next() as u32 & FLAGS;
        gpr[4] = DATA + 0x1800;
        let end = DATA + DATA_SIZE as u32;
        match class {
            "mem" => {
                (gpr[6], gpr[7]) = (DATA + 0x200, DATA + 0x300);
                for i in 0..16 {
                    let v = self.value().to_le_bytes();
                    data[0x200 + 4 * i..][..4].copy_from_slice(&v);
                    data[0x1800 + 4 * i..][..4].copy_from_slice(&v);
                }
            }
            "bits" => {
                gpr[6] = DATA + 0x1000;
                gpr[1] = (gpr[1] as i32 % 0x4000) as u32;
                gpr[2] &= 0x3fff;
            }
            "string" | "long" => {
                gpr[1] = if class == "string" { r % 13 } else { r % 700 };
                flags |= if r >> 10 & 3 == 0 { DF } else { 0 };
                gpr[6] = DATA + 0x400 + (r >> 12) % 0x700;
                let far = DATA + 0x400 + (r >> 20) % 0x700;
                gpr[7] = if r >> 31 != 0 { gpr[6] + (r >> 23 & 31) - 16 } else { far };
                if r & 0x40000 != 0 {
                    data[0x300..0x1200].fill(gpr[0] as u8);
                }
            }
            "edge" => {
                gpr[1] = r % 9;
                flags |= if r >> 10 & 3 == 0 { DF } else { 0 };
                gpr[6] = end - (r >> 12) % 24;
                let near = (r >> 17) % 24;
                gpr[7] = if r >> 31 != 0 { end - near } else { DATA + near - 8 };
                gpr[4] = DATA + (r >> 22) % 40;
                gpr[5] = if r >> 30 & 1 != 0 { end - near } else { DATA + 0x1000 };
            }
            _ => {}
        }
        let mut state = CpuState::default();
        (state.gpr, state.eip) = (gpr, CODE);
        state.set_eflags(flags);
        state
    }
}

fn mix(h: u64, v: u64) -> u64 {
    (h ^ v).wrapping_mul(0x100_0000_01b3)
}

/// Signal number and fault address (0 if it is no page fault) as Linux would deliver the end of a run.
fn signal(outcome: Outcome) -> (u32, u32) {
    match outcome {
        Outcome::Trap(Trap::Yield) | Outcome::Left => (0, 0),
        Outcome::Trap(Trap::DivideError) => (8, 0),
        Outcome::Trap(Trap::Undefined | Trap::Unimplemented) => (4, 0),
        Outcome::Trap(Trap::Breakpoint | Trap::Debug) => (5, 0),
        Outcome::Trap(Trap::GeneralProtection | Trap::Overflow | Trap::BoundRange) => (11, 0),
        Outcome::Fault(fault) => (11, fault.addr.0),
        other => panic!("{other:?}"),
    }
}

/// The kernel's answer about a selector: its flat segments, null for data, nothing else.
fn descriptor(state: &CpuState) -> Option<Descriptor> {
    let (selector, seg) = state.segment_request()?;
    match (selector & !3, seg) {
        (0x20, None | Some(Seg::Ds | Seg::Es | Seg::Fs | Seg::Gs)) => Some(Descriptor::FLAT_CODE),
        (0, Some(Seg::Ds | Seg::Es | Seg::Fs | Seg::Gs)) | (_, None) => Some(Descriptor::NULL),
        _ => None,
    }
}

/// How the regions of an operation are made.
type Lift = fn(&Memory, GuestAddr) -> Region;

/// Runs to the end of the code or to an event.
fn run(lift: Lift, state: &mut CpuState, mem: &mut Memory) -> Outcome {
    let end = CODE + mem.code.len() as u32;
    for _ in 0..100_000 {
        if state.eip == end {
            return Outcome::Left;
        }
        let region = lift(mem, GuestAddr(state.eip));
        // A jump into nowhere.
        if region.blocks.is_empty() {
            let kind = FaultKind::Unmapped;
            return Outcome::Fault(Fault { addr: GuestAddr(state.eip), access: Access::Execute, kind });
        }
        let mut outcome = interp::run(&region, state, mem, 1_000_000);
        if outcome == Outcome::Trap(Trap::Interpret) {
            let region = frontend::lift_interpreted(mem, state).expect("there is code");
            outcome = interp::run(&region, state, mem, 1_000_000);
        }
        match outcome {
            Outcome::Left => {}
            Outcome::Trap(Trap::Segment) => match descriptor(state) {
                Some(descriptor) => state.answer_segment(descriptor),
                None => return Outcome::Trap(Trap::GeneralProtection),
            },
            Outcome::Trap(trap) => return Outcome::Trap(trap),
            outcome => return outcome,
        }
    }
    panic!("it does not end");
}

/// Which flags a line's code leaves undefined by the SDM (as iced tells it), if its last flag writer does.
fn undefined(code: &[u8]) -> FlagSet {
    let mut undefined = FlagSet::NONE;
    for insn in &mut Decoder::with_ip(32, code, u64::from(CODE), DecoderOptions::NONE) {
        let of = |bits| frontend::flags::from_rflags(bits);
        undefined = undefined - of(insn.rflags_written() | insn.rflags_cleared() | insn.rflags_set());
        undefined |= of(insn.rflags_undefined());
    }
    undefined
}

fn check(line: &str, lift: Lift) -> Vec<String> {
    let fields: Vec<&str> = line.splitn(10, ' ').collect();
    let (class, hex, text) = (fields[0], fields[1], fields[9]);
    let verbose = std::env::var("FERRY_SHOW").is_ok_and(|show| show == text);
    let code: Vec<u8> =
        (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex digits")).collect();
    let undefined = undefined(&code);
    let mut mem = Memory { data: vec![0; DATA_SIZE], code };
    let mut inputs = Inputs(0x9e37_79b9_7f4a_7c15);
    let mut h = 0xcbf2_9ce4_8422_2325;
    let mut per_flag = [0u32; 6];
    for i in 0..INPUTS {
        let mut state = inputs.make(class, &mut mem.data);
        if verbose {
            println!("{i:3} in  {:08x?} f={:03x}", state.gpr, state.eflags() & (FLAGS | DF));
        }
        let (signo, fault_addr) = signal(run(lift, &mut state, &mut mem));
        let eip = state.eip.wrapping_sub(CODE);
        h = mix(mix(h, u64::from(signo) << 32 | u64::from(eip)), u64::from(fault_addr));
        h = state.gpr.iter().fold(h, |h, reg| mix(h, u64::from(*reg)));
        let eflags = state.eflags();
        h = mix(h, u64::from(eflags & DF));
        h = mem.data.chunks_exact(8).fold(h, |h, w| mix(h, u64::from_le_bytes(w.try_into().expect("eight bytes"))));
        for (hash, bit) in per_flag.iter_mut().zip([0, 2, 4, 6, 7, 11]) {
            *hash = hash.wrapping_mul(0x0100_0193).wrapping_add(eflags >> bit & 1).wrapping_add(1);
        }
        if verbose {
            let f = eflags & (FLAGS | DF);
            println!("    out {:08x?} f={f:03x} sig={signo} eip={eip:x} addr={fault_addr:x} h={h:016x}", state.gpr);
        }
    }
    let mut wrong = Vec::new();
    if format!("{h:016x}") != fields[2] {
        wrong.push(format!("{class} {text} ({hex}): registers, memory or signal"));
    }
    let flags = [FlagSet::CF, FlagSet::PF, FlagSet::AF, FlagSet::ZF, FlagSet::SF, FlagSet::OF];
    for ((hash, flag), want) in per_flag.into_iter().zip(flags).zip(&fields[3..9]) {
        if format!("{:04x}", (hash ^ hash >> 16) & 0xffff) != *want && !undefined.contains(flag) {
            wrong.push(format!("{class} {text} ({hex}): flag {flag}"));
        }
    }
    wrong
}

/// Lines that are meant to differ.
fn explained(line: &str) -> bool {
    // ICEBP is a trap (SDM vol. 3, 6.4.4); the virtual machine of the recording reported it as a fault.
    line.ends_with(" .byte 0xf1")
}

fn check_all(lift: Lift) {
    let lines = include_str!("native/integer.txt").lines().filter(|line| !line.starts_with('#') && !explained(line));
    let wrong: Vec<String> = lines.flat_map(|line| check(line, lift)).collect();
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

fn lift(mem: &Memory, entry: GuestAddr) -> Region {
    frontend::lift_region(mem, entry, &frontend::RegionPolicy::default()).unwrap_or_else(|_| Region::new(entry))
}

#[test]
fn regions_do_what_the_cpu_does() {
    check_all(lift);
}

#[test]
fn single_instructions_do_what_the_cpu_does() {
    check_all(|mem, entry| frontend::lift_single(mem, entry).unwrap_or_else(|_| Region::new(entry)));
}

#[test]
fn optimised_regions_do_what_the_cpu_does() {
    check_all(|mem, entry| {
        let mut region = lift(mem, entry);
        if !region.blocks.is_empty() {
            ir::opt::optimize(&mut region);
        }
        region
    });
}
