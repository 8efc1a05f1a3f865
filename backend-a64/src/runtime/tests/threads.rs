//! Several threads in one engine: they run while others compile, invalidate, flush, fork.
use super::faults::guard;
use super::region_asm::a64;
use super::*;
use crate::codegen::LinkKind;
use dynasmrt::DynasmLabelApi;
use ir::guest::Trap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

const DONE: Exit = Exit::Trap(Trap::Syscall);

/// Counts ECX down over two regions and a call; EAX counts up.
fn counting(program: &Program) {
    program.set(0x1000, |asm| {
        a64!(asm; add w19, w19, 1);
        asm.mov(EDX, 0x1005);
        asm.call(0x5000, 0x1005);
        asm.link(LinkKind::Jump, 0x3000);
    });
    program.set(0x1005, |asm| asm.link(LinkKind::Jump, 0x3000));
    program.set(0x3000, |asm| {
        a64!(asm; sub w20, w20, 1; cbz w20, >done);
        asm.poll(0x1000);
        asm.link(LinkKind::Jump, 0x1000);
        a64!(asm; done:);
        asm.trap(Trap::Syscall, 0x3002);
    });
    program.set(0x5000, |asm| {
        a64!(asm; add w22, w22, 1);
        asm.ret(EDX);
    });
}

/// Runs `count` rounds of `counting` on this thread.
fn count(engine: &Engine, count: u32) {
    guard(engine);
    let mut thread = engine.new_thread().unwrap();
    let state = thread.state_mut();
    state.eip = 0x1000;
    state.set(Gpr::Ecx, count);
    assert_eq!(engine.run(&mut thread, &mut NoMem), DONE);
    assert_eq!((thread.state().get(Gpr::Eax), thread.state().get(Gpr::Ebx)), (count, count));
}

/// Runs counting threads while `disturb` is called again and again.
fn disturbed(disturb: impl Fn(&Engine) + Sync) {
    let rig = Rig::new();
    counting(&rig.program);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let counters: Vec<_> =
            (0..3).map(|_| scope.spawn(|| (0..4).for_each(|_| count(&rig.engine, 50_000)))).collect();
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                disturb(&rig.engine);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let results: Vec<_> = counters.into_iter().map(|c| c.join()).collect();
        stop.store(true, Ordering::Relaxed);
        assert!(results.iter().all(Result::is_ok));
    });
}

#[test]
fn threads_survive_flushes() {
    disturbed(Engine::flush);
}

#[test]
fn threads_survive_invalidations() {
    disturbed(|engine| {
        for start in [0x1000, 0x3000, 0x5000] {
            engine.invalidate(GuestRange::new(GuestAddr(start), 16));
        }
    });
}

#[test]
fn a_thread_leaves_a_region_that_died() {
    let rig = Rig::new();
    let spin = |asm: &mut RegionAsm| {
        a64!(asm; again:);
        asm.poll(0x1000);
        a64!(asm; b <again);
    };
    rig.program.set(0x1000, spin);
    std::thread::scope(|scope| {
        let spinner = scope.spawn(|| {
            guard(&rig.engine);
            let mut thread = rig.engine.new_thread().unwrap();
            thread.state_mut().eip = 0x1000;
            rig.engine.run(&mut thread, &mut NoMem)
        });
        std::thread::sleep(Duration::from_millis(20));
        rig.program.set(0x1000, |asm| asm.trap(Trap::Syscall, 0x1002));
        rig.engine.invalidate(GuestRange::new(GuestAddr(0x1000), 1));
        assert_eq!(spinner.join().unwrap(), DONE);
    });
}

#[test]
fn a_forked_child_goes_on_alone() {
    let mut rig = Rig::new();
    counting(&rig.program);
    guard(&rig.engine);
    rig.program.set(0x8000, |asm| asm.trap(Trap::Syscall, 0x8002));
    assert_eq!(rig.run(0x8000), DONE);
    let stop = AtomicBool::new(false);
    let laps = AtomicU32::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                count(&rig.engine, 1000);
                laps.fetch_add(1, Ordering::Relaxed);
            }
        });
        // Then it translates no more: the lock of this test's source is no business of the engine's.
        while laps.load(Ordering::Relaxed) < 3 {
            std::thread::sleep(Duration::from_millis(1));
        }
        // SAFETY: the child runs the engine only, and leaves with _exit.
        let child = rig.engine.fork(|| unsafe { libc::fork() }, |pid| *pid == 0);
        if child == 0 {
            // The other thread's mark is gone, or this would wait for it for ever.
            rig.engine.flush();
            rig.thread.state_mut().eip = 0x1000;
            rig.thread.state_mut().set(Gpr::Ecx, 1000);
            let exit = rig.engine.run(&mut rig.thread, &mut NoMem);
            // SAFETY: ends the child.
            unsafe { libc::_exit(if exit == DONE { 7 } else { 1 }) };
        }
        stop.store(true, Ordering::Relaxed);
        let mut status = 0;
        // SAFETY: waits for the child made above.
        let waited = unsafe { libc::waitpid(child, &mut status, 0) };
        assert_eq!((waited, libc::WEXITSTATUS(status)), (child, 7));
    });
}
