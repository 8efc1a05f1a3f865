//! Constant folding and algebraic identities of arithmetic, shifts and choices.
//!
//! An instruction that writes flags stays for their sake, in the form that is cheapest for them; what its result is known
//! to be is used all the same.
use super::fold;
use crate::builder::Builder;
use crate::guest::FlagSet;
use crate::inst::{Inst, Value};
use crate::interp::alu;
use crate::opcode::Opcode;
use crate::sink::Sink;
use crate::types::Ty;

/// `inst` with another opcode or arguments, without flags.
pub(super) fn with(inst: &Inst, op: Opcode, args: &[Value]) -> Inst {
    let mut new = Inst::new(op, inst.ty);
    new.args[..args.len()].copy_from_slice(args);
    new
}

/// The result of an instruction whose arguments are all constants; its flags are not looked at.
pub(super) fn eval_const(cx: &mut Builder, inst: &Inst) -> Option<Value> {
    let mut args = [0; 3];
    for (place, value) in inst.used_args().enumerate() {
        *args.get_mut(place)? = cx.as_const(value)?;
    }
    let out = alu::eval(inst, args, cx.ty(inst.args[0]), false)?;
    Some(cx.constant(inst.result_ty(), out.value))
}

/// Keeps an instruction for its flags, if it has any; its result is `value` anyway.
fn known(cx: &mut Builder, inst: &mut Inst, value: Value) -> Value {
    if !inst.flags.is_empty() {
        cx.emit(inst);
    }
    value
}

fn known_const(cx: &mut Builder, inst: &mut Inst, value: u64) -> Value {
    let value = cx.constant(inst.ty, value);
    known(cx, inst, value)
}

/// Add to Srem.
pub(super) fn fold_arith(cx: &mut Builder, inst: &mut Inst) -> Value {
    use Opcode::*;
    let commutes = matches!(inst.op, Add | Adc | And | Or | Xor | Mul | MulWideU | MulWideS);
    if commutes && cx.as_const(inst.args[0]).is_some() {
        inst.args.swap(0, 1);
    }
    if !matches!(inst.op, Adc | Sbb) && cx.as_const(inst.args[0]).is_some() {
        if let Some(value) = eval_const(cx, inst) {
            return known(cx, inst, value);
        }
    }
    match inst.op {
        Add | Sub => fold_sum(cx, inst),
        And | Or | Xor => fold_logic(cx, inst),
        Mul => fold_mul(cx, inst),
        Not => {
            let def = *cx.def(inst.args[0]);
            if def.op == Not {
                def.args[0]
            } else {
                cx.emit(inst)
            }
        }
        Udiv | Urem if inst.ty == Ty::I64 => fold_narrow_div(cx, inst),
        _ => cx.emit(inst),
    }
}

fn fold_sum(cx: &mut Builder, inst: &mut Inst) -> Value {
    let [a, b, ..] = inst.args;
    let add = inst.op == Opcode::Add;
    if a == b && !add {
        return known_const(cx, inst, 0);
    }
    match cx.as_const(b) {
        Some(0) => known(cx, inst, a),
        Some(c) if inst.flags.is_empty() && inst.ty == Ty::I32 => {
            let disp = if add { c as i32 } else { (c as i32).wrapping_neg() };
            fold(cx, &mut Inst { imm: i64::from(disp), ..with(inst, Opcode::Lea, &[a]) })
        }
        None if inst.flags.is_empty() && inst.ty == Ty::I32 && add => {
            // As an address, only if that takes in a scale; else a plain sum is what it is.
            let scaled = |v| cx.def(v).op == Opcode::Shl && !cx.state.in_register(v);
            let (base, index) = if scaled(a) { (b, a) } else { (a, b) };
            if scaled(index) {
                return fold(cx, &mut with(inst, Opcode::Lea, &[base, index]));
            }
            cx.emit(inst)
        }
        _ => cx.emit(inst),
    }
}

/// Keeps `test v, v` with v the first argument.
fn known_test(cx: &mut Builder, inst: &mut Inst) -> Value {
    inst.op = Opcode::And;
    inst.args[1] = inst.args[0];
    known(cx, inst, inst.args[0])
}

/// `test v, v` in every disguise becomes `and`; a register cleared stays what it is, for the flags.
fn fold_logic(cx: &mut Builder, inst: &mut Inst) -> Value {
    use Opcode::*;
    let [a, b, ..] = inst.args;
    let mask = inst.ty.mask();
    if a == b {
        if inst.op == Xor {
            return known_const(cx, inst, 0);
        }
        return known_test(cx, inst);
    }
    match (inst.op, cx.as_const(b)) {
        (And, Some(0)) => known_const(cx, inst, 0),
        (And, Some(c)) if c == mask => known_test(cx, inst),
        (Or | Xor, Some(0)) => known_test(cx, inst),
        (Or, Some(c)) if c == mask => {
            // The flags are those of the constant.
            (inst.op, inst.args[0]) = (And, b);
            known(cx, inst, b)
        }
        (Xor, Some(c)) if c == mask && inst.flags.is_empty() => fold(cx, &mut with(inst, Not, &[a])),
        _ => cx.emit(inst),
    }
}

fn fold_mul(cx: &mut Builder, inst: &mut Inst) -> Value {
    let [a, b, ..] = inst.args;
    match cx.as_const(b) {
        Some(0) => b,
        Some(1) => a,
        Some(c) if c.is_power_of_two() => {
            let count = cx.constant(Ty::I8, u64::from(c.trailing_zeros()));
            fold(cx, &mut with(inst, Opcode::Shl, &[a, count]))
        }
        _ => cx.emit(inst),
    }
}

/// DIV with EDX cleared: both operands come from 32 bits, so 32 bits do.
fn fold_narrow_div(cx: &mut Builder, inst: &mut Inst) -> Value {
    let narrow = |v: Value| {
        let def = cx.def(v);
        (def.op == Opcode::Zext && cx.ty(def.args[0]) == Ty::I32).then_some(def.args[0])
    };
    let (Some(a), Some(b)) = (narrow(inst.args[0]), narrow(inst.args[1])) else { return cx.emit(inst) };
    let value = fold(cx, &mut Inst { ty: Ty::I32, ..with(inst, inst.op, &[a, b]) });
    fold(cx, &mut with(inst, Opcode::Zext, &[value]))
}

/// Shl to Shrd.
pub(super) fn fold_shift(cx: &mut Builder, inst: &mut Inst) -> Value {
    use Opcode::*;
    let [a, b, c, _] = inst.args;
    let count = cx.as_const(if matches!(inst.op, Shld | Shrd) { c } else { b });
    let Some(count) = count else { return cx.emit(inst) };
    let count = count & if inst.ty == Ty::I64 { 63 } else { 31 };
    if count == 0 {
        // Changes no flag either.
        return a;
    }
    if !matches!(inst.op, Rcl | Rcr) {
        if let Some(value) = eval_const(cx, inst) {
            return known(cx, inst, value);
        }
    }
    let def = *cx.def(a);
    if inst.op == Shr && count == 32 && def.op == Concat && inst.flags.is_empty() {
        return fold(cx, &mut with(inst, Zext, &[def.args[1]]));
    }
    cx.emit(inst)
}

/// Select, SelectNz, TrapIf, GetFlags.
pub(super) fn fold_choice(cx: &mut Builder, inst: &mut Inst) -> Value {
    use Opcode::*;
    let [a, b, c, _] = inst.args;
    match inst.op {
        Select if a == b => a,
        SelectNz if b == c => b,
        SelectNz => match cx.as_const(a) {
            Some(0) => c,
            Some(_) => b,
            None => cx.emit(inst),
        },
        TrapIfZero if cx.as_const(a).is_some_and(|c| c != 0) => Value::NONE,
        TrapIf if cx.as_const(a) == Some(0) => Value::NONE,
        GetFlags if FlagSet::from_eflags_mask(inst.imm as u32).is_empty() => cx.constant(Ty::I32, 0),
        _ => cx.emit(inst),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    /// `body` works on v0 = eax and leaves its result in v9.
    fn expr(body: &str, want: &str) {
        let around = |body: &str| format!("v0 = get_gpr eax\n{body}\nset_gpr ecx, v9\njump 0x20");
        check(&around(body), &around(want));
    }

    /// As `expr`, where the result is v0 itself.
    fn identity(body: &str) {
        let around = |body: &str, v: &str| format!("v0 = get_gpr eax\n{body}\nset_gpr ecx, {v}\njump 0x20");
        check(&around(body, "v9"), &around("", "v0"));
    }

    fn constant(body: &str, want: &str) {
        let around = |body: &str, first: &str| format!("{first}\n{body}\nset_gpr ecx, v9\njump 0x20");
        check(&around(body, "v0 = get_gpr eax"), &around(&format!("v9 = const.i32 {want}"), ""));
    }

    #[test]
    fn constants_fold() {
        constant("v1 = const.i32 5\nv2 = const.i32 3\nv9 = sub.i32 v1, v2", "2");
        constant("v1 = const.i32 5\nv2 = const.i32 0\nv9 = udiv.i32 v1, v2", "0");
        constant("v1 = const.i32 0x80000000\nv2 = const.i8 31\nv9 = sar.i32 v1, v2", "0xffffffff");
        constant("v1 = const.i32 0x1234\nv9 = bswap.i32 v1", "0x34120000");
        constant("v9 = xor.i32 v0, v0", "0");
        constant("v1 = const.i32 0\nv9 = and.i32 v1, v0", "0");
        constant("v9 = get_flags -", "0");
    }

    #[test]
    fn identities() {
        identity("v1 = const.i32 0\nv9 = add.i32 v1, v0");
        identity("v1 = const.i32 0\nv9 = or.i32 v0, v1");
        identity("v1 = const.i32 0xffffffff\nv9 = and.i32 v0, v1");
        identity("v1 = const.i32 1\nv9 = mul.i32 v0, v1");
        identity("v1 = const.i8 32\nv9 = shl.i32.oszapc v0, v1");
        identity("v1 = not.i32 v0\nv9 = not.i32 v1");
        identity("v9 = and.i32 v0, v0");
        identity("v9 = select.i32 e, v0, v0");
        identity("v1 = const.i8 1\nv2 = const.i32 7\nv9 = select_nz.i32 v1, v0, v2");
    }

    #[test]
    fn cheaper_forms() {
        expr("v1 = const.i32 7\nv9 = add.i32 v0, v1", "v9 = lea [v0 + 7]");
        expr("v1 = const.i32 7\nv9 = sub.i32 v0, v1", "v9 = lea [v0 - 7]");
        expr("v1 = const.i32 8\nv9 = mul.i32 v0, v1", "v1 = const.i8 3\nv9 = shl.i32 v0, v1");
        expr("v1 = const.i8 2\nv2 = shl.i32 v0, v1\nv9 = add.i32 v2, v0", "v9 = lea [v0 + v0<<2]");
        expr("v1 = const.i32 0xffffffff\nv9 = xor.i32 v0, v1", "v9 = not.i32 v0");
        expr(
            "v1 = const.i32 0\nv2 = concat v0, v1\nv3 = get_gpr ecx\nv4 = zext.i64 v3\nv5 = udiv.i64 v2, v4\nv9 = trunc.i32 v5",
            "v3 = get_gpr ecx\nv9 = udiv.i32 v0, v3",
        );
    }

    #[test]
    fn live_flags_keep_the_instruction() {
        expr("v1 = xor.i32.z v0, v0\nv9 = lea [v1 + 5]", "v1 = xor.i32.z v0, v0\nv9 = const.i32 5");
        identity_with_flags("v9 = or.i32.z v0, v0", "v1 = and.i32.z v0, v0");
        identity_with_flags("v1 = const.i32 0\nv9 = sub.i32.z v0, v1", "v1 = const.i32 0\nv2 = sub.i32.z v0, v1");
        expr("v1 = const.i32 7\nv9 = add.i32.c v0, v1", "v1 = const.i32 7\nv9 = add.i32.c v0, v1");
        let traps = "v0 = const.i32 1\ntrap_if.i32 x87, v0\njump 0x20";
        check(traps, traps);
        check("v0 = const.i32 0\ntrap_if.i32 x87, v0\njump 0x20", "jump 0x20");
    }

    fn identity_with_flags(body: &str, want: &str) {
        check(
            &format!("v0 = get_gpr eax\n{body}\nset_gpr ecx, v9\njump 0x20"),
            &format!("v0 = get_gpr eax\n{want}\nset_gpr ecx, v0\njump 0x20"),
        );
    }
}
