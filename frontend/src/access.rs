//! Which memory an instruction writes.
use iced_x86::{Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind};

/// Whether an explicit memory operand of an instruction is written, or may be.
pub fn writes_memory(insn: &Instruction) -> bool {
    let mut factory = InstructionInfoFactory::new();
    let info = factory.info(insn);
    (0..insn.op_count()).any(|i| insn.op_kind(i) >= OpKind::MemorySegSI && writes(info.op_access(i)))
}

/// The same without ARPL, which writes only what it changes: segments are asked then.
pub fn always_writes_memory(insn: &Instruction) -> bool {
    insn.mnemonic() != Mnemonic::Arpl && writes_memory(insn)
}

/// Whether an instruction writes any memory, the stack included, or may.
pub fn writes_any_memory(insn: &Instruction) -> bool {
    let mut factory = InstructionInfoFactory::new();
    factory.info(insn).used_memory().iter().any(|operand| writes(operand.access()))
}

fn writes(access: OpAccess) -> bool {
    use OpAccess::{CondWrite, ReadCondWrite, ReadWrite, Write};
    matches!(access, Write | CondWrite | ReadWrite | ReadCondWrite)
}

#[cfg(test)]
mod tests {
    use super::*;
    use iced_x86::{Decoder, DecoderOptions};

    #[test]
    fn operands_and_the_stack() {
        let cases: &[(&[u8], bool, bool)] = &[
            (&[0x01, 0x03], true, true),         // add [ebx], eax
            (&[0x03, 0x03], false, false),       // add eax, [ebx]
            (&[0x0f, 0xb1, 0x0b], true, true),   // cmpxchg [ebx], ecx
            (&[0x0f, 0xa3, 0x03], false, false), // bt [ebx], eax
            (&[0xff, 0x33], false, true),        // push [ebx]
            (&[0xe8, 0, 0, 0, 0], false, true),  // call
            (&[0xa4], true, true),               // movsb
        ];
        for (bytes, operand, any) in cases {
            let insn = Decoder::with_ip(32, bytes, 0x1000, DecoderOptions::NONE).decode();
            assert_eq!((writes_memory(&insn), writes_any_memory(&insn)), (*operand, *any), "{bytes:x?}");
        }
    }
}
