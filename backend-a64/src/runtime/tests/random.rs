//! Emitted code against the reference interpreter, on random regions. A failure prints the seed and the region.
//!
//! What cannot be compared is counted and bounded: loops that do not end, and instructions that code leaves to the
//! interpreter (values of a random region cross instructions, so one alone means nothing).
use super::faults::guard;
use super::*;
use crate::codegen::HostFeatures;
use crate::runtime::features;
use ir::guest::Access;
use ir::interp::{self, Outcome};
use ir::testgen::{difference, region, state, Rng, TestMem};
use std::sync::{MutexGuard, OnceLock};

const FUEL: u64 = 200;
/// Seeds a plain test run takes; `FERRY_RANDOM=first..end` takes others.
const SEEDS: std::ops::Range<u64> = 0..400;

pub(super) fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("FERRY_RANDOM") else {
        return SEEDS;
    };
    let (first, end) = text.split_once("..").expect("FERRY_RANDOM=first..end");
    first.parse().expect("a number")..end.parse().expect("a number")
}

/// The region of the current seed.
#[derive(Clone, Default)]
struct Current(Arc<Mutex<Option<Region>>>);

impl RegionSource for Current {
    fn region(&self, entry: GuestAddr, _: Heat) -> Result<Region, LiftError> {
        let region = self.0.lock().unwrap().clone().filter(|r| r.entry == entry);
        region.ok_or(LiftError::Fetch(no_code(entry)))
    }

    fn single(&self, state: &CpuState) -> Result<Region, LiftError> {
        let entry = GuestAddr(state.eip);
        // Told apart from a way out by its kind.
        Err(LiftError::Fetch(Fault { kind: ir::guest::FaultKind::Bus, ..no_code(entry) }))
    }
}

/// The page of `TestMem` in this process, for one test at a time.
pub(super) fn page() -> MutexGuard<'static, &'static mut [u8]> {
    static PAGE: OnceLock<Mutex<&'static mut [u8]>> = OnceLock::new();
    PAGE.get_or_init(|| Mutex::new(map_page())).lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn map_page() -> &'static mut [u8] {
    let at = TestMem::BASE.host() as *mut libc::c_void;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    let len = TestMem::LEN as usize;
    // SAFETY: replaces nothing; the page is the tests' alone.
    unsafe {
        let page = libc::mmap(at, len, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        assert_eq!(page, at, "the tests' page is taken");
        std::slice::from_raw_parts_mut(page.cast(), len)
    }
}

/// What a run of the engine says in the interpreter's terms; `None` if it left to the interpreter.
pub(super) fn outcome(exit: Exit) -> Option<Outcome> {
    match exit {
        Exit::Trap(trap) => Some(Outcome::Trap(trap)),
        Exit::Fault(Fault { access: Access::Execute, kind: ir::guest::FaultKind::Bus, .. }) => None,
        Exit::Fault(Fault { access: Access::Execute, .. }) => Some(Outcome::Left),
        Exit::Fault(fault) => Some(Outcome::Fault(fault)),
        Exit::Interrupted => panic!("nobody asked"),
    }
}

/// Whether two runs ended alike; the access of a fault is the signal handler's business.
pub(super) fn same_end(a: Outcome, b: Outcome) -> bool {
    match (a, b) {
        (Outcome::Fault(a), Outcome::Fault(b)) => a.addr == b.addr,
        _ => a == b,
    }
}

#[test]
fn emitted_code_does_what_the_interpreter_does() {
    let mut page = page();
    let (mut endless, mut left, mut all) = (0, 0, 0);
    for features in [HostFeatures::default(), features::detect()] {
        let current = Current::default();
        let options = EngineOptions { code_len: 1 << 20, features, translate_after: 0, observer: None };
        let engine = Engine::new(&options, Box::new(current.clone()), Box::new(NoWatch)).unwrap();
        guard(&engine);
        let mut thread = engine.new_thread().unwrap();
        for seed in seeds() {
            all += 1;
            let mut rng = Rng::new(seed);
            let (region, start, memory) = (region(&mut rng), state(&mut rng), TestMem::random(&mut rng));
            let (mut want, mut want_mem) = (start.clone(), memory.clone());
            let end = interp::run(&region, &mut want, &mut want_mem, FUEL);
            if end == Outcome::OutOfFuel {
                endless += 1;
                continue;
            }
            *current.0.lock().unwrap() = Some(region.clone());
            engine.invalidate(GuestRange::new(GuestAddr(0), 1 << 32));
            thread.load(&start);
            thread.state_mut().eip = region.entry.0;
            page.copy_from_slice(&memory.bytes);
            let exit = engine.run(&mut thread, &mut memory.clone());
            let Some(got) = outcome(exit) else {
                left += 1;
                continue;
            };
            assert!(same_end(end, got), "seed {seed}, {features:?}: {end:?} against {got:?}\n{region}");
            if let Some(what) = difference(&region, end, &want, thread.state()) {
                panic!(
                    "seed {seed}, {features:?}: {end:?}: {what}\nfrom {:x?} {:#x}\n{region}",
                    start.gpr,
                    start.eflags()
                );
            }
            assert!(page[..] == want_mem.bytes[..], "seed {seed}, {features:?}: memory differs\n{region}");
        }
    }
    assert!((endless + left) * 4 < all * 3, "of {all}: {endless} endless, {left} left to the interpreter");
}
