//! The run loop: translated code until something happens, then the ABI, then on. It connects the engine and the ABI and
//! decides nothing.
use crate::vdso;
use backend_a64::runtime::{self, Engine, ExitHandle, ThreadContext};
use ir::guest::{Access, Exit, Fault};
use ir::{GuestAddr, GuestRange, Trap};
use linux_abi::signal::FaultOutcome;
use linux_abi::{Action, Executor, HostFault, HostRegs, Process, Recovered, SpawnRequest, Thread};
use std::any::Any;
use std::cell::RefCell;
use std::sync::Arc;

/// The engine as the ABI sees it.
#[derive(Debug)]
pub struct Machine {
    engine: Engine,
    vdso: GuestAddr,
}

thread_local! {
    /// How the signal handler makes this host thread leave translated code.
    static LEAVE: RefCell<Option<ExitHandle>> = const { RefCell::new(None) };
}

impl Machine {
    /// Runs a guest that has the vDSO at `vdso` with `engine`.
    pub fn new(engine: Engine, vdso: GuestAddr) -> Self {
        Self { engine, vdso }
    }

    /// What was translated so far.
    pub fn stats(&self) -> runtime::Stats {
        self.engine.stats()
    }

    /// One exit of translated code, answered.
    fn answer(&self, process: &Arc<Process>, thread: &mut Thread, context: &mut ThreadContext, exit: Exit) {
        match exit {
            Exit::Trap(trap @ (Trap::Syscall | Trap::Sysenter)) => process.syscall(thread, context.state_mut(), trap),
            Exit::Trap(Trap::Undefined) if vdso::answer(context.state_mut(), self.vdso) => {}
            Exit::Trap(trap) => {
                if trap == Trap::Unimplemented {
                    self.explain(process, context.state().eip);
                }
                process.raise(thread, context.state_mut(), trap);
            }
            Exit::Fault(fault) => match self.fault(process, thread, context, fault) {
                FaultOutcome::Retry => {}
                FaultOutcome::Signal if process.strace => {
                    eprintln!("--- fault {fault:?} at eip {:#x} ---", context.state().eip)
                }
                FaultOutcome::Signal => {}
                FaultOutcome::Step => {
                    if let Some(exit) = self.engine.step(context, &mut &*process.mm) {
                        self.answer(process, thread, context, exit);
                    }
                }
            },
            Exit::Interrupted => {}
        }
    }

    /// Asks the ABI about a fault, with the access that the processor would report: the load of a read-modify-write wants the
    /// right to write.
    fn fault(
        &self,
        process: &Arc<Process>,
        thread: &mut Thread,
        context: &mut ThreadContext,
        fault: Fault,
    ) -> FaultOutcome {
        let eip = GuestAddr(context.state().eip);
        let writes = fault.access == Access::Read && frontend::access::reads_to_write(&*process.mm, eip);
        let access = if writes { Access::Write } else { fault.access };
        process.fault(thread, context.state_mut(), Fault { access, ..fault })
    }

    /// One line on stderr that names an instruction ferry does not implement.
    fn explain(&self, process: &Process, eip: u32) {
        for line in frontend::disassemble(&*process.mm, GuestAddr(eip), 1) {
            eprintln!("ferry: instruction not implemented, the program gets SIGILL: {line}");
        }
    }
}

impl Executor for Machine {
    fn invalidate(&self, range: GuestRange) {
        self.engine.invalidate(range);
    }

    fn become_ordered(&self) {
        self.engine.set_ordered();
    }

    fn run_thread(&self, request: &mut SpawnRequest, keep: &mut Option<Box<dyn Any>>) -> i32 {
        let SpawnRequest { process, thread, state } = request;
        let context = self.engine.new_thread().expect("memory for a guest thread");
        let context = keep.insert(Box::new(context)).downcast_mut::<ThreadContext>().expect("just put there");
        context.load(state);
        loop {
            // A child made by vfork shares this host thread's storage, so it is set each time round.
            LEAVE.set(Some(context.exit_handle()));
            let exit = self.engine.run(context, &mut &*process.mm);
            self.answer(process, thread, context, exit);
            process.deliver(thread, context.state_mut());
            match thread.action.take() {
                None => {}
                Some(Action::ExitThread(status)) => {
                    process.end_thread(thread);
                    return status;
                }
                Some(Action::ExitProcess(status)) => process.exit(status),
            }
        }
    }

    fn fork(&self, fork: &mut dyn FnMut() -> Result<i32, linux_abi::Errno>) -> Result<i32, linux_abi::Errno> {
        self.engine.fork(fork, |result| *result == Ok(0))
    }

    fn request_exit(&self) {
        LEAVE.with(|leave| {
            // Borrowed only while the run loop replaces it, outside translated code: then the loop sees the signal itself.
            if let Ok(leave) = leave.try_borrow() {
                leave.iter().for_each(ExitHandle::request_exit);
            }
        });
    }

    fn recover(&self, regs: &HostRegs, fault: HostFault) -> Recovered {
        let regs = runtime::HostRegs { x: regs.x, sp: regs.sp, pc: regs.pc, pstate: regs.pstate, v: regs.v };
        let fault = runtime::HostFault { addr: fault.addr, access: fault.access, kind: fault.kind };
        match self.engine.recover(&regs, fault) {
            runtime::Recovered::Foreign => Recovered::Foreign,
            runtime::Recovered::Guest { resume_pc } => Recovered::Guest { resume_pc: resume_pc.0 },
            runtime::Recovered::Poll { resume_pc } => Recovered::Poll { resume_pc: resume_pc.0 },
        }
    }
}
