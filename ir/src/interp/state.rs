//! Byte-wise access to the unpinned fields of `CpuState` by the offsets IR uses, without pointers.
use crate::guest::state::{offset, CpuState};

/// A scalar field.
enum Cell<'a> {
    Byte(&'a mut u8),
    Half(&'a mut u16),
    Word(&'a mut u32),
    Step(&'a mut i32),
    Double(&'a mut u64),
    Quad(&'a mut u128),
}

impl Cell<'_> {
    fn get(&self) -> u128 {
        match self {
            Self::Byte(cell) => u128::from(**cell),
            Self::Half(cell) => u128::from(**cell),
            Self::Word(cell) => u128::from(**cell),
            Self::Step(cell) => u128::from(**cell as u32),
            Self::Double(cell) => u128::from(**cell),
            Self::Quad(cell) => **cell,
        }
    }

    fn set(&mut self, value: u128) {
        match self {
            Self::Byte(cell) => **cell = value as u8,
            Self::Half(cell) => **cell = value as u16,
            Self::Word(cell) => **cell = value as u32,
            Self::Step(cell) => **cell = value as i32,
            Self::Double(cell) => **cell = value as u64,
            Self::Quad(cell) => **cell = value,
        }
    }
}

/// The field a byte offset falls into, and which of its bytes; `None` for padding and everything that is pinned.
fn cell(state: &mut CpuState, at: u32) -> Option<(Cell<'_>, u32)> {
    macro_rules! fields {
        ($($kind:ident $start:ident .. $end:ident => $field:ident $([$stride:literal])?;)+) => {
            $(if (offset::$start..offset::$end).contains(&at) {
                let from = at - offset::$start;
                fields!(@ $kind $field from $($stride)?);
            })+
        };
        (@ $kind:ident $field:ident $from:ident) => { return Some((Cell::$kind(&mut state.$field), $from)) };
        (@ $kind:ident $field:ident $from:ident $stride:literal) => {
            let element = state.$field.get_mut(($from / $stride) as usize)?;
            return Some((Cell::$kind(element), $from % $stride));
        };
    }
    fields! {
        Step DF_STEP .. EFLAGS_SYSTEM => df_step;
        Word EFLAGS_SYSTEM .. LIVE => eflags_system;
        Half SELECTOR .. SEG_BASE => selector[2];
        Word SEG_BASE .. SEG_RIGHTS => seg_base[4];
        Word SEG_RIGHTS .. SEG_LIMIT => seg_rights[4];
        Word SEG_LIMIT .. SEG_END => seg_limit[4];
        Double SEG_END .. SEGMENTED => seg_end[8];
        Word SEGMENTED .. AFTER_MOV_SS => segmented;
        Word AFTER_MOV_SS .. MXCSR => after_mov_ss;
        Word MXCSR .. FCW => mxcsr;
        Half FCW .. FSW => fcw;
        Half FSW .. TOP => fsw;
        Word TOP .. FTW => top;
    }
    if at == offset::FTW {
        return Some((Cell::Byte(&mut state.ftw), 0));
    }
    fields! {
        Half FOP .. FIP => fop;
        Word FIP .. FDP => fip;
    }
    if (offset::FDP..offset::FDP + 4).contains(&at) {
        return Some((Cell::Word(&mut state.fdp), at - offset::FDP));
    }
    if (offset::ST..offset::XMM).contains(&at) {
        let from = at - offset::ST;
        let st = state.st.get_mut((from / 16) as usize)?;
        return match from % 16 {
            byte @ 0..8 => Some((Cell::Double(&mut st.mantissa), byte)),
            byte @ 8..10 => Some((Cell::Half(&mut st.sign_exponent), byte - 8)),
            _ => None,
        };
    }
    fields! { Quad SCRATCH .. HOST => scratch[16]; }
    None
}

/// Reads `bytes` bytes at an offset; padding reads as zero.
pub(super) fn read(state: &mut CpuState, at: u32, bytes: u32) -> u128 {
    let mut value = 0;
    for byte in 0..bytes {
        if let Some((cell, within)) = cell(state, at + byte) {
            value |= (cell.get() >> (8 * within) & 0xff) << (8 * byte);
        }
    }
    value
}

/// Writes the low `bytes` bytes of `value` at an offset.
pub(super) fn write(state: &mut CpuState, at: u32, bytes: u32, value: u128) {
    for byte in 0..bytes {
        if let Some((mut cell, within)) = cell(state, at + byte) {
            let hole = 0xff << (8 * within);
            let new = (value >> (8 * byte) & 0xff) << (8 * within);
            let old = cell.get();
            cell.set(old & !hole | new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_reached_by_offset() {
        let mut state = CpuState::default();
        write(&mut state, offset::DF_STEP, 4, 0xffff_ffff);
        write(&mut state, offset::SEG_BASE + 20, 4, 0x1234_5678);
        write(&mut state, offset::SELECTOR + 10, 2, 0x33);
        write(&mut state, offset::FTW, 1, 0x81);
        write(&mut state, offset::TOP, 4, 5);
        write(&mut state, offset::FDP, 2, 0x2b);
        write(&mut state, offset::ST + 16, 16, 0x3fff_8000_0000_0000_0001);
        write(&mut state, offset::SCRATCH + 24, 8, 7);
        assert_eq!((state.df_step, state.seg_base[5], state.selector[5]), (-1, 0x1234_5678, 0x33));
        assert_eq!((state.ftw, state.top, state.fdp), (0x81, 5, 0x2b));
        assert_eq!((state.st[1].mantissa, state.st[1].sign_exponent), (0x8000_0000_0000_0001, 0x3fff));
        assert_eq!(state.scratch[1], 7 << 64);
        assert_eq!(read(&mut state, offset::ST + 16, 16), 0x3fff_8000_0000_0000_0001);
        assert_eq!(read(&mut state, offset::FCW, 4), 0x037f);
        assert_eq!(read(&mut state, offset::SEG_BASE + 21, 2), 0x3456);
        assert_eq!((state.gpr, state.mxcsr), ([0; 8], 0x1f80));
    }
}
