//! Every integer instruction form there is, lifted alone: the IR verifies, and the registers and flags it touches are
//! those that iced-x86 says the instruction touches. Differences that are meant are listed with their reason.
use iced_x86::{Code, Decoder, DecoderOptions, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, Register};
use ir::guest::{Access, Fault, FaultKind, FlagSet, GuestAddr, GuestMem};
use ir::{Gpr, Opcode, Region};
use std::collections::{BTreeMap, BTreeSet};

/// Code at one address, nothing elsewhere.
struct Bytes(Vec<u8>);

const BASE: u32 = 0x1000;

impl GuestMem for Bytes {
    fn read(&self, addr: GuestAddr, _: &mut [u8]) -> Result<(), Fault> {
        Err(Fault { addr, access: Access::Read, kind: FaultKind::Unmapped })
    }
    fn write(&mut self, addr: GuestAddr, _: &[u8]) -> Result<(), Fault> {
        Err(Fault { addr, access: Access::Write, kind: FaultKind::Unmapped })
    }
    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault> {
        let at = addr.0.wrapping_sub(BASE) as usize;
        if at >= self.0.len() {
            return Err(Fault { addr, access: Access::Execute, kind: FaultKind::Unmapped });
        }
        let n = buf.len().min(self.0.len() - at);
        buf[..n].copy_from_slice(&self.0[at..at + n]);
        Ok(n)
    }
}

/// Opcodes in all maps with many ModRM bytes and prefixes: every form, most of them several times.
fn encodings(mut visit: impl FnMut(&[u8], &Instruction)) {
    const PREFIXES: &[&[u8]] =
        &[&[], &[0x66], &[0x67], &[0xf0], &[0xf2], &[0xf3], &[0x65], &[0x66, 0xf3], &[0x67, 0xf3]];
    const MAPS: &[&[u8]] = &[&[], &[0x0f], &[0x0f, 0x38]];
    const TAIL: [u8; 12] = [0x5e, 0x12, 0x34, 0x56, 0x01, 0x23, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55];
    let mut insn = Instruction::default();
    for prefix in PREFIXES {
        for map in MAPS {
            for opcode in 0..=255u8 {
                for modrm in 0..=255u8 {
                    // All of mod and reg, and the rm that mean something else: [eax] or [bx+si], SIB, disp, [bx].
                    if !matches!(modrm & 7, 0 | 3 | 4 | 5 | 6) {
                        continue;
                    }
                    let bytes = [prefix, *map, &[opcode, modrm], &TAIL].concat();
                    Decoder::with_ip(32, &bytes, u64::from(BASE), DecoderOptions::NONE).decode_out(&mut insn);
                    if !insn.is_invalid() {
                        visit(&bytes, &insn);
                    }
                }
            }
        }
    }
}

/// Vector and x87 instructions have tests of their own.
fn is_integer(insn: &Instruction) -> bool {
    let vector = |reg: Register| reg.is_xmm() || reg.is_mm() || reg.is_st() || reg.is_vector_register();
    let operands = (0..insn.op_count()).any(|i| vector(insn.op_register(i)));
    let fp = insn.is_stack_instruction() || !insn.fpu_stack_increment_info().writes_top();
    let features = insn.cpuid_features();
    let other = features.iter().any(|f| {
        let name = format!("{f:?}");
        name.contains("FPU") || name.contains("SSE") || name.contains("MMX") || name.contains("FXSR")
    });
    fp && !operands && !other && insn.encoding() == iced_x86::EncodingKind::Legacy
}

/// What an instruction does to the visible state.
#[derive(Default, PartialEq, Eq)]
struct Touched {
    reads: BTreeSet<Gpr>,
    writes: BTreeSet<Gpr>,
    flags_read: FlagSet,
    flags_written: FlagSet,
    loads: bool,
    stores: bool,
}

fn of_region(region: &Region) -> Touched {
    let mut t = Touched::default();
    for block in &region.blocks {
        for inst in &block.insts {
            match inst.op {
                Opcode::GetGpr => drop(t.reads.insert(inst.gpr())),
                Opcode::SetGpr => drop(t.writes.insert(inst.gpr())),
                _ => {}
            }
            t.flags_read |= inst.reads_flags();
            t.flags_written |= inst.flags;
            t.loads |= inst.op.effects().has(ir::opcode::Effects::LOAD);
            t.stores |= inst.op.effects().has(ir::opcode::Effects::STORE);
        }
        if let ir::Terminator::Branch { cc, .. } = block.term {
            t.flags_read |= cc.reads();
        }
    }
    t
}

/// The same as iced says it; partial writes count as reads, because a part is inserted into the whole.
struct Said {
    must: Touched,
    may_read: BTreeSet<Gpr>,
    may_write_flags: FlagSet,
}

fn of_iced(insn: &Instruction, factory: &mut InstructionInfoFactory) -> Said {
    let info = factory.info(insn);
    let mut must = Touched::default();
    let mut may_read = BTreeSet::new();
    for used in info.used_registers() {
        let reg = used.register();
        if !reg.is_gpr() {
            continue;
        }
        let gpr = Gpr::ALL[reg.full_register32() as usize - Register::EAX as usize];
        let (read, write) = access(used.access());
        if read {
            must.reads.insert(gpr);
        }
        if write {
            must.writes.insert(gpr);
            if !reg.is_gpr32() {
                may_read.insert(gpr);
            }
        }
        may_read.insert(gpr);
    }
    for used in info.used_memory() {
        let (read, write) = access(used.access());
        must.loads |= read;
        must.stores |= write;
    }
    must.flags_read = frontend::flags::from_rflags(insn.rflags_read());
    must.flags_written =
        frontend::flags::from_rflags(insn.rflags_written() | insn.rflags_cleared() | insn.rflags_set());
    let may_write_flags = must.flags_written | frontend::flags::from_rflags(insn.rflags_undefined());
    Said { must, may_read, may_write_flags }
}

fn access(access: OpAccess) -> (bool, bool) {
    match access {
        OpAccess::Read | OpAccess::CondRead => (true, false),
        OpAccess::Write | OpAccess::CondWrite => (false, true),
        OpAccess::ReadWrite | OpAccess::ReadCondWrite => (true, true),
        _ => (false, false),
    }
}

/// What differs; empty if nothing does.
fn compare(insn: &Instruction, region: &Region, said: &Said) -> Vec<String> {
    let mut diffs = Vec::new();
    let did = of_region(region);
    let must = &said.must;
    let mut note = |what: &str, text: String| {
        if !explained(insn, what) {
            diffs.push(format!("{what} {text}"));
        }
    };
    if did.writes != must.writes {
        note("writes", format!("{:?} for {:?}", did.writes, must.writes));
    }
    let missing: Vec<_> = must.reads.difference(&did.reads).collect();
    if !missing.is_empty() {
        note("does not read", format!("{missing:?}"));
    }
    let extra: Vec<_> = did.reads.difference(&said.may_read).collect();
    if !extra.is_empty() {
        note("reads", format!("{extra:?}"));
    }
    if did.flags_read != must.flags_read {
        note("reads flags", format!("{} for {}", did.flags_read, must.flags_read));
    }
    if !did.flags_written.contains(must.flags_written) || !said.may_write_flags.contains(did.flags_written) {
        note("writes flags", format!("{} for {}..{}", did.flags_written, must.flags_written, said.may_write_flags));
    }
    if (did.loads, did.stores) != (must.loads, must.stores) {
        note("loads, stores", format!("{:?} for {:?}", (did.loads, did.stores), (must.loads, must.stores)));
    }
    diffs
}

/// Differences that are meant: what, of which instructions, why.
#[rustfmt::skip]
fn explained(insn: &Instruction, what: &str) -> bool {
    use Mnemonic::*;
    let m = insn.mnemonic();
    let same = insn.op0_register() == insn.op1_register() && insn.op_count() > 1;
    match what {
        // A hint's address is not computed; exchanging a register with itself is nothing.
        "does not read" => matches!(m, Cldemote | Prefetch | Prefetchit0 | Prefetchit1 | Prefetchw | Prefetchwt1) || (m == Xchg && same),
        // Without shadow stacks RDSSP is a NOP.
        "writes" => m == Rdsspd || (m == Xchg && same),
        // The flag just written decides what the result is, or whether a repetition goes on.
        "reads flags" => matches!(m, Bsf | Bsr | Cmpxchg | Cmpsb | Cmpsw | Cmpsd | Scasb | Scasw | Scasd) || full_turn(insn),
        "writes flags" => full_turn(insn),
        _ => false,
    }
}

/// A rotation through carry by a whole number of turns: iced says that nothing happens; OF is undefined then.
fn full_turn(insn: &Instruction) -> bool {
    matches!(insn.mnemonic(), Mnemonic::Rcl | Mnemonic::Rcr)
        && insn.op1_kind() == iced_x86::OpKind::Immediate8
        && matches!(insn.immediate8() & 31, 9 | 18 | 27 | 17)
}

/// Instructions whose lift is nothing but a fault; their operands are never looked at.
fn only_faults(region: &Region) -> bool {
    region.blocks.len() == 1
        && region.blocks[0].insts.is_empty()
        && matches!(region.blocks[0].term, ir::Terminator::Exit { .. })
}

#[test]
fn what_is_touched_is_what_iced_says() {
    let mut factory = InstructionInfoFactory::new();
    let mut seen: BTreeSet<Mnemonic> = BTreeSet::new();
    let mut wrong: BTreeMap<(Mnemonic, String), String> = BTreeMap::new();
    let mut codes: BTreeSet<Code> = BTreeSet::new();
    let present: BTreeSet<Mnemonic> = frontend::table::rows().map(|(mnemonic, _)| mnemonic).collect();
    encodings(|bytes, insn| {
        assert!(present.contains(&insn.mnemonic()), "{:?} is said not to exist", insn.mnemonic());
        if !is_integer(insn) || frontend::table::support(insn.mnemonic()).lift().is_none() {
            return;
        }
        let region = frontend::lift_single(&Bytes(bytes.to_vec()), GuestAddr(BASE)).expect("there is code");
        if let Err(error) = ir::verify::verify(&region) {
            wrong
                .entry((insn.mnemonic(), "does not verify".into()))
                .or_insert_with(|| format!("{insn}: {error}\n{region}"));
            return;
        }
        codes.insert(insn.code());
        seen.insert(insn.mnemonic());
        if only_faults(&region) {
            return;
        }
        for diff in compare(insn, &region, &of_iced(insn, &mut factory)) {
            wrong.entry((insn.mnemonic(), diff)).or_insert_with(|| format!("{insn}: {bytes:02x?}"));
        }
    });
    let report: Vec<String> = wrong.iter().map(|((m, diff), example)| format!("{m:?} {diff} ({example})")).collect();
    assert!(report.is_empty(), "{} differences:\n{}", report.len(), report.join("\n"));
    assert!(codes.len() > 550 && seen.len() > 200, "{} codes of {} mnemonics", codes.len(), seen.len());
}
