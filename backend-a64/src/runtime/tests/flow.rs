//! Entering, leaving, linking, looking up, calling.
use super::region_asm::a64;
use super::*;
use crate::codegen::LinkKind;
use dynasmrt::DynasmLabelApi;
use ir::guest::state::EFLAGS_FIXED;
use ir::guest::Trap;

const DONE: Exit = Exit::Trap(Trap::Syscall);

#[test]
fn state_goes_in_and_comes_out() {
    let mut rig = Rig::new();
    rig.program.set(0x1000, |asm| {
        a64!(asm; add w19, w19, 1; add w26, w26, 2; mov v16.d[0], v23.d[1]; cmp w20, w21);
        asm.trap(Trap::Syscall, 0x1002);
    });
    let state = rig.state();
    state.gpr = [10, 1, 2, 13, 14, 15, 16, 17];
    state.xmm[7] = 7 << 64 | 1;
    assert_eq!(rig.run(0x1000), DONE);
    let state = rig.state();
    assert_eq!(state.gpr, [11, 1, 2, 13, 14, 15, 16, 19]);
    assert_eq!((state.eip, state.xmm[0], state.xmm[7]), (0x1002, 7, 7 << 64 | 1));
    // 1 - 2: SF and CF; AF and PF are not in NZCV.
    assert_eq!(state.eflags() & 0x8c1, 0x081);
    assert_eq!(state.eflags() & EFLAGS_FIXED, EFLAGS_FIXED);
}

#[test]
fn direct_branches_are_linked() {
    let mut rig = Rig::new();
    rig.program.set(0x1000, |asm| {
        a64!(asm; add w19, w19, 1);
        asm.link(LinkKind::Jump, 0x2000);
    });
    rig.program.set(0x2000, |asm| {
        a64!(asm; add w19, w19, 16);
        asm.link(LinkKind::Jump, 0x3000);
    });
    rig.program.set(0x3000, |asm| asm.trap(Trap::Syscall, 0x3002));
    assert_eq!(rig.run(0x1000), DONE);
    assert_eq!(rig.reg(Gpr::Eax), 17);
    let stats = rig.engine.stats();
    assert_eq!((stats.regions, stats.links, stats.link_exits, stats.entered), (3, 2, 2, 3));
    assert_eq!(rig.run(0x1000), DONE);
    let stats = rig.engine.stats();
    assert_eq!((stats.link_exits, stats.entered), (2, 4));
}

#[test]
fn a_loop_over_two_regions_stays_inside() {
    let mut rig = Rig::new();
    rig.program.set(0x1000, |asm| {
        a64!(asm; sub w20, w20, 1);
        asm.link(LinkKind::Jump, 0x2000);
    });
    rig.program.set(0x2000, |asm| {
        a64!(asm; add w19, w19, 3; cbz w20, >done);
        asm.poll(0x1000);
        asm.link(LinkKind::Jump, 0x1000);
        a64!(asm; done:);
        asm.trap(Trap::Syscall, 0x2002);
    });
    rig.state().set(Gpr::Ecx, 10_000);
    assert_eq!(rig.run(0x1000), DONE);
    assert_eq!(rig.reg(Gpr::Eax), 30_000);
    // 0x1000 existed when 0x2000 was made: one exit only.
    let stats = rig.engine.stats();
    assert_eq!((stats.links, stats.link_exits), (2, 1));
}

#[test]
fn indirect_branches_are_looked_up() {
    let mut rig = Rig::new();
    // Two targets that share a slot of the first table, taken in turns.
    rig.program.set(0x1000, |asm| {
        a64!(asm; sub w20, w20, 1; tst w20, 1; csel w21, w19, w22, eq);
        asm.indirect(EDX);
    });
    for target in [0x1_2000, 0x2_2000] {
        rig.program.set(target, |asm| {
            a64!(asm; add w26, w26, 1; cbz w20, >done);
            asm.link(LinkKind::Jump, 0x1000);
            a64!(asm; done:);
            asm.trap(Trap::Syscall, target);
        });
    }
    let state = rig.state();
    state.set(Gpr::Eax, 0x1_2000);
    state.set(Gpr::Ebx, 0x2_2000);
    state.set(Gpr::Ecx, 1000);
    assert_eq!(rig.run(0x1000), DONE);
    assert_eq!(rig.reg(Gpr::Edi), 1000);
    let stats = rig.engine.stats();
    assert_eq!(stats.misses, 2, "the second table answers after the first time");
}

/// A function at 0x2000 that returns to the address in EDX.
fn callee(rig: &Rig) {
    rig.program.set(0x2000, |asm| {
        a64!(asm; add w19, w19, 1);
        asm.ret(EDX);
    });
}

#[test]
fn returns_are_predicted() {
    let mut rig = Rig::new();
    callee(&rig);
    rig.program.set(0x1000, |asm| {
        a64!(asm; again:);
        asm.mov(EDX, 0x1005);
        asm.call(0x2000, 0x1005);
        a64!(asm; sub w20, w20, 1; cbnz w20, <again);
        asm.trap(Trap::Syscall, 0x1008);
    });
    rig.state().set(Gpr::Ecx, 500);
    assert_eq!(rig.run(0x1000), DONE);
    assert_eq!(rig.reg(Gpr::Eax), 500);
    let stats = rig.engine.stats();
    assert_eq!((stats.misses, stats.link_exits), (0, 1));
}

#[test]
fn frames_left_without_a_return_are_dropped() {
    let mut rig = Rig::new();
    // 0x1000 calls 0x1100 calls 0x1200 calls 0x2000, which returns to 0x1000's caller frame at once (longjmp).
    for (from, to) in [(0x1000, 0x1100), (0x1100, 0x1200), (0x1200, 0x2000)] {
        rig.program.set(from, |asm| {
            asm.call(to, from + 5);
            a64!(asm; add w22, w22, 1);
            asm.trap(Trap::Syscall, from + 6);
        });
    }
    callee(&rig);
    for round in 1..4 {
        rig.state().set(Gpr::Edx, 0x1005);
        assert_eq!(rig.run(0x1000), DONE);
        assert_eq!((rig.state().eip, rig.reg(Gpr::Ebx)), (0x1006, round));
        assert_eq!(rig.engine.stats().misses, 0, "found on the shadow stack");
    }
}

#[test]
fn a_jump_in_the_shape_of_a_return_keeps_the_stack() {
    let mut rig = Rig::new();
    callee(&rig);
    rig.program.set(0x1000, |asm| {
        asm.call(0x2000, 0x1005);
        asm.trap(Trap::Syscall, 0x1006);
    });
    // 0x2000 "returns" to 0x3000, which returns to the caller.
    rig.program.set(0x3000, |asm| {
        asm.mov(EDX, 0x1005);
        asm.ret(EDX);
    });
    for round in 0..2 {
        rig.state().set(Gpr::Edx, 0x3000);
        assert_eq!(rig.run(0x1000), DONE);
        assert_eq!(rig.state().eip, 0x1006);
        let stats = rig.engine.stats();
        assert_eq!((stats.misses, stats.entered), (1, 3 + round));
    }
}

extern "C" fn sum(state: &mut CpuState, a: u64, b: u64, c: u64, d: u64) -> u64 {
    // What the guest's registers would not survive if the stub did not keep them.
    std::hint::black_box([1.5f64, a as f64, b as f64].map(f64::sqrt));
    state.fcw = 0x27f;
    a + b + c + d
}

#[test]
fn helpers_keep_the_guest() {
    let mut rig = Rig::new();
    rig.program.set(0x1000, |asm| {
        a64!(asm; mov x1, 1; mov x2, 20; mov x3, 300; mov x4, 4000);
        asm.helper(sum);
        a64!(asm; mov w19, w0);
        asm.trap(Trap::Syscall, 0x1002);
    });
    let xmm: [u128; 8] = std::array::from_fn(|i| 0x0123_4567_89ab_cdef_u128 << 64 | i as u128);
    rig.state().xmm = xmm;
    rig.state().set(Gpr::Edi, 77);
    assert_eq!(rig.run(0x1000), DONE);
    assert_eq!((rig.reg(Gpr::Eax), rig.reg(Gpr::Edi)), (4321, 77));
    assert_eq!((rig.state().xmm, rig.state().fcw, rig.state().mxcsr), (xmm, 0x27f, 0x1f80));
}

#[test]
fn rounding_is_the_guests_inside_and_ferrys_outside() {
    let mut rig = Rig::new();
    rig.program.set(0x1000, |asm| {
        a64!(asm; fmov d0, 1.0; fmov d1, 3.0; fdiv d0, d0, d1; fmov x0, d0; mov w19, w0);
        asm.trap(Trap::Syscall, 0x1002);
    });
    for (rc, low) in [(0, 0x5555_5555), (1, 0x5555_5555), (2, 0x5555_5556), (3, 0x5555_5555)] {
        rig.state().mxcsr = 0x1f80 | rc << 13;
        assert_eq!(rig.run(0x1000), DONE);
        assert_eq!(rig.reg(Gpr::Eax), low);
        assert_eq!(rig.state().mxcsr, 0x1fa0 | rc << 13, "inexact is sticky");
        assert_eq!((std::hint::black_box(1.0f64) / 3.0).to_bits() as u32, 0x5555_5555);
    }
}

#[test]
fn code_that_cannot_be_fetched_is_a_fault() {
    let mut rig = Rig::new();
    rig.program.set(0x1000, |asm| asm.link(LinkKind::Jump, 0x5000));
    assert_eq!(rig.run(0x1000), Exit::Fault(no_code(GuestAddr(0x5000))));
    assert_eq!(rig.state().eip, 0x5000);
    rig.program.set(0x6000, |asm| asm.trap(Trap::Fetch, 0x6004));
    assert_eq!(rig.run(0x6000), Exit::Fault(no_code(GuestAddr(0x6004))));
}

#[test]
fn a_state_is_loaded_without_the_engines_words() {
    let mut rig = Rig::new();
    rig.program.set(0x1000, |asm| asm.trap(Trap::Syscall, 0x1002));
    assert_eq!(rig.run(0x1000), DONE);
    let mut other = CpuState::default();
    other.fcw = 0x7f;
    other.set(Gpr::Esi, 6);
    rig.thread.load(&other);
    assert_eq!(rig.run(0x1000), DONE);
    assert_eq!((rig.reg(Gpr::Esi), rig.state().fcw), (6, 0x7f));
}
