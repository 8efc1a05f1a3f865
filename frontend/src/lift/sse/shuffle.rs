//! Shuffles. SDM vol. 1, 10.4.1.3, 11.4.1.5, 12.3 and 12.6; vol. 2, each by name.
use super::{combine, imm8, lifts, transform};
use crate::lift::mmx;
use crate::lifter::LiftCx;
use ir::{Lane, Opcode, Ty};
use Lane::{B16, D2, H8, S4};

/// SHUFPS, SHUFPD: low lanes from operand 0, high ones from operand 1.
fn two(cx: &mut LiftCx, lane: Lane, mask: u8) {
    let control = i64::from(imm8(cx) & mask);
    combine(cx, |cx, a, b| cx.ir.vector(Opcode::VShuffle, Ty::V128, lane, &[a, b], control));
}

/// One source, lanes as `control` says.
fn one(cx: &mut LiftCx, op: Opcode, lane: Lane, control: u8) {
    transform(cx, |cx, a| {
        let args = [a, a];
        let args = if op == Opcode::VShuffle { &args[..] } else { &args[..1] };
        cx.ir.vector(op, Ty::V128, lane, args, i64::from(control))
    });
}

fn by_immediate(cx: &mut LiftCx, op: Opcode, lane: Lane) {
    one(cx, op, lane, imm8(cx));
}

/// PSHUFB: of an MMX register only three bits of an index count.
pub(crate) fn pshufb(cx: &mut LiftCx) {
    let narrow = mmx::register(cx, 0).is_some();
    combine(cx, |cx, a, b| {
        let index = if narrow {
            let mask = cx.ir.vconst(0x8787_8787_8787_8787);
            cx.ir.lanes(Opcode::VAnd, Lane::None, &[b, mask])
        } else {
            b
        };
        cx.ir.lanes(Opcode::VTable, B16, &[a, index])
    });
}

/// PALIGNR: bytes from the immediate on, of operand 1 followed by operand 0, followed by zeros.
pub(crate) fn palignr(cx: &mut LiftCx) {
    let narrow = mmx::register(cx, 0).is_some();
    let count = i64::from(imm8(cx));
    combine(cx, |cx, a, b| {
        let zero = cx.ir.vconst(0);
        let (low, high, count) = if narrow {
            (cx.ir.lanes(Opcode::VUnpackLo, D2, &[b, a]), zero, count)
        } else if count <= 16 {
            (b, a, count)
        } else {
            (a, zero, count - 16)
        };
        cx.ir.vector(Opcode::VExt, Ty::V128, Lane::None, &[low, high], count.min(16))
    });
}

lifts! {
    shufps: two(S4, 0xff);
    shufpd: two(D2, 3);
    pshufd: by_immediate(Opcode::VShuffle, S4);
    /// PSHUFLW, and PSHUFW of MMX registers.
    pshuflw: by_immediate(Opcode::VShuffleLo, H8);
    pshufhw: by_immediate(Opcode::VShuffleHi, H8);
    movddup: one(Opcode::VShuffle, D2, 0);
    movsldup: one(Opcode::VShuffle, S4, 0b10_10_00_00);
    movshdup: one(Opcode::VShuffle, S4, 0b11_11_01_01);
}
