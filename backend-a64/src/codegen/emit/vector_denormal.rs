//! Denormal numbers: whether an operand is one, which the host's arithmetic does not tell, and flushing them.
//!
//! A number without its sign, less one, has nothing in its exponent's place exactly if it is a denormal: a zero wraps.
use super::super::asm::{a64, Label};
use super::branch;
use super::vector::{VS0, VS1};
use super::EmitCx;
use ir::guest::state::offset;
use ir::{Inst, Lane};

/// MXCSR bits that make it of no interest.
const DE: u32 = 1;
const DAZ: u32 = 6;

/// The rest of `trap_denormal`, where an operand has a zero in its exponent's place.
#[derive(Clone, Copy, Debug)]
pub(super) struct DenormalFix {
    operands: [u8; 2],
    lane: Lane,
    done: Label,
    /// Where it leaves.
    trap: Label,
}

/// `trap_denormal`: looks at the exponents only; what has none may still be a zero.
pub(super) fn check(cx: &mut EmitCx, inst: &Inst) {
    let operands = [cx.v(0), cx.v(1)];
    let trap = branch::cold_trap(cx, inst.trap());
    let done = cx.asm.new_label();
    let fix = branch::cold_denormal(cx, DenormalFix { operands, lane: inst.lane, done, trap });
    match inst.lane {
        Lane::F32 | Lane::F64 => {
            for v in distinct(operands) {
                match inst.lane {
                    Lane::F32 => a64!(cx; fmov w16, S(v); ubfx w16, w16, 23, 8),
                    _ => a64!(cx; fmov x16, D(v); ubfx x16, x16, 52, 11),
                }
                cx.asm.cbz(false, super::S0, fix);
            }
        }
        lane => {
            vectors(cx, lane, operands);
            cx.asm.cbz(false, super::S0, fix);
        }
    }
    cx.asm.bind(done);
}

fn distinct([n, m]: [u8; 2]) -> impl Iterator<Item = u8> {
    [Some(n), (m != n).then_some(m)].into_iter().flatten()
}

/// The cold code.
pub(super) fn fix(cx: &mut EmitCx, fix: &DenormalFix) {
    if matches!(fix.lane, Lane::F32 | Lane::F64) {
        scalars(cx, fix.lane, fix.operands);
        cx.asm.cbnz(false, super::S0, fix.done);
    }
    a64!(cx; ldr w16, [x28, offset::MXCSR]);
    cx.asm.tbnz(super::S0, DE, fix.done);
    cx.asm.tbnz(super::S0, DAZ, fix.done);
    cx.asm.b(fix.trap);
}

/// `w16` := 0 if lane 0 of an operand is a denormal.
fn scalars(cx: &mut EmitCx, lane: Lane, [n, m]: [u8; 2]) {
    scalar(cx, lane, super::S0, n);
    if n != m {
        scalar(cx, lane, super::S1, m);
        a64!(cx; mul w16, w16, w17);
    }
}

fn scalar(cx: &mut EmitCx, lane: Lane, t: u8, v: u8) {
    match lane {
        Lane::F32 => a64!(cx; fmov W(t), S(v); lsl W(t), W(t), 1; sub WSP(t), WSP(t), 1; lsr W(t), W(t), 24),
        _ => a64!(cx; fmov X(t), D(v); lsl X(t), X(t), 1; sub XSP(t), XSP(t), 1; lsr X(t), X(t), 53),
    }
}

/// The same for all lanes.
fn vectors(cx: &mut EmitCx, lane: Lane, [n, m]: [u8; 2]) {
    for (t, v) in [(VS0, n), (VS1, m)] {
        // -1 - -x is x - 1.
        match lane {
            Lane::F32x4 => a64!(cx
                ; shl V(t).s4, V(v).s4, 1
                ; neg V(t).s4, V(t).s4
                ; mvn V(t).b16, V(t).b16
                ; ushr V(t).s4, V(t).s4, 24),
            _ => a64!(cx
                ; shl V(t).d2, V(v).d2, 1
                ; neg V(t).d2, V(t).d2
                ; mvn V(t).b16, V(t).b16
                ; ushr V(t).d2, V(t).d2, 53),
        }
    }
    match lane {
        Lane::F32x4 => a64!(cx; umin V(VS0).s4, V(VS0).s4, V(VS1).s4),
        _ => a64!(cx; xtn V(VS0).s2, V(VS0).d2; xtn2 V(VS0).s4, V(VS1).d2),
    }
    a64!(cx; uminv S(VS0), V(VS0).s4; fmov w16, S(VS0));
}

/// `vdaz`: a number without exponent loses all but its sign.
pub(super) fn flush(cx: &mut EmitCx, inst: &Inst) {
    let (d, n) = (cx.dst_v(), cx.v(0));
    let done = cx.asm.new_label();
    cx.mov_v(d, n);
    a64!(cx; ldr w16, [x28, offset::MXCSR]);
    cx.asm.tbz(super::S0, DAZ, done);
    match inst.lane {
        Lane::F32x4 | Lane::F32 => a64!(cx
            ; shl V(VS0).s4, V(d).s4, 1
            ; ushr V(VS0).s4, V(VS0).s4, 24
            ; cmeq V(VS0).s4, V(VS0).s4, 0
            ; ushr V(VS0).s4, V(VS0).s4, 1),
        _ => a64!(cx
            ; shl V(VS0).d2, V(d).d2, 1
            ; ushr V(VS0).d2, V(VS0).d2, 53
            ; cmeq V(VS0).d2, V(VS0).d2, 0
            ; ushr V(VS0).d2, V(VS0).d2, 1),
    }
    match inst.lane {
        Lane::F32 => a64!(cx; fmov S(VS0), S(VS0)),
        Lane::F64 => a64!(cx; fmov D(VS0), D(VS0)),
        _ => {}
    }
    a64!(cx; bic V(d).b16, V(d).b16, V(VS0).b16);
    cx.asm.bind(done);
}
