//! The window, its locks, and access to guest memory that faults instead of crashing.
//!
//! Locks, in the order they may be taken: the engine's own, then `layout` (what is mapped), then `watch` (page flags and
//! host protection agree while it is held). Nothing here calls the engine while holding one of them.
use super::pages::{self, PageTable};
use super::vma::{PageRange, Prot, VmaMap};
use super::watch::Watch;
use super::TASK_SIZE;
use crate::context::Executor;
use crate::errno::Errno;
use crate::host::{self, copy};
use ir::guest::{Access, Fault, FaultKind, GuestAddr, GuestMem, GuestRange, PAGE_SIZE};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

/// Addresses below this are never chosen; a fixed request may ask for them and the host kernel decides.
pub(super) const LOWEST_CHOICE: u32 = 0x1_0000;

/// The memory map of the guest.
#[derive(Default)]
pub struct AddressSpace {
    pub(super) pages: PageTable,
    pub(super) layout: Mutex<Layout>,
    pub(super) watch: Mutex<Watch>,
    pub(super) read_implies_exec: AtomicBool,
    engine: OnceLock<Arc<dyn Executor>>,
}

impl std::fmt::Debug for AddressSpace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AddressSpace").field("layout", &self.layout).finish_non_exhaustive()
    }
}

/// What the layout lock protects.
#[derive(Debug)]
pub(super) struct Layout {
    pub vmas: VmaMap,
    /// Places are searched downwards from here.
    pub mmap_base: u32,
    /// Where the heap starts and ends (brk(2)).
    pub brk_start: u32,
    pub brk: u32,
    /// MCL_FUTURE, MCL_ONFAULT: lock what is mapped from now on.
    pub lock_future: u32,
}

impl Default for Layout {
    fn default() -> Self {
        Self { vmas: VmaMap::default(), mmap_base: random_mmap_base(), brk_start: 0, brk: 0, lock_future: 0 }
    }
}

/// What is to be done for the engine once the locks are released.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Pages whose translations are stale.
    pub stale: Vec<PageRange>,
    /// Memory that another thread or process sees has appeared.
    pub ordered: bool,
}

/// A lock that a panic elsewhere does not take away.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A number for address space randomisation; zero when the personality forbids it.
pub(super) fn random_bits(bits: u32) -> u32 {
    const ASK: u64 = 0xffff_ffff;
    let personality = host::syscall(libc::SYS_personality, [ASK, 0, 0, 0, 0, 0]).unwrap_or(0);
    if personality & libc::ADDR_NO_RANDOMIZE as u64 != 0 {
        return 0;
    }
    let mut bytes = [0u8; 4];
    let args = [bytes.as_mut_ptr().expose_provenance() as u64, 4, 0, 0, 0, 0];
    match host::syscall(libc::SYS_getrandom, args) {
        Ok(4) => u32::from_le_bytes(bytes) & ((1 << bits) - 1),
        _ => 0,
    }
}

/// The top of the mmap area as the kernel computes it for an i386 task: below the largest stack, 8 random bits of pages.
fn random_mmap_base() -> u32 {
    const GAP_MIN: u64 = 128 << 20;
    const GAP_MAX: u64 = TASK_SIZE as u64 / 6 * 5;
    /// Random bits of the stack's own top, and the guard gap below it.
    const STACK_PAD: u64 = (8 << 20) + (1 << 20);
    let gap = stack_limit().saturating_add(STACK_PAD).clamp(GAP_MIN, GAP_MAX);
    (TASK_SIZE - gap as u32 - random_bits(8) * PAGE_SIZE) & !(PAGE_SIZE - 1)
}

/// RLIMIT_STACK, soft, in bytes.
pub(super) fn stack_limit() -> u64 {
    let mut limit = [0u64; 2];
    let pointer = limit.as_mut_ptr().expose_provenance() as u64;
    let args = [0, libc::RLIMIT_STACK as u64, 0, pointer, 0, 0];
    host::syscall(libc::SYS_prlimit64, args).map_or(8 << 20, |_| limit[0])
}

/// The locks of an address space, held.
#[derive(Debug)]
pub(crate) struct ForkGuard<'a> {
    _layout: MutexGuard<'a, Layout>,
    _watch: MutexGuard<'a, Watch>,
}

impl AddressSpace {
    /// An empty address space with its own random base. The pages between its end and 4 GiB are made inaccessible for
    /// good: no kernel copy that starts in the window can run on into what is above it.
    pub fn new() -> Self {
        let (start, len) = (u64::from(TASK_SIZE), (1 << 32) - u64::from(TASK_SIZE));
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
        // There already, in a child that started over in the same memory (or a test).
        let _ = host::syscall(libc::SYS_mmap, [start, len, 0, flags as u64, u64::MAX, 0]);
        Self::default()
    }

    /// Connects the engine; before that nothing is translated.
    pub fn attach_engine(&self, engine: Arc<dyn Executor>) {
        // A second call is a child that shares this space and its engine.
        let _ = self.engine.set(engine);
    }

    /// READ_IMPLIES_EXEC: what is mapped readable from now on is executable too (an executable without PT_GNU_STACK).
    pub fn set_read_implies_exec(&self, on: bool) {
        self.read_implies_exec.store(on, Ordering::Relaxed);
    }

    /// The protection a request for `prot` really gets.
    pub(super) fn effective(&self, prot: u32) -> Prot {
        let implied = self.read_implies_exec.load(Ordering::Relaxed) && prot & Prot::READ.0 != 0;
        Prot(prot & 7 | if implied { 4 } else { 0 })
    }

    /// Changes the layout, then tells the engine what that means.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Layout, &mut Effects) -> R) -> R {
        let mut effects = Effects::default();
        let result = change(&mut lock(&self.layout), &mut effects);
        self.tell(&effects);
        result
    }

    pub(super) fn tell(&self, effects: &Effects) {
        let Some(engine) = self.engine.get() else { return };
        for range in &effects.stale {
            engine.invalidate(range.bytes());
        }
        if effects.ordered {
            engine.become_ordered();
        }
    }

    /// Holds the locks across a fork, so that the child finds them free.
    pub(crate) fn hold_for_fork(&self) -> ForkGuard<'_> {
        ForkGuard { _layout: lock(&self.layout), _watch: lock(&self.watch) }
    }

    /// Fills `buf` from guest memory at `addr`, which wraps at 4 GiB.
    pub fn load(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), Fault> {
        copy::read(addr, buf)
    }

    /// Writes all of `data` at `addr`, or nothing on a fault. Code that was translated from there is dropped.
    pub fn store(&self, addr: GuestAddr, data: &[u8]) -> Result<(), Fault> {
        let first_page_left = (PAGE_SIZE - addr.0 % PAGE_SIZE) as usize;
        if data.len() <= first_page_left {
            return self.repairing(|| copy::write(addr, data));
        }
        for offset in (first_page_left..data.len()).step_by(PAGE_SIZE as usize) {
            // Of pages that cannot be written the first is reported, which a look at it must not make present.
            let first = || self.check(addr, Access::Write).map(|kind| Fault { addr, access: Access::Write, kind });
            self.repairing(|| copy::touch(addr.plus(offset as u32))).map_err(|fault| first().unwrap_or(fault))?;
        }
        self.repairing(|| copy::write(addr, data))
    }

    /// Compare and swap of an aligned word; the old value. For what the kernel does to futex words.
    pub fn compare_exchange(&self, addr: GuestAddr, expected: u32, new: u32) -> Result<u32, Fault> {
        self.repairing(|| copy::compare_exchange(addr, expected, new))
    }

    /// Writes `new` at `addr` if `old` is there: as one access, whatever else happens to the memory, if it lies within 16 aligned
    /// bytes. Across their border another process may come between.
    fn exchange(&self, addr: GuestAddr, old: &[u8], new: &[u8]) -> Result<bool, Fault> {
        let at = addr.0 as usize % copy::BLOCK;
        if at + new.len() <= copy::BLOCK {
            return self.repairing(|| copy::replace(addr, old, new));
        }
        let mut now = [0; copy::BLOCK];
        let now = &mut now[..old.len()];
        self.load(addr, now)?;
        let same = now == old;
        if same {
            self.store(addr, new)?;
        }
        Ok(same)
    }

    /// Repeats a write while its faults are ours (watched pages) rather than the guest's.
    fn repairing<T>(&self, mut write: impl FnMut() -> Result<T, Fault>) -> Result<T, Fault> {
        loop {
            match write() {
                Err(fault) if fault.kind != FaultKind::Bus && self.repair_write(fault.addr).is_some() => {}
                result => return result,
            }
        }
    }

    /// What the guest itself would get for an access to `addr`: `None` if it is allowed.
    pub fn check(&self, addr: GuestAddr, access: Access) -> Option<FaultKind> {
        let flags = self.pages.get(addr);
        let allowed = match access {
            Access::Read => pages::READ | pages::WRITE | pages::EXEC,
            Access::Write => pages::WRITE,
            Access::Execute => pages::EXEC,
        };
        match (flags & pages::MAPPED != 0, flags & allowed != 0) {
            (false, _) => Some(FaultKind::Unmapped),
            (true, false) => Some(FaultKind::Protected),
            (true, true) => None,
        }
    }

    /// Whether the processor would find the page of `addr` present: accessible at all, and in memory (for a file: in the page
    /// cache).
    pub fn is_present(&self, addr: GuestAddr) -> bool {
        let mut resident = [0u8; 1];
        let vec = resident.as_mut_ptr().expose_provenance() as u64;
        let args = [u64::from(addr.page().0), u64::from(PAGE_SIZE), vec, 0, 0, 0];
        let accessible = self.pages.get(addr) & (pages::READ | pages::WRITE | pages::EXEC) != 0;
        accessible && host::syscall(libc::SYS_mincore, args).is_ok() && resident[0] & 1 != 0
    }

    /// Code bytes from `addr`; see [`GuestMem::fetch`].
    pub fn fetch_code(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault> {
        let mut done = 0;
        while done < buf.len() {
            let at = addr.plus(done as u32);
            let step = ((PAGE_SIZE - at.0 % PAGE_SIZE) as usize).min(buf.len() - done);
            let result = match self.check(at, Access::Execute) {
                Some(kind) => Err(Fault { addr: at, access: Access::Execute, kind }),
                None => copy::read(at, &mut buf[done..done + step]),
            };
            match result {
                Ok(()) => done += step,
                Err(fault) if done == 0 => return Err(Fault { access: Access::Execute, ..fault }),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    /// The guest range of a system call argument, or the error Linux gives for one outside the window.
    pub(super) fn range(addr: u32, len: u32, outside: i32) -> Result<PageRange, Errno> {
        PageRange::new(addr, len).ok_or(Errno(outside))
    }
}

impl GuestMem for AddressSpace {
    fn read(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), Fault> {
        self.load(addr, buf)
    }

    fn write(&mut self, addr: GuestAddr, data: &[u8]) -> Result<(), Fault> {
        self.store(addr, data)
    }

    fn replace(&mut self, addr: GuestAddr, old: &[u8], new: &[u8]) -> Result<bool, Fault> {
        self.exchange(addr, old, new)
    }

    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault> {
        self.fetch_code(addr, buf)
    }
}

/// A shared space is as good as an owned one: all its methods take `&self`.
impl GuestMem for &AddressSpace {
    fn read(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), Fault> {
        self.load(addr, buf)
    }

    fn write(&mut self, addr: GuestAddr, data: &[u8]) -> Result<(), Fault> {
        self.store(addr, data)
    }

    fn replace(&mut self, addr: GuestAddr, old: &[u8], new: &[u8]) -> Result<bool, Fault> {
        self.exchange(addr, old, new)
    }

    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault> {
        self.fetch_code(addr, buf)
    }
}

impl AddressSpace {
    /// Bytes of guest memory for a caller that must know how much of a range the guest may reach at all.
    pub fn window() -> GuestRange {
        GuestRange::new(GuestAddr(0), u64::from(TASK_SIZE))
    }
}
