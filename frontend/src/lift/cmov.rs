//! CMOV: CMOVcc. SDM vol. 1, 7.3.1.1. A memory source is read whatever the condition.
use super::branch::condition;
use crate::lifter::LiftCx;
use ir::Sink;

/// CMOVcc.
pub(crate) fn cmovcc<S: Sink>(cx: &mut LiftCx<S>) {
    let src = cx.read(1);
    let dst = cx.operand(0);
    let old = cx.get(&dst);
    let cc = condition(cx);
    let value = cx.ir.select(cc, src, old);
    cx.set(&dst, value);
}
