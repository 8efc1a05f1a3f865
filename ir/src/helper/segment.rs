//! Loading segment registers, describing segments, addresses in segments (SDM vol. 3, 5.3, 5.5 and 5.10).
//!
//! The flat segments of an x86-64 kernel's GDT are known here; any other descriptor is asked of the ABI.
use crate::guest::{CpuState, Descriptor, Seg};

/// Selectors without their privilege level: user code, user data, 64-bit user code.
const USER_CS: u16 = 0x20;
const USER_DS: u16 = 0x28;
const USER_CS64: u16 = 0x30;

/// What [`load`] answers.
const DONE: u64 = 0;
const UNKNOWN: u64 = 1;
/// What [`describe`] answers where it must ask; access rights never have this bit.
const ASK: u64 = 1;
/// What [`linear`] answers to an access that is not allowed.
const REFUSED: u64 = 1 << 32;

/// Loads a segment register; `returns`: CS by a return, which keeps the privilege level of the selector.
pub(super) extern "C" fn load(state: &mut CpuState, seg: u64, selector: u64, returns: u64, _: u64) -> u64 {
    let (Some(seg), mut selector) = (Seg::from_index(seg as usize), selector as u16) else { return UNKNOWN };
    if seg == Seg::Cs && returns == 0 && selector & !3 != 0 {
        // CS holds the current privilege level, whatever the one asked for.
        selector |= 3;
    }
    let descriptor = match (selector & !3, seg) {
        (USER_CS, Seg::Cs) if selector & 3 == 3 => Some(Descriptor::FLAT_CODE),
        (USER_DS, Seg::Ss) if selector & 3 == 3 => Some(Descriptor::FLAT_DATA),
        (USER_DS, Seg::Ds | Seg::Es | Seg::Fs | Seg::Gs) => Some(Descriptor::FLAT_DATA),
        (0, Seg::Fs) => Some(Descriptor::NULL),
        _ => state.take_segment(selector, Some(seg)),
    };
    let Some(descriptor) = descriptor else { return UNKNOWN };
    state.set_segment(seg, selector, descriptor);
    DONE
}

/// Access rights as LAR gives them, and the limit in bytes.
pub(super) extern "C" fn describe(state: &mut CpuState, selector: u64, _: u64, _: u64, _: u64) -> u64 {
    let selector = selector as u16;
    let known = match selector & !3 {
        0 => Some(Descriptor::NULL),
        USER_CS => Some(Descriptor::FLAT_CODE),
        USER_DS => Some(Descriptor::FLAT_DATA),
        USER_CS64 => Some(Descriptor::CODE64),
        _ => state.take_segment(selector, None),
    };
    known.map_or(ASK, |d| u64::from(d.rights) | u64::from(d.limit) << 32)
}

/// The linear address of an offset in a segment, and whether an access of that size is refused there; size in the low half of
/// `access`, bit 32 for a write.
pub(super) extern "C" fn linear(state: &mut CpuState, seg: u64, offset: u64, access: u64, _: u64) -> u64 {
    let Some(seg) = Seg::from_index(seg as usize) else { return REFUSED };
    let (descriptor, offset) = (state.segment(seg), offset as u32);
    let allowed = descriptor.allows(offset, access as u32, access >> 32 != 0);
    let linear = u64::from(descriptor.base.wrapping_add(offset));
    if allowed {
        linear
    } else {
        linear | REFUSED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES_16: Descriptor = Descriptor { base: 0x1000, limit: 15, rights: 0x0050_f300 };

    fn load(state: &mut CpuState, seg: Seg, selector: u64) -> u64 {
        super::load(state, seg as u64, selector, 0, 0)
    }

    #[test]
    fn flat_selectors_load_and_others_are_asked_for_once() {
        let mut state = CpuState::default();
        assert_eq!(load(&mut state, Seg::Gs, 0x2b), DONE);
        for (seg, selector) in [(Seg::Ss, 0), (Seg::Ss, 0x28), (Seg::Es, 0), (Seg::Ds, 0x23), (Seg::Cs, 0x2b)] {
            assert_eq!(load(&mut state, seg, selector), UNKNOWN);
            assert_eq!(state.segment_request(), Some((selector as u16, Some(seg))));
        }
        assert_eq!(load(&mut state, Seg::Gs, 0x63), UNKNOWN);
        assert_eq!((state.segment_request(), state.selector[5]), (Some((0x63, Some(Seg::Gs))), 0x2b));
        state.answer_segment(BYTES_16);
        assert_eq!(load(&mut state, Seg::Gs, 0x63), DONE);
        assert_eq!((state.selector[5], state.seg_base[5], state.seg_end[5]), (0x63, 0x1000, 16));
        assert_eq!((state.segment(Seg::Gs), state.segmented), (BYTES_16, 0));
        assert_eq!(load(&mut state, Seg::Gs, 0x63), UNKNOWN, "the answer may be stale");
    }

    #[test]
    fn what_translated_code_cannot_work_with_is_marked() {
        let mut state = CpuState::default();
        let read_only = Descriptor { rights: 0x00cf_f100, ..Descriptor::FLAT_DATA };
        let cases = [
            (Seg::Fs, BYTES_16, 0),
            (Seg::Fs, Descriptor::NULL, 0),
            (Seg::Fs, read_only, 0),
            (Seg::Fs, Descriptor::FLAT_DATA, 0),
            (Seg::Es, BYTES_16, 1),
            (Seg::Ds, Descriptor::NULL, 1 | 1 << 3),
            (Seg::Es, Descriptor::FLAT_DATA, 1 << 3),
            (Seg::Ds, Descriptor::FLAT_DATA, 0),
        ];
        for (seg, descriptor, segmented) in cases {
            state.set_segment(seg, 0x63, descriptor);
            assert_eq!(state.segmented, segmented, "{seg:?} {descriptor:?}");
        }
    }

    #[test]
    fn limits_and_rights() {
        let down = Descriptor { rights: 0x0050_f700, ..BYTES_16 };
        let code = Descriptor { rights: 0x0050_fb00, ..BYTES_16 };
        let cases = [
            (BYTES_16, 12, 4, true, true),
            (BYTES_16, 13, 4, false, false),
            (BYTES_16, u32::MAX, 4, false, false),
            (down, 15, 1, false, false),
            (down, 16, 4, true, true),
            (down, 0xffff_fffc, 4, true, true),
            (down, 0xffff_fffd, 4, true, false),
            (code, 0, 4, false, true),
            (code, 0, 4, true, false),
            (Descriptor { rights: 0x0050_f900, ..BYTES_16 }, 0, 1, false, false),
            (Descriptor::NULL, 0, 1, false, false),
            (Descriptor::FLAT_DATA, 0xffff_fffc, 4, true, true),
        ];
        for (descriptor, offset, size, write, expect) in cases {
            assert_eq!(descriptor.allows(offset, size, write), expect, "{descriptor:?} {offset:#x}+{size}");
        }
    }
}
