//! The x87 state as translated code works with it.
//!
//! Everybody else sees the fields of `CpuState` as they are named: the state is *at rest*. Translated code makes it *live* where
//! it first works on the register stack, and it is put at rest where translated code is left and before whatever does not
//! know the live form. Live, the state differs in this:
//!
//! - ST(i) is at `st[top + i]` of *this* `top`, which the code has chosen: it knows the place of every register, so pushes,
//!   pops and the like are done by naming. `turn` says how far the registers are from where the architecture has them.
//! - The sign of a register is bit 31 of the word whose low 15 bits are the exponent, so that exponents can be added.
//! - C1 and the other condition codes have bytes of their own.
//! - Constants that the routines need to load anyway say whether the usual case is in force: round to nearest, 64-bit
//!   precision, PE masked and already raised. Otherwise they are such that the routines' range checks fail.
//!
//! MMX instructions have a third form ([`X87Live::MMX`]): MM0 to MM7 are in host registers, TOP is 0, no exception is pending, and
//! whether all tags are valid or all empty is known to translated code alone.
use super::state::{CpuState, St};
use crate::x87::{C0, C1, C2, C3, ES, F80, PE};

/// Which rules the arithmetic goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum X87Mode {
    /// Nearest, 64 bits, PE is raised: nothing but C1 needs to be reported.
    Usual = 0,
    /// The same, but PE is not raised yet.
    Exact = 1,
    /// Nearest, 53 bits, PE is raised.
    Double = 2,
    /// Anything else; the only one with this bit.
    Other = 4,
}

/// The live form's own fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct X87Live {
    /// The first four bytes are compared as a word.
    zero: u8,
    /// 0 while the state is live, [`Self::REST`] while it is at rest, [`Self::MMX`] while it is that of MMX instructions. Only a
    /// state without a pending exception is made live, or that of MMX.
    pub away: u8,
    /// Bit i set: `st[i]` is not empty.
    pub ftw: u8,
    /// Where ST(0) is in `CpuState::st`.
    pub top: u8,
    /// C1, 0 or 1. Often written together with `top`.
    pub c1: u8,
    /// C0, C2, C3 as in the high byte of the status word.
    pub codes: u8,
    /// `st[i]` is the physical register `i + turn`.
    turn: u8,
    /// An [`X87Mode`].
    pub mode: u8,
    /// Usually 2 - 0x3ffe: added to the sum of two exponents.
    pub mul_bias: u32,
    /// Usually 64: alignment shifts are below this.
    pub shift_limit: u32,
    /// Usually 0x3c01: subtracted from an exponent it gives that of an f64, less one.
    pub f64_bias: u32,
    /// Usually 0x3f81: the same for f32.
    pub f32_bias: u32,
}

/// The status word's condition codes other than C1.
const CODES: u16 = C0 | C2 | C3;

impl X87Live {
    /// `away` of a state at rest.
    pub const REST: u8 = 1 << Self::REST_BIT;
    /// The bit of `away` that tells [`Self::REST`] from the others.
    pub const REST_BIT: u32 = 0;
    /// `away` of the state of MMX instructions: `st`, `top` and `ftw` of `CpuState` are stale.
    pub const MMX: u8 = 1 << Self::MMX_BIT;
    /// The bit of `away` that tells [`Self::MMX`] from the others.
    pub const MMX_BIT: u32 = 1;

    /// At rest.
    pub const AWAY: Self = Self {
        zero: 0,
        away: Self::REST,
        ftw: 0,
        top: 0,
        c1: 0,
        codes: 0,
        turn: 0,
        mode: X87Mode::Other as u8,
        mul_bias: 0,
        shift_limit: 0,
        f64_bias: 0,
        f32_bias: 0,
    };

    /// The word that `zero`, `away`, `ftw` and `top` of a live state are.
    pub const fn word(top: u8, ftw: u8) -> u32 {
        (ftw as u32) << 16 | (top as u32) << 24
    }

    /// How far the registers are from their architectural places.
    pub fn turn(&self) -> u8 {
        self.turn
    }

    /// Takes the mode from control and status word.
    pub fn set_mode(&mut self, cw: u16, sw: u16) {
        let mode = match (cw & 0xc00 == 0 && cw & PE != 0, cw >> 8 & 3, sw & PE != 0) {
            (true, 1 | 3, true) => X87Mode::Usual,
            (true, 1 | 3, false) => X87Mode::Exact,
            (true, 2, true) => X87Mode::Double,
            _ => X87Mode::Other,
        };
        let usual = mode == X87Mode::Usual;
        let unless = |value: u32| if usual { 0 } else { value };
        self.mode = mode as u8;
        self.mul_bias = 2u32.wrapping_sub(0x3ffe).wrapping_add(unless(0x1_0000));
        self.shift_limit = if usual { 64 } else { 0 };
        self.f64_bias = 0x3c01 + unless(0x10_0000);
        self.f32_bias = 0x3f81 + unless(0x10_0000);
    }
}

/// Neither normal nor with one of the two special exponents: the routines do not expect such.
fn is_unnormal(value: F80) -> bool {
    value.mantissa >> 63 == 0 && !matches!(value.exponent(), 0 | 0x7fff)
}

impl CpuState {
    /// Whether the x87 state is live.
    pub fn x87_is_live(&self) -> bool {
        self.live.away == 0
    }

    /// Makes the x87 state live with ST(0) in `st[top]`; whether that was possible. It is not with an exception pending, nor
    /// with an unnormal in a register.
    pub fn x87_to_live(&mut self, top: u8) -> bool {
        if self.x87_is_live() {
            if self.live.top == top {
                return true;
            }
            self.x87_to_rest();
        }
        let unnormal =
            |i: usize| self.ftw >> i & 1 != 0 && is_unnormal(F80::new(self.st[i].sign_exponent, self.st[i].mantissa));
        if self.fsw & ES != 0 || (0..8usize).any(unnormal) {
            return false;
        }
        let turn = (self.top as u8).wrapping_sub(top) & 7;
        self.turn_registers(turn);
        for st in &mut self.st {
            st.live_sign = st.sign_exponent & 0x8000;
            st.sign_exponent &= 0x7fff;
        }
        let live = &mut self.live;
        *live = X87Live { top, ftw: self.ftw.rotate_right(u32::from(turn)), away: 0, turn, ..X87Live::AWAY };
        live.c1 = u8::from(self.fsw & C1 != 0);
        live.codes = (self.fsw & CODES).to_be_bytes()[0];
        self.fsw &= !(CODES | C1);
        live.set_mode(self.fcw, self.fsw);
        true
    }

    /// Makes the x87 state live with every physical register where it was when `turn` was the distance; as `x87_to_live`.
    pub fn x87_to_live_turned(&mut self, turn: u8) -> bool {
        self.x87_to_live((self.top as u8).wrapping_sub(turn) & 7)
    }

    /// Makes the x87 state that of an MMX instruction; whether that was possible. It is not with an exception pending. The caller
    /// puts `st` into host registers.
    pub fn x87_to_mmx(&mut self) -> bool {
        self.x87_to_rest();
        if self.fsw & ES != 0 {
            return false;
        }
        self.live.away = X87Live::MMX;
        true
    }

    /// The same if nothing but the form changes by that: MMX instructions left the state like this.
    pub fn x87_to_mmx_again(&mut self) {
        if (self.top, self.ftw) == (0, 0xff) {
            self.x87_to_mmx();
        }
    }

    /// Puts the state of MMX instructions at rest. `registers` are the host's: the significand in the low half; sign and exponent
    /// above that, complemented, so that an instruction that clears the upper half sets them to all ones.
    pub fn x87_from_mmx(&mut self, registers: &[u128; 8], valid: bool) {
        self.st = registers.map(|mm| St::new(!((mm >> 64) as u16), mm as u64));
        (self.top, self.ftw, self.live.away) = (0, if valid { 0xff } else { 0 }, X87Live::REST);
    }

    /// Puts the x87 state at rest, unless it is that of MMX instructions.
    pub fn x87_to_rest(&mut self) {
        debug_assert_ne!(self.live.away, X87Live::MMX, "the registers are elsewhere");
        if !self.x87_is_live() {
            return;
        }
        let live = std::mem::replace(&mut self.live, X87Live::AWAY);
        for st in &mut self.st {
            st.sign_exponent |= st.live_sign;
            st.live_sign = 0;
        }
        self.turn_registers(8 - live.turn);
        self.top = u32::from((live.top + live.turn) & 7);
        self.ftw = live.ftw.rotate_left(u32::from(live.turn));
        self.fsw |= u16::from(live.codes) << 8 | u16::from(live.c1) << 9;
    }

    /// `st[i]` := `st[i + by]`.
    fn turn_registers(&mut self, by: u8) {
        self.st.rotate_left(usize::from(by & 7));
    }
}

/// Offsets of the live form's fields in `CpuState`.
pub mod offset {
    use super::X87Live;
    use crate::guest::state::offset::LIVE;
    use std::mem::offset_of;

    macro_rules! offsets {
        ($($name:ident = $field:ident),+ $(,)?) => {
            $(#[doc = concat!("Offset of `", stringify!($field), "`.")] pub const $name: u32 = LIVE + offset_of!(X87Live, $field) as u32;)+
        };
    }

    offsets! {
        WORD = zero, TOP = top, FTW = ftw, AWAY = away, C1 = c1, CODES = codes, TURN = turn, MODE = mode, MUL_BIAS = mul_bias,
        SHIFT_LIMIT = shift_limit, F64_BIAS = f64_bias, F32_BIAS = f32_bias,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_and_back_is_the_same_state() {
        for top in 0..8 {
            for at in 0..8 {
                let mut state = CpuState::default();
                for i in 0..8 {
                    state.st[i] = St::new(0x3ff0 + i as u16 | (i as u16 & 1) << 15, 1 << 63 | i as u64);
                }
                (state.top, state.ftw, state.fsw, state.fcw) = (top, 0b1001_0110, 0x4720, 0x37f);
                let before = state.clone();
                assert!(state.x87_to_live(at));
                assert_eq!(state.st[usize::from(at)].mantissa as u32 & 7, top);
                assert_eq!(state.live.ftw >> at & 1, before.ftw >> top & 1);
                assert_eq!((state.live.c1, state.live.codes, state.fsw), (1, 0x45, 0x20));
                assert!(state.x87_to_live(at ^ 3));
                state.x87_to_rest();
                let fields = |s: &CpuState| (s.top, s.ftw, s.fsw, s.fcw, s.st, s.live);
                assert_eq!(fields(&state), fields(&before));
            }
        }
    }

    #[test]
    fn top_and_tags_of_a_live_state_are_one_word() {
        let live = X87Live { top: 5, ftw: 0x81, away: 0, ..X87Live::AWAY };
        assert_eq!(u32::from_le_bytes([live.zero, live.away, live.ftw, live.top]), X87Live::word(5, 0x81));
        assert_eq!((offset::FTW, offset::TOP, offset::C1), (offset::WORD + 2, offset::WORD + 3, offset::WORD + 4));
    }

    #[test]
    fn what_the_routines_do_not_expect_stays_at_rest() {
        let mut state = CpuState::default();
        state.fsw = ES;
        assert!(!state.x87_to_live(0));
        (state.fsw, state.ftw) = (0, 1);
        state.st[0] = St::new(0x3fff, 1);
        assert!(!state.x87_to_live(0));
    }

    #[test]
    fn mmx_state_is_entered_unless_an_exception_is_pending() {
        let mut state = CpuState::default();
        state.top = 3;
        assert!(state.x87_to_live(5) && state.x87_to_mmx());
        assert_eq!(state.live.away, X87Live::MMX);
        assert!(!state.x87_is_live());
        state.x87_from_mmx(&[7, 0xffff << 64, 1 << 64, 0, 0, 0, 0, 0], true);
        assert_eq!((state.top, state.ftw, state.live.away), (0, 0xff, X87Live::REST));
        assert_eq!(state.st[..3], [St::new(0xffff, 7), St::new(0, 0), St::new(0xfffe, 0)]);
        state.x87_to_mmx_again();
        assert_eq!(state.live.away, X87Live::MMX);
        state.x87_from_mmx(&[0; 8], false);
        state.x87_to_mmx_again();
        assert_eq!((state.ftw, state.live.away), (0, X87Live::REST));
        (state.fsw, state.top) = (ES, 3);
        assert!(!state.x87_to_mmx());
        assert_eq!((state.top, state.live.away), (3, X87Live::REST));
    }

    #[test]
    fn modes() {
        for (cw, sw, mode) in [
            (0x37f, 0x20, X87Mode::Usual),
            (0x37f, 0, X87Mode::Exact),
            (0x27f, 0x20, X87Mode::Double),
            (0xf7f, 0x20, X87Mode::Other),
            (0x35f, 0x20, X87Mode::Other),
        ] {
            let mut live = X87Live::AWAY;
            live.set_mode(cw, sw);
            assert_eq!(live.mode, mode as u8, "{cw:x} {sw:x}");
            assert_eq!(live.shift_limit == 64, mode == X87Mode::Usual);
        }
    }
}
