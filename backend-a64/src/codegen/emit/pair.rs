//! Two stores side by side become one STP: PUSH after PUSH, arguments on the stack.
//!
//! The second store joins the one emitted right before it. If the pair faults, the runtime has the first of the two guest
//! instructions done by the interpreter (`runtime::recover`), so that a fault of the second is reported there. Loads are
//! not joined: what a faulting LDP leaves in its registers is unknown (Arm ARM D1.3.4).
use super::super::compiled::CodeOffset;
use super::{a64, EmitCx};
use ir::Ty;

/// A store that another one may join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    ty: Ty,
    reg: u8,
    base: u8,
    offset: i32,
    /// Whether the base was stepped by the offset.
    stepped: bool,
    /// The end of its instruction.
    end: CodeOffset,
}

/// Remembers the store just emitted.
pub(super) fn note(cx: &mut EmitCx, ty: Ty, reg: u8, base: u8, offset: i32, stepped: bool) {
    let end = cx.asm.here();
    cx.stored = Some(Stored { ty, reg, base, offset, stepped, end });
}

/// Joins a store that is about to be emitted to the one right before; whether that was possible.
pub(super) fn join(cx: &mut EmitCx, ty: Ty, reg: u8, base: u8, offset: i32, stepped: bool) -> bool {
    let size = ty.bytes() as i32;
    let Some(first) = cx.stored.take().filter(|s| s.end == cx.asm.here()) else { return false };
    if first.ty != ty || first.base != base || first.stepped != stepped || size < 4 {
        return false;
    }
    let (low, lower, upper) = match stepped {
        true if offset == -size && first.offset == -size => (2 * offset, reg, first.reg),
        false if offset + size == first.offset => (offset, reg, first.reg),
        false if first.offset + size == offset => (first.offset, first.reg, reg),
        _ => return false,
    };
    if low % size != 0 || !(-64..64).contains(&(low / size)) {
        return false;
    }
    cx.asm.take_back();
    // The guest instruction of the second store has no code of its own so far.
    let end = first.end;
    if cx.pc_map.last().is_some_and(|entry| entry.at == end) {
        cx.pc_map.pop();
    }
    match (ty, stepped) {
        (Ty::I32, false) => a64!(cx; stp W(lower), W(upper), [X(base), low]),
        (Ty::I32, true) => a64!(cx; stp W(lower), W(upper), [X(base), low]!),
        (Ty::I64, false) => a64!(cx; stp X(lower), X(upper), [X(base), low]),
        (Ty::I64, true) => a64!(cx; stp X(lower), X(upper), [X(base), low]!),
        (_, false) => a64!(cx; stp Q(lower), Q(upper), [X(base), low]),
        (_, true) => a64!(cx; stp Q(lower), Q(upper), [X(base), low]!),
    }
    true
}
