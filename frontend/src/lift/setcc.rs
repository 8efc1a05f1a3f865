//! SETCC: SETcc. SDM vol. 1, 7.3.6.1.
use super::branch::condition;
use crate::lifter::LiftCx;

/// SETcc.
pub(crate) fn setcc(cx: &mut LiftCx) {
    let cc = condition(cx);
    let value = cx.ir.cond(cc);
    cx.write(0, value);
}
