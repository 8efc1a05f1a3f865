//! The engine of one guest process: all its translated code, and what others may ask of it.
use super::code_cache::{Code, CodeCache, Full};
use super::exec_mem::{CacheOffset, COUNTERS};
use super::features;
use super::invalidations::Ticket;
use super::stats::{Counters, Stats};
use super::thread::{current, ThreadContext};
use super::visits::Visits;
use super::world::World;
use crate::codegen::{compile_in, CompiledRegion, HostFeatures, Options, Workspace, X87Hint};
use ir::guest::{Fault, GuestAddr, GuestRange};
use ir::{CodeWatch, Floats, Heat, LiftError, Region, RegionSource};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// What hears of every compilation, to show it: the region, how it was compiled, and what came of it.
#[derive(Clone)]
pub struct Observer(pub Arc<Observe>);

type Observe = dyn Fn(&Region, &Options, &CompiledRegion) + Send + Sync;

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Observer")
    }
}

/// What can be chosen about an engine.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Bytes reserved for code; used as code is made. At most 112 MiB.
    pub code_len: usize,
    /// What code may use of the host's CPU.
    pub features: HostFeatures,
    /// How often instructions are executed one by one before they are translated; 0: they are translated at once.
    pub translate_after: u8,
    /// Whom to tell of compilations.
    pub observer: Option<Observer>,
}

impl Default for EngineOptions {
    /// 64 MiB, what this CPU has, and translation at the seventh time.
    fn default() -> Self {
        Self { code_len: 64 << 20, features: features::detect(), translate_after: 6, observer: None }
    }
}

/// Why an engine or a thread could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No executable memory.
    #[error(
        "cannot reserve writable and executable memory: {0}; if a policy forbids it, allow it for ferry \
         (SELinux: execmem, systemd: MemoryDenyWriteExecute=no)"
    )]
    ExecMem(#[source] io::Error),
    /// No memory for the counters of code that is not translated.
    #[error("cannot reserve memory to count how often code runs: {0}")]
    Visits(#[source] io::Error),
    /// No memory for a thread.
    #[error("cannot reserve memory for a guest thread: {0}")]
    Thread(#[source] io::Error),
}

/// What the engine asks of code generation for one region.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// Memory accesses must keep x86-TSO order.
    pub(crate) ordered: bool,
    /// How SSE arithmetic is done; code generation sees it in the region.
    pub(crate) floats: u8,
    /// Where passes through the code are counted; none for code that stays.
    pub(crate) counter: Option<u16>,
    /// What to expect of the x87 stack.
    pub(crate) x87: X87Hint,
}

/// The memory that one translation after the other uses.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    work: Workspace,
    pub(crate) compiled: CompiledRegion,
}

/// Code generation as the engine calls it; the result is left on the desk.
pub(crate) type Compile = Box<dyn Fn(&Region, Request, &mut Desk) + Send + Sync>;

/// Translated code of one guest process. All methods may be called from any thread.
pub struct Engine {
    pub(super) code: Code,
    pub(super) world: Arc<World>,
    pub(super) source: Box<dyn RegionSource>,
    pub(super) counters: Counters,
    /// Changes with every flush: host addresses found before are void.
    pub(super) generation: AtomicU64,
    pub(super) visits: Visits,
    cache: Mutex<CodeCache>,
    watch: Box<dyn CodeWatch>,
    compile: Compile,
    /// As many as threads have compiled at the same time.
    #[allow(clippy::vec_box, reason = "a desk is large, and moves with every translation")]
    desks: Mutex<Vec<Box<Desk>>>,
    ordered: AtomicBool,
    /// Index into `Floats::LEVELS`.
    floats: AtomicU8,
    /// Whether code is made for FEAT_AFP.
    pub(super) afp: bool,
    /// Number of counters given to regions.
    pub(super) counted: AtomicU32,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine without code. `source` gives regions, `watch` hears which guest bytes were translated.
    pub fn new(
        options: &EngineOptions,
        source: Box<dyn RegionSource>,
        watch: Box<dyn CodeWatch>,
    ) -> Result<Self, EngineError> {
        let (features, observer) = (options.features, options.observer.clone());
        let compile =
            Box::new(move |region: &Region, Request { ordered, counter, x87, .. }: Request, desk: &mut Desk| {
                let options = Options { ordered, counter, features, x87, ..Default::default() };
                compile_in(region, &options, &mut desk.work, &mut desk.compiled);
                if let Some(Observer(observe)) = &observer {
                    observe(region, &options, &desk.compiled);
                }
            });
        Self::with_compiler(options, source, watch, compile)
    }

    /// An engine with a code generator of the caller's.
    pub(crate) fn with_compiler(
        options: &EngineOptions,
        source: Box<dyn RegionSource>,
        watch: Box<dyn CodeWatch>,
        compile: Compile,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            code: Code::new(options.code_len).map_err(EngineError::ExecMem)?,
            world: Arc::default(),
            source,
            counters: Counters::default(),
            generation: AtomicU64::new(0),
            visits: Visits::new(options.translate_after).map_err(EngineError::Visits)?,
            cache: Mutex::new(CodeCache::new()),
            watch,
            compile,
            desks: Mutex::default(),
            ordered: AtomicBool::new(false),
            floats: AtomicU8::new(0),
            afp: options.features.afp,
            counted: AtomicU32::new(0),
        })
    }

    /// A new guest thread with the registers of `CpuState::default`.
    pub fn new_thread(&self) -> Result<ThreadContext, EngineError> {
        ThreadContext::new(&self.world).map_err(EngineError::Thread)
    }

    /// What was counted so far.
    pub fn stats(&self) -> Stats {
        self.counters.snapshot()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, CodeCache> {
        self.cache.lock().expect("no panic under this lock")
    }

    /// The code for `guest`, compiled if there is none yet; or why there is nothing to compile.
    pub(super) fn find_or_compile(&self, guest: GuestAddr, x87: X87Hint) -> Result<CacheOffset, Fault> {
        self.find_or_make(guest, self.next_counter(), x87)
    }

    /// Puts code that is made to run often in the place of the cold code for `guest`.
    #[cold]
    pub(super) fn replace(&self, guest: GuestAddr, x87: X87Hint) -> Result<(), Fault> {
        self.find_or_make(guest, None, x87).map(|_| ())
    }

    /// A counter for one region. When all are in use, regions share: the first owner begins to count anew.
    fn next_counter(&self) -> Option<u16> {
        let counted = self.counted.load(Ordering::Relaxed);
        let number = (counted % COUNTERS) as u16;
        if counted >= COUNTERS {
            self.code.memory.clear_counter(number);
        }
        Some(number)
    }

    /// The code for `guest`: any if a counter is given for cold code, else hot code.
    fn find_or_make(&self, guest: GuestAddr, counter: Option<u16>, x87: X87Hint) -> Result<CacheOffset, Fault> {
        // A child of fork(2) may find the lock taken for ever, by a thread that it does not have: then without it.
        let mut desk = self.desks.try_lock().ok().and_then(|mut desks| desks.pop()).unwrap_or_default();
        let found = self.find_or_make_at(&mut desk, guest, counter, x87);
        if let Ok(mut desks) = self.desks.try_lock() {
            desks.push(desk);
        }
        found
    }

    fn find_or_make_at(
        &self,
        desk: &mut Desk,
        guest: GuestAddr,
        counter: Option<u16>,
        x87: X87Hint,
    ) -> Result<CacheOffset, Fault> {
        loop {
            let ticket = {
                let cache = self.lock();
                if let Some(at) = cache.find(guest, counter.is_none()) {
                    return Ok(at);
                }
                cache.invalidations.ticket()
            };
            let (ordered, floats) = self.modes();
            let request = Request { ordered, floats, counter, x87 };
            let generation = self.generation.load(Ordering::SeqCst);
            self.make(desk, guest, request)?;
            if self.generation.load(Ordering::SeqCst) != generation {
                // What was flushed may have been dropped because the source gives other code now.
                continue;
            }
            match self.install(guest, &desk.compiled, ticket, request) {
                Some(Ok(at)) => return Ok(at),
                Some(Err(Full)) => self.flush(),
                None => {}
            }
        }
    }

    /// Lifts and compiles; no lock is held.
    fn make(&self, desk: &mut Desk, guest: GuestAddr, request: Request) -> Result<(), Fault> {
        let known = |addr| self.visits.is_new(addr) || self.lock().find(addr, false).is_some();
        let heat = if request.counter.is_some() { Heat::Cold(&known) } else { Heat::Hot };
        let lift = || self.source.region(guest, heat).map_err(|LiftError::Fetch(fault)| fault);
        let mut region = lift()?;
        loop {
            let fresh = self.world.is_shared() && !self.lock().has_pages(&region.ranges);
            let watched = region.ranges.iter().all(|range| self.watch.watch(*range));
            if watched && !fresh {
                break;
            }
            // Another thread may have written the bytes after they were read and before they were watched; or the code has
            // to look itself.
            let again = lift()?;
            if watched && again == region {
                break;
            }
            region = again;
        }
        (self.compile)(&region, request, desk);
        self.source.recycle(region);
        self.count(&desk.compiled, heat.is_hot());
        Ok(())
    }

    fn count(&self, compiled: &CompiledRegion, hot: bool) {
        let insns = u64::from(compiled.insns);
        self.counters.regions.add(1);
        self.counters.insns.add(insns);
        self.counters.code_bytes.add(compiled.code.len() as u64);
        if hot {
            self.counters.hot_regions.add(1);
            self.counters.hot_insns.add(insns);
        }
    }

    /// Installs what was compiled, unless it is stale (`None`) or does not fit.
    fn install(
        &self,
        guest: GuestAddr,
        compiled: &CompiledRegion,
        ticket: Ticket,
        request: Request,
    ) -> Option<Result<CacheOffset, Full>> {
        let hot = request.counter.is_none();
        let mut cache = self.lock();
        if let Some(at) = cache.find(guest, hot) {
            return Some(Ok(at));
        }
        if self.modes() != (request.ordered, request.floats) || cache.invalidations.any_since(ticket, &compiled.ranges)
        {
            return None;
        }
        let installed = cache.install(&self.code, compiled, hot);
        if installed.is_ok() && !hot {
            self.counted.fetch_add(1, Ordering::Relaxed);
        }
        self.counters.links.set(cache.links_patched());
        Some(installed)
    }

    /// Makes `run` of the calling host thread's guest thread return `Exit::Interrupted` at the next loop back-edge or miss,
    /// or at once when it is called next; nothing if the host thread has none. Async-signal-safe.
    pub fn request_exit(&self) {
        if let Some(thread) = current() {
            thread.request_exit();
        }
    }

    /// Drops all translations of these bytes before it returns. A thread inside one of them leaves it at the next back-edge
    /// or exit. Must not be called from a signal handler.
    pub fn invalidate(&self, range: GuestRange) {
        let dead = self.lock().invalidate(&self.code, range);
        if dead > 0 {
            self.counters.invalidated.add(u64::from(dead));
            if self.world.is_shared() {
                self.world.kick_all();
            }
        }
    }

    /// From now on translated code keeps x86-TSO order; what exists is dropped. The caller is outside translated code.
    pub fn set_ordered(&self) {
        if !self.ordered.swap(true, Ordering::SeqCst) {
            self.flush();
        }
    }

    /// What code is made for now.
    pub(super) fn modes(&self) -> (bool, u8) {
        (self.ordered.load(Ordering::SeqCst), self.floats.load(Ordering::SeqCst))
    }

    /// From now on SSE arithmetic is done in this way at least; code that does it in another is dropped. The caller is
    /// outside translated code.
    #[cold]
    fn set_floats(&self, level: u8) {
        if self.floats.load(Ordering::SeqCst) >= level {
            return;
        }
        self.source.set_floats(Floats::LEVELS[usize::from(level)]);
        if self.floats.fetch_max(level, Ordering::SeqCst) < level {
            self.flush();
        }
    }

    /// A thread has left because code as it is now cannot do what MXCSR is about to say.
    pub(super) fn next_floats(&self, from: u8) {
        let last = Floats::LEVELS.len() as u8 - 1;
        self.set_floats((from + 1).min(last));
    }

    /// Index into `Floats::LEVELS` of how SSE arithmetic is done.
    pub(super) fn floats(&self) -> u8 {
        self.floats.load(Ordering::SeqCst)
    }

    /// Sees to it that code can run under this MXCSR.
    pub(super) fn suit_floats(&self, mxcsr: u32) {
        if super::fp::needs_exact(mxcsr) {
            self.set_floats(Floats::LEVELS.len() as u8 - 1);
        } else if super::fp::rounds_otherwise(mxcsr) {
            self.set_floats(1);
        }
    }

    /// Drops all code. The caller is outside translated code; other threads are held outside meanwhile.
    pub fn flush(&self) {
        self.world.exclusive(|threads| {
            self.lock().flush(&self.code);
            self.counted.store(0, Ordering::Relaxed);
            for thread in threads {
                thread.clear_shadow();
            }
            self.generation.fetch_add(1, Ordering::SeqCst);
        });
        self.counters.flushes.add(1);
    }

    /// Runs `fork` (fork(2), or clone(2) without CLONE_VM) while the engine's locks are held, so that the child finds them
    /// in order; `in_child` tells from the result whether this is the child. There only the calling thread is left.
    pub fn fork<R>(&self, fork: impl FnOnce() -> R, in_child: impl FnOnce(&R) -> bool) -> R {
        debug_assert!(current().is_some(), "only a thread that runs the guest forks");
        self.world.fork(
            || {
                let _cache = self.lock();
                fork()
            },
            in_child,
        )
    }
}
