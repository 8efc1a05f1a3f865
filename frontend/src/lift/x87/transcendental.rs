//! F2XM1, FYL2X, FYL2XP1, FPTAN, FPATAN, FSIN, FCOS, FSINCOS. SDM vol. 1, 8.3.7, 8.3.9.
use super::simple;
use crate::lifter::LiftCx;
use ir::Helper;

/// F2XM1.
pub(crate) fn f2xm1(cx: &mut LiftCx) {
    simple(cx, Helper::X87F2xm1, &[]);
}

/// FYL2X.
pub(crate) fn fyl2x(cx: &mut LiftCx) {
    simple(cx, Helper::X87Fyl2x, &[]);
}

/// FYL2XP1.
pub(crate) fn fyl2xp1(cx: &mut LiftCx) {
    simple(cx, Helper::X87Fyl2xp1, &[]);
}

/// FPTAN.
pub(crate) fn fptan(cx: &mut LiftCx) {
    simple(cx, Helper::X87Ptan, &[]);
}

/// FPATAN.
pub(crate) fn fpatan(cx: &mut LiftCx) {
    simple(cx, Helper::X87Patan, &[]);
}

/// FSIN.
pub(crate) fn fsin(cx: &mut LiftCx) {
    simple(cx, Helper::X87Sin, &[]);
}

/// FCOS.
pub(crate) fn fcos(cx: &mut LiftCx) {
    simple(cx, Helper::X87Cos, &[]);
}

/// FSINCOS.
pub(crate) fn fsincos(cx: &mut LiftCx) {
    simple(cx, Helper::X87SinCos, &[]);
}
