//! What the x87 routines leave to Rust: changes between the two forms of the state, and single operations by their helper.
//!
//! The stub that calls saves every register that is not callee-saved into a [`Frame`], so these are ordinary functions.
use crate::codegen::X87Site;
use ir::guest::state::offset;
use ir::guest::CpuState;
use ir::helper::Pending;
use ir::x87::ES;
use ir::Helper;

/// x0-x17 as they were; they are loaded again from here.
pub(crate) type Frame = [u64; 18];

/// What a function answers: go on.
const DONE: u64 = 0;
/// What a function answers: the interpreter is to execute the instruction. The state is that before it.
const LEAVE: u64 = 1;

/// A function that the stubs call.
pub(crate) type Function = unsafe extern "C" fn(state: *mut CpuState, site: *const [u32; 6], frame: *mut Frame) -> u64;

/// `X87Routine::Rest`.
///
/// # Safety
/// `state` is the calling thread's.
pub(crate) unsafe extern "C" fn rest(state: *mut CpuState, _: *const [u32; 6], _: *mut Frame) -> u64 {
    // SAFETY: translated code, the only other user of the state, waits for us.
    unsafe { &mut *state }.x87_to_rest();
    DONE
}

/// `X87Routine::Enter`.
///
/// # Safety
/// `state` is the calling thread's, `site` is in translated code.
pub(crate) unsafe extern "C" fn enter(state: *mut CpuState, site: *const [u32; 6], _: *mut Frame) -> u64 {
    // SAFETY: as the caller promises; code is not moved while a thread is in it.
    let (state, site) = unsafe { (&mut *state, X87Site::from_words(*site)) };
    let live = state.x87_to_live(site.fix.top());
    let tags = state.live.ftw;
    match live && tags & site.full == site.full && tags & site.empty == 0 {
        true => DONE,
        false => {
            site.fix.apply_fip(state);
            LEAVE
        }
    }
}

/// `X87Routine::Mmx`.
///
/// # Safety
/// As `enter`.
pub(crate) unsafe extern "C" fn mmx(state: *mut CpuState, site: *const [u32; 6], _: *mut Frame) -> u64 {
    // SAFETY: as the caller promises.
    let (state, site) = unsafe { (&mut *state, X87Site::from_words(*site)) };
    match state.x87_to_mmx() {
        true => DONE,
        false => {
            site.fix.apply_fip(state);
            LEAVE
        }
    }
}

/// `X87Routine::Slow`.
///
/// # Safety
/// As `enter`; `frame` is the stub's.
pub(crate) unsafe extern "C" fn slow(state: *mut CpuState, site: *const [u32; 6], frame: *mut Frame) -> u64 {
    // SAFETY: as the caller promises.
    let (state, site, frame) = unsafe { (&mut *state, X87Site::from_words(*site), &mut *frame) };
    operate(state, &site, frame)
}

fn operate(state: &mut CpuState, site: &X87Site, frame: &mut Frame) -> u64 {
    let before = (state.st, state.live, state.fsw, state.fcw);
    site.fix.apply(state);
    state.x87_to_rest();
    let helper = Helper::ALL[usize::from(site.helper)];
    let mut args = site.args.map(u64::from);
    if let Some(register) = site.operand {
        args[0] = frame[usize::from(register)];
    }
    if helper == Helper::X87FldF80 {
        args[1] = frame[15] & 0x7fff | frame[15] >> 16 & 0x8000;
    }
    let result = helper.function()(state, args[0], args[1], args[2], 0);
    let converts = matches!(helper, Helper::X87ToF32 | Helper::X87ToF64 | Helper::X87ToInt);
    let done = state.fsw & ES == 0 && (!converts || Pending::ok(state));
    if !done || !state.x87_to_live_turned(before.1.turn()) {
        (state.st, state.live, state.fsw, state.fcw) = before;
        site.fix.apply(state);
        return LEAVE;
    }
    // Code brings these two up to date by what it knows itself.
    (state.live.top, state.live.ftw) = (before.1.top, before.1.ftw);
    frame[9] = result;
    if converts {
        frame[10] = 2;
    }
    if let Some(st) = state.st.get(usize::from(site.result)) {
        (frame[14], frame[15]) = (st.mantissa, u64::from(st.live_word()));
    }
    DONE
}

const _: () = assert!(offset::ST % 16 == 0);
