//! INTERRUPT, SYSTEM, NOP and the rest that talks to the processor itself. SDM vol. 1, 7.3.16; vol. 3, chapter 6.
use super::segment::store_system_selector;
use crate::lifter::LiftCx;
use ir::guest::{Cc, FlagSet, Gpr, Trap};
use ir::{BlockId, Helper, Sink, Target, Terminator, Ty, Value};

/// NOP, and instructions that are hints.
pub(crate) fn nop(_: &mut LiftCx) {}

/// The opcodes set aside for hints. 0F 0D is a prefetch, which has no register form: #UD.
pub(crate) fn reserved_nop(cx: &mut LiftCx) {
    use iced_x86::Code::{Reservednop_rm16_r16_0F0D, Reservednop_rm32_r32_0F0D};
    if matches!(cx.insn.code(), Reservednop_rm16_r16_0F0D | Reservednop_rm32_r32_0F0D) {
        cx.fault(Trap::Undefined);
    }
}

/// INT n: vectors with a gate that user code may use; #GP for all others.
pub(crate) fn int(cx: &mut LiftCx) {
    match cx.imm32(0) & 0xff {
        0x80 => cx.trap(Trap::Syscall),
        3 => cx.trap(Trap::Breakpoint),
        4 => cx.trap(Trap::Overflow),
        _ => cx.fault(Trap::GeneralProtection),
    }
}

/// INT1 (ICEBP).
pub(crate) fn int1(cx: &mut LiftCx) {
    cx.trap(Trap::Debug);
}

/// INT3.
pub(crate) fn int3(cx: &mut LiftCx) {
    cx.trap(Trap::Breakpoint);
}

/// INTO: a trap, eip after the instruction, if OF is set.
pub(crate) fn into(cx: &mut LiftCx) {
    let taken = Target::Block(BlockId(cx.block_id().0 + 1));
    let fallthrough = Target::Guest(cx.next());
    cx.split(Terminator::Branch { cc: Cc::O, taken, fallthrough });
    cx.trap(Trap::Overflow);
}

/// BOUND: a fault if the index is below the first or above the second signed word in memory.
pub(crate) fn bound(cx: &mut LiftCx) {
    let index = cx.operand(0);
    let addr = cx.mem_addr();
    let wide = |cx: &mut LiftCx, value: Value| cx.ir.sext(Ty::I64, value);
    let lower = cx.ir.load(index.ty, addr);
    let upper = cx.ir.load(index.ty, addr.plus(index.ty.bytes() as i32));
    let (lower, upper) = (wide(cx, lower), wide(cx, upper));
    let value = cx.get(&index);
    let value = wide(cx, value);
    let below = cx.ir.sub(value, lower);
    let above = cx.ir.sub(upper, value);
    let either = cx.ir.or(below, above);
    let outside = cx.ir.extract(either, 63, 1);
    cx.ir.trap_if(outside, Trap::BoundRange);
}

/// SYSENTER: the vDSO's way into the kernel.
pub(crate) fn sysenter(cx: &mut LiftCx) {
    cx.trap(Trap::Sysenter);
}

/// UD0, UD1, UD2, and what does not exist on the CPU that CPUID describes: #UD.
pub(crate) fn ud(cx: &mut LiftCx) {
    cx.undefined();
}

/// HLT and everything else that needs privilege or I/O rights: #GP.
pub(crate) fn privileged(cx: &mut LiftCx) {
    cx.fault(Trap::GeneralProtection);
}

/// An instruction without a lift function: leaves with its address, so that it can be named.
pub(crate) fn unimplemented(cx: &mut LiftCx) {
    cx.fault(Trap::Unimplemented);
}

/// Two 32-bit halves of a helper's result into registers.
fn set_pair<S: Sink>(cx: &mut LiftCx<S>, pair: S::Value, low: Gpr, high: Gpr) {
    let first = cx.ir.trunc(Ty::I32, pair);
    let second = cx.ir.extract(pair, 32, 32);
    let second = cx.ir.trunc(Ty::I32, second);
    cx.ir.set_gpr(low, first);
    cx.ir.set_gpr(high, second);
}

/// CPUID.
pub(crate) fn cpuid<S: Sink>(cx: &mut LiftCx<S>) {
    let (leaf, subleaf) = (cx.ir.get_gpr(Gpr::Eax), cx.ir.get_gpr(Gpr::Ecx));
    let ab = cx.ir.helper(Helper::CpuidAb, Ty::I64, &[leaf, subleaf]);
    let cd = cx.ir.helper(Helper::CpuidCd, Ty::I64, &[leaf, subleaf]);
    set_pair(cx, ab, Gpr::Eax, Gpr::Ebx);
    set_pair(cx, cd, Gpr::Ecx, Gpr::Edx);
}

/// RDTSC.
pub(crate) fn rdtsc<S: Sink>(cx: &mut LiftCx<S>) {
    let count = cx.ir.helper(Helper::Rdtsc, Ty::I64, &[]);
    set_pair(cx, count, Gpr::Eax, Gpr::Edx);
}

/// RDTSCP: with the processor's number in ECX, of which there is one.
pub(crate) fn rdtscp(cx: &mut LiftCx) {
    rdtsc(cx);
    let zero = cx.ir.const32(0);
    cx.ir.set_gpr(Gpr::Ecx, zero);
}

/// RDRAND, RDSEED: CF tells whether there was a number; without one the destination is zero.
pub(crate) fn random(cx: &mut LiftCx) {
    let dst = cx.operand(0);
    let number = cx.ir.helper(Helper::Random, Ty::I64, &[]);
    let valid = cx.ir.extract(number, 32, 1);
    let value = cx.ir.trunc(dst.ty, number);
    let image = cx.ir.trunc(Ty::I32, valid);
    cx.ir.set_flags(FlagSet::ALL, image);
    cx.set(&dst, value);
}

/// MFENCE.
pub(crate) fn mfence(cx: &mut LiftCx) {
    cx.ir.fence();
}

/// LFENCE, SFENCE: loads are not reordered with loads nor stores with stores, so there is nothing to wait for.
pub(crate) fn lesser_fence(_: &mut LiftCx) {}

/// CLFLUSH, CLFLUSHOPT: a load as far as faults go; coherent caches have nothing to do.
pub(crate) fn clflush(cx: &mut LiftCx) {
    let addr = cx.mem_addr();
    cx.ir.load(Ty::I8, addr);
}

/// CR0 as Linux has it: PG AM WP NE ET MP PE.
const CR0: u32 = 0x8005_0033;
/// Selector of the task state segment in an x86-64 kernel.
const TSS_SELECTOR: u32 = 0x40;
/// Base addresses that Linux answers where the CPU hides the real ones (UMIP; arch/x86/kernel/umip.c), with a limit
/// of zero.
const GDT_BASE: u32 = 0xfffe_0000;
const IDT_BASE: u32 = 0xffff_0000;

/// SMSW: the low bits of CR0.
pub(crate) fn smsw(cx: &mut LiftCx) {
    let ty = cx.ty(0);
    let value = cx.ir.iconst(ty, u64::from(CR0));
    cx.write(0, value);
}

/// SLDT: no LDT.
pub(crate) fn sldt(cx: &mut LiftCx) {
    store_system_selector(cx, 0);
}

/// STR.
pub(crate) fn str(cx: &mut LiftCx) {
    store_system_selector(cx, TSS_SELECTOR);
}

fn store_table(cx: &mut LiftCx, base: u32) {
    let addr = cx.mem_addr();
    let limit = cx.ir.iconst(Ty::I16, 0);
    let base = cx.ir.const32(base);
    cx.ir.store(addr, limit);
    cx.ir.store(addr.plus(2), base);
}

/// SGDT.
pub(crate) fn sgdt(cx: &mut LiftCx) {
    store_table(cx, GDT_BASE);
}

/// SIDT.
pub(crate) fn sidt(cx: &mut LiftCx) {
    store_table(cx, IDT_BASE);
}
