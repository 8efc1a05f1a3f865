//! Regions: shape, order, targets, ranges.
use super::*;
use crate::decode::testing::Bytes;
use ir::guest::Trap;

fn region(bytes: &[u8]) -> Region {
    lift_region(&Bytes(0x1000, bytes.to_vec()), GuestAddr(0x1000), &RegionPolicy::default()).unwrap()
}

fn shape(bytes: &[u8]) -> Vec<String> {
    shape_of(&region(bytes))
}

fn shape_of(region: &Region) -> Vec<String> {
    let target = |t: Target| match t {
        Target::Block(id) => format!("b{}", id.0),
        Target::Guest(addr) => format!("{:x}", addr.0),
    };
    let term = |t: &Terminator| match *t {
        Terminator::Jump(t) => target(t),
        Terminator::Branch { cc, taken, fallthrough } => {
            format!("j{} {} {}", cc.name(), target(taken), target(fallthrough))
        }
        Terminator::BranchNz { taken, fallthrough, .. } => format!("nz {} {}", target(taken), target(fallthrough)),
        Terminator::Indirect { .. } => "indirect".into(),
        Terminator::Call { target: t, ret_block, .. } => format!("call {} {:?}", target(t), ret_block.map(|b| b.0)),
        Terminator::CallIndirect { ret_block, .. } => format!("call ? {:?}", ret_block.map(|b| b.0)),
        Terminator::Ret { .. } => "ret".into(),
        Terminator::Exit { trap, eip } => format!("{} {:x}", trap.name(), eip.0),
    };
    let line =
        |b: &Block| format!("{:x}{} {}: {}", b.start.0, if b.entry { "e" } else { "" }, b.insns.len(), term(&b.term));
    region.blocks.iter().map(line).collect()
}

#[test]
fn a_loop_stays_inside() {
    // 1000: mov ecx, 5; 1005: dec ecx; 1006: jne 1005; 1008: ret
    assert_eq!(shape(&[0xb9, 5, 0, 0, 0, 0x49, 0x75, 0xfd, 0xc3]), ["1000e 1: b1", "1005 2: jne b1 b2", "1008 1: ret"]);
}

/// With the policy for code that may run once, and code at 1010 already.
fn path(bytes: &[u8]) -> Vec<String> {
    let mem = Bytes(0x1000, bytes.to_vec());
    let known = |addr| addr == GuestAddr(0x1010);
    shape_of(&Lifter::default().region(&mem, GuestAddr(0x1000), &RegionPolicy::PATH, &known).unwrap())
}

#[test]
fn a_path_stops_where_it_may_go_two_ways() {
    // 1000: call 2000; 1005: jmp 1009; 1009: dec ecx; 100a: je 1000
    let mut code = vec![0xe8, 0xfb, 0x0f, 0, 0, 0xeb, 2, 0xcc, 0xcc, 0x49, 0x74, 0xf4, 0xc3];
    assert_eq!(path(&code), ["1000e 1: call 2000 Some(1)", "1005e 1: b2", "1009 2: je b0 100c"]);
    // 100a: jmp 1010, where there is code
    code.splice(10.., [0xeb, 4]);
    code.resize(0x20, 0x90);
    assert_eq!(path(&code), ["1000e 1: call 2000 Some(1)", "1005e 1: b2", "1009 2: 1010"]);
}

#[test]
fn loops_of_a_path_are_entries_but_not_within_an_instruction() {
    // 1000: call eax; 1002: inc ecx; 1003: call eax; 1005: jmp 1002
    let code = [0xff, 0xd0, 0x41, 0xff, 0xd0, 0xeb, 0xfb];
    assert_eq!(path(&code), ["1000e 1: call ? Some(1)", "1002e 2: call ? Some(2)", "1005e 1: b1"]);
    // 1000: call eax; 1002: jmp 1004; 1004: rep lodsb; 1006: jmp 1004
    let code = [0xff, 0xd0, 0xeb, 0, 0xf3, 0xac, 0xeb, 0xfc];
    let entries = path(&code).iter().filter(|line| line.starts_with("1004e")).count();
    assert_eq!(entries, 1);
}

#[test]
fn runs_are_ordered_so_that_they_fall_through() {
    // 1000: jmp 1003; 1002: inc eax; 1003: dec ecx; 1004: jne 1002; 1006: ret
    let code = [0xeb, 1, 0x40, 0x49, 0x75, 0xfc, 0xc3];
    assert_eq!(shape(&code), ["1000e 1: b2", "1002 1: b2", "1003 2: jne b1 b3", "1006 1: ret"]);
}

#[test]
fn calls_come_back_into_the_region() {
    // 1000: call 2000; 1005: call eax; 1007: int 80; 1009: ret
    let code = [0xe8, 0xfb, 0x0f, 0, 0, 0xff, 0xd0, 0xcd, 0x80, 0xc3];
    let want = ["1000e 1: call 2000 Some(1)", "1005e 1: call ? Some(2)", "1007e 1: syscall 1009", "1009e 1: ret"];
    assert_eq!(shape(&code), want);
}

#[test]
fn reading_eip_is_no_call() {
    // 1000: call 1005; 1005: pop ebx; 1006: ret
    assert_eq!(shape(&[0xe8, 0, 0, 0, 0, 0x5b, 0xc3]), ["1000e 1: b1", "1005 2: ret"]);
    // 1000: call 1006; 1005: ret; 1006: mov ebx, [esp]; 1009: ret
    assert_eq!(shape(&[0xe8, 1, 0, 0, 0, 0xc3, 0x8b, 0x1c, 0x24, 0xc3]), ["1000e 2: ret"]);
}

#[test]
fn what_is_no_code_ends_the_region() {
    assert_eq!(shape(&[0x90, 0x0f, 0xff]), ["1000e 1: 1001"], "ud0 needs a byte that is not there");
    assert_eq!(shape(&[0x90, 0xf0, 0x90]), ["1000e 2: undefined 1001"]);
    assert_eq!(shape(&[0x90, 0x0f, 0x0b]), ["1000e 2: undefined 1001"]);
    assert_eq!(shape(&[0x66; 16]), ["1000e 1: general_protection 1000"]);
    let mem = Bytes(0x1000, vec![0x90]);
    let err = lift_region(&mem, GuestAddr(0x1001), &RegionPolicy::default()).unwrap_err();
    assert!(matches!(err, LiftError::Fetch(f) if f.addr == GuestAddr(0x1001)));
}

#[test]
fn overlapping_readings_are_runs_of_their_own() {
    // 1000: jmp 1003 jumps into: 1002: mov eax, 0x90c3: 1003: ret
    let code = [0x74, 1, 0xb8, 0xc3, 0x90, 0, 0, 0xc3];
    assert_eq!(shape(&code), ["1000e 1: je b2 b1", "1002 2: ret", "1003 1: ret"]);
}

#[test]
fn limits_hold() {
    let nops = vec![0x90; 4000];
    let policy = RegionPolicy::default();
    assert_eq!(region(&nops).insn_count(), policy.max_insns);
    let mut branches = Vec::new();
    (0..500).for_each(|_| branches.extend([0x74, 0x00]));
    assert!(region(&branches).blocks.len() <= policy.max_blocks);
    let single = lift_single(&Bytes(0x1000, nops), GuestAddr(0x1000)).unwrap();
    assert_eq!((single.blocks.len(), single.insn_count()), (1, 1));
    assert_eq!(single.blocks[0].term, Terminator::Jump(Target::Guest(GuestAddr(0x1001))));
}

#[test]
fn ranges_are_merged_and_hold_what_was_looked_at() {
    // 1000: je 1010 (outside the run, far enough to leave a hole), 1002: jmp 2000
    let mut code = vec![0x74, 0x0e, 0xe9, 0xf9, 0x0f, 0, 0];
    code.resize(0x10, 0xcc);
    code.extend([0x31, 0xc0, 0xc3]);
    code.resize(0x1000, 0xcc);
    code.extend([0x31, 0xc0]);
    let region = region(&code);
    let ranges: Vec<(u32, u64)> = region.ranges.iter().map(|r| (r.start.0, r.len)).collect();
    assert_eq!(ranges, [(0x1000, 7), (0x1010, 3), (0x2000, 2)]);
    assert!(region.live_at(GuestAddr(0x2000)).is_empty());
    assert!(Trap::ALL.len() > 1);
}
