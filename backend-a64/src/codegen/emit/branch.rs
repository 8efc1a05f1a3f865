//! Block heads, terminators, exits and the cold code behind them.
//!
//! A direct branch out of the region is a link site: a `b` or `bl` that first goes to its own stub in cold code and is
//! patched by the runtime. Everything that is not the expected way goes to cold code after the region's last block.
use super::super::abi;
use super::super::asm::Label;
use super::super::compiled::{CodeOffset, EntryPoint, LinkKind, LinkSite, Reloc, Stub, X87Fix};
use super::atomic::{self, WriteBack};
use super::flags::{self, Carry, Test};
use super::vector_convert::{self, IntFix};
use super::vector_denormal::{self, DenormalFix};
use super::vector_nan::{self, NanFix};
use super::{a64, call, fetch, x87, EmitCx, S0, S1};
use ir::opcode::Effects;
use ir::{BlockId, Cc, FlagSet, GuestAddr, Inst, Opcode, Region, Target, Terminator, Trap, Ty, Value};

/// Cold code to be emitted after the blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cold {
    label: Label,
    kind: ColdKind,
}

#[derive(Clone, Copy, Debug)]
enum ColdKind {
    /// To a stub that takes the guest instruction's address in w16 and, for `Stub::Trap`, the trap in w17. The carry is as
    /// it was there.
    Leave { stub: Stub, eip: GuestAddr, trap: Option<Trap>, carry: Carry, x87: X87Fix },
    /// The other ways of an x87 operation.
    X87(x87::Cold),
    /// To `Stub::Miss` or `Stub::RetMiss` with the guest address of a register in w16.
    Lookup { stub: Stub, pc: u8 },
    /// A comparison of CMPXCHG that failed.
    WriteBack { fix: WriteBack, eip: GuestAddr, carry: Carry, x87: X87Fix },
    /// A NaN among the lanes of a result.
    Nan(NanFix),
    /// A number without exponent.
    Denormal(DenormalFix),
    /// A float that does not fit an integer.
    Int(IntFix),
    /// A conditional way out of the region, with the carry as it was there.
    Out { target: GuestAddr, poll: bool, carry: Carry },
    /// Sixteen bytes of data.
    Vector(u128),
    /// The way into an entry with the carry direct.
    Entry { index: usize, to: Label },
    /// The way to a block or to a link site that wants the carry the other way.
    Turn(Label),
    /// The stub code of a link site that leaves with the carry direct.
    TurnOut { target: GuestAddr },
}

/// A link site whose stub code is not placed yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PendingLink {
    at: CodeOffset,
    kind: LinkKind,
    target: GuestAddr,
    stub: Label,
    carry_direct: bool,
}

fn cold(cx: &mut EmitCx, kind: ColdKind) -> Label {
    let label = cx.asm.new_label();
    cx.cold.push(Cold { label, kind });
    label
}

/// Cold code that leaves with a trap at the current guest instruction.
pub(super) fn cold_trap(cx: &mut EmitCx, trap: Trap) -> Label {
    let kind =
        ColdKind::Leave { stub: Stub::Trap, eip: cx.eip(), trap: Some(trap), carry: cx.carry, x87: cx.x87.fix() };
    cold(cx, kind)
}

/// Cold code that leaves the current guest instruction to the interpreter.
pub(super) fn cold_single(cx: &mut EmitCx) -> Label {
    let kind = ColdKind::Leave { stub: Stub::Single, eip: cx.eip(), trap: None, carry: cx.carry, x87: cx.x87.fix() };
    cold(cx, kind)
}

/// Cold code of an x87 operation.
pub(super) fn cold_x87(cx: &mut EmitCx, kind: x87::Cold) -> Label {
    cold(cx, ColdKind::X87(kind))
}

/// Cold code of a CMPXCHG. It may fault like the code before it.
pub(super) fn cold_write_back(cx: &mut EmitCx, fix: WriteBack) -> Label {
    let kind = ColdKind::WriteBack { fix, eip: cx.eip(), carry: cx.carry, x87: cx.x87.fix() };
    cold(cx, kind)
}

/// A constant among the cold code.
pub(super) fn cold_vector(cx: &mut EmitCx, bytes: u128) -> Label {
    cold(cx, ColdKind::Vector(bytes))
}

/// Cold code that repairs a NaN result.
pub(super) fn cold_nan(cx: &mut EmitCx, fix: NanFix) -> Label {
    cold(cx, ColdKind::Nan(fix))
}

/// Cold code for a conversion that does not fit.
pub(super) fn cold_int(cx: &mut EmitCx, fix: IntFix) -> Label {
    cold(cx, ColdKind::Int(fix))
}

/// Cold code that looks more closely at what may be a denormal.
pub(super) fn cold_denormal(cx: &mut EmitCx, fix: DenormalFix) -> Label {
    cold(cx, ColdKind::Denormal(fix))
}

/// The beginning of a block: its label, the poll of a loop, its entry.
pub(super) fn head(cx: &mut EmitCx) {
    let label = cx.blocks[cx.block_index];
    cx.asm.bind(label);
    cx.carry = *cx.carry_in[cx.block_index].get_or_insert(Carry::Inverted);
    if cx.loop_heads[cx.block_index] {
        poll(cx, cx.block.start);
    }
    if cx.block.entry || cx.block_index == 0 {
        entry(cx);
        if cx.block_index == 0 || cx.loop_heads[cx.block_index] {
            count(cx);
        }
    }
}

/// A place where control comes from outside. Without a use for CF, it does not matter what C means.
fn entry(cx: &mut EmitCx) {
    let at = cx.asm.here();
    let unread = !cx.alloc.live_in.contains(FlagSet::CF);
    cx.entries.push(EntryPoint { guest: cx.block.start, at, direct: unread.then_some(at) });
    let index = cx.entries.len() - 1;
    let outside = x87::outside(cx, index);
    if !unread && cx.block_index == 0 {
        let to = outside.unwrap_or_else(|| {
            let here = cx.asm.new_label();
            cx.asm.bind(here);
            here
        });
        cold(cx, ColdKind::Entry { index, to });
    }
}

/// Counts a pass through code that is replaced once it is hot. The stub finds out where it is by the pc map.
fn count(cx: &mut EmitCx) {
    let Some(counter) = cx.options.counter else { return };
    cx.mark_pc(cx.block.start);
    a64!(cx; movz w17, u32::from(counter));
    call_stub(cx, Stub::Count);
}

/// Finds which blocks a block at or after them in emission order branches back to.
pub(super) fn find_loop_heads(region: &Region, heads: &mut Vec<bool>) {
    heads.clear();
    heads.resize(region.blocks.len(), false);
    for (from, block) in region.blocks.iter().enumerate() {
        for target in block.term.targets() {
            if let Target::Block(to) = target {
                heads[to.index()] |= to.index() <= from;
            }
        }
    }
}

/// Lets the thread be stopped here, in the state at `eip`.
fn poll(cx: &mut EmitCx, eip: GuestAddr) {
    cx.mark_pc(eip);
    a64!(cx; ldr wzr, [x28, abi::POLL]);
}

/// Lets a loop that consists of indirect jumps (a threaded interpreter) be stopped: before a jump that has written nothing
/// yet, so that it is simply done again. Those that have, far returns and the like, make no loops by themselves.
fn poll_jump(cx: &mut EmitCx) {
    let Some((index, last)) = cx.block.insns.iter().enumerate().next_back() else {
        return;
    };
    let writes = |inst: &Inst| {
        let effects = inst.op.effects();
        usize::from(inst.insn) == index
            && (!inst.flags.is_empty()
                || [Effects::STORE, Effects::WRITES_STATE, Effects::CALL, Effects::X87].iter().any(|e| effects.has(*e)))
    };
    if !cx.block.insts.iter().any(writes) {
        poll(cx, last.addr);
    }
}

/// `trap_if`, `trap_if_zero`.
pub(super) fn trap_if(cx: &mut EmitCx, inst: &Inst) {
    let zero = inst.op == Opcode::TrapIfZero;
    if let Some(c) = cx.imm(0) {
        if (c == 0) == zero {
            let label = cold_trap(cx, inst.trap());
            cx.asm.b(label);
        }
        return;
    }
    let ty = cx.arg_ty(0);
    let reg = flags::widened(cx, 0, ty);
    let label = cold_trap(cx, inst.trap());
    match zero {
        true => cx.asm.cbz(ty == Ty::I64, reg, label),
        false => cx.asm.cbnz(ty == Ty::I64, reg, label),
    }
}

/// Emits the block's terminator. Where CF is live, direct branches give the carry to their target as it is or as the
/// target wants it ([`carry_for`]); all others make it the canonical one.
pub(super) fn terminator(cx: &mut EmitCx) {
    use Terminator::{Branch, BranchNz, Call, Jump};
    let wanted = match cx.block.term {
        Jump(_) | Branch { .. } | BranchNz { .. } => None,
        Call { target: Target::Block(id), .. } => carry_for(cx, id),
        _ => cx.live_out.contains(FlagSet::CF).then_some(Carry::Inverted),
    };
    if let Some(wanted) = wanted {
        flags::need_carry(cx, wanted);
    }
    match cx.block.term {
        Terminator::Jump(target) => jump(cx, target),
        Terminator::Branch { cc, taken, fallthrough } => branch(cx, cc, taken, fallthrough),
        Terminator::BranchNz { value, taken, fallthrough } => branch_nz(cx, value, taken, fallthrough),
        Terminator::Indirect { pc } => {
            poll_jump(cx);
            let pc = fetch(cx, pc, 0);
            lookup(cx, pc);
            a64!(cx; br x17);
        }
        Terminator::Call { target, ret, ret_block } => call::direct(cx, target, ret, ret_block),
        Terminator::CallIndirect { pc, ret, ret_block } => call::indirect(cx, pc, ret, ret_block),
        Terminator::Ret { pc } => call::ret(cx, pc),
        Terminator::Exit { trap, eip } => leave(cx, Stub::Trap, eip, Some(trap)),
    }
}

/// x17 = the host address of the guest address in `pc`; cold code leaves if the lookup table does not have it.
pub(super) fn lookup(cx: &mut EmitCx, pc: u8) {
    let miss = cold(cx, ColdKind::Lookup { stub: Stub::Miss, pc });
    a64!(cx
        ; and w17, W(pc), abi::LOOKUP_ENTRIES - 1
        ; ldr x17, [x27, x17, lsl #3]
        ; eor w16, w17, W(pc)
    );
    cx.asm.cbnz(false, S0, miss);
    a64!(cx; add x17, x27, x17, lsr #32);
}

/// Cold code for a return whose shadow stack entry does not match the guest address in `pc`.
pub(super) fn ret_miss(cx: &mut EmitCx, pc: u8) -> Label {
    cold(cx, ColdKind::Lookup { stub: Stub::RetMiss, pc })
}

fn leave(cx: &mut EmitCx, stub: Stub, eip: GuestAddr, trap: Option<Trap>) {
    cx.mov_imm(S0, eip.0);
    if let Some(trap) = trap {
        cx.mov_imm(S1, trap as u32);
    }
    to_stub(cx, stub);
}

/// `b stub`.
fn to_stub(cx: &mut EmitCx, stub: Stub) {
    cx.relocs.push(Reloc { at: cx.asm.here(), stub });
    cx.asm.word(0x1400_0000);
}

/// `bl stub`.
pub(super) fn call_stub(cx: &mut EmitCx, stub: Stub) {
    cx.relocs.push(Reloc { at: cx.asm.here(), stub });
    cx.asm.word(0x9400_0000);
}

/// A link site at the current position.
pub(super) fn link(cx: &mut EmitCx, kind: LinkKind, target: GuestAddr) {
    link_with(cx, kind, target, false);
}

fn link_with(cx: &mut EmitCx, kind: LinkKind, target: GuestAddr, carry_direct: bool) {
    let stub = if carry_direct { cold(cx, ColdKind::TurnOut { target }) } else { cx.asm.new_label() };
    cx.links.push(PendingLink { at: cx.asm.here(), kind, target, stub, carry_direct });
    match kind {
        LinkKind::Jump => cx.asm.b(stub),
        LinkKind::Call => cx.asm.bl(stub),
    }
}

/// Loops through several regions are polled where they jump back.
fn polls(cx: &EmitCx, target: GuestAddr) -> bool {
    cx.block.insns.last().is_some_and(|last| target <= last.addr)
}

fn is_next(cx: &EmitCx, target: Target) -> bool {
    matches!(target, Target::Block(id) if id.index() == cx.block_index + 1)
}

fn jump(cx: &mut EmitCx, target: Target) {
    match target {
        Target::Block(id) => {
            if let Some(wanted) = carry_for(cx, id) {
                flags::need_carry(cx, wanted);
            }
            if !is_next(cx, target) {
                cx.asm.b(cx.blocks[id.index()]);
            }
        }
        Target::Guest(addr) => out(cx, addr, polls(cx, addr)),
    }
}

/// A link site for a jump out of the region, with the carry as it is.
fn out(cx: &mut EmitCx, target: GuestAddr, polled: bool) {
    if polled {
        poll(cx, target);
    }
    let direct = cx.carry == Carry::Direct && cx.region.live_at(target).contains(FlagSet::CF);
    link_with(cx, LinkKind::Jump, target, direct);
}

/// What the carry has to mean at the start of a block that is branched to from here; nothing if the block does not care.
/// A block takes it as it is where it is first branched to.
fn carry_for(cx: &mut EmitCx, id: BlockId) -> Option<Carry> {
    let carry = cx.carry;
    cx.live.live_at_start(id.index()).contains(FlagSet::CF).then(|| *cx.carry_in[id.index()].get_or_insert(carry))
}

/// The label a conditional branch can go to: the block, or cold code with the link site.
fn label_of(cx: &mut EmitCx, target: Target) -> Label {
    match target {
        Target::Block(id) => match carry_for(cx, id) {
            Some(wanted) if wanted != cx.carry => cold(cx, ColdKind::Turn(cx.blocks[id.index()])),
            _ => cx.blocks[id.index()],
        },
        Target::Guest(target) => {
            let kind = ColdKind::Out { target, poll: polls(cx, target), carry: cx.carry };
            cold(cx, kind)
        }
    }
}

/// Two ways: `emit` makes the branch to a label if the condition holds, or if it does not.
fn two_way(cx: &mut EmitCx, taken: Target, fallthrough: Target, emit: impl Fn(&mut EmitCx, bool, Label)) {
    // What can be fallen into should be; a way out of the region is better not a branch to a branch.
    let invert = is_next(cx, taken)
        || matches!((taken, fallthrough), (Target::Guest(_), Target::Block(_))) && !is_next(cx, fallthrough);
    if invert {
        let label = label_of(cx, fallthrough);
        emit(cx, false, label);
        jump(cx, taken);
    } else {
        let label = label_of(cx, taken);
        emit(cx, true, label);
        jump(cx, fallthrough);
    }
}

fn branch(cx: &mut EmitCx, cc: Cc, taken: Target, fallthrough: Target) {
    match flags::test(cx, cc) {
        Test::Nzcv(cond) => two_way(cx, taken, fallthrough, |cx, holds, label| {
            cx.asm.b_cond(if holds { cond } else { cond.invert() }, label);
        }),
        Test::ParityOdd(odd) => two_way(cx, taken, fallthrough, |cx, holds, label| match odd == holds {
            true => cx.asm.tbnz(S0, 0, label),
            false => cx.asm.tbz(S0, 0, label),
        }),
    }
}

fn branch_nz(cx: &mut EmitCx, value: Value, taken: Target, fallthrough: Target) {
    if let Some(c) = cx.block.as_const(value) {
        return jump(cx, if c != 0 { taken } else { fallthrough });
    }
    let ty = cx.block.ty(value);
    let mut reg = fetch(cx, value, 0);
    if ty.bits() < 32 && !cx.alloc.slots[value.index()].zero_above {
        a64!(cx; ubfx W(S1), W(reg), 0, ty.bits());
        reg = S1;
    }
    let wide = ty == Ty::I64;
    two_way(cx, taken, fallthrough, |cx, holds, label| match holds {
        true => cx.asm.cbnz(wide, reg, label),
        false => cx.asm.cbz(wide, reg, label),
    });
}

/// Emits the cold code, then the stub code of every link site; adds the link sites to `sites`.
pub(crate) fn cold_code(cx: &mut EmitCx, sites: &mut Vec<LinkSite>) {
    let mut next = 0;
    // A way out may ask for more.
    while let Some(Cold { label, kind }) = cx.cold.get(next).copied() {
        next += 1;
        cx.asm.bind(label);
        match kind {
            ColdKind::X87(kind) => x87::emit_cold(cx, &kind),
            ColdKind::Leave { stub, eip, trap, carry, x87 } => {
                x87::emit_fix(cx, x87);
                if carry == Carry::Direct {
                    flags::invert_carry(cx, S0);
                }
                leave(cx, stub, eip, trap);
            }
            ColdKind::Lookup { stub, pc } => {
                cx.mov(S0, pc);
                to_stub(cx, stub);
            }
            ColdKind::WriteBack { fix, eip, carry, x87 } => {
                cx.carry = carry;
                cx.mark_pc_with(eip, x87);
                atomic::write_back(cx, &fix);
            }
            ColdKind::Nan(fix) => vector_nan::fix(cx, &fix),
            ColdKind::Denormal(fix) => vector_denormal::fix(cx, &fix),
            ColdKind::Int(fix) => vector_convert::fix(cx, &fix),
            ColdKind::Out { target, poll, carry } => {
                cx.carry = carry;
                out(cx, target, poll);
            }
            ColdKind::Vector(bytes) => (0..4).for_each(|i| cx.asm.word((bytes >> (32 * i)) as u32)),
            ColdKind::Entry { index, to } => {
                cx.entries[index].direct = Some(cx.asm.here());
                flags::invert_carry(cx, S0);
                cx.asm.b(to);
            }
            ColdKind::Turn(to) => {
                flags::invert_carry(cx, S0);
                cx.asm.b(to);
            }
            ColdKind::TurnOut { target } => {
                flags::invert_carry(cx, S0);
                link(cx, LinkKind::Jump, target);
            }
        }
    }
    for index in 0..cx.links.len() {
        let pending = cx.links[index];
        sites.push(link_stub(cx, &pending));
    }
}

fn link_stub(cx: &mut EmitCx, pending: &PendingLink) -> LinkSite {
    let PendingLink { at, kind, target, stub, carry_direct } = *pending;
    if carry_direct {
        // Its stub code is among the cold code.
        let stub = cx.asm.offset_of(stub);
        return LinkSite { at, kind, target, stub, carry_direct };
    }
    cx.asm.bind(stub);
    let here = cx.asm.here();
    cx.asm.adr_back(S1, at);
    cx.mov_addr(S0, target);
    to_stub(cx, Stub::Link);
    LinkSite { at, kind, target, stub: here, carry_direct }
}
