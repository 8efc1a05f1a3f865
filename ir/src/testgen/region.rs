//! The generator of random regions.
use super::Rng;
use crate::builder::Builder;
use crate::guest::state::offset;
use crate::guest::{Cc, FlagSet, Gpr, GuestAddr, GuestRange, Seg, Trap};
use crate::inst::Value;
use crate::opcode::Opcode;
use crate::region::{Block, BlockId, Region};
use crate::sink::{Addr, Sink};
use crate::terminator::{Target, Terminator};
use crate::types::Ty;

/// Guest address of block `n` of a random region.
fn block_start(n: u64) -> GuestAddr {
    GuestAddr(0x0804_8000 + 0x100 * n as u32)
}

/// Addresses that random regions leave to.
const EXITS: [GuestAddr; 3] = [GuestAddr(0x0805_0000), GuestAddr(0x0805_1000), GuestAddr(0x0805_2000)];

/// A random valid region.
pub fn region(rng: &mut Rng) -> Region {
    let count = 1 + rng.below(4);
    let mut region = Region::new(block_start(0));
    for n in 0..count {
        let block = Generator::new(rng, n).block(count);
        region.blocks.push(block);
    }
    region.blocks[0].entry = true;
    for exit in EXITS {
        match rng.below(3) {
            0 => {}
            1 => region.set_live_at(exit, FlagSet::NONE),
            _ => region.set_live_at(exit, FlagSet::from_eflags_mask(rng.next() as u32)),
        }
    }
    region.ranges.push(GuestRange::new(block_start(0), 0x100 * count));
    region
}

struct Generator<'a> {
    rng: &'a mut Rng,
    b: Builder,
    start: GuestAddr,
    values: Vec<Value>,
    /// Whether AF is defined: if it is not, nothing reads it, and only another block of the region may be next.
    adjust: bool,
}

impl<'a> Generator<'a> {
    fn new(rng: &'a mut Rng, number: u64) -> Self {
        let start = block_start(number);
        Self { rng, b: Builder::new(start), start, values: Vec::new(), adjust: false }
    }

    fn block(mut self, blocks: u64) -> Block {
        for n in 0..1 + self.rng.below(6) {
            self.b.begin_insn(self.start.plus(4 * n as u32), 4);
            for _ in 0..1 + self.rng.below(5) {
                self.compute();
            }
            if self.rng.one_in(3) {
                self.load();
            }
            // Whoever a trap leaves to may want all flags.
            if self.rng.one_in(8) && self.adjust {
                let value = self.value(Ty::I8);
                let value = self.b.binary(Opcode::And, value, value, FlagSet::NONE);
                self.b.trap_if(value, Trap::DivideError);
            }
            if self.rng.one_in(3) {
                self.store();
            }
            for _ in 0..self.rng.below(4) {
                self.write_state();
            }
        }
        let term = self.terminator(blocks);
        self.b.finish(term)
    }

    /// A value of the type: an earlier one if there is one, mostly.
    fn value(&mut self, ty: Ty) -> Value {
        let earlier: Vec<Value> = self.values.iter().copied().filter(|v| self.b.ty(*v) == ty).collect();
        if !earlier.is_empty() && !self.rng.one_in(3) {
            let recent = &earlier[earlier.len().saturating_sub(5)..];
            return self.rng.pick(recent);
        }
        let value = match ty {
            _ if self.rng.one_in(3) => {
                let number = self.rng.number();
                self.b.iconst(ty, number)
            }
            Ty::I32 => {
                let reg = self.rng.pick(Gpr::ALL);
                self.b.get_gpr(reg)
            }
            Ty::I64 => {
                let (lo, hi) = (self.value(Ty::I32), self.value(Ty::I32));
                self.b.concat(lo, hi)
            }
            _ => {
                let wide = self.value(Ty::I32);
                self.b.trunc(ty, wide)
            }
        };
        self.values.push(value);
        value
    }

    fn int_ty(&mut self) -> Ty {
        self.rng.pick(&[Ty::I8, Ty::I16, Ty::I32, Ty::I32, Ty::I32, Ty::I64])
    }

    fn wide_ty(&mut self) -> Ty {
        self.rng.pick(&[Ty::I32, Ty::I32, Ty::I64])
    }

    /// A pure instruction without flags, or a read of state.
    fn compute(&mut self) {
        let value = match self.rng.below(8) {
            0 | 1 => self.binary(FlagSet::NONE),
            2 => self.shift(FlagSet::NONE),
            3 => self.width(),
            4 => self.field(),
            5 => self.bits(),
            6 => self.select(),
            _ => {
                let addr = self.address(true);
                self.b.lea(addr)
            }
        };
        self.values.push(value);
    }

    fn binary(&mut self, flags: FlagSet) -> Value {
        use Opcode::*;
        let op = self.rng.pick(&[Add, Add, Sub, Sub, Adc, Sbb, And, And, Or, Xor, MulWideU, MulWideS, Mul, Udiv, Srem]);
        let ty = match op {
            MulWideU | MulWideS => self.rng.pick(&[Ty::I8, Ty::I16, Ty::I32]),
            Udiv | Srem => self.wide_ty(),
            _ => self.int_ty(),
        };
        let a = self.value(ty);
        let b = if self.rng.one_in(6) { a } else { self.value(ty) };
        let flags = flags & op.writes_flags();
        self.note_adjust(op, flags);
        self.b.binary(op, a, b, flags)
    }

    /// What an operation does to AF.
    fn note_adjust(&mut self, op: Opcode, flags: FlagSet) {
        if flags.contains(FlagSet::AF) {
            self.adjust = !op.leaves_adjust_undefined();
        }
    }

    /// AF has a value after this.
    fn define_adjust(&mut self) {
        if !std::mem::replace(&mut self.adjust, true) {
            let image = self.value(Ty::I32);
            self.b.set_flags(FlagSet::AF, image);
        }
    }

    fn shift(&mut self, flags: FlagSet) -> Value {
        use Opcode::*;
        let op = self.rng.pick(&[Shl, Shl, Shr, Sar, Rol, Ror, Rcl, Rcr, Shld, Shrd]);
        let flags = flags & op.writes_flags();
        self.note_adjust(op, flags);
        let count = if self.rng.one_in(2) {
            let number = self.rng.below(36) as u8;
            self.b.const8(number)
        } else {
            self.value(Ty::I8)
        };
        if matches!(op, Shld | Shrd) {
            let ty = self.rng.pick(&[Ty::I16, Ty::I32]);
            let (a, fill) = (self.value(ty), self.value(ty));
            return self.b.shift_double(op, a, fill, count, flags);
        }
        let ty = if matches!(op, Rcl | Rcr) { self.rng.pick(&[Ty::I8, Ty::I16, Ty::I32]) } else { self.int_ty() };
        let a = self.value(ty);
        self.b.shift(op, a, count, flags)
    }

    fn width(&mut self) -> Value {
        let (from, to) = (self.int_ty(), self.int_ty());
        let a = self.value(from);
        match (to.bits() > from.bits(), self.rng.one_in(2)) {
            (true, true) => self.b.zext(to, a),
            (true, false) => self.b.sext(to, a),
            _ => self.b.trunc(to, a),
        }
    }

    fn field(&mut self) -> Value {
        let ty = self.wide_ty();
        let a = self.value(ty);
        let bits = u64::from(ty.bits());
        let (lsb, width) = if self.rng.one_in(2) {
            (8 * self.rng.below(2), 8)
        } else {
            let lsb = self.rng.below(bits);
            (lsb, 1 + self.rng.below(bits - lsb))
        };
        let (lsb, width) = (lsb as u32, width as u32);
        match self.rng.below(3) {
            0 => self.b.extract(a, lsb, width),
            1 => self.b.extract_s(a, lsb, width),
            _ => {
                let source = self.rng.pick(&[Ty::I8, Ty::I16, Ty::I32]);
                let value = self.value(source);
                self.b.insert(a, value, lsb, width.min(source.bits()))
            }
        }
    }

    fn bits(&mut self) -> Value {
        use Opcode::*;
        let op = self.rng.pick(&[Not, Not, Bswap, Clz, Ctz, Popcnt]);
        let ty = if op == Not { self.int_ty() } else { self.wide_ty() };
        let a = self.value(ty);
        self.b.unary(op, a)
    }

    fn select(&mut self) -> Value {
        let cc = self.rng.pick(&Cc::ALL);
        let ty = self.int_ty();
        let (a, b) = (self.value(ty), self.value(ty));
        match self.rng.below(5) {
            0 => self.b.cond(cc),
            1 => self.b.select(cc, a, b),
            2 => {
                let value = self.value(Ty::I8);
                self.b.select_nz(value, a, b)
            }
            3 => {
                let mask = FlagSet::from_eflags_mask(self.rng.next() as u32);
                self.b.get_flags(if self.adjust { mask } else { mask - FlagSet::AF })
            }
            _ => self.b.seg_base(Seg::Gs),
        }
    }

    /// An address that is mostly inside memory, or anything at all.
    fn address(&mut self, anything: bool) -> Addr {
        let (shift, disp) = (self.rng.below(4) as u8, self.rng.below(512) as i32 - 256);
        if anything || self.rng.one_in(10) {
            let (base, index) = (self.value(Ty::I32), self.value(Ty::I32));
            let base = if self.rng.one_in(3) { Value::NONE } else { base };
            let index = if self.rng.one_in(3) { Value::NONE } else { index };
            let shift = if index.is_some() { shift } else { 0 };
            return Addr { base, index, shift, disp };
        }
        let reg = self.rng.pick(&[Gpr::Esp, Gpr::Esi, Gpr::Edi]);
        let mut base = self.b.get_gpr(reg);
        if self.rng.one_in(3) {
            let step = self.b.const32(4);
            base = self.b.add(base, step);
        }
        let index = if self.rng.one_in(2) {
            let value = self.value(Ty::I32);
            self.b.extract(value, 0, 5)
        } else {
            Value::NONE
        };
        Addr { base, index, shift: if index.is_some() { shift } else { 0 }, disp }
    }

    /// The address rounded down to a multiple of eight: what atomics take without the runtime's help.
    fn aligned(&mut self, addr: Addr) -> Addr {
        let sum = self.b.lea(addr);
        let mask = self.b.const32(!7);
        Addr::base(self.b.and(sum, mask))
    }

    fn load(&mut self) {
        use Opcode::*;
        let addr = self.address(false);
        let ty = self.int_ty();
        let value = match self.rng.below(6) {
            0 => {
                let addr = self.aligned(addr);
                let op = self.rng.pick(&[AtomicXchg, AtomicAdd, AtomicAnd, AtomicOr, AtomicXor]);
                let operand = self.value(ty);
                self.b.atomic(op, addr, operand)
            }
            1 => {
                let addr = self.aligned(addr);
                let (expected, new) = (self.value(ty), self.value(ty));
                self.b.atomic_cas(addr, expected, new)
            }
            _ => self.b.load(ty, addr),
        };
        self.values.push(value);
        if self.rng.one_in(2) && ty.bits() < 32 {
            let wide = self.b.sext(Ty::I32, value);
            self.values.push(wide);
        }
    }

    fn store(&mut self) {
        let ty = self.int_ty();
        let (addr, value) = (self.address(false), self.value(ty));
        self.b.store(addr, value);
    }

    fn write_state(&mut self) {
        let flags = if self.rng.one_in(3) { FlagSet::from_eflags_mask(self.rng.next() as u32) } else { FlagSet::ALL };
        match self.rng.below(8) {
            0..3 => {
                let value = self.value(Ty::I32);
                // Pointer registers mostly keep pointing.
                let scratch = [Gpr::Eax, Gpr::Ecx, Gpr::Edx, Gpr::Ebx];
                let reg = if self.rng.one_in(10) { self.rng.pick(Gpr::ALL) } else { self.rng.pick(&scratch) };
                self.b.set_gpr(reg, value);
            }
            3 | 4 => {
                let value = self.binary(flags);
                self.values.push(value);
            }
            5 => {
                let value = self.shift(flags);
                self.values.push(value);
            }
            6 if self.rng.one_in(4) => self.b.flip_carry(),
            6 if self.rng.one_in(2) => {
                let ty = self.int_ty();
                let (value, bit) = (self.value(ty), self.rng.below(u64::from(ty.bits())) as u32);
                self.b.set_carry(value, bit);
            }
            6 => {
                let image = self.value(Ty::I32);
                self.adjust |= flags.contains(FlagSet::AF);
                self.b.set_flags(flags, image);
            }
            _ => {
                let value = self.value(Ty::I32);
                let base = offset::SEG_BASE + 4 * self.rng.below(6) as u32;
                self.b.set_state(base, value);
            }
        }
    }

    fn target(&mut self, blocks: u64) -> Target {
        if self.rng.one_in(2) {
            Target::Block(BlockId(self.rng.below(blocks) as u16))
        } else {
            Target::Guest(self.rng.pick(&EXITS))
        }
    }

    fn terminator(&mut self, blocks: u64) -> Terminator {
        let (taken, fallthrough) = (self.target(blocks), self.target(blocks));
        let kind = self.rng.below(10);
        if !matches!(kind, 1 | 2) {
            self.define_adjust();
        }
        match kind {
            0 => Terminator::Jump(taken),
            1 | 2 => {
                let value = self.value(Ty::I32);
                let other = self.value(Ty::I32);
                let op = self.rng.pick(&[Opcode::And, Opcode::Or, Opcode::Sub]);
                let other = if self.rng.one_in(2) { value } else { other };
                self.b.binary(op, value, other, FlagSet::ALL);
                self.note_adjust(op, FlagSet::ALL);
                if [taken, fallthrough].iter().any(|target| matches!(target, Target::Guest(_))) {
                    self.define_adjust();
                }
                Terminator::Branch { cc: self.rng.pick(&[Cc::E, Cc::Ne, Cc::Le]), taken, fallthrough }
            }
            3..6 => Terminator::Branch { cc: self.rng.pick(&Cc::ALL), taken, fallthrough },
            6 => Terminator::BranchNz { value: self.value(Ty::I8), taken, fallthrough },
            7 => Terminator::Ret { pc: self.value(Ty::I32) },
            8 => Terminator::Call { target: taken, ret: EXITS[0], ret_block: None },
            _ => Terminator::Exit { trap: Trap::Syscall, eip: self.start.plus(2) },
        }
    }
}
