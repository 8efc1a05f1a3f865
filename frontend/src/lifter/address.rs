//! Addresses of memory operands: offsets, segment bases, and the checks of segments that have limits. SDM vol. 1, 3.7.5
//! (specifying an offset); vol. 3, 5.3 (limit checking).
use super::{register, segment, LiftCx, Operand, Place};
use crate::access;
use crate::region::Segments;
use iced_x86::Register;
use ir::guest::{Seg, Trap};
use ir::inst::Datum;
use ir::sink::{Addr, Sink};
use ir::{Helper, Ty};

impl<S: Sink> LiftCx<S> {
    /// Linear address of the explicit memory operand: segment base, base, index, displacement. Where its segment has a limit,
    /// that is checked.
    pub fn mem_addr(&mut self) -> Addr<S::Value> {
        let offset = self.offset();
        self.mem_addr_at(offset)
    }

    /// The same at another offset than the operand's own.
    pub fn mem_addr_at(&mut self, offset: Addr<S::Value>) -> Addr<S::Value> {
        let prefix = self.insn.segment_prefix();
        if self.segments != Segments::Full && !matches!(prefix, Register::FS | Register::GS) {
            // The base of the others is zero.
            return offset;
        }
        let seg = segment(self.insn.memory_segment()).unwrap_or(Seg::Ds);
        let size = self.insn.memory_size().size().max(1);
        let write = self.segments == Segments::Full && access::always_writes_memory(&self.insn);
        self.linear(seg, offset, size as u32, write)
    }

    /// Checks that the segment of the memory operand allows the write that is made if `condition`, 0 or 1, is 1.
    pub fn check_write_if(&mut self, condition: S::Value) {
        let seg = segment(self.insn.memory_segment()).unwrap_or(Seg::Ds);
        if self.segments == Segments::Full {
            let offset = self.offset();
            let (_, refused) = self.ask_segment(seg, offset, self.insn.memory_size().size() as u32, true);
            let refused = self.ir.and(refused, condition);
            self.refuse(seg, refused);
        } else if seg == Seg::Cs {
            self.ir.trap_if(condition, Trap::GeneralProtection);
        }
    }

    /// As [`Self::mem_addr`] of an operand that must be aligned: it is found misaligned before its segment refuses it.
    pub fn aligned_addr(&mut self) -> Addr<S::Value> {
        if self.segments != Segments::Full {
            return self.mem_addr();
        }
        let offset = self.offset();
        let seg = segment(self.insn.memory_segment()).unwrap_or(Seg::Ds);
        let (size, write) = (self.insn.memory_size().size() as u32, access::always_writes_memory(&self.insn));
        let (linear, refused) = self.ask_segment(seg, offset, size, write);
        let mask = self.ir.const32(size - 1);
        let misaligned = self.ir.and(linear, mask);
        self.ir.trap_if(misaligned, Trap::GeneralProtection);
        self.refuse(seg, refused);
        Addr::base(linear)
    }

    /// Whether accesses in a segment are checked.
    fn is_checked(&self, seg: Seg) -> bool {
        match self.segments {
            Segments::Full => true,
            Segments::GsLimit => matches!(seg, Seg::Fs | Seg::Gs),
            Segments::Flat => seg == Seg::Fs,
        }
    }

    /// The linear address of an access of `size` bytes at an offset in a segment; `write` if it may write. An access that the
    /// segment does not allow is a fault.
    pub fn linear(&mut self, seg: Seg, offset: Addr<S::Value>, size: u32, write: bool) -> Addr<S::Value> {
        match (self.segments, seg) {
            (Segments::Full, _) => self.linear_by_helper(seg, offset, size, write),
            (_, Seg::Fs | Seg::Gs) => {
                let base = self.ir.seg_base(seg);
                if !self.is_checked(seg) {
                    return self.with_base(base, offset);
                }
                let offset = self.ir.lea(offset);
                self.check_end(seg, offset, size);
                Addr { base, index: offset, shift: 0, disp: 0 }
            }
            // The base of the others is zero.
            _ => offset,
        }
    }

    /// An access of the stack: `linear` in SS.
    pub fn stack(&mut self, offset: Addr<S::Value>, ty: Ty, write: bool) -> Addr<S::Value> {
        match self.segments {
            Segments::Full => {
                let offset = if self.has_small_stack() { self.wrap16(offset) } else { offset };
                self.linear(Seg::Ss, offset, ty.bytes(), write)
            }
            _ => offset,
        }
    }

    fn linear_by_helper(&mut self, seg: Seg, offset: Addr<S::Value>, size: u32, write: bool) -> Addr<S::Value> {
        let (linear, refused) = self.ask_segment(seg, offset, size, write);
        self.refuse(seg, refused);
        Addr::base(linear)
    }

    /// The linear address, and whether the segment does not allow the access.
    fn ask_segment(&mut self, seg: Seg, offset: Addr<S::Value>, size: u32, write: bool) -> (S::Value, S::Value) {
        let offset = self.ir.lea(offset);
        let number = self.ir.const32(seg as u32);
        let access = self.ir.iconst(Ty::I64, u64::from(size) | u64::from(write) << 32);
        let answer = self.ir.helper(Helper::SegmentLinear, Ty::I64, &[number, offset, access]);
        let refused = self.ir.extract(answer, 32, 1);
        (self.ir.trunc(Ty::I32, answer), refused)
    }

    fn refuse(&mut self, seg: Seg, refused: S::Value) {
        let trap = if seg == Seg::Ss { Trap::StackFault } else { Trap::GeneralProtection };
        self.ir.trap_if(refused, trap);
    }

    /// To the interpreter unless `size` bytes at an offset are before the end of a plain segment: it knows the rest.
    fn check_end(&mut self, seg: Seg, offset: S::Value, size: u32) {
        let end = self.ir.seg_end(seg);
        let offset = self.ir.zext(Ty::I64, offset);
        let size = self.ir.iconst(Ty::I64, u64::from(size));
        let room = self.ir.sub(end, offset);
        let room = self.ir.sub(room, size);
        let beyond = self.ir.extract(room, 63, 1);
        self.ir.trap_if(beyond, Trap::Interpret);
    }

    /// `addr` relative to a segment's base.
    fn with_base(&mut self, seg_base: S::Value, addr: Addr<S::Value>) -> Addr<S::Value> {
        if addr.base.is_none() {
            return Addr { base: seg_base, ..addr };
        }
        if addr.index.is_none() {
            return Addr { base: seg_base, index: addr.base, shift: 0, disp: addr.disp };
        }
        let base = self.ir.add(seg_base, addr.base);
        Addr { base, ..addr }
    }

    /// The offset part of the explicit memory operand, what LEA computes.
    pub fn offset(&mut self) -> Addr<S::Value> {
        let (base, index) = (self.insn.memory_base(), self.insn.memory_index());
        let wide = if base == Register::None { index } else { base };
        let addr = Addr {
            base: self.address_part(base),
            index: self.address_part(index),
            shift: self.insn.memory_index_scale().trailing_zeros() as u8,
            disp: self.insn.memory_displacement32() as i32,
        };
        let short = if wide == Register::None { self.insn.memory_displ_size() == 2 } else { wide < Register::EAX };
        if short {
            self.wrap16(addr)
        } else {
            addr
        }
    }

    /// An address modulo 2^16, as 16-bit addressing wraps.
    fn wrap16(&mut self, addr: Addr<S::Value>) -> Addr<S::Value> {
        if addr.base.is_none() && addr.index.is_none() {
            return Addr { disp: addr.disp & 0xffff, ..addr };
        }
        let sum = self.ir.lea(addr);
        Addr::base(self.ir.extract(sum, 0, 16))
    }

    /// Touches the last byte of a large operand, so that the fault of its last page comes before anything is done; `write`
    /// if it is going to be written. (Processors do this for state images.)
    pub fn reach(&mut self, addr: Addr<S::Value>, size: usize, write: bool) {
        let last = addr.plus(size as i32 - 1);
        let byte = self.ir.load(Ty::I8, last);
        if write {
            self.ir.store(last, byte);
        }
    }

    /// A base or index register as an `I32` value (BX and so on: with whatever is above the low half).
    fn address_part(&mut self, reg: Register) -> S::Value {
        match register::<S::Value>(reg) {
            Some(Operand { place: Place::Gpr { gpr, .. }, .. }) => self.ir.get_gpr(gpr),
            _ => S::Value::NONE,
        }
    }
}
