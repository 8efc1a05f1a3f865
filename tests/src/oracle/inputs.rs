//! The states that an instruction is tried on: edge values and random ones in registers and in the memory the
//! instruction is going to access, at all alignments, across pages and beyond their ends.
use super::rng::Rng;
use super::{Input, CODE, DATA, FX, STACK};
use iced_x86::{Instruction, InstructionInfoFactory, MemorySize, Mnemonic, OpKind, Register};

/// What numbers in vector and x87 registers and in memory look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    Integers,
    Singles,
    Doubles,
    Extended,
    Decimal,
    Noise,
}

/// Makes the states for one instruction.
#[derive(Debug)]
pub struct Inputs {
    rng: Rng,
    numbers: Numbers,
}

const EDGES: [u32; 32] = [
    0,
    1,
    2,
    3,
    7,
    8,
    9,
    15,
    16,
    17,
    31,
    32,
    33,
    0x63,
    0x7f,
    0x80,
    0x99,
    0x9a,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0x8080,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0x8000_0001,
    0xff00_ff00,
    0xffff_fff0,
    0xffff_ffff,
    0x1234_5678,
];
#[rustfmt::skip]
const EDGES_INTEGER: [u64; 16] = [
    0, !0, 0x8080_8080_8080_8080, 0x7f7f_7f7f_7f7f_7f7f, 0x8000_8000_8000_8000, 0x7fff_7fff_7fff_7fff,
    0x8000_0000_8000_0000, 0x7fff_ffff_7fff_ffff, 1 << 63, 0x0001_ff01_00ff_8001, 0x0102_0304_0506_0708, 1, 7, 16, 40, 64,
];
#[rustfmt::skip]
const EDGES_SINGLE: [u32; 24] = [
    0, 1 << 31, 1, 0x8000_0003, 0x007f_ffff, 0x807f_ffff, 0x0080_0000, 0x8080_0001, 0x3f80_0000, 0xbf80_0000, 0x3f00_0000,
    0x3fc0_0000, 0x4020_0000, 0x4eff_ffff, 0x4f00_0000, 0xcf00_0000, 0xcf00_0001, 0x7f7f_ffff, 0x7f80_0000, 0xff80_0000,
    0x7fc0_0000, 0xffc1_2345, 0x7f81_2345, 0xff80_0001,
];
#[rustfmt::skip]
const EDGES_DOUBLE: [u64; 28] = [
    0, 1 << 63, 1, 0x8000_0000_0000_0003, 0x000f_ffff_ffff_ffff, 0x0010_0000_0000_0000, 0x8010_0000_0000_0001,
    0x3ff0_0000_0000_0000, 0xbff0_0000_0000_0000, 0x3fe0_0000_0000_0000, 0x3ff8_0000_0000_0000, 0x4004_0000_0000_0000,
    0x41df_ffff_ffc0_0000, 0x41df_ffff_ffe0_0000, 0x41e0_0000_0000_0000, 0xc1e0_0000_0000_0000, 0xc1e0_0000_0020_0000,
    0x36a0_0000_0000_0000, 0x47ef_ffff_e000_0000, 0x47ef_ffff_f000_0000, 0x380f_ffff_ffff_ffff, 0x7fef_ffff_ffff_ffff,
    0x7ff0_0000_0000_0000, 0xfff0_0000_0000_0000, 0x7ff8_0000_0000_0000, 0xfff8_1234_5678_9abc, 0x7ff0_1234_5678_9abc,
    0xfff0_0000_0000_0001,
];
/// The integer bit of an 80-bit number.
const J: u64 = 1 << 63;
#[rustfmt::skip]
const EDGES_EXTENDED: [(u16, u64); 40] = [
    (0, 0), (0, 1), (0, J - 1), (0, J), (0, J | 1), (0, u64::MAX), (1, J), (1, u64::MAX), (1, J | 1), (1, 1),
    (0x3ffe, J), (0x3ffe, u64::MAX), (0x3fff, J), (0x3fff, J | 1), (0x3fff, J | 0x400), (0x3fff, J | 0x80_0000_0000),
    (0x4000, J), (0x4000, J | J >> 1), (0x3ffe, J | J >> 1), (0x7ffe, u64::MAX), (0x7ffe, J), (0x7ffe, J - 1),
    (0x7fff, J), (0x7fff, J | J >> 1), (0x7fff, (J | J >> 1) + 1), (0x7fff, u64::MAX), (0x7fff, J | 1), (0x7fff, 0),
    (0x7fff, J >> 1), (0x3fff, 0), (0x3fff, J >> 1), (0x403e, J), (0x403d, u64::MAX), (0x401e, J), (0x400e, J),
    (0x3c01, J), (0x43fe, 0xffff_ffff_ffff_fc00), (0x3f81, J), (0x407e, 0xffff_ff80_0000_0000), (0x403a, 0xde0b_6b3a_7640_0000),
];

impl Inputs {
    /// States for `insn`, the same for the same seed.
    pub fn new(insn: &Instruction, seed: u64) -> Self {
        Self { rng: Rng::new(seed), numbers: hint(insn) }
    }

    /// The next state for the instruction `insn` with `len` bytes of code, which is `at` from [`CODE`].
    pub fn next(&mut self, insn: &Instruction, at: u32, len: u32) -> Input {
        let usual = self.numbers;
        if self.rng.one_in(5) {
            let all = [Numbers::Integers, Numbers::Singles, Numbers::Doubles, Numbers::Extended, Numbers::Noise];
            self.numbers = self.rng.pick(&all);
        }
        let mut input = self.any();
        self.counts(insn, &mut input);
        self.addresses(insn, &mut input);
        self.targets(insn, CODE + at + len, &mut input);
        self.numbers = usual;
        input
    }

    /// A state that knows nothing of the instruction.
    pub fn any(&mut self) -> Input {
        let mut gpr = std::array::from_fn(|_| self.value());
        gpr[4] = STACK - if self.rng.one_in(6) { self.rng.below(32) } else { 0 };
        // CF PF AF ZF SF OF, now and then DF and ID.
        let mut eflags = 0x202 | self.rng.word() & 0x8d5;
        if self.rng.one_in(4) {
            eflags |= self.rng.word() & 0x20_0400;
        }
        Input { gpr, eflags, seed: self.rng.word(), fx: self.fx(), patches: Vec::new() }
    }

    /// A register's value.
    fn value(&mut self) -> u32 {
        let r = self.rng.word();
        match r & 3 {
            0 | 1 => self.rng.pick(&EDGES),
            2 => (r as i32 >> 24) as u32,
            _ => self.rng.word(),
        }
    }

    fn fx(&mut self) -> [u8; FX] {
        let mut fx = [0; FX];
        let mut fcw = 0x37f;
        if self.rng.one_in(2) {
            fcw = 0x40
                | self.rng.word() as u16 & 0xf00
                | if self.rng.one_in(3) { self.rng.word() as u16 & 0x3f } else { 0x3f };
        }
        let mut fsw = self.rng.word() as u16 & 0x7f7f;
        // Pending exceptions are rare: the next waiting instruction only raises them.
        if !self.rng.one_in(16) {
            fsw &= !(!fcw & 0x3f);
        }
        if fsw & !fcw & 0x3f != 0 {
            fsw |= 0x8080;
        }
        let tags = match self.rng.below(4) {
            0 => self.rng.word() as u8,
            // Room for a push.
            1 => !(1 << ((fsw >> 11 & 7) + 7 & 7)),
            _ => 0xff,
        };
        let mut mxcsr = 0x1f80;
        if self.rng.one_in(2) {
            mxcsr |= self.rng.word() & 0xe07f & if self.rng.one_in(2) { 0x6000 } else { !0 };
        }
        if self.rng.one_in(6) {
            mxcsr &= !(self.rng.word() & 0x1f80);
        }
        fx[0..2].copy_from_slice(&fcw.to_le_bytes());
        fx[2..4].copy_from_slice(&fsw.to_le_bytes());
        fx[4] = tags;
        fx[24..28].copy_from_slice(&mxcsr.to_le_bytes());
        for i in 0..8 {
            let numbers = if self.rng.one_in(3) { self.numbers } else { Numbers::Extended };
            let bytes = self.number(numbers, 10);
            fx[32 + 16 * i..42 + 16 * i].copy_from_slice(&bytes);
            let bytes = self.number(self.numbers, 16);
            fx[160 + 16 * i..176 + 16 * i].copy_from_slice(&bytes);
        }
        fx
    }

    /// Bytes that hold numbers.
    fn number(&mut self, numbers: Numbers, len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < len {
            match numbers {
                Numbers::Integers => bytes.extend(self.integer().to_le_bytes()),
                Numbers::Singles => bytes.extend(self.single().to_le_bytes()),
                Numbers::Doubles => bytes.extend(self.double().to_le_bytes()),
                Numbers::Extended => {
                    let (high, low) = self.extended();
                    bytes.extend(low.to_le_bytes());
                    bytes.extend(high.to_le_bytes());
                }
                Numbers::Decimal => bytes.push((self.rng.below(10) | self.rng.below(10) << 4) as u8),
                Numbers::Noise => bytes.extend(self.rng.next().to_le_bytes()),
            }
        }
        bytes.truncate(len);
        bytes
    }

    fn integer(&mut self) -> u64 {
        if self.rng.one_in(2) {
            self.rng.pick(&EDGES_INTEGER)
        } else {
            self.rng.next()
        }
    }

    fn single(&mut self) -> u32 {
        if self.rng.one_in(3) {
            return self.rng.pick(&EDGES_SINGLE);
        }
        self.rng.word() & 0x807f_ffff & u32::MAX << self.rng.below(24) | (0x70 + self.rng.below(32)) << 23
    }

    fn double(&mut self) -> u64 {
        if self.rng.one_in(3) {
            return self.rng.pick(&EDGES_DOUBLE);
        }
        let exponent = u64::from(0x3f0 + self.rng.below(32)) << 52;
        self.rng.next() & 0x800f_ffff_ffff_ffff & u64::MAX << self.rng.below(53) | exponent
    }

    fn extended(&mut self) -> (u16, u64) {
        let sign = self.rng.word() as u16 & 0x8000;
        let (exponent, mantissa) = match self.rng.below(6) {
            0 | 1 => self.rng.pick(&EDGES_EXTENDED),
            2 => (0x3fff - 70 + self.rng.below(140) as u16, J | self.rng.next() & u64::MAX << self.rng.below(64)),
            3 => (0x3fff - 3 + self.rng.below(6) as u16, J | self.rng.next()),
            4 => (self.rng.word() as u16 & 0x7fff, J | self.rng.next()),
            _ => (self.rng.word() as u16 & 0x7fff, self.rng.next() >> self.rng.below(64)),
        };
        (exponent | sign, mantissa)
    }

    /// Counters of string instructions, bit numbers, dividends: values with which something happens.
    fn counts(&mut self, insn: &Instruction, input: &mut Input) {
        use Mnemonic::{Bt, Btc, Btr, Bts, Div, Idiv};
        if insn.is_string_instruction() {
            let n = self.rng.below(40);
            input.gpr[1] = if self.rng.one_in(20) { self.rng.word() } else { n };
        }
        match insn.mnemonic() {
            Bt | Btc | Btr | Bts if insn.op0_kind() == OpKind::Memory && insn.op1_kind() == OpKind::Register => {
                let far = if self.rng.one_in(8) { self.value() } else { self.rng.below(0x200).wrapping_sub(0x100) };
                input.gpr[full(insn.op1_register()).unwrap_or(0)] = far;
            }
            // A quotient that fits, more often than not.
            Div | Idiv if self.rng.below(4) != 0 => {
                input.gpr[2] = self.rng.below(4).wrapping_sub(self.rng.below(2));
                if insn.op0_register().is_gpr8() || insn.memory_size().size() == 1 {
                    input.gpr[0] &= 0x7ff;
                }
            }
            _ => {}
        }
    }

    /// Puts the instruction's memory operands where there is memory, mostly.
    fn addresses(&mut self, insn: &Instruction, input: &mut Input) {
        let mut factory = InstructionInfoFactory::new();
        for used in factory.info(insn).used_memory() {
            let size = match used.memory_size() {
                MemorySize::Unknown => 4,
                other => other.size().max(1) as u32,
            };
            let (base, index) = (full(used.base()), full(used.index()));
            let offset = |input: &Input| {
                let index = index.map_or(0, |i| input.gpr[i].wrapping_mul(used.scale()));
                (used.displacement() as u32).wrapping_add(index)
            };
            let stack = used.base() == Register::ESP && index.is_none();
            if let Some(i) = index.filter(|i| base.is_none() || self.rng.one_in(2) && base != Some(*i)) {
                input.gpr[i] = self.rng.below(16).wrapping_sub(8);
            }
            let target = if stack && !self.rng.one_in(8) { input.gpr[4] } else { self.place(size, stack) };
            match (base, index) {
                (Some(b), Some(i)) if b == i => {
                    input.gpr[b] = target.wrapping_sub(used.displacement() as u32) / (used.scale() + 1);
                }
                (Some(b), _) if !stack || target != input.gpr[4] => {
                    input.gpr[b] = target.wrapping_sub(offset(input));
                    if stack {
                        input.gpr[4] = target;
                    }
                }
                (None, Some(i)) => input.gpr[i] = target.wrapping_sub(used.displacement() as u32) / used.scale(),
                _ => {}
            }
            let addr = base.map_or(0, |b| input.gpr[b]).wrapping_add(offset(input));
            self.operand(addr, size, input);
        }
    }

    /// An address for an operand of `size` bytes.
    fn place(&mut self, size: u32, stack: bool) -> u32 {
        let aligned = if size >= 16 { 15 } else { size.next_power_of_two().min(8) - 1 };
        if stack {
            return match self.rng.below(3) {
                0 => DATA + self.rng.below(40),
                1 => DATA + 0x2000 - self.rng.below(40),
                _ => STACK - 0x80 + self.rng.below(0x80),
            };
        }
        let room = 0x400 - size.min(0x3ff);
        match self.rng.below(16) {
            0..=7 => DATA + 0xe00 + self.rng.below(room) & !aligned,
            8 | 9 => DATA + 0xe00 + self.rng.below(room),
            10 | 11 => DATA + 0x1000 - self.rng.below(size + 1),
            12 => DATA + 0x2000 - self.rng.below(size + 4),
            13 => DATA.wrapping_add(self.rng.below(8)).wrapping_sub(self.rng.below(size + 1)),
            14 => DATA + 0xe00 + self.rng.below(room) & !aligned,
            _ => self.rng.pick(&[
                0,
                0x1000,
                0xffff_ffff,
                0xffff_fff0,
                0xfffe_0000,
                0x8000_0000,
                0x1fff_fffc,
                0x2000_2ff8,
            ]),
        }
    }

    /// Gives the operand at `addr` a value of the usual kind.
    fn operand(&mut self, addr: u32, size: u32, input: &mut Input) {
        let start = addr & !3;
        let bytes = self.number(self.numbers, size.min(32) as usize);
        let shift = (addr & 3) as usize;
        let mut words = vec![0; (shift + bytes.len()).next_multiple_of(4)];
        words[shift..shift + bytes.len()].copy_from_slice(&bytes);
        for (i, word) in words.chunks_exact(4).enumerate() {
            let at = start.wrapping_add(4 * i as u32);
            let value = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
            patch(input, at, value);
        }
    }

    /// Where an indirect branch or a return goes: behind the code, where the case ends.
    fn targets(&mut self, insn: &Instruction, exit: u32, input: &mut Input) {
        use Mnemonic::{Call, Iret, Iretd, Jmp, Ret, Retf};
        if self.rng.one_in(12) {
            return;
        }
        let esp = input.gpr[4];
        match insn.mnemonic() {
            Call | Jmp => match insn.op0_kind() {
                OpKind::Register => input.gpr[full(insn.op0_register()).unwrap_or(0)] = exit,
                OpKind::Memory => {
                    for (_, value) in &mut input.patches {
                        *value = exit;
                    }
                }
                _ => {}
            },
            Ret => patch(input, esp, exit),
            Retf | Iret | Iretd => {
                patch(input, esp, exit);
                let selector = self.rng.pick(&[0x23, 0x23, 0x23, 0x2b, 0, 0x73]);
                patch(input, esp.wrapping_add(4), selector);
                patch(input, esp.wrapping_add(8), 0x202 | self.rng.word() & 0x8d5);
            }
            _ => {}
        }
    }
}

/// Writes a word of memory before the case runs, if it is in a window.
fn patch(input: &mut Input, addr: u32, value: u32) {
    let fits = |&(start, size): &(u32, u32)| addr >= start && addr - start < size;
    if addr % 4 == 0 && super::WINDOWS.iter().any(fits) {
        input.patches.push((addr, value));
    }
}

/// The number of the 32-bit register that `reg` is part of.
fn full(reg: Register) -> Option<usize> {
    reg.is_gpr().then(|| reg.full_register32() as usize - Register::EAX as usize)
}

/// What the instruction most likely works on.
fn hint(insn: &Instruction) -> Numbers {
    let name = frontend::table::name(insn.mnemonic());
    let size = format!("{:?}", insn.memory_size());
    if insn.mnemonic() == Mnemonic::Fbld {
        return Numbers::Decimal;
    }
    for (part, numbers) in
        [("Float80", Numbers::Extended), ("Float64", Numbers::Doubles), ("Float32", Numbers::Singles)]
    {
        if size.contains(part) {
            return numbers;
        }
    }
    match name.as_bytes() {
        [b'f', ..] => Numbers::Extended,
        [b'p', ..] => Numbers::Integers,
        [.., b'p' | b's', b's'] => Numbers::Singles,
        [.., b'p' | b's', b'd'] => Numbers::Doubles,
        [b'c', b'v', b't', ..] if name.contains("pd2") || name.contains("sd2") => Numbers::Doubles,
        [b'c', b'v', b't', ..] if name.contains("ps2") || name.contains("ss2") => Numbers::Singles,
        _ => Numbers::Integers,
    }
}
