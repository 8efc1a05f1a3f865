//! Narrowing with saturation, widening, masks of sign bits.
use super::super::asm::a64;
use super::vector::{VS0, VS1};
use super::EmitCx;
use ir::{Inst, Lane, Opcode};

/// `vpack_s`, `vpack_u`.
pub(super) fn pack(cx: &mut EmitCx, inst: &Inst) {
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    if n == m && cx.low_half() {
        // Both operands of an MMX instruction are side by side.
        return match (inst.op, inst.lane) {
            (Opcode::VPackS, Lane::H8) => a64!(cx; sqxtn V(d).b8, V(n).h8),
            (Opcode::VPackS, _) => a64!(cx; sqxtn V(d).h4, V(n).s4),
            (_, Lane::H8) => a64!(cx; sqxtun V(d).b8, V(n).h8),
            _ => a64!(cx; sqxtun V(d).h4, V(n).s4),
        };
    }
    // The first step must not overwrite the second operand.
    let t = if d == m { VS0 } else { d };
    match (inst.op, inst.lane) {
        (Opcode::VPackS, Lane::H8) => a64!(cx; sqxtn V(t).b8, V(n).h8; sqxtn2 V(t).b16, V(m).h8),
        (Opcode::VPackS, _) => a64!(cx; sqxtn V(t).h4, V(n).s4; sqxtn2 V(t).h8, V(m).s4),
        (_, Lane::H8) => a64!(cx; sqxtun V(t).b8, V(n).h8; sqxtun2 V(t).b16, V(m).h8),
        _ => a64!(cx; sqxtun V(t).h4, V(n).s4; sqxtun2 V(t).h8, V(m).s4),
    }
    cx.mov_v(d, t);
}

/// `vwiden_s`, `vwiden_u`.
pub(super) fn widen(cx: &mut EmitCx, inst: &Inst) {
    let (d, n) = (cx.dst_v(), cx.v(0));
    match (inst.op, inst.lane) {
        (Opcode::VWidenS, Lane::B16) => a64!(cx; sshll V(d).h8, V(n).b8, 0),
        (Opcode::VWidenS, Lane::H8) => a64!(cx; sshll V(d).s4, V(n).h4, 0),
        (Opcode::VWidenS, _) => a64!(cx; sshll V(d).d2, V(n).s2, 0),
        (_, Lane::B16) => a64!(cx; ushll V(d).h8, V(n).b8, 0),
        (_, Lane::H8) => a64!(cx; ushll V(d).s4, V(n).h4, 0),
        _ => a64!(cx; ushll V(d).d2, V(n).s2, 0),
    }
}

/// `vmove_mask`: sign bits moved next to each other by doubling the width in each step.
pub(super) fn move_mask(cx: &mut EmitCx, inst: &Inst) {
    let (d, n) = (cx.dst(), cx.v(0));
    match inst.lane {
        Lane::B16 => a64!(cx
            ; ushr V(VS1).b16, V(n).b16, 7
            ; usra V(VS1).h8, V(VS1).h8, 7
            ; usra V(VS1).s4, V(VS1).s4, 14
            ; usra V(VS1).d2, V(VS1).d2, 28
            ; ins V(VS1).b[1], V(VS1).b[8]
            ; umov W(d), V(VS1).h[0]),
        Lane::S4 => a64!(cx
            ; ushr V(VS1).s4, V(n).s4, 31
            ; usra V(VS1).d2, V(VS1).d2, 31
            ; umov w16, V(VS1).b[0]
            ; umov w17, V(VS1).b[8]
            ; orr W(d), w16, w17, lsl 2),
        _ => a64!(cx
            ; ushr V(VS1).d2, V(n).d2, 63
            ; umov w16, V(VS1).b[0]
            ; umov w17, V(VS1).b[8]
            ; orr W(d), w16, w17, lsl 1),
    }
}
