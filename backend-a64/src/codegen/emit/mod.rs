//! Emission: physical registers only, nothing is chosen here. One file per opcode family, mirrored by the opcode table.
//!
//! What an emitter may rely on and must keep:
//! - `cx.x(i)`, `cx.v(i)`: the register that holds argument `i`; `cx.imm(i)`: its value if it is folded as an immediate
//!   (`regalloc::operand` decides). `cx.dst()`, `cx.dst_v()`: where the result goes; register 31 if nobody reads it.
//! - The destination may be the same register as any argument: read every argument before writing the destination.
//! - Scratch: x16, x17, x30 and v30, v31. All other registers belong to the allocator or the guest.
//! - A value of I32 has zeros in the upper half of its register; I8 and I16 values have anything above their width.
//! - NZCV belongs to the guest. An emitter that needs it for itself asks `flags::nzcv_free`, or saves it.
//! - A fault leaves guest state as it was before the guest instruction: write the destination after the access.
mod atomic;
mod branch;
mod call;
mod crypto;
mod flags;
mod flags_image;
mod int;
mod mem;
mod muldiv;
mod pair;
mod rotate;
mod shift;
mod shift_double;
mod vector;
mod vector_afp;
mod vector_convert;
mod vector_denormal;
mod vector_fp;
mod vector_int;
mod vector_move;
mod vector_nan;
mod vector_pack;
mod vector_shuffle;
mod writeback;
mod x87;

use super::abi;
use super::allocation::{Allocation, Loc, When};
use super::asm::{a64, Asm, Label};
use super::compiled::{CompiledRegion, EntryPoint, PcEntry, Reloc, X87Fix};
use super::imm::{mov32, MovWide};
use super::regalloc::operand::zero_vector;
use super::{x87_stack, Options};
use ir::opt::OptCx;
use ir::{Block, FlagSet, GuestAddr, Inst, Opcode, Region, Ty, Value};

pub(crate) use flags::Carry;

/// Register 31 where it reads as zero and ignores writes.
pub(crate) const ZR: u8 = 31;
/// Scratch registers of an emitter.
pub(crate) const S0: u8 = abi::SCRATCH0;
/// See [`S0`].
pub(crate) const S1: u8 = abi::SCRATCH1;
/// See [`S0`]. `bl` overwrites it.
pub(crate) const S2: u8 = abi::LR;

/// Everything an emitter reads and writes.
pub(crate) struct EmitCx<'a> {
    pub(crate) asm: Asm,
    pub(crate) region: &'a Region,
    pub(crate) options: &'a Options,
    pub(crate) block: &'a Block,
    pub(crate) alloc: Allocation,
    /// The instruction being emitted, and the position it is emitted at (later than its own if it sank).
    pub(crate) value: usize,
    pub(crate) pos: usize,
    /// How the host's C flag relates to the guest's CF now.
    pub(crate) carry: Carry,
    /// Whether CF is to be written inverted where that costs less than turning C afterwards.
    pub(crate) write_inverted: bool,
    /// What the guest's registers hold, and where a step was already made by the access before it.
    pub(crate) held: writeback::Held,
    pub(crate) stepped: usize,
    /// Whether the current instruction clears the upper half of its vector result.
    pub(crate) cleared: bool,
    /// Flags live at the end of the block.
    pub(crate) live_out: FlagSet,
    /// Flags live at both ends of every block.
    pub(crate) live: &'a OptCx,
    /// What C means at the start of every block, once somebody has gone there or it has been emitted.
    pub(crate) carry_in: Vec<Option<Carry>>,
    /// The last store, if another one may join it.
    pub(crate) stored: Option<pair::Stored>,
    /// The last load, if it may become one into a lane.
    pub(crate) loaded: Option<vector_move::Loaded>,
    pub(crate) blocks: Vec<Label>,
    /// Whether a block at or after it in emission order branches back to a block.
    pub(crate) loop_heads: Vec<bool>,
    pub(crate) block_index: usize,
    pub(crate) cold: Vec<branch::Cold>,
    pub(crate) entries: Vec<EntryPoint>,
    pub(crate) links: Vec<branch::PendingLink>,
    pub(crate) relocs: Vec<Reloc>,
    pub(crate) pc_map: Vec<PcEntry>,
    pub(crate) x87: x87::X87State,
    /// Registers of the arguments and the result of the current instruction.
    regs: [u8; 4],
    imms: [Option<u64>; 4],
    dst: u8,
}

/// Memory that emission uses again for every region.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    alloc: Allocation,
    asm: Asm,
    blocks: Vec<Label>,
    loop_heads: Vec<bool>,
    cold: Vec<branch::Cold>,
    links: Vec<branch::PendingLink>,
    carry_in: Vec<Option<Carry>>,
}

/// An empty vector in the memory of an old one.
fn emptied<T>(old: &mut Vec<T>) -> Vec<T> {
    let mut taken = std::mem::take(old);
    taken.clear();
    taken
}

impl<'a> EmitCx<'a> {
    /// General registers that nothing lives in anywhere in the block: scratch for emitters that need more of it. The copy that
    /// the x87 operations of the block keep in some of them is forgotten.
    pub(crate) fn spares<const N: usize>(&mut self) -> Option<[u8; N]> {
        let spares = self.alloc.spares();
        if spares.is_some_and(|regs| regs.iter().any(|r| x87::CACHE.contains(r))) {
            self.x87.forget_copy();
        }
        spares
    }

    /// A context for a region; block and allocation change as it goes. The code goes to the memory of `old`.
    pub(crate) fn new(
        region: &'a Region,
        options: &'a Options,
        mut buffers: Buffers,
        old: &mut CompiledRegion,
        live: &'a OptCx,
    ) -> Self {
        let mut asm = buffers.asm;
        asm.restart(std::mem::take(&mut old.code), region.insn_count() * 16 + 256);
        let mut blocks = emptied(&mut buffers.blocks);
        blocks.extend(region.blocks.iter().map(|_| asm.new_label()));
        let mut carry_in = emptied(&mut buffers.carry_in);
        carry_in.extend(region.blocks.iter().map(|b| b.entry.then_some(Carry::Inverted)));
        branch::find_loop_heads(region, &mut buffers.loop_heads);
        Self {
            asm,
            region,
            options,
            block: &region.blocks[0],
            alloc: buffers.alloc,
            value: 0,
            pos: 0,
            carry: Carry::Inverted,
            write_inverted: false,
            held: writeback::Held::default(),
            stepped: usize::MAX,
            cleared: false,
            live_out: FlagSet::ALL,
            live,
            carry_in,
            stored: None,
            loaded: None,
            blocks,
            loop_heads: buffers.loop_heads,
            block_index: 0,
            cold: emptied(&mut buffers.cold),
            entries: emptied(&mut old.entries),
            links: emptied(&mut buffers.links),
            relocs: emptied(&mut old.relocs),
            pc_map: emptied(&mut old.pc_map),
            x87: x87::X87State::new(x87_stack::analyse(region, options.x87, options.counter.is_some())),
            regs: [ZR; 4],
            imms: [None; 4],
            dst: ZR,
        }
    }

    /// The instruction being emitted.
    pub(crate) fn inst(&self) -> &'a Inst {
        &self.block.insts[self.value]
    }

    /// Register number of integer argument `i`.
    pub(crate) fn x(&self, i: usize) -> u8 {
        self.regs[i]
    }

    /// Register number of vector argument `i`.
    pub(crate) fn v(&self, i: usize) -> u8 {
        self.regs[i]
    }

    /// Argument `i` as an immediate, if it was folded.
    pub(crate) fn imm(&self, i: usize) -> Option<u64> {
        self.imms[i]
    }

    /// Register number of the integer result; `ZR` if nobody reads it.
    pub(crate) fn dst(&self) -> u8 {
        self.dst
    }

    /// Register number of the vector result.
    pub(crate) fn dst_v(&self) -> u8 {
        self.dst
    }

    /// The type of argument `i`.
    pub(crate) fn arg_ty(&self, i: usize) -> Ty {
        self.block.ty(self.inst().args[i])
    }

    /// The guest instruction the current instruction belongs to.
    pub(crate) fn eip(&self) -> GuestAddr {
        self.block.insn_addr(self.inst())
    }

    /// Guest flags live after the current position (an instruction that sank runs among later flags).
    pub(crate) fn live(&self) -> FlagSet {
        self.alloc.slots[self.pos].live
    }

    /// Puts a 32-bit constant into a register.
    pub(crate) fn mov_imm(&mut self, reg: u8, value: u32) {
        let (first, second) = mov32(value);
        for step in [Some(first), second].into_iter().flatten() {
            match step {
                MovWide::Z(bits, shift) => a64!(self; movz W(reg), u32::from(bits), lsl shift),
                MovWide::N(bits, shift) => a64!(self; movn W(reg), u32::from(bits), lsl shift),
                MovWide::K(bits, shift) => a64!(self; movk W(reg), u32::from(bits), lsl shift),
                MovWide::Logical(imm) => a64!(self; orr WSP(reg), wzr, imm.bits32()),
            }
        }
    }

    /// Puts a guest address into a register: in two instructions, as where this is used code is seldom run but often made.
    pub(crate) fn mov_addr(&mut self, reg: u8, addr: GuestAddr) {
        self.asm.word(0x5280_0000 | (addr.0 & 0xffff) << 5 | u32::from(reg));
        self.asm.word(0x72a0_0000 | addr.0 >> 16 << 5 | u32::from(reg));
    }

    /// Puts a 64-bit constant into a register.
    pub(crate) fn mov_imm64(&mut self, reg: u8, value: u64) {
        self.mov_imm(reg, value as u32);
        for shift in [32u32, 48] {
            let bits = (value >> shift) as u32 & 0xffff;
            if bits != 0 {
                a64!(self; movk X(reg), bits, lsl shift);
            }
        }
    }

    /// Copies a 32-bit register, clearing the upper half.
    pub(crate) fn mov(&mut self, dst: u8, src: u8) {
        if dst != src {
            a64!(self; mov W(dst), W(src));
        }
    }

    /// Copies a register of either width.
    pub(crate) fn mov_wide(&mut self, dst: u8, src: u8, wide: bool) {
        match wide {
            true if dst != src => a64!(self; mov X(dst), X(src)),
            true => {}
            false => self.mov(dst, src),
        }
    }

    /// Whether nothing but the low half of the vector result counts. Whoever asks ends with a 64-bit instruction then, which
    /// clears the upper half.
    pub(crate) fn low_half(&mut self) -> bool {
        self.cleared = !self.alloc.slots[self.value].wide;
        self.cleared
    }

    /// Moves a result of type `ty` from scratch to the destination, if anybody reads it.
    pub(crate) fn mov_result(&mut self, reg: u8, ty: Ty) {
        if self.dst != ZR {
            self.mov_wide(self.dst, reg, ty == Ty::I64);
        }
    }

    /// Whether argument `i`, narrower than 32 bits, has zeros above its width.
    pub(crate) fn zero_above(&self, i: usize) -> bool {
        self.alloc.slots[self.inst().args[i].index()].zero_above
    }

    /// Copies a vector register.
    pub(crate) fn mov_v(&mut self, dst: u8, src: u8) {
        if dst != src {
            a64!(self; mov V(dst).b16, V(src).b16);
        }
    }

    /// From here on code belongs to this guest instruction.
    pub(crate) fn mark_pc(&mut self, eip: GuestAddr) {
        self.mark_pc_with(eip, self.x87.fix());
    }

    /// The same where the x87 state is not that of the current position: in cold code.
    pub(crate) fn mark_pc_with(&mut self, eip: GuestAddr, x87: X87Fix) {
        let carry_direct = self.carry == Carry::Direct;
        if self.pc_map.last().is_none_or(|e| (e.eip, e.carry_direct, e.x87) != (eip, carry_direct, x87)) {
            self.pc_map.push(PcEntry { at: self.asm.here(), eip, carry_direct, x87 });
        }
    }
}

/// Emits one block, which `cx.alloc` is the allocation of: its instructions, then its terminator.
pub(crate) fn block(cx: &mut EmitCx, index: usize, live_out: FlagSet) {
    cx.block = &cx.region.blocks[index];
    cx.block_index = index;
    cx.live_out = live_out;
    cx.held = writeback::Held::default();
    cx.stepped = usize::MAX;
    cx.stored = None;
    cx.loaded = None;
    x87::begin_block(cx, index);
    branch::head(cx);
    for pos in 0..cx.block.insts.len() {
        debug_assert!(cx.block.insts[pos].op != Opcode::GetMm || x87::in_mmx(cx), "MMX registers are elsewhere");
        if cx.alloc.slots[pos].when != When::Here {
            continue;
        }
        cx.pos = pos;
        x87::before(cx, &cx.block.insts[pos]);
        match cx.block.insts[pos].op {
            Opcode::SetGpr | Opcode::SetXmm | Opcode::SetMm => set_register(cx, pos),
            _ if cx.stepped == pos => {}
            _ => emit_at(cx, pos),
        }
        x87::after(cx, pos);
    }
    cx.pos = cx.block.insts.len();
    x87::end_block(cx);
    branch::terminator(cx);
}

/// Emits the cold code, resolves all branches and hands everything over.
pub(crate) fn finish(mut cx: EmitCx, out: &mut CompiledRegion) -> Buffers {
    out.links.clear();
    branch::cold_code(&mut cx, &mut out.links);
    x87::emit_sites(&mut cx);
    out.code = cx.asm.finish();
    (out.entries, out.relocs, out.pc_map) = (cx.entries, cx.relocs, cx.pc_map);
    Buffers {
        carry_in: cx.carry_in,
        alloc: cx.alloc,
        asm: cx.asm,
        blocks: cx.blocks,
        loop_heads: cx.loop_heads,
        cold: cx.cold,
        links: cx.links,
    }
}

/// Emits the instruction that defines `value` at the current position.
fn emit_at(cx: &mut EmitCx, value: usize) {
    cx.value = value;
    let inst = cx.inst();
    operands(cx, inst);
    let loc = cx.alloc.slots[value].loc;
    let ty = inst.result_ty();
    cx.dst = match loc {
        Loc::X(n) | Loc::V(n) => n,
        Loc::Spill(_) => Allocation::reload(ty, 0),
        // Vector registers have no zero register; a dead vector result is a scratch register.
        Loc::None if ty == Ty::V128 => abi::VSCRATCH[0],
        Loc::None => ZR,
    };
    let effects = inst.op.effects();
    if effects.may_exit() {
        let eip = cx.block.insn_addr(inst);
        cx.mark_pc(eip);
    }
    cx.cleared = false;
    dispatch(cx, inst);
    if loc.is_mm() && !cx.cleared {
        // The upper half says that an MMX instruction wrote the register (`abi::MM_BASE`).
        a64!(cx; fmov D(cx.dst), D(cx.dst));
    }
    if let Loc::Spill(n) = loc {
        mem::store_spill(cx, ty, cx.dst, n);
    }
}

/// Finds the registers of the arguments; reloads what is spilled, makes constants that are first needed here.
fn operands(cx: &mut EmitCx, inst: &Inst) {
    let operands = cx.alloc.slots[cx.value].operands;
    (cx.regs, cx.imms) = ([ZR; 4], [None; 4]);
    for i in operands.imms() {
        cx.imms[i] = cx.block.as_const(inst.args[i]);
    }
    for i in operands.regs() {
        // A constant that is there twice is made once.
        let again = i > 0 && inst.args[i] == inst.args[0] && !cx.alloc.spilled;
        cx.regs[i] = if again { cx.regs[0] } else { fetch(cx, inst.args[i], i) };
    }
}

/// The register that holds a value at the current position; `i` is the reload register to use if it has none.
pub(crate) fn fetch(cx: &mut EmitCx, value: Value, i: usize) -> u8 {
    let root = cx.alloc.slots[value.index()].root;
    let slot = &cx.alloc.slots[usize::from(root)];
    match slot.loc {
        Loc::X(n) | Loc::V(n) if slot.when != When::FirstUse => n,
        loc => fetch_made(cx, Value(root), loc, i),
    }
}

/// As [`fetch`], of a constant or a spilled value.
fn fetch_made(cx: &mut EmitCx, root: Value, loc: Loc, i: usize) -> u8 {
    let ty = cx.block.ty(root);
    match (loc, cx.block.as_const(root)) {
        (Loc::X(n), Some(c)) => {
            if usize::from(cx.alloc.slots[root.index()].first) == cx.pos {
                cx.mov_imm64(n, c);
            }
            n
        }
        (Loc::Spill(n), None) => {
            let reg = Allocation::reload(ty, i);
            mem::load_spill(cx, ty, reg, n);
            reg
        }
        (Loc::None, Some(c)) if cx.alloc.spilled => {
            let reg = Allocation::reload(ty, i);
            cx.mov_imm64(reg, c);
            reg
        }
        (loc, _) => panic!("{root} is in {loc} at {}: {:?}", cx.pos, cx.block),
    }
}

/// `set_gpr`, `set_xmm`, `set_mm`: nothing if the value was computed there, a sunk definition, or a move.
fn set_register(cx: &mut EmitCx, pos: usize) {
    cx.value = pos;
    let inst = cx.inst();
    let root = usize::from(cx.alloc.slots[inst.args[0].index()].root);
    if cx.stepped == pos {
        // The access before did it.
    } else if cx.alloc.slots[root].when == When::At(pos as u16) {
        emit_at(cx, root);
    } else {
        operands(cx, inst);
        match (inst.op, cx.imm(0)) {
            (Opcode::SetXmm, _) => cx.mov_v(abi::pinned_xmm(inst.xmm()), cx.v(0)),
            (Opcode::SetMm, _) => set_mm(cx, inst, root),
            (_, Some(c)) => cx.mov_imm(abi::pinned_gpr(inst.gpr()), c as u32),
            (_, None) => cx.mov(abi::pinned_gpr(inst.gpr()), cx.x(0)),
        }
    }
    if inst.op == Opcode::SetGpr {
        writeback::note_set(cx, inst);
    }
}

/// `set_mm` of a value that may be there already. A value that the register held before was perhaps not written by MMX.
fn set_mm(cx: &mut EmitCx, inst: &Inst, root: usize) {
    assert!(x87::in_mmx(cx), "an MMX register is written outside MMX state");
    let reg = abi::pinned_mm(inst.mm());
    if cx.v(0) != reg || cx.block.insts[root].op == Opcode::GetMm {
        a64!(cx; fmov D(reg), D(cx.v(0)));
    }
}

/// One row per opcode of `ir::opcode`.
fn dispatch(cx: &mut EmitCx, inst: &Inst) {
    use Opcode::*;
    match inst.op {
        Nop | Const | SetGpr | SetXmm | SetMm => {}
        GetGpr => cx.mov(cx.dst(), abi::pinned_gpr(inst.gpr())),
        GetXmm => cx.mov_v(cx.dst_v(), abi::pinned_xmm(inst.xmm())),
        GetMm => cx.mov_v(cx.dst_v(), abi::pinned_mm(inst.mm())),
        GetState => mem::get_state(cx, inst),
        SetState => mem::set_state(cx, inst),
        GetFlags => flags_image::get_flags(cx, inst),
        SetFlags => flags_image::set_flags(cx, inst),
        SetCarry => flags::set_carry(cx, inst),
        FlipCarry => flags::flip_carry(cx),
        Cond => flags::cond(cx, inst),
        Select => flags::select(cx, inst),
        SelectNz => flags::select_nz(cx, inst),
        Add | Sub => int::add_sub(cx, inst),
        Adc | Sbb => int::adc_sbb(cx, inst),
        And | Or | Xor => int::logic(cx, inst),
        Not => int::not(cx),
        Lea => mem::lea(cx),
        Mul => muldiv::mul(cx, inst),
        MulWideU | MulWideS => muldiv::mul_wide(cx, inst),
        MulSub => int::mul_sub(cx, inst),
        Udiv | Sdiv | Urem | Srem => muldiv::divide(cx, inst),
        Shl | Shr | Sar => shift::shift(cx, inst),
        Rol | Ror => rotate::rotate(cx, inst),
        Rcl | Rcr => rotate::rotate_carry(cx, inst),
        Shld | Shrd => shift_double::shift_double(cx, inst),
        Zext => int::zext(cx),
        Sext => int::sext(cx, inst),
        Trunc => int::trunc(cx, inst),
        Concat => int::concat(cx),
        Extract | ExtractS => int::extract(cx, inst),
        Insert => int::insert(cx, inst),
        Bswap | Clz | Ctz | Popcnt => int::count(cx, inst),
        Crc32 => crypto::crc32(cx, inst),
        Load | LoadSx | LoadAligned => mem::load(cx, inst),
        Store | StoreAligned => mem::store(cx, inst),
        StoreIf => mem::store_if(cx, inst),
        AtomicXchg | AtomicAdd | AtomicAnd | AtomicOr | AtomicXor | AtomicNeg | AtomicCas => atomic::rmw(cx, inst),
        Fence => a64!(cx; dmb ish),
        TrapIf | TrapIfZero => branch::trap_if(cx, inst),
        Helper => call::helper(cx, inst),
        X87Wait => x87::wait(cx),
        MmxEnter => x87::mmx_enter(cx),
        MmxLeave => x87::mmx_leave(cx),
        X87 => x87::operation(cx, inst),
        X87Store => x87::store(cx, inst),
        X87Status => x87::status(cx),
        _ => vector::emit(cx, inst),
    }
}
