//! FSQRT.
use super::round::round;
use super::special::{denormal, one, Class};
use super::{Env, BIAS, F80};

/// The square root of `a`.
pub fn sqrt(a: F80, env: &mut Env) -> F80 {
    if !a.is_normal() {
        if let Some(result) = one(a, env) {
            return result;
        }
        if a.class() == Class::Zero {
            return a;
        }
    }
    if a.is_negative() {
        return env.invalid();
    }
    if a.class() == Class::Infinity || denormal(&[a], env) {
        return a;
    }
    let x = a.finite();
    let unbiased = x.exp - BIAS;
    let radicand = u128::from(x.sig) << if unbiased & 1 == 0 { 63 } else { 64 };
    let root = isqrt(radicand);
    let rest = radicand - u128::from(root) * u128::from(root);
    // (root + 1/2)^2 = root^2 + root + 1/4: beyond half exactly if the rest exceeds the root.
    let lo = u64::from(rest > u128::from(root)) << 63 | u64::from(rest != 0);
    round(false, (unbiased >> 1) + BIAS, root, lo, env)
}

/// The integer square root of `n >= 2^126`.
///
/// The estimate may be off in any rounding mode of the host; what follows corrects it in integers.
fn isqrt(n: u128) -> u64 {
    let estimate = (((n >> 64) as u64 as f64).sqrt() * 4_294_967_296.0) as u64;
    let square = u128::from(estimate) * u128::from(estimate);
    // The difference is far below 2^127 whichever is larger.
    let rest = n.wrapping_sub(square) as i128;
    let step = (rest >> 32) as i64 / (estimate >> 31) as i64;
    let mut root = (i128::from(estimate) + i128::from(step)).min(i128::from(u64::MAX)) as u64;
    while u128::from(root) * u128::from(root) > n {
        root -= 1;
    }
    while root < u64::MAX && u128::from(root + 1) * u128::from(root + 1) <= n {
        root += 1;
    }
    root
}
