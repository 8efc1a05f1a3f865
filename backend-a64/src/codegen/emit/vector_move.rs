//! Vector constants, moves between lanes, registers and memory, MXCSR.
use super::super::asm::a64;
use super::super::compiled::CodeOffset;
use super::mem;
use super::vector::VS0;
use super::{EmitCx, S0, S1};
use ir::guest::state::offset;
use ir::{Inst, Lane, Ty};

/// System register numbers of FPCR and FPSR as MRS and MSR encode them (o0 op1 CRn CRm op2).
const FPCR: u32 = 0x5a20;
const FPSR: u32 = 0x5a21;

/// `vconst`.
pub(super) fn constant(cx: &mut EmitCx, inst: &Inst) {
    let d = cx.dst_v();
    let half = inst.imm as u64;
    if cx.low_half() {
        return low_constant(cx, d, half);
    }
    if half.to_le_bytes().iter().all(|b| matches!(b, 0 | 0xff)) {
        return a64!(cx; movi V(d).d2, half);
    }
    if half == (half & 0xff) * 0x0101_0101_0101_0101 {
        // MOVI of bytes; the assembler gets the upper three bits wrong.
        let byte = half as u32 & 0xff;
        return cx.asm.word(0x4f00_e400 | byte >> 5 << 16 | (byte & 31) << 5 | u32::from(d));
    }
    cx.mov_imm64(S0, half);
    a64!(cx; dup V(d).d2, x16);
}

/// A constant in the low half.
fn low_constant(cx: &mut EmitCx, d: u8, half: u64) {
    if half.to_le_bytes().iter().all(|b| matches!(b, 0 | 0xff)) {
        return a64!(cx; movi D(d), half);
    }
    if half == (half & 0xff) * 0x0101_0101_0101_0101 {
        let byte = half as u32 & 0xff;
        return cx.asm.word(0x0f00_e400 | byte >> 5 << 16 | (byte & 31) << 5 | u32::from(d));
    }
    cx.mov_imm64(S0, half);
    a64!(cx; fmov D(d), x16);
}

/// `vfrom_int`.
pub(super) fn from_int(cx: &mut EmitCx) {
    cx.cleared = true;
    let (d, n) = (cx.dst_v(), cx.x(0));
    match cx.arg_ty(0) {
        Ty::I64 => a64!(cx; fmov D(d), X(n)),
        Ty::I32 => a64!(cx; fmov S(d), W(n)),
        ty => a64!(cx; ubfx w16, W(n), 0, ty.bits(); fmov S(d), w16),
    }
}

/// `vlane`.
pub(super) fn lane(cx: &mut EmitCx, inst: &Inst) {
    let (d, n) = (cx.dst(), cx.v(0));
    let i = inst.imm as u32;
    match inst.ty {
        Ty::I8 => a64!(cx; umov W(d), V(n).b[i]),
        Ty::I16 => a64!(cx; umov W(d), V(n).h[i]),
        Ty::I32 if i == 0 => a64!(cx; fmov W(d), S(n)),
        Ty::I32 => a64!(cx; umov W(d), V(n).s[i]),
        _ if i == 0 => a64!(cx; fmov X(d), D(n)),
        _ => a64!(cx; umov X(d), V(n).d[i]),
    }
}

/// `vinsert`.
pub(super) fn insert(cx: &mut EmitCx, inst: &Inst) {
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.x(1));
    let i = inst.imm as u32;
    if d == n && load_lane(cx, inst.lane.bits(), i) {
        return;
    }
    cx.mov_v(d, n);
    match inst.lane {
        Lane::B16 => a64!(cx; ins V(d).b[i], W(m)),
        Lane::H8 => a64!(cx; ins V(d).h[i], W(m)),
        Lane::S4 => a64!(cx; ins V(d).s[i], W(m)),
        _ => a64!(cx; ins V(d).d[i], X(m)),
    }
}

/// Lane `to` of `d` := lane `from` of `n`, lanes of `bits` bits.
pub(super) fn ins(cx: &mut EmitCx, bits: u32, d: u8, to: u32, n: u8, from: u32) {
    match bits {
        8 => a64!(cx; ins V(d).b[to], V(n).b[from]),
        16 => a64!(cx; ins V(d).h[to], V(n).h[from]),
        32 => a64!(cx; ins V(d).s[to], V(n).s[from]),
        _ => a64!(cx; ins V(d).d[to], V(n).d[from]),
    }
}

/// `vcopy_lane`. A first argument that is a constant zero was folded: then lane 0 goes to lane 0.
pub(super) fn copy_lane(cx: &mut EmitCx, inst: &Inst) {
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    let (to, from) = (inst.imm as u32 & 15, inst.imm as u32 >> 4);
    let bits = inst.lane.bits();
    if super::zero_vector(cx.block, inst, 0) {
        cx.cleared = true;
        let def = cx.block.def(inst.args[1]);
        return match bits {
            // With zeros above as it was loaded.
            _ if def.op == ir::Opcode::VLoad && def.lane.bits() <= bits => cx.mov_v(d, m),
            32 => a64!(cx; fmov S(d), S(m)),
            _ => a64!(cx; fmov D(d), D(m)),
        };
    }
    if d == n && from == 0 && load_lane(cx, bits, to) {
        return;
    }
    if d != m || d == n {
        cx.mov_v(d, n);
        return ins(cx, bits, d, to, m, from);
    }
    a64!(cx; mov V(VS0).b16, V(n).b16);
    ins(cx, bits, VS0, to, m, from);
    cx.mov_v(d, VS0);
}

/// A load that was just emitted, from an address in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loaded {
    value: usize,
    bits: u32,
    base: u8,
    /// The end of its instruction.
    end: CodeOffset,
}

/// Remembers the load just emitted.
pub(super) fn note_load(cx: &mut EmitCx, bits: u32, mode: mem::AddrMode) {
    if let (base, 0) = mode.parts() {
        cx.loaded = Some(Loaded { value: cx.value, bits, base, end: cx.asm.here() });
    }
}

/// Makes the load right before, of a value that only argument 1 of this instruction reads, a load into lane `i` of the
/// destination; whether that was possible.
fn load_lane(cx: &mut EmitCx, bits: u32, i: u32) -> bool {
    let loaded = cx.loaded.take().filter(|l| l.end == cx.asm.here() && l.bits == bits);
    let [whole, part, ..] = cx.inst().args.map(|a| cx.alloc.slots.get(a.index()).map_or(u16::MAX, |s| s.root));
    let value = part;
    let Some(Loaded { base, .. }) = loaded.filter(|l| l.value == usize::from(value)) else { return false };
    let slot = &cx.alloc.slots[usize::from(value)];
    if slot.first != slot.last || whole == value || cx.alloc.spilled {
        return false;
    }
    cx.asm.take_back();
    let d = cx.dst_v();
    match bits {
        8 => a64!(cx; ld1 { V(d).b * 1 }[i], [X(base)]),
        16 => a64!(cx; ld1 { V(d).h * 1 }[i], [X(base)]),
        32 => a64!(cx; ld1 { V(d).s * 1 }[i], [X(base)]),
        _ => a64!(cx; ld1 { V(d).d * 1 }[i], [X(base)]),
    }
    true
}

fn lane_ty(lane: Lane) -> Ty {
    match lane.bits() {
        8 => Ty::I8,
        16 => Ty::I16,
        32 => Ty::I32,
        _ => Ty::I64,
    }
}

/// `vload`.
pub(super) fn load(cx: &mut EmitCx, inst: &Inst) {
    let mode = mem::address(cx, inst.lane.bits() / 8);
    let d = cx.dst_v();
    cx.cleared = true;
    match (inst.lane.bits(), mode) {
        (32, mem::AddrMode::Scaled(base, imm)) => a64!(cx; ldr S(d), [X(base), imm.value()]),
        (32, mem::AddrMode::Unscaled(base, imm)) => a64!(cx; ldur S(d), [X(base), imm.value()]),
        (64, mem::AddrMode::Scaled(base, imm)) => a64!(cx; ldr D(d), [X(base), imm.value()]),
        (64, mem::AddrMode::Unscaled(base, imm)) => a64!(cx; ldur D(d), [X(base), imm.value()]),
        (_, mode) => {
            mem::load_from(cx, lane_ty(inst.lane), S0, mode);
            a64!(cx; fmov S(d), w16);
        }
    }
    if inst.lane.bits() >= 32 {
        note_load(cx, inst.lane.bits(), mode);
    }
    if cx.options.ordered {
        a64!(cx; dmb ishld);
    }
}

/// `vstore`.
pub(super) fn store(cx: &mut EmitCx, inst: &Inst) {
    let mode = mem::address(cx, inst.lane.bits() / 8);
    if cx.options.ordered {
        a64!(cx; dmb ishst);
    }
    let n = cx.v(2);
    match (inst.lane.bits(), mode) {
        (32, mem::AddrMode::Scaled(base, imm)) => a64!(cx; str S(n), [X(base), imm.value()]),
        (32, mem::AddrMode::Unscaled(base, imm)) => a64!(cx; stur S(n), [X(base), imm.value()]),
        (64, mem::AddrMode::Scaled(base, imm)) => a64!(cx; str D(n), [X(base), imm.value()]),
        (64, mem::AddrMode::Unscaled(base, imm)) => a64!(cx; stur D(n), [X(base), imm.value()]),
        (_, mode) => {
            a64!(cx; fmov w17, S(n));
            mem::store_to(cx, lane_ty(inst.lane), S1, mode);
        }
    }
}

/// `vstore_lane`.
pub(super) fn store_lane(cx: &mut EmitCx, inst: &Inst) {
    let lane = cx.imm(3).expect("a constant lane") as u32;
    if cx.options.ordered {
        a64!(cx; dmb ishst);
    }
    let base = mem::plain_address(cx);
    let n = cx.v(2);
    match inst.lane.bits() {
        8 => a64!(cx; st1 { V(n).b * 1 }[lane], [X(base)]),
        16 => a64!(cx; st1 { V(n).h * 1 }[lane], [X(base)]),
        32 => a64!(cx; st1 { V(n).s * 1 }[lane], [X(base)]),
        _ => a64!(cx; st1 { V(n).d * 1 }[lane], [X(base)]),
    }
}

/// `get_mxcsr`: the control bits and old flags from the state, new flags from FPSR.
pub(super) fn get_mxcsr(cx: &mut EmitCx) {
    let d = cx.dst();
    a64!(cx
        ; mrs x16, FPSR
        ; ldr w17, [x28, offset::MXCSR]
        // IOC is IE at the same place; DZC OFC UFC IXC are one place below ZE OE UE PE.
        ; and w30, w16, 1
        ; orr w17, w17, w30
        ; and w30, w16, 0x1e
        ; orr w17, w17, w30, lsl 1);
    if cx.options.features.afp {
        // IDC is DE.
        a64!(cx; and w16, w16, 0x80; orr W(d), w17, w16, lsr 6);
    } else {
        // A flushed result is inexact too, which FPSR does not say.
        a64!(cx; and w16, w16, 8; orr W(d), w17, w16, lsl 2);
    }
}

/// `set_mxcsr`: the state, FPCR's rounding mode and flush-to-zero, no flag in FPSR.
pub(super) fn set_mxcsr(cx: &mut EmitCx) {
    let n = cx.x(0);
    a64!(cx
        ; str W(n), [x28, offset::MXCSR]
        ; msr FPSR, xzr
        // RC counts nearest, down, up, zero; RMode nearest, up, down, zero: the two bits change places.
        ; rbit w16, W(n)
        ; ubfx w16, w16, 17, 2
        ; lsl w16, w16, 22);
    if cx.options.features.afp {
        // FTZ (15) is FZ (24), DAZ (6) is FIZ (0); AH and NEP stay.
        a64!(cx
            ; ubfx w17, W(n), 15, 1
            ; orr w16, w16, w17, lsl 24
            ; ubfx w17, W(n), 6, 1
            ; orr w16, w16, w17
            ; orr w16, w16, 6);
    } else {
        // FTZ (15) or DAZ (6): FZ (24) does both.
        a64!(cx
            ; orr w17, W(n), W(n), lsl 9
            ; ubfx w17, w17, 15, 1
            ; orr w16, w16, w17, lsl 24);
    }
    a64!(cx; msr FPCR, x16);
}
