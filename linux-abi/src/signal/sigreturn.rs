//! sigreturn(2), rt_sigreturn(2): back from a handler, with whatever it made of the saved registers.
use super::fpstate::{self, FSAVE_LEN, FXSAVE_LEN};
use super::frame::{RtSigFrame, SigContext, SigFrame};
use super::info::{SigInfo, SI_KERNEL};
use super::pending::AltStack;
use crate::context::{Cx, SysResult};
use ir::guest::state::EFLAGS_DF;
use ir::guest::{CpuState, Fault, Gpr, GuestAddr, Seg};
use zerocopy::{FromBytes, IntoBytes};

/// eflags bits that sigreturn restores: AC, OF, DF, TF, SF, ZF, AF, PF, CF.
const RESTORED_FLAGS: u32 = 1 << 18 | 1 << 11 | EFLAGS_DF | 1 << 8 | 0xd5;

fn load<T: FromBytes + IntoBytes>(cx: &Cx<'_>, at: u32) -> Result<T, Fault> {
    let mut value = T::new_zeroed();
    cx.process.mm.load(GuestAddr(at), value.as_mut_bytes())?;
    Ok(value)
}

/// sigreturn(2). The frame is where the handler's return address and the trampoline's `pop` have left esp.
pub fn sigreturn(cx: &mut Cx<'_>) -> SysResult {
    let result = load::<SigFrame>(cx, cx.state.get(Gpr::Esp).wrapping_sub(8)).and_then(|frame| {
        let mask = u64::from(frame.sc.oldmask) | u64::from(frame.extramask) << 32;
        cx.thread.signals.set_mask(mask);
        restore(cx, &frame.sc)
    });
    finish(cx, result)
}

/// rt_sigreturn(2).
pub fn rt_sigreturn(cx: &mut Cx<'_>) -> SysResult {
    let result = load::<RtSigFrame>(cx, cx.state.get(Gpr::Esp).wrapping_sub(4)).and_then(|frame| {
        let mask = u64::from(frame.uc.sigmask[0]) | u64::from(frame.uc.sigmask[1]) << 32;
        cx.thread.signals.set_mask(mask);
        restore(cx, &frame.uc.mcontext)?;
        let [sp, flags, size] = frame.uc.stack;
        let esp = cx.state.get(Gpr::Esp);
        // As the kernel does: what sigaltstack(2) would refuse is not restored, and that is no error.
        let stack = AltStack { sp: GuestAddr(sp), flags, size };
        let _ = cx.thread.signals.set_altstack(stack, esp);
        Ok(())
    });
    finish(cx, result)
}

/// The value of eax, so that the dispatcher's store changes nothing; a bad frame is SIGSEGV.
fn finish(cx: &mut Cx<'_>, result: Result<(), Fault>) -> SysResult {
    // There is no call to restart any more.
    cx.thread.signals.restart = None;
    if result.is_err() {
        cx.thread.signals.force(SigInfo::new(libc::SIGSEGV, SI_KERNEL));
    }
    Ok(cx.state.get(Gpr::Eax))
}

fn restore(cx: &mut Cx<'_>, sc: &SigContext) -> Result<(), Fault> {
    let fpstate = match sc.fpstate {
        0 => None,
        at => {
            Some((load::<[u8; FSAVE_LEN]>(cx, at)?, load::<[u8; FXSAVE_LEN]>(cx, at.wrapping_add(FSAVE_LEN as u32))?))
        }
    };
    set_registers(cx.state, sc);
    match &fpstate {
        None => fpstate::reset(cx.state),
        Some((fsave, fxsave)) => fpstate::restore(cx.state, fsave, fxsave),
    }
    if !set_segments(cx, sc) {
        // What iret would do with them.
        cx.thread.signals.last_fault.trapno = 13;
        cx.thread.signals.force(SigInfo::new(libc::SIGSEGV, SI_KERNEL));
    }
    Ok(())
}

fn set_registers(state: &mut CpuState, sc: &SigContext) {
    state.gpr = [sc.eax, sc.ecx, sc.edx, sc.ebx, sc.esp, sc.ebp, sc.esi, sc.edi];
    state.eip = sc.eip;
    let kept = state.eflags() & !RESTORED_FLAGS;
    state.set_eflags(kept | sc.eflags & RESTORED_FLAGS);
}

/// Loads the selectors; false if CS or SS is none that user code can run with. Bad data selectors become null; those that are
/// in their registers already are not loaded again.
fn set_segments(cx: &mut Cx<'_>, sc: &SigContext) -> bool {
    let user = |selector: u32| if selector > 3 { selector as u16 | 3 } else { selector as u16 };
    let (cs, ss) = (sc.cs as u16 | 3, sc.ss as u16 | 3);
    let wanted = [(Seg::Gs, user(sc.gs)), (Seg::Fs, user(sc.fs)), (Seg::Ds, user(sc.ds)), (Seg::Es, user(sc.es))];
    let mut load = [false; 6];
    for (seg, selector) in wanted.into_iter().chain([(Seg::Cs, cs), (Seg::Ss, ss)]) {
        let i = seg.index();
        load[i] = matches!(seg, Seg::Cs | Seg::Ss) || cx.state.selector[i] != selector;
        cx.state.selector[i] = selector;
    }
    let (tls, ldt) = (&cx.thread.tls, &cx.process.ldt);
    let usable = tls.load(ldt, Seg::Cs, cs).is_ok() && tls.load(ldt, Seg::Ss, ss).is_ok();
    cx.process.reload_segments(tls, cx.state, |seg, _| load[seg.index()]);
    usable
}
