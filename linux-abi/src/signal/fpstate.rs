//! The floating-point part of a frame: an FXSAVE image, and before it the same in FSAVE's form, as the kernel writes for
//! i386 tasks (arch/x86/kernel/fpu/{signal,regset}.c; SDM vol. 1, 10.5.1).
use ir::guest::state::St;
use ir::guest::{CpuState, Seg};

/// Bytes of an FXSAVE image.
pub const FXSAVE_LEN: usize = 512;
/// Bytes of the FSAVE part: environment, registers, and the word whose upper half says whether an FXSAVE image follows.
pub const FSAVE_LEN: usize = 112;
/// Bits of MXCSR that exist: FXSAVE stores them as a mask.
const MXCSR_MASK: u32 = 0xffff;
/// `X86_FXSR_MAGIC` in the upper half of the status word: an FXSAVE image follows.
const FXSR_MAGIC: u32 = 0;
fn put<const N: usize>(image: &mut [u8], at: usize, bytes: [u8; N]) {
    image[at..at + N].copy_from_slice(&bytes);
}

fn half(image: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([image[at], image[at + 1]])
}

fn word(image: &[u8], at: usize) -> u32 {
    u32::from(half(image, at)) | u32::from(half(image, at + 2)) << 16
}

/// FSW with TOP in its place.
fn status(state: &CpuState) -> u16 {
    state.fsw & !0x3800 | (state.top as u16 & 7) << 11
}

/// The physical register of ST(i).
fn physical(state: &CpuState, i: usize) -> usize {
    (state.top as usize + i) & 7
}

/// The image FXSAVE would store.
pub fn fxsave(state: &CpuState) -> [u8; FXSAVE_LEN] {
    let mut image = [0; FXSAVE_LEN];
    put(&mut image, 0, state.fcw.to_le_bytes());
    put(&mut image, 2, status(state).to_le_bytes());
    image[4] = state.ftw;
    put(&mut image, 6, state.fop.to_le_bytes());
    put(&mut image, 8, state.fip.to_le_bytes());
    put(&mut image, 16, state.fdp.to_le_bytes());
    put(&mut image, 24, state.mxcsr.to_le_bytes());
    put(&mut image, 28, MXCSR_MASK.to_le_bytes());
    for i in 0..8 {
        let st = state.st[physical(state, i)];
        put(&mut image, 32 + 16 * i, st.mantissa.to_le_bytes());
        put(&mut image, 40 + 16 * i, st.sign_exponent.to_le_bytes());
        put(&mut image, 160 + 16 * i, state.xmm[i].to_le_bytes());
    }
    image
}

/// Two tag bits of a register as FSAVE stores them: valid, zero, special, empty.
fn full_tag(st: &St, empty: bool) -> u32 {
    let exponent = st.sign_exponent & 0x7fff;
    match (empty, exponent, st.mantissa) {
        (true, ..) => 3,
        (_, 0, 0) => 1,
        (_, 0 | 0x7fff, _) => 2,
        (_, _, mantissa) if mantissa >> 63 == 0 => 2,
        _ => 0,
    }
}

/// The FSAVE part as the kernel derives it from the FXSAVE image of an i386 task.
pub fn fsave(state: &CpuState) -> [u8; FSAVE_LEN] {
    let mut image = [0; FSAVE_LEN];
    let tags = (0..8).fold(0, |tags, i| tags | full_tag(&state.st[i], state.ftw >> i & 1 == 0) << (2 * i));
    let status = u32::from(status(state));
    // For those of the last instruction and operand the kernel writes the task's own.
    let selector = |seg: Seg| u32::from(state.selector[seg.index()]);
    let words = [
        0xffff_0000 | u32::from(state.fcw),
        0xffff_0000 | status,
        0xffff_0000 | tags,
        state.fip,
        selector(Seg::Cs),
        state.fdp,
        0xffff_0000 | selector(Seg::Ds),
    ];
    for (i, value) in words.into_iter().enumerate() {
        put(&mut image, 4 * i, value.to_le_bytes());
    }
    for i in 0..8 {
        let st = state.st[physical(state, i)];
        put(&mut image, 28 + 10 * i, st.mantissa.to_le_bytes());
        put(&mut image, 36 + 10 * i, st.sign_exponent.to_le_bytes());
    }
    put(&mut image, 108, (status | FXSR_MAGIC << 16).to_le_bytes());
    image
}

/// Restores what sigreturn finds: MXCSR and XMM registers from the FXSAVE image, all of the x87 state from the FSAVE part.
pub fn restore(state: &mut CpuState, fsave: &[u8; FSAVE_LEN], fxsave: &[u8; FXSAVE_LEN]) {
    let status = half(fsave, 4);
    state.fcw = half(fsave, 0);
    state.top = u32::from(status >> 11 & 7);
    state.fsw = status & !0x3800;
    let tags = word(fsave, 8);
    state.ftw = (0..8).fold(0, |ftw, i| ftw | u8::from(tags >> (2 * i) & 3 != 3) << i);
    state.fop = (word(fsave, 16) >> 16) as u16;
    (state.fip, state.fdp) = (word(fsave, 12), word(fsave, 20));
    state.mxcsr = word(fxsave, 24) & MXCSR_MASK;
    for i in 0..8 {
        let st = &fsave[28 + 10 * i..38 + 10 * i];
        let mantissa = u64::from(word(st, 4)) << 32 | u64::from(word(st, 0));
        state.st[physical(state, i)] = St::new(half(st, 8), mantissa);
        let mut wide = [0; 16];
        wide.copy_from_slice(&fxsave[160 + 16 * i..176 + 16 * i]);
        state.xmm[i] = u128::from_le_bytes(wide);
    }
}

/// The state every handler starts with, and every program: as after FNINIT, with MXCSR's default.
pub fn reset(state: &mut CpuState) {
    let fresh = CpuState::default();
    (state.fcw, state.fsw, state.top, state.ftw) = (fresh.fcw, fresh.fsw, fresh.top, fresh.ftw);
    (state.fop, state.fip, state.fdp) = (0, 0, 0);
    state.mxcsr = fresh.mxcsr;
    state.st = fresh.st;
    state.xmm = fresh.xmm;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> CpuState {
        let mut state = CpuState::default();
        (state.fcw, state.fsw, state.top, state.ftw) = (0x27f, 0x4100, 5, 0b1110_0001);
        state.mxcsr = 0x9fc0;
        (state.fip, state.fdp) = (0x0804_9000, 0xffff_d000);
        for i in 0..8 {
            state.st[i] = St::new(0x3fff + i as u16, 1 << 63 | i as u64);
            state.xmm[i] = 0x1234_5678_9abc << (8 * i);
        }
        state
    }

    #[test]
    fn registers_are_stored_in_stack_order() {
        let state = sample();
        let image = fxsave(&state);
        assert_eq!(half(&image, 2), 0x4100 | 5 << 11);
        assert_eq!(image[4], 0b1110_0001);
        assert_eq!(image[32], 5, "ST(0) is physical register 5");
        let image = fsave(&state);
        assert_eq!(word(&image, 8), 0xffff_0000 | 0b00_00_00_11_11_11_11_00);
        assert_eq!(image[28], 5);
        assert_eq!(word(&image, 108), 0x4100 | 5 << 11);
    }

    #[test]
    fn tags_classify() {
        let cases = [(0, 0, 1), (0, 1, 2), (0x7fff, 1 << 63, 2), (0x3fff, 1 << 63, 0), (0x3fff, 1, 2), (0x8000, 0, 1)];
        for (sign_exponent, mantissa, tag) in cases {
            assert_eq!(full_tag(&St::new(sign_exponent, mantissa), false), tag);
        }
        assert_eq!(full_tag(&St::new(0x3fff, 1 << 63), true), 3);
    }

    #[test]
    fn what_is_stored_comes_back() {
        let state = sample();
        let mut back = CpuState::default();
        restore(&mut back, &fsave(&state), &fxsave(&state));
        assert_eq!((back.fcw, back.fsw, back.top, back.ftw), (state.fcw, state.fsw, state.top, state.ftw));
        assert_eq!((back.st, back.xmm, back.mxcsr), (state.st, state.xmm, state.mxcsr));
        assert_eq!((back.fip, back.fdp), (state.fip, state.fdp));
    }

    #[test]
    fn x87_registers_come_from_the_fsave_part() {
        let state = sample();
        let (mut old, mut new) = (fsave(&state), fxsave(&state));
        (old[28], new[48], new[160]) = (0x77, 0x88, 0x99);
        let mut back = CpuState::default();
        restore(&mut back, &old, &new);
        assert_eq!((back.st[5].mantissa as u8, back.st[6].mantissa as u8, back.xmm[0] as u8), (0x77, 6, 0x99));
    }
}
