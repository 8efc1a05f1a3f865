//! Regions that go: links taken back, entry points closed, everything flushed.
use super::region_asm::a64;
use super::*;
use crate::codegen::LinkKind;
use dynasmrt::{DynasmApi, DynasmLabelApi};
use ir::guest::Trap;

const DONE: Exit = Exit::Trap(Trap::Syscall);

fn range(start: u32, len: u64) -> GuestRange {
    GuestRange::new(GuestAddr(start), len)
}

/// A region that adds `n` to EAX and goes on at `next`.
fn adds(rig: &Rig, at: u32, n: u32, next: u32) {
    rig.program.set(at, |asm| {
        a64!(asm; add w19, w19, n);
        asm.link(LinkKind::Jump, next);
    });
}

fn ends(rig: &Rig, at: u32) {
    rig.program.set(at, |asm| asm.trap(Trap::Syscall, at + 2));
}

#[test]
fn a_linked_region_is_replaced() {
    let mut rig = Rig::new();
    adds(&rig, 0x1000, 1, 0x2000);
    adds(&rig, 0x2000, 10, 0x3000);
    ends(&rig, 0x3000);
    assert_eq!(rig.run(0x1000), DONE);
    assert_eq!(rig.reg(Gpr::Eax), 11);
    adds(&rig, 0x2000, 100, 0x3000);
    rig.engine.invalidate(range(0x2008, 1));
    assert_eq!(rig.run(0x1000), DONE);
    assert_eq!(rig.reg(Gpr::Eax), 11 + 101);
    let before = rig.engine.stats();
    assert_eq!((before.invalidated, before.regions), (1, 4));
    // The site that waited is linked again.
    assert_eq!(rig.run(0x1000), DONE);
    assert_eq!(rig.engine.stats().entered, before.entered + 1);
}

#[test]
fn only_overlapping_bytes_count() {
    let mut rig = Rig::new();
    adds(&rig, 0x1ff8, 1, 0x2010);
    ends(&rig, 0x2010);
    assert_eq!(rig.run(0x1ff8), DONE);
    for (start, len, dead) in [
        (0x1000, 0xff8, 0),
        (0x2008, 8, 0),
        (0x2020, 0x10_0000, 0),
        (0x2000, 0, 0),
        (0x2007, 1, 1),
        (0x2007, 1, 1),
        (0, 1 << 32, 2),
    ] {
        rig.engine.invalidate(range(start, len));
        assert_eq!(rig.engine.stats().invalidated, dead, "{start:#x} {len:#x}");
    }
    assert_eq!(rig.run(0x1ff8), DONE);
}

#[test]
fn a_lookup_entry_is_replaced() {
    let mut rig = Rig::new();
    rig.program.set(0x1000, |asm| asm.indirect(EDX));
    adds(&rig, 0x2000, 10, 0x3000);
    ends(&rig, 0x3000);
    rig.state().set(Gpr::Edx, 0x2000);
    assert_eq!(rig.run(0x1000), DONE);
    adds(&rig, 0x2000, 100, 0x3000);
    rig.engine.invalidate(range(0x2000, 4));
    assert_eq!(rig.run(0x1000), DONE);
    assert_eq!((rig.reg(Gpr::Eax), rig.engine.stats().misses), (110, 2));
}

#[test]
fn a_return_into_a_dead_region_finds_the_new_one() {
    let mut rig = Rig::new();
    rig.program.set(0x1000, |asm| {
        asm.call(0x2000, 0x1005);
        a64!(asm; add w19, w19, 1);
        asm.trap(Trap::Syscall, 0x1006);
    });
    rig.program.set(0x2000, |asm| asm.trap(Trap::Syscall, 0x2002));
    rig.program.set(0x2002, |asm| asm.ret(EDX));
    rig.state().set(Gpr::Edx, 0x1005);
    assert_eq!(rig.run(0x1000), DONE);
    rig.engine.invalidate(range(0x1000, 1));
    rig.program.set(0x1005, |asm| {
        a64!(asm; add w19, w19, 100);
        asm.trap(Trap::Syscall, 0x1007);
    });
    assert_eq!(rig.run(0x2002), DONE);
    assert_eq!((rig.reg(Gpr::Eax), rig.state().eip), (100, 0x1007));
    assert_eq!(rig.engine.stats().misses, 1, "through the closed entry point");
}

#[test]
fn a_region_that_links_to_itself_goes() {
    let mut rig = Rig::new();
    rig.program.set(0x1000, |asm| {
        a64!(asm; add w19, w19, 1; sub w20, w20, 1; cbz w20, >done);
        asm.poll(0x1000);
        asm.link(LinkKind::Jump, 0x1000);
        a64!(asm; done:);
        asm.trap(Trap::Syscall, 0x1002);
    });
    for _ in 0..3 {
        rig.state().set(Gpr::Ecx, 100);
        assert_eq!(rig.run(0x1000), DONE);
        rig.engine.invalidate(range(0x1000, 16));
    }
    let stats = rig.engine.stats();
    assert_eq!((rig.reg(Gpr::Eax), stats.regions, stats.link_exits), (300, 3, 0));
}

#[test]
fn everything_goes_when_the_memory_is_full() {
    let mut rig = Rig::new();
    // Chains of fat regions: 256 * 16 KiB in 1 MiB.
    for n in 0..256u32 {
        rig.program.set(0x1_0000 + n * 64, |asm| {
            a64!(asm; add w19, w19, 1);
            asm.link(LinkKind::Jump, if n == 255 { 0x1000 } else { 0x1_0000 + (n + 1) * 64 });
            for _ in 0..4096 {
                a64!(asm; nop);
            }
        });
    }
    ends(&rig, 0x1000);
    for round in 1..=2 {
        assert_eq!(rig.run(0x1_0000), DONE);
        assert_eq!(rig.reg(Gpr::Eax), 256 * round);
    }
    let stats = rig.engine.stats();
    assert!((6..=12).contains(&stats.flushes), "{stats:?}");
}

#[test]
fn a_return_after_a_flush_is_a_miss() {
    let mut rig = Rig::new();
    rig.program.set(0x1000, |asm| {
        asm.call(0x2000, 0x1005);
        asm.trap(Trap::Syscall, 0x1006);
    });
    rig.program.set(0x2000, |asm| asm.trap(Trap::Syscall, 0x2002));
    rig.program.set(0x2002, |asm| asm.ret(EDX));
    rig.program.set(0x1005, |asm| asm.trap(Trap::Syscall, 0x1007));
    rig.state().set(Gpr::Edx, 0x1005);
    assert_eq!(rig.run(0x1000), DONE);
    rig.engine.flush();
    assert_eq!(rig.run(0x2002), DONE);
    assert_eq!((rig.state().eip, rig.engine.stats().misses), (0x1007, 1));
}

#[test]
fn becoming_ordered_drops_what_is_not() {
    let mut rig = Rig::new();
    ends(&rig, 0x1000);
    assert_eq!(rig.run(0x1000), DONE);
    rig.engine.set_ordered();
    rig.engine.set_ordered();
    assert_eq!(rig.run(0x1000), DONE);
    let stats = rig.engine.stats();
    assert_eq!((stats.flushes, stats.regions), (1, 2));
}

#[test]
fn bytes_that_change_while_they_are_compiled_are_compiled_again() {
    let program = Program::default();
    let source = program.clone();
    let slot: Arc<Mutex<Option<std::sync::Weak<Engine>>>> = Arc::default();
    let inner = Arc::clone(&slot);
    // The compiler itself is where the change happens, once.
    let compile = Box::new(move |region: &Region, _, desk: &mut Desk| {
        let old = source.get(region.entry.0).unwrap();
        if let Some(engine) = inner.lock().unwrap().take().and_then(|e| e.upgrade()) {
            source.set(0x1000, |asm| asm.trap(Trap::Breakpoint, 0x1001));
            engine.invalidate(range(0x1004, 1));
        }
        desk.compiled = old;
    });
    program.set(0x1000, |asm| asm.trap(Trap::Syscall, 0x1002));
    let options = EngineOptions { code_len: 1 << 20, ..EngineOptions::default() };
    let engine =
        Arc::new(Engine::with_compiler(&options, Box::new(program.clone()), Box::new(NoWatch), compile).unwrap());
    *slot.lock().unwrap() = Some(Arc::downgrade(&engine));
    let mut thread = engine.new_thread().unwrap();
    thread.state_mut().eip = 0x1000;
    assert_eq!(engine.run(&mut thread, &mut NoMem), Exit::Trap(Trap::Breakpoint));
    assert_eq!(engine.stats().regions, 2);
}
