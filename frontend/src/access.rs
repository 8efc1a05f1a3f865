//! What an instruction wants of memory, asked after it has faulted.
use crate::decode::{Code, Decoded};
use iced_x86::{InstructionInfoFactory, OpAccess};
use ir::guest::{GuestAddr, GuestMem};

/// Whether the instruction at `addr` writes all memory that it reads: then the processor asks for both rights at once, and
/// the fault of its load is that of a write. False where there is no instruction.
pub fn reads_to_write(mem: &dyn GuestMem, addr: GuestAddr) -> bool {
    let mut answer = false;
    Code::small(mem).walk(addr, |_, decoded| {
        if let Decoded::Insn(insn) = decoded {
            let mut factory = InstructionInfoFactory::new();
            let used = factory.info(&insn).used_memory();
            let writes = |access| {
                use OpAccess::*;
                matches!(access, Write | CondWrite | ReadWrite | ReadCondWrite)
            };
            answer = !used.is_empty() && used.iter().all(|operand| writes(operand.access()));
        }
        false
    });
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::testing::Bytes;

    #[test]
    fn read_modify_write_is_a_write() {
        let cases: &[(&[u8], bool)] = &[
            (&[0x01, 0x03], true),        // add [ebx], eax
            (&[0x03, 0x03], false),       // add eax, [ebx]
            (&[0x0f, 0xb1, 0x0b], true),  // cmpxchg [ebx], ecx
            (&[0x0f, 0xa3, 0x03], false), // bt [ebx], eax
            (&[0x0f, 0xb3, 0x03], true),  // btr [ebx], eax
            (&[0xff, 0x33], false),       // push [ebx]
            (&[0xa4], false),             // movsb
            (&[0xd9, 0x33], true),        // fnstenv [ebx]
            (&[0xc8, 0x10, 0, 0], true),  // enter 16, 0
            (&[0x0f, 0xff], false),       // nothing
        ];
        for (bytes, expect) in cases {
            let mut memory = bytes.to_vec();
            memory.resize(32, 0x90);
            assert_eq!(reads_to_write(&Bytes(0x1000, memory), GuestAddr(0x1000)), *expect, "{bytes:x?}");
        }
    }
}
