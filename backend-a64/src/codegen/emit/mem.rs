//! Loads, stores, address arithmetic, `CpuState` fields and spill slots.
//!
//! Guest addresses are host addresses below 4 GiB. A base register plus a small displacement is used directly: it may
//! leave the 4 GiB window by at most [`REACH`] bytes, which faults (nothing of the guest is within that of either end),
//! and the runtime then redoes the instruction with the wrapped address.
use super::super::abi;
use super::super::imm::{mov32_len, AddImm, SImm9, UImm12Scaled};
use super::int::add_imm;
use super::{a64, pair, vector_move, writeback, EmitCx, S0, S1, ZR};
use ir::{Inst, Opcode, Ty};

/// Most bytes a displacement may take an address out of the window.
const REACH: i32 = 16 << 10;

/// Where an aligned access puts the low four bits of its address. Bits 56 to 63 may be ignored (Arm ARM D8.8, top-byte ignore),
/// bit 55 chooses the kernel's half.
const MISALIGNED: u32 = 51;

/// A memory operand as the instruction takes it; the register is an X register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddrMode {
    /// `[base, #offset]`, scaled unsigned.
    Scaled(u8, UImm12Scaled),
    /// `[base, #offset]`, unscaled signed.
    Unscaled(u8, SImm9),
}

impl AddrMode {
    /// A register with nothing to add.
    pub(super) fn plain(base: u8) -> Self {
        Self::Unscaled(base, SImm9::new(0).expect("zero fits"))
    }

    /// Base register and offset.
    pub(super) fn parts(self) -> (u8, i32) {
        match self {
            Self::Scaled(base, imm) => (base, imm.value() as i32),
            Self::Unscaled(base, imm) => (base, imm.value()),
        }
    }

    fn of(base: u8, disp: i32, size: u32) -> Option<Self> {
        if disp < REACH {
            if let Some(imm) = UImm12Scaled::new(disp, size) {
                return Some(Self::Scaled(base, imm));
            }
        }
        SImm9::new(disp).map(|imm| Self::Unscaled(base, imm))
    }
}

/// The parts of the current instruction's memory operand, constants folded into the displacement.
struct Parts {
    base: Option<u8>,
    index: Option<(u8, u32)>,
    disp: u32,
}

fn parts(cx: &EmitCx) -> Parts {
    let inst = cx.inst();
    let mut disp = inst.disp() as u32;
    let shift = u32::from(inst.shift);
    let mut base = None;
    if inst.args[0].is_some() {
        match cx.imm(0) {
            Some(c) => disp = disp.wrapping_add(c as u32),
            None => base = Some(cx.x(0)),
        }
    }
    let mut index = None;
    if inst.args[1].is_some() {
        match cx.imm(1) {
            Some(c) => disp = disp.wrapping_add((c as u32) << shift),
            None => index = Some((cx.x(1), shift)),
        }
    }
    // An unscaled index alone is a base.
    if let (None, Some((reg, 0))) = (base, index) {
        (base, index) = (Some(reg), None);
    }
    Parts { base, index, disp }
}

/// Computes `base + index`, without the displacement, into one register: `S0` or the base itself.
fn sum(cx: &mut EmitCx, base: Option<u8>, index: Option<(u8, u32)>) -> Option<u8> {
    match (base, index) {
        (base, None) => base,
        (Some(base), Some((index, shift))) => {
            a64!(cx; add W(S0), W(base), W(index), lsl shift);
            Some(S0)
        }
        (None, Some((index, shift))) => {
            a64!(cx; lsl W(S0), W(index), shift);
            Some(S0)
        }
    }
}

/// The memory operand of the current instruction for an access of `size` bytes. May use `S0`; keeps `S1` and NZCV.
pub(crate) fn address(cx: &mut EmitCx, size: u32) -> AddrMode {
    let Parts { base, index, disp } = parts(cx);
    if base.is_none() && index.is_none() {
        return absolute(cx, disp, size);
    }
    if AddrMode::of(0, disp as i32, size).is_some() {
        let reg = sum(cx, base, index).expect("a base or an index");
        return AddrMode::of(reg, disp as i32, size).expect("checked");
    }
    let (high, low) = split(disp, size);
    match AddImm::new(u64::from(high), false) {
        Some(imm) => {
            let reg = sum(cx, base, index).expect("a base or an index");
            add_imm(cx, imm, false, false, S0, reg);
        }
        None => {
            // The displacement needs a register: start from it and add the rest.
            cx.mov_imm(S0, high);
            for (reg, shift) in base.map(|b| (b, 0)).into_iter().chain(index) {
                a64!(cx; add W(S0), W(S0), W(reg), lsl shift);
            }
        }
    }
    AddrMode::of(S0, low, size).expect("split leaves an encodable displacement")
}

fn absolute(cx: &mut EmitCx, addr: u32, size: u32) -> AddrMode {
    let (high, low) = split(addr, size);
    cx.mov_imm(S0, high);
    AddrMode::of(S0, low, size).expect("split leaves an encodable displacement")
}

/// Splits a displacement into a part that is cheap to add and one that the access takes.
fn split(disp: u32, size: u32) -> (u32, i32) {
    for keep in [0x3fff, 0xfff] {
        let low = (disp & keep) as i32;
        let high = disp & !keep;
        let cheap = high & 0xffff == 0 || AddImm::new(u64::from(high), false).is_some();
        if cheap && AddrMode::of(0, low, size).is_some() {
            return (high, low);
        }
    }
    // A small step back from a rounder number.
    let low = (disp as i32) << 24 >> 24;
    let high = disp.wrapping_sub(low as u32);
    if AddImm::new(u64::from(high), false).is_some() || mov32_len(high) < mov32_len(disp) {
        return (high, low);
    }
    (disp, 0)
}

/// The same of 16 bytes that must be aligned: what is below a multiple of 16 goes above the 48 bits that any address of ours
/// has, so that the access faults (`runtime::recover`).
fn aligned_address(cx: &mut EmitCx) -> AddrMode {
    let mode = address(cx, 16);
    let (base, offset) = mode.parts();
    if offset % 16 == 0 {
        // An aligned register stays as it is, and another is not used after the fault.
        a64!(cx; bfi X(base), X(base), MISALIGNED, 4);
        return mode;
    }
    add_constant(cx, S0, base, offset as u32);
    a64!(cx; bfi x16, x16, MISALIGNED, 4);
    AddrMode::plain(S0)
}

/// The address in one register, with nothing to add: what atomics and pairs need. `S0` or the base itself.
pub(crate) fn plain_address(cx: &mut EmitCx) -> u8 {
    let Parts { base, index, disp } = parts(cx);
    let Some(reg) = sum(cx, base, index) else {
        cx.mov_imm(S0, disp);
        return S0;
    };
    if disp == 0 {
        return reg;
    }
    add_constant(cx, S0, reg, disp);
    S0
}

/// `dst = reg + value`. Uses `S1`.
fn add_constant(cx: &mut EmitCx, dst: u8, reg: u8, value: u32) {
    if value == 0 {
        return cx.mov(dst, reg);
    }
    if let Some(imm) = AddImm::new(u64::from(value), false) {
        return add_imm(cx, imm, false, false, dst, reg);
    }
    match AddImm::pair(value).filter(|_| mov32_len(value) > 1) {
        Some((high, low)) => {
            add_imm(cx, high, false, false, S1, reg);
            add_imm(cx, low, false, false, dst, S1);
        }
        None => {
            cx.mov_imm(S1, value);
            a64!(cx; add W(dst), W(reg), W(S1));
        }
    }
}

/// `lea`.
pub(super) fn lea(cx: &mut EmitCx) {
    let Parts { base, index, disp } = parts(cx);
    let dst = cx.dst();
    let reg = match (base, index) {
        (None, None) => return cx.mov_imm(dst, disp),
        (Some(base), None) => base,
        (base, Some((index, shift))) => {
            let target = if disp == 0 { dst } else { S0 };
            a64!(cx; add W(target), W(base.unwrap_or(ZR)), W(index), lsl shift);
            target
        }
    };
    add_constant(cx, dst, reg, disp);
}

/// Loads a value of `ty` into a register.
pub(crate) fn load_from(cx: &mut EmitCx, ty: Ty, reg: u8, mode: AddrMode) {
    match mode {
        AddrMode::Scaled(base, imm) => {
            let offset = imm.value();
            match ty {
                Ty::I8 => a64!(cx; ldrb W(reg), [X(base), offset]),
                Ty::I16 => a64!(cx; ldrh W(reg), [X(base), offset]),
                Ty::I32 => a64!(cx; ldr W(reg), [X(base), offset]),
                Ty::I64 => a64!(cx; ldr X(reg), [X(base), offset]),
                Ty::V128 => a64!(cx; ldr Q(reg), [X(base), offset]),
                Ty::None => unreachable!("load of nothing"),
            }
        }
        AddrMode::Unscaled(base, imm) => {
            let offset = imm.value();
            match ty {
                Ty::I8 => a64!(cx; ldurb W(reg), [X(base), offset]),
                Ty::I16 => a64!(cx; ldurh W(reg), [X(base), offset]),
                Ty::I32 => a64!(cx; ldur W(reg), [X(base), offset]),
                Ty::I64 => a64!(cx; ldur X(reg), [X(base), offset]),
                Ty::V128 => a64!(cx; ldur Q(reg), [X(base), offset]),
                Ty::None => unreachable!("load of nothing"),
            }
        }
    }
}

/// Stores a register.
pub(crate) fn store_to(cx: &mut EmitCx, ty: Ty, reg: u8, mode: AddrMode) {
    match mode {
        AddrMode::Scaled(base, imm) => {
            let offset = imm.value();
            match ty {
                Ty::I8 => a64!(cx; strb W(reg), [X(base), offset]),
                Ty::I16 => a64!(cx; strh W(reg), [X(base), offset]),
                Ty::I32 => a64!(cx; str W(reg), [X(base), offset]),
                Ty::I64 => a64!(cx; str X(reg), [X(base), offset]),
                Ty::V128 => a64!(cx; str Q(reg), [X(base), offset]),
                Ty::None => unreachable!("store of nothing"),
            }
        }
        AddrMode::Unscaled(base, imm) => {
            let offset = imm.value();
            match ty {
                Ty::I8 => a64!(cx; sturb W(reg), [X(base), offset]),
                Ty::I16 => a64!(cx; sturh W(reg), [X(base), offset]),
                Ty::I32 => a64!(cx; stur W(reg), [X(base), offset]),
                Ty::I64 => a64!(cx; stur X(reg), [X(base), offset]),
                Ty::V128 => a64!(cx; stur Q(reg), [X(base), offset]),
                Ty::None => unreachable!("store of nothing"),
            }
        }
    }
}

/// `load`, `load_sx`. A load nobody reads is still made: it may fault.
pub(super) fn load(cx: &mut EmitCx, inst: &Inst) {
    if inst.op == Opcode::Load {
        if let Some(stepping) = writeback::stepping(cx, inst, cx.dst()) {
            writeback::load(cx, inst.ty, cx.dst(), stepping);
            return after_load(cx);
        }
    }
    let mode = access(cx, inst);
    let dst = cx.dst();
    if inst.op == Opcode::LoadSx {
        load_signed(cx, inst.ty, dst, mode);
    } else {
        load_from(cx, inst.ty, dst, mode);
        vector_move::note_load(cx, inst.ty.bits(), mode);
    }
    after_load(cx);
}

/// The memory operand of a load or store.
fn access(cx: &mut EmitCx, inst: &Inst) -> AddrMode {
    match inst.op {
        Opcode::LoadAligned | Opcode::StoreAligned => aligned_address(cx),
        _ => address(cx, inst.ty.bytes()),
    }
}

fn after_load(cx: &mut EmitCx) {
    if cx.options.ordered {
        a64!(cx; dmb ishld);
    }
}

fn load_signed(cx: &mut EmitCx, ty: Ty, reg: u8, mode: AddrMode) {
    match (mode, ty) {
        (AddrMode::Scaled(base, imm), Ty::I8) => a64!(cx; ldrsb W(reg), [X(base), imm.value()]),
        (AddrMode::Scaled(base, imm), _) => a64!(cx; ldrsh W(reg), [X(base), imm.value()]),
        (AddrMode::Unscaled(base, imm), Ty::I8) => a64!(cx; ldursb W(reg), [X(base), imm.value()]),
        (AddrMode::Unscaled(base, imm), _) => a64!(cx; ldursh W(reg), [X(base), imm.value()]),
    }
}

/// `store`.
pub(super) fn store(cx: &mut EmitCx, inst: &Inst) {
    let stepping = if inst.op == Opcode::Store { writeback::stepping(cx, inst, cx.x(2)) } else { None };
    if cx.options.ordered {
        // Earlier loads are ordered by the barrier that follows each of them.
        a64!(cx; dmb ishst);
    }
    if let Some(stepping) = stepping {
        return writeback::store(cx, inst.ty, cx.x(2), stepping);
    }
    let mode = access(cx, inst);
    let (reg, (base, offset)) = (cx.x(2), mode.parts());
    if !pair::join(cx, inst.ty, reg, base, offset, false) {
        store_to(cx, inst.ty, reg, mode);
        pair::note(cx, inst.ty, reg, base, offset, false);
    }
}

/// `store_if`.
pub(super) fn store_if(cx: &mut EmitCx, inst: &Inst) {
    let skip = cx.asm.new_label();
    cx.stored = None;
    cx.asm.cbz(false, cx.x(3), skip);
    store(cx, inst);
    cx.stored = None;
    cx.asm.bind(skip);
}

/// The addressing mode of a `CpuState` field.
pub(crate) fn state(offset: u32, ty: Ty) -> AddrMode {
    match UImm12Scaled::new(offset as i32, ty.bytes()) {
        Some(imm) => AddrMode::Scaled(abi::STATE, imm),
        None => AddrMode::Unscaled(abi::STATE, SImm9::new(offset as i32).expect("unaligned field out of reach")),
    }
}

/// `get_state`.
pub(super) fn get_state(cx: &mut EmitCx, inst: &Inst) {
    let dst = cx.dst();
    load_from(cx, inst.ty, dst, state(inst.imm as u32, inst.ty));
}

/// `set_state`.
pub(super) fn set_state(cx: &mut EmitCx, inst: &Inst) {
    store_to(cx, inst.ty, cx.x(0), state(inst.imm as u32, inst.ty));
}

fn spill_slot(ty: Ty, n: u8) -> (Ty, AddrMode) {
    let ty = if ty == Ty::V128 { ty } else { Ty::I64 };
    (ty, state(abi::host_word(abi::SPILL_FIRST_WORD + u32::from(n)), ty))
}

/// Loads a spilled value.
pub(super) fn load_spill(cx: &mut EmitCx, ty: Ty, reg: u8, n: u8) {
    let (ty, mode) = spill_slot(ty, n);
    load_from(cx, ty, reg, mode);
}

/// Stores a value to its spill slot.
pub(super) fn store_spill(cx: &mut EmitCx, ty: Ty, reg: u8, n: u8) {
    let (ty, mode) = spill_slot(ty, n);
    store_to(cx, ty, reg, mode);
}

const _: () = assert!(abi::host_word(abi::SPILL_FIRST_WORD) % 16 == 0);
