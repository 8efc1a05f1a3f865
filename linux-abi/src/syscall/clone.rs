//! fork(2), vfork(2), clone(2), clone3(2).
//!
//! Three things a child can be:
//! - *a copy* (no CLONE_VM): a host fork; the child goes on in the same Rust frames.
//! - *a thread* (CLONE_THREAD): a host thread made by the standard library, so that it has thread-local storage.
//! - *a process that shares memory* (CLONE_VM without CLONE_THREAD; vfork): a host process with the same memory, on a stack
//!   of its own. It uses the thread-local storage of the host thread that made it, which sleeps until the child execs or
//!   ends. With CLONE_VFORK that is the guest's parent itself; without, a helper thread made for the purpose.
use super::thread::set_tls;
use super::Args;
use crate::context::{Cx, Process, SpawnRequest, SysResult, Thread};
use crate::entry::gettid;
use crate::errno::Errno;
use crate::host;
use crate::layout::U64;
use crate::records;
use crate::signal::host_handler::set_host_mask;
use ir::guest::{CpuState, Gpr, GuestAddr};
use std::sync::{mpsc, Arc};
use zerocopy::{FromZeros, IntoBytes};

/// CLONE_* (linux/sched.h).
mod flag {
    pub const VM: u64 = 0x100;
    pub const FS: u64 = 0x200;
    pub const FILES: u64 = 0x400;
    pub const SIGHAND: u64 = 0x800;
    pub const PIDFD: u64 = 0x1000;
    pub const VFORK: u64 = 0x4000;
    pub const THREAD: u64 = 0x1_0000;
    pub const SETTLS: u64 = 0x8_0000;
    pub const PARENT_SETTID: u64 = 0x10_0000;
    pub const CHILD_CLEARTID: u64 = 0x20_0000;
    pub const DETACHED: u64 = 0x40_0000;
    pub const CHILD_SETTID: u64 = 0x100_0000;
    pub const CLEAR_SIGHAND: u64 = 1 << 32;
    /// What clone3() takes: all flags of clone(), of the later ones not CLONE_INTO_CGROUP.
    pub const KNOWN: u64 = 0xffff_ffff | CLEAR_SIGHAND;
    /// Done here, with the guest's pointers, rather than by the host kernel.
    pub const OURS: u64 =
        VFORK | SETTLS | PARENT_SETTID | CHILD_CLEARTID | CHILD_SETTID | PIDFD | CLEAR_SIGHAND | DETACHED;
}

/// Low byte of clone's flags: the signal the parent gets.
const CSIGNAL: u64 = 0xff;
/// Bytes of a guest thread's host stack.
const HOST_STACK: usize = 512 * 1024;

records! {
    /// `struct clone_args`.
    CloneArgs [88] {
        flags: U64, pidfd: U64, child_tid: U64, parent_tid: U64, exit_signal: U64, stack: U64, stack_size: U64, tls: U64,
        set_tid: U64, set_tid_size: U64, cgroup: U64,
    }
}

/// A checked request.
#[derive(Clone, Copy, Debug, Default)]
struct Request {
    flags: u64,
    exit_signal: u64,
    /// The child's esp; 0 keeps the parent's.
    stack: u32,
    parent_tid: GuestAddr,
    child_tid: GuestAddr,
    pidfd: GuestAddr,
    tls: GuestAddr,
}

/// fork(2).
pub fn fork(cx: &mut Cx<'_>, _: &Args) -> SysResult {
    start(cx, Request { exit_signal: libc::SIGCHLD as u64, ..Request::default() })
}

/// vfork(2).
pub fn vfork(cx: &mut Cx<'_>, _: &Args) -> SysResult {
    let flags = flag::VM | flag::VFORK;
    start(cx, Request { flags, exit_signal: libc::SIGCHLD as u64, ..Request::default() })
}

/// clone(2): flags, stack, parent_tid, tls (a `user_desc`), child_tid.
pub fn clone(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let flags = u64::from(a.uint(0));
    let request = Request {
        flags: flags & !CSIGNAL,
        exit_signal: flags & CSIGNAL,
        stack: a.uint(1),
        parent_tid: a.addr(2),
        child_tid: a.addr(4),
        pidfd: a.addr(2),
        tls: a.addr(3),
    };
    if flags & flag::PIDFD != 0 && flags & (flag::PARENT_SETTID | flag::DETACHED) != 0 {
        return Err(Errno::EINVAL);
    }
    start(cx, request)
}

/// clone3(2).
pub fn clone3(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    const FIRST_VERSION: usize = 64;
    let size = a.uint(1) as usize;
    match size {
        0..FIRST_VERSION => return Err(Errno::EINVAL),
        4097.. => return Err(Errno::E2BIG),
        _ => {}
    }
    let mut args = CloneArgs::new_zeroed();
    let known = size.min(size_of::<CloneArgs>());
    cx.read_into(a.addr(0), &mut args.as_mut_bytes()[..known])?;
    let rest = cx.read_bytes(a.addr(0).plus(known as u32), size - known)?;
    if rest.iter().any(|byte| *byte != 0) {
        return Err(Errno::E2BIG);
    }
    let request = checked(&args)?;
    start(cx, request)
}

fn checked(args: &CloneArgs) -> Result<Request, Errno> {
    let flags = args.flags.get();
    let pointer = |value: U64| u32::try_from(value.get()).map(GuestAddr).map_err(|_| Errno::EINVAL);
    let (stack, size) = (pointer(args.stack)?.0, pointer(args.stack_size)?.0);
    let signal = args.exit_signal.get();
    let refused = flags & (CSIGNAL | flag::DETACHED | !flag::KNOWN) != 0
        || signal > 64
        || args.set_tid_size.get() != 0
        || (stack == 0) != (size == 0)
        || flags & (flag::THREAD) != 0 && signal != 0;
    if refused {
        return Err(Errno::EINVAL);
    }
    Ok(Request {
        flags,
        exit_signal: signal,
        stack: stack.wrapping_add(size),
        parent_tid: pointer(args.parent_tid)?,
        child_tid: pointer(args.child_tid)?,
        pidfd: pointer(args.pidfd)?,
        tls: pointer(args.tls)?,
    })
}

fn start(cx: &mut Cx<'_>, request: Request) -> SysResult {
    let has = |bits: u64| request.flags & bits != 0;
    let wrong = has(flag::SIGHAND) && !has(flag::VM)
        || has(flag::THREAD) && !has(flag::SIGHAND)
        || has(flag::CLEAR_SIGHAND) && has(flag::SIGHAND)
        || has(flag::THREAD) && has(flag::PIDFD);
    if wrong {
        return Err(Errno::EINVAL);
    }
    // As copy_process(): a child must not start with a signal that its parent is about to handle.
    if cx.thread.signals.in_hand() {
        return Err(Errno::ERESTARTNOINTR);
    }
    match (has(flag::VM), has(flag::THREAD)) {
        (false, _) => copy(cx, &request),
        (true, true) => thread(cx, &request),
        (true, false) => sharer(cx, &request),
    }
}

/// No signal comes in while the value lives; afterwards delivery sets the guest's mask again.
fn block_signals(cx: &mut Cx<'_>) {
    set_host_mask(u64::MAX);
    cx.thread.signals.mask_was_changed();
}

/// What every child's own memory or its parent's gets to know.
fn tell_parent(cx: &Cx<'_>, request: &Request, pid: i32) -> SysResult {
    let word = (pid as u32).to_le_bytes();
    if request.flags & flag::PARENT_SETTID != 0 {
        // As the kernel: the child is there, an unwritable pointer does not take it back.
        let _ = cx.process.mm.store(request.parent_tid, &word);
    }
    if request.flags & flag::PIDFD != 0 {
        let fd = host::syscall(libc::SYS_pidfd_open, [pid as u64, 0, 0, 0, 0, 0])? as u32;
        cx.process.mm.store(request.pidfd, &fd.to_le_bytes())?;
    }
    Ok(pid as u32)
}

/// What the child does to itself before it runs.
fn prepare_self(process: &Process, thread: &mut Thread, request: &Request) {
    thread.tid = gettid();
    if request.flags & flag::CHILD_SETTID != 0 {
        let _ = process.mm.store(request.child_tid, &(thread.tid as u32).to_le_bytes());
    }
    if request.flags & flag::CLEAR_SIGHAND != 0 {
        process.actions.clear_handlers();
    }
}

/// Registers, segments and signals of a new thread or process, from its creator's.
fn child_of(cx: &mut Cx<'_>, request: &Request) -> Result<(Thread, CpuState), Errno> {
    let vfork_or_copy = request.flags & (flag::VM | flag::VFORK) != flag::VM;
    let mut state = cx.state.clone();
    state.set(Gpr::Eax, 0);
    if request.stack != 0 {
        state.set(Gpr::Esp, request.stack);
    }
    let mut thread = Thread {
        signals: cx.thread.signals.child(vfork_or_copy),
        tls: cx.thread.tls.clone(),
        clear_child_tid: if request.flags & flag::CHILD_CLEARTID != 0 { request.child_tid } else { GuestAddr(0) },
        ..Thread::default()
    };
    if request.flags & flag::SETTLS != 0 {
        set_tls(&mut Cx { process: cx.process, thread: &mut thread, state: &mut state }, request.tls, false)?;
    }
    Ok((thread, state))
}

/// A copy of the process.
fn copy(cx: &mut Cx<'_>, request: &Request) -> SysResult {
    let (mut thread, state) = child_of(cx, request)?;
    block_signals(cx);
    if cx.thread.signals.in_hand() {
        return Err(Errno::ERESTARTNOINTR);
    }
    let process = Arc::clone(cx.process);
    let host_flags = request.flags & !flag::OURS | request.exit_signal;
    let pid = process.executor.fork(&mut || {
        let _held = process.hold_for_fork();
        match host_flags == libc::SIGCHLD as u64 {
            true => host::clone::fork(),
            false => host::clone::fork_with(host_flags),
        }
    })?;
    if pid != 0 {
        return tell_parent(cx, request, pid);
    }
    cx.process.threads.clear();
    // The record of signals in hand stays where it is: the handler's pointer to it was copied with everything else.
    cx.thread.signals.become_copy(std::mem::take(&mut thread.signals));
    let signals = std::mem::take(&mut cx.thread.signals);
    *cx.thread = Thread { signals, ..thread };
    *cx.state = state;
    prepare_self(cx.process, cx.thread, request);
    Ok(0)
}

/// A thread of this process.
fn thread(cx: &mut Cx<'_>, request: &Request) -> SysResult {
    let (thread, state) = child_of(cx, request)?;
    cx.process.executor.become_ordered();
    block_signals(cx);
    let (request, (ready, wait)) = (*request, mpsc::channel());
    let mut spawn = SpawnRequest { process: Arc::clone(cx.process), thread, state };
    let body = move || {
        // The host's new threads share files and directories; a guest's need not.
        let apart = !request.flags & (flag::FS | flag::FILES);
        if apart != 0 {
            let _ = host::syscall(libc::SYS_unshare, [apart, 0, 0, 0, 0, 0]);
        }
        prepare_self(&spawn.process, &mut spawn.thread, &request);
        if request.flags & flag::PARENT_SETTID != 0 {
            let _ = spawn.process.mm.store(request.parent_tid, &(spawn.thread.tid as u32).to_le_bytes());
        }
        // The creator waits for this, so it is there.
        let _ = ready.send(spawn.thread.tid);
        let executor = Arc::clone(&spawn.process.executor);
        spawn.thread.enter();
        executor.run_thread(&mut spawn, &mut None);
    };
    std::thread::Builder::new().stack_size(HOST_STACK).spawn(body).map_err(|_| Errno::EAGAIN)?;
    wait.recv().map(|tid| tid as u32).map_err(|_| Errno::EAGAIN)
}

/// A process that shares this one's memory.
fn sharer(cx: &mut Cx<'_>, request: &Request) -> SysResult {
    let (thread, state) = child_of(cx, request)?;
    let process = Arc::new(cx.process.sharing_memory(request.flags & flag::SIGHAND != 0));
    let spawn = SpawnRequest { process, thread, state };
    block_signals(cx);
    if request.flags & flag::VFORK != 0 {
        let pid = run_sharer(spawn, *request, |_| {})?;
        cx.thread.signals.become_current();
        return tell_parent(cx, request, pid);
    }
    cx.process.executor.become_ordered();
    let (request_copy, (ready, wait)) = (*request, mpsc::channel());
    let lender = move || {
        let child_says = ready.clone();
        let started = move |pid| {
            // Nobody listens any more only if the creator is gone.
            let _ = child_says.send(Ok(pid));
        };
        let result = run_sharer(spawn, request_copy, started);
        // On a host that makes a fork of it (an emulator) the child's word does not get here.
        let _ = ready.send(result);
    };
    std::thread::Builder::new().stack_size(HOST_STACK).spawn(lender).map_err(|_| Errno::EAGAIN)?;
    let pid = wait.recv().map_err(|_| Errno::EAGAIN)??;
    tell_parent(cx, request, pid)
}

/// Starts the child on the calling host thread, which sleeps until the child execs or ends. `started` runs in the child.
fn run_sharer(mut spawn: SpawnRequest, request: Request, started: impl FnOnce(i32)) -> Result<i32, Errno> {
    let mut keep = None;
    let host_flags = request.flags & !flag::OURS | request.exit_signal;
    let (spawn, keep) = (&mut spawn, &mut keep);
    let child = move || {
        prepare_self(&spawn.process, &mut spawn.thread, &request);
        started(spawn.thread.tid);
        let executor = Arc::clone(&spawn.process.executor);
        spawn.thread.enter();
        executor.run_thread(spawn, keep)
    };
    host::clone::vfork(host_flags, Box::new(child))
}
