//! The interrupted context of a host thread, as the kernel lays it out: AArch64, and x86-64 for tests.
use ir::host::HostRegs;

#[cfg(target_arch = "aarch64")]
pub(super) use aarch64::*;
#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::*;

/// ucontext_t of arch/arm64/include/uapi/asm/{ucontext,sigcontext}.h.
#[cfg(target_arch = "aarch64")]
mod aarch64 {
    use super::HostRegs;

    #[repr(C, align(16))]
    pub struct HostContext {
        flags: u64,
        link: u64,
        stack: [u64; 3],
        mask: u64,
        unused: [u8; 120],
        machine: Machine,
    }

    #[repr(C, align(16))]
    struct Machine {
        fault_address: u64,
        x: [u64; 31],
        sp: u64,
        pc: u64,
        pstate: u64,
        records: Records,
    }

    #[repr(C, align(16))]
    struct Records([u32; 1024]);

    const FPSIMD_MAGIC: u32 = 0x4650_8001;
    const ESR_MAGIC: u32 = 0x4553_5201;
    /// Exception class of a data abort from user mode.
    const EC_DATA_ABORT: u64 = 0x24;

    impl HostContext {
        pub fn pc(&self) -> u64 {
            self.machine.pc
        }

        pub fn set_pc(&mut self, pc: u64) {
            self.machine.pc = pc;
        }

        /// Adds to the signals that are blocked when the handler returns.
        pub fn block(&mut self, mask: u64) {
            self.mask |= mask;
        }

        /// The two result registers of the interrupted routine.
        pub fn set_results(&mut self, first: u64, second: u64) {
            (self.machine.x[0], self.machine.x[1]) = (first, second);
        }

        /// The payload of a record in the extra area, in words.
        fn record(&self, magic: u32) -> Option<&[u32]> {
            let words = &self.machine.records.0;
            let mut at = 0;
            while at + 2 <= words.len() && words[at] != 0 && words[at + 1] >= 8 {
                let next = at + words[at + 1] as usize / 4;
                if words[at] == magic {
                    return words.get(at + 2..next);
                }
                at = next;
            }
            None
        }

        pub fn regs(&self) -> HostRegs {
            let machine = &self.machine;
            let mut v = [0; 32];
            // fpsr and fpcr come first.
            let vectors = self.record(FPSIMD_MAGIC).and_then(|words| words.get(2..)).unwrap_or(&[]);
            for (reg, words) in v.iter_mut().zip(vectors.chunks_exact(4)) {
                *reg = words.iter().rev().fold(0, |wide, word| wide << 32 | u128::from(*word));
            }
            HostRegs { x: machine.x, sp: machine.sp, pc: machine.pc, pstate: machine.pstate, v }
        }

        /// Whether the faulting access was a write: from the syndrome, or where there is none, the instruction.
        pub fn was_write(&self) -> bool {
            if let Some([low, high, ..]) = self.record(ESR_MAGIC) {
                let esr = u64::from(*low) | u64::from(*high) << 32;
                if esr >> 26 & 0x3f == EC_DATA_ABORT {
                    // WnR, unless it was cache maintenance.
                    return esr & 1 << 6 != 0 && esr & 1 << 8 == 0;
                }
            }
            let insn: *const u32 = std::ptr::with_exposed_provenance(self.machine.pc as usize);
            // SAFETY: the instruction at the pc has just been executed, so it can be read.
            super::is_store(unsafe { *insn })
        }
    }

    /// The kernel's own return trampoline is used.
    pub fn restorer(flags: u64) -> (u64, usize) {
        (flags, 0)
    }
}

/// ucontext_t of arch/x86/include/uapi/asm/sigcontext.h.
#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use super::HostRegs;

    #[repr(C)]
    pub struct HostContext {
        flags: u64,
        link: u64,
        stack: [u64; 3],
        words: [u64; 32],
        mask: u64,
    }

    const RDX: usize = 12;
    const RAX: usize = 13;
    const RIP: usize = 16;
    const ERR: usize = 19;

    impl HostContext {
        pub fn pc(&self) -> u64 {
            self.words[RIP]
        }

        pub fn set_pc(&mut self, pc: u64) {
            self.words[RIP] = pc;
        }

        /// Adds to the signals that are blocked when the handler returns.
        pub fn block(&mut self, mask: u64) {
            self.mask |= mask;
        }

        /// The two result registers of the interrupted routine.
        pub fn set_results(&mut self, first: u64, second: u64) {
            (self.words[RAX], self.words[RDX]) = (first, second);
        }

        /// There is no translated code to recover from: the pc only.
        pub fn regs(&self) -> HostRegs {
            HostRegs { x: [0; 31], sp: 0, pc: self.pc(), pstate: 0, v: [0; 32] }
        }

        pub fn was_write(&self) -> bool {
            self.words[ERR] & 2 != 0
        }
    }

    std::arch::global_asm!(
        ".pushsection .text.ferry_restorer,\"ax\",@progbits",
        ".globl ferry_restorer",
        ".hidden ferry_restorer",
        "ferry_restorer:",
        "mov eax, 15",
        "syscall",
        ".popsection",
    );

    unsafe extern "C" {
        fn ferry_restorer();
    }

    /// x86-64 has no trampoline of its own: SA_RESTORER.
    pub fn restorer(flags: u64) -> (u64, usize) {
        (flags | 0x0400_0000, ferry_restorer as *const () as usize)
    }
}

/// Whether an A64 instruction that accesses memory writes to it (Arm ARM, C4.1.94 Loads and Stores).
#[cfg_attr(not(target_arch = "aarch64"), allow(dead_code, reason = "only AArch64 hosts need it"))]
fn is_store(insn: u32) -> bool {
    let field = |high: u32, low: u32| insn >> low & ((1 << (high - low + 1)) - 1);
    let load_bit = field(22, 22) == 1;
    if field(31, 22) == 0b11_0101_0100 {
        // System instructions: DC ZVA is the one that stores.
        return insn & 0xffff_ffe0 == 0xd50b_7420;
    }
    match (field(29, 27), field(26, 26), field(25, 24)) {
        // Exclusive, ordered and compare-and-swap: CAS has bits 23 and 21 set, CASP bit 21 with bit 31 clear.
        (0b001, 0, 0b00) => {
            let swap = field(21, 21) == 1 && (field(23, 23) == 1 || field(31, 31) == 0);
            swap || !load_bit
        }
        // AdvSIMD structures.
        (0b001, 1, 0b00 | 0b01) => !load_bit,
        // LDAPUR, STLUR.
        (0b011, 0, 0b01) if field(21, 21) == 0 => field(23, 22) == 0,
        // Pairs.
        (0b101, _, 0b00 | 0b01) => !load_bit,
        // Atomic operations; among them LDAPR only loads.
        (0b111, 0, 0b00) if field(21, 21) == 1 && field(11, 10) == 0 => field(15, 12) != 0b1100,
        // Single registers: opc 00 stores; with vectors bit 22 alone says.
        (0b111, 0, 0b00 | 0b01) => field(23, 22) == 0,
        (0b111, 1, 0b00 | 0b01) => !load_bit,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_store;

    #[test]
    fn stores_are_told_from_loads() {
        let cases: &[(&str, u32, bool)] = &[
            ("ldr w0, [x1]", 0xb940_0020, false),
            ("str w0, [x1]", 0xb900_0020, true),
            ("ldrsb w0, [x1]", 0x39c0_0020, false),
            ("strb w0, [x1], #1", 0x3800_1420, true),
            ("ldrsw x0, [x1, #4]!", 0xb880_4c20, false),
            ("str q0, [x1]", 0x3d80_0020, true),
            ("ldr q0, [x1]", 0x3dc0_0020, false),
            ("str w0, [x1, w2, uxtw]", 0xb822_4820, true),
            ("ldr w0, [x1, w2, uxtw]", 0xb862_4820, false),
            ("stp x0, x1, [x2]", 0xa900_0440, true),
            ("ldp x0, x1, [x2]", 0xa940_0440, false),
            ("stp q0, q1, [x2], #32", 0xac81_0440, true),
            ("ldxr w0, [x1]", 0x885f_7c20, false),
            ("stxr w2, w0, [x1]", 0x8802_7c20, true),
            ("ldar w0, [x1]", 0x88df_fc20, false),
            ("stlr w0, [x1]", 0x889f_fc20, true),
            ("ldaxp x0, x2, [x1]", 0xc87f_8820, false),
            ("cas w0, w2, [x1]", 0x88a0_7c22, true),
            ("casal x0, x2, [x1]", 0xc8e0_fc22, true),
            ("casp x0, x1, x2, x3, [x4]", 0x4820_7c82, true),
            ("ldadd w0, w1, [x2]", 0xb820_0041, true),
            ("ldaddal w0, w1, [x2]", 0xb8e0_0041, true),
            ("swp w0, w1, [x2]", 0xb820_8041, true),
            ("ldapr w0, [x1]", 0xb8bf_c020, false),
            ("ldapur w0, [x1, #4]", 0x9940_4020, false),
            ("stlur w0, [x1, #4]", 0x9900_4020, true),
            ("ld1 {v0.4s}, [x1]", 0x4c40_7820, false),
            ("st1 {v0.4s}, [x1]", 0x4c00_7820, true),
            ("dc zva, x0", 0xd50b_7420, true),
        ];
        for (text, insn, expect) in cases {
            assert_eq!(is_store(*insn), *expect, "{text}");
        }
    }
}
