//! What the run loop calls: a thread's beginning and end, and its system calls. `Process::{fault, raise}` are in
//! [`crate::signal::raise`], `Process::deliver` in [`crate::signal::deliver`].
//!
//! The loop of one thread: [`Thread::enter`]; then run translated code, hand its exit to `syscall`, `fault` or `raise`,
//! then `deliver`, then look at `thread.action`; at the end [`Process::end_thread`] or [`Process::exit`].
use crate::context::{Cx, Process, Thread};
use crate::errno::Errno;
use crate::host;
use crate::signal::frame::{USER_CS, USER_DS};
use crate::signal::host_handler;
use crate::signal::pending::RestartCall;
use crate::syscall;
use ir::guest::{CpuState, Descriptor, Gpr, GuestAddr, Seg, Trap};
use std::sync::Arc;

/// The calling host thread's id.
pub(crate) fn gettid() -> i32 {
    host::syscall(libc::SYS_gettid, [0; 6]).map_or(0, |tid| tid as i32)
}

impl Thread {
    /// The first thread of a program: the calling host thread, with the signal mask it was exec'd with.
    pub fn first() -> Self {
        let mut thread = Self { tid: gettid(), ..Self::default() };
        let mask = host_handler::set_host_mask(u64::MAX);
        thread.signals.set_mask(mask);
        thread
    }

    /// Makes the calling host thread this guest thread; from here on its signals are the guest's.
    pub fn enter(&mut self) {
        self.signals.enter();
    }
}

impl Process {
    /// The guest executed `int 0x80` (`Trap::Syscall`) or SYSENTER (`Trap::Sysenter`): carries the call out and sets eax.
    /// What is to be restarted is finished by `deliver`.
    pub fn syscall(self: &Arc<Self>, thread: &mut Thread, state: &mut CpuState, trap: Trap) {
        let nr = state.get(Gpr::Eax);
        let sixth = match trap {
            Trap::Sysenter => self.enter_by_sysenter(state),
            _ => Ok(state.get(Gpr::Ebp)),
        };
        let args = |sixth| {
            let [ebx, ecx, edx] = [Gpr::Ebx, Gpr::Ecx, Gpr::Edx].map(|reg| state.get(reg));
            [ebx, ecx, edx, state.get(Gpr::Esi), state.get(Gpr::Edi), sixth]
        };
        let result =
            sixth.map(args).and_then(|args| syscall::dispatch(&mut Cx { process: self, thread, state }, nr, args));
        let eax = match result {
            Ok(value) => value,
            Err(code @ Errno(512..=516)) => {
                thread.signals.restart = Some(RestartCall { code, orig_eax: nr });
                -libc::EINTR as u32
            }
            Err(Errno(number)) => -number as u32,
        };
        state.set(Gpr::Eax, eax);
    }

    /// SYSENTER saves nothing: the vDSO has put the stack pointer into ebp and ebp onto the stack, and goes on at an
    /// address it and the kernel have agreed on (arch/x86/entry/vdso/vdso32/system_call.S).
    fn enter_by_sysenter(&self, state: &mut CpuState) -> Result<u32, Errno> {
        let stack = state.get(Gpr::Ebp);
        state.set(Gpr::Esp, stack);
        state.set_segment(Seg::Cs, USER_CS, Descriptor::FLAT_CODE);
        state.set_segment(Seg::Ss, USER_DS, Descriptor::FLAT_DATA);
        state.eip = self.vdso.map_or(0, |vdso| vdso.sysenter_return.0);
        let mut sixth = [0; 4];
        self.mm.load(GuestAddr(stack), &mut sixth)?;
        Ok(u32::from_le_bytes(sixth))
    }
}

impl Process {
    /// The calling host thread ends as a guest thread (`Action::ExitThread`): releases its futexes. The host thread then
    /// returns, or, if it is the process's first, ends with [`Self::exit_first_thread`].
    pub fn end_thread(&self, thread: &mut Thread) {
        thread.signals.leave(std::ptr::null());
        self.release_futexes(thread);
    }

    /// The process's first thread ends while others may run: a host thread cannot return from `main` for that.
    pub fn exit_first_thread(&self, status: i32) -> ! {
        loop {
            let _ = host::syscall(libc::SYS_exit, [status as u64, 0, 0, 0, 0, 0]);
        }
    }

    /// The process ends (`Action::ExitProcess`).
    pub fn exit(&self, status: i32) -> ! {
        self.release_all_robust();
        loop {
            let _ = host::syscall(libc::SYS_exit_group, [status as u64, 0, 0, 0, 0, 0]);
        }
    }
}
