//! What code generation hands to the runtime: position-independent bytes and what to know about them.
use ir::guest::{CpuState, GuestAddr, GuestRange};

/// A byte offset into one region's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeOffset(pub u32);

/// A routine of the runtime that generated code branches to. All pinned registers are live at the branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stub {
    /// Leave to find or make the region for the guest address in w16, then patch the link site whose host address is in
    /// x17. Reached only from a link site's own stub code.
    Link,
    /// Leave to find or make the region for the guest address in w16 (lookup table miss).
    Miss,
    /// A return whose shadow entry did not match: w16 is the guest address; resynchronise the shadow stack, then as an
    /// indirect branch.
    RetMiss,
    /// Leave with trap number w17; w16 is the eip to report.
    Trap,
    /// Count in the counter whose number is in x17. Once it is hot, leave to find or make what is to take the place of the
    /// code. `bl` to it; preserves all but x16, x17, x30.
    Count,
    /// Execute the single guest instruction at w16 by other means, then go on after it.
    Single,
    /// Call the helper whose address is in x16; arguments are in x1-x4, the stub puts `CpuState` in x0. Preserves
    /// v8-v23 and the pinned registers, not NZCV. `bl` to it; result in x0.
    Helper,
    /// A routine of the x87; `bl` to it.
    X87(X87Routine),
}

/// Routines that operations on the x87 registers call, with a convention of their own. a is x14 (significand) and w15 (sign in
/// bit 31, exponent), b x12 and w13, both in the live form; the result takes a's place. x17 points at the [`X87Site`]. x8-x10,
/// x12-x16 and NZCV may change, nothing else does. C1 is written where arithmetic defines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum X87Routine {
    /// Puts the state at rest; changes no register but the mark in x28 and what is MMX state's, and wants no site.
    Rest,
    /// Makes the state live as the site says, or leaves the instruction to the interpreter. Changes no register, likewise.
    Enter,
    /// Makes the state that of MMX instructions, or leaves the site's instruction to the interpreter. Changes x16 and, in the former
    /// case, v8-v15 and the mark in x28.
    Mmx,
    /// The site's helper on the state at rest. a is the site's result register afterwards, x9 what the helper gave.
    Slow,
    /// a + b.
    Add,
    /// a - b.
    Sub,
    /// b - a.
    Subr,
    /// a * b.
    Mul,
    /// a / b.
    Div,
    /// b / a.
    Divr,
    /// The square root of a.
    Sqrt,
    /// Compares a with b into the condition codes; a stays.
    Com,
    /// The same into Z and C as a subtraction leaves them; w9 is a raw value of PF. N and V may be anything.
    Comi,
    /// a := the integer in x11. No site.
    IntA,
    /// b := the integer in x11. No site.
    IntB,
    /// a is a register whose integer bit is clear: `Slow` unless its exponent is zero. Changes x16 alone.
    Extended,
    /// x9 := a as f32, w10 := C1, or bit 1 set if `Commit` is to follow. a stays.
    ToF32,
    /// The same as f64.
    ToF64,
    /// The same as an integer of w8 bits.
    ToInt,
    /// The same towards zero.
    Truncate,
    /// FLDCW of w11.
    SetCw,
}

impl X87Routine {
    /// Every routine, in order.
    pub const ALL: [Self; 21] = {
        use X87Routine::*;
        [
            Rest, Enter, Mmx, Slow, Add, Sub, Subr, Mul, Div, Divr, Sqrt, Com, Comi, IntA, IntB, Extended, ToF32,
            ToF64, ToInt, Truncate, SetCw,
        ]
    };

    /// The routine that does the same with a and b exchanged.
    pub fn swapped(self) -> Self {
        match self {
            Self::Sub => Self::Subr,
            Self::Subr => Self::Sub,
            Self::Div => Self::Divr,
            Self::Divr => Self::Div,
            same => same,
        }
    }
}

/// What memory lacks of the x87 state at some place in code, known statically there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct X87Fix {
    bits: u32,
    fip: u32,
}

impl X87Fix {
    /// Nothing.
    pub const NONE: Self = Self { bits: 0, fip: 0 };

    /// TOP, registers that are filled and emptied, and whether C1 is zero.
    pub fn new(top: u8, filled: u8, emptied: u8, c1_zero: bool) -> Self {
        let bits =
            1 << 24 | u32::from(top) | u32::from(c1_zero) << 3 | u32::from(filled) << 8 | u32::from(emptied) << 16;
        Self { bits, fip: 0 }
    }

    /// Besides, FIP.
    pub fn with_fip(self, fip: Option<GuestAddr>) -> Self {
        fip.map_or(self, |fip| Self { bits: self.bits | 1 << 26, fip: fip.0 })
    }

    /// FIP, if memory lacks it.
    pub fn fip(self) -> Option<GuestAddr> {
        (self.bits >> 26 & 1 != 0).then_some(GuestAddr(self.fip))
    }

    /// Memory has TOP already.
    pub fn with_top_known(self, known: bool) -> Self {
        Self { bits: self.bits | u32::from(known) << 4, ..self }
    }

    /// Whether memory has TOP already.
    pub const fn top_known(self) -> bool {
        self.bits & 0x10 != 0
    }

    /// Besides, the guest's NZCV is at `X87Site::SAVED_NZCV`.
    pub fn with_saved_flags(self, saved: bool) -> Self {
        Self { bits: self.bits | u32::from(saved) << 25, ..self }
    }

    /// Whether the guest's NZCV is at `X87Site::SAVED_NZCV`.
    pub const fn saved_flags(self) -> bool {
        self.bits >> 25 & 1 != 0
    }

    /// Whether the stack in memory lacks something.
    pub const fn has_stack(self) -> bool {
        self.bits >> 24 & 1 != 0
    }

    /// From what `to_bits` gave, without FIP.
    pub const fn from_bits(bits: u32) -> Self {
        Self { bits: bits & !(1 << 26), fip: 0 }
    }

    /// As a number without FIP's value, zero for nothing.
    pub const fn to_bits(self) -> u32 {
        self.bits
    }

    /// Whether FIP comes with these bits.
    pub const fn bits_have_fip(bits: u32) -> bool {
        bits >> 26 & 1 != 0
    }

    /// Whether there is nothing to do.
    pub const fn is_none(self) -> bool {
        self.bits == 0
    }

    /// TOP.
    pub const fn top(self) -> u8 {
        self.bits as u8 & 7
    }

    /// Whether C1 is zero.
    pub const fn c1_zero(self) -> bool {
        self.bits & 8 != 0
    }

    /// Registers that are filled, by place.
    pub const fn filled(self) -> u8 {
        (self.bits >> 8) as u8
    }

    /// Registers that are empty, by place.
    pub const fn emptied(self) -> u8 {
        (self.bits >> 16) as u8
    }

    /// Brings stack and FIP up to date.
    pub fn apply(self, state: &mut CpuState) {
        self.apply_fip(state);
        if self.has_stack() {
            let live = &mut state.live;
            live.top = self.top();
            live.ftw = (live.ftw | self.filled()) & !self.emptied();
            live.c1 &= u8::from(!self.c1_zero());
        }
    }

    /// Brings FIP up to date.
    pub fn apply_fip(self, state: &mut CpuState) {
        if let Some(fip) = self.fip() {
            state.fip = fip.0;
        }
    }
}

/// A place in code where an x87 routine is called: what the slow way needs to know. Six words in the region's code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct X87Site {
    /// The helper's number.
    pub helper: u16,
    /// The place of the register that is the result, or `NO_RESULT`.
    pub result: u8,
    /// The host register with the helper's first argument, if it has one that is not constant.
    pub operand: Option<u8>,
    /// Constant arguments otherwise.
    pub args: [u8; 3],
    /// What memory lacks before the instruction; for `Enter`, where ST(0) is wanted.
    pub fix: X87Fix,
    /// The guest instruction.
    pub eip: GuestAddr,
    /// For `Enter`: places that must be filled.
    pub full: u8,
    /// For `Enter`: places that must be empty.
    pub empty: u8,
    /// C is the guest's CF.
    pub carry_direct: bool,
}

impl X87Site {
    /// No register is the result.
    pub const NO_RESULT: u8 = 8;
    /// Where the guest's NZCV is while operations use the host's, as an offset in `CpuState`.
    pub const SAVED_NZCV: u32 = super::abi::X87_NZCV;

    /// As words of code.
    pub fn words(&self) -> [u32; 6] {
        let [a, b, c] = self.args.map(u32::from);
        let flags = u32::from(self.carry_direct) | u32::from(self.fix.saved_flags()) << 1;
        [
            u32::from(self.helper) | u32::from(self.result) << 16 | u32::from(self.operand.unwrap_or(0xff)) << 24,
            self.fix.to_bits(),
            a | b << 8 | c << 16 | flags << 24,
            self.eip.0,
            u32::from(self.full) | u32::from(self.empty) << 8,
            self.fix.fip,
        ]
    }

    /// From its words.
    pub fn from_words(words: [u32; 6]) -> Self {
        let [place, fix, args, eip, masks, fip] = words;
        let fip = X87Fix::bits_have_fip(fix).then_some(GuestAddr(fip));
        let byte = |word: u32, n: u32| (word >> (8 * n)) as u8;
        Self {
            helper: place as u16,
            result: byte(place, 2),
            operand: Some(byte(place, 3)).filter(|n| *n < 32),
            args: [0, 1, 2].map(|n| byte(args, n)),
            fix: X87Fix::from_bits(fix).with_fip(fip),
            eip: GuestAddr(eip),
            full: byte(masks, 0),
            empty: byte(masks, 1),
            carry_direct: args >> 24 & 1 != 0,
        }
    }
}

/// A branch to a [`Stub`] to be resolved when the code is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reloc {
    /// Where the `b` or `bl` instruction is (its imm26 is zero so far).
    pub at: CodeOffset,
    /// What it branches to.
    pub stub: Stub,
}

/// Whether a link site is a `b` or a `bl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// `b`: a jump out of the region.
    Jump,
    /// `bl`: a guest call.
    Call,
}

/// A direct branch out of the region. It first goes to its own stub code inside the region, which branches to
/// [`Stub::Link`]; once the target exists the runtime patches the instruction to go there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkSite {
    /// Where the `b` or `bl` is.
    pub at: CodeOffset,
    /// Which of the two.
    pub kind: LinkKind,
    /// Where the guest wants to go.
    pub target: GuestAddr,
    /// The stub code to restore when the link is taken back.
    pub stub: CodeOffset,
    /// Whether it leaves with the guest's CF itself in C. It then links to [`EntryPoint::direct`] only; its stub code
    /// turns the carry and is a link site like any other.
    pub carry_direct: bool,
}

/// A place where control may come from outside, with all guest state pinned and NZCV canonical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryPoint {
    /// The guest address.
    pub guest: GuestAddr,
    /// Where its code is.
    pub at: CodeOffset,
    /// Where to come with the guest's CF itself in C instead of its inverse, if there is such a way in.
    pub direct: Option<CodeOffset>,
}

/// From `at` up to the next entry, host instructions belong to the guest instruction at `eip`. Guest state is that
/// before the instruction (nothing of it is written yet) wherever one of them can fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PcEntry {
    /// First host instruction.
    pub at: CodeOffset,
    /// The guest instruction.
    pub eip: GuestAddr,
    /// Whether the host's C flag is the guest's CF here rather than its inverse.
    pub carry_direct: bool,
    /// What the x87 state in memory lacks.
    pub x87: X87Fix,
}

/// One region's code.
#[derive(Clone, Debug, Default)]
pub struct CompiledRegion {
    /// A64 instructions, little-endian; a multiple of four bytes.
    pub code: Vec<u8>,
    /// The region's entry first, then return addresses of its calls.
    pub entries: Vec<EntryPoint>,
    /// Branches out of the region.
    pub links: Vec<LinkSite>,
    /// Branches to the runtime.
    pub relocs: Vec<Reloc>,
    /// Sorted by `at`.
    pub pc_map: Vec<PcEntry>,
    /// The guest bytes it stands for.
    pub ranges: Vec<GuestRange>,
    /// Guest instructions translated.
    pub insns: u32,
}
