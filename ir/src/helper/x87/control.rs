//! Control, status and tag words, environments, FXAM, moving the top.
use super::*;
use crate::x87::env::{abridged_tags, control_word, full_tags, with_summary, DEFAULT_CW};
use crate::x87::manip::{examine, examine_empty};
use crate::x87::{C0, C2, C3};

/// The bits of a status word that TOP takes.
const TOP: u16 = 7 << 11;

/// FNINIT.
pub extern "C" fn init(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    (s.fcw, s.fsw, s.top, s.ftw) = (DEFAULT_CW, 0, 0, 0);
    (s.fop, s.fip, s.fdp) = (0, 0, 0);
    0
}

/// What an unmasked exception leaves besides FIP: the opcode, and the offset of the memory operand if there is one.
pub extern "C" fn raised(s: &mut CpuState, opcode: u64, offset: u64, in_memory: u64, _: u64) -> u64 {
    if s.fsw & ES != 0 {
        s.fop = opcode as u16;
        if in_memory != 0 {
            s.fdp = offset as u32;
        }
    }
    0
}

/// FLDCW.
pub extern "C" fn set_cw(s: &mut CpuState, value: u64, _: u64, _: u64, _: u64) -> u64 {
    s.fcw = control_word(value as u16);
    s.fsw = with_summary(s.fsw, s.fcw);
    0
}

/// FNCLEX.
pub extern "C" fn clex(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    s.fsw &= !(EXCEPTIONS | SF | ES | BUSY);
    0
}

/// The full tag word.
pub extern "C" fn tag_word(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    let registers = s.st.map(|st| F80::new(st.sign_exponent, st.mantissa));
    u64::from(full_tags(s.ftw, &registers))
}

/// Control, status (with TOP) and full tag word of FLDENV and FRSTOR.
pub extern "C" fn set_env(s: &mut CpuState, cw: u64, sw: u64, tags: u64, _: u64) -> u64 {
    set_words(s, cw as u16, sw as u16, abridged_tags(tags as u16));
    0
}

/// Control, status (with TOP) and abridged tag word of FXRSTOR.
pub extern "C" fn set_fx_env(s: &mut CpuState, cw: u64, sw: u64, tags: u64, _: u64) -> u64 {
    set_words(s, cw as u16, sw as u16, tags as u8);
    0
}

fn set_words(s: &mut CpuState, cw: u16, sw: u16, tags: u8) {
    s.fcw = control_word(cw);
    s.fsw = with_summary(sw & !TOP, s.fcw);
    s.top = u32::from(sw >> 11 & 7);
    s.ftw = tags;
}

/// What FNSTENV does after its stores: every exception masked.
pub extern "C" fn mask_all(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    s.fcw |= EXCEPTIONS;
    s.fsw = with_summary(s.fsw, s.fcw);
    0
}

/// ST(i) as it is in memory: 80 bits and six bytes of zeros (`V128`).
pub extern "C" fn get_st(s: &mut CpuState, i: u64, _: u64, _: u64, _: u64) -> u64 {
    let value = read(s, i);
    s.scratch[0] = u128::from(value.mantissa) | u128::from(value.sign_exponent) << 64;
    0
}

/// The significand of ST(i).
pub extern "C" fn st_low(s: &mut CpuState, i: u64, _: u64, _: u64, _: u64) -> u64 {
    read(s, i).mantissa
}

/// Sign and exponent of ST(i).
pub extern "C" fn st_high(s: &mut CpuState, i: u64, _: u64, _: u64, _: u64) -> u64 {
    u64::from(read(s, i).sign_exponent)
}

/// ST(i) := the low 80 bits of an operand in two parts; its tag stays.
pub extern "C" fn set_st(s: &mut CpuState, i: u64, mantissa: u64, sign_exponent: u64, _: u64) -> u64 {
    let p = physical(s, i);
    s.st[p] = St::new(sign_exponent as u16, mantissa);
    0
}

/// FXAM.
pub extern "C" fn xam(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    let a = read(s, 0);
    let codes = if is_empty(s, 0) { examine_empty(a) } else { examine(a) };
    s.fsw = s.fsw & !(C0 | C1 | C2 | C3) | codes;
    0
}

/// FFREE ST(i), then `n` pops (FFREEP).
pub extern "C" fn free(s: &mut CpuState, i: u64, n: u64, _: u64, _: u64) -> u64 {
    s.fsw &= !C1;
    s.ftw &= !(1 << physical(s, i));
    pops(s, n);
    0
}

/// FINCSTP (1) and FDECSTP (7): moves the top without touching tags.
pub extern "C" fn turn(s: &mut CpuState, by: u64, _: u64, _: u64, _: u64) -> u64 {
    s.top = (s.top + by as u32) & 7;
    s.fsw &= !C1;
    0
}
