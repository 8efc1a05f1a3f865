//! The register convention of translated code: one table, read by allocation, emission, trampolines and recovery.
//!
//! | host | holds while translated code runs |
//! |---|---|
//! | x0-x6, x8-x15 | temporaries of a block, arguments and results of helpers; x8-x15 belong to an x87 operation while it runs |
//! | w7 | AF: its bit 4 is that of `CpuState::af_raw` |
//! | x16, x17 | scratch of one emitted sequence; arguments of the runtime's stubs at exits |
//! | w18 | PF: a result whose low byte has the parity, `CpuState::pf_raw`; the platform register, which Linux leaves alone |
//! | x19-x26 | EAX ECX EDX EBX ESP EBP ESI EDI, upper halves always zero |
//! | x27 | base of the lookup table; host code addresses are 32-bit offsets from it |
//! | x28 | `CpuState` of the thread; [`MMX_TAG`], which accesses ignore, is set in MMX state with all tags valid |
//! | x29 | top of the shadow stack of return addresses, grows down |
//! | x30 | third scratch of one emitted sequence; written by `bl` of guest calls |
//! | sp | ferry's own stack, 16-byte aligned, free below; lowered only within one emitted sequence (around helpers) |
//! | v0-v7, v24-v31 | temporaries |
//! | v8-v15 | MM0-MM7 in MMX state (`ir::guest::X87Live::MMX`), see [`MM_BASE`] |
//! | v16-v23 | XMM0-XMM7 |
//! | NZCV | SF ZF !CF OF at entries, calls and returns; elsewhere the emitter tracks the polarity of C |
//!
//! Everything else of the guest is in `CpuState` at all times. x19-x29 are callee-saved in AAPCS64, so helpers preserve
//! the guest's general registers; v16-v23, the upper halves of v8-v15, NZCV, PF and AF are saved around helpers.
use ir::guest::state::offset;
use ir::guest::{Gpr, Mm, Xmm};

/// Host register that pins EAX; the other general registers follow in encoding order.
pub const GPR_BASE: u8 = 19;
/// Host vector register that pins XMM0.
pub const XMM_BASE: u8 = 16;
/// Host vector register that pins MM0 in MMX state. The low half is the register; the upper half is the complement of the sign and
/// the exponent of the x87 register, so that instructions which clear the upper half make those all ones, as MMX does.
pub const MM_BASE: u8 = 8;
/// Bit of x28 that is set in MMX state with all tags valid; in MMX state without it, all are empty (behind EMMS). Accesses of
/// memory ignore bits 56 to 63 of a base register (Arm ARM D8.8, top-byte ignore; Linux has it on for every process). Nothing
/// else sees the register: what leaves translated code and what calls compiled code clear the bit.
pub const MMX_TAG: u32 = 63;
/// Pins the word that gives PF.
pub const PF: u8 = 18;
/// Pins the word that gives AF; relative to [`PF`], as `CpuState` says.
pub const AF: u8 = 7;
/// Lookup table base.
pub const LOOKUP: u8 = 27;
/// Pointer to `CpuState`.
pub const STATE: u8 = 28;
/// Shadow stack pointer.
pub const SHADOW: u8 = 29;
/// Link register.
pub const LR: u8 = 30;
/// First scratch register of an emitted sequence; carries the guest address to stubs.
pub const SCRATCH0: u8 = 16;
/// Second scratch register; carries a stub's second argument.
pub const SCRATCH1: u8 = 17;
/// General registers the allocator may use, in order of preference.
pub const TEMPS: [u8; 15] = [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15];
/// Of these, those that x87 operations use while they run.
pub const X87_TEMPS: [u8; 8] = [8, 9, 10, 11, 12, 13, 14, 15];
/// Vector registers the allocator may use; v30 and v31 are the emitter's scratch.
pub const VTEMPS: [u8; 14] = [0, 1, 2, 3, 4, 5, 6, 7, 24, 25, 26, 27, 28, 29];
/// Vector scratch registers of an emitted sequence.
pub const VSCRATCH: [u8; 2] = [30, 31];

/// Entries of the lookup table (a power of two); indexed by the low bits of the guest address.
///
/// An entry is one `u64`: guest address in the low half, code offset from the table's base in the high half. Reading it
/// is a single load, so threads may read while another writes. An empty entry holds a key that cannot match its slot.
pub const LOOKUP_ENTRIES: u32 = 1 << 16;

/// Counted code is hot once this bit of its counter is set.
pub const HOT_BIT: u32 = 9;

/// Offset from `CpuState` of the word polled at loop back-edges with `ldr wzr, [x28, #POLL]`. Its page becomes
/// inaccessible when the thread is asked to leave; the fault handler turns that into `Exit::Interrupted`.
pub const POLL: u32 = 8192;

/// A shadow stack entry: guest return address (zero-extended to 64 bits), then the host address to return to.
pub const SHADOW_ENTRY: u32 = 16;

/// Offset from `CpuState` of word `n` of the backend's own words.
pub const fn host_word(n: u32) -> u32 {
    offset::HOST + 8 * n
}

/// Offset from `CpuState` of the guest's NZCV while an x87 operation uses the host's.
pub const X87_NZCV: u32 = host_word(13);

/// Words of `CpuState::host` from here on are spill slots of the allocator (8 bytes each; a vector takes two).
pub const SPILL_FIRST_WORD: u32 = 24;
/// Number of spill words.
pub const SPILL_WORDS: u32 = 40;

/// The host register that pins a guest register.
pub const fn pinned_gpr(reg: Gpr) -> u8 {
    GPR_BASE + reg as u8
}

/// The host vector register that pins a guest MMX register.
pub const fn pinned_mm(reg: Mm) -> u8 {
    MM_BASE + reg as u8
}

/// Whether a host vector register pins a guest XMM register.
pub const fn is_pinned_xmm(reg: u8) -> bool {
    reg >= XMM_BASE && reg < XMM_BASE + 8
}

/// The host vector register that pins a guest XMM register.
pub const fn pinned_xmm(reg: Xmm) -> u8 {
    XMM_BASE + reg as u8
}
