//! Integer operations as pure functions: values in, value and flags out (SDM vol. 2, the instructions' "Flags Affected").
//!
//! The interpreter, the constant folder and tests of emitted code all ask here. Values are zero-extended to 64 bits.
//! Where the SDM leaves a flag undefined, this does what Intel CPUs do:
//! - logical operations and shifts clear AF (emitted code leaves anything: [`Opcode::leaves_adjust_undefined`]);
//! - OF after a shift or rotation by more than one is that of the last single step's formula, see [`super::shift`].
use super::shift;
use crate::crypto::crc32c;
use crate::guest::FlagSet;
use crate::inst::Inst;
use crate::opcode::Opcode;
use crate::types::Ty;

/// What an operation gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Out {
    /// The result, zero-extended.
    pub value: u64,
    /// The flags it defines: what [`Opcode::writes_flags`] says, or none after a masked count of zero.
    pub flags: FlagSet,
    /// Those flags at their eflags bits.
    pub eflags: u32,
}

impl Out {
    /// A result without flags.
    pub(super) fn plain(value: u64) -> Self {
        Self { value, flags: FlagSet::NONE, eflags: 0 }
    }

    /// A result with SF, ZF, PF of itself, and these CF, OF, AF.
    pub(super) fn arith(ty: Ty, value: u64, cf: bool, of: bool, af: bool) -> Self {
        let eflags = u32::from(cf) | u32::from(af) << 4 | u32::from(of) << 11 | szp(ty, value);
        Self { value, flags: FlagSet::ALL, eflags }
    }

    /// A result with CF and OF only.
    pub(super) fn carry(value: u64, cf: bool, of: bool) -> Self {
        Self { value, flags: FlagSet::CF | FlagSet::OF, eflags: u32::from(cf) | u32::from(of) << 11 }
    }
}

/// SF, ZF and PF of a result at their eflags bits.
fn szp(ty: Ty, value: u64) -> u32 {
    let parity = u32::from((value as u8).count_ones() % 2 == 0);
    parity << 2 | u32::from(value == 0) << 6 | u32::from(msb(ty, value)) << 7
}

/// The sign bit.
pub(super) fn msb(ty: Ty, value: u64) -> bool {
    value >> (ty.bits() - 1) & 1 != 0
}

/// A value of a type, sign-extended to 64 bits.
pub fn sext(ty: Ty, value: u64) -> i64 {
    let up = 64 - ty.bits();
    (value << up) as i64 >> up
}

/// Computes an integer instruction; `None` for opcodes that are none (state, memory, vectors).
///
/// `args` are the arguments in order, `src` the type of the first, `cf` the guest's CF before.
#[inline]
pub fn eval<V>(inst: &Inst<V>, args: [u64; 3], src: Ty, cf: bool) -> Option<Out> {
    use Opcode::*;
    let (ty, [a, b, _]) = (inst.ty, args);
    let mask = ty.mask();
    Some(match inst.op {
        Add => add(ty, a, b, false),
        Adc => add(ty, a, b, cf),
        Sub => sub(ty, a, b, false),
        Sbb => sub(ty, a, b, cf),
        And => Out::arith(ty, a & b, false, false, false),
        Or => Out::arith(ty, a | b, false, false, false),
        Xor => Out::arith(ty, a ^ b, false, false, false),
        MulWideU | MulWideS => mul_wide(inst.op == MulWideS, ty, a, b),
        Shl | Shr | Sar | Rol | Ror | Rcl | Rcr | Shld | Shrd => shift::eval(inst.op, ty, args, cf),
        Const => Out::plain(inst.imm as u64),
        Not => Out::plain(!a & mask),
        Mul => Out::plain(a.wrapping_mul(b) & mask),
        MulSub => Out::plain(args[2].wrapping_sub(a.wrapping_mul(b)) & mask),
        Udiv => Out::plain(a.checked_div(b).unwrap_or(0)),
        Urem => Out::plain(a.checked_rem(b).unwrap_or(a)),
        Sdiv => Out::plain(if b == 0 { 0 } else { sext(ty, a).wrapping_div(sext(ty, b)) as u64 & mask }),
        Srem => Out::plain(if b == 0 { a } else { sext(ty, a).wrapping_rem(sext(ty, b)) as u64 & mask }),
        SelectNz => Out::plain(if a != 0 { b } else { args[2] }),
        Zext => Out::plain(a),
        Sext => Out::plain(sext(src, a) as u64 & mask),
        Trunc => Out::plain(a & mask),
        Concat => Out::plain(a | b << 32),
        Extract => Out::plain(field(inst, a)),
        ExtractS => {
            let up = 64 - inst.field().1;
            Out::plain(((field(inst, a) << up) as i64 >> up) as u64 & mask)
        }
        Insert => {
            let (lsb, width) = inst.field();
            let hole = field_mask(width) << lsb;
            Out::plain(a & !hole | b << lsb & hole)
        }
        Bswap => Out::plain(a.swap_bytes() >> (64 - ty.bits())),
        Clz => Out::plain(u64::from((a << (64 - ty.bits())).leading_zeros().min(ty.bits()))),
        Ctz => Out::plain(u64::from(a.trailing_zeros().min(ty.bits()))),
        Popcnt => Out::plain(u64::from(a.count_ones())),
        Crc32 => Out::plain(u64::from(crc32c(a as u32, b as u32, inst.imm as u32))),
        _ => return None,
    })
}

/// What an atomic operation leaves in memory, in the low bits: `operand` is what CAS expects, `new` what it stores then.
pub(super) fn exchanged(op: Opcode, old: u64, operand: u64, new: u64) -> u64 {
    match op {
        Opcode::AtomicXchg => operand,
        Opcode::AtomicAdd => old.wrapping_add(operand),
        Opcode::AtomicAnd => old & operand,
        Opcode::AtomicOr => old | operand,
        Opcode::AtomicXor => old ^ operand,
        Opcode::AtomicNeg => old.wrapping_neg(),
        _ if old == operand => new,
        _ => old,
    }
}

fn field_mask(width: u32) -> u64 {
    u64::MAX >> (64 - width)
}

fn field<V>(inst: &Inst<V>, value: u64) -> u64 {
    let (lsb, width) = inst.field();
    value >> lsb & field_mask(width)
}

fn add(ty: Ty, a: u64, b: u64, cf: bool) -> Out {
    let wide = u128::from(a) + u128::from(b) + u128::from(cf);
    let value = wide as u64 & ty.mask();
    let overflow = msb(ty, (a ^ value) & (b ^ value));
    Out::arith(ty, value, wide >> ty.bits() != 0, overflow, (a ^ b ^ value) & 0x10 != 0)
}

fn sub(ty: Ty, a: u64, b: u64, cf: bool) -> Out {
    let value = a.wrapping_sub(b).wrapping_sub(u64::from(cf)) & ty.mask();
    let borrow = u128::from(a) < u128::from(b) + u128::from(cf);
    let overflow = msb(ty, (a ^ b) & (a ^ value));
    Out::arith(ty, value, borrow, overflow, (a ^ b ^ value) & 0x10 != 0)
}

/// I8 to I32; the product has the double width. CF and OF say whether it needs it; SF and ZF, which the SDM leaves undefined, are
/// clear.
fn mul_wide(signed: bool, ty: Ty, a: u64, b: u64) -> Out {
    let double = u64::MAX >> (64 - 2 * ty.bits());
    let (product, overflow) = if signed {
        let product = sext(ty, a) * sext(ty, b);
        (product as u64 & double, product != sext(ty, product as u64 & ty.mask()))
    } else {
        (a * b, a * b >> ty.bits() != 0)
    };
    Out { flags: FlagSet::NZCV, ..Out::carry(product, overflow, overflow) }
}
