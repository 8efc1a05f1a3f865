//! Delivery: what the kernel does on its way back to user mode (kernel/signal.c get_signal(), arch/x86/kernel/signal.c).
use super::action::{default_action, flag, Action, DefaultAction, SIG_DFL, SIG_IGN};
use super::frame::{self, Delivery};
use super::host_handler::{self, Disposition};
use super::info::{SigInfo, SI_KERNEL};
use super::{bit, pending::RestartCall, NSIG};
use crate::context::{Cx, Process, Thread};
use crate::errno::Errno;
use crate::host;
use ir::guest::{CpuState, Gpr};
use std::sync::Arc;

/// i386 number of restart_syscall(2).
const NR_RESTART_SYSCALL: u32 = 0;

impl Process {
    /// Delivers every signal the thread does not block, then lets the host's mask be the guest's. To be called each time
    /// before the guest runs on. May set `thread.action`.
    pub fn deliver(self: &Arc<Self>, thread: &mut Thread, state: &mut CpuState) {
        if thread.signals.idle() {
            return;
        }
        let mut cx = Cx { process: self, thread, state };
        loop {
            while let Some((info, forced)) = next(&mut cx) {
                deliver_one(&mut cx, info, forced);
            }
            if let Some(call) = cx.thread.signals.restart.take() {
                restart(cx.state, call, None);
            }
            if let Some(mask) = cx.thread.signals.saved_mask.take() {
                cx.thread.signals.set_mask(mask);
            }
            // What this lets in is in hand when it returns.
            cx.thread.signals.sync_host_mask();
            if cx.thread.signals.idle() || !cx.thread.signals.in_hand() && !cx.thread.signals.has_forced() {
                break;
            }
        }
    }
}

/// The next signal: the thread's own first.
fn next(cx: &mut Cx<'_>) -> Option<(SigInfo, bool)> {
    if let Some(info) = cx.thread.signals.forced.take() {
        return Some((info, true));
    }
    let info = cx.thread.signals.next_in_hand()?;
    Some((SigInfo::from_host(&info), false))
}

fn deliver_one(cx: &mut Cx<'_>, info: SigInfo, forced: bool) {
    let signal = info.signo();
    let mut action = cx.process.actions.get(signal);
    if forced && (action.handler == SIG_IGN || cx.thread.signals.mask & bit(signal) != 0) {
        // The instruction cannot go on: neither ignoring nor blocking helps.
        cx.process.actions.reset(signal);
        action.handler = SIG_DFL;
    }
    match action.handler {
        SIG_IGN => {}
        SIG_DFL => by_default(signal, forced),
        _ => call_handler(cx, info, action, forced),
    }
}

fn by_default(signal: i32, forced: bool) {
    match default_action(signal) {
        DefaultAction::Ignore if !forced => {}
        DefaultAction::Stop => send_to_self(signal),
        _ => die_by(signal),
    }
}

fn call_handler(cx: &mut Cx<'_>, info: SigInfo, action: Action, forced: bool) {
    let signal = info.signo();
    if let Some(call) = cx.thread.signals.restart.take() {
        restart(cx.state, call, Some(&action));
    }
    if action.has(flag::RESETHAND) {
        cx.process.actions.reset(signal);
    }
    let signals = &mut cx.thread.signals;
    let old_mask = signals.saved_mask.unwrap_or(signals.mask);
    let delivery = Delivery { info, action, forced, old_mask };
    if frame::push(&cx.process.mm, cx.process.vdso, signals, cx.state, &delivery).is_err() {
        // No room for the frame: SIGSEGV; and if that is the signal itself, no handler for it either.
        if signal == libc::SIGSEGV {
            cx.process.actions.reset(signal);
        }
        cx.thread.signals.force(SigInfo::new(libc::SIGSEGV, SI_KERNEL));
        return;
    }
    signals.saved_mask = None;
    let own = if action.has(flag::NODEFER) { 0 } else { bit(signal) };
    signals.set_mask(signals.mask | action.mask | own);
}

/// Finishes an interrupted system call: with a handler, or without one.
fn restart(state: &mut CpuState, call: RestartCall, handler: Option<&Action>) {
    let again = match (call.code, handler) {
        (Errno::ERESTARTNOINTR, _) => true,
        (Errno::ERESTARTSYS, Some(action)) => action.has(flag::RESTART),
        (_, Some(_)) => false,
        (_, None) => true,
    };
    if !again {
        state.set(Gpr::Eax, -libc::EINTR as u32);
        return;
    }
    // `int 0x80` and `sysenter` are two bytes long; the vDSO has an `int 0x80` before sysenter's return address.
    state.eip = state.eip.wrapping_sub(2);
    let block = call.code == Errno::ERESTART_RESTARTBLOCK;
    state.set(Gpr::Eax, if block { NR_RESTART_SYSCALL } else { call.orig_eax });
}

/// Sends the calling thread a signal that nothing of ours keeps it from taking.
fn send_to_self(signal: i32) {
    host_handler::set_host_mask(!bit(signal));
    let tid = host::syscall(libc::SYS_gettid, [0; 6]).unwrap_or(0);
    let _ = host::syscall(libc::SYS_tgkill, [u64::from(std::process::id()), tid, signal as u64, 0, 0, 0]);
    // A stop takes effect here; the mask the guest has is set again before it runs on.
    host_handler::set_host_mask(u64::MAX);
}

/// Ends the process by this very signal, so that its parent sees what the guest's parent would.
pub fn die_by(signal: i32) -> ! {
    debug_assert!((1..=NSIG).contains(&signal));
    host_handler::set_disposition(signal, Disposition::Default, 0);
    send_to_self(signal);
    // Process 1 of a namespace is not ended by its own signals.
    loop {
        let _ = host::syscall(libc::SYS_exit_group, [128 + signal as u64, 0, 0, 0, 0, 0]);
    }
}
