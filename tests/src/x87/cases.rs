//! Which instructions are tried and on what: every encoding, edge operands and random ones.
use super::{Case, State, MEM};
use ir::x87::float::{to_f32, to_f64};
use ir::x87::{Env, F80, J};

/// One encoding: its bytes, and what an assembler calls it.
#[derive(Clone, Debug)]
pub struct Encoding {
    /// The bytes.
    pub code: Vec<u8>,
    /// Mnemonic and operands.
    pub text: String,
}

/// Every x87 encoding of which registers and `[esi]` are the operands.
pub fn encodings() -> Vec<Encoding> {
    let mut all = Vec::new();
    for opcode in 0xd8..=0xdfu8 {
        for modrm in (0..8u8).map(|reg| reg << 3 | 6).chain(0xc0..=0xff) {
            all.push(vec![opcode, modrm]);
        }
    }
    // 16-bit environments.
    all.extend([[0x66, 0xd9, 0x26], [0x66, 0xd9, 0x36], [0x66, 0xdd, 0x26], [0x66, 0xdd, 0x36]].map(Vec::from));
    all.push(vec![0x9b]);
    all.into_iter().filter_map(named).collect()
}

fn named(code: Vec<u8>) -> Option<Encoding> {
    let mut decoder = iced_x86::Decoder::with_ip(32, &code, 0, iced_x86::DecoderOptions::NONE);
    let insn = decoder.decode();
    // FNSTSW AX writes a general register, which is not compared here; the memory form is.
    let skip = insn.is_invalid() || insn.code() == iced_x86::Code::Fnstsw_AX;
    let text = format!("{:?}", insn.code()).to_lowercase();
    (!skip).then_some(Encoding { code, text })
}

/// xorshift64*: the same cases on every host.
#[derive(Clone, Debug)]
pub struct Generator(u64);

impl Generator {
    /// A generator of cases; the seed must not be zero.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A case for an encoding.
    pub fn case(&mut self, code: &[u8]) -> Case {
        let top = self.below(8) as usize;
        let cw = self.control_word();
        let loads = matches!(code, [0xd9 | 0xdb | 0xdd | 0xdf, modrm] if *modrm < 0xc0) || matches!(code, [0xd9, ..]);
        // Pushing instructions need an empty register more often than not.
        let mut tags = if loads { !(1u8 << ((top + 7) & 7)) } else { 0xff };
        if self.one_in(6) {
            tags = self.next() as u8;
        }
        let mut sw = (self.next() as u16 & 0x477f) | (top as u16) << 11;
        // Waiting instructions must find no exception pending.
        sw &= !(!cw & 0x3f);
        let mut st = [F80::ONE; 8];
        let a = self.operand(code);
        let b = self.related(a);
        for (i, slot) in (0..).zip(&mut st) {
            *slot = F80::new(0x4000 + i, J | u64::from(i));
        }
        st[top] = a;
        let other = code.last().map_or(1, |m| usize::from(m & 7));
        st[(top + 1) & 7] = b;
        if code.len() == 2 && code[1] >= 0xc0 && other > 1 && !(code[0] == 0xd9 && code[1] >= 0xd0) {
            st[(top + other) & 7] = self.related(a);
        }
        let mem = self.memory(code, a);
        let eflags = self.next() as u32 & super::FLAGS;
        Case { code: code.to_vec(), state: State { cw, sw, tags, eflags, st, mem } }
    }

    fn control_word(&mut self) -> u16 {
        let masks = if self.one_in(3) { self.below(64) as u16 } else { 0x3f };
        let precision = if self.one_in(3) { self.below(4) as u16 } else { 3 };
        0x40 | masks | precision << 8 | (self.below(4) as u16) << 10
    }

    /// Any 80 bits, with those that matter more often.
    fn operand(&mut self, code: &[u8]) -> F80 {
        if let [0xd9, 0xf0..=0xff] = code {
            if self.one_in(2) {
                // Transcendental functions: their domain is near one and below.
                let exponent = 0x3fff - self.below(80) as u16 + self.below(8) as u16;
                return F80::new(exponent | self.sign(), J | self.next());
            }
        }
        match self.below(8) {
            0..=2 => self.edge(),
            3 => {
                let sparse = self.next() & (u64::MAX << self.below(64));
                F80::new((0x3fff - 70 + self.below(140) as u16) | self.sign(), J | sparse)
            }
            4 => F80::new(self.next() as u16, J | self.next()),
            5 => F80::new((0x3fff - 3 + self.below(6) as u16) | self.sign(), J | self.next()),
            6 => F80::new((0x3fff - 70 + self.below(140) as u16) | self.sign(), J | self.next()),
            _ => {
                let shift = self.below(64);
                F80::new(self.next() as u16, self.next() >> shift | self.next() & J)
            }
        }
    }

    fn sign(&mut self) -> u16 {
        self.next() as u16 & 0x8000
    }

    /// A second operand: now and then close to the first.
    fn related(&mut self, a: F80) -> F80 {
        let mut b = self.operand(&[]);
        if self.one_in(8) {
            b = F80::new(b.sign_exponent, a.mantissa);
        }
        if self.one_in(8) {
            let near = a.sign_exponent.wrapping_add(self.below(8) as u16).wrapping_sub(4);
            b = F80::new(near, b.mantissa);
        }
        b
    }

    fn edge(&mut self) -> F80 {
        let (exponent, mantissa) = EDGES[self.below(EDGES.len() as u64) as usize];
        F80::new(exponent | self.sign(), mantissa)
    }

    /// The memory operand: noise, a number in one of the formats, decimal digits.
    fn memory(&mut self, code: &[u8], near: F80) -> [u8; MEM] {
        let mut mem = [0; MEM];
        for chunk in mem.chunks_mut(8) {
            let shift = self.below(64);
            chunk.copy_from_slice(&(self.next() & u64::MAX << shift).to_le_bytes());
        }
        let x = self.related(near);
        let mut env = Env::new(0x37f);
        match self.below(6) {
            0 => mem[..4].copy_from_slice(&to_f32(x, &mut env).to_le_bytes()),
            1 => mem[..8].copy_from_slice(&to_f64(x, &mut env).to_le_bytes()),
            2 => mem[..4].copy_from_slice(&F32_EDGES[self.below(F32_EDGES.len() as u64) as usize].to_le_bytes()),
            3 => mem[..8].copy_from_slice(&F64_EDGES[self.below(F64_EDGES.len() as u64) as usize].to_le_bytes()),
            4 => {
                mem[..8].copy_from_slice(&x.mantissa.to_le_bytes());
                mem[8..10].copy_from_slice(&x.sign_exponent.to_le_bytes());
            }
            _ => {}
        }
        if code == [0xdf, 0x26] {
            // Digits above nine are undefined.
            mem[..9].fill_with(|| (self.below(10) | self.below(10) << 4) as u8);
        }
        mem
    }
}

const F32_EDGES: [u32; 14] = [
    0,
    0x8000_0000,
    1,
    0x8000_0001,
    0x7f_ffff,
    0x80_0000,
    0x7f7f_ffff,
    0x7f80_0000,
    0xff80_0000,
    0x7f80_0001,
    0x7fc0_0000,
    0xffff_ffff,
    0x3f80_0000,
    0xbf80_0000,
];
const F64_EDGES: [u64; 12] = [
    0,
    1 << 63,
    1,
    1 << 63 | 1,
    0xf_ffff_ffff_ffff,
    1 << 52,
    0x7fef_ffff_ffff_ffff,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x7ff0_0000_0000_0001,
    0x7ff8_0000_0000_0000,
    0x3ff0_0000_0000_0000,
];

/// Zeros, denormals, pseudo-denormals, the ends of the range, halfway cases of narrower formats and integers, infinity,
/// NaNs, unnormals, pseudo-infinities and pseudo-NaNs.
#[rustfmt::skip]
const EDGES: &[(u16, u64)] = &[
    (0, 0), (0, 1), (0, 2), (0, J - 1), (0, J), (0, J | 1), (0, u64::MAX), (1, J), (1, u64::MAX), (1, J | 1), (2, J),
    (0x3ffe, J), (0x3ffe, u64::MAX), (0x3fff, J), (0x3fff, J | 1), (0x3fff, J | 0x400), (0x3fff, J | 0x80_0000_0000),
    (0x4000, J), (0x4000, J | J >> 1), (0x3ffe, J | J >> 1), (0x7ffe, u64::MAX), (0x7ffe, J), (0x7ffd, u64::MAX),
    (0x7fff, J), (0x7fff, J | J >> 1), (0x7fff, (J | J >> 1) + 1), (0x7fff, u64::MAX), (0x7fff, J | 1),
    (0x7fff, 0xbfff_ffff_ffff_ffff), (0x7fff, 0), (0x7fff, 1), (0x7fff, J >> 1), (0x3fff, 0), (0x3fff, J >> 1), (1, 1),
    (0x7ffe, J - 1), (0x403e, J), (0x403d, u64::MAX), (0x403e, J | 1), (0x403f, J), (0x401e, J),
    (0x401d, 0xffff_fffe_0000_0000), (0x401d, 0xffff_ffff_0000_0000), (0x400e, J), (0x400d, 0xfffe_0000_0000_0000),
    (0x3c01, J), (0x3c00, J), (0x3bcd, J), (0x3bcc, J | 1), (0x43fe, 0xffff_ffff_ffff_f800),
    (0x43fe, 0xffff_ffff_ffff_fc00), (0x3f81, J), (0x3f6a, J), (0x3f69, J), (0x407e, 0xffff_ff00_0000_0000),
    (0x407e, 0xffff_ff80_0000_0000), (0x3fbf, J), (0x3fc0, J | 5), (0x4004, J), (0x4005, 0xff80_0000_0000_0000),
    (0x3ffd, 0xaaaa_aaaa_aaaa_aaab), (0x403a, 0xde0b_6b3a_763f_ffff), (0x403a, 0xde0b_6b3a_7640_0000),
];
