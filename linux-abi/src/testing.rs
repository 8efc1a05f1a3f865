//! A guest process without an engine, for unit tests of handlers: real low memory, the host's real kernel.
use crate::context::{Executor, Process, SpawnRequest, Thread};
use crate::mm::AddressSpace;
use crate::syscall::dispatch;
use crate::{Cx, Errno, SysResult};
use ir::guest::{CpuState, GuestAddr, GuestRange};
use ir::host::{HostFault, HostRegs, Recovered};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use zerocopy::{FromBytes, Immutable, IntoBytes};

#[derive(Debug)]
struct NoEngine;

impl Executor for NoEngine {
    fn invalidate(&self, _: GuestRange) {}
    fn check_gs(&self, _: bool) {}

    fn checks_gs(&self) -> bool {
        true
    }

    fn become_ordered(&self) {}
    fn run_thread(&self, _: &mut SpawnRequest, _: &mut Option<Box<dyn std::any::Any>>) -> i32 {
        0
    }
    fn request_exit(&self) {}
    fn recover(&self, _: &HostRegs, _: HostFault) -> Recovered {
        Recovered::Foreign
    }
}

/// A process with one thread and some low memory to take buffers from.
pub(crate) struct Guest {
    process: Arc<Process>,
    thread: Thread,
    state: CpuState,
    next: u32,
    end: u32,
}

/// Bytes of low memory per guest.
const ARENA: u32 = 1 << 20;

impl Guest {
    pub fn new() -> Self {
        Self::with_fs(crate::fs::FsContext::default())
    }

    pub fn with_fs(fs: crate::fs::FsContext) -> Self {
        crate::signal::host_handler::install_faults();
        static NEXT: AtomicU32 = AtomicU32::new(0x2000_0000);
        let base = NEXT.fetch_add(2 * ARENA, Ordering::Relaxed);
        let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE) as u32;
        crate::host::syscall(libc::SYS_mmap, crate::args![base, ARENA, 3, flags, -1, 0]).expect("low memory");
        let process = Arc::new(Process {
            mm: Arc::new(AddressSpace::default()),
            fs: Arc::new(fs),
            actions: Arc::default(),
            ldt: Arc::default(),
            threads: Default::default(),
            executor: Arc::new(NoEngine),
            vdso: None,
            exec: Arc::default(),
            strace: false,
        });
        let tid = crate::host::syscall(libc::SYS_gettid, crate::args![]).unwrap_or(0) as i32;
        let thread = Thread { tid, ..Thread::default() };
        Self { process, thread, state: CpuState::default(), next: base, end: base + ARENA }
    }

    pub fn cx(&mut self) -> Cx<'_> {
        Cx { process: &self.process, thread: &mut self.thread, state: &mut self.state }
    }

    /// Puts a value into guest memory.
    pub fn put<T: IntoBytes + Immutable + ?Sized>(&mut self, value: &T) -> u32 {
        let at = self.room(value.as_bytes().len());
        self.cx().write(GuestAddr(at), value).expect("arena");
        at
    }

    /// Puts a string into guest memory.
    pub fn text(&mut self, text: &str) -> u32 {
        self.put([text.as_bytes(), &[0]].concat().as_slice())
    }

    /// Takes bytes of guest memory, filled with 0xee.
    pub fn room(&mut self, len: usize) -> u32 {
        let at = self.next.next_multiple_of(16);
        self.next = at + len as u32;
        assert!(self.next <= self.end, "arena is full");
        self.cx().write(GuestAddr(at), vec![0xeeu8; len].as_slice()).expect("arena");
        at
    }

    pub fn get<T: FromBytes + IntoBytes>(&mut self, at: u32) -> T {
        self.cx().read(GuestAddr(at)).expect("arena")
    }

    /// One system call by name.
    pub fn call<const N: usize>(&mut self, name: &str, args: [u32; N]) -> SysResult {
        let entry = crate::syscall::TABLE.iter().find(|entry| entry.name == name).expect("a call of the table");
        let mut all = [0; 6];
        all[..N].copy_from_slice(&args);
        dispatch(&mut self.cx(), u32::from(entry.nr), all)
    }

    /// Asserts that a call fails.
    pub fn fails<const N: usize>(&mut self, name: &str, args: [u32; N], errno: Errno) {
        assert_eq!(self.call(name, args), Err(errno), "{name}");
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = crate::host::syscall(libc::SYS_munmap, crate::args![self.end - ARENA, ARENA]);
    }
}
