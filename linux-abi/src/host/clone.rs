//! Child processes: a copy of this one, or one that shares memory, which is what clone(2) with CLONE_VM and without
//! CLONE_THREAD is on the host.
//!
//! A parent that shares memory is suspended (CLONE_VFORK) until the child execs or exits, so the child may use the parent's thread-local
//! storage; it needs a stack of its own, because the parent's frame must be there when it wakes up.
use super::{alloc, result};
use crate::errno::Errno;
use std::arch::global_asm;

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".pushsection .text.ferry_vfork,\"ax\",@progbits",
    ".globl ferry_vfork",
    ".hidden ferry_vfork",
    ".p2align 4",
    "ferry_vfork:", // x0: flags, x1: top of the child's stack, x2: function, x3: its argument
    "stp x2, x3, [x1, #-16]!",
    "mov x2, #0",
    "mov x3, #0",
    "mov x4, #0",
    "mov x8, #220",
    "svc #0",
    "cbz x0, 1f",
    "ret",
    "1:",
    "mov x29, #0",
    "mov x30, #0",
    "ldp x1, x0, [sp], #16",
    "blr x1",
    "brk #1",
    ".popsection",
);

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".pushsection .text.ferry_vfork,\"ax\",@progbits",
    ".globl ferry_vfork",
    ".hidden ferry_vfork",
    ".p2align 4",
    "ferry_vfork:", // rdi: flags, rsi: top of the child's stack, rdx: function, rcx: its argument
    "mov [rsi - 8], rcx",
    "mov [rsi - 16], rdx",
    "sub rsi, 16",
    "xor edx, edx",
    "xor r10d, r10d",
    "xor r8d, r8d",
    "mov eax, 56",
    "syscall",
    "test rax, rax",
    "jz 1f",
    "ret",
    "1:",
    "xor ebp, ebp",
    "pop rax",
    "pop rdi",
    "call rax",
    "ud2",
    ".popsection",
);

unsafe extern "C" {
    fn ferry_vfork(flags: u64, stack: *mut u8, entry: extern "C" fn(*mut u8) -> !, child: *mut u8) -> i64;
}

/// Bytes of the child's host stack.
const STACK_SIZE: usize = 256 * 1024;

struct Child<'a> {
    /// The heap, as no other thread of ours may have it when an emulator makes a fork of this. The child gives it back; if
    /// it is still here when the parent wakes up, memory was not shared.
    heap: Option<alloc::Held>,
    run: Option<Box<dyn FnOnce() -> i32 + 'a>>,
}

/// A copy of this process with the calling thread only; 0 in the child. The C library puts its own locks and ids in order.
pub(crate) fn fork() -> Result<i32, Errno> {
    let _heap = alloc::hold();
    // SAFETY: the child goes on in Rust code: the caller holds the locks that other threads could have held.
    match unsafe { libc::fork() } {
        -1 => Err(Errno(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EAGAIN))),
        pid => Ok(pid),
    }
}

/// As [`fork`] with other flags for clone(2) (namespaces, an exit signal, ...); none that shares memory or needs a pointer.
pub(crate) fn fork_with(flags: u64) -> Result<i32, Errno> {
    let _heap = alloc::hold();
    super::syscall(libc::SYS_clone, [flags, 0, 0, 0, 0, 0]).map(|pid| pid as i32)
}

extern "C" fn enter(child: *mut u8) -> ! {
    // SAFETY: `vfork` passes its `Child`, which lives on its stack while it sleeps until this process is gone.
    let child = unsafe { &mut *child.cast::<Child<'_>>() };
    drop(child.heap.take());
    let run = child.run.take();
    let status = run.map_or(0, |run| run());
    // SAFETY: ends this process without running anything of the parent's.
    unsafe { libc::_exit(status) }
}

/// Runs `run` in a child process that shares memory (and what else `flags` says) and exits with what it returns; the
/// child's process id, once it has exec'd or ended. The caller blocks all signals around this.
pub(crate) fn vfork(flags: u64, run: Box<dyn FnOnce() -> i32 + '_>) -> Result<i32, Errno> {
    let mut stack = Stack::new()?;
    let mut child = Child { heap: Some(alloc::hold()), run: Some(run) };
    let flags = flags | (libc::CLONE_VM | libc::CLONE_VFORK) as u64;
    // SAFETY: the stack is fresh and outlives the child's use of it, as the kernel keeps this thread asleep; `child` too.
    let raw = unsafe { ferry_vfork(flags, stack.top(), enter, (&raw mut child).cast()) };
    drop(child.heap.take());
    result(raw).map(|pid| pid as i32)
}

/// A mapped stack with an inaccessible page below.
struct Stack {
    base: *mut u8,
}

impl Stack {
    fn new() -> Result<Self, Errno> {
        let (prot, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new anonymous mapping at an address of the kernel's choice.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), STACK_SIZE, prot, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(Errno(libc::ENOMEM));
        }
        // SAFETY: the lowest 64 KiB of the mapping just made; nothing uses them.
        unsafe { libc::mprotect(base, 65536, libc::PROT_NONE) };
        Ok(Self { base: base.cast() })
    }

    fn top(&mut self) -> *mut u8 {
        // SAFETY: one past the end of the mapping.
        unsafe { self.base.add(STACK_SIZE) }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`; the child no longer runs on it.
        unsafe { libc::munmap(self.base.cast(), STACK_SIZE) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_child_shares_memory_and_the_parent_waits() {
        let word = AtomicU32::new(0);
        let child = || {
            word.store(7, Ordering::SeqCst);
            3
        };
        let pid = vfork(libc::SIGCHLD as u64, Box::new(child)).expect("vfork");
        let mut status = 0;
        // SAFETY: `status` is writable.
        assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
        assert_eq!(libc::WEXITSTATUS(status), 3);
        // User-mode emulators make it a fork: then memory is not shared.
        if std::env::var_os("QEMU_AARCH64").is_none() && cfg!(target_arch = "x86_64") {
            assert_eq!(word.load(Ordering::SeqCst), 7);
        }
    }
}
