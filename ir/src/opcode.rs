//! The opcode table: one row per opcode. The enum, printer, parser, verifier and interpreter dispatch all read it.
//!
//! Conventions
//! - `ty` of an instruction is the width it works at; `T` below means "a value of that type".
//! - `flags` of an instruction is the set of guest arithmetic flags it writes, with the meaning the SDM gives them for
//!   that operation and width; passes shrink the set to what is live. Guest flags are state, not values.
//! - Memory operands are `base + (index << shift) + disp`, all modulo 2^32; base and index are optional.
//! - Guest state is written (`set_*`, stores, flags) only after everything in the same guest instruction that can fault.
use crate::guest::FlagSet;

/// Type of one argument of an opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgTy {
    /// The instruction's `ty`.
    T,
    /// An address part: `I32` or absent.
    Addr,
    /// Exactly this type.
    I8,
    /// Exactly this type.
    I32,
    /// Exactly this type.
    I64,
    /// Exactly this type.
    V128,
    /// Any integer type.
    Int,
    /// Any type, or absent (helper arguments).
    Any,
}

/// Type of an opcode's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResTy {
    /// No value.
    None,
    /// The instruction's `ty`.
    T,
    /// The integer type twice as wide as `ty`.
    Double,
    /// Exactly this type.
    I8,
    /// Exactly this type.
    I32,
    /// Exactly this type.
    I64,
    /// Exactly this type.
    V128,
}

/// What the `imm` field of an opcode means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImmKind {
    /// Unused.
    None,
    /// A constant, zero-extended to 64 bits.
    Const,
    /// A general-purpose register number.
    Gpr,
    /// An XMM register number.
    Xmm,
    /// A condition code number.
    Cc,
    /// The displacement of a memory operand; `shift` scales the index.
    Disp,
    /// A bit field: lsb in the low byte, width in the next.
    Field,
    /// A byte offset into `CpuState`.
    State,
    /// A helper number.
    Helper,
    /// A trap number.
    Trap,
    /// A mask of flags as `FlagSet::eflags_mask` gives it.
    Flags,
    /// A number whose meaning the row's text gives (shuffle control, lane index, comparison predicate).
    Control,
}

/// What an opcode does besides computing its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effects(u16);

impl Effects {
    /// Nothing: may be removed when unused, merged, moved.
    pub const PURE: Self = Self(0);
    /// Reads guest memory (and can therefore fault).
    pub const LOAD: Self = Self(1);
    /// Writes guest memory (and can therefore fault).
    pub const STORE: Self = Self(2);
    /// Reads guest registers or other guest state.
    pub const READS_STATE: Self = Self(4);
    /// Writes guest registers or other guest state.
    pub const WRITES_STATE: Self = Self(8);
    /// May leave the region with a trap.
    pub const TRAPS: Self = Self(16);
    /// Orders memory.
    pub const FENCE: Self = Self(32);
    /// Helper: reads and writes state outside gpr, xmm and flags as its own table says.
    pub const CALL: Self = Self(64);
    /// SSE arithmetic: reads rounding and flushing from MXCSR and adds to its sticky flags. Such instructions keep their
    /// order with `get_mxcsr` and `set_mxcsr` and are not removed; among themselves they may move.
    pub const FP: Self = Self(128);
    /// x87: reads and writes the x87 state, waits for pending exceptions. May leave before the guest instruction is done.
    pub const X87: Self = Self(256);

    /// Whether all bits of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Union.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the instruction may be dropped when neither its result nor its flags are used.
    /// (A load is not: it may fault.)
    pub const fn removable(self) -> bool {
        self.0 & !Self::READS_STATE.0 == 0
    }

    /// Whether the instruction may leave the block before its end, so that guest state must be exact there.
    pub const fn may_exit(self) -> bool {
        self.0 & (Self::LOAD.0 | Self::STORE.0 | Self::TRAPS.0 | Self::X87.0) != 0
    }
}

const PURE: Effects = Effects::PURE;
const LOAD: Effects = Effects::LOAD;
const STORE: Effects = Effects::STORE;
const RMW: Effects = Effects::LOAD.and(Effects::STORE).and(Effects::FENCE);
const READS: Effects = Effects::READS_STATE;
const WRITES: Effects = Effects::WRITES_STATE;

macro_rules! opcodes {
    ($($variant:ident $name:literal [$($arg:ident)*] $res:ident $imm:ident $eff:ident $doc:literal;)+) => {
        /// An IR operation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Opcode { $(#[doc = $doc] $variant),+ }

        impl Opcode {
            /// Every opcode, in table order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in the text form.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// Argument types, in order.
            pub const fn args(self) -> &'static [ArgTy] {
                match self { $(Self::$variant => &[$(ArgTy::$arg),*]),+ }
            }

            /// What its row says and every pass asks, to be looked up in [`FACTS`].
            const fn row(self) -> Facts {
                let (result, imm, effects) = match self { $(Self::$variant => (ResTy::$res, ImmKind::$imm, $eff)),+ };
                Facts { args: self.args().len() as u8, result, imm, effects, needs_flags: false }
            }

            /// One line of meaning.
            pub fn doc(self) -> &'static str {
                match self { $(Self::$variant => $doc),+ }
            }
        }
    };
}

#[rustfmt::skip]
opcodes! {
//  variant       text            args              result  imm      effects  meaning
    Nop           "nop"           []                None    None     PURE     "nothing; what a removed instruction becomes";
    Const         "const"         []                T       Const    PURE     "a constant";
    // Guest state
    GetGpr        "get_gpr"       []                I32     Gpr      READS    "read a general-purpose register";
    SetGpr        "set_gpr"       [I32]             None    Gpr      WRITES   "write a general-purpose register";
    GetXmm        "get_xmm"       []                V128    Xmm      READS    "read an XMM register";
    SetXmm        "set_xmm"       [V128]            None    Xmm      WRITES   "write an XMM register";
    GetState      "get_state"     []                T       State    READS    "read a field of CpuState that is not pinned";
    SetState      "set_state"     [T]               None    State    WRITES   "write a field of CpuState that is not pinned";
    GetFlags      "get_flags"     []                I32     Flags    READS    "the masked arithmetic flags at their eflags bits, other bits zero";
    SetFlags      "set_flags"     [I32]             None    None     PURE     "`flags` := the same bits of an eflags image";
    SetCarry      "set_carry"     [Int]             None    Control  PURE     "CF := bit imm of first";
    FlipCarry     "flip_carry"    []                None    None     READS    "CF := its complement";
    Cond          "cond"          []                I8      Cc       READS    "1 if the condition holds in the guest flags, else 0";
    Select        "select"        [T T]             T       Cc       READS    "first if the condition holds in the guest flags, else second";
    SelectNz      "select_nz"     [Int T T]         T       None     PURE     "second argument if the first is not zero, else third";
    // Arithmetic and logic; flags as ADD, SUB, ADC, SBB, AND, OR, XOR (AF is undefined after the logical ones)
    Add           "add"           [T T]             T       None     PURE     "wrapping sum";
    Sub           "sub"           [T T]             T       None     PURE     "wrapping difference; CMP when only its flags are used";
    Adc           "adc"           [T T]             T       None     READS    "sum plus the guest CF";
    Sbb           "sbb"           [T T]             T       None     READS    "difference minus the guest CF";
    And           "and"           [T T]             T       None     PURE     "bitwise and; TEST when only its flags are used";
    Or            "or"            [T T]             T       None     PURE     "bitwise or";
    Xor           "xor"           [T T]             T       None     PURE     "bitwise exclusive or";
    Not           "not"           [T]               T       None     PURE     "bitwise complement, no flags";
    Lea           "lea"           [Addr Addr]       I32     Disp     PURE     "address arithmetic, no memory access";
    Mul           "mul"           [T T]             T       None     PURE     "low half of the product, no flags";
    MulWideU      "mul_wide_u"    [T T]             Double  None     PURE     "unsigned product; CF = OF = high half not zero";
    MulWideS      "mul_wide_s"    [T T]             Double  None     PURE     "signed product; CF = OF = high half is not the sign of the low half";
    Udiv          "udiv"          [T T]             T       None     PURE     "unsigned quotient, 0 for a zero divisor (I32, I64)";
    Sdiv          "sdiv"          [T T]             T       None     PURE     "signed quotient, 0 for a zero divisor, wrapping (I32, I64)";
    Urem          "urem"          [T T]             T       None     PURE     "unsigned remainder, the dividend for a zero divisor";
    Srem          "srem"          [T T]             T       None     PURE     "signed remainder, the dividend for a zero divisor";
    MulSub        "mul_sub"       [T T T]           T       None     PURE     "third less the product of first and second (I32, I64)";
    // Shifts: the count is masked with 31 (63 for I64); a masked count of zero changes no flag. ROL, ROR touch CF, OF only.
    Shl           "shl"           [T I8]            T       None     PURE     "shift left";
    Shr           "shr"           [T I8]            T       None     PURE     "logical shift right";
    Sar           "sar"           [T I8]            T       None     PURE     "arithmetic shift right";
    Rol           "rol"           [T I8]            T       None     PURE     "rotate left";
    Ror           "ror"           [T I8]            T       None     PURE     "rotate right";
    Rcl           "rcl"           [T I8]            T       None     READS    "rotate left through the guest CF";
    Rcr           "rcr"           [T I8]            T       None     READS    "rotate right through the guest CF";
    Shld          "shld"          [T T I8]          T       None     PURE     "shift first left, filling from the top of second (I16, I32)";
    Shrd          "shrd"          [T T I8]          T       None     PURE     "shift first right, filling from the bottom of second (I16, I32)";
    // Width and bits
    Zext          "zext"          [Int]             T       None     PURE     "zero-extend a narrower value";
    Sext          "sext"          [Int]             T       None     PURE     "sign-extend a narrower value";
    Trunc         "trunc"         [Int]             T       None     PURE     "low bits of a wider value";
    Concat        "concat"        [I32 I32]         I64     None     PURE     "first is the low half, second the high half";
    Extract       "extract"       [T]               T       Field    PURE     "bit field, zero-extended (I32, I64)";
    ExtractS      "extract_s"     [T]               T       Field    PURE     "bit field, sign-extended (I32, I64)";
    Insert        "insert"        [T Int]           T       Field    PURE     "first with the field replaced by the low bits of second (I32, I64)";
    Bswap         "bswap"         [T]               T       None     PURE     "bytes reversed (I32, I64)";
    Clz           "clz"           [T]               T       None     PURE     "leading zeros; the width for zero (I32, I64)";
    Ctz           "ctz"           [T]               T       None     PURE     "trailing zeros; the width for zero (I32, I64)";
    Popcnt        "popcnt"        [T]               T       None     PURE     "bits set, no flags (I32, I64)";
    // Memory
    Load          "load"          [Addr Addr]       T       Disp     LOAD     "little-endian load";
    LoadSx        "load_sx"       [Addr Addr]       I32     Disp     LOAD     "load I8 or I16 (`ty`), sign-extended to I32";
    Store         "store"         [Addr Addr T]     None    Disp     STORE    "little-endian store";
    LoadAligned   "load_aligned"  [Addr Addr]       V128    Disp     LOADGP   "as `load`; leave with Trap::GeneralProtection if the address is no multiple of 16";
    StoreAligned  "store_aligned" [Addr Addr V128]  None    Disp     STOREGP  "as `store`, likewise";
    StoreIf       "store_if"      [Addr Addr T I32] None    Disp     STORE    "little-endian store of third if fourth is not zero";
    AtomicXchg    "atomic_xchg"   [Addr Addr T]     T       Disp     RMW      "exchange; the old value. All atomics are sequentially consistent at any alignment";
    AtomicAdd     "atomic_add"    [Addr Addr T]     T       Disp     RMW      "fetch and add; the old value";
    AtomicAnd     "atomic_and"    [Addr Addr T]     T       Disp     RMW      "fetch and and; the old value";
    AtomicOr      "atomic_or"     [Addr Addr T]     T       Disp     RMW      "fetch and or; the old value";
    AtomicXor     "atomic_xor"    [Addr Addr T]     T       Disp     RMW      "fetch and exclusive or; the old value";
    AtomicNeg     "atomic_neg"    [Addr Addr]       T       Disp     RMW      "fetch and negate; the old value";
    AtomicCas     "atomic_cas"    [Addr Addr T T]   T       Disp     RMW      "if memory equals third, store fourth; the old value; always a write access";
    Fence         "fence"         []                None    None     FENCE    "full memory barrier";
    // Events and calls
    TrapIf        "trap_if"       [Int]             None    Trap     TRAPS    "leave with the trap at this instruction if the value is not zero";
    TrapIfZero    "trap_if_zero"  [Int]             None    Trap     TRAPS    "the same if it is zero";
    Helper        "helper"        [Any Any Any Any] T       Helper   CALL     "call a function of ir::helper";
    // x87: what generated code does by itself. Everything else on the register stack is a `helper`.
    X87Wait       "x87_wait"      []                None    None     X87      "leave with Trap::X87 if an unmasked x87 exception is pending";
    MmxEnter      "mmx_enter"     []                None    None     X87      "the same, then TOP := 0 and all tags valid";
    MmxLeave      "mmx_leave"     []                None    None     WRITES   "EMMS behind `mmx_enter`: all tags empty";
    X87           "x87"           [Any Any Any Any] T       Helper   X87      "as `helper`, on the x87 register stack; with flags, those are the result's (FCOMI)";
    X87Store      "x87_store"     [Addr Addr I32]   None    Disp     X87STORE "store ST(0) as the constant third (`ir::x87::StoreForm`) says; the x87 state changes after memory";
    X87Status     "x87_status"    []                I32     None     X87      "the status word with TOP";
    // Vectors: `ty` is V128 unless the result is an integer. `lane` says how the operands are divided; scalar lanes (f32, f64)
    // keep the other bits of the first argument. Semantics: interp::vector.
    // Vector moves
    VConst        "vconst"        []                V128    Const    PURE     "the 64-bit constant in both halves";
    VFromInt      "vfrom_int"     [Int]             V128    None     PURE     "zero-extend an integer to 128 bits";
    VLane         "vlane"         [V128]            T       Control  PURE     "lane number imm of width `ty` as an integer";
    VInsert       "vinsert"       [V128 Int]        V128    Control  PURE     "first with lane imm replaced by the low bits of second";
    VCopyLane     "vcopy_lane"    [V128 V128]       V128    Control  PURE     "first with lane imm & 15 replaced by lane imm >> 4 of second";
    VLoad         "vload"         [Addr Addr]       V128    Disp     LOAD     "load one lane's width into lane 0, the rest zero";
    VStore        "vstore"        [Addr Addr V128]  None    Disp     STORE    "store lane 0";
    VStoreLane    "vstore_lane"   [Addr Addr V128 I32] None Disp     STORE    "store the lane whose number is the constant fourth";
    GetMm         "get_mm"        []                V128    Control  READS    "MMX register imm in the low half, anything above; the state is that of MMX, or `x87_wait` stands before";
    SetMm         "set_mm"        [V128]            None    Control  WRITES   "write MMX register imm: significand from the low half, sign and exponent all ones";
    // Vector integers
    VAdd          "vadd"          [V128 V128]       V128    None     PURE     "wrapping sum";
    VSub          "vsub"          [V128 V128]       V128    None     PURE     "wrapping difference";
    VAddSatS      "vadd_sat_s"    [V128 V128]       V128    None     PURE     "sum with signed saturation";
    VAddSatU      "vadd_sat_u"    [V128 V128]       V128    None     PURE     "sum with unsigned saturation";
    VSubSatS      "vsub_sat_s"    [V128 V128]       V128    None     PURE     "difference with signed saturation";
    VSubSatU      "vsub_sat_u"    [V128 V128]       V128    None     PURE     "difference with unsigned saturation";
    VMulLo        "vmul_lo"       [V128 V128]       V128    None     PURE     "low half of the product (h8, s4)";
    VMulHiS       "vmul_hi_s"     [V128 V128]       V128    None     PURE     "high half of the signed product (h8)";
    VMulHiU       "vmul_hi_u"     [V128 V128]       V128    None     PURE     "high half of the unsigned product (h8)";
    VMulHiR       "vmul_hi_r"     [V128 V128]       V128    None     PURE     "signed product shifted right by 15 with rounding (h8, PMULHRSW)";
    VMulWideU     "vmul_wide_u"   [V128 V128]       V128    None     PURE     "unsigned products of the even s4 lanes as d2 (PMULUDQ)";
    VMulWideS     "vmul_wide_s"   [V128 V128]       V128    None     PURE     "signed products of the even s4 lanes as d2 (PMULDQ)";
    VMadd         "vmadd"         [V128 V128]       V128    None     PURE     "signed h8 products added in pairs to s4 (PMADDWD)";
    VMaddSat      "vmadd_sat"     [V128 V128]       V128    None     PURE     "unsigned by signed b16 products added in pairs to h8 with signed saturation (PMADDUBSW)";
    VSad          "vsad"          [V128 V128]       V128    None     PURE     "sum of absolute b16 differences of each half (PSADBW)";
    VMpsad        "vmpsad"        [V128 V128]       V128    Control  PURE     "eight sums of four absolute differences, imm as in MPSADBW";
    VMinS         "vmin_s"        [V128 V128]       V128    None     PURE     "signed minimum";
    VMinU         "vmin_u"        [V128 V128]       V128    None     PURE     "unsigned minimum";
    VMaxS         "vmax_s"        [V128 V128]       V128    None     PURE     "signed maximum";
    VMaxU         "vmax_u"        [V128 V128]       V128    None     PURE     "unsigned maximum";
    VMinPos       "vmin_pos"      [V128]            V128    None     PURE     "smallest unsigned h8 lane in lane 0, its number in lane 1 (PHMINPOSUW)";
    VAvg          "vavg"          [V128 V128]       V128    None     PURE     "unsigned average, rounded up (b16, h8)";
    VAbs          "vabs"          [V128]            V128    None     PURE     "absolute value";
    VSign         "vsign"         [V128 V128]       V128    None     PURE     "first negated, zeroed or kept by the sign of second (PSIGN)";
    VAddPair      "vadd_pair"     [V128 V128]       V128    None     PURE     "wrapping sums of neighbouring lanes, first's then second's (PHADD)";
    VSubPair      "vsub_pair"     [V128 V128]       V128    None     PURE     "even minus odd lane, first's then second's (PHSUB)";
    VAddPairSat   "vadd_pair_sat" [V128 V128]       V128    None     PURE     "as vadd_pair with signed saturation (h8)";
    VSubPairSat   "vsub_pair_sat" [V128 V128]       V128    None     PURE     "as vsub_pair with signed saturation (h8)";
    VCmpEq        "vcmp_eq"       [V128 V128]       V128    None     PURE     "all ones where equal, else zero";
    VCmpGt        "vcmp_gt"       [V128 V128]       V128    None     PURE     "all ones where first is greater (signed), else zero";
    VAnd          "vand"          [V128 V128]       V128    None     PURE     "bitwise and";
    VOr           "vor"           [V128 V128]       V128    None     PURE     "bitwise or";
    VXor          "vxor"          [V128 V128]       V128    None     PURE     "bitwise exclusive or";
    VAndNot       "vand_not"      [V128 V128]       V128    None     PURE     "complement of first, and second (PANDN)";
    VSelect       "vselect"       [V128 V128 V128]  V128    None     PURE     "bits of second where first has ones, of third where zeros";
    VShl          "vshl"          [V128]            V128    Control  PURE     "shift lanes left by imm; zero from the lane's width on";
    VShr          "vshr"          [V128]            V128    Control  PURE     "logical shift right by imm; zero from the lane's width on";
    VSar          "vsar"          [V128]            V128    Control  PURE     "arithmetic shift right by imm, at most by the width less one";
    VShlBy        "vshl_by"       [V128 V128]       V128    None     PURE     "as vshl, by the low 64 bits of second";
    VShrBy        "vshr_by"       [V128 V128]       V128    None     PURE     "as vshr, by the low 64 bits of second";
    VSarBy        "vsar_by"       [V128 V128]       V128    None     PURE     "as vsar, by the low 64 bits of second";
    // Vector arrangement
    VExt          "vext"          [V128 V128]       V128    Control  PURE     "sixteen bytes from byte imm (0..=16) of first followed by second";
    VUnpackLo     "vunpack_lo"    [V128 V128]       V128    None     PURE     "lanes of the low halves interleaved, first's first";
    VUnpackHi     "vunpack_hi"    [V128 V128]       V128    None     PURE     "lanes of the high halves interleaved, first's first";
    VPackS        "vpack_s"       [V128 V128]       V128    None     PURE     "signed lanes (h8, s4) narrowed with signed saturation, first's then second's";
    VPackU        "vpack_u"       [V128 V128]       V128    None     PURE     "signed lanes (h8, s4) narrowed with unsigned saturation, first's then second's";
    VWidenS       "vwiden_s"      [V128]            V128    None     PURE     "lanes of the low half sign-extended to twice the width";
    VWidenU       "vwiden_u"      [V128]            V128    None     PURE     "lanes of the low half zero-extended to twice the width";
    VShuffle      "vshuffle"      [V128 V128]       V128    Control  PURE     "low lanes chosen from first, high lanes from second: imm as in SHUFPS (s4), SHUFPD (d2)";
    VShuffleLo    "vshuffle_lo"   [V128]            V128    Control  PURE     "low four h8 lanes rearranged, imm as in PSHUFLW";
    VShuffleHi    "vshuffle_hi"   [V128]            V128    Control  PURE     "high four h8 lanes rearranged, imm as in PSHUFHW";
    VTable        "vtable"        [V128 V128]       V128    None     PURE     "bytes of first chosen by the low four bits of second's; zero where its bit 7 is set (PSHUFB)";
    VMoveMask     "vmove_mask"    [V128]            I32     None     PURE     "the lanes' sign bits";
    VTest         "vtest"         [V128 V128]       None    None     PURE     "ZF: no common bit; CF: no bit of second outside first; OF SF AF PF cleared (PTEST)";
    VBlend        "vblend"        [V128 V128]       V128    Control  PURE     "lanes of second where imm has a bit, of first elsewhere";
    // Cryptography: crate::crypto. The backend calls helpers where the host lacks the instructions
    Crc32         "crc32"         [I32 Int]         I32     Control  PURE     "CRC-32C of first over the low imm bits (8, 16, 32) of second (CRC32)";
    VAes          "vaes"          [V128 V128]       V128    Control  PURE     "AES round with key second; imm 0 AESENC, 1 AESENCLAST, 2 AESDEC, 3 AESDECLAST";
    VAesImc       "vaes_imc"      [V128]            V128    None     PURE     "inverse MixColumns (AESIMC)";
    VAesKey       "vaes_key"      [V128]            V128    None     PURE     "AESKEYGENASSIST with constant 0";
    VClmul        "vclmul"        [V128 V128]       V128    Control  PURE     "carry-less product of halves, imm as in PCLMULQDQ (bits 0 and 4)";
    VSha1         "vsha1"         [V128 V128]       V128    Control  PURE     "four rounds of SHA-1, imm as in SHA1RNDS4 (0..=3)";
    VSha256       "vsha256"       [V128 V128 V128]  V128    None     PURE     "two rounds of SHA-256, third is XMM0 (SHA256RNDS2)";
    VSha256Su0    "vsha256_su0"   [V128 V128]       V128    None     PURE     "message schedule (SHA256MSG1)";
    VSha256Su1    "vsha256_su1"   [V128 V128]       V128    None     PURE     "message schedule (SHA256MSG2)";
    // SSE floating point; NaNs, min and max as the SDM's table 4-7 says
    FAdd          "fadd"          [V128 V128]       V128    None     FP       "sum";
    FSub          "fsub"          [V128 V128]       V128    None     FP       "difference";
    FMul          "fmul"          [V128 V128]       V128    Control  FP       "product; imm as in fadd_pair";
    FDiv          "fdiv"          [V128 V128]       V128    None     FP       "quotient";
    FSqrt         "fsqrt"         [V128 V128]       V128    None     FP       "square root of second; packed lanes ignore first";
    FMin          "fmin"          [V128 V128]       V128    None     FP       "first if less, else second (also for NaNs and two zeros)";
    FMax          "fmax"          [V128 V128]       V128    None     FP       "first if greater, else second (also for NaNs and two zeros)";
    FAddSub       "fadd_sub"      [V128 V128]       V128    None     FP       "difference in even lanes, sum in odd ones (ADDSUBPS)";
    FAddPair      "fadd_pair"     [V128 V128]       V128    Control  FP       "sums of neighbouring lanes, first's then second's (HADDPS); imm 1: which NaN it is does not matter, 2: a NaN may be left to the interpreter";
    FSubPair      "fsub_pair"     [V128 V128]       V128    None     FP       "even minus odd lane, first's then second's (HSUBPS)";
    FCmp          "fcmp"          [V128 V128]       V128    Control  FP       "all ones where predicate imm (0..=7 as in CMPPS) holds, else zero";
    FComi         "fcomi"         [V128 V128]       None    Control  FP       "compare lane 0 into ZF PF CF, clear OF SF AF; imm 1: a quiet NaN is invalid too (COMISS)";
    FRound        "fround"        [V128 V128]       V128    Control  FP       "second rounded to integral, imm as in ROUNDPS; packed lanes ignore first";
    FToInt        "f_to_int"      [V128]            T       Control  FP       "lane 0 to a signed integer; imm 1: truncate. Invalid: 0x80000000";
    IntToF        "int_to_f"      [V128 I32]        V128    None     FP       "first with lane 0 replaced by the signed integer as a float";
    VFToInt       "vf_to_int"     [V128]            V128    Control  FP       "f32x4, f64x2 lanes to signed s4 (two of them in the low half, the rest zero); imm 1: truncate";
    VIntToF       "vint_to_f"     [V128]            V128    None     FP       "signed s4 lanes (the low two for f64x2) to floats";
    FWiden        "fwiden"        [V128 V128]       V128    None     FP       "f32 lane 0 of second to f64; f32x4: its low two, first ignored";
    FNarrow       "fnarrow"       [V128 V128]       V128    None     FP       "f64 lane 0 of second to f32; f64x2: both to the low half, the rest zero, first ignored";
    TrapDenormal  "trap_denormal" [V128 V128]       None    Trap     TRAPS    "leave with the trap at this instruction if DE and DAZ are clear and a lane that takes part is a denormal, in either argument";
    VDaz          "vdaz"          [V128]            V128    None     READS    "if DAZ is set, denormals among the lanes that take part become zeros of their sign";
    GetMxcsr      "get_mxcsr"     []                I32     None     READS    "MXCSR with the sticky flags so far";
    SetMxcsr      "set_mxcsr"     [I32]             None    None     WRITES   "write MXCSR; reserved bits are the frontend's concern";
}

/// `ALL` and the lane rows rely on opcodes fitting a byte.
const _: () = assert!(Opcode::ALL.len() <= 256);

/// CALL is a state effect of its own; spelled here so that the table above stays aligned.
const TRAPS: Effects = Effects::TRAPS;
const FENCE: Effects = Effects::FENCE;
const CALL: Effects = Effects::CALL;
const FP: Effects = Effects::FP;
const X87: Effects = Effects::X87;
const LOADGP: Effects = Effects::LOAD.and(Effects::TRAPS);
const STOREGP: Effects = Effects::STORE.and(Effects::TRAPS);
const X87STORE: Effects = Effects::X87.and(Effects::STORE);

impl Opcode {
    /// The opcode with this name in the text form.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|op| op.name() == name)
    }

    /// Whether the operands begin with base and index of a memory operand or address.
    pub fn has_address(self) -> bool {
        self.imm() == ImmKind::Disp
    }

    /// Whether AF is undefined after the operation, if it is among the flags it writes (SDM vol. 1, appendix A): the interpreter clears
    /// it, emitted code leaves anything. Nothing may depend on it.
    pub fn leaves_adjust_undefined(self) -> bool {
        use Opcode::*;
        matches!(self, And | Or | Xor | Shl | Shr | Sar | Shld | Shrd)
    }

    /// Whether a masked count of zero leaves the flags alone.
    pub fn is_shift(self) -> bool {
        use Opcode::*;
        matches!(self, Shl | Shr | Sar | Rol | Ror | Rcl | Rcr | Shld | Shrd)
    }

    /// Flags an instruction of this opcode may define; a row that is not listed defines none.
    pub fn writes_flags(self) -> FlagSet {
        use Opcode::*;
        match self {
            SetFlags | Add | Sub | Adc | Sbb | And | Or | Xor | Shl | Shr | Sar | Shld | Shrd | VTest | FComi | X87 => {
                FlagSet::ALL
            }
            MulWideU | MulWideS => FlagSet::NZCV,
            Rol | Ror | Rcl | Rcr => FlagSet::CF.with(FlagSet::OF),
            SetCarry | FlipCarry => FlagSet::CF,
            _ => FlagSet::NONE,
        }
    }

    /// Result type.
    #[inline]
    pub fn result(self) -> ResTy {
        self.facts().result
    }

    /// Meaning of the immediate.
    #[inline]
    pub fn imm(self) -> ImmKind {
        self.facts().imm
    }

    /// Effects.
    #[inline]
    pub fn effects(self) -> Effects {
        self.facts().effects
    }

    /// Number of arguments, absent ones included.
    #[inline]
    pub fn arg_count(self) -> usize {
        usize::from(self.facts().args)
    }

    /// Whether flags matter to an instruction of this opcode even if it writes none: it may read some, or trap.
    #[inline]
    pub fn needs_flags(self) -> bool {
        self.facts().needs_flags
    }

    #[inline(always)]
    fn facts(self) -> &'static Facts {
        &FACTS[self as usize]
    }

    /// Flags read whatever the immediate is; `Inst::reads_flags` adds what depends on it.
    pub(crate) const fn reads_flags(self) -> FlagSet {
        match self {
            Self::Adc | Self::Sbb | Self::Rcl | Self::Rcr | Self::FlipCarry => FlagSet::CF,
            _ => FlagSet::NONE,
        }
    }
}

/// What the passes ask of every instruction, so that they look it up instead of going through a `match`.
#[derive(Clone, Copy)]
struct Facts {
    args: u8,
    result: ResTy,
    imm: ImmKind,
    effects: Effects,
    needs_flags: bool,
}

static FACTS: [Facts; 256] = {
    let mut facts = [Opcode::ALL[0].row(); 256];
    let mut index = 0;
    while index < Opcode::ALL.len() {
        let op = Opcode::ALL[index];
        let row = op.row();
        let reads = matches!(row.imm, ImmKind::Cc | ImmKind::Flags) || !op.reads_flags().is_empty();
        facts[index] = Facts { needs_flags: reads || row.effects.has(Effects::TRAPS), ..row };
        index += 1;
    }
    facts
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for op in Opcode::ALL {
            assert_eq!(Opcode::from_name(op.name()), Some(*op));
            assert!(op.args().len() <= crate::inst::MAX_ARGS);
        }
    }
}
