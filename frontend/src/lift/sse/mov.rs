//! Moves between vector registers, general registers and memory.
//! SDM vol. 1, 9.4.1, 10.4.1.1 and 11.4.1.1; vol. 2, each by name.
use super::{copy_lane, get, lifts, load, low_half, register, require_aligned, set, source, vector_register, Reg};
use crate::lift::mmx;
use crate::lifter::LiftCx;
use ir::{Lane, Opcode, Sink, Ty};
use Lane::{D2, H8, S4};

/// MOVAPS, MOVDQA, MOVNTPS and so on; MOVUPS, MOVDQU, LDDQU and so on.
fn whole(cx: &mut LiftCx, aligned: bool) {
    if let Some(dst) = register(cx, 0) {
        let value = match register(cx, 1) {
            Some(src) => get(cx, src),
            None if aligned => load(cx),
            None => {
                let addr = cx.mem_addr();
                cx.ir.load(Ty::V128, addr)
            }
        };
        return set(cx, dst, value);
    }
    let src = vector_register(cx, 1);
    let addr = cx.mem_addr();
    if aligned {
        require_aligned(cx, addr);
    }
    let value = get(cx, src);
    cx.ir.store(addr, value);
}

/// Stores the low lane of operand 1, a vector register.
fn store(cx: &mut LiftCx, lane: Lane) {
    let src = vector_register(cx, 1);
    let addr = cx.mem_addr();
    let value = get(cx, src);
    cx.ir.vstore(lane, addr, value);
    mmx::enter_for(cx, src);
}

/// MOVSS, MOVSD: a load zeroes the rest, a register move keeps it.
fn scalar(cx: &mut LiftCx, lane: Lane) {
    let Some(dst) = register(cx, 0) else {
        return store(cx, lane);
    };
    let result = match register(cx, 1) {
        None => load(cx),
        Some(src) => {
            let (a, b) = (get(cx, dst), get(cx, src));
            copy_lane(cx, lane, a, 0, b, 0)
        }
    };
    set(cx, dst, result);
}

/// MOVLPS, MOVHPS and the like: one half (0 low, 1 high) to or from memory.
fn half(cx: &mut LiftCx, half: u32) {
    if cx.is_mem(0) {
        let src = vector_register(cx, 1);
        let addr = cx.mem_addr();
        let value = get(cx, src);
        let value = if half == 0 { value } else { copy_lane(cx, D2, value, 0, value, 1) };
        return cx.ir.vstore(D2, addr, value);
    }
    let dst = vector_register(cx, 0);
    let value = load(cx);
    let a = get(cx, dst);
    let result = copy_lane(cx, D2, a, half, value, 0);
    set(cx, dst, result);
}

/// MOVHLPS (to 0, from 1), MOVLHPS (to 1, from 0).
fn cross(cx: &mut LiftCx, to: u32, from: u32) {
    let dst = vector_register(cx, 0);
    let a = get(cx, dst);
    let b = super::second(cx, a);
    let result = copy_lane(cx, D2, a, to, b, from);
    set(cx, dst, result);
}

/// MOVD: 32 bits between a vector register and r/m32.
pub(crate) fn movd(cx: &mut LiftCx) {
    if register(cx, 0).is_some() {
        let dst = vector_register(cx, 0);
        let value = if cx.is_mem(1) {
            load(cx)
        } else {
            let value = cx.read(1);
            cx.ir.lanes(Opcode::VFromInt, Lane::None, &[value])
        };
        return set(cx, dst, value);
    }
    if cx.is_mem(0) {
        return store(cx, S4);
    }
    let src = vector_register(cx, 1);
    let a = get(cx, src);
    let value = cx.ir.vector(Opcode::VLane, Ty::I32, S4, &[a], 0);
    cx.write(0, value);
}

/// MOVQ: 64 bits between vector registers of one file, or to and from memory.
pub(crate) fn movq(cx: &mut LiftCx) {
    if cx.is_mem(0) {
        return store(cx, D2);
    }
    let dst = vector_register(cx, 0);
    let value = match register(cx, 1) {
        None => load(cx),
        Some(src @ Reg::Mm(_)) => get(cx, src),
        Some(src) => {
            let a = get(cx, src);
            low_half(cx, a)
        }
    };
    set(cx, dst, value);
}

/// MOVQ2DQ.
pub(crate) fn movq2dq(cx: &mut LiftCx) {
    let src = vector_register(cx, 1);
    let dst = vector_register(cx, 0);
    let value = get(cx, src);
    let value = low_half(cx, value);
    set(cx, dst, value);
}

/// MOVDQ2Q.
pub(crate) fn movdq2q(cx: &mut LiftCx) {
    let dst = vector_register(cx, 0);
    let value = source(cx, 1);
    set(cx, dst, value);
}

/// MOVNTI: an ordinary store; the hint has no meaning here.
pub(crate) fn movnti(cx: &mut LiftCx) {
    let value = cx.read(1);
    cx.write(0, value);
}

/// PINSRW: the low word of r32, or m16, into a lane.
pub(crate) fn pinsrw(cx: &mut LiftCx) {
    let dst = vector_register(cx, 0);
    let value = if cx.is_mem(1) {
        let addr = cx.mem_addr();
        cx.ir.load(Ty::I16, addr)
    } else {
        cx.read(1)
    };
    let a = get(cx, dst);
    let lane = super::imm8(cx) & if matches!(dst, Reg::Mm(_)) { 3 } else { 7 };
    let result = cx.ir.vector(Opcode::VInsert, Ty::V128, H8, &[a, value], i64::from(lane));
    set(cx, dst, result);
}

/// PEXTRW: a lane, zero-extended, into r32; or into m16 (SSE4.1).
pub(crate) fn pextrw(cx: &mut LiftCx) {
    let src = vector_register(cx, 1);
    let a = get(cx, src);
    let lane = super::imm8(cx) & if matches!(src, Reg::Mm(_)) { 3 } else { 7 };
    let word = cx.ir.vector(Opcode::VLane, Ty::I16, H8, &[a], i64::from(lane));
    if cx.is_mem(0) {
        let addr = cx.mem_addr();
        return cx.ir.store(addr, word);
    }
    let wide = cx.ir.zext(Ty::I32, word);
    cx.write(0, wide);
}

lifts! {
    /// MOVAPS, MOVAPD, MOVDQA, MOVNTPS, MOVNTPD, MOVNTDQ, MOVNTDQA.
    aligned: whole(true);
    /// MOVUPS, MOVUPD, MOVDQU, LDDQU.
    unaligned: whole(false);
    movss: scalar(S4);
    /// MOVSD with XMM operands; the string instruction has the same mnemonic.
    movsd: scalar(D2);
    /// MOVLPS, MOVLPD.
    movlps: half(0);
    /// MOVHPS, MOVHPD.
    movhps: half(1);
    movhlps: cross(0, 1);
    movlhps: cross(1, 0);
    movntq: store(D2);
}
