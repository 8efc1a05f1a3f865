//! The run loop: translated code until something happens, then the ABI, then on. It connects the engine and the ABI and
//! decides nothing.
use crate::translate::GsLimit;
use crate::vdso;
use backend_a64::runtime::{Engine, ThreadContext};
use frontend::fault::Report;
use ir::guest::{Exit, Fault};
use ir::host::{HostFault, HostRegs, Recovered};
use ir::{GuestAddr, GuestRange, Trap};
use linux_abi::signal::FaultOutcome;
use linux_abi::{Action, Executor, Process, SpawnRequest, Thread};
use std::any::Any;
use std::sync::Arc;

/// The engine as the ABI sees it.
#[derive(Debug)]
pub struct Machine {
    engine: Engine,
    vdso: GuestAddr,
    gs: Arc<GsLimit>,
    /// Whether to say at the end what the engine did.
    stats: bool,
}

impl Machine {
    /// Runs a guest that has the vDSO at `vdso` with `engine`, whose translator shares `gs`. `stats`: what the engine did is
    /// printed at the end.
    pub fn new(engine: Engine, vdso: GuestAddr, gs: Arc<GsLimit>, stats: bool) -> Self {
        Self { engine, vdso, gs, stats }
    }

    /// Prints what the engine did, if that is wanted.
    pub fn report(&self) {
        if self.stats {
            let line = |(name, count, meaning)| format!("ferry: {count:>12} {name:<12} {meaning}\n");
            eprint!("{}", self.engine.stats().rows().into_iter().map(line).collect::<String>());
        }
    }

    /// One exit of translated code, answered.
    fn answer(&self, process: &Arc<Process>, thread: &mut Thread, context: &mut ThreadContext, exit: Exit) {
        match exit {
            Exit::Trap(trap @ (Trap::Syscall | Trap::Sysenter)) => process.syscall(thread, context.state_mut(), trap),
            Exit::Trap(Trap::Undefined) if vdso::answer(context.state_mut(), self.vdso) => {}
            Exit::Trap(trap) => {
                if trap == Trap::Unimplemented {
                    self.explain(process, context.state().linear_eip());
                }
                process.raise(thread, context.state_mut(), trap);
            }
            Exit::Fault(fault) => match frontend::fault::report(&*process.mm, context.state(), fault) {
                Report::Page(fault) => self.answer_fault(process, thread, context, fault),
                Report::Trap(trap) => process.raise(thread, context.state_mut(), trap),
            },
            Exit::Interrupted => {}
        }
    }

    /// A page fault, answered.
    fn answer_fault(&self, process: &Arc<Process>, thread: &mut Thread, context: &mut ThreadContext, fault: Fault) {
        match process.fault(thread, context.state_mut(), fault) {
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
        }
    }

    /// One line on stderr that names an instruction ferry does not implement.
    fn explain(&self, process: &Process, eip: GuestAddr) {
        for line in frontend::disassemble(&*process.mm, eip, 1) {
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

    fn check_gs(&self, on: bool) {
        if self.gs.note(on) {
            self.engine.flush();
        }
    }

    fn checks_gs(&self) -> bool {
        self.gs.is_checked()
    }

    fn run_thread(&self, request: &mut SpawnRequest, keep: &mut Option<Box<dyn Any>>) -> i32 {
        let SpawnRequest { process, thread, state } = request;
        let context = self.engine.new_thread().expect("memory for a guest thread");
        let context = keep.insert(Box::new(context)).downcast_mut::<ThreadContext>().expect("just put there");
        context.load(state);
        loop {
            let exit = self.engine.run(context, &mut &*process.mm);
            self.answer(process, thread, context, exit);
            // A child made by vfork has had this host thread's storage; signals are blocked until `deliver` lets them in.
            context.bind();
            process.deliver(thread, context.state_mut());
            match thread.action.take() {
                None => {}
                Some(Action::ExitThread(status)) => {
                    process.end_thread(thread);
                    return status;
                }
                Some(Action::ExitProcess(status)) => {
                    self.report();
                    process.exit(status)
                }
            }
        }
    }

    fn fork(&self, fork: &mut dyn FnMut() -> Result<i32, linux_abi::Errno>) -> Result<i32, linux_abi::Errno> {
        self.engine.fork(fork, |result| *result == Ok(0))
    }

    fn request_exit(&self) {
        self.engine.request_exit();
    }

    fn recover(&self, regs: &HostRegs, fault: HostFault) -> Recovered {
        self.engine.recover(regs, fault)
    }
}
