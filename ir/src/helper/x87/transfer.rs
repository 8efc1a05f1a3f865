//! Loads, stores, exchanges and conditional moves.
use super::*;
use crate::guest::state::offset;
use crate::x87::float::{from_f32, from_f64, load, to_f32, to_f64};
use crate::x87::int::{from_i64, to_int};
use crate::x87::manip::Constant;
use crate::x87::{bcd, Rc, QUIET};

/// What a `to_*` helper leaves for the rest of its instruction, in `scratch[3]`.
#[derive(Debug)]
pub struct Pending;

impl Pending {
    /// Offset in `CpuState` of a 32-bit word: 1 if memory is to be written, else 0.
    pub const OK: u32 = offset::SCRATCH + 48 + 4;
    /// Offset in `CpuState` of the high 16 bits of an 80-bit operand.
    pub const HIGH: u32 = offset::SCRATCH + 48 + 8;

    /// Whether memory is to be written.
    pub fn ok(s: &CpuState) -> bool {
        s.scratch[3] >> 32 & 1 != 0
    }

    /// The high 16 bits of an 80-bit operand.
    pub fn high(s: &CpuState) -> u16 {
        (s.scratch[3] >> 64) as u16
    }
}

/// Records what is to happen once the store is done.
#[inline]
fn pend(s: &mut CpuState, e: &Env, high: u16) {
    let ok = !e.store_blocked();
    s.scratch[3] = u128::from(e.flags) | u128::from(ok) << 32 | u128::from(high) << 64;
}

/// Ends a store: status word, then `n` pops unless nothing was stored.
pub extern "C" fn commit(s: &mut CpuState, n: u64, _: u64, _: u64, _: u64) -> u64 {
    let pending = s.scratch[3];
    let e = Env { cw: s.fcw, flags: pending as u16 };
    report(s, &e, C1);
    if Pending::ok(s) {
        pops(s, n);
    }
    0
}

/// Runs a conversion of ST(0); an empty register gives `missing`.
#[inline]
fn convert(s: &mut CpuState, missing: (u64, u16), f: impl FnOnce(F80, &mut Env) -> (u64, u16)) -> u64 {
    let mut e = env(s);
    let (low, high) = if is_empty(s, 0) {
        e.flags = SF;
        e.raise(IE);
        missing
    } else {
        f(read(s, 0), &mut e)
    };
    pend(s, &e, high);
    low
}

/// ST(0) as f32 bits.
pub extern "C" fn to_single(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    convert(s, (0xffc0_0000, 0), |a, e| (u64::from(to_f32(a, e)), 0))
}

/// ST(0) as f64 bits.
pub extern "C" fn to_double(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    convert(s, (0xfff8_0000_0000_0000, 0), |a, e| (to_f64(a, e), 0))
}

/// ST(0) as an integer of `bits`; `truncate` (FISTTP) ignores the rounding mode.
pub extern "C" fn to_integer(s: &mut CpuState, bits: u64, truncate: u64, _: u64, _: u64) -> u64 {
    let missing = (i64::MIN >> (64 - bits)) as u64;
    convert(s, (missing, 0), |a, e| {
        let rc = if truncate != 0 { Rc::Zero } else { e.rc() };
        (to_int(a, bits as u32, rc, e) as u64, 0)
    })
}

/// ST(0) unchanged: the significand; sign and exponent in `Pending::HIGH`.
pub extern "C" fn to_extended(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    let parts = |x: F80| (x.mantissa, x.sign_exponent);
    convert(s, parts(F80::INDEFINITE), |a, _| parts(a))
}

/// ST(0) as packed decimal: the low sixteen digits; the rest in `Pending::HIGH`.
pub extern "C" fn to_bcd(s: &mut CpuState, _: u64, _: u64, _: u64, _: u64) -> u64 {
    convert(s, (J_QUIET, 0xffff), bcd::to_bcd)
}

/// The low half of the packed decimal indefinite.
const J_QUIET: u64 = 1 << 63 | QUIET;

/// FLD m32.
pub extern "C" fn fld_f32(s: &mut CpuState, bits: u64, _: u64, _: u64, _: u64) -> u64 {
    push_with(s, |e| load(from_f32(bits as u32), e))
}

/// FLD m64.
pub extern "C" fn fld_f64(s: &mut CpuState, bits: u64, _: u64, _: u64, _: u64) -> u64 {
    push_with(s, |e| load(from_f64(bits), e))
}

/// FLD m80.
pub extern "C" fn fld_f80(s: &mut CpuState, mantissa: u64, sign_exponent: u64, _: u64, _: u64) -> u64 {
    push_with(s, |_| F80::new(sign_exponent as u16, mantissa))
}

/// FILD m64; the narrower ones arrive sign-extended.
pub extern "C" fn fild(s: &mut CpuState, value: u64, _: u64, _: u64, _: u64) -> u64 {
    push_with(s, |_| from_i64(value as i64))
}

/// FBLD.
pub extern "C" fn fbld(s: &mut CpuState, low: u64, high: u64, _: u64, _: u64) -> u64 {
    push_with(s, |_| bcd::from_bcd(low, high as u16))
}

/// FLD1 .. FLDZ, numbered as in the encoding.
pub extern "C" fn fld_const(s: &mut CpuState, n: u64, _: u64, _: u64, _: u64) -> u64 {
    push_with(s, |e| Constant::ALL[n as usize].value(e.rc()))
}

/// FLD ST(i).
pub extern "C" fn fld_st(s: &mut CpuState, i: u64, _: u64, _: u64, _: u64) -> u64 {
    if is_empty(s, i) {
        if stack_fault(s, 0) {
            push(s, F80::INDEFINITE);
        }
        return 0;
    }
    let value = read(s, i);
    push_with(s, |_| value)
}

/// FST ST(i), then `n` pops.
pub extern "C" fn fst_st(s: &mut CpuState, i: u64, n: u64, _: u64, _: u64) -> u64 {
    let value = if is_empty(s, 0) {
        if !stack_fault(s, 0) {
            return 0;
        }
        F80::INDEFINITE
    } else {
        s.fsw &= !C1;
        read(s, 0)
    };
    write(s, i, value);
    pops(s, n);
    0
}

/// FSTPNCE ST(i): a copy and pop to which empty registers are no error; an empty ST(0) is not copied.
pub extern "C" fn fstpnce(s: &mut CpuState, i: u64, _: u64, _: u64, _: u64) -> u64 {
    s.fsw &= !C1;
    if !is_empty(s, 0) {
        let value = read(s, 0);
        write(s, i, value);
    }
    pop(s);
    0
}

/// FXCH ST(i).
pub extern "C" fn fxch(s: &mut CpuState, i: u64, _: u64, _: u64, _: u64) -> u64 {
    let fault = is_empty(s, 0) || is_empty(s, i);
    if !fault {
        s.fsw &= !C1;
    } else if !stack_fault(s, 0) {
        return 0;
    }
    let value = |i| if is_empty(s, i) { F80::INDEFINITE } else { read(s, i) };
    let (a, b) = (value(0), value(i));
    write(s, 0, b);
    write(s, i, a);
    0
}

/// FCMOVcc ST(0), ST(i) with the condition's value.
pub extern "C" fn fcmov(s: &mut CpuState, i: u64, cond: u64, _: u64, _: u64) -> u64 {
    if is_empty(s, 0) || is_empty(s, i) {
        if stack_fault(s, 0) {
            write(s, 0, F80::INDEFINITE);
        }
        return 0;
    }
    if cond as u8 != 0 {
        let value = read(s, i);
        write(s, 0, value);
    }
    0
}
