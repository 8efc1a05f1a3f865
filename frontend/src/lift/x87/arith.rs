//! FADD, FSUB, FSUBR, FMUL, FDIV, FDIVR in all their forms; FSQRT, FABS, FCHS, FRNDINT, FSCALE, FPREM, FXTRACT. SDM vol. 1,
//! 8.3.5.
use super::{operation, simple, st, wait};
use crate::lifter::LiftCx;
use iced_x86::MemorySize;
use ir::{Helper, Sink, Ty};

/// The helpers of one operation by where its second operand is.
struct Forms {
    st: Helper,
    f32: Helper,
    f64: Helper,
    int: Helper,
}

macro_rules! forms {
    ($($lift:ident $lift_p:ident $lift_i:ident = $st:ident $f32:ident $f64:ident $int:ident;)*) => {
        $(
            #[doc = concat!(stringify!($lift), " with registers or a floating-point memory operand.")]
            pub(crate) fn $lift(cx: &mut LiftCx) {
                arith(cx, &Forms { st: Helper::$st, f32: Helper::$f32, f64: Helper::$f64, int: Helper::$int }, 0);
            }

            #[doc = concat!(stringify!($lift_p), ".")]
            pub(crate) fn $lift_p(cx: &mut LiftCx) {
                arith(cx, &Forms { st: Helper::$st, f32: Helper::$f32, f64: Helper::$f64, int: Helper::$int }, 1);
            }

            #[doc = concat!(stringify!($lift_i), ".")]
            pub(crate) fn $lift_i(cx: &mut LiftCx) {
                arith(cx, &Forms { st: Helper::$st, f32: Helper::$f32, f64: Helper::$f64, int: Helper::$int }, 0);
            }
        )*
    };
}

forms! {
    fadd  faddp  fiadd  = X87Add  X87AddF32  X87AddF64  X87AddInt;
    fmul  fmulp  fimul  = X87Mul  X87MulF32  X87MulF64  X87MulInt;
    fsub  fsubp  fisub  = X87Sub  X87SubF32  X87SubF64  X87SubInt;
    fsubr fsubrp fisubr = X87Subr X87SubrF32 X87SubrF64 X87SubrInt;
    fdiv  fdivp  fidiv  = X87Div  X87DivF32  X87DivF64  X87DivInt;
    fdivr fdivrp fidivr = X87Divr X87DivrF32 X87DivrF64 X87DivrInt;
}

fn arith(cx: &mut LiftCx, forms: &Forms, pops: u32) {
    if let (Some(dst), Some(src)) = (st(cx, 0), st(cx, 1)) {
        return operation(cx, forms.st, &[dst, src, pops]);
    }
    wait(cx);
    let (value, kind) = memory_operand(cx);
    let helper = match kind {
        Kind::F32 => forms.f32,
        Kind::F64 => forms.f64,
        Kind::Int => forms.int,
    };
    cx.ir.x87(helper, Ty::None, &[value]);
}

/// What a memory operand's bits are.
pub(super) enum Kind {
    F32,
    F64,
    /// 16 or 32 bits, sign-extended to `I32`.
    Int,
}

/// Loads a memory operand of the arithmetic and comparison instructions.
pub(super) fn memory_operand(cx: &mut LiftCx) -> (ir::Value, Kind) {
    let addr = cx.mem_addr();
    match cx.insn.memory_size() {
        MemorySize::Float32 => (cx.ir.load(Ty::I32, addr), Kind::F32),
        MemorySize::Float64 => (cx.ir.load(Ty::I64, addr), Kind::F64),
        MemorySize::Int16 => (cx.ir.load_sx(Ty::I16, addr), Kind::Int),
        _ => (cx.ir.load(Ty::I32, addr), Kind::Int),
    }
}

macro_rules! stack_only {
    ($($(#[$m:meta])* $lift:ident = $by:ident $helper:ident;)*) => {
        $($(#[$m])* pub(crate) fn $lift(cx: &mut LiftCx) { $by(cx, Helper::$helper, &[]); })*
    };
}

stack_only! {
    /// FSQRT.
    fsqrt = operation X87Sqrt;
    /// FABS.
    fabs = operation X87Abs;
    /// FCHS.
    fchs = operation X87Chs;
    /// FRNDINT.
    frndint = simple X87Rndint;
    /// FSCALE.
    fscale = simple X87Scale;
    /// FPREM.
    fprem = simple X87Prem;
    /// FPREM1.
    fprem1 = simple X87Prem1;
    /// FXTRACT.
    fxtract = simple X87Xtract;
}
