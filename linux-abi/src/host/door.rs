//! The instructions that enter the host kernel, and the range of addresses in which a signal still can stop them.
//!
//! Between the last look at "is a signal in hand?" and the kernel entry a signal may arrive; the call would then sleep
//! with the signal unanswered. So the look and the entry are a few instructions at known addresses, and the host signal
//! handler that interrupts one of them moves the thread to [`interrupted`]'s target, which answers ERESTARTSYS. The kernel
//! itself rewinds to the entry when it would restart the call (SA_RESTART of our handlers): the same range, the same answer.
use super::thread;
use std::arch::global_asm;

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".pushsection .text.ferry_door,\"ax\",@progbits",
    ".globl ferry_door, ferry_door_first, ferry_door_done, ferry_door_abort",
    ".hidden ferry_door, ferry_door_first, ferry_door_done, ferry_door_abort",
    ".p2align 4",
    "ferry_door:", // x0: arguments, x1: number, x2: word to look at
    "mov x8, x1",
    "mov x9, x2",
    "mov x10, x0",
    "ldp x0, x1, [x10]",
    "ldp x2, x3, [x10, #16]",
    "ldp x4, x5, [x10, #32]",
    "ferry_door_first:",
    "ldr w9, [x9]",
    "cbnz w9, ferry_door_abort",
    "svc #0",
    "ferry_door_done:",
    "ret",
    "ferry_door_abort:",
    "mov x0, #-512",
    "ret",
    ".popsection",
);

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".pushsection .text.ferry_door,\"ax\",@progbits",
    ".globl ferry_door, ferry_door_first, ferry_door_done, ferry_door_abort",
    ".hidden ferry_door, ferry_door_first, ferry_door_done, ferry_door_abort",
    ".p2align 4",
    "ferry_door:", // rdi: arguments, rsi: number, rdx: word to look at
    "push rbx",
    "mov rbx, rdx",
    "mov rax, rsi",
    "mov rcx, rdi",
    "mov rdi, [rcx]",
    "mov rsi, [rcx + 8]",
    "mov rdx, [rcx + 16]",
    "mov r10, [rcx + 24]",
    "mov r8, [rcx + 32]",
    "mov r9, [rcx + 40]",
    "ferry_door_first:",
    "cmp dword ptr [rbx], 0",
    "jne ferry_door_abort",
    "syscall",
    "ferry_door_done:",
    "pop rbx",
    "ret",
    "ferry_door_abort:",
    "mov rax, -512",
    "pop rbx",
    "ret",
    ".popsection",
);

unsafe extern "C" {
    fn ferry_door(args: *const u64, nr: u64, word: *const u32) -> i64;
    fn ferry_door_first();
    fn ferry_door_done();
    fn ferry_door_abort();
}

/// One host call that no signal in hand stops; the raw result.
pub(super) fn plain(nr: u64, args: [u64; 6]) -> i64 {
    let result: i64;
    // SAFETY: a system call clobbers what the kernel's ABI says; what it does to memory is the caller's business: guest
    // memory, or live Rust values whose pointers the caller exposed.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!(
            "svc #0",
            in("x8") nr,
            inlateout("x0") args[0] => result,
            in("x1") args[1],
            in("x2") args[2],
            in("x3") args[3],
            in("x4") args[4],
            in("x5") args[5],
            options(nostack),
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") nr as i64 => result,
            in("rdi") args[0],
            in("rsi") args[1],
            in("rdx") args[2],
            in("r10") args[3],
            in("r8") args[4],
            in("r9") args[5],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// One host call that answers -512 (ERESTARTSYS) when a signal is in hand; the raw result.
pub(super) fn interruptible(nr: u64, args: [u64; 6]) -> i64 {
    // SAFETY: as in `plain`; the routine reads six words, and a word that lives as long as its thread.
    unsafe { ferry_door(args.as_ptr(), nr, thread::pending_word()) }
}

/// Where a thread interrupted at host address `pc` is to go on, if that is inside the door before the kernel took over.
pub(crate) fn interrupted(pc: u64) -> Option<u64> {
    let at = |f: unsafe extern "C" fn()| f as *const () as u64;
    (at(ferry_door_first)..at(ferry_door_done)).contains(&pc).then(|| at(ferry_door_abort))
}
