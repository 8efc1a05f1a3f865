//! Signals delivered to a guest that has memory but no engine.
use super::*;
use crate::mm::{MmapRequest, Prot};
use crate::signal::frame::{RtSigFrame, SigFrame};
use crate::testing::Guest;
use ir::guest::{GuestAddr, Seg, Trap};

const HANDLER: u32 = 0x0804_9000;

/// A guest with a stack, entered; its esp.
fn guest() -> (Guest, u32) {
    let mut guest = Guest::new();
    let esp = {
        let cx = guest.cx();
        let stack = cx.process.mm.mmap(MmapRequest::anonymous(0, 0x4000, Prot::READ_WRITE)).unwrap();
        cx.thread.enter();
        let esp = stack.0 + 0x3f04;
        cx.state.set(Gpr::Esp, esp);
        cx.state.eip = 0x0804_8000;
        esp
    };
    (guest, esp)
}

fn set_handler(guest: &mut Guest, signal: i32, flags: u32) {
    let cx = guest.cx();
    let action = Action { handler: HANDLER, flags, mask: bit(libc::SIGTERM), ..Action::default() };
    cx.process.actions.set(signal, Some(action)).unwrap();
}

fn deliver(guest: &mut Guest) {
    let cx = guest.cx();
    cx.process.deliver(cx.thread, cx.state);
}

fn leave(guest: &mut Guest) {
    guest.cx().thread.signals.leave(std::ptr::null());
}

fn raise(signal: i32) {
    // SAFETY: sends the calling thread a signal that it has a handler for.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

#[test]
fn a_handler_runs_and_returns() {
    let (mut guest, esp) = guest();
    set_handler(&mut guest, libc::SIGUSR1, flag::SIGINFO);
    guest.cx().state.set(Gpr::Ebx, 0x1234_5678);
    raise(libc::SIGUSR1);
    deliver(&mut guest);
    let cx = guest.cx();
    let frame_at = cx.state.get(Gpr::Esp);
    assert_eq!((cx.state.eip, cx.state.get(Gpr::Eax)), (HANDLER, libc::SIGUSR1 as u32));
    assert_eq!(frame_at % 16, 12, "as at a function's entry");
    assert_eq!(cx.thread.signals.mask, bit(libc::SIGUSR1) | bit(libc::SIGTERM));
    let frame: RtSigFrame = cx.read(GuestAddr(frame_at)).unwrap();
    assert_eq!(frame.pretcode, frame_at + 260, "no restorer, no vDSO: the code in the frame");
    assert_eq!((frame.pinfo, frame.puc), (frame_at + 16, frame_at + 144));
    assert_eq!((cx.state.get(Gpr::Edx), cx.state.get(Gpr::Ecx)), (frame.pinfo, frame.puc));
    assert_eq!((frame.uc.mcontext.ebx, frame.uc.mcontext.esp), (0x1234_5678, esp));
    assert_eq!((frame.uc.mcontext.cs, frame.uc.mcontext.ss, frame.uc.mcontext.fpstate % 64), (0x23, 0x2b, 16));
    // The handler changes a register in the frame and returns.
    let changed = RtSigFrame { uc: frame.uc, ..frame };
    cx.write(GuestAddr(frame_at), &changed).unwrap();
    cx.write(GuestAddr(frame.puc + 20 + 32), &0x0bad_cafe_u32).unwrap();
    cx.state.set(Gpr::Esp, frame_at + 4);
    cx.state.set(Gpr::Eax, 173);
    cx.process.syscall(cx.thread, cx.state, Trap::Syscall);
    deliver(&mut guest);
    let cx = guest.cx();
    assert_eq!((cx.state.eip, cx.state.get(Gpr::Esp), cx.state.get(Gpr::Ebx)), (0x0804_8000, esp, 0x0bad_cafe));
    assert_eq!(cx.thread.signals.mask, 0);
    leave(&mut guest);
}

#[test]
fn the_old_frame_and_back() {
    let (mut guest, esp) = guest();
    set_handler(&mut guest, libc::SIGUSR2, flag::NODEFER);
    raise(libc::SIGUSR2);
    deliver(&mut guest);
    let cx = guest.cx();
    let frame_at = cx.state.get(Gpr::Esp);
    let frame: SigFrame = cx.read(GuestAddr(frame_at)).unwrap();
    assert_eq!((frame.sig, frame.sc.eip, frame.sc.esp_at_signal), (libc::SIGUSR2 as u32, 0x0804_8000, esp));
    assert_eq!(frame.retcode, [0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80]);
    assert_eq!(cx.thread.signals.mask, bit(libc::SIGTERM));
    // Return address and number are popped.
    cx.state.set(Gpr::Esp, frame_at + 8);
    cx.state.set(Gpr::Eax, 119);
    cx.process.syscall(cx.thread, cx.state, Trap::Syscall);
    deliver(&mut guest);
    let cx = guest.cx();
    assert_eq!((cx.state.eip, cx.state.get(Gpr::Esp), cx.thread.signals.mask), (0x0804_8000, esp, 0));
    leave(&mut guest);
}

#[test]
fn blocked_signals_wait_and_then_stack_up() {
    let (mut guest, _) = guest();
    set_handler(&mut guest, libc::SIGHUP, flag::SIGINFO);
    set_handler(&mut guest, libc::SIGURG, flag::SIGINFO);
    let both = bit(libc::SIGHUP) | bit(libc::SIGURG);
    guest.cx().thread.signals.set_mask(both);
    deliver(&mut guest);
    raise(libc::SIGHUP);
    raise(libc::SIGURG);
    deliver(&mut guest);
    assert_eq!(guest.cx().state.eip, 0x0804_8000);
    let set = guest.room(8);
    assert_eq!(guest.call("rt_sigpending", [set, 8]), Ok(0));
    assert_eq!(guest.get::<u64>(set), both);
    guest.cx().thread.signals.set_mask(0);
    deliver(&mut guest);
    let cx = guest.cx();
    let top: RtSigFrame = cx.read(GuestAddr(cx.state.get(Gpr::Esp))).unwrap();
    assert_eq!((top.uc.mcontext.eip, cx.thread.signals.mask & both), (HANDLER, both), "one frame above the other");
    leave(&mut guest);
}

#[test]
fn interrupted_calls_restart_as_their_code_says() {
    const NR: u32 = 3;
    let cases = [
        (Errno::ERESTARTSYS, None, Some(NR)),
        (Errno::ERESTARTSYS, Some(0), None),
        (Errno::ERESTARTSYS, Some(flag::RESTART), Some(NR)),
        (Errno::ERESTARTNOHAND, None, Some(NR)),
        (Errno::ERESTARTNOHAND, Some(flag::RESTART), None),
        (Errno::ERESTARTNOINTR, Some(0), Some(NR)),
        (Errno::ERESTART_RESTARTBLOCK, None, Some(NR_RESTART_SYSCALL)),
        (Errno::ERESTART_RESTARTBLOCK, Some(flag::RESTART), None),
    ];
    for (code, handler, again) in cases {
        let mut state = CpuState::default();
        state.eip = 0x1002;
        let action = handler.map(|flags| Action { handler: HANDLER, flags, ..Action::default() });
        restart(&mut state, RestartCall { code, orig_eax: NR }, action.as_ref());
        let expect = match again {
            Some(nr) => (0x1000, nr),
            None => (0x1002, -libc::EINTR as u32),
        };
        assert_eq!((state.eip, state.get(Gpr::Eax)), expect, "{code:?} {handler:?}");
    }
}

#[test]
fn a_sleep_is_not_entered_with_a_signal_in_hand() {
    let (mut guest, _) = guest();
    set_handler(&mut guest, libc::SIGWINCH, flag::SIGINFO);
    raise(libc::SIGWINCH);
    // pause(2) would sleep for ever.
    assert_eq!(guest.call("pause", []), Err(Errno::ERESTARTNOHAND));
    deliver(&mut guest);
    assert_eq!(guest.cx().state.eip, HANDLER);
    leave(&mut guest);
}

#[test]
fn a_signal_wakes_sigsuspend_whose_mask_lets_it_in() {
    let (mut guest, _) = guest();
    set_handler(&mut guest, libc::SIGPROF, flag::SIGINFO);
    let cx = guest.cx();
    cx.thread.signals.set_mask(bit(libc::SIGPROF));
    deliver(&mut guest);
    raise(libc::SIGPROF);
    let open = guest.put(&0u64);
    guest.cx().state.set(Gpr::Eax, 179);
    let cx = guest.cx();
    cx.state.set(Gpr::Ebx, open);
    cx.state.set(Gpr::Ecx, 8);
    cx.process.syscall(cx.thread, cx.state, Trap::Syscall);
    deliver(&mut guest);
    let cx = guest.cx();
    assert_eq!(cx.state.eip, HANDLER);
    let frame: RtSigFrame = cx.read(GuestAddr(cx.state.get(Gpr::Esp))).unwrap();
    assert_eq!(frame.uc.mcontext.eax, -libc::EINTR as u32);
    assert_eq!(frame.uc.sigmask[0], bit(libc::SIGPROF) as u32, "the mask from before the call");
    leave(&mut guest);
}

#[test]
fn alternate_stacks_are_used_and_left_alone() {
    let (mut guest, esp) = guest();
    let memory = guest.room(0x4000);
    let stack = guest.put(&[memory, 0, 0x4000]);
    assert_eq!(guest.call("sigaltstack", [stack, 0]), Ok(0));
    set_handler(&mut guest, libc::SIGIO, flag::SIGINFO | flag::ONSTACK | flag::NODEFER);
    raise(libc::SIGIO);
    deliver(&mut guest);
    let first = guest.cx().state.get(Gpr::Esp);
    assert!((memory..memory + 0x4000).contains(&first) && first < esp.max(memory + 0x4000));
    guest.fails("sigaltstack", [stack, 0], Errno::EPERM);
    raise(libc::SIGIO);
    deliver(&mut guest);
    let second = guest.cx().state.get(Gpr::Esp);
    assert!((memory..first).contains(&second), "nested on the same stack");
    leave(&mut guest);
}

#[test]
fn a_frame_that_does_not_fit_is_a_fault() {
    let (mut guest, _) = guest();
    set_handler(&mut guest, libc::SIGSEGV, flag::SIGINFO | flag::ONSTACK);
    set_handler(&mut guest, libc::SIGVTALRM, flag::SIGINFO);
    let memory = guest.room(0x4000);
    let stack = guest.put(&[memory, 0, 0x4000]);
    assert_eq!(guest.call("sigaltstack", [stack, 0]), Ok(0));
    let cx = guest.cx();
    cx.state.set(Gpr::Esp, 0x1000);
    raise(libc::SIGVTALRM);
    deliver(&mut guest);
    let cx = guest.cx();
    assert_eq!((cx.state.eip, cx.state.get(Gpr::Eax)), (HANDLER, libc::SIGSEGV as u32));
    let frame: RtSigFrame = cx.read(GuestAddr(cx.state.get(Gpr::Esp))).unwrap();
    assert_eq!((frame.info[8], frame.uc.mcontext.eip), (SI_KERNEL as u8, 0x0804_8000));
    assert_eq!(cx.state.selector[Seg::Ss.index()], 0x2b);
    leave(&mut guest);
}
