//! What a CPU reports where the host only says that an access faulted.
//!
//! A read-modify-write asks for its operand as a write at once, so the error code of its fault says "write". An operand
//! that runs over the top of the 4 GiB segment is #GP, or #SS in the stack segment, before any page is looked at. SDM
//! vol. 3, 5.3 (limit checking) and 4.7 (error code).
use crate::decode::{Code, Decoded, Window};
use iced_x86::{Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register, UsedMemory};
use ir::guest::{Access, CpuState, Fault, Gpr, GuestAddr, GuestMem, Seg, Trap};

/// What the program is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// A page fault.
    Page(Fault),
    /// An exception that comes before page faults.
    Trap(Trap),
}

/// The exception behind a `fault` of the instruction at `state.eip`, whose registers are those before it (in a REP loop
/// those of the step).
pub fn report(mem: &dyn GuestMem, state: &CpuState, fault: Fault) -> Report {
    let mut found = Report::Page(fault);
    Code::in_segment(mem, &mut Window::small(), state.segment(Seg::Cs)).walk(GuestAddr(state.eip), |_, decoded| {
        if let Decoded::Insn(insn) = decoded {
            found = of_insn(&insn, state, fault);
        }
        false
    });
    found
}

fn of_insn(insn: &Instruction, state: &CpuState, fault: Fault) -> Report {
    let mut factory = InstructionInfoFactory::new();
    let operands = factory.info(insn).used_memory();
    for operand in operands {
        let (offset, size) = (offset(operand, state), size(operand, insn));
        if !is_elsewhere(insn) && u64::from(offset) + u64::from(size) > 1 << 32 {
            let stack = operand.segment() == Register::SS;
            return Report::Trap(if stack { Trap::StackFault } else { Trap::GeneralProtection });
        }
    }
    let hit = |operand: &&UsedMemory| {
        operands.len() == 1 || fault.addr.0.wrapping_sub(linear(operand, state)) < size(operand, insn)
    };
    // Where several operands are hit, one that is only read comes first.
    let write = operands.iter().any(|operand| hit(&operand)) && operands.iter().filter(hit).all(writes);
    Report::Page(Fault { access: if write { Access::Write } else { fault.access }, ..fault })
}

/// Whether the instruction writes through CS, whatever its operands: #GP whatever the address, since code segments cannot be
/// written (SDM vol. 3, 5.5).
pub(crate) fn writes_code_segment(insn: &Instruction) -> bool {
    let writes = |operand: &UsedMemory| operand.segment() == Register::CS && writes(operand);
    insn.segment_prefix() == Register::CS
        && insn.mnemonic() != Mnemonic::Arpl
        && InstructionInfoFactory::new().info(insn).used_memory().iter().any(writes)
}

fn writes(operand: &UsedMemory) -> bool {
    use OpAccess::{CondWrite, ReadCondWrite, ReadWrite, Write};
    matches!(operand.access(), Write | CondWrite | ReadWrite | ReadCondWrite)
}

/// Offset of an operand in its segment.
fn offset(operand: &UsedMemory, state: &CpuState) -> u32 {
    let value = |reg: Register| match Gpr::ALL.get(index(reg)) {
        Some(&gpr) if reg.size() == 2 => state.get(gpr) & 0xffff,
        Some(&gpr) => state.get(gpr),
        None => 0,
    };
    let sum = value(operand.base())
        .wrapping_add(value(operand.index()).wrapping_mul(operand.scale()))
        .wrapping_add(operand.displacement() as u32);
    let narrow = operand.base().size() == 2 || operand.index().size() == 2;
    if narrow {
        sum & 0xffff
    } else {
        sum
    }
}

fn index(reg: Register) -> usize {
    if reg.is_gpr16() || reg.is_gpr32() {
        reg.number()
    } else {
        usize::MAX
    }
}

fn linear(operand: &UsedMemory, state: &CpuState) -> u32 {
    let base = match operand.segment() {
        Register::ES | Register::CS | Register::SS | Register::DS | Register::FS | Register::GS => {
            state.seg_base[operand.segment().number()]
        }
        _ => 0,
    };
    offset(operand, state).wrapping_add(base)
}

/// Bytes of an operand; one where iced knows no size, an element's for a repetition.
fn size(operand: &UsedMemory, insn: &Instruction) -> u32 {
    let size = match operand.memory_size().size() {
        0 => insn.memory_size().size(),
        size => size,
    };
    size.max(1) as u32
}

/// Whether what is accessed is not what the operand says: BT and its kin with a bit number in a register access at that
/// distance from the address, MASKMOVDQU and MASKMOVQ byte by byte.
fn is_elsewhere(insn: &Instruction) -> bool {
    use Mnemonic::{Bt, Btc, Btr, Bts, Maskmovdqu, Maskmovq};
    match insn.mnemonic() {
        Bt | Btc | Btr | Bts => insn.op1_kind() == OpKind::Register,
        mnemonic => matches!(mnemonic, Maskmovdqu | Maskmovq),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::testing::Bytes;
    use ir::guest::FaultKind;

    fn ask(code: &[u8], esi: u32, addr: u32) -> Report {
        let mut state = CpuState::default();
        state.eip = 0x1000;
        state.set(Gpr::Esi, esi);
        state.set(Gpr::Esp, esi);
        let mut code = code.to_vec();
        code.resize(32, 0x90);
        let fault = Fault { addr: GuestAddr(addr), access: Access::Read, kind: FaultKind::Unmapped };
        report(&Bytes(0x1000, code), &state, fault)
    }

    fn access(report: Report) -> Access {
        match report {
            Report::Page(fault) => fault.access,
            Report::Trap(trap) => panic!("{trap:?}"),
        }
    }

    #[test]
    fn read_modify_write_is_a_write() {
        use Access::{Read, Write};
        let cases: &[(&[u8], u32, Access)] = &[
            (&[0x01, 0x06], 0x5000, Write),       // add [esi], eax
            (&[0x03, 0x06], 0x5000, Read),        // add eax, [esi]
            (&[0x0f, 0xb1, 0x0e], 0x5000, Write), // cmpxchg [esi], ecx
            (&[0x0f, 0xa3, 0x06], 0x5000, Read),  // bt [esi], eax
            (&[0x0f, 0xb3, 0x06], 0x5800, Write), // btr [esi], eax
            (&[0xff, 0x36], 0x5000, Read),        // push [esi]
            (&[0xa4], 0x5000, Read),              // movsb
            (&[0xd9, 0x36], 0x5000, Write),       // fnstenv [esi]
            (&[0xc8, 0x10, 0, 0], 0x4ffc, Write), // enter 16, 0
            (&[0x0f, 0xff], 0x5000, Read),        // nothing
        ];
        for (code, addr, expect) in cases {
            assert_eq!(access(ask(code, 0x5000, *addr)), *expect, "{code:x?}");
        }
    }

    #[test]
    fn operands_end_with_the_segment() {
        let top = u32::MAX;
        assert_eq!(ask(&[0x8b, 0x06], top - 2, top), Report::Trap(Trap::GeneralProtection), "mov eax, [esi]");
        assert_eq!(access(ask(&[0x8b, 0x06], top - 3, top)), Access::Read);
        assert_eq!(ask(&[0x8b, 0x04, 0x24], top - 1, top), Report::Trap(Trap::StackFault), "mov eax, [esp]");
        assert_eq!(ask(&[0x50], 2, top), Report::Trap(Trap::StackFault), "push eax");
    }
}
