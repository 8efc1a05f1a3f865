//! Code generation seen from outside: IR in, disassembly out. The disassembler is binutils'; without it a test says so.
mod machine;
mod random;

use super::*;
use ir::guest::{Cc, FlagSet, Gpr, GuestAddr, Xmm};
use ir::sink::Addr;
use ir::{Block, BlockId, Builder, Lane, Opcode, Sink, Target, Terminator, Ty};
use std::io::Write;
use std::process::{Command, Stdio};

/// Disassembles with binutils; `None` if it is not installed.
fn disassemble(code: &[u8]) -> Option<Vec<String>> {
    let path =
        std::env::temp_dir().join(format!("ferry-codegen-{}-{:?}", std::process::id(), std::thread::current().id()));
    std::fs::File::create(&path).ok()?.write_all(code).ok()?;
    let output = Command::new("aarch64-linux-gnu-objdump")
        .args(["-D", "-b", "binary", "-m", "aarch64"])
        .arg(&path)
        .stderr(Stdio::null())
        .output();
    let _ = std::fs::remove_file(&path);
    let text = String::from_utf8(output.ok()?.stdout).ok()?;
    let line = |l: &str| {
        let mut parts = l.split('\t').skip(2);
        let (name, args) = (parts.next()?, parts.next().unwrap_or(""));
        Some(format!("{name} {}", args.split("//").next().unwrap_or("").trim()).trim().to_string())
    };
    Some(text.lines().filter(|l| l.contains(":\t")).filter_map(line).collect())
}

fn region(blocks: Vec<Block>) -> Region {
    let mut region = Region::new(blocks[0].start);
    region.blocks = blocks;
    region.blocks[0].entry = true;
    region
}

/// Hot code of one block that ends with an exit, before the exit.
fn check(build: impl Fn(&mut Builder), expect: &[&str]) {
    check_with(&Options::default(), build, expect);
}

fn check_with(options: &Options, build: impl Fn(&mut Builder), expect: &[&str]) {
    let start = GuestAddr(0x1000);
    let mut b = Builder::new(start);
    b.begin_insn(start, 1);
    build(&mut b);
    let block = b.finish(Terminator::Exit { trap: ir::Trap::Yield, eip: start });
    let compiled = compile(&region(vec![block]), options);
    let Some(lines) = disassemble(&compiled.code) else {
        eprintln!("aarch64-linux-gnu-objdump is missing: encodings not compared");
        return;
    };
    let exit = lines.iter().position(|l| l == "mov w16, #0x1000").expect("the exit");
    let lines: Vec<&str> = lines[..exit].iter().map(String::as_str).collect();
    assert_eq!(lines, expect, "\n{}", lines.join("\n"));
}

#[test]
fn results_go_straight_to_pinned_registers() {
    check(
        |b| {
            let (eax, ecx) = (b.get_gpr(Gpr::Eax), b.get_gpr(Gpr::Ecx));
            let sum = b.binary(Opcode::Add, eax, ecx, FlagSet::NONE);
            b.set_gpr(Gpr::Eax, sum);
        },
        &["add w19, w19, w20"],
    );
    check(
        |b| {
            let ebp = b.get_gpr(Gpr::Ebp);
            let v = b.load(Ty::I32, Addr::base(ebp).plus(8));
            b.set_gpr(Gpr::Edx, v);
        },
        &["ldr w21, [x24, #8]"],
    );
}

#[test]
fn push_is_one_instruction() {
    check(
        |b| {
            let (esp, eax) = (b.get_gpr(Gpr::Esp), b.get_gpr(Gpr::Eax));
            let top = b.lea(Addr::base(esp).plus(-4));
            b.store(Addr::base(esp).plus(-4), eax);
            b.set_gpr(Gpr::Esp, top);
        },
        &["str w19, [x23, #-4]!"],
    );
    // POP EAX, then POP ESP: the register loaded is not stepped as well.
    check(
        |b| {
            let esp = b.get_gpr(Gpr::Esp);
            let (value, top) = (b.load(Ty::I32, Addr::base(esp)), b.lea(Addr::base(esp).plus(4)));
            b.set_gpr(Gpr::Eax, value);
            b.set_gpr(Gpr::Esp, top);
            let value = b.load(Ty::I32, Addr::base(top));
            b.set_gpr(Gpr::Esp, value);
        },
        &["ldr w19, [x23], #4", "ldr w23, [x23]"],
    );
}

#[test]
fn exchange_needs_one_copy() {
    check(
        |b| {
            let (eax, ebx) = (b.get_gpr(Gpr::Eax), b.get_gpr(Gpr::Ebx));
            b.set_gpr(Gpr::Eax, ebx);
            b.set_gpr(Gpr::Ebx, eax);
        },
        &["mov w0, w19", "mov w19, w22", "mov w22, w0"],
    );
}

/// A counting loop: compare and branch, no block of its own for the way back.
#[test]
fn a_loop_polls_at_its_head() {
    let start = GuestAddr(0x1000);
    let mut b = Builder::new(start);
    b.begin_insn(start, 3);
    let (ecx, one) = (b.get_gpr(Gpr::Ecx), b.const32(1));
    let less = b.binary(Opcode::Sub, ecx, one, FlagSet::ZF);
    b.set_gpr(Gpr::Ecx, less);
    b.begin_insn(start.plus(3), 2);
    let body = b.finish(Terminator::Branch {
        cc: Cc::Ne,
        taken: Target::Block(BlockId(0)),
        fallthrough: Target::Guest(start.plus(5)),
    });
    let mut region = region(vec![body]);
    region.set_live_at(start.plus(5), FlagSet::NONE);
    let compiled = compile(&region, &Options::default());
    let Some(lines) = disassemble(&compiled.code) else { return };
    assert_eq!(lines[..4], ["ldr wzr, [x28, #8192]", "subs w20, w20, #0x1", "b.ne 0x0", "b 0x10"]);
    assert_eq!(compiled.entries, [EntryPoint { guest: start, at: CodeOffset(4), direct: Some(CodeOffset(4)) }]);
    assert_eq!(compiled.links.len(), 1);
}

/// AF is bit 4 of one raw value relative to the other's: clearing AF alone takes PF's into account.
#[test]
fn float_comparison_for_af_alone() {
    let start = GuestAddr(0x1000);
    let mut b = Builder::new(start);
    b.begin_insn(start, 1);
    let (x, y) = (b.get_xmm(Xmm::ALL[0]), b.get_xmm(Xmm::ALL[1]));
    b.vector_flags(Opcode::FComi, Lane::F64, x, y, 0);
    let mut block = b.finish(Terminator::Exit { trap: ir::Trap::Yield, eip: start });
    block.insts.last_mut().expect("the comparison").flags = FlagSet::AF;
    let compiled = compile(&region(vec![block]), &Options::default());
    let Some(lines) = disassemble(&compiled.code) else {
        eprintln!("aarch64-linux-gnu-objdump is missing: encodings not compared");
        return;
    };
    for line in ["eor w7, w16, w18", "eor w7, w7, w16"] {
        assert!(lines.iter().any(|l| l.starts_with(line)), "\n{}", lines.join("\n"));
    }
}

/// With a second thread around every load and store is ordered as on x86 but for a store before a load: a load has a
/// barrier for loads and stores behind it, a store one for stores before it, or they are of the acquire and release kinds.
#[test]
fn ordered_accesses_are_tso() {
    let ordered = Options { ordered: true, ..Options::default() };
    for ty in [Ty::I8, Ty::I16, Ty::I32, Ty::I64] {
        for options in [ordered, Options { features: all_features(), ..ordered }] {
            let lines = access_lines(ty, &options);
            let at = |part: &str| lines.iter().position(|line| line.starts_with(part));
            let load = at("ldr").map_or_else(|| at("ldap").or(at("ldar")).is_some(), |n| lines[n + 1] == "dmb ishld");
            let store = at("str").or(at("stur")).map_or_else(
                || at("stl").is_some(),
                |n| lines[..n].iter().rev().take(2).any(|line| line == "dmb ishst" || line == "dmb ish"),
            );
            assert!(load && store, "{ty:?} {options:?}\n{}", lines.join("\n"));
            let plain = access_lines(ty, &Options { ordered: false, ..options });
            assert!(
                !plain.iter().any(|line| line.starts_with("dmb") || line.starts_with("stl")),
                "{}",
                plain.join("\n")
            );
        }
    }
}

fn all_features() -> HostFeatures {
    HostFeatures { lse: true, lrcpc: true, flagm: true, ..HostFeatures::default() }
}

/// A load from [ecx] and a store of what it gave to [edx], up to the exit.
fn access_lines(ty: Ty, options: &Options) -> Vec<String> {
    let start = GuestAddr(0x1000);
    let mut b = Builder::new(start);
    b.begin_insn(start, 1);
    let from = b.get_gpr(Gpr::Ecx);
    let value = b.load(ty, Addr::base(from));
    let to = b.get_gpr(Gpr::Edx);
    b.store(Addr::base(to), value);
    let block = b.finish(Terminator::Exit { trap: ir::Trap::Yield, eip: start });
    let compiled = compile(&region(vec![block]), options);
    let lines = disassemble(&compiled.code).expect("aarch64-linux-gnu-objdump: run `make setup`");
    let exit = lines.iter().position(|l| l == "mov w16, #0x1000").expect("the exit");
    lines[..exit].to_vec()
}
