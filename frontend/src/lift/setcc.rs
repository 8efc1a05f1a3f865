//! SETCC: SETcc. SDM vol. 1, 7.3.6.1.
use super::branch::condition;
use crate::lifter::LiftCx;
use ir::Sink;

/// SETcc.
pub(crate) fn setcc<S: Sink>(cx: &mut LiftCx<S>) {
    let cc = condition(cx);
    let value = cx.ir.cond(cc);
    cx.write(0, value);
}
