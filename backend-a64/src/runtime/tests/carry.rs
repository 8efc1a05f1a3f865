//! What the host's C means where one region goes on in another: as the code before left it, or as all others expect it.
use super::*;
use crate::codegen::{compile, HostFeatures, Options};
use ir::guest::Trap;
use ir::parse::parse;

/// Adds or replaces a region given in text.
fn set(rig: &Rig, features: HostFeatures, text: &str) {
    let region = parse(text).unwrap();
    let compiled = compile(&region, &Options { features, ..Options::default() });
    rig.program.0.lock().unwrap().insert(region.entry.0, compiled);
}

/// EAX + ECX, then EDX + EDX + CF in a region of its own.
const SUM: &str = "region 0x1000
b0 0x1000 entry:\n; 0x1000 +2\nv0 = get_gpr eax\nv1 = get_gpr ecx\nv2 = add.i32.oszapc v0, v1\nset_gpr eax, v2\njump 0x2000";
const CARRY: &str = "region 0x2000
range 0x2000 +2
b0 0x2000 entry:\n; 0x2000 +2\nv0 = get_gpr edx\nv1 = adc.i32.oszapc v0, v0\nset_gpr edx, v1\nexit syscall, 0x2002";
/// The same where nobody reads CF, and a difference instead of the sum.
const NO_CARRY: &str = "region 0x2000
range 0x2000 +2
b0 0x2000 entry:\n; 0x2000 +2\nv0 = get_gpr edx\nv1 = add.i32.oszapc v0, v0\nset_gpr edx, v1\nexit syscall, 0x2002";

#[test]
fn a_carry_goes_from_region_to_region() {
    for features in [HostFeatures::BASELINE, crate::runtime::features::detect()] {
        let mut rig = Rig::new();
        set(&rig, features, SUM);
        set(&rig, features, &SUM.replace("add", "sub").replace("0x1000", "0x1100"));
        set(&rig, features, CARRY);
        // Unlinked first, then linked; a sum and a difference leave C in different ways.
        let cases =
            [(0x1000, 1, 2, 14), (0x1000, u32::MAX, 2, 15), (0x1100, 1, 2, 15), (0x1100, 2, 1, 14), (0x1000, 1, 2, 14)];
        for (entry, eax, ecx, edx) in cases {
            rig.state().gpr[..3].copy_from_slice(&[eax, ecx, 7]);
            assert_eq!(rig.run(entry), Exit::Trap(Trap::Syscall));
            assert_eq!(rig.reg(Gpr::Edx), edx, "from {entry:#x} with {eax:#x}, {ecx:#x}, {features:?}");
        }
        assert!(rig.engine.stats().links >= 2);
    }
}

#[test]
fn a_region_that_comes_and_goes_is_linked_again() {
    let features = HostFeatures::BASELINE;
    let mut rig = Rig::new();
    set(&rig, features, SUM);
    for (text, edx) in [(CARRY, 15), (NO_CARRY, 14), (CARRY, 15)] {
        set(&rig, features, text);
        for _ in 0..3 {
            rig.state().gpr[..3].copy_from_slice(&[u32::MAX, 1, 7]);
            assert_eq!(rig.run(0x1000), Exit::Trap(Trap::Syscall));
            assert_eq!(rig.reg(Gpr::Edx), edx);
        }
        rig.engine.invalidate(GuestRange::new(GuestAddr(0x2000), 2));
    }
}
