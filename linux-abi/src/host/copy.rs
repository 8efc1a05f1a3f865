//! Copies to and from guest memory that fault instead of crashing, from any thread, without locks.
//!
//! The instructions that touch guest memory lie in one range of addresses; the host signal handler that finds a SIGSEGV or
//! SIGBUS there ([`landing`]) moves the thread to the range's end with the fault in the result registers.
use ir::guest::{Access, Fault, FaultKind, GuestAddr};
use std::arch::global_asm;

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".pushsection .text.ferry_copy,\"ax\",@progbits",
    ".globl ferry_copy, ferry_cas32, ferry_cas128, ferry_touch, ferry_copy_first, ferry_copy_done",
    ".hidden ferry_copy, ferry_cas32, ferry_cas128, ferry_touch, ferry_copy_first, ferry_copy_done",
    ".p2align 4",
    "ferry_copy_first:",
    "ferry_copy:", // x0: to, x1: from, x2: length. Words and double words are single accesses, as futexes need them.
    "cmp x2, #8",
    "b.eq 5f",
    "cmp x2, #4",
    "b.eq 6f",
    "mov x3, x0",
    "1:",
    "subs x2, x2, #16",
    "b.lo 2f",
    "ldp x4, x5, [x1], #16",
    "stp x4, x5, [x3], #16",
    "b 1b",
    "2:",
    "adds x2, x2, #16",
    "b.eq 4f",
    "3:",
    "ldrb w4, [x1], #1",
    "strb w4, [x3], #1",
    "subs x2, x2, #1",
    "b.ne 3b",
    "4:",
    "mov x0, #0",
    "ret",
    "5:",
    "ldr x4, [x1]",
    "str x4, [x0]",
    "mov x0, #0",
    "ret",
    "6:",
    "ldr w4, [x1]",
    "str w4, [x0]",
    "mov x0, #0",
    "ret",
    "ferry_cas32:", // x0: address, w1: expected, w2: new; the old value in x1
    "ldaxr w3, [x0]",
    "cmp w3, w1",
    "b.ne 7f",
    "stlxr w4, w2, [x0]",
    "cbnz w4, ferry_cas32",
    "7:",
    "mov x1, x3",
    "mov x0, #0",
    "ret",
    "ferry_cas128:", // x0: address, x2 and x3: expected, x4 and x5: new; x1: whether they were exchanged
    "ldaxp x6, x7, [x0]",
    "cmp x6, x2",
    "ccmp x7, x3, #0, eq",
    "b.ne 8f",
    "stlxp w8, x4, x5, [x0]",
    "cbnz w8, ferry_cas128",
    "mov x1, #1",
    "mov x0, #0",
    "ret",
    "8:",
    "mov x1, #0",
    "mov x0, #0",
    "ret",
    "ferry_touch:", // x0: address: writes the byte that is there
    "ldxrb w3, [x0]",
    "stxrb w4, w3, [x0]",
    "cbnz w4, ferry_touch",
    "mov x0, #0",
    "ferry_copy_done:",
    "ret",
    ".popsection",
);

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".pushsection .text.ferry_copy,\"ax\",@progbits",
    ".globl ferry_copy, ferry_cas32, ferry_cas128, ferry_touch, ferry_copy_first, ferry_copy_done",
    ".hidden ferry_copy, ferry_cas32, ferry_cas128, ferry_touch, ferry_copy_first, ferry_copy_done",
    ".p2align 4",
    "ferry_copy_first:",
    "ferry_copy:", // rdi: to, rsi: from, rdx: length
    "cmp rdx, 8",
    "je 5f",
    "cmp rdx, 4",
    "je 6f",
    "mov rcx, rdx",
    "rep movsb",
    "xor eax, eax",
    "ret",
    "5:",
    "mov rcx, [rsi]",
    "mov [rdi], rcx",
    "xor eax, eax",
    "ret",
    "6:",
    "mov ecx, [rsi]",
    "mov [rdi], ecx",
    "xor eax, eax",
    "ret",
    "ferry_cas32:", // rdi: address, esi: expected, edx: new; the old value in rdx
    "mov eax, esi",
    "lock cmpxchg [rdi], edx",
    "mov edx, eax",
    "xor eax, eax",
    "ret",
    // rdi: address, rsi and rdx: expected, rcx and r8: new; rdx: whether they were exchanged. Tests have one thread, so two
    // accesses will do, and rbx need not be saved across a fault.
    "ferry_cas128:",
    "cmp [rdi], rsi",
    "jne 8f",
    "cmp [rdi + 8], rdx",
    "jne 8f",
    "mov [rdi], rcx",
    "mov [rdi + 8], r8",
    "mov edx, 1",
    "xor eax, eax",
    "ret",
    "8:",
    "xor edx, edx",
    "xor eax, eax",
    "ret",
    "ferry_touch:", // rdi: address
    "lock or byte ptr [rdi], 0",
    "xor eax, eax",
    "ferry_copy_done:",
    "ret",
    ".popsection",
);

/// Two registers: 0 and a value, or a [`FaultKind`] number and an address.
#[repr(C)]
struct Outcome {
    code: u64,
    value: u64,
}

unsafe extern "C" {
    fn ferry_copy(to: *mut u8, from: *const u8, len: usize) -> Outcome;
    fn ferry_cas32(addr: *mut u32, expected: u32, new: u32) -> Outcome;
    fn ferry_cas128(addr: *mut u128, expected: u128, new: u128) -> Outcome;
    fn ferry_touch(addr: *mut u8) -> Outcome;
    fn ferry_copy_first();
    fn ferry_copy_done();
}

/// What the host signal handler puts into the first result register.
pub(crate) fn fault_code(kind: FaultKind) -> u64 {
    match kind {
        FaultKind::Unmapped => 1,
        FaultKind::Protected => 2,
        FaultKind::Bus => 3,
    }
}

/// Where a thread that faulted at host address `pc` is to go on, if that is inside a copy.
pub(crate) fn landing(pc: u64) -> Option<u64> {
    let at = |f: unsafe extern "C" fn()| f as *const () as u64;
    (at(ferry_copy_first)..at(ferry_copy_done)).contains(&pc).then(|| at(ferry_copy_done))
}

fn finish(outcome: Outcome, access: Access) -> Result<u64, Fault> {
    let kind = match outcome.code {
        0 => return Ok(outcome.value),
        1 => FaultKind::Unmapped,
        2 => FaultKind::Protected,
        _ => FaultKind::Bus,
    };
    Err(Fault { addr: GuestAddr(outcome.value as u32), access, kind })
}

/// Splits an access that wraps at 4 GiB: the length of its first part.
fn before_wrap(addr: GuestAddr, len: usize) -> usize {
    len.min((1usize << 32) - addr.host())
}

/// As [`read`], without wrapping.
fn read_part(addr: GuestAddr, buf: &mut [u8]) -> Result<(), Fault> {
    let source = std::ptr::with_exposed_provenance(addr.host());
    // SAFETY: `buf` is writable for its length; the source is guest memory, whose faults are caught.
    finish(unsafe { ferry_copy(buf.as_mut_ptr(), source, buf.len()) }, Access::Read).map(drop)
}

/// As [`write`], without wrapping.
fn write_part(addr: GuestAddr, data: &[u8]) -> Result<(), Fault> {
    let target = std::ptr::with_exposed_provenance_mut(addr.host());
    // SAFETY: `data` is readable for its length; the target is below 4 GiB, where only guest memory is, whose faults are
    // caught.
    finish(unsafe { ferry_copy(target, data.as_ptr(), data.len()) }, Access::Write).map(drop)
}

/// Fills `buf` from guest memory at `addr`; wraps at 4 GiB.
pub fn read(addr: GuestAddr, buf: &mut [u8]) -> Result<(), Fault> {
    let (head, tail) = buf.split_at_mut(before_wrap(addr, buf.len()));
    read_part(addr, head)?;
    if tail.is_empty() {
        return Ok(());
    }
    read_part(GuestAddr(0), tail)
}

/// Writes `data` to guest memory at `addr`; wraps at 4 GiB. On a fault a first part may have been written.
pub fn write(addr: GuestAddr, data: &[u8]) -> Result<(), Fault> {
    let (head, tail) = data.split_at(before_wrap(addr, data.len()));
    write_part(addr, head)?;
    if tail.is_empty() {
        return Ok(());
    }
    write_part(GuestAddr(0), tail)
}

/// Finds out whether the byte at `addr` can be written, without changing it.
pub fn touch(addr: GuestAddr) -> Result<(), Fault> {
    // SAFETY: as in `write`; the byte keeps its value.
    finish(unsafe { ferry_touch(std::ptr::with_exposed_provenance_mut(addr.host())) }, Access::Write).map(drop)
}

/// Compare and swap of an aligned word of guest memory; the old value.
pub fn compare_exchange(addr: GuestAddr, expected: u32, new: u32) -> Result<u32, Fault> {
    let target = std::ptr::with_exposed_provenance_mut(addr.host());
    // SAFETY: as in `write`; the caller sees to the alignment (an unaligned word is a SIGBUS, which is caught).
    finish(unsafe { ferry_cas32(target, expected, new) }, Access::Write).map(|old| old as u32)
}

/// The largest aligned unit that is exchanged as one.
pub const BLOCK: usize = 16;

/// Writes `new` at `addr` if `old` is there, in one access; whether it was. They lie within one [`BLOCK`].
pub fn replace(addr: GuestAddr, old: &[u8], new: &[u8]) -> Result<bool, Fault> {
    let at = addr.0 as usize % BLOCK;
    let block = GuestAddr(addr.0 - at as u32);
    let mut bytes = [0; BLOCK];
    read(block, &mut bytes)?;
    if bytes[at..at + old.len()] != *old {
        return Ok(false);
    }
    let expected = u128::from_le_bytes(bytes);
    bytes[at..at + new.len()].copy_from_slice(new);
    let target = std::ptr::with_exposed_provenance_mut(block.host());
    // SAFETY: as in `write`; the block is aligned.
    let outcome = unsafe { ferry_cas128(target, expected, u128::from_le_bytes(bytes)) };
    // The block is on one page, so the operand's own address is as good.
    finish(outcome, Access::Write).map(|exchanged| exchanged != 0).map_err(|fault| Fault { addr, ..fault })
}
