//! Helpers: semantics too large to emit inline. The interpreter and generated code call the same functions.
//!
//! Rules every helper keeps:
//! - It never reads or writes `gpr`, `xmm`, `eip`, `nzcv`, `pf_raw`, `af_raw`: those are pinned while translated code
//!   runs. Values come in as arguments and go out as the result. Everything else in `CpuState` it may touch.
//! - It never touches guest memory: loads and stores are IR, so that faults are precise.
//! - Integer arguments arrive zero-extended to 64 bits; an integer result is truncated to the instruction's `ty`.
//! - A `V128` argument number i is in `state.scratch[i]` (its u64 is meaningless); a `V128` result goes to `scratch[0]`.
use crate::guest::CpuState;

mod crypto;
mod pcmpstr;
mod segment;
pub(crate) mod sse;
pub mod system;
mod x87;

pub use x87::transfer::Pending;

/// The one signature.
pub type HelperFn = extern "C" fn(&mut CpuState, u64, u64, u64, u64) -> u64;

macro_rules! helpers {
    ($($variant:ident $name:literal $func:path, $doc:literal;)+) => {
        /// A function that IR can call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Helper { $(#[doc = $doc] $variant),+ }

        impl Helper {
            /// Every helper, in table order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in the text form.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The function.
            pub fn function(self) -> HelperFn {
                match self { $(Self::$variant => $func),+ }
            }

            /// One line of meaning.
            pub fn doc(self) -> &'static str {
                match self { $(Self::$variant => $doc),+ }
            }
        }
    };
}

#[rustfmt::skip]
helpers! {
    // system.rs
    CpuidAb  "cpuid_ab"  system::cpuid_ab,  "CPUID leaf (a0), subleaf (a1): EAX | EBX << 32";
    CpuidCd  "cpuid_cd"  system::cpuid_cd,  "CPUID leaf (a0), subleaf (a1): ECX | EDX << 32";
    Rdtsc    "rdtsc"     system::rdtsc,     "time stamp counter: nanoseconds";
    // sse.rs
    Rcp      "rcp"       sse::rcp,          "RCPPS of a1 (V128) if a2 is 1, else RCPSS into a0 (V128)";
    Rsqrt    "rsqrt"     sse::rsqrt,        "RSQRTPS of a1 (V128) if a2 is 1, else RSQRTSS into a0 (V128)";
    // system.rs
    Random   "random"    system::random,    "a random 32-bit number | 1 << 32, or 0";
    // pcmpstr.rs
    PcmpEstr "pcmp_estr" pcmpstr::explicit, "PCMPESTR of a0, a1 (V128), imm8 a2, lengths a3: mask | index << 16 | eflags << 32";
    PcmpIstr "pcmp_istr" pcmpstr::implicit, "PCMPISTR of a0, a1 (V128), imm8 a2: as pcmp_estr";
    // crypto.rs
    Pdep       "pdep"        crypto::deposit,             "PDEP of a0 with mask a1";
    Pext       "pext"        crypto::extract,             "PEXT of a0 with mask a1";
    Crc32B     "crc32b"      crypto::crc32::<8>,          "crc32 of 8 bits";
    Crc32H     "crc32h"      crypto::crc32::<16>,         "crc32 of 16 bits";
    Crc32W     "crc32w"      crypto::crc32::<32>,         "crc32 of 32 bits";
    AesEnc     "aes_enc"     crypto::aes_round::<0>,      "vaes 0";
    AesEncLast "aes_enclast" crypto::aes_round::<1>,      "vaes 1";
    AesDec     "aes_dec"     crypto::aes_round::<2>,      "vaes 2";
    AesDecLast "aes_declast" crypto::aes_round::<3>,      "vaes 3";
    AesImc     "aes_imc"     crypto::aes_inverse_mix,     "vaes_imc";
    AesKey     "aes_key"     crypto::aes_key_assist,      "vaes_key";
    ClmulLL    "clmul_ll"    crypto::multiply::<0x00>,    "vclmul 0x00";
    ClmulHL    "clmul_hl"    crypto::multiply::<0x01>,    "vclmul 0x01";
    ClmulLH    "clmul_lh"    crypto::multiply::<0x10>,    "vclmul 0x10";
    ClmulHH    "clmul_hh"    crypto::multiply::<0x11>,    "vclmul 0x11";
    Sha1C      "sha1_c"      crypto::sha1_rounds::<0>,    "vsha1 0";
    Sha1P      "sha1_p"      crypto::sha1_rounds::<1>,    "vsha1 1";
    Sha1M      "sha1_m"      crypto::sha1_rounds::<2>,    "vsha1 2";
    Sha1P3     "sha1_p3"     crypto::sha1_rounds::<3>,    "vsha1 3";
    Sha256     "sha256"      crypto::sha256_rounds,       "vsha256";
    Sha256Su0  "sha256_su0"  crypto::sha256_schedule1,    "vsha256_su0";
    Sha256Su1  "sha256_su1"  crypto::sha256_schedule2,    "vsha256_su1";
    Simd     "simd"      sse::execute,      "SSE operation a2 (sse::code) of a0, a1: its integer or flags | 1 << 32 if unmasked; a vector in scratch[0]";
    // segment.rs
    LoadSegment      "load_segment"      segment::load,     "segment register (a0) := selector (a1), a2: by a far return; 0 done, 1 descriptor unknown (Trap::Segment)";
    DescribeSegment  "describe_segment"  segment::describe, "selector (a0): access rights as LAR | limit << 32, 0 if not accessible, 1 if unknown";
    SegmentLinear    "segment_linear"    segment::linear,   "linear address of offset a1 in segment a0 for an access of a2 (size, bit 32: write); bit 32: refused";
    // x87.rs
    X87Add       "x87_add"       x87::arith::<{ x87::ADD }>,       "ST(a0) := ST(a0) + ST(a1), a2 pops";
    X87Mul       "x87_mul"       x87::arith::<{ x87::MUL }>,       "ST(a0) := ST(a0) * ST(a1), a2 pops";
    X87Sub       "x87_sub"       x87::arith::<{ x87::SUB }>,       "ST(a0) := ST(a0) - ST(a1), a2 pops";
    X87Subr      "x87_subr"      x87::arith::<{ x87::SUBR }>,      "ST(a0) := ST(a1) - ST(a0), a2 pops";
    X87Div       "x87_div"       x87::arith::<{ x87::DIV }>,       "ST(a0) := ST(a0) / ST(a1), a2 pops";
    X87Divr      "x87_divr"      x87::arith::<{ x87::DIVR }>,      "ST(a0) := ST(a1) / ST(a0), a2 pops";
    X87AddF32    "x87_add_f32"   x87::arith_f32::<{ x87::ADD }>,   "ST(0) := ST(0) + f32 bits";
    X87MulF32    "x87_mul_f32"   x87::arith_f32::<{ x87::MUL }>,   "ST(0) := ST(0) * f32 bits";
    X87SubF32    "x87_sub_f32"   x87::arith_f32::<{ x87::SUB }>,   "ST(0) := ST(0) - f32 bits";
    X87SubrF32   "x87_subr_f32"  x87::arith_f32::<{ x87::SUBR }>,  "ST(0) := f32 bits - ST(0)";
    X87DivF32    "x87_div_f32"   x87::arith_f32::<{ x87::DIV }>,   "ST(0) := ST(0) / f32 bits";
    X87DivrF32   "x87_divr_f32"  x87::arith_f32::<{ x87::DIVR }>,  "ST(0) := f32 bits / ST(0)";
    X87AddF64    "x87_add_f64"   x87::arith_f64::<{ x87::ADD }>,   "ST(0) := ST(0) + f64 bits";
    X87MulF64    "x87_mul_f64"   x87::arith_f64::<{ x87::MUL }>,   "ST(0) := ST(0) * f64 bits";
    X87SubF64    "x87_sub_f64"   x87::arith_f64::<{ x87::SUB }>,   "ST(0) := ST(0) - f64 bits";
    X87SubrF64   "x87_subr_f64"  x87::arith_f64::<{ x87::SUBR }>,  "ST(0) := f64 bits - ST(0)";
    X87DivF64    "x87_div_f64"   x87::arith_f64::<{ x87::DIV }>,   "ST(0) := ST(0) / f64 bits";
    X87DivrF64   "x87_divr_f64"  x87::arith_f64::<{ x87::DIVR }>,  "ST(0) := f64 bits / ST(0)";
    X87AddInt    "x87_add_int"   x87::arith_int::<{ x87::ADD }>,   "ST(0) := ST(0) + i32";
    X87MulInt    "x87_mul_int"   x87::arith_int::<{ x87::MUL }>,   "ST(0) := ST(0) * i32";
    X87SubInt    "x87_sub_int"   x87::arith_int::<{ x87::SUB }>,   "ST(0) := ST(0) - i32";
    X87SubrInt   "x87_subr_int"  x87::arith_int::<{ x87::SUBR }>,  "ST(0) := i32 - ST(0)";
    X87DivInt    "x87_div_int"   x87::arith_int::<{ x87::DIV }>,   "ST(0) := ST(0) / i32";
    X87DivrInt   "x87_divr_int"  x87::arith_int::<{ x87::DIVR }>,  "ST(0) := i32 / ST(0)";
    X87Com       "x87_com"       x87::com,                         "compare ST(0) with ST(a0), a1 pops, a2: quiet";
    X87ComF32    "x87_com_f32"   x87::com_f32,                     "compare ST(0) with f32 bits, a1 pops";
    X87ComF64    "x87_com_f64"   x87::com_f64,                     "compare ST(0) with f64 bits, a1 pops";
    X87ComInt    "x87_com_int"   x87::com_int,                     "compare ST(0) with i32, a1 pops";
    X87Tst       "x87_tst"       x87::tst,                         "compare ST(0) with 0";
    X87Comi      "x87_comi"      x87::comi,                        "compare ST(0) with ST(a0), a1 pops, a2: quiet; eflags image of ZF PF CF";
    X87Sqrt      "x87_sqrt"      x87::sqrt,                        "ST(0) := its square root";
    X87Rndint    "x87_rndint"    x87::rndint,                      "ST(0) := ST(0) rounded to an integer";
    X87Chs       "x87_chs"       x87::chs,                         "ST(0) := -ST(0)";
    X87Abs       "x87_abs"       x87::abs,                         "ST(0) := |ST(0)|";
    X87Scale     "x87_scale"     x87::scale,                       "ST(0) := ST(0) * 2^trunc(ST(1))";
    X87Prem      "x87_prem"      x87::prem,                        "ST(0) := partial remainder by ST(1), truncated quotient";
    X87Prem1     "x87_prem1"     x87::prem1,                       "ST(0) := partial remainder by ST(1), nearest quotient";
    X87Xtract    "x87_xtract"    x87::xtract,                      "ST(0) := its exponent, push its significand";
    X87Sin       "x87_sin"       x87::sin,                         "ST(0) := its sine";
    X87Cos       "x87_cos"       x87::cos,                         "ST(0) := its cosine";
    X87SinCos    "x87_sincos"    x87::sincos,                      "ST(0) := its sine, push its cosine";
    X87Ptan      "x87_ptan"      x87::ptan,                        "ST(0) := its tangent, push 1";
    X87Patan     "x87_patan"     x87::patan,                       "ST(1) := angle of the point (ST(0), ST(1)), pop";
    X87F2xm1     "x87_f2xm1"     x87::f2xm1,                       "ST(0) := 2^ST(0) - 1";
    X87Fyl2x     "x87_fyl2x"     x87::fyl2x,                       "ST(1) := ST(1) * log2(ST(0)), pop";
    X87Fyl2xp1   "x87_fyl2xp1"   x87::fyl2xp1,                     "ST(1) := ST(1) * log2(ST(0) + 1), pop";
    X87FldF32    "x87_fld_f32"   x87::fld_f32,                     "push f32 bits";
    X87FldF64    "x87_fld_f64"   x87::fld_f64,                     "push f64 bits";
    X87FldF80    "x87_fld_f80"   x87::fld_f80,                     "push significand a0, sign and exponent a1";
    X87Fild      "x87_fild"      x87::fild,                        "push i64";
    X87Fbld      "x87_fbld"      x87::fbld,                        "push packed decimal a0 | a1 << 64";
    X87FldConst  "x87_fld_const" x87::fld_const,                   "push constant a0 (order of D9 E8..EE)";
    X87FldSt     "x87_fld_st"    x87::fld_st,                      "push ST(a0)";
    X87FstSt     "x87_fst_st"    x87::fst_st,                      "ST(a0) := ST(0), a1 pops";
    X87FstpNce   "x87_fstp_nce"  x87::fstpnce,                     "ST(a0) := ST(0) unless that is empty, pop; no stack fault";
    X87Xch       "x87_xch"       x87::fxch,                        "exchange ST(0) and ST(a0)";
    X87Cmov      "x87_cmov"      x87::fcmov,                       "ST(0) := ST(a0) if a1";
    X87ToF32     "x87_to_f32"    x87::to_single,                   "ST(0) as f32 bits; store if pending ok, then x87_commit";
    X87ToF64     "x87_to_f64"    x87::to_double,                   "ST(0) as f64 bits; as x87_to_f32";
    X87ToInt     "x87_to_int"    x87::to_integer,                  "ST(0) as an integer of a0 bits, a1: truncate; as x87_to_f32";
    X87ToF80     "x87_to_f80"    x87::to_extended,                 "significand of ST(0), the rest pending; as x87_to_f32";
    X87ToBcd     "x87_to_bcd"    x87::to_bcd,                      "ST(0) as 16 packed digits, the rest pending; as x87_to_f32";
    X87Commit    "x87_commit"    x87::commit,                      "end of a store: status word, a0 pops";
    X87Raised    "x87_raised"    x87::raised,                      "the instruction with opcode a0 is done: if it raised an unmasked exception, FOP := a0 and, if a2, FDP := a1";
    X87Init      "x87_init"      x87::init,                        "FNINIT";
    X87SetCw     "x87_set_cw"    x87::set_cw,                      "control word := a0";
    X87Clex      "x87_clex"      x87::clex,                        "FNCLEX";
    X87TagWord   "x87_tag_word"  x87::tag_word,                    "the full tag word";
    X87SetEnv    "x87_set_env"   x87::set_env,                     "control, status, full tag word := a0, a1, a2";
    X87SetFxEnv  "x87_set_fx"    x87::set_fx_env,                  "control, status, abridged tag word := a0, a1, a2";
    X87MaskAll   "x87_mask_all"  x87::mask_all,                    "mask every exception";
    X87GetSt     "x87_get_st"    x87::get_st,                      "ST(a0), 80 bits zero-extended (V128)";
    X87StLow     "x87_st_low"    x87::st_low,                      "significand of ST(a0)";
    X87StHigh    "x87_st_high"   x87::st_high,                     "sign and exponent of ST(a0)";
    X87SetSt     "x87_set_st"    x87::set_st,                      "ST(a0) := significand a1, sign and exponent a2; tag unchanged";
    X87Xam       "x87_xam"       x87::xam,                         "FXAM";
    X87Free      "x87_free"      x87::free,                        "tag ST(a0) empty, a1 pops";
    X87Turn      "x87_turn"      x87::turn,                        "TOP := TOP + a0";
}

impl Helper {
    /// Whether it is what a non-control x87 instruction does last: FIP becomes the address of that instruction (SDM vol. 1,
    /// 8.1.8).
    pub fn sets_fip(self) -> bool {
        let number = self as u16;
        (Self::X87Add as u16..=Self::X87Cmov as u16).contains(&number)
            || matches!(self, Self::X87Commit | Self::X87Xam | Self::X87Free | Self::X87Turn)
    }

    /// The helper with this name in the text form.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|h| h.name() == name)
    }
}
