//! Folding of width changes and bit fields: chains shorten to one step, and what was put into a register's AL, AH or AX
//! comes out again without the detour.
use super::arith::{eval_const, with};
use super::fold;
use crate::builder::Builder;
use crate::inst::{Inst, Value};
use crate::opcode::Opcode;
use crate::sink::Sink;
use crate::types::Ty;

/// Zext to Insert, and the bit counts.
pub(super) fn fold_bits(cx: &mut Builder, inst: &mut Inst) -> Value {
    use Opcode::*;
    if cx.as_const(inst.args[0]).is_some() {
        if let Some(value) = eval_const(cx, inst) {
            return value;
        }
    }
    let better = match inst.op {
        Zext | Sext => fold_extension(cx, inst),
        Trunc => fold_trunc(cx, inst),
        Concat => fold_concat(cx, inst),
        Extract => fold_extract(cx, inst),
        ExtractS => fold_extract_s(cx, inst),
        Insert => fold_insert(cx, inst),
        Bswap => {
            let def = cx.def(inst.args[0]);
            (def.op == Bswap).then_some(Better::Value(def.args[0]))
        }
        _ => None,
    };
    match better {
        // Arguments only get earlier, so this ends.
        Some(Better::Inst(mut new)) => fold(cx, &mut new),
        Some(Better::Value(value)) => value,
        Some(Better::Zero) => cx.constant(inst.ty, 0),
        None => cx.emit(inst),
    }
}

/// CF from one bit: the bit is looked for where it comes from.
pub(super) fn fold_set_carry(cx: &mut Builder, inst: &mut Inst) -> Value {
    while let Some((value, bit)) = bit_source(cx, inst.args[0], inst.imm as u32) {
        (inst.args[0], inst.imm) = (value, i64::from(bit));
    }
    cx.emit(inst)
}

/// Where a bit of a value was before the step that made the value.
fn bit_source(cx: &Builder, value: Value, bit: u32) -> Option<(Value, u32)> {
    use Opcode::*;
    let def = cx.def(value);
    let from = def.args[0];
    let (from, bit) = match def.op {
        Zext | Trunc if bit < cx.ty(from).bits() => (from, bit),
        Extract | ExtractS if bit < def.field().1 => (from, bit + def.field().0),
        Shr => {
            let at = u64::from(bit) + (cx.as_const(def.args[1])? & 31);
            (at < u64::from(def.ty.bits())).then_some((from, at as u32))?
        }
        _ => return None,
    };
    cx.prefers(from, value).then_some((from, bit))
}

/// What an instruction can be replaced with.
enum Better {
    Inst(Inst),
    Value(Value),
    Zero,
}

/// The value itself at its own width, else extended or cut to `ty`.
fn resize(cx: &Builder, inst: &Inst, extend: Opcode, value: Value) -> Better {
    let from = cx.ty(value);
    if from == inst.ty {
        Better::Value(value)
    } else {
        Better::Inst(with(inst, if from.bits() < inst.ty.bits() { extend } else { Opcode::Trunc }, &[value]))
    }
}

fn field(inst: &Inst, op: Opcode, value: Value, lsb: u32, width: u32) -> Inst {
    Inst { imm: i64::from(lsb | width << 8), ..with(inst, op, &[value]) }
}

fn fold_extension(cx: &Builder, inst: &Inst) -> Option<Better> {
    use Opcode::*;
    let def = cx.def(inst.args[0]);
    let from = def.args[0];
    match def.op {
        // The sign bit of a zero-extended value is zero.
        Zext => Some(Better::Inst(with(inst, Zext, &[from]))),
        Sext if inst.op == Sext => Some(Better::Inst(with(inst, Sext, &[from]))),
        Trunc if cx.ty(from) == inst.ty && matches!(inst.ty, Ty::I32 | Ty::I64) => {
            let op = if inst.op == Zext { Extract } else { ExtractS };
            Some(Better::Inst(field(inst, op, from, 0, def.ty.bits())))
        }
        _ => None,
    }
}

fn fold_trunc(cx: &Builder, inst: &Inst) -> Option<Better> {
    use Opcode::*;
    let old = inst.args[0];
    let def = cx.def(old);
    let [a, b, ..] = def.args;
    let bits = inst.ty.bits();
    match def.op {
        Zext | Sext => Some(resize(cx, inst, def.op, a)),
        Trunc => Some(Better::Inst(with(inst, Trunc, &[a]))),
        Concat => Some(resize(cx, inst, Zext, a)),
        Extract | ExtractS => {
            let (lsb, width) = def.field();
            (lsb == 0 && width >= bits).then(|| resize(cx, inst, Zext, a))
        }
        Insert => {
            let (lsb, width) = def.field();
            if lsb == 0 && width >= bits {
                Some(resize(cx, inst, Zext, b))
            } else {
                (lsb >= bits && cx.prefers(a, old)).then(|| resize(cx, inst, Zext, a))
            }
        }
        And => {
            let covers = cx.as_const(b).is_some_and(|c| c & inst.ty.mask() == inst.ty.mask());
            (covers && cx.prefers(a, old)).then(|| resize(cx, inst, Zext, a))
        }
        _ => None,
    }
}

fn fold_concat(cx: &Builder, inst: &Inst) -> Option<Better> {
    let [lo, hi, ..] = inst.args;
    let def = cx.def(hi);
    if cx.as_const(hi) == Some(0) {
        return Some(Better::Inst(with(inst, Opcode::Zext, &[lo])));
    }
    // CDQ before IDIV.
    let sign = def.op == Opcode::Sar && def.args[0] == lo && cx.as_const(def.args[1]) == Some(31);
    sign.then(|| Better::Inst(with(inst, Opcode::Sext, &[lo])))
}

fn fold_extract(cx: &Builder, inst: &Inst) -> Option<Better> {
    use Opcode::*;
    let (lsb, width) = inst.field();
    let old = inst.args[0];
    if width == inst.ty.bits() {
        return Some(Better::Value(old));
    }
    let def = cx.def(old);
    let [a, b, ..] = def.args;
    match def.op {
        Insert => extract_from_insert(cx, inst, def),
        Extract => {
            let (start, outer) = def.field();
            let inside = lsb + width <= outer && cx.prefers(a, old);
            inside.then(|| Better::Inst(field(inst, Extract, a, start + lsb, width)))
        }
        Zext => {
            let from = cx.ty(a).bits();
            if lsb >= from {
                return Some(Better::Zero);
            }
            (lsb == 0 && width >= from).then_some(Better::Value(old))
        }
        Concat if width == 32 && lsb == 0 => Some(Better::Inst(with(inst, Zext, &[a]))),
        Concat if width == 32 && lsb == 32 => Some(Better::Inst(with(inst, Zext, &[b]))),
        Shr if def.ty == inst.ty => {
            let start = lsb + (cx.as_const(b)? as u32 & (inst.ty.bits() - 1));
            let inside = start + width <= inst.ty.bits() && cx.prefers(a, old);
            inside.then(|| Better::Inst(field(inst, Extract, a, start, width)))
        }
        _ => None,
    }
}

/// MOVZX of AL, AH or AX after a write to one of them.
fn extract_from_insert(cx: &Builder, inst: &Inst, def: &Inst) -> Option<Better> {
    let (lsb, width) = inst.field();
    let (start, inserted) = def.field();
    let [base, value, ..] = def.args;
    let from = cx.ty(value);
    if lsb + width <= start || start + inserted <= lsb {
        let other = Better::Inst(field(inst, Opcode::Extract, base, lsb, width));
        return cx.prefers(base, inst.args[0]).then_some(other);
    }
    if lsb < start || lsb + width > start + inserted {
        return None;
    }
    if from == inst.ty {
        return Some(Better::Inst(field(inst, Opcode::Extract, value, lsb - start, width)));
    }
    let whole = lsb == start && width == from.bits() && width < inst.ty.bits();
    whole.then(|| Better::Inst(with(inst, Opcode::Zext, &[value])))
}

fn fold_extract_s(cx: &Builder, inst: &Inst) -> Option<Better> {
    let (lsb, width) = inst.field();
    if width == inst.ty.bits() {
        return Some(Better::Value(inst.args[0]));
    }
    let def = cx.def(inst.args[0]);
    let (start, inserted) = def.field();
    let value = def.args[1];
    let whole = def.op == Opcode::Insert && lsb == start && width == inserted && cx.ty(value).bits() == width;
    whole.then(|| Better::Inst(with(inst, Opcode::Sext, &[value])))
}

fn fold_insert(cx: &Builder, inst: &Inst) -> Option<Better> {
    use Opcode::*;
    let (lsb, width) = inst.field();
    let [base, value, ..] = inst.args;
    if width == inst.ty.bits() && cx.ty(value) == inst.ty {
        return Some(Better::Value(value));
    }
    let replace = |base, value| Some(Better::Inst(Inst { imm: inst.imm, ..with(inst, Insert, &[base, value]) }));
    let def = cx.def(value);
    let from = def.args[0];
    match def.op {
        Trunc if cx.ty(from) == Ty::I32 => return replace(base, from),
        Zext | Sext if width <= cx.ty(from).bits() => return replace(base, from),
        Extract if def.field().0 == 0 && def.field().1 >= width && cx.prefers(from, value) => {
            return replace(base, from)
        }
        _ => {}
    }
    let def = cx.def(base);
    let (start, inserted) = def.field();
    let covered = def.op == Insert && start >= lsb && start + inserted <= lsb + width;
    if covered && cx.prefers(def.args[0], base) {
        return replace(def.args[0], value);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    /// `body` works on v0 = eax, v1 = ecx and leaves its result, an I32, in v9.
    fn expr(body: &str, want: &str) {
        let around = |body: &str| {
            format!("v0 = get_gpr eax\nv1 = get_gpr ecx\n{body}\nset_gpr edx, v9\nset_gpr ebx, v0\nret v1")
        };
        check(&around(body), &around(want));
    }

    #[test]
    fn chains_shorten() {
        expr("v2 = trunc.i8 v0\nv9 = zext.i32 v2", "v9 = extract.i32 0:8, v0");
        expr("v2 = trunc.i16 v0\nv9 = sext.i32 v2", "v9 = extract_s.i32 0:16, v0");
        expr("v2 = trunc.i16 v0\nv3 = trunc.i8 v2\nv9 = zext.i32 v3", "v9 = extract.i32 0:8, v0");
        expr("v2 = cond e\nv3 = zext.i16 v2\nv9 = sext.i32 v3", "v2 = cond e\nv9 = zext.i32 v2");
        expr("v2 = cond e\nv3 = zext.i32 v2\nv4 = trunc.i8 v3\nv9 = zext.i32 v4", "v2 = cond e\nv9 = zext.i32 v2");
        expr("v2 = const.i8 4\nv3 = shr.i32 v0, v2\nv9 = extract.i32 0:8, v3", "v9 = extract.i32 4:8, v0");
        expr("v2 = extract.i32 8:8, v0\nv9 = extract.i32 4:4, v2", "v9 = extract.i32 12:4, v0");
    }

    #[test]
    fn halves_come_out_of_a_pair() {
        let pair = "v2 = not.i32 v0\nv3 = concat v2, v1\n";
        expr(&format!("{pair}v9 = trunc.i32 v3"), "v9 = not.i32 v0");
        expr(
            &format!("{pair}v4 = const.i8 32\nv5 = shr.i64 v3, v4\nv6 = trunc.i32 v5\nv9 = not.i32 v6"),
            "v9 = not.i32 v1",
        );
        expr(&format!("{pair}v4 = extract.i64 32:32, v3\nv6 = trunc.i32 v4\nv9 = not.i32 v6"), "v9 = not.i32 v1");
        expr(
            "v2 = const.i8 31\nv3 = sar.i32 v0, v2\nv4 = concat v0, v3\nv5 = bswap.i64 v4\nv9 = trunc.i32 v5",
            "v4 = sext.i64 v0\nv5 = bswap.i64 v4\nv9 = trunc.i32 v5",
        );
    }

    #[test]
    fn partial_registers() {
        let al = "v2 = load.i8 [v1]\nv3 = insert.i32 0:8, v0, v2\n";
        expr(&format!("{al}v9 = extract.i32 0:8, v3"), "v2 = load.i8 [v1]\nv9 = zext.i32 v2");
        expr(&format!("{al}v9 = extract.i32 8:8, v3"), "v2 = load.i8 [v1]\nv9 = extract.i32 8:8, v0");
        expr(&format!("{al}v9 = extract_s.i32 0:8, v3"), "v9 = load_sx.i8 [v1]");
        expr(&format!("{al}v4 = trunc.i8 v3\nv9 = sext.i32 v4"), "v9 = load_sx.i8 [v1]");
        expr(&format!("{al}v9 = insert.i32 0:16, v3, v1"), "v2 = load.i8 [v1]\nv9 = insert.i32 0:16, v0, v1");
        expr("v2 = trunc.i8 v1\nv9 = insert.i32 8:8, v0, v2", "v9 = insert.i32 8:8, v0, v1");
    }
}
