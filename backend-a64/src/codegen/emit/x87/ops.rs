//! Operations on the stack: loads, arithmetic, comparison, exchanges.
use super::*;

/// `x87`.
pub(in super::super) fn operation(cx: &mut EmitCx, inst: &Inst) {
    use Helper::*;
    let helper = inst.helper();
    let stack = cx.x87.stack();
    let at = |cx: &EmitCx, i: usize| stack.at(constant(cx, inst, i));
    match helper {
        X87Xch => exchange(cx, stack.at(0), at(cx, 0)),
        X87FldSt => copy(cx, at(cx, 0), stack.at(7)),
        X87FstSt => copy(cx, stack.at(0), at(cx, 0)),
        X87Chs | X87Abs => sign(cx, stack.at(0), helper),
        X87Free | X87Turn => {}
        X87Cmov => cmov(cx, inst, stack.at(0), at(cx, 0)),
        _ => compute(cx, inst, helper, stack),
    }
}

/// What needs more than moves: the registers of an operation are free.
fn compute(cx: &mut EmitCx, inst: &Inst, helper: Helper, stack: Stack) {
    use Helper::*;
    let saves = match helper {
        X87FldF32 | X87FldF64 | X87FldF80 | X87FldConst => begin_with_flags(cx),
        _ => begin(cx),
    };
    match helper {
        X87Add | X87Mul | X87Sub | X87Subr | X87Div | X87Divr => arith(cx, inst, helper, stack),
        X87FldF32 | X87FldF64 => load_float(cx, helper, stack.at(7)),
        X87FldF80 => load_extended(cx, stack.at(7)),
        X87Fild => load_int(cx, stack.at(7)),
        X87FldConst => load_constant(cx, inst, stack.at(7)),
        X87Com | X87Comi => compare(cx, inst, helper, stack),
        X87ComF32 | X87ComF64 | X87ComInt | X87Tst => compare(cx, inst, helper, stack),
        X87Sqrt => sqrt(cx, stack.at(0)),
        X87SetCw => set_cw(cx),
        _ => arith_memory(cx, helper, stack.at(0)),
    }
    if helper == X87Comi {
        comi_flags(cx);
    }
    call::pop_temps(cx, saves);
}

/// FXCH.
fn exchange(cx: &mut EmitCx, a: u8, b: u8) {
    if a == b {
        return;
    }
    let saves = cx.alloc.saves_at(cx.pos);
    call::push_temps(cx, saves);
    load_a(cx, a);
    load_b(cx, b);
    a64!(cx; stp x14, x15, [x28, st(b) as i32]; stp x12, x13, [x28, st(a) as i32]);
    call::pop_temps(cx, saves);
    note_cached(cx, b);
}

/// FLD ST(i), FST ST(i).
fn copy(cx: &mut EmitCx, from: u8, to: u8) {
    if from == to {
        return;
    }
    let saves = cx.alloc.saves_at(cx.pos);
    call::push_temps(cx, saves);
    load_a(cx, from);
    store_a(cx, to);
    call::pop_temps(cx, saves);
}

/// FCHS, FABS.
fn sign(cx: &mut EmitCx, place: u8, helper: Helper) {
    let reg = if cx.x87.cached == Some(place) { 15 } else { S0 };
    if reg == S0 && helper == Helper::X87Abs {
        // The byte with the sign has nothing else.
        return a64!(cx; strb wzr, [x28, st(place) + 11]);
    }
    if reg == S0 {
        a64!(cx; ldr w16, [x28, st(place) + 8]);
    }
    match helper {
        Helper::X87Chs => a64!(cx; eor WSP(reg), W(reg), 0x8000_0000),
        _ => a64!(cx; and WSP(reg), W(reg), 0x7fff_ffff),
    }
    a64!(cx; str W(reg), [x28, st(place) + 8]);
}

/// FCMOVcc.
fn cmov(cx: &mut EmitCx, inst: &Inst, to: u8, from: u8) {
    cx.x87.cached = None;
    let done = cx.asm.new_label();
    match cx.block.as_const(inst.args[1]) {
        Some(0) => return,
        Some(_) => {}
        None => {
            let ty = cx.block.ty(inst.args[1]);
            let reg = flags::widened(cx, 1, ty);
            cx.asm.cbz(false, reg, done);
        }
    }
    a64!(cx; ldp x16, x17, [x28, st(from) as i32]; stp x16, x17, [x28, st(to) as i32]);
    cx.asm.bind(done);
}

fn routine(helper: Helper) -> X87Routine {
    use Helper::*;
    match helper {
        X87Add | X87AddF32 | X87AddF64 | X87AddInt => X87Routine::Add,
        X87Sub | X87SubF32 | X87SubF64 | X87SubInt => X87Routine::Sub,
        X87Subr | X87SubrF32 | X87SubrF64 | X87SubrInt => X87Routine::Subr,
        X87Mul | X87MulF32 | X87MulF64 | X87MulInt => X87Routine::Mul,
        X87Div | X87DivF32 | X87DivF64 | X87DivInt => X87Routine::Div,
        _ => X87Routine::Divr,
    }
}

/// Arithmetic on two registers.
fn arith(cx: &mut EmitCx, inst: &Inst, helper: Helper, stack: Stack) {
    let [dst, src] = [0, 1].map(|i| constant(cx, inst, i));
    let (to, from) = (stack.at(dst), stack.at(src));
    // Pops are followed statically.
    let site = with_helper(site(cx), helper, [dst, src, 0], to);
    let site = add_site(cx, site);
    let mut routine = routine(helper);
    if cx.x87.cached == Some(from) && to != from {
        // The other way round spares a load.
        load_b(cx, to);
        routine = routine.swapped();
    } else {
        load_a(cx, to);
        load_b(cx, from);
    }
    call_routine(cx, routine, site);
    finish(cx, to);
}

/// The result of arithmetic is in x14 and x15, C1 is in memory.
fn finish(cx: &mut EmitCx, to: u8) {
    store_a(cx, to);
}

/// The memory operand of the instruction: the register that holds its bits until the operation is done.
fn bits(cx: &mut EmitCx) -> u8 {
    let reg = match cx.imm(0) {
        Some(c) => {
            cx.mov_imm64(11, c);
            return 11;
        }
        None => cx.x(0),
    };
    if (8..=15).contains(&reg) {
        a64!(cx; mov x11, X(reg));
        return 11;
    }
    reg
}

/// What a memory operand is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operand {
    F32,
    F64,
    Int,
}

fn operand(helper: Helper) -> Operand {
    match helper.name().rsplit('_').next() {
        Some("f32") => Operand::F32,
        Some("f64") => Operand::F64,
        _ => Operand::Int,
    }
}

/// The operand in `reg` as a register in x`into` and the next; `done` is where the slow way ends.
fn widen(cx: &mut EmitCx, operand: Operand, reg: u8, into: u8, site: Label, done: Label) {
    let exponent = into + 1;
    if operand == Operand::Int {
        let routine = if into == 14 { X87Routine::IntA } else { X87Routine::IntB };
        a64!(cx; sxtw x11, W(reg));
        return branch::call_stub(cx, Stub::X87(routine));
    }
    let wide = operand == Operand::F64;
    let (special, back) = cold(cx, ColdX87::Widen { bits: reg, wide, into, site, done });
    match wide {
        true => a64!(cx
            ; asr x16, X(reg), 52
            ; and WSP(exponent), w16, 0x8000_07ff
            ; add w16, WSP(exponent), 1
            ; and WSP(S0), w16, 0x7fe),
        false => a64!(cx
            ; asr w16, W(reg), 23
            ; and WSP(exponent), w16, 0x8000_00ff
            ; add w16, WSP(exponent), 1
            ; and WSP(S0), w16, 0xfe),
    }
    cx.asm.cbz(false, S0, special);
    match wide {
        true => a64!(cx; lsl X(into), X(reg), 11; add WSP(exponent), WSP(exponent), 0xc00),
        false => a64!(cx; lsl X(into), X(reg), 40; add WSP(exponent), WSP(exponent), 0xf80),
    }
    a64!(cx; orr XSP(into), X(into), 1 << 63; add WSP(exponent), WSP(exponent), 3, lsl 12);
    cx.asm.bind(back);
}

/// Arithmetic on ST(0) and memory.
fn arith_memory(cx: &mut EmitCx, helper: Helper, to: u8) {
    let reg = bits(cx);
    let site = X87Site { operand: Some(reg), ..with_helper(site(cx), helper, [0; 3], to) };
    let (site, done) = (add_site(cx, site), cx.asm.new_label());
    widen(cx, operand(helper), reg, 12, site, done);
    load_a(cx, to);
    call_routine(cx, routine(helper), site);
    cx.asm.bind(done);
    finish(cx, to);
}

/// FLD m32, m64.
fn load_float(cx: &mut EmitCx, helper: Helper, to: u8) {
    let reg = bits(cx);
    let site = X87Site { operand: Some(reg), ..with_helper(site(cx), helper, [0; 3], to) };
    let (site, done) = (add_site(cx, site), cx.asm.new_label());
    widen(cx, operand(helper), reg, 14, site, done);
    cx.asm.bind(done);
    store_a(cx, to);
}

/// FLD m80.
fn load_extended(cx: &mut EmitCx, to: u8) {
    let (mantissa, high) = (cx.x(0), cx.x(1));
    // The sign and the exponent's bits are one run, around the ends of the word.
    a64!(cx; sxth w16, W(high); mov x14, X(mantissa); and WSP(15), w16, 0x8000_7fff);
    let site = X87Site { operand: Some(14), ..with_helper(site(cx), Helper::X87FldF80, [0; 3], to) };
    let site = add_site(cx, site);
    let (slow, back) = cold(cx, ColdX87::Call(X87Routine::Extended, site));
    cx.asm.tbz(14, 63, slow);
    cx.asm.bind(back);
    store_a(cx, to);
}

/// FILD.
fn load_int(cx: &mut EmitCx, to: u8) {
    let reg = bits(cx);
    cx.mov_wide(11, reg, true);
    branch::call_stub(cx, Stub::X87(X87Routine::IntA));
    store_a(cx, to);
}

/// FLD1, FLDZ and the other constants, which depend on the rounding mode.
fn load_constant(cx: &mut EmitCx, inst: &Inst, to: u8) {
    let n = constant(cx, inst, 0);
    let value = ir::x87::manip::Constant::ALL[n as usize].value(ir::x87::Rc::Nearest);
    let rounded = !matches!(n, 0 | 6);
    if rounded {
        let site = with_helper(site(cx), Helper::X87FldConst, [n, 0, 0], to);
        let site = add_site(cx, site);
        let (slow, back) = cold(cx, ColdX87::Call(X87Routine::Slow, site));
        // All other modes round to nearest.
        a64!(cx; ldrb w16, [x28, live::MODE]);
        cx.asm.tbnz(S0, (X87Mode::Other as u32).trailing_zeros(), slow);
        let literal = cx.asm.new_label();
        cx.x87.literals.push((literal, value.mantissa));
        cx.asm.ldr_x(14, literal);
        cx.mov_imm(15, u32::from(value.sign_exponent));
        cx.asm.bind(back);
    } else {
        cx.mov_imm64(14, value.mantissa);
        cx.mov_imm(15, u32::from(value.sign_exponent));
    }
    store_a(cx, to);
}

/// FCOM, FUCOM, FICOM, FTST; FCOMI and FUCOMI, whose result is in w9.
fn compare(cx: &mut EmitCx, inst: &Inst, helper: Helper, stack: Stack) {
    use Helper::*;
    let (with, done) = (site(cx), cx.asm.new_label());
    let site = match helper {
        // Pops are followed statically.
        X87Com | X87Comi => {
            let [i, quiet] = [0, 2].map(|n| constant(cx, inst, n));
            let site = add_site(cx, with_helper(with, helper, [i, 0, quiet], stack.at(0)));
            load_b(cx, stack.at(i));
            site
        }
        X87Tst => {
            a64!(cx; mov x12, xzr; mov x13, xzr);
            add_site(cx, with_helper(with, helper, [0; 3], stack.at(0)))
        }
        _ => {
            let reg = bits(cx);
            let site = X87Site { operand: Some(reg), ..with_helper(with, helper, [0; 3], stack.at(0)) };
            let site = add_site(cx, site);
            widen(cx, operand(helper), reg, 12, site, done);
            site
        }
    };
    load_a(cx, stack.at(0));
    call_routine(cx, if helper == X87Comi { X87Routine::Comi } else { X87Routine::Com }, site);
    cx.asm.bind(done);
}

/// FSQRT.
fn sqrt(cx: &mut EmitCx, place: u8) {
    let site = with_helper(site(cx), Helper::X87Sqrt, [0; 3], place);
    let site = add_site(cx, site);
    load_a(cx, place);
    call_routine(cx, X87Routine::Sqrt, site);
    finish(cx, place);
}

/// FLDCW.
fn set_cw(cx: &mut EmitCx) {
    let reg = bits(cx);
    a64!(cx; ubfx w11, W(reg), 0, 16);
    let site = with_helper(site(cx), Helper::X87SetCw, [0; 3], X87Site::NO_RESULT);
    let site = add_site(cx, X87Site { operand: Some(11), ..site });
    call_routine(cx, X87Routine::SetCw, site);
}

/// FCOMI: Z and C are in NZCV, PF's raw value is in w9.
fn comi_flags(cx: &mut EmitCx) {
    let want = flags::wanted(cx);
    flags::set_raw(cx, want, 9, Some(9));
    if want.intersects(FlagSet::SF | FlagSet::OF) {
        flags::read_nzcv(cx, S0);
        a64!(cx; and w16, w16, 0x6000_0000);
        flags::write_nzcv(cx, S0);
    }
    cx.carry = Carry::Inverted;
}
