//! From what an instruction did to the signal it raises: numbers, codes, addresses as x86 Linux gives them
//! (arch/x86/kernel/traps.c, arch/x86/mm/fault.c).
use super::info::{SigInfo, SI_KERNEL};
use super::pending::LastFault;
use super::{SEGV_ACCERR, SEGV_MAPERR};
use crate::context::{Process, Thread};
use crate::mm::watch::Repair;
use crate::tls::{Refusal, Tls};
use ir::guest::{Access, CpuState, Descriptor, Fault, FaultKind, GuestAddr, Seg, Trap};
use std::sync::Arc;

/// Error code bits of a page fault: page present, write, user mode, instruction fetch.
const PF_PRESENT: u32 = 1;
const PF_WRITE: u32 = 2;
const PF_USER: u32 = 4;
const PF_FETCH: u32 = 16;

/// si_code of SIGFPE for integers, of SIGILL for #UD.
const FPE_INTDIV: i32 = 1;
const ILL_ILLOPN: i32 = 2;

/// What the run loop does after a memory fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultOutcome {
    /// The cause is gone: run on from the same eip.
    Retry,
    /// A store hit a page with translated code, which is dropped: execute the one instruction at eip without watching
    /// what it writes, then run on.
    Step,
    /// A signal is raised; `deliver` does the rest.
    Signal,
}

impl Process {
    /// A memory access of the instruction at `state.eip` faulted.
    pub fn fault(self: &Arc<Self>, thread: &mut Thread, _state: &mut CpuState, fault: Fault) -> FaultOutcome {
        if fault.access == Access::Write && fault.kind != FaultKind::Bus {
            match self.mm.repair_write(fault.addr) {
                Some(Repair::Unwatched) => return FaultOutcome::Step,
                Some(Repair::Unprotected) => return FaultOutcome::Retry,
                None => {}
            }
        }
        let kind = match fault.kind {
            FaultKind::Bus => FaultKind::Bus,
            // The page flags know; the host's word may be older than another thread's change.
            _ => match self.mm.check(fault.addr, fault.access) {
                Some(kind) => kind,
                None => return FaultOutcome::Retry,
            },
        };
        if kind == FaultKind::Unmapped && self.mm.grow_down(fault.addr) {
            return FaultOutcome::Retry;
        }
        self.page_fault(thread, Fault { kind, ..fault });
        FaultOutcome::Signal
    }

    /// The instruction before or at `state.eip` raised `trap` (not a system call).
    pub fn raise(self: &Arc<Self>, thread: &mut Thread, state: &mut CpuState, trap: Trap) {
        let eip = state.eip;
        let (trapno, err, info) = match trap {
            Trap::Segment => return self.answer_segment(thread, state),
            Trap::DivideError => (0, 0, SigInfo::fault(libc::SIGFPE, FPE_INTDIV, eip)),
            Trap::Breakpoint => (3, 0, SigInfo::new(libc::SIGTRAP, SI_KERNEL)),
            Trap::Debug => (1, 0, SigInfo::fault(libc::SIGTRAP, libc::TRAP_BRKPT, eip)),
            Trap::SingleStep => (1, 0, SigInfo::fault(libc::SIGTRAP, libc::TRAP_TRACE, eip)),
            Trap::Alignment => (17, 0, SigInfo::fault(libc::SIGBUS, libc::BUS_ADRALN, 0)),
            Trap::Overflow => (4, 0, SigInfo::new(libc::SIGSEGV, SI_KERNEL)),
            Trap::BoundRange => (5, 0, SigInfo::new(libc::SIGSEGV, SI_KERNEL)),
            Trap::Undefined | Trap::Unimplemented => (6, 0, SigInfo::fault(libc::SIGILL, ILL_ILLOPN, eip)),
            Trap::GeneralProtection => (13, self.gp_error(state.linear_eip()), SigInfo::new(libc::SIGSEGV, SI_KERNEL)),
            Trap::StackFault => (12, 0, SigInfo::new(libc::SIGBUS, SI_KERNEL)),
            Trap::X87 => (16, 0, SigInfo::fault(libc::SIGFPE, float_code(u32::from(state.fsw & !state.fcw)), eip)),
            Trap::Simd => {
                let unmasked = !(state.mxcsr >> 7) & state.mxcsr & 0x3f;
                (19, 0, SigInfo::fault(libc::SIGFPE, float_code(unmasked), eip))
            }
            Trap::Fetch => return self.raise_fetch(thread, state.linear_eip()),
            Trap::Syscall | Trap::Sysenter | Trap::Yield | Trap::Mxcsr | Trap::Interpret | Trap::Stale => return,
        };
        thread.signals.last_fault = LastFault { trapno, err, ..thread.signals.last_fault };
        thread.signals.force(info);
    }

    /// The instruction at eip needs a descriptor that only the descriptor tables know. It runs again with the answer.
    fn answer_segment(self: &Arc<Self>, thread: &mut Thread, state: &mut CpuState) {
        let Some((selector, seg)) = state.segment_request() else { return };
        let answer = match seg {
            Some(seg) => thread.tls.load(&self.ldt, seg, selector),
            None => Ok(thread.tls.describe(&self.ldt, selector).unwrap_or(Descriptor::NULL)),
        };
        let (trapno, err, signal) = match answer {
            Ok(descriptor) => {
                if seg == Some(Seg::Gs) {
                    self.executor.check_gs(!descriptor.is_whole());
                }
                return state.answer_segment(descriptor);
            }
            Err(Refusal::Protection(selector)) => (13, selector, libc::SIGSEGV),
            Err(Refusal::NotPresent(selector)) => (11, selector, libc::SIGBUS),
            Err(Refusal::Stack(selector)) => (12, selector, libc::SIGBUS),
        };
        thread.signals.last_fault = LastFault { trapno, err: u32::from(err), ..thread.signals.last_fault };
        thread.signals.force(SigInfo::new(signal, SI_KERNEL));
    }

    /// Loads the segment registers that `which` names from the descriptor tables anew.
    pub(crate) fn reload_segments(&self, tls: &Tls, state: &mut CpuState, which: impl Fn(Seg, u16) -> bool) {
        tls.reload(&self.ldt, state, which);
        if state.selector[Seg::Gs.index()] != 0 || !self.executor.checks_gs() {
            self.executor.check_gs(!state.segment(Seg::Gs).is_whole());
        }
    }

    fn raise_fetch(&self, thread: &mut Thread, eip: GuestAddr) {
        let mut insn = [0; 15];
        let fault = match self.mm.fetch_code(eip, &mut insn) {
            Err(fault) => fault,
            // The instruction goes on where nothing can be fetched.
            Ok(n) => {
                let addr = eip.plus(n as u32);
                let kind = self.mm.check(addr, Access::Execute).unwrap_or(FaultKind::Bus);
                Fault { addr, access: Access::Execute, kind }
            }
        };
        self.page_fault(thread, fault);
    }

    /// The error code of a general protection fault: `int n` names its gate in the IDT; everything else gets 0.
    fn gp_error(&self, eip: GuestAddr) -> u32 {
        const INT_N: u8 = 0xcd;
        const IDT: u32 = 2;
        let mut insn = [0; 2];
        match self.mm.load(eip, &mut insn) {
            Ok(()) if insn[0] == INT_N => u32::from(insn[1]) << 3 | IDT,
            _ => 0,
        }
    }

    fn page_fault(&self, thread: &mut Thread, fault: Fault) {
        let present = fault.kind == FaultKind::Protected && self.mm.is_present(fault.addr);
        raise_page_fault(thread, fault, present);
    }
}

fn raise_page_fault(thread: &mut Thread, fault: Fault, present: bool) {
    let present = if present { PF_PRESENT } else { 0 };
    let access = match fault.access {
        Access::Read => 0,
        Access::Write => PF_WRITE,
        Access::Execute => PF_FETCH,
    };
    thread.signals.last_fault = LastFault { trapno: 14, err: PF_USER | present | access, cr2: fault.addr.0 };
    let (signal, code) = match fault.kind {
        FaultKind::Unmapped => (libc::SIGSEGV, SEGV_MAPERR),
        FaultKind::Protected => (libc::SIGSEGV, SEGV_ACCERR),
        FaultKind::Bus => (libc::SIGBUS, libc::BUS_ADRERR),
    };
    thread.signals.force(SigInfo::fault(signal, code, fault.addr.0));
}

/// SIGFPE's si_code for the unmasked flags IE, DE, ZE, OE, UE, PE (bits 0 to 5).
fn float_code(unmasked: u32) -> i32 {
    const FPE_FLTDIV: i32 = 3;
    const FPE_FLTOVF: i32 = 4;
    const FPE_FLTUND: i32 = 5;
    const FPE_FLTRES: i32 = 6;
    const FPE_FLTINV: i32 = 7;
    let order = [(0x01, FPE_FLTINV), (0x04, FPE_FLTDIV), (0x08, FPE_FLTOVF), (0x12, FPE_FLTUND), (0x20, FPE_FLTRES)];
    order.iter().find(|(flags, _)| unmasked & flags != 0).map_or(0, |(_, code)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mm::{MmapRequest, Prot};
    use crate::testing::Guest;
    use ir::guest::Gpr;

    /// What each trap becomes: trapno, err, signal, code.
    #[test]
    fn traps_become_signals() {
        let mut guest = Guest::new();
        let int90 = guest.put(&[0xcdu8, 0x90][..]);
        let cases = [
            (Trap::DivideError, [0, 0, libc::SIGFPE, 1]),
            (Trap::Breakpoint, [3, 0, libc::SIGTRAP, SI_KERNEL]),
            (Trap::Debug, [1, 0, libc::SIGTRAP, 1]),
            (Trap::Overflow, [4, 0, libc::SIGSEGV, SI_KERNEL]),
            (Trap::BoundRange, [5, 0, libc::SIGSEGV, SI_KERNEL]),
            (Trap::Undefined, [6, 0, libc::SIGILL, 2]),
            (Trap::GeneralProtection, [13, 0x482, libc::SIGSEGV, SI_KERNEL]),
            (Trap::StackFault, [12, 0, libc::SIGBUS, SI_KERNEL]),
            (Trap::X87, [16, 0, libc::SIGFPE, 3]),
            (Trap::Simd, [19, 0, libc::SIGFPE, 7]),
        ];
        for (trap, [trapno, err, signal, code]) in cases {
            let cx = guest.cx();
            cx.state.eip = int90;
            (cx.state.fcw, cx.state.fsw) = (0x37b, 0x84);
            cx.state.mxcsr = 0x1f00 | 1;
            cx.process.raise(cx.thread, cx.state, trap);
            let last = cx.thread.signals.last_fault;
            let info = cx.thread.signals.forced.take().expect("a signal");
            let got = [last.trapno as i32, last.err as i32, info.signo(), info.code()];
            assert_eq!(got, [trapno, err, signal, code], "{trap:?}");
        }
    }

    #[test]
    fn page_faults_say_what_and_why() {
        let mut guest = Guest::new();
        let cx = guest.cx();
        let mm = &cx.process.mm;
        let at = mm.mmap(MmapRequest::anonymous(0, 0x3000, Prot::READ)).unwrap();
        mm.mprotect(at.0 + 0x2000, 0x1000, 0).unwrap();
        let mut byte = [0];
        mm.load(at.plus(0x1000), &mut byte).unwrap();
        let cases = [
            (at, Access::Write, 6, SEGV_ACCERR),
            (at.plus(0x1000), Access::Write, 7, SEGV_ACCERR),
            (at.plus(0x1000), Access::Execute, 0x15, SEGV_ACCERR),
            (at.plus(0x2000), Access::Read, 4, SEGV_ACCERR),
            (GuestAddr(0x10), Access::Write, 6, SEGV_MAPERR),
        ];
        for (addr, access, err, code) in cases {
            let kind = FaultKind::Unmapped;
            let outcome = cx.process.fault(cx.thread, cx.state, Fault { addr, access, kind });
            assert_eq!(outcome, FaultOutcome::Signal);
            let info = cx.thread.signals.forced.take().expect("a signal");
            let last = cx.thread.signals.last_fault;
            assert_eq!((last.err, last.cr2, info.code()), (err, addr.0, code), "{addr} {access:?}");
        }
        // Allowed by now: try again.
        let fault = Fault { addr: at, access: Access::Read, kind: FaultKind::Unmapped };
        assert_eq!(cx.process.fault(cx.thread, cx.state, fault), FaultOutcome::Retry);
        cx.state.set(Gpr::Eax, 0);
        mm.munmap(at.0, 0x3000).unwrap();
    }
}
