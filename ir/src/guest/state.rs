//! The guest CPU state as one `repr(C)` record, and the offsets generated code uses. Nobody else writes an offset.
//!
//! While translated code runs, `gpr`, `xmm`, `pf_raw` and `af_raw` live in pinned host registers and the four flags S Z C O in the
//! host's NZCV; everything else lives here all the time, but for the x87 registers in MMX state. At every exit the record is complete.
use super::addr::GuestAddr;
use super::descriptor::Descriptor;
use super::flags::FlagSet;
use super::reg::{Gpr, Seg};
use super::x87_live::X87Live;

/// An x87 register: 80 bits in 16 bytes. MMX registers are the significands. While the state is live ([`X87Live`]) the sign
/// is in the topmost bit of the third half word instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(16))]
pub struct St {
    /// The 64-bit significand with its explicit integer bit.
    pub mantissa: u64,
    /// Sign in bit 15, biased exponent below.
    pub sign_exponent: u16,
    pub(super) live_sign: u16,
    reserved: [u16; 2],
}

impl St {
    /// A register with these two parts.
    pub const fn new(sign_exponent: u16, mantissa: u64) -> Self {
        Self { mantissa, sign_exponent, live_sign: 0, reserved: [0; 2] }
    }
}

impl St {
    /// The second word of a register of the live state: sign in bit 31, exponent below bit 15.
    pub fn live_word(&self) -> u32 {
        u32::from(self.sign_exponent) | u32::from(self.live_sign) << 16
    }
}

/// System and control flags of eflags that a user program can change: TF, NT, AC, ID.
pub const EFLAGS_USER_SYSTEM: u32 = 1 << 8 | 1 << 14 | 1 << 18 | 1 << 21;
/// eflags bits that always read as one for a user program: bit 1 and IF.
pub const EFLAGS_FIXED: u32 = 1 << 1 | 1 << 9;
/// DF in eflags.
pub const EFLAGS_DF: u32 = 1 << 10;

/// In `segment_wanted`: the descriptor is not known yet.
const SEGMENT_ASKED: u32 = 1 << 16;
/// In `segment_wanted`: `segment_answer` holds it.
const SEGMENT_ANSWERED: u32 = 1 << 17;
/// In `segment_wanted`: where the number of the segment register begins, or [`DESCRIBE`].
const SEGMENT_FOR: u32 = 18;
/// Instead of a segment register: LAR, LSL, VERR, VERW.
const DESCRIBE: u32 = 7;
/// In `segmented`: the next instruction loads a segment that translated code cannot work with.
const SEGMENTED_SOON: u32 = 1 << 7;

/// Words the backend keeps beside the guest state: lookup and shadow stack addresses, saved host registers.
pub const HOST_WORDS: usize = 64;

/// The state of one guest thread's CPU. Hot fields first; within 504 bytes for `ldp`/`stp` of 64-bit pairs.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct CpuState {
    /// EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI.
    pub gpr: [u32; 8],
    /// The instruction pointer, an offset in the code segment, exact at every exit.
    pub eip: u32,
    /// N Z C V in bits 31..28 as A64's NZCV register has them: SF, ZF, *inverted* CF, OF.
    pub nzcv: u32,
    /// PF is the even parity of the low byte.
    pub pf_raw: u32,
    /// AF is bit 4 of this exclusive or `pf_raw`: after a sum, the operands' exclusive or; `pf_raw` itself for AF clear.
    /// They are neighbours, so that one instruction moves both.
    pub af_raw: u32,
    /// +1 or -1: what string instructions step by, DF in another form.
    pub df_step: i32,
    /// The bits of [`EFLAGS_USER_SYSTEM`] that are set.
    pub eflags_system: u32,
    /// How translated code holds the x87 state.
    pub live: X87Live,
    /// Selectors of ES, CS, SS, DS, FS, GS.
    pub selector: [u16; 6],
    /// Base addresses of the same segments.
    pub seg_base: [u32; 6],
    /// Access rights of the same segments.
    pub seg_rights: [u32; 6],
    /// Last offset of the same segments.
    pub seg_limit: [u32; 6],
    /// One past the last offset where that is all there is to check; else 0.
    pub seg_end: [u64; 6],
    /// Bit i: segment register i holds what translated code takes for granted to be otherwise, so the interpreter runs.
    pub segmented: u32,
    /// Not zero: the latest instruction loaded SS, and no single-step trap comes before the next is done.
    pub after_mov_ss: u32,
    /// MXCSR.
    pub mxcsr: u32,
    /// x87 control word.
    pub fcw: u16,
    /// x87 status word with TOP (bits 13..11) zero; TOP is in `top`.
    pub fsw: u16,
    /// Index of ST(0) among the physical registers, 0..=7.
    pub top: u32,
    /// Bit i set: physical register i is not empty (the abridged tag word of FXSAVE).
    pub ftw: u8,
    reserved0: u8,
    /// Opcode of the latest x87 instruction that raised an unmasked exception, 11 bits.
    pub fop: u16,
    /// Address of the latest x87 instruction that is no control instruction. (What translated code has not stored yet, it knows.)
    pub fip: u32,
    /// Offset of the memory operand of the latest x87 instruction that had one and raised an unmasked exception.
    pub fdp: u32,
    /// A selector that an instruction wants to load, with the bits `SEGMENT_ASKED` or `SEGMENT_ANSWERED`; 0 for none.
    segment_wanted: u32,
    /// The descriptor that belongs to it, once answered.
    segment_answer: Descriptor,
    /// Physical x87 registers.
    pub st: [St; 8],
    /// XMM0..XMM7.
    pub xmm: [u128; 8],
    /// V128 arguments and result of helpers: argument i in `scratch[i]`, result in `scratch[0]`.
    pub scratch: [u128; 4],
    /// The backend's own words; zero outside a running engine.
    pub host: [u64; HOST_WORDS],
}

impl Default for CpuState {
    fn default() -> Self {
        Self {
            gpr: [0; 8],
            eip: 0,
            nzcv: 1 << 29,
            pf_raw: 1,
            af_raw: 1,
            df_step: 1,
            eflags_system: 0,
            selector: [0x2b, 0x23, 0x2b, 0x2b, 0, 0],
            seg_base: [0; 6],
            seg_rights: [
                Descriptor::FLAT_DATA.rights,
                Descriptor::FLAT_CODE.rights,
                Descriptor::FLAT_DATA.rights,
                Descriptor::FLAT_DATA.rights,
                0,
                0,
            ],
            seg_limit: [u32::MAX, u32::MAX, u32::MAX, u32::MAX, 0, 0],
            seg_end: [1 << 32, 1 << 32, 1 << 32, 1 << 32, 0, 0],
            segmented: 0,
            after_mov_ss: 0,
            mxcsr: 0x1f80,
            fcw: 0x37f,
            fsw: 0,
            top: 0,
            ftw: 0,
            reserved0: 0,
            fop: 0,
            fip: 0,
            fdp: 0,
            segment_wanted: 0,
            segment_answer: Descriptor::NULL,
            live: X87Live::AWAY,
            st: [St::default(); 8],
            xmm: [0; 8],
            scratch: [0; 4],
            host: [0; HOST_WORDS],
        }
    }
}

impl CpuState {
    /// The value of a general-purpose register.
    pub fn get(&self, reg: Gpr) -> u32 {
        self.gpr[reg.index()]
    }

    /// Sets a general-purpose register.
    pub fn set(&mut self, reg: Gpr, value: u32) {
        self.gpr[reg.index()] = value;
    }

    /// The whole eflags register as PUSHFD would store it.
    pub fn eflags(&self) -> u32 {
        let nzcv = self.nzcv;
        let cf = !nzcv >> 29 & 1;
        let pf = u32::from((self.pf_raw as u8).count_ones() % 2 == 0);
        let af = u32::from(self.adjust());
        let (zf, sf, of) = (nzcv >> 30 & 1, nzcv >> 31, nzcv >> 28 & 1);
        let df = if self.df_step < 0 { EFLAGS_DF } else { 0 };
        cf | pf << 2 | af << 4 | zf << 6 | sf << 7 | of << 11 | df | self.eflags_system | EFLAGS_FIXED
    }

    /// CF.
    pub fn carry(&self) -> bool {
        self.nzcv & 1 << 29 == 0
    }

    /// AF.
    fn adjust(&self) -> bool {
        (self.af_raw ^ self.pf_raw) & 0x10 != 0
    }

    /// Sets the arithmetic flags in `mask` from the same bits of an eflags image.
    pub fn set_flags(&mut self, mask: FlagSet, eflags: u32) {
        if mask == FlagSet::ALL {
            let (sf, zf, cf, of) = (eflags >> 7 & 1, eflags >> 6 & 1, !eflags & 1, eflags >> 11 & 1);
            self.nzcv = sf << 31 | zf << 30 | cf << 29 | of << 28;
            self.pf_raw = !eflags >> 2 & 1;
            self.af_raw = self.pf_raw ^ eflags & 0x10;
            return;
        }
        let mut put = |flag: FlagSet, bit: u32, value: u32| {
            if mask.contains(flag) {
                self.nzcv = self.nzcv & !(1 << bit) | (value & 1) << bit;
            }
        };
        put(FlagSet::SF, 31, eflags >> 7);
        put(FlagSet::ZF, 30, eflags >> 6);
        put(FlagSet::CF, 29, !eflags);
        put(FlagSet::OF, 28, eflags >> 11);
        let adjust = if mask.contains(FlagSet::AF) { eflags & 0x10 != 0 } else { self.adjust() };
        if mask.contains(FlagSet::PF) {
            self.pf_raw = !eflags >> 2 & 1;
        }
        self.af_raw = self.pf_raw ^ u32::from(adjust) << 4;
    }

    /// What [`super::Trap::Segment`] asks about: a selector, and the segment register it is for; none for LAR and the like.
    pub fn segment_request(&self) -> Option<(u16, Option<Seg>)> {
        let seg = Seg::from_index((self.segment_wanted >> SEGMENT_FOR) as usize);
        (self.segment_wanted & SEGMENT_ASKED != 0).then_some((self.segment_wanted as u16, seg))
    }

    /// Answers the request: the instruction that asked, run again, works with this descriptor.
    pub fn answer_segment(&mut self, descriptor: Descriptor) {
        if let Some((_, Some(seg))) = self.segment_request() {
            self.segmented |= if descriptor.is_simple_in(seg) { 0 } else { SEGMENTED_SOON };
        }
        self.segment_wanted = self.segment_wanted & !SEGMENT_ASKED | SEGMENT_ANSWERED;
        self.segment_answer = descriptor;
    }

    /// The descriptor of a selector if that is what was answered last; an answer serves once. Otherwise it is asked for.
    pub(crate) fn take_segment(&mut self, selector: u16, seg: Option<Seg>) -> Option<Descriptor> {
        let wanted = u32::from(selector) | seg.map_or(DESCRIBE, |seg| seg as u32) << SEGMENT_FOR;
        self.segmented &= !SEGMENTED_SOON;
        if self.segment_wanted == wanted | SEGMENT_ANSWERED {
            self.segment_wanted = 0;
            return Some(self.segment_answer);
        }
        self.segment_wanted = wanted | SEGMENT_ASKED;
        None
    }

    /// Loads a segment register.
    pub fn set_segment(&mut self, seg: Seg, selector: u16, descriptor: Descriptor) {
        let i = seg.index();
        self.selector[i] = selector;
        self.seg_base[i] = descriptor.base;
        self.seg_rights[i] = descriptor.rights;
        self.seg_limit[i] = descriptor.limit;
        self.seg_end[i] = descriptor.end();
        let bit = 1 << i;
        self.segmented = self.segmented & !bit | if descriptor.is_simple_in(seg) { 0 } else { bit };
    }

    /// The linear address of the instruction at eip.
    pub fn linear_eip(&self) -> GuestAddr {
        GuestAddr(self.eip.wrapping_add(self.seg_base[Seg::Cs.index()]))
    }

    /// The descriptor in a segment register.
    pub fn segment(&self, seg: Seg) -> Descriptor {
        let i = seg.index();
        Descriptor { base: self.seg_base[i], limit: self.seg_limit[i], rights: self.seg_rights[i] }
    }

    /// Sets every bit of eflags that a user program can set: arithmetic flags, DF, TF, NT, AC, ID.
    pub fn set_eflags(&mut self, eflags: u32) {
        self.set_flags(FlagSet::ALL, eflags);
        self.df_step = if eflags & EFLAGS_DF != 0 { -1 } else { 1 };
        self.eflags_system = eflags & EFLAGS_USER_SYSTEM;
    }
}

/// Byte offsets of [`CpuState`]'s fields, for generated code.
pub mod offset {
    use super::CpuState;
    use std::mem::offset_of;

    macro_rules! offsets {
        ($($(#[$m:meta])* $name:ident = $field:ident),+ $(,)?) => {
            $(#[doc = concat!("Offset of `", stringify!($field), "`.")] pub const $name: u32 = offset_of!(CpuState, $field) as u32;)+
        };
    }

    offsets! {
        GPR = gpr, EIP = eip, NZCV = nzcv, PF_RAW = pf_raw, AF_RAW = af_raw, DF_STEP = df_step,
        EFLAGS_SYSTEM = eflags_system, SELECTOR = selector, SEG_BASE = seg_base,
        SEG_RIGHTS = seg_rights, SEG_LIMIT = seg_limit, SEG_END = seg_end, SEGMENTED = segmented, AFTER_MOV_SS = after_mov_ss, MXCSR = mxcsr, FCW = fcw, FSW = fsw,
        TOP = top, FTW = ftw, FOP = fop, FIP = fip, FDP = fdp, LIVE = live, ST = st, XMM = xmm, SCRATCH = scratch, HOST = host,
    }
}

const _: () = {
    assert!(offset::GPR == 0);
    assert!(offset::XMM % 16 == 0 && offset::XMM < 1008);
    assert!(offset::HOST % 8 == 0 && offset::HOST + 8 * (HOST_WORDS as u32) < 4096);
    // Pairs of words of the live x87 state, and pairs of double words of its registers.
    assert!(offset::LIVE + 32 < 252 && offset::ST < 392);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eflags_round_trip() {
        let mut state = CpuState::default();
        assert_eq!(state.eflags(), 0x202);
        for bits in 0..64u32 {
            let image =
                (bits & 1) | (bits & 2) << 1 | (bits & 4) << 2 | (bits & 8) << 3 | (bits & 16) << 3 | (bits & 32) << 6;
            let image = image | EFLAGS_DF | EFLAGS_FIXED | 1 << 18;
            state.set_eflags(image);
            assert_eq!(state.eflags(), image);
        }
    }
}
