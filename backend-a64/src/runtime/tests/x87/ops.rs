//! The instructions of random x87 programs: how they are chosen and what the frontend would make of them.
use ir::guest::{Cc, FlagSet, Gpr, Mm};
use ir::sink::Addr;
use ir::testgen::Rng;
use ir::x87::{StoreForm, StoreKind};
use ir::Helper::{self, *};
use ir::{Builder, Lane, Opcode, Sink, Ty};

/// One guest instruction.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    /// An operation with constant arguments.
    Stack(Helper, [u32; 3]),
    /// An operation on a memory operand, with a number of pops.
    Memory(Helper, Ty, i32, u32),
    Extended(i32),
    Store(StoreForm, i32),
    Cmov(u32, Cc),
    Comi(u32, u32),
    Status,
    SetCw(u16),
    Helper(Helper),
    /// EAX := EAX + EBX with flags, ECX := ECX + EDX + CF.
    Add,
    Adc,
    Mmx(u8),
    /// EDX := a load and then some, which takes temporaries.
    Load(i32),
}

fn displacement(rng: &mut Rng) -> i32 {
    if rng.one_in(60) {
        1 << 20
    } else {
        8 * rng.below(16) as i32
    }
}

/// An operation that a stack of `depth` bears, mostly.
pub(super) fn op(rng: &mut Rng, depth: &mut i32) -> Op {
    let wild = rng.one_in(100);
    let full = if wild { 8 } else { (*depth).clamp(0, 8) as u64 };
    let grows = wild || *depth < 8;
    let disp = displacement(rng);
    let kind = rng.below(16);
    if full == 0 || kind < 4 && grows {
        *depth += i32::from(*depth < 8);
        return push(rng, full, disp);
    }
    let i = rng.below(full) as u32;
    let pop = u32::from(rng.one_in(2));
    let (op, pops) = match kind {
        0..=8 => (on_registers(rng, i, pop), pop),
        9 | 10 => (with_memory(rng, disp), 0),
        11 | 12 => (store(rng, disp, pop), pop),
        13 => compare(rng, i, pop, disp),
        14 => (on_top(rng, i), 0),
        _ => (rare(rng, i, disp, depth), 0),
    };
    *depth -= pops as i32;
    op
}

fn push(rng: &mut Rng, full: u64, disp: i32) -> Op {
    match rng.below(8) {
        0 => Op::Memory(X87FldF32, Ty::I32, disp, 0),
        1..=3 => Op::Memory(X87FldF64, Ty::I64, disp, 0),
        4 => Op::Extended(disp),
        5 => Op::Memory(X87Fild, Ty::I64, disp, 0),
        6 if full > 0 => Op::Stack(X87FldSt, [rng.below(full) as u32, 0, 0]),
        _ => Op::Stack(X87FldConst, [rng.below(7) as u32, 0, 0]),
    }
}

fn on_registers(rng: &mut Rng, i: u32, pop: u32) -> Op {
    let helper = rng.pick(&[X87Add, X87Sub, X87Subr, X87Mul, X87Mul, X87Div, X87Divr]);
    Op::Stack(helper, if pop == 1 { [i, 0, 1] } else { [0, i, 0] })
}

fn with_memory(rng: &mut Rng, disp: i32) -> Op {
    match rng.below(3) {
        0 => Op::Memory(rng.pick(&[X87AddF32, X87SubF32, X87MulF32, X87DivF32]), Ty::I32, disp, 0),
        1 => Op::Memory(rng.pick(&[X87AddF64, X87SubrF64, X87MulF64, X87DivrF64]), Ty::I64, disp, 0),
        _ => Op::Memory(rng.pick(&[X87AddInt, X87SubInt, X87MulInt, X87DivInt]), Ty::I32, disp, 0),
    }
}

fn store(rng: &mut Rng, disp: i32, pop: u32) -> Op {
    use StoreKind::*;
    let kind = rng.pick(&[F64, F64, F32, F80, I16, I32, I64]);
    Op::Store(StoreForm { kind, truncate: kind.is_int() && rng.one_in(3), pop: pop == 1 }, disp)
}

/// A comparison or a copy, with the number of pops.
fn compare(rng: &mut Rng, i: u32, pop: u32, disp: i32) -> (Op, u32) {
    match rng.below(5) {
        0 => (Op::Stack(X87Com, [i, pop, u32::from(rng.one_in(2))]), pop),
        1 => (Op::Memory(X87ComF64, Ty::I64, disp, pop), pop),
        2 => (Op::Comi(i, pop), pop),
        3 => (Op::Stack(X87FstSt, [i, pop, 0]), pop),
        _ => (Op::Stack(X87Tst, [0; 3]), 0),
    }
}

fn on_top(rng: &mut Rng, i: u32) -> Op {
    match rng.below(6) {
        0 | 1 => Op::Stack(X87Xch, [i, 0, 0]),
        2 => Op::Stack(X87Chs, [0; 3]),
        3 => Op::Stack(X87Abs, [0; 3]),
        4 => Op::Stack(X87Sqrt, [0; 3]),
        _ => Op::Cmov(i, rng.pick(&Cc::ALL)),
    }
}

/// What comes between: integers and flags, control, what puts the stack at rest or turns it.
fn rare(rng: &mut Rng, i: u32, disp: i32, depth: &mut i32) -> Op {
    match rng.below(16) {
        0..=2 => Op::Status,
        3 | 4 => Op::Add,
        5 => Op::Adc,
        6 | 7 => Op::Load(disp),
        8 => Op::Helper(rng.pick(&[X87Xam, X87Rndint, X87Clex])),
        9 => Op::SetCw(rng.pick(&[0x37f, 0x37f, 0xf7f, 0x27f, 0x77f, 0x37e, 0x35f])),
        10 if rng.one_in(4) => Op::Stack(X87Free, [i, 0, 0]),
        11 if rng.one_in(4) => Op::Stack(X87Turn, [rng.pick(&[1, 7]), 0, 0]),
        12 if rng.one_in(8) => {
            *depth = 8;
            Op::Mmx(rng.below(8) as u8)
        }
        13 if rng.one_in(4) => {
            *depth = 0;
            Op::Helper(X87Init)
        }
        _ => Op::Status,
    }
}

/// Emits one instruction as the frontend does.
pub(super) fn lift(b: &mut Builder, op: Op) {
    let constants = |b: &mut Builder, n: [u32; 3]| n.map(|n| b.const32(n));
    match op {
        Op::Stack(helper, args) => {
            b.x87_wait();
            let args = constants(b, args);
            b.x87(helper, Ty::None, &args);
        }
        Op::Memory(helper, ty, disp, pops) => {
            b.x87_wait();
            let addr = address(b, disp);
            let value = b.load(ty, addr);
            let pops = b.const32(pops);
            b.x87(helper, Ty::None, &[value, pops]);
        }
        Op::Extended(disp) => {
            b.x87_wait();
            let addr = address(b, disp);
            let (low, high) = (b.load(Ty::I64, addr), b.load(Ty::I16, addr.plus(8)));
            b.x87(Helper::X87FldF80, Ty::None, &[low, high]);
        }
        Op::Store(form, disp) => {
            b.x87_wait();
            let addr = address(b, disp);
            b.x87_store(addr, form);
        }
        Op::Cmov(i, cc) => {
            b.x87_wait();
            let (i, holds) = (b.const32(i), b.cond(cc));
            b.x87(Helper::X87Cmov, Ty::None, &[i, holds]);
        }
        Op::Comi(i, pops) => {
            b.x87_wait();
            b.x87_comi(i, pops, false);
        }
        Op::Status => {
            let status = b.x87_status();
            b.set_gpr(Gpr::Ebp, status);
        }
        Op::SetCw(value) => {
            b.x87_wait();
            let value = b.iconst(Ty::I16, u64::from(value));
            b.x87(Helper::X87SetCw, Ty::None, &[value]);
        }
        Op::Helper(helper) => {
            if !matches!(helper, Helper::X87Init | Helper::X87Clex) {
                b.x87_wait();
            }
            b.helper(helper, Ty::None, &[]);
        }
        Op::Add => add(b, Opcode::Add, Gpr::Eax, Gpr::Ebx),
        Op::Adc => add(b, Opcode::Adc, Gpr::Ecx, Gpr::Edx),
        Op::Mmx(n) => mmx(b, n),
        Op::Load(disp) => loads(b, disp),
    }
}

fn address(b: &mut Builder, disp: i32) -> Addr {
    Addr::base(b.get_gpr(Gpr::Esi)).plus(disp)
}

fn add(b: &mut Builder, op: Opcode, to: Gpr, by: Gpr) {
    let (x, y) = (b.get_gpr(to), b.get_gpr(by));
    let sum = b.binary(op, x, y, FlagSet::ALL);
    b.set_gpr(to, sum);
}

fn mmx(b: &mut Builder, n: u8) {
    b.x87_wait();
    b.mmx_enter();
    let old = b.get_mm(Mm::ALL[usize::from(n)]);
    let ones = b.vector(Opcode::VConst, Ty::V128, Lane::None, &[], 0x0101);
    let sum = b.vector(Opcode::VAdd, Ty::V128, Lane::B16, &[old, ones], 0);
    b.set_mm(Mm::ALL[usize::from(n ^ 1)], sum);
}

fn loads(b: &mut Builder, disp: i32) {
    let addr = address(b, disp);
    let values: Vec<_> = (0..12).map(|n| b.load(Ty::I32, addr.plus(4 * n))).collect();
    let sum = values.into_iter().reduce(|x, y| b.binary(Opcode::Xor, x, y, FlagSet::NONE));
    b.set_gpr(Gpr::Edx, sum.expect("some"));
}
