//! The guest's arithmetic flags in the host's NZCV, and the values derived from them.
//!
//! SF ZF OF are N Z V. The host's C is the inverse of CF after a subtraction and CF itself after an addition; block
//! boundaries want the inverse. [`Carry`] tracks which it is, and code to turn it is emitted only where somebody looks.
//! PF and AF are raw values in registers of their own ([`PF`], [`AF`]). Arm ARM C6.2 (RMIF, CFINV: FEAT_FlagM), SDM vol. 1, 3.4.3.1.
use super::super::abi::{AF, PF};
use super::super::asm::Cond;
use super::{a64, EmitCx, S0, S1, S2, ZR};
use ir::{Cc, FlagSet, Inst, Ty};

/// What the host's C flag means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carry {
    /// C is the inverse of CF, as at block boundaries.
    Inverted,
    /// C is CF.
    Direct,
}

/// System register number of NZCV as MRS and MSR encode it (o0 op1 CRn CRm op2).
const NZCV: u32 = 0x5a10;

/// Host bit of each flag that lives in NZCV.
const BITS: [(FlagSet, u32); 4] = [(FlagSet::SF, 31), (FlagSet::ZF, 30), (FlagSet::CF, 29), (FlagSet::OF, 28)];

/// What keeps the NZCV flags that a partial writer must not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// Nothing to keep.
    None,
    /// The old C is in `S2`; nothing else stays.
    Carry,
    /// The old NZCV is in `S2`; these flags of it stay.
    Register(FlagSet),
    /// The old NZCV is on the host's stack.
    Stack(FlagSet),
}

/// Flags the current instruction writes and somebody reads.
pub(super) fn wanted(cx: &EmitCx) -> FlagSet {
    cx.inst().flags & cx.live()
}

/// NZCV flags live after the current instruction that it does not write. Liveness here is that of `ir::opt::dead_flags`:
/// after that pass only INC, DEC, rotations and the like keep anything.
pub(super) fn kept(cx: &EmitCx) -> FlagSet {
    (cx.live() & FlagSet::NZCV) - cx.inst().flags
}

/// Flags made from single bits: where each is, as a register and a bit number; `None` for a flag that is cleared.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bits {
    /// CF.
    pub(super) carry: Option<(u8, u32)>,
    /// OF.
    pub(super) overflow: Option<(u8, u32)>,
}

/// Writes N and Z from `result` (a register and its type) and C and V from single bits, each if wanted; all others stay.
/// Changes none of the registers named.
pub(super) fn compose(cx: &mut EmitCx, result: Option<(u8, Ty)>, bits: Bits) {
    let want = wanted(cx);
    let tested = result.filter(|_| want.intersects(FlagSet::SF | FlagSet::ZF));
    if let Some((reg, ty)) = tested {
        if !kept(cx).is_empty() {
            return compose_on_stack(cx, (reg, ty), bits);
        }
        match ty {
            Ty::I64 => a64!(cx; adds xzr, XSP(reg), 0),
            _ => a64!(cx; adds wzr, wzr, W(reg), lsl 32 - ty.bits()),
        }
        return compose_tested(cx, bits);
    }
    insert_carry_overflow(cx, bits, Some((ZR, 0)));
}

/// The rest of [`compose`] where N and Z are right, C and V clear, and nothing is to be kept.
pub(super) fn compose_tested(cx: &mut EmitCx, bits: Bits) {
    cx.carry = Carry::Direct;
    insert_carry_overflow(cx, bits, None);
}

fn insert_carry_overflow(cx: &mut EmitCx, bits: Bits, zero: Option<(u8, u32)>) {
    let want = wanted(cx);
    let parts = [
        bits.carry.or(zero).filter(|_| want.contains(FlagSet::CF)).map(|b| (b, 29)),
        bits.overflow.or(zero).filter(|_| want.contains(FlagSet::OF)).map(|b| (b, 28)),
    ];
    if want.contains(FlagSet::CF) {
        cx.carry = Carry::Direct;
    }
    if parts.iter().any(Option::is_some) {
        insert_bits(cx, &parts);
    }
}

/// The general case, without touching NZCV before the end: Z is bit 5 or 6 of the leading zero count.
fn compose_on_stack(cx: &mut EmitCx, (reg, ty): (u8, Ty), bits: Bits) {
    let want = wanted(cx);
    let named = [Some(reg), bits.carry.map(|b| b.0), bits.overflow.map(|b| b.0)];
    let spares: Option<[u8; 3]> = cx.spares();
    // The first two are those that `insert_fields` takes.
    let taken: [u8; 2] = cx.spares().unwrap_or_default();
    let mut free = (8..16).filter(|r| !named.contains(&Some(*r)) && !taken.contains(r));
    let zeros = spares.map_or_else(|| free.next().expect("a register"), |s| s[2]);
    if spares.is_none() {
        a64!(cx; str X(zeros), [sp, -16]!);
    }
    let zero_bit = match ty {
        Ty::I64 => {
            a64!(cx; clz X(zeros), X(reg));
            6
        }
        _ => {
            a64!(cx; lsl W(zeros), W(reg), 32 - ty.bits(); clz W(zeros), W(zeros));
            5
        }
    };
    let part = |flag, source, to| want.contains(flag).then_some((source, to));
    let parts = [
        part(FlagSet::SF, (reg, ty.bits() - 1), 31),
        part(FlagSet::ZF, (zeros, zero_bit), 30),
        part(FlagSet::CF, bits.carry.unwrap_or((ZR, 0)), 29),
        part(FlagSet::OF, bits.overflow.unwrap_or((ZR, 0)), 28),
    ];
    if want.contains(FlagSet::CF) {
        cx.carry = Carry::Direct;
    }
    insert_bits(cx, &parts);
    if spares.is_none() {
        a64!(cx; ldr X(zeros), [sp], 16);
    }
}

/// A bit of a register, and the bit of NZCV it becomes.
type Part = ((u8, u32), u32);

/// Sets single bits of NZCV. Without FlagM uses two registers that nothing lives in, or borrows two.
fn insert_bits(cx: &mut EmitCx, parts: &[Option<Part>]) {
    // C and V are often next to each other where they come from.
    let joined = match parts {
        [Some(((a, high), to)), Some(((b, low), _))] if a == b && *high == low + 1 => Some((*a, *low, to - 1)),
        [Some(((a, high), to)), Some(((b, low), _))] if a == b && *a == ZR && high == low => Some((ZR, 0, to - 1)),
        _ => None,
    };
    let fields = parts.iter().flatten().map(|((reg, bit), to)| (*reg, *bit, *to, 1));
    match joined {
        Some((reg, bit, to)) => insert_fields(cx, [(reg, bit, to, 2)].into_iter()),
        None => insert_fields(cx, fields),
    }
}

/// Sets fields of NZCV: register, bit number there, bit number in NZCV, width. If one is CF, `cx.carry` is what it becomes.
pub(super) fn insert_fields(cx: &mut EmitCx, fields: impl Iterator<Item = (u8, u32, u32, u32)> + Clone) {
    if cx.options.features.flagm {
        for (reg, bit, to, width) in fields {
            let nibble_bit = to - 28;
            a64!(cx; rmif X(reg), bit.wrapping_sub(nibble_bit) & 63, ((1 << width) - 1) << nibble_bit);
        }
        return;
    }
    let spares = cx.spares();
    let mut free = (8..16).filter(|r| fields.clone().all(|f| f.0 != *r));
    let [nzcv, temp] = spares.unwrap_or_else(|| [(); 2].map(|()| free.next().expect("a register")));
    if spares.is_none() {
        a64!(cx; stp X(nzcv), X(temp), [sp, -16]!);
    }
    read_nzcv(cx, nzcv);
    for (reg, bit, to, width) in fields.clone() {
        let from = if bit == 0 { reg } else { temp };
        if bit != 0 {
            a64!(cx; lsr X(temp), X(reg), bit);
        }
        a64!(cx; bfi W(nzcv), W(from), to, width);
    }
    if cx.write_inverted && fields.clone().any(|(_, _, to, width)| (to..to + width).contains(&29)) {
        a64!(cx; eor XSP(nzcv), X(nzcv), 1 << 29);
        cx.carry = Carry::Inverted;
    }
    write_nzcv(cx, nzcv);
    if spares.is_none() {
        a64!(cx; ldp X(nzcv), X(temp), [sp], 16);
    }
}

/// `set_carry`. A constant needs no bit: C becomes zero, and what that means is ours to say.
pub(super) fn set_carry(cx: &mut EmitCx, inst: &Inst) {
    if wanted(cx).is_empty() {
        return;
    }
    let alone = kept(cx).is_empty();
    let bit = inst.imm as u32;
    let Some(c) = cx.imm(0) else {
        let reg = cx.x(0);
        if alone && !cx.options.features.flagm {
            let half = if bit == 31 { reg } else { S0 };
            match bit {
                0..31 => a64!(cx; lsl W(S0), W(reg), 31 - bit),
                31 => {}
                _ => a64!(cx; lsr X(S0), X(reg), bit; lsl W(S0), W(S0), 31),
            }
            a64!(cx; adds wzr, W(half), W(half));
        } else {
            insert_fields(cx, [(reg, bit, 29, 1)].into_iter());
        }
        cx.carry = Carry::Direct;
        return;
    };
    match alone {
        true => a64!(cx; adds wzr, wzr, wzr),
        false => insert_fields(cx, [(ZR, 0, 29, 1)].into_iter()),
    }
    cx.carry = if c >> bit & 1 != 0 { Carry::Inverted } else { Carry::Direct };
}

/// `flip_carry`.
pub(super) fn flip_carry(cx: &mut EmitCx) {
    if !wanted(cx).is_empty() {
        cx.carry = match cx.carry {
            Carry::Inverted => Carry::Direct,
            Carry::Direct => Carry::Inverted,
        };
    }
}

/// Whether the current instruction may leave anything in NZCV (after reading what it needs).
pub(crate) fn nzcv_free(cx: &EmitCx) -> bool {
    !cx.live().intersects(FlagSet::NZCV) && !faults_later(cx)
}

/// Whether the guest instruction can still fault, which must find the flags as they were before it.
fn faults_later(cx: &EmitCx) -> bool {
    let insn = cx.block.insts[cx.pos].insn;
    let mut rest = cx.block.insts[cx.pos..].iter().skip(1).take_while(|inst| inst.insn == insn);
    rest.any(|inst| inst.op.effects().may_exit())
}

pub(super) fn read_nzcv(cx: &mut EmitCx, reg: u8) {
    a64!(cx; mrs X(reg), NZCV);
}

pub(super) fn write_nzcv(cx: &mut EmitCx, reg: u8) {
    a64!(cx; msr NZCV, X(reg));
}

/// Before code that writes all of NZCV: saves what the instruction must keep. The emitter leaves `S2` alone meanwhile.
pub(super) fn keep_others(cx: &mut EmitCx) -> Guard {
    let kept = kept(cx);
    if kept.is_empty() {
        return Guard::None;
    }
    if kept == FlagSet::CF {
        cset(cx, S2, Cond::Cs);
        return Guard::Carry;
    }
    read_nzcv(cx, S2);
    Guard::Register(kept)
}

/// The same for emitters that need `S2` themselves.
pub(super) fn keep_others_on_stack(cx: &mut EmitCx) -> Guard {
    let kept = kept(cx);
    if kept.is_empty() {
        return Guard::None;
    }
    read_nzcv(cx, S2);
    a64!(cx; str X(S2), [sp, -16]!);
    Guard::Stack(kept)
}

/// After code that wrote all of NZCV with this carry: puts back what was to be kept. Uses all scratch.
pub(super) fn wrote_nzcv(cx: &mut EmitCx, guard: Guard, carry: Carry) {
    let kept = match guard {
        Guard::None => {
            cx.carry = carry;
            return;
        }
        Guard::Carry if cx.options.features.flagm => return a64!(cx; rmif X(S2), 63, 2),
        Guard::Carry => {
            read_nzcv(cx, S0);
            a64!(cx; bfi W(S0), W(S2), 29, 1);
            return write_nzcv(cx, S0);
        }
        Guard::Register(kept) => kept,
        Guard::Stack(kept) => {
            a64!(cx; ldr X(S2), [sp], 16);
            kept
        }
    };
    if cx.options.features.flagm {
        let mask = BITS.iter().filter(|(f, _)| kept.contains(*f)).fold(0, |m, (_, bit)| m | 1 << (bit - 28));
        a64!(cx; rmif X(S2), 28, mask);
    } else {
        read_nzcv(cx, S0);
        for (_, bit) in BITS.iter().filter(|(f, _)| kept.contains(*f)) {
            a64!(cx; lsr W(S1), W(S2), *bit; bfi W(S0), W(S1), *bit, 1);
        }
        write_nzcv(cx, S0);
    }
    if !kept.contains(FlagSet::CF) {
        cx.carry = carry;
    }
}

/// Turns the carry if it is not as wanted. Without FlagM uses `S0`.
pub(super) fn need_carry(cx: &mut EmitCx, carry: Carry) {
    need_carry_in(cx, carry, S0);
}

/// The same with another register to use.
pub(super) fn need_carry_in(cx: &mut EmitCx, carry: Carry, temp: u8) {
    if cx.carry != carry {
        invert_carry(cx, temp);
        cx.carry = carry;
    }
}

/// Makes C mean `carry` before an instruction that reads it and writes all of NZCV that anybody wants.
pub(super) fn need_carry_alone(cx: &mut EmitCx, carry: Carry) {
    if cx.carry != carry {
        // Set: the flags of x28 + 0, C clear. Clear: C.
        a64!(cx; ccmn x28, 0, 2, cs);
        cx.carry = carry;
    }
}

/// Inverts C and nothing else. Without FlagM uses `temp`.
pub(super) fn invert_carry(cx: &mut EmitCx, temp: u8) {
    if cx.options.features.flagm {
        a64!(cx; cfinv);
    } else {
        read_nzcv(cx, temp);
        a64!(cx; eor XSP(temp), X(temp), 1 << 29);
        write_nzcv(cx, temp);
    }
}

/// PF and AF.
pub(super) const RAW: FlagSet = FlagSet::PF.with(FlagSet::AF);

/// Whether the current instruction writes PF and nobody wants the old AF, which is relative to the old PF: then a result that
/// gives PF may be computed in [`PF`] at once, and what it has to differ from for AF in [`AF`].
pub(super) fn raw_is_free(cx: &EmitCx, want: FlagSet) -> bool {
    want.intersects(RAW) && ((cx.live() & RAW) - want).is_empty()
}

/// Where a result is computed that only its flags need.
pub(super) fn result_reg(cx: &EmitCx, want: FlagSet) -> u8 {
    if raw_is_free(cx, want) {
        PF
    } else {
        S0
    }
}

/// Where the value is computed that [`set_raw`] takes as `xor`.
pub(super) fn xor_reg(cx: &EmitCx, want: FlagSet) -> u8 {
    if raw_is_free(cx, want) {
        AF
    } else {
        S1
    }
}

/// Sets PF and AF, each if wanted: PF is the parity of `result`'s low byte; AF bit 4 of `result ^ xor`, or
/// undefined. Changes no other register.
pub(super) fn set_raw(cx: &mut EmitCx, want: FlagSet, result: u8, xor: Option<u8>) {
    let adjust = xor.filter(|_| want.contains(FlagSet::AF));
    if adjust.is_none() && !want.contains(FlagSet::PF) {
        return;
    }
    if raw_is_free(cx, want) {
        if let Some(other) = adjust {
            cx.mov(AF, other);
        }
        return cx.mov(PF, result);
    }
    // The other of the two stays: AF's raw value is relative to PF's, so it moves with it.
    a64!(cx; eor W(AF), W(adjust.unwrap_or(AF)), W(PF); eor W(AF), W(AF), W(result));
    if want.contains(FlagSet::PF) {
        a64!(cx; mov W(PF), W(result));
    }
}

/// How to test a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// A condition on NZCV.
    Nzcv(Cond),
    /// Bit 0 of `S0`: set for this value.
    ParityOdd(bool),
}

/// Makes a condition testable: may turn the carry (`S0`) or compute the parity into `S0`.
pub(super) fn test(cx: &mut EmitCx, cc: Cc) -> Test {
    if matches!(cc, Cc::Be | Cc::A) {
        need_carry(cx, Carry::Inverted);
    }
    let direct = cx.carry == Carry::Direct;
    Test::Nzcv(match cc {
        Cc::O => Cond::Vs,
        Cc::No => Cond::Vc,
        Cc::B if direct => Cond::Cs,
        Cc::B => Cond::Cc,
        Cc::Ae if direct => Cond::Cc,
        Cc::Ae => Cond::Cs,
        Cc::E => Cond::Eq,
        Cc::Ne => Cond::Ne,
        Cc::Be => Cond::Ls,
        Cc::A => Cond::Hi,
        Cc::S => Cond::Mi,
        Cc::Ns => Cond::Pl,
        Cc::L => Cond::Lt,
        Cc::Ge => Cond::Ge,
        Cc::Le => Cond::Le,
        Cc::G => Cond::Gt,
        Cc::P | Cc::Np => {
            odd_parity(cx);
            return Test::ParityOdd(cc == Cc::Np);
        }
    })
}

/// Bit 0 of `S0`: whether PF is clear.
pub(super) fn odd_parity(cx: &mut EmitCx) {
    a64!(cx; fmov s30, W(PF); cnt v30.b8, v30.b8; fmov W(S0), s30);
}

/// `cond`.
pub(super) fn cond(cx: &mut EmitCx, inst: &Inst) {
    let d = cx.dst();
    match test(cx, inst.cc()) {
        Test::Nzcv(cond) => cset(cx, d, cond),
        Test::ParityOdd(odd) => {
            a64!(cx; and WSP(d), W(S0), 1);
            if !odd {
                a64!(cx; eor WSP(d), W(d), 1);
            }
        }
    }
}

/// `dst = condition ? 1 : 0`.
pub(super) fn cset(cx: &mut EmitCx, d: u8, cond: Cond) {
    // CSINC dst, wzr, wzr, inverted condition.
    cx.asm.word(0x1a9f_07e0 | (cond.invert() as u32) << 12 | u32::from(d));
}

/// `dst = condition ? -1 : 0`.
pub(super) fn csetm(cx: &mut EmitCx, d: u8, cond: Cond) {
    // CSINV dst, wzr, wzr, inverted condition.
    cx.asm.word(0x5a9f_03e0 | (cond.invert() as u32) << 12 | u32::from(d));
}

/// `dst = condition ? yes : no`.
fn csel(cx: &mut EmitCx, wide: bool, d: u8, yes: u8, no: u8, cond: Cond) {
    let word = 0x1a80_0000 | u32::from(wide) << 31 | u32::from(no) << 16 | (cond as u32) << 12;
    cx.asm.word(word | u32::from(yes) << 5 | u32::from(d));
}

/// `select`.
pub(super) fn select(cx: &mut EmitCx, inst: &Inst) {
    match test(cx, inst.cc()) {
        Test::Nzcv(cond) if inst.ty != Ty::V128 => {
            csel(cx, inst.ty == Ty::I64, cx.dst(), cx.x(0), cx.x(1), cond);
        }
        Test::Nzcv(cond) => branchy(cx, inst.ty, (0, 1), |cx, l| cx.asm.b_cond(cond.invert(), l)),
        Test::ParityOdd(true) => branchy(cx, inst.ty, (0, 1), |cx, l| cx.asm.tbz(S0, 0, l)),
        Test::ParityOdd(false) => branchy(cx, inst.ty, (0, 1), |cx, l| cx.asm.tbnz(S0, 0, l)),
    }
}

/// `dst = yes`, unless `skip` branches to the label it is given: then `dst = no`. No flags involved.
fn branchy(cx: &mut EmitCx, ty: Ty, (yes, no): (usize, usize), skip: impl FnOnce(&mut EmitCx, super::Label)) {
    let (other, done) = (cx.asm.new_label(), cx.asm.new_label());
    skip(cx, other);
    move_arg(cx, ty, yes);
    cx.asm.b(done);
    cx.asm.bind(other);
    move_arg(cx, ty, no);
    cx.asm.bind(done);
}

fn move_arg(cx: &mut EmitCx, ty: Ty, i: usize) {
    match ty {
        Ty::V128 => cx.mov_v(cx.dst_v(), cx.v(i)),
        _ => cx.mov_wide(cx.dst(), cx.x(i), ty == Ty::I64),
    }
}

/// `select_nz`.
pub(super) fn select_nz(cx: &mut EmitCx, inst: &Inst) {
    let ty = cx.arg_ty(0);
    let reg = widened(cx, 0, ty);
    let wide = ty == Ty::I64;
    if nzcv_free(cx) && inst.ty != Ty::V128 {
        match wide {
            true => a64!(cx; subs xzr, XSP(reg), 0),
            false => a64!(cx; subs wzr, WSP(reg), 0),
        }
        csel(cx, inst.ty == Ty::I64, cx.dst(), cx.x(1), cx.x(2), Cond::Ne);
    } else {
        branchy(cx, inst.ty, (1, 2), |cx, l| cx.asm.cbz(wide, reg, l));
    }
}

/// The register of argument `i` with zeros above its width; `S1` if that took an instruction.
pub(super) fn widened(cx: &mut EmitCx, i: usize, ty: Ty) -> u8 {
    let (reg, bits) = (cx.x(i), ty.bits());
    if bits >= 32 || cx.zero_above(i) {
        return reg;
    }
    a64!(cx; ubfx W(S1), W(reg), 0, bits);
    S1
}
