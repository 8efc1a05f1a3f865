//! Lane-wise integer opcodes: arithmetic, multiplication, comparison, logic, shifts.
use super::super::asm::a64;
use super::flags::{self, Bits};
use super::vector::{by_half, by_lane, VS0, VS1};
use super::{branch, EmitCx, S0, S1};
use ir::{FlagSet, Inst, Lane, Opcode, Ty};

/// One instruction; for the low halves where nobody needs more.
pub(super) fn simple(cx: &mut EmitCx, inst: &Inst) {
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    let lane = inst.lane;
    if inst.op == Opcode::VAddPair {
        // It takes the pairs of both halves.
        return by_lane!(cx, lane, addp d, n, m; H8 S4);
    }
    macro_rules! table {
        ($by:ident) => {
            match inst.op {
                Opcode::VAdd => $by!(cx, lane, add d, n, m; B16 H8 S4 D2),
                Opcode::VSub => $by!(cx, lane, sub d, n, m; B16 H8 S4 D2),
                Opcode::VAddSatS => $by!(cx, lane, sqadd d, n, m; B16 H8),
                Opcode::VAddSatU => $by!(cx, lane, uqadd d, n, m; B16 H8),
                Opcode::VSubSatS => $by!(cx, lane, sqsub d, n, m; B16 H8),
                Opcode::VSubSatU => $by!(cx, lane, uqsub d, n, m; B16 H8),
                Opcode::VMulLo => $by!(cx, lane, mul d, n, m; H8 S4),
                Opcode::VMinS => $by!(cx, lane, smin d, n, m; B16 H8 S4),
                Opcode::VMinU => $by!(cx, lane, umin d, n, m; B16 H8 S4),
                Opcode::VMaxS => $by!(cx, lane, smax d, n, m; B16 H8 S4),
                Opcode::VMaxU => $by!(cx, lane, umax d, n, m; B16 H8 S4),
                Opcode::VAvg => $by!(cx, lane, urhadd d, n, m; B16 H8),
                Opcode::VAbs => $by!(cx, lane, abs d, n; B16 H8 S4),
                Opcode::VCmpEq => $by!(cx, lane, cmeq d, n, m; B16 H8 S4 D2),
                _ => $by!(cx, lane, cmgt d, n, m; B16 H8 S4 D2),
            }
        };
    }
    match cx.low_half() {
        true => table!(by_half),
        false => table!(by_lane),
    }
}

/// As [`multiply`] for the low halves; whether it is one of those that are shorter so.
fn multiply_low(cx: &mut EmitCx, inst: &Inst) -> bool {
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    match inst.op {
        Opcode::VMulHiU => a64!(cx; umull V(VS0).s4, V(n).h4, V(m).h4; shrn V(d).h4, V(VS0).s4, 16),
        Opcode::VMulHiS => a64!(cx; smull V(VS0).s4, V(n).h4, V(m).h4; shrn V(d).h4, V(VS0).s4, 16),
        Opcode::VMulHiR => a64!(cx; smull V(VS0).s4, V(n).h4, V(m).h4; rshrn V(d).h4, V(VS0).s4, 15),
        Opcode::VMadd => {
            a64!(cx; smull V(VS0).s4, V(n).h4, V(m).h4; addp V(d).s4, V(VS0).s4, V(VS0).s4);
            cx.cleared = false;
        }
        Opcode::VMulWideU => {
            a64!(cx; umull V(d).d2, V(n).s2, V(m).s2);
            cx.cleared = false;
        }
        Opcode::VMaddSat => a64!(cx
            ; ushll V(VS0).h8, V(n).b8, 0
            ; sshll V(VS1).h8, V(m).b8, 0
            ; mul V(VS0).h8, V(VS0).h8, V(VS1).h8
            ; uzp2 V(VS1).h8, V(VS0).h8, V(VS0).h8
            ; uzp1 V(VS0).h8, V(VS0).h8, V(VS0).h8
            ; sqadd V(d).h4, V(VS0).h4, V(VS1).h4),
        _ => {
            cx.cleared = false;
            return false;
        }
    }
    true
}

/// Multiplications that keep more or other bits than the low half.
pub(super) fn multiply(cx: &mut EmitCx, inst: &Inst) {
    if cx.low_half() && multiply_low(cx, inst) {
        return;
    }
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    match inst.op {
        Opcode::VMulWideU => a64!(cx
            ; xtn V(VS0).s2, V(n).d2; xtn V(VS1).s2, V(m).d2; umull V(d).d2, V(VS0).s2, V(VS1).s2),
        Opcode::VMulWideS => a64!(cx
            ; xtn V(VS0).s2, V(n).d2; xtn V(VS1).s2, V(m).d2; smull V(d).d2, V(VS0).s2, V(VS1).s2),
        Opcode::VMulHiU => a64!(cx
            ; umull V(VS0).s4, V(n).h4, V(m).h4
            ; umull2 V(VS1).s4, V(n).h8, V(m).h8
            ; uzp2 V(d).h8, V(VS0).h8, V(VS1).h8),
        Opcode::VMaddSat => multiply_add_bytes(cx),
        _ => {
            a64!(cx; smull V(VS0).s4, V(n).h4, V(m).h4; smull2 V(VS1).s4, V(n).h8, V(m).h8);
            match inst.op {
                Opcode::VMulHiS => a64!(cx; uzp2 V(d).h8, V(VS0).h8, V(VS1).h8),
                Opcode::VMadd => a64!(cx; addp V(d).s4, V(VS0).s4, V(VS1).s4),
                // Not SQRDMULH, which saturates the square of the smallest number.
                _ => a64!(cx; rshrn V(d).h4, V(VS0).s4, 15; rshrn2 V(d).h8, V(VS1).s4, 15),
            }
        }
    }
}

/// PMADDUBSW: even and odd bytes apart, as words.
fn multiply_add_bytes(cx: &mut EmitCx) {
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    a64!(cx
        ; shl V(VS0).h8, V(n).h8, 8
        ; ushr V(VS0).h8, V(VS0).h8, 8
        ; shl V(VS1).h8, V(m).h8, 8
        ; sshr V(VS1).h8, V(VS1).h8, 8
        ; mul V(VS0).h8, V(VS0).h8, V(VS1).h8
        // The destination may be either operand: the first is not needed after this, nor the second after the next.
        ; ushr V(VS1).h8, V(n).h8, 8
        ; sshr V(d).h8, V(m).h8, 8
        ; mul V(VS1).h8, V(VS1).h8, V(d).h8
        ; sqadd V(d).h8, V(VS0).h8, V(VS1).h8);
}

/// PSADBW, MPSADBW, PHMINPOSUW.
pub(super) fn sums(cx: &mut EmitCx, inst: &Inst) {
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    match inst.op {
        Opcode::VSad if cx.low_half() => {
            a64!(cx; uabd V(VS0).b8, V(n).b8, V(m).b8; uaddlv H(d), V(VS0).b8)
        }
        Opcode::VSad => a64!(cx
            ; uabd V(VS0).b16, V(n).b16, V(m).b16
            ; uaddlp V(VS0).h8, V(VS0).b16
            ; uaddlp V(VS0).s4, V(VS0).h8
            ; uaddlp V(d).d2, V(VS0).s4),
        Opcode::VMinPos => {
            // Words with the value above the lane number: the smallest word has both.
            let numbers = (0..8u128).fold(0, |all, lane| all | lane << (16 * lane));
            let label = branch::cold_vector(cx, numbers);
            cx.asm.ldr_q(VS0, label);
            a64!(cx
                ; zip1 V(VS1).h8, V(VS0).h8, V(n).h8
                ; zip2 V(VS0).h8, V(VS0).h8, V(n).h8
                ; umin V(VS0).s4, V(VS0).s4, V(VS1).s4
                ; uminv S(VS0), V(VS0).s4
                ; rev32 V(d).h4, V(VS0).h4);
        }
        _ => mpsad(cx, inst.imm as u32),
    }
}

/// MPSADBW: the four bytes of the second operand against those at eight places of the first.
fn mpsad(cx: &mut EmitCx, imm: u32) {
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    let (first, word) = ((imm >> 2 & 1) * 4, imm & 3);
    let saved = d == m;
    if saved {
        a64!(cx; umov w16, V(m).s[word]);
    }
    // What begins at bytes 0, 1, 4, 5, and at 2, 3, 6, 7.
    a64!(cx; ext V(VS0).b16, V(n).b16, V(n).b16, first + 1);
    if first == 0 {
        a64!(cx; zip1 V(VS0).s4, V(n).s4, V(VS0).s4);
    } else {
        a64!(cx; ext V(VS1).b16, V(n).b16, V(n).b16, first; zip1 V(VS0).s4, V(VS1).s4, V(VS0).s4);
    }
    a64!(cx
        ; ext V(VS1).b16, V(n).b16, V(n).b16, first + 2
        ; ext V(d).b16, V(n).b16, V(n).b16, first + 3
        ; zip1 V(VS1).s4, V(VS1).s4, V(d).s4);
    match saved {
        true => a64!(cx; dup V(d).s4, w16),
        false => a64!(cx; dup V(d).s4, V(m).s[word]),
    }
    a64!(cx
        ; uabd V(VS0).b16, V(VS0).b16, V(d).b16
        ; uabd V(VS1).b16, V(VS1).b16, V(d).b16
        ; uaddlp V(VS0).h8, V(VS0).b16
        ; uaddlp V(VS1).h8, V(VS1).b16
        ; addp V(VS0).h8, V(VS0).h8, V(VS1).h8
        ; ext V(VS1).b16, V(VS0).b16, V(VS0).b16, 8
        ; zip1 V(d).s4, V(VS0).s4, V(VS1).s4);
}

/// PSIGN and the horizontal forms that need three instructions or more.
pub(super) fn composed(cx: &mut EmitCx, inst: &Inst) {
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    let lane = inst.lane;
    if inst.op == Opcode::VSign {
        // The second operand's sign as -1, 0, 1: saturated, then all but the sign rounded away.
        match lane {
            Lane::B16 => a64!(cx; sqshl V(VS0).b16, V(m).b16, 7; srshr V(VS0).b16, V(VS0).b16, 7),
            Lane::H8 => a64!(cx; sqshl V(VS0).h8, V(m).h8, 15; srshr V(VS0).h8, V(VS0).h8, 15),
            _ => a64!(cx; sqshl V(VS0).s4, V(m).s4, 31; srshr V(VS0).s4, V(VS0).s4, 31),
        }
        return match cx.low_half() {
            true => by_half!(cx, lane, mul d, n, VS0; B16 H8 S4),
            false => by_lane!(cx, lane, mul d, n, VS0; B16 H8 S4),
        };
    }
    by_lane!(cx, lane, uzp1 VS0, n, m; H8 S4);
    by_lane!(cx, lane, uzp2 VS1, n, m; H8 S4);
    if cx.low_half() {
        return match inst.op {
            Opcode::VSubPair => by_half!(cx, lane, sub d, VS0, VS1; H8 S4),
            Opcode::VAddPairSat => by_half!(cx, lane, sqadd d, VS0, VS1; H8 S4),
            _ => by_half!(cx, lane, sqsub d, VS0, VS1; H8 S4),
        };
    }
    match inst.op {
        Opcode::VSubPair => by_lane!(cx, lane, sub d, VS0, VS1; H8 S4),
        Opcode::VAddPairSat => by_lane!(cx, lane, sqadd d, VS0, VS1; H8 S4),
        _ => by_lane!(cx, lane, sqsub d, VS0, VS1; H8 S4),
    }
}

/// Bitwise.
pub(super) fn logic(cx: &mut EmitCx, inst: &Inst) {
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    if cx.low_half() {
        return match inst.op {
            Opcode::VAnd => a64!(cx; and V(d).b8, V(n).b8, V(m).b8),
            Opcode::VOr => a64!(cx; orr V(d).b8, V(n).b8, V(m).b8),
            Opcode::VXor => a64!(cx; eor V(d).b8, V(n).b8, V(m).b8),
            _ => a64!(cx; bic V(d).b8, V(m).b8, V(n).b8),
        };
    }
    match inst.op {
        Opcode::VAnd => a64!(cx; and V(d).b16, V(n).b16, V(m).b16),
        Opcode::VOr => a64!(cx; orr V(d).b16, V(n).b16, V(m).b16),
        Opcode::VXor => a64!(cx; eor V(d).b16, V(n).b16, V(m).b16),
        _ => a64!(cx; bic V(d).b16, V(m).b16, V(n).b16),
    }
}

/// `vselect`.
pub(super) fn select(cx: &mut EmitCx) {
    let (d, mask, yes, no) = (cx.dst_v(), cx.v(0), cx.v(1), cx.v(2));
    if d == no {
        a64!(cx; bit V(d).b16, V(yes).b16, V(mask).b16);
    } else if d == yes {
        a64!(cx; bif V(d).b16, V(no).b16, V(mask).b16);
    } else {
        cx.mov_v(d, mask);
        a64!(cx; bsl V(d).b16, V(yes).b16, V(no).b16);
    }
}

/// Shifts by an immediate, which may exceed the width.
pub(super) fn shift(cx: &mut EmitCx, inst: &Inst) {
    let (d, n) = (cx.dst_v(), cx.v(0));
    let bits = i64::from(inst.lane.bits());
    let count = inst.imm.min(if inst.op == Opcode::VSar { bits - 1 } else { bits }) as u32;
    let low = cx.low_half();
    match (low, i64::from(count)) {
        (true, 0) => return a64!(cx; fmov D(d), D(n)),
        (false, 0) => return cx.mov_v(d, n),
        (true, all) if all == bits => return a64!(cx; movi D(d), 0),
        (false, all) if all == bits => return a64!(cx; movi V(d).d2, 0),
        _ => {}
    }
    if low {
        return match inst.op {
            Opcode::VShl => by_half!(cx, inst.lane, shl d, n, # count; H8 S4 D2),
            Opcode::VShr => by_half!(cx, inst.lane, ushr d, n, # count; H8 S4 D2),
            _ => by_half!(cx, inst.lane, sshr d, n, # count; B16 H8 S4 D2),
        };
    }
    match inst.op {
        Opcode::VShl => by_lane!(cx, inst.lane, shl d, n, # count; H8 S4 D2),
        Opcode::VShr => by_lane!(cx, inst.lane, ushr d, n, # count; H8 S4 D2),
        _ => by_lane!(cx, inst.lane, sshr d, n, # count; B16 H8 S4 D2),
    }
}

/// Shifts by the low 64 bits of a vector. USHL and SSHL take a signed byte: first cut the count to 127.
pub(super) fn shift_by(cx: &mut EmitCx, inst: &Inst) {
    let (d, n, m) = (cx.dst_v(), cx.v(0), cx.v(1));
    a64!(cx; uqshl D(VS1), D(m), 57; ushr D(VS1), D(VS1), 57);
    if inst.op != Opcode::VShlBy {
        a64!(cx; neg D(VS1), D(VS1));
    }
    match inst.lane {
        Lane::H8 => a64!(cx; dup V(VS1).h8, V(VS1).h[0]),
        Lane::S4 => a64!(cx; dup V(VS1).s4, V(VS1).s[0]),
        _ => a64!(cx; dup V(VS1).d2, V(VS1).d[0]),
    }
    if cx.low_half() {
        return match inst.op {
            Opcode::VSarBy => by_half!(cx, inst.lane, sshl d, n, VS1; H8 S4),
            _ => by_half!(cx, inst.lane, ushl d, n, VS1; H8 S4 D2),
        };
    }
    match inst.op {
        Opcode::VSarBy => by_lane!(cx, inst.lane, sshl d, n, VS1; H8 S4),
        _ => by_lane!(cx, inst.lane, ushl d, n, VS1; H8 S4 D2),
    }
}

/// PTEST: ZF and CF from two reductions.
pub(super) fn test(cx: &mut EmitCx) {
    let (n, m) = (cx.v(0), cx.v(1));
    a64!(cx
        ; and V(VS0).b16, V(n).b16, V(m).b16
        ; bic V(VS1).b16, V(m).b16, V(n).b16
        ; umaxv S(VS0), V(VS0).s4
        ; umaxv S(VS1), V(VS1).s4
        ; fmov w16, S(VS0)
        ; fmov w17, S(VS1)
        // 1 where the reduction is zero; the tested value must be zero for ZF and not negative.
        ; clz w17, w17
        ; lsr w17, w17, 5
        ; clz w16, w16
        ; lsr w16, w16, 5
        ; eor w16, w16, 1);
    let bits = Bits { carry: Some((S1, 0)), overflow: None };
    flags::compose(cx, Some((S0, Ty::I32)), bits);
    let want = flags::wanted(cx);
    if want.intersects(FlagSet::PF | FlagSet::AF) {
        // One bit set: odd parity.
        let result = flags::result_reg(cx, want);
        a64!(cx; mov W(result), 1);
        flags::set_raw(cx, want, result, Some(result));
    }
}
