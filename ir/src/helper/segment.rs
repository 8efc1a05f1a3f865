//! Loading segment registers and describing segments (SDM vol. 3, 5.5 and 5.10).
//!
//! The flat segments of an x86-64 kernel's GDT are known here; the base of any other selector is asked of the ABI.
use crate::guest::{CpuState, Seg};

/// Selectors without their privilege level: user code, user data, 64-bit user code.
const USER_CS: u16 = 0x20;
const USER_DS: u16 = 0x28;
const USER_CS64: u16 = 0x30;

/// What [`load`] answers.
const DONE: u64 = 0;
const REFUSED: u64 = 1;
const UNKNOWN: u64 = 2;

/// Loads a data segment register or SS.
pub(super) extern "C" fn load(state: &mut CpuState, seg: u64, selector: u64, _: u64, _: u64) -> u64 {
    let (seg, selector) = (seg as usize, selector as u16);
    let stack = seg == Seg::Ss.index();
    let base = match selector & !3 {
        0 | USER_CS | USER_CS64 if stack => return REFUSED,
        // The stack segment's privilege must be the program's own.
        _ if stack && selector & 3 != 3 => return REFUSED,
        0 | USER_CS | USER_DS | USER_CS64 => 0,
        _ => match state.take_segment(selector) {
            Some(base) => base,
            None => return UNKNOWN,
        },
    };
    state.selector[seg] = selector;
    state.seg_base[seg] = base;
    DONE
}

/// Access rights as LAR gives them, and the limit in bytes.
pub(super) extern "C" fn describe(_: &mut CpuState, selector: u64, _: u64, _: u64, _: u64) -> u64 {
    let rights: u32 = match selector as u16 & !3 {
        USER_CS => 0x00cf_fb00,
        USER_DS => 0x00cf_f300,
        USER_CS64 => 0x00af_fb00,
        _ => return 0,
    };
    u64::from(rights) | u64::from(u32::MAX) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_selectors_load_and_others_are_asked_for_once() {
        let mut state = CpuState::default();
        let load = |state: &mut CpuState, seg: Seg, selector: u64| super::load(state, seg as u64, selector, 0, 0);
        assert_eq!(load(&mut state, Seg::Gs, 0x2b), DONE);
        assert_eq!(load(&mut state, Seg::Ss, 0), REFUSED);
        assert_eq!(load(&mut state, Seg::Ss, 0x28), REFUSED);
        assert_eq!(load(&mut state, Seg::Gs, 0x63), UNKNOWN);
        assert_eq!((state.segment_request(), state.selector[5]), (Some(0x63), 0x2b));
        state.answer_segment(0x1000);
        assert_eq!(load(&mut state, Seg::Gs, 0x63), DONE);
        assert_eq!((state.selector[5], state.seg_base[5]), (0x63, 0x1000));
        assert_eq!(load(&mut state, Seg::Gs, 0x63), UNKNOWN, "the answer may be stale");
    }
}
