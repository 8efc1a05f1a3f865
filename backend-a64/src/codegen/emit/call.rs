//! Guest calls and returns with the shadow stack, and calls of helpers.
//!
//! A guest call pushes (guest return address, host return address) on the shadow stack at x29 and is a `bl`; a return
//! pops an entry, compares and is a `ret`, so that the host's return predictor sees matching pairs.
use super::super::abi;
use super::super::allocation::{Loc, Saves};
use super::super::asm::Label;
use super::super::compiled::{LinkKind, Stub};
use super::super::regalloc::operand::{operand, Operand};
use super::{a64, branch, fetch, flags, mem, EmitCx, S0, S1, ZR};
use ir::guest::state::offset;
use ir::{BlockId, GuestAddr, Inst, Target, Ty, Value};

/// Pushes the shadow entry; the label is where the host comes back to.
fn push_shadow(cx: &mut EmitCx, ret: GuestAddr, ret_block: Option<BlockId>) -> Label {
    let known = cx.alloc.ret_value.and_then(|v| match cx.alloc.loc(v) {
        Loc::X(n) => Some(n),
        _ => None,
    });
    let pc = known.unwrap_or_else(|| {
        cx.mov_imm(S0, ret.0);
        S0
    });
    let label = match ret_block {
        Some(id) => cx.blocks[id.index()],
        None => cx.asm.new_label(),
    };
    cx.asm.adr(S1, label);
    a64!(cx; stp X(pc), x17, [x29, -(abi::SHADOW_ENTRY as i32)]!);
    label
}

/// After the call: the block at the return address follows, or is branched to by `adr`; without one, a way out.
fn after_call(cx: &mut EmitCx, label: Label, ret: GuestAddr, ret_block: Option<BlockId>) {
    if ret_block.is_none() {
        cx.asm.bind(label);
        branch::link(cx, LinkKind::Jump, ret);
    }
}

/// `Call`.
pub(super) fn direct(cx: &mut EmitCx, target: Target, ret: GuestAddr, ret_block: Option<BlockId>) {
    let label = push_shadow(cx, ret, ret_block);
    match target {
        Target::Block(id) => cx.asm.bl(cx.blocks[id.index()]),
        Target::Guest(addr) => branch::link(cx, LinkKind::Call, addr),
    }
    after_call(cx, label, ret, ret_block);
}

/// `CallIndirect`.
pub(super) fn indirect(cx: &mut EmitCx, pc: Value, ret: GuestAddr, ret_block: Option<BlockId>) {
    let pc = fetch(cx, pc, 0);
    let label = push_shadow(cx, ret, ret_block);
    branch::lookup(cx, pc);
    a64!(cx; blr x17);
    after_call(cx, label, ret, ret_block);
}

/// `Ret`.
pub(super) fn ret(cx: &mut EmitCx, pc: Value) {
    let pc = fetch(cx, pc, 0);
    let miss = branch::ret_miss(cx, pc);
    a64!(cx; ldp x16, x17, [x29], abi::SHADOW_ENTRY as i32; eor x16, x16, X(pc));
    cx.asm.cbnz(true, S0, miss);
    a64!(cx; ret x17);
}

/// `helper`: temporaries, flags and x30 are saved on the host's stack, which is ferry's own and free below sp.
pub(super) fn helper(cx: &mut EmitCx, inst: &Inst) {
    let saves = cx.alloc.saves_at(cx.pos);
    let keep_flags = !flags::nzcv_free(cx);
    push(cx, saves, keep_flags);
    arguments(cx, inst);
    cx.mov_imm64(S0, inst.helper().function() as usize as u64);
    branch::call_stub(cx, Stub::Helper);
    let result = inst.result_ty();
    a64!(cx; mov x17, x0);
    pop(cx, saves, keep_flags);
    match result {
        Ty::None => {}
        Ty::V128 => mem::load_from(cx, Ty::V128, cx.dst_v(), mem::state(offset::SCRATCH, Ty::V128)),
        _ => cx.mov_result(S1, result),
    }
}

/// Registers in a mask, two at a time.
fn pairs(mask: u32) -> impl DoubleEndedIterator<Item = (u8, u8)> {
    let mut regs = [ZR; 32];
    let mut n = 0;
    for reg in (0..32).filter(|r| mask >> r & 1 != 0) {
        regs[n] = reg as u8;
        n += 1;
    }
    (0..n.div_ceil(2)).map(move |i| (regs[2 * i], regs[2 * i + 1]))
}

/// Saves general registers on the host's stack.
pub(super) fn push_temps(cx: &mut EmitCx, saves: Saves) {
    for (a, b) in pairs(saves.x) {
        a64!(cx; stp X(a), X(b), [sp, -16]!);
    }
}

/// Takes them back.
pub(super) fn pop_temps(cx: &mut EmitCx, saves: Saves) {
    for (a, b) in pairs(saves.x).rev() {
        a64!(cx; ldp X(a), X(b), [sp], 16);
    }
}

fn push(cx: &mut EmitCx, saves: Saves, keep_flags: bool) {
    push_temps(cx, saves);
    for reg in (0..32u8).filter(|r| saves.v >> r & 1 != 0) {
        a64!(cx; str Q(reg), [sp, -16]!);
    }
    if keep_flags {
        flags::read_nzcv(cx, S0);
        a64!(cx; str x16, [sp, -16]!);
    }
}

fn pop(cx: &mut EmitCx, saves: Saves, keep_flags: bool) {
    if keep_flags {
        a64!(cx; ldr x16, [sp], 16);
        flags::write_nzcv(cx, S0);
    }
    for reg in (0..32u8).rev().filter(|r| saves.v >> r & 1 != 0) {
        a64!(cx; ldr Q(reg), [sp], 16);
    }
    pop_temps(cx, saves);
}

/// Puts the arguments into x1-x4 and `CpuState::scratch`.
fn arguments(cx: &mut EmitCx, inst: &Inst) {
    // A parallel move: an argument register is written once nothing waits for its old content.
    let mut moves: [Option<(u8, u8, Ty)>; 4] = [None; 4];
    for (i, arg) in inst.args.iter().enumerate().filter(|(_, a)| a.is_some()) {
        let ty = cx.block.ty(*arg);
        match operand(cx.block, inst, i) {
            Operand::Reg if ty == Ty::V128 => {
                let at = offset::SCRATCH + 16 * i as u32;
                mem::store_to(cx, Ty::V128, cx.v(i), mem::state(at, Ty::V128));
            }
            Operand::Reg => moves[i] = Some((i as u8 + 1, cx.x(i), ty)),
            _ => {}
        }
    }
    while let Some(first) = moves.iter().flatten().next().copied() {
        let waits_for =
            |to: u8, moves: &[Option<(u8, u8, Ty)>; 4]| moves.iter().flatten().any(|m| m.1 == to && m.0 != to);
        let ready = moves.iter().position(|m| m.is_some_and(|m| !waits_for(m.0, &moves)));
        match ready {
            Some(i) => {
                let (to, from, ty) = moves[i].take().expect("found above");
                move_argument(cx, to, from, ty);
            }
            None => {
                // A cycle: one source steps aside.
                a64!(cx; mov x16, X(first.1));
                for m in moves.iter_mut().flatten().filter(|m| m.1 == first.1) {
                    m.1 = S0;
                }
            }
        }
    }
    for (i, arg) in inst.args.iter().enumerate().filter(|(_, a)| a.is_some()) {
        if let Operand::Imm(c) = operand(cx.block, inst, i) {
            let _ = arg;
            cx.mov_imm64(i as u8 + 1, c);
        }
    }
}

fn move_argument(cx: &mut EmitCx, to: u8, from: u8, ty: Ty) {
    match ty.bits() {
        64 => cx.mov_wide(to, from, true),
        32 => cx.mov(to, from),
        bits => a64!(cx; ubfx W(to), W(from), 0, bits),
    }
}
