//! Vector opcodes: one function per family, in files beside this one.
//!
//! `cx.v(i)` and `cx.dst_v()` are register numbers for `V(..)`, `Q(..)`, `D(..)`, `S(..)`; integer arguments and results
//! are `cx.x(i)` and `cx.dst()`. Scratch is v30, v31 and x16, x17, x30.
use super::EmitCx;
use ir::Inst;

/// Emits a vector instruction.
pub(super) fn emit(_cx: &mut EmitCx, inst: &Inst) {
    unreachable!("no emitter for {}", inst.op.name());
}
