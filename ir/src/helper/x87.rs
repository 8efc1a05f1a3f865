//! x87 instructions on the register stack (SDM vol. 1, 8.5.1; vol. 2): operands from the stack or as bits from memory,
//! the arithmetic of `crate::x87`, then status word, destination and pops.
//!
//! Loads are given their bits; stores are made in three steps so that a faulting store changes nothing:
//! a `to_*` helper gives the bits and leaves in [`Pending`] what is to happen, IR stores them (if `Pending::ok`), and
//! `commit` does the rest.
use crate::guest::state::St;
use crate::guest::CpuState;
use crate::x87::{Env, BUSY, C1, ES, EXCEPTIONS, F80, IE, SF};

mod arith;
mod control;
mod transcendental;
pub(super) mod transfer;

pub(super) use arith::*;
pub(super) use control::*;
pub(super) use transcendental::*;
pub(super) use transfer::*;

/// Physical number of ST(i).
#[inline]
fn physical(s: &CpuState, i: u64) -> usize {
    (s.top as usize + i as usize) & 7
}

/// ST(i), whatever its tag.
#[inline]
fn read(s: &CpuState, i: u64) -> F80 {
    let st = &s.st[physical(s, i)];
    F80::new(st.sign_exponent, st.mantissa)
}

/// Whether ST(i) is empty.
#[inline]
fn is_empty(s: &CpuState, i: u64) -> bool {
    s.ftw >> physical(s, i) & 1 == 0
}

/// Writes ST(i) and tags it as filled.
#[inline]
fn write(s: &mut CpuState, i: u64, value: F80) {
    let p = physical(s, i);
    s.st[p] = St::new(value.sign_exponent, value.mantissa);
    s.ftw |= 1 << p;
}

/// Empties ST(0) and moves the top.
#[inline]
fn pop(s: &mut CpuState) {
    s.ftw &= !(1 << physical(s, 0));
    s.top = (s.top + 1) & 7;
}

/// Pops `n` times.
#[inline]
fn pops(s: &mut CpuState, n: u64) {
    for _ in 0..n {
        pop(s);
    }
}

/// Moves the top down and writes ST(0).
#[inline]
fn push(s: &mut CpuState, value: F80) {
    s.top = s.top.wrapping_sub(1) & 7;
    write(s, 0, value);
}

/// An environment for the control word in force.
#[inline]
fn env(s: &CpuState) -> Env {
    Env::new(s.fcw)
}

/// Puts what an operation raised into the status word; of the condition codes, those in `defined` are replaced.
#[inline]
fn report(s: &mut CpuState, env: &Env, defined: u16) {
    let mut sw = s.fsw & !defined | env.flags;
    if env.flags & !s.fcw & EXCEPTIONS != 0 {
        sw |= ES | BUSY;
    }
    s.fsw = sw;
}

/// A stack fault; `direction` is C1 for overflow, 0 for underflow. Whether IE is masked, so that the indefinite is used.
#[cold]
fn stack_fault(s: &mut CpuState, direction: u16) -> bool {
    let mut e = env(s);
    e.flags = SF | direction;
    let blocked = e.raise(IE);
    report(s, &e, C1);
    !blocked
}

/// Pushes what `value` computes unless the register below is in use or an unmasked exception forbids it.
#[inline]
fn push_with(s: &mut CpuState, value: impl FnOnce(&mut Env) -> F80) -> u64 {
    if !is_empty(s, 7) {
        if stack_fault(s, C1) {
            push(s, F80::INDEFINITE);
        }
        return 0;
    }
    let mut e = env(s);
    let v = value(&mut e);
    report(s, &e, C1);
    // An unmasked DE, which only a denormal f32 or f64 raises here, does not keep the number from being loaded.
    if e.flags & !e.cw & IE == 0 {
        push(s, v);
    }
    0
}
