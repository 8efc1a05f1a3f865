//! MMX registers between v8-v15 and the state. `codegen::abi::MM_BASE` says what their upper halves are.
use super::trampoline::{a64, Asm};
use crate::codegen::abi::{MMX_TAG, MM_BASE};
use dynasmrt::{DynasmApi, DynasmLabelApi};
use ir::guest::state::offset;
use ir::guest::x87_live::offset as live;
use ir::guest::X87Live;

/// Assembles what the stubs call: `mmx_rest` puts the state at rest if it is that of MMX instructions, and clears the mark in x28;
/// `mmx_store` and `mmx_load` move the registers alone, and the former leaves none in v8-v15. They change x9, x30 and v30; NZCV stays.
pub(super) fn assemble(ops: &mut Asm) {
    a64!(ops
        ; .align 16
        ; ->mmx_rest:
        ; ldrb w9, [x28, live::AWAY]
        ; tbnz w9, X87Live::MMX_BIT, >rest
        ; ret
        ; rest:
        ; movz w9, u32::from(X87Live::REST)
        ; strb w9, [x28, live::AWAY]
        ; str wzr, [x28, offset::TOP]
        ; asr x9, x28, MMX_TAG
        ; strb w9, [x28, offset::FTW]
        ; and x28, x28, !(1 << MMX_TAG)
        ; ->mmx_store:);
    complement(ops);
    for i in (0..8u32).step_by(2) {
        let reg = MM_BASE + i as u8;
        a64!(ops; stp Q(reg), Q(reg + 1), [x28, (offset::ST + 16 * i) as i32]);
    }
    a64!(ops; ret; .align 16; ->mmx_load:);
    for i in (0..8u32).step_by(2) {
        let reg = MM_BASE + i as u8;
        a64!(ops; ldp Q(reg), Q(reg + 1), [x28, (offset::ST + 16 * i) as i32]);
    }
    complement(ops);
    a64!(ops; ret);
}

/// Complements signs and exponents. The words beside them are zero at rest.
fn complement(ops: &mut Asm) {
    a64!(ops; movi v30.d2, 0xffff; ins v30.d[0], xzr);
    for reg in MM_BASE..MM_BASE + 8 {
        a64!(ops; eor V(reg).b16, V(reg).b16, v30.b16);
    }
}

const _: () = assert!(offset::ST + 96 <= 1008 && offset::ST % 16 == 0);
