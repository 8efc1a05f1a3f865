//! Random blocks of instructions: straight runs, conditions, loops, calls, memory operands through ESI, EDI and EBP,
//! which nothing in a block writes (nor ESP but by calls and pairs of PUSH and POP).
//!
//! Flags that an instruction leaves undefined are followed through the block: nothing reads them, and those that are
//! undefined at the end are not compared.
use super::forms::NOT_TRIED;
use super::inputs::Inputs;
use super::rng::Rng;
use super::{Case, Input, CODE, DATA, STACK};
use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register,
    RflagsBits, UsedMemory,
};

/// A part of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// One instruction.
    Insn(Vec<u8>),
    /// Executed if the condition does not hold.
    Unless(u8, Vec<Item>),
    /// Executed several times; the counter is in memory.
    Loop(u8, Vec<Item>),
    /// Called.
    Call(Vec<Item>),
    /// Between PUSH and POP of registers.
    Pushed(u8, u8, Vec<Item>),
}

/// What a block makes and reads of flags, in iced's bits.
#[derive(Clone, Copy, Debug, Default)]
struct Undefined(u32);

const ALL_FLAGS: u32 =
    RflagsBits::CF | RflagsBits::PF | RflagsBits::AF | RflagsBits::ZF | RflagsBits::SF | RflagsBits::OF;

/// Makes blocks.
#[derive(Debug)]
pub struct Blocks {
    rng: Rng,
    undefined: Undefined,
    factory: InstructionInfoFactory,
}

/// Kinds of instructions that do not belong in a block: they leave it, what they leave depends on the place or the CPU, or
/// they open gaps that [`super::masks`] knows.
fn unwanted(insn: &Instruction) -> bool {
    use Mnemonic::{
        Bound, F2xm1, Fbld, Fbstp, Fcos, Femms, Fldcw, Fldenv, Fnsave, Fnstenv, Fpatan, Fptan, Frstor, Fsin, Fsincos,
        Fxrstor, Fxsave, Fyl2x, Fyl2xp1, Int1, Lar, Ldmxcsr, Lsl, Maskmovdqu, Maskmovq, Rdpmc, Sgdt, Shld, Shrd, Sidt,
        Sldt, Smsw, Stmxcsr, Str, Verr, Verw, Xlatb, Xrstor, Xsave, Xsavec, Xsaveopt,
    };
    const UNWANTED: &[Mnemonic] = &[
        Bound, F2xm1, Fbld, Fbstp, Fcos, Femms, Fldcw, Fldenv, Fnsave, Fnstenv, Fpatan, Fptan, Frstor, Fsin, Fsincos,
        Fxrstor, Fxsave, Fyl2x, Fyl2xp1, Int1, Lar, Ldmxcsr, Lsl, Maskmovdqu, Maskmovq, Rdpmc, Sgdt, Shld, Shrd, Sidt,
        Sldt, Smsw, Stmxcsr, Str, Verr, Verw, Xlatb, Xrstor, Xsave, Xsaveopt, Xsavec,
    ];
    UNWANTED.contains(&insn.mnemonic()) || NOT_TRIED.iter().any(|(mnemonics, _)| mnemonics.contains(&insn.mnemonic()))
}

fn decode(bytes: &[u8]) -> Instruction {
    Decoder::with_ip(32, bytes, u64::from(CODE), DecoderOptions::NONE).decode()
}

impl Blocks {
    /// The maker of the block with this seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed), undefined: Undefined(0), factory: InstructionInfoFactory::new() }
    }

    /// The block.
    pub fn block(&mut self) -> Vec<Item> {
        let n = 3 + self.rng.below(14);
        self.items(n, 0)
    }

    fn items(&mut self, n: u32, depth: u32) -> Vec<Item> {
        (0..n).map(|_| self.item(depth)).collect()
    }

    fn item(&mut self, depth: u32) -> Item {
        let compound = depth < 3 && self.rng.one_in(6);
        if !compound {
            return Item::Insn(self.insn());
        }
        let n = 1 + self.rng.below(5);
        match self.rng.below(4) {
            0 => {
                // The counter's DEC leaves CF as the body left it; a second round must not read what the first left.
                self.undefined = Undefined(ALL_FLAGS);
                let body = self.items(n, depth + 1);
                self.undefined.0 &= RflagsBits::CF;
                Item::Loop(1 + self.rng.below(6) as u8, body)
            }
            1 => Item::Call(self.items(n, depth + 1)),
            2 => {
                let (push, pop) = (self.rng.below(8) as u8, self.rng.pick(&[0, 1, 2, 3]));
                Item::Pushed(push, pop, self.items(n, depth + 1))
            }
            _ => {
                let cc = self.rng.below(16) as u8;
                if decode(&[0x70 | cc, 0]).rflags_read() & self.undefined.0 != 0 {
                    return Item::Insn(self.insn());
                }
                let before = self.undefined;
                let body = self.items(n, depth + 1);
                self.undefined.0 |= before.0;
                Item::Unless(cc, body)
            }
        }
    }

    /// The bytes of one instruction that fits here.
    fn insn(&mut self) -> Vec<u8> {
        loop {
            let bytes = self.candidate();
            let insn = decode(&bytes);
            if insn.is_invalid() || !self.fits(&insn) {
                continue;
            }
            self.undefined = Undefined(self.undefined.after(&insn));
            return bytes[..insn.len()].to_vec();
        }
    }

    fn candidate(&mut self) -> Vec<u8> {
        let mut bytes: Vec<u8> = Vec::new();
        match self.rng.below(24) {
            0..=3 => bytes.push(0x66),
            4 => bytes.push(0xf3),
            5 => bytes.push(0xf2),
            6 => bytes.push(0xf0),
            _ => {}
        }
        match self.rng.below(20) {
            0..=9 => {}
            10..=16 => bytes.push(0x0f),
            17 => bytes.extend([0x0f, 0x38]),
            18 => bytes.extend([0x0f, 0x3a]),
            _ => {
                bytes = vec![
                    0xc4,
                    0xe0 | (2 + self.rng.below(2) as u8),
                    (8 + self.rng.below(8) as u8) << 3 | self.rng.below(4) as u8,
                ]
            }
        }
        bytes.push(self.rng.word() as u8);
        let reg = self.rng.below(8) as u8;
        if self.rng.one_in(2) {
            bytes.push(0xc0 | reg << 3 | self.rng.below(8) as u8);
        } else {
            // [ebp + n], [esi + n], [edi + n]
            bytes.push(0x40 | reg << 3 | (5 + self.rng.below(3) as u8));
        }
        let aligned = if self.rng.one_in(3) { 0xff } else { 0xf0 };
        bytes.push(self.rng.word() as u8 & aligned & 0x3f);
        bytes.extend(self.rng.next().to_le_bytes());
        bytes
    }

    fn fits(&mut self, insn: &Instruction) -> bool {
        let supported = frontend::table::support(insn.mnemonic()).lift().is_some();
        let inside = insn.flow_control() == FlowControl::Next && !insn.is_privileged() && !insn.is_stack_instruction();
        if !supported || !inside || unwanted(insn) || insn.rflags_read() & self.undefined.0 != 0 {
            return false;
        }
        let memory = (0..insn.op_count()).any(|i| insn.op_kind(i) == OpKind::Memory);
        let bits = matches!(insn.mnemonic(), Mnemonic::Bt | Mnemonic::Btc | Mnemonic::Btr | Mnemonic::Bts);
        if memory && bits && insn.op1_kind() == OpKind::Register {
            return false;
        }
        // SHA with a misaligned operand: see `masks`.
        if memory && insn.op0_register().is_xmm() && frontend::table::name(insn.mnemonic()).starts_with("sha") {
            return false;
        }
        let lea = insn.mnemonic() == Mnemonic::Lea;
        let info = self.factory.info(insn);
        let reserved = |reg: Register| {
            reg.is_segment_register()
                || matches!(reg.full_register32(), Register::ESP | Register::EBP | Register::ESI | Register::EDI)
        };
        let writes = |access| !matches!(access, OpAccess::Read | OpAccess::CondRead | OpAccess::None);
        let spared = info.used_registers().iter().all(|used| {
            let reg = used.register();
            let stays = reg.is_segment_register() && !writes(used.access());
            stays || !reg.is_gpr() && !reg.is_segment_register() || !reserved(reg) || !writes(used.access())
        });
        let known = |base| matches!(base, Register::ESI | Register::EDI | Register::EBP);
        // Prefixes and opcodes may have made another address of the bytes: one that is not the same memory in all processes.
        let near = |m: &UsedMemory| known(m.base()) && m.index() == Register::None && m.displacement() < 0x40;
        spared && info.used_memory().iter().all(|m| lea || near(m))
    }
}

impl Undefined {
    /// What is undefined after an instruction. A variable count may be zero, and then nothing is defined by it.
    fn after(self, insn: &Instruction) -> u32 {
        let defines = insn.rflags_written() | insn.rflags_cleared() | insn.rflags_set();
        let variable = insn.op_count() == 2 && insn.op1_register() == Register::CL
            || insn.op_count() == 3 && insn.op2_register() == Register::CL;
        let defines = if variable { 0 } else { defines };
        let undefined = insn.rflags_undefined();
        (self.0 & !defines | undefined) & ALL_FLAGS
    }

    fn walk(self, items: &[Item]) -> Self {
        items.iter().fold(self, |before, item| match item {
            Item::Insn(bytes) => Self(before.after(&decode(bytes))),
            Item::Unless(_, body) => Self(before.walk(body).0 | before.0),
            Item::Loop(_, body) => Self(Self(ALL_FLAGS).walk(body).0 & RflagsBits::CF),
            Item::Call(body) | Item::Pushed(_, _, body) => before.walk(body),
        })
    }

    /// Whether a block with parts taken out still reads nothing undefined.
    fn sound(self, items: &[Item]) -> Option<Self> {
        items.iter().try_fold(self, |before, item| match item {
            Item::Insn(bytes) => {
                let insn = decode(bytes);
                (insn.rflags_read() & before.0 == 0).then(|| Self(before.after(&insn)))
            }
            Item::Unless(cc, body) => {
                let read = decode(&[0x70 | cc, 0]).rflags_read();
                (read & before.0 == 0).then_some(())?;
                Some(Self(before.sound(body)?.0 | before.0))
            }
            Item::Loop(_, body) => Some(Self(Self(ALL_FLAGS).sound(body)?.0 & RflagsBits::CF)),
            Item::Call(body) | Item::Pushed(_, _, body) => before.sound(body),
        })
    }
}

/// Whether no instruction of the block reads flags that are undefined there.
pub fn is_sound(items: &[Item]) -> bool {
    Undefined(0).sound(items).is_some()
}

/// iced's bits of the flags that are undefined after the block.
pub fn undefined_after(items: &[Item]) -> u32 {
    Undefined(0).walk(items).0
}

/// The code of a block.
pub fn encode(items: &[Item]) -> Vec<u8> {
    encode_at(items, 0)
}

fn encode_at(items: &[Item], depth: u32) -> Vec<u8> {
    let mut code = Vec::new();
    for item in items {
        match item {
            Item::Insn(bytes) => code.extend_from_slice(bytes),
            Item::Unless(cc, body) => {
                let body = encode_at(body, depth);
                code.extend([0x0f, 0x80 | cc]);
                code.extend((body.len() as u32).to_le_bytes());
                code.extend(body);
            }
            Item::Loop(count, body) => {
                // mov dword ptr [counter], count; body; dec dword ptr [counter]; jne body
                let counter = (DATA + 0x40 + 4 * depth).to_le_bytes();
                code.extend([0xc7, 0x05]);
                code.extend(counter);
                code.extend(u32::from(*count).to_le_bytes());
                let body = encode_at(body, depth + 1);
                let back = 0u32.wrapping_sub(body.len() as u32 + 12);
                code.extend(body);
                code.extend([0xff, 0x0d]);
                code.extend(counter);
                code.extend([0x0f, 0x85]);
                code.extend(back.to_le_bytes());
            }
            Item::Call(body) => {
                // call 1f; jmp 2f; 1: body; ret; 2:
                let body = encode_at(body, depth);
                code.extend([0xe8, 5, 0, 0, 0, 0xe9]);
                code.extend((body.len() as u32 + 1).to_le_bytes());
                code.extend(body);
                code.push(0xc3);
            }
            Item::Pushed(push, pop, body) => {
                code.push(0x50 | push);
                code.extend(encode_at(body, depth));
                code.push(0x58 | pop);
            }
        }
    }
    code
}

/// States for blocks: as for instructions, with the pointers where there is memory and with nothing unmasked.
pub fn inputs(seed: u64, n: usize) -> Vec<Input> {
    let mut rng = Rng::new(seed);
    let mut make = Inputs::new(&decode(&[0x90]), rng.next());
    let mut one = || {
        let mut input = make.any();
        input.gpr[4] = STACK;
        input.gpr[5] = STACK + 0x10;
        input.gpr[6] = DATA + 0xe80 + 16 * rng.below(8);
        input.gpr[7] = DATA + 0x1000 - 16 * rng.below(5) + if rng.one_in(8) { rng.below(16) } else { 0 };
        input.eflags &= 0x8d5;
        input.eflags |= 0x202;
        input.fx[0] |= 0x3f;
        input.fx[2] &= 0x7f;
        input.fx[3] &= 0x7f;
        input.fx[24] = 0x80 | input.fx[24] & 0x3d;
        input.fx[25] = 0x1f | input.fx[25] & 0x60;
        input
    };
    (0..n).map(|_| one()).collect()
}

/// The case of a block.
pub fn case(items: &[Item], at: u32, inputs: Vec<Input>) -> Case {
    Case { code: encode(items), at, block: Some(undefined_after(items)), inputs }
}
