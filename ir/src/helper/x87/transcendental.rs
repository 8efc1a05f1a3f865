//! Transcendental instructions on the stack.
use super::arith::{finish, replace_and_push, underflow};
use super::*;
use crate::x87::trans::{atan, exp, log, trig};
use crate::x87::C2;

/// ST(0) := f(ST(0)); the condition codes in `defined` are replaced, also by a stack fault.
#[inline]
fn unary(s: &mut CpuState, defined: u16, f: impl FnOnce(F80, &mut Env) -> F80) -> u64 {
    s.fsw &= !defined;
    if is_empty(s, 0) {
        return underflow(s, 0, 0);
    }
    let mut e = env(s);
    let value = f(read(s, 0), &mut e);
    finish(s, 0, value, &e, defined);
    0
}

/// ST(1) := f(ST(1), ST(0)), pop.
#[inline]
fn into_st1(s: &mut CpuState, f: impl FnOnce(F80, F80, &mut Env) -> F80) -> u64 {
    if is_empty(s, 0) || is_empty(s, 1) {
        return underflow(s, 1, 1);
    }
    let mut e = env(s);
    let value = f(read(s, 1), read(s, 0), &mut e);
    if finish(s, 1, value, &e, C1) {
        pop(s);
    }
    0
}

/// FSIN.
pub extern "C" fn sin(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    unary(s, C1 | C2, trig::sin)
}

/// FCOS.
pub extern "C" fn cos(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    unary(s, C1 | C2, trig::cos)
}

/// FSINCOS.
pub extern "C" fn sincos(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    s.fsw &= !C2;
    replace_and_push(s, C1 | C2, trig::sincos)
}

/// FPTAN.
pub extern "C" fn ptan(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    s.fsw &= !C2;
    replace_and_push(s, C1 | C2, trig::tan)
}

/// FPATAN.
pub extern "C" fn patan(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    into_st1(s, atan::atan2)
}

/// F2XM1.
pub extern "C" fn f2xm1(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    unary(s, C1, exp::exp2m1)
}

/// FYL2X.
pub extern "C" fn fyl2x(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    into_st1(s, log::ylog2)
}

/// FYL2XP1.
pub extern "C" fn fyl2xp1(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    into_st1(s, log::ylog2p1)
}
