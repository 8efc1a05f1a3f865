//! RCPPS and RSQRTPS: approximations with a relative error below 1.5 * 2^-12, neither rounding nor flags
//! (SDM vol. 2, RCPPS, RSQRTPS). The SDM leaves the bits open and CPUs differ; these are one real CPU's.
use super::estimate_table::{RECIPROCAL, ROOT_EVEN, ROOT_ODD};
use super::F32;

/// One, in the unit of the results.
const ONE: u64 = 1 << 13;

const EXPONENT_BIAS: i32 = 127;

/// The table's correction of entry `index`, -1 to 1.
fn correction(table: &[u64; 128], index: u64) -> i64 {
    (table[index as usize / 32] >> (2 * (index % 32)) & 3) as i64 - 1
}

/// `units / 2^13 * 2^exponent`, for 2^12 <= units <= 2^13; zero below the normal numbers.
fn assemble(negative: bool, units: u64, exponent: i32) -> u64 {
    let (units, exponent) = if units == ONE { (units / 2, exponent + 1) } else { (units, exponent) };
    let field = exponent - 1 + EXPONENT_BIAS;
    let magnitude = if field < 1 { 0 } else { (field as u64) << 23 | (units - ONE / 2) << 11 };
    F32.signed(negative, magnitude)
}

/// Sign, exponent, and the top twelve bits of the fraction of a normal number.
fn split(v: u64) -> (bool, i32, u64) {
    (F32.is_negative(v), (v >> 23 & 0xff) as i32 - EXPONENT_BIAS, v >> 11 & 0xfff)
}

/// The results that need no table: NaN, infinity, zero and denormals, which count as zero.
fn special(v: u64) -> Option<u64> {
    if F32.is_nan(v) {
        return Some(v | F32.quiet_bit());
    }
    let negative = F32.is_negative(v);
    if F32.is_zero(v) || F32.is_denormal(v) {
        return Some(F32.signed(negative, F32.infinity()));
    }
    None
}

/// About `1 / v`.
pub(crate) fn reciprocal(v: u64) -> u64 {
    if let Some(result) = special(v) {
        return result;
    }
    let (negative, exponent, index) = split(v);
    if F32.is_inf(v) {
        return F32.signed(negative, 0);
    }
    // The middle of the interval, in units of 2^-13.
    let middle = ONE + 1 + 2 * index;
    let nearest = (2 * ONE * ONE + middle) / (2 * middle);
    assemble(negative, nearest.wrapping_add_signed(correction(&RECIPROCAL, index)), -exponent)
}

/// About `1 / sqrt(v)`.
pub(crate) fn reciprocal_root(v: u64) -> u64 {
    if let Some(result) = special(v) {
        return result;
    }
    let (negative, exponent, index) = split(v);
    if negative {
        return F32.default_nan();
    }
    if F32.is_inf(v) {
        return 0;
    }
    let odd = exponent & 1;
    let middle = (ONE + 1 + 2 * index) << odd;
    let nearest = (4 * ONE.pow(3) / middle).isqrt().div_ceil(2);
    let table = if odd == 0 { &ROOT_EVEN } else { &ROOT_ODD };
    assemble(false, nearest.wrapping_add_signed(correction(table, index)), -(exponent - odd) / 2)
}
