//! Regions in text form, run.
use super::*;
use crate::guest::{Access, FaultKind, Gpr};
use crate::parse::parse;
use crate::testgen::TestMem;
use crate::verify::verify;

fn start(body: &str, state: &mut CpuState, mem: &mut TestMem, fuel: u64) -> Outcome {
    let region = parse(&format!("region 0x10\n{body}")).unwrap();
    assert_eq!(verify(&region), Ok(()));
    run(&region, state, mem, fuel)
}

#[test]
fn arithmetic_and_state() {
    let mut state = CpuState::default();
    state.gpr = [7, 9, 0, 0, 0, 0, 0, 0];
    let body = "b0 0x10 entry:
; 0x10 +2
  v0 = get_gpr eax
  v1 = get_gpr ecx
  v2 = sub.i32.oszapc v0, v1
  v3 = select.i32 b, v1, v0
  v4 = cond l
  v5 = zext.i32 v4
  v6 = get_state.i32 df_step
  v7 = lea [v0 + v1<<2 - 0x8]
  set_gpr eax, v2
  set_gpr edx, v3
  set_gpr ebx, v5
  set_gpr esi, v6
  set_gpr edi, v7
  jump 0x20";
    assert_eq!(start(body, &mut state, &mut TestMem::default(), 1), Outcome::Left);
    assert_eq!(state.gpr, [-2i32 as u32, 9, 9, 1, 0, 0, 1, 35]);
    assert_eq!((state.eip, state.eflags() & 0x8d5), (0x20, 0x91));
}

#[test]
fn a_fault_leaves_registers_alone() {
    let mut state = CpuState::default();
    state.gpr[Gpr::Esp.index()] = TestMem::BASE.0;
    let body = "b0 0x10 entry:
; 0x10 +1
  v0 = get_gpr esp
  v1 = const.i32 0x4
  set_gpr eax, v1
; 0x11 +1
  v2 = sub.i32 v0, v1
  store.i32 [v2], v0
  set_gpr esp, v2
  jump 0x20";
    let fault = Fault { addr: TestMem::BASE.offset(-4), access: Access::Write, kind: FaultKind::Unmapped };
    assert_eq!(start(body, &mut state, &mut TestMem::default(), 1), Outcome::Fault(fault));
    assert_eq!((state.get(Gpr::Eax), state.get(Gpr::Esp), state.eip), (4, TestMem::BASE.0, 0x11));
}

#[test]
fn loops_run_out_of_fuel_at_back_edges() {
    let body = "b0 0x10 entry:
; 0x10 +2
  v0 = get_gpr ecx
  v1 = const.i32 0x1
  v2 = sub.i32.oszap v0, v1
  set_gpr ecx, v2
  branch ne, b0, b1
b1 0x12:
  exit syscall, 0x14";
    let mut state = CpuState::default();
    state.gpr[1] = 10;
    assert_eq!(start(body, &mut state, &mut TestMem::default(), 4), Outcome::OutOfFuel);
    assert_eq!((state.gpr[1], state.eip), (6, 0x10));
    assert_eq!(start(body, &mut state, &mut TestMem::default(), 100), Outcome::Trap(Trap::Syscall));
    assert_eq!((state.gpr[1], state.eip), (0, 0x14));
}

#[test]
fn traps_atomics_and_helpers() {
    let body = "b0 0x10 entry:
; 0x10 +1
  v0 = get_gpr esi
  v1 = const.i32 0x5
  v2 = atomic_add.i32 [v0], v1
  v3 = atomic_cas.i32 [v0], v1, v2
  v4 = load_sx.i8 [v0 + 0x4]
  set_gpr eax, v3
  set_gpr edx, v4
; 0x11 +2
  v5 = const.i32 0x0
  v6 = helper.i64 cpuid_ab, v5, v5
  v7 = trunc.i32 v6
  set_gpr ecx, v7
; 0x13 +1
  trap_if.i32 divide_error, v1
  jump 0x20";
    let mut state = CpuState::default();
    state.gpr[6] = TestMem::BASE.0;
    let mut mem = TestMem::default();
    mem.write(TestMem::BASE, &[1, 0, 0, 0, 0x80]).unwrap();
    assert_eq!(start(body, &mut state, &mut mem, 1), Outcome::Trap(Trap::DivideError));
    assert_eq!(
        (state.gpr[0], state.gpr[1], state.gpr[2], state.eip),
        (6, crate::cpuid::leaf(0, 0)[0], 0xffff_ff80, 0x13)
    );
    let mut word = [0; 4];
    mem.read(TestMem::BASE, &mut word).unwrap();
    assert_eq!(word, [6, 0, 0, 0]);
}
