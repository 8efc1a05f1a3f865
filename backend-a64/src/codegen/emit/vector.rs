//! Vector opcodes: which file emits what, and how lanes become arrangements.
//!
//! `cx.v(i)` and `cx.dst_v()` are register numbers for `V(..)`, `Q(..)`, `D(..)`, `S(..)`; integer arguments and results
//! are `cx.x(i)` and `cx.dst()`. Scratch is v30, v31 and x16, x17, x30. Arm ARM C7.2 (Advanced SIMD and floating point).
use super::{
    crypto, vector_convert, vector_denormal, vector_fp, vector_int, vector_move, vector_pack, vector_shuffle, EmitCx,
};
use ir::{Inst, Opcode};

/// First vector scratch register.
pub(super) const VS0: u8 = super::abi::VSCRATCH[0];
/// Second vector scratch register.
pub(super) const VS1: u8 = super::abi::VSCRATCH[1];

/// `op V(d).T, V(n).T, ...` with the arrangement that the lane shape picks: `by_lane!(cx, lane, op d, n, m; B16 H8)`.
macro_rules! by_lane {
    ($cx:expr, $lane:expr, $op:ident $d:expr, $n:expr, # $i:expr; $($l:ident)+) => {
        match $lane { $(ir::Lane::$l => by_lane!(@i $l $cx, $op $d, $n, $i),)+ other => unreachable!("{other:?}") }
    };
    ($cx:expr, $lane:expr, $op:ident $d:expr, $n:expr, $m:expr; $($l:ident)+) => {
        match $lane { $(ir::Lane::$l => by_lane!(@3 $l $cx, $op $d, $n, $m),)+ other => unreachable!("{other:?}") }
    };
    ($cx:expr, $lane:expr, $op:ident $d:expr, $n:expr; $($l:ident)+) => {
        match $lane { $(ir::Lane::$l => by_lane!(@2 $l $cx, $op $d, $n),)+ other => unreachable!("{other:?}") }
    };
    (@3 B16 $cx:expr, $op:ident $d:expr, $n:expr, $m:expr) => { a64!($cx; $op V($d).b16, V($n).b16, V($m).b16) };
    (@3 H8 $cx:expr, $op:ident $d:expr, $n:expr, $m:expr) => { a64!($cx; $op V($d).h8, V($n).h8, V($m).h8) };
    (@3 S4 $cx:expr, $op:ident $d:expr, $n:expr, $m:expr) => { a64!($cx; $op V($d).s4, V($n).s4, V($m).s4) };
    (@3 D2 $cx:expr, $op:ident $d:expr, $n:expr, $m:expr) => { a64!($cx; $op V($d).d2, V($n).d2, V($m).d2) };
    (@3 F32x4 $cx:expr, $op:ident $d:expr, $n:expr, $m:expr) => { a64!($cx; $op V($d).s4, V($n).s4, V($m).s4) };
    (@3 F64x2 $cx:expr, $op:ident $d:expr, $n:expr, $m:expr) => { a64!($cx; $op V($d).d2, V($n).d2, V($m).d2) };
    (@3 F32 $cx:expr, $op:ident $d:expr, $n:expr, $m:expr) => { a64!($cx; $op S($d), S($n), S($m)) };
    (@3 F64 $cx:expr, $op:ident $d:expr, $n:expr, $m:expr) => { a64!($cx; $op D($d), D($n), D($m)) };
    (@2 B16 $cx:expr, $op:ident $d:expr, $n:expr) => { a64!($cx; $op V($d).b16, V($n).b16) };
    (@2 H8 $cx:expr, $op:ident $d:expr, $n:expr) => { a64!($cx; $op V($d).h8, V($n).h8) };
    (@2 S4 $cx:expr, $op:ident $d:expr, $n:expr) => { a64!($cx; $op V($d).s4, V($n).s4) };
    (@2 F32x4 $cx:expr, $op:ident $d:expr, $n:expr) => { a64!($cx; $op V($d).s4, V($n).s4) };
    (@2 F64x2 $cx:expr, $op:ident $d:expr, $n:expr) => { a64!($cx; $op V($d).d2, V($n).d2) };
    (@2 F32 $cx:expr, $op:ident $d:expr, $n:expr) => { a64!($cx; $op S($d), S($n)) };
    (@2 F64 $cx:expr, $op:ident $d:expr, $n:expr) => { a64!($cx; $op D($d), D($n)) };
    (@i B16 $cx:expr, $op:ident $d:expr, $n:expr, $i:expr) => { a64!($cx; $op V($d).b16, V($n).b16, $i) };
    (@i H8 $cx:expr, $op:ident $d:expr, $n:expr, $i:expr) => { a64!($cx; $op V($d).h8, V($n).h8, $i) };
    (@i S4 $cx:expr, $op:ident $d:expr, $n:expr, $i:expr) => { a64!($cx; $op V($d).s4, V($n).s4, $i) };
    (@i D2 $cx:expr, $op:ident $d:expr, $n:expr, $i:expr) => { a64!($cx; $op V($d).d2, V($n).d2, $i) };
}
pub(super) use by_lane;

/// The same for the low halves; a lane of 64 bits is a scalar.
macro_rules! by_half {
    ($cx:expr, $lane:expr, $op:ident $d:expr, $n:expr, # $i:expr; $($l:ident)+) => {
        match $lane { $(ir::Lane::$l => by_half!(@i $l $cx, $op $d, $n, $i),)+ other => unreachable!("{other:?}") }
    };
    ($cx:expr, $lane:expr, $op:ident $d:expr, $n:expr, $m:expr; $($l:ident)+) => {
        match $lane { $(ir::Lane::$l => by_half!(@3 $l $cx, $op $d, $n, $m),)+ other => unreachable!("{other:?}") }
    };
    ($cx:expr, $lane:expr, $op:ident $d:expr, $n:expr; $($l:ident)+) => {
        match $lane { $(ir::Lane::$l => by_half!(@2 $l $cx, $op $d, $n),)+ other => unreachable!("{other:?}") }
    };
    (@3 B16 $cx:expr, $op:ident $d:expr, $n:expr, $m:expr) => { a64!($cx; $op V($d).b8, V($n).b8, V($m).b8) };
    (@3 H8 $cx:expr, $op:ident $d:expr, $n:expr, $m:expr) => { a64!($cx; $op V($d).h4, V($n).h4, V($m).h4) };
    (@3 S4 $cx:expr, $op:ident $d:expr, $n:expr, $m:expr) => { a64!($cx; $op V($d).s2, V($n).s2, V($m).s2) };
    (@3 D2 $cx:expr, $op:ident $d:expr, $n:expr, $m:expr) => { a64!($cx; $op D($d), D($n), D($m)) };
    (@2 B16 $cx:expr, $op:ident $d:expr, $n:expr) => { a64!($cx; $op V($d).b8, V($n).b8) };
    (@2 H8 $cx:expr, $op:ident $d:expr, $n:expr) => { a64!($cx; $op V($d).h4, V($n).h4) };
    (@2 S4 $cx:expr, $op:ident $d:expr, $n:expr) => { a64!($cx; $op V($d).s2, V($n).s2) };
    (@i B16 $cx:expr, $op:ident $d:expr, $n:expr, $i:expr) => { a64!($cx; $op V($d).b8, V($n).b8, $i) };
    (@i H8 $cx:expr, $op:ident $d:expr, $n:expr, $i:expr) => { a64!($cx; $op V($d).h4, V($n).h4, $i) };
    (@i S4 $cx:expr, $op:ident $d:expr, $n:expr, $i:expr) => { a64!($cx; $op V($d).s2, V($n).s2, $i) };
    (@i D2 $cx:expr, $op:ident $d:expr, $n:expr, $i:expr) => { a64!($cx; $op D($d), D($n), $i) };
}
pub(super) use by_half;

/// Emits a vector instruction.
pub(super) fn emit(cx: &mut EmitCx, inst: &Inst) {
    use Opcode::*;
    match inst.op {
        VConst => vector_move::constant(cx, inst),
        VFromInt => vector_move::from_int(cx),
        VLane => vector_move::lane(cx, inst),
        VInsert => vector_move::insert(cx, inst),
        VCopyLane => vector_move::copy_lane(cx, inst),
        VLoad => vector_move::load(cx, inst),
        VStore => vector_move::store(cx, inst),
        VStoreLane => vector_move::store_lane(cx, inst),
        VAdd | VSub | VAddSatS | VAddSatU | VSubSatS | VSubSatU | VMulLo | VMinS | VMinU | VMaxS | VMaxU | VAvg
        | VAbs | VAddPair | VCmpEq | VCmpGt => vector_int::simple(cx, inst),
        VMulHiS | VMulHiU | VMulHiR | VMulWideS | VMulWideU | VMadd | VMaddSat => vector_int::multiply(cx, inst),
        VSad | VMpsad | VMinPos => vector_int::sums(cx, inst),
        VSign | VSubPair | VAddPairSat | VSubPairSat => vector_int::composed(cx, inst),
        VAnd | VOr | VXor | VAndNot => vector_int::logic(cx, inst),
        VSelect => vector_int::select(cx),
        VShl | VShr | VSar => vector_int::shift(cx, inst),
        VShlBy | VShrBy | VSarBy => vector_int::shift_by(cx, inst),
        VTest => vector_int::test(cx),
        VExt => vector_shuffle::ext(cx, inst),
        VUnpackLo | VUnpackHi => vector_shuffle::unpack(cx, inst),
        VShuffle | VShuffleLo | VShuffleHi => vector_shuffle::shuffle(cx, inst),
        VBlend => vector_shuffle::blend(cx, inst),
        VTable => vector_shuffle::table(cx),
        VPackS | VPackU => vector_pack::pack(cx, inst),
        VWidenS | VWidenU => vector_pack::widen(cx, inst),
        VMoveMask => vector_pack::move_mask(cx, inst),
        VAes => crypto::aes(cx, inst),
        VAesImc => crypto::aes_imc(cx),
        VAesKey => crypto::aes_key(cx),
        VClmul => crypto::clmul(cx, inst),
        VSha1 => crypto::sha1(cx, inst),
        VSha256 => crypto::sha256(cx),
        VSha256Su0 | VSha256Su1 => crypto::sha256_schedule(cx, inst),
        FAdd | FSub | FMul | FDiv | FSqrt | FAddSub | FAddPair | FSubPair => vector_fp::arithmetic(cx, inst),
        FMin | FMax => vector_fp::min_max(cx, inst),
        FCmp => vector_fp::compare(cx, inst),
        FComi => vector_fp::compare_flags(cx, inst),
        FRound => vector_fp::round(cx, inst),
        FToInt => vector_convert::to_int(cx, inst),
        IntToF => vector_convert::from_int(cx, inst),
        VFToInt => vector_convert::packed_to_int(cx, inst),
        VIntToF => vector_convert::packed_from_int(cx, inst),
        FWiden => vector_convert::widen(cx, inst),
        FNarrow => vector_convert::narrow(cx, inst),
        TrapDenormal => vector_denormal::check(cx, inst),
        VDaz => vector_denormal::flush(cx, inst),
        GetMxcsr => vector_move::get_mxcsr(cx),
        SetMxcsr => vector_move::set_mxcsr(cx),
        _ => unreachable!("{} is no vector opcode", inst.op.name()),
    }
}
