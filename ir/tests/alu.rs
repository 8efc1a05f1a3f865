//! The integer semantics against a real CPU: `alu_vectors.txt` was recorded by `alu_vectors.c`.
use ir::interp::alu;
use ir::{FlagSet, Inst, Opcode, Ty, Value};

/// One recorded line.
struct Case {
    inst: Inst,
    args: [u64; 3],
    before: u32,
    value: u64,
    after: u32,
}

fn case(line: &str) -> Case {
    let words: Vec<&str> = line.split(' ').collect();
    let hex = |n: usize| u64::from_str_radix(words[n], 16).unwrap();
    let op = Opcode::from_name(words[0]).unwrap();
    let ty = Ty::ALL.into_iter().find(|ty| ty.name() == words[1]).unwrap();
    let mut inst = Inst::new(op, ty);
    inst.args[0] = Value(0);
    let (a, b, c) = (hex(2), hex(3), hex(4));
    let args = match op {
        Opcode::Shld | Opcode::Shrd => [a, b, c],
        _ if op.is_shift() => [a, c, 0],
        _ => [a, b, 0],
    };
    Case { inst, args, before: hex(5) as u32, value: hex(6), after: hex(7) as u32 }
}

/// Flags the SDM leaves undefined where the recording CPU (AMD Zen) and Intel's differ; `None` if the value is, too.
fn compared(inst: &Inst, args: [u64; 3]) -> Option<FlagSet> {
    match inst.op {
        // Counts above 16 of the 16-bit double shifts.
        Opcode::Shld | Opcode::Shrd if inst.ty == Ty::I16 && args[2] & 31 > 16 => None,
        // Zen sets AF after any shift, Intel clears it.
        Opcode::Shl | Opcode::Shr | Opcode::Sar | Opcode::Shld | Opcode::Shrd => Some(!FlagSet::AF),
        _ => Some(FlagSet::ALL),
    }
}

#[test]
fn integer_operations_match_the_cpu() {
    for line in include_str!("alu_vectors.txt").lines() {
        let Case { inst, args, before, value, after } = case(line);
        let Some(compared) = compared(&inst, args) else { continue };
        let out = alu::eval(&inst, args, inst.ty, before & 1 != 0).unwrap();
        let eflags = before & !out.flags.eflags_mask() | out.eflags;
        let wide = matches!(inst.op, Opcode::MulWideU | Opcode::MulWideS);
        // Products leave the flags they do not define alone in the IR; the CPU does not.
        let compared = if wide { FlagSet::CF | FlagSet::OF } else { compared };
        assert_eq!(out.value, value, "{line}");
        assert_eq!(eflags & compared.eflags_mask(), after & compared.eflags_mask(), "{line}");
    }
}
