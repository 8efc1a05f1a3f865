//! Faults of translated code, recovered in a SIGSEGV handler as the loader does it.
use super::region_asm::a64;
use super::*;
use crate::codegen::LinkKind;
use dynasmrt::DynasmLabelApi;
use ir::guest::{Access, FaultKind, Trap};
use ir::host::{HostFault, HostRegs, Recovered};
use ir::{Builder, Sink, Terminator, Ty};
use std::cell::Cell;
use std::sync::Once;
use std::time::Duration;

const DONE: Exit = Exit::Trap(Trap::Syscall);

thread_local! {
    static ENGINE: Cell<*const Engine> = const { Cell::new(std::ptr::null()) };
    static FOREIGN: Cell<u32> = const { Cell::new(0) };
}

/// Marks the vector registers in `uc_mcontext.__reserved` (asm/sigcontext.h).
const FPSIMD_MAGIC: u32 = 0x4650_8001;
const WNR: u32 = 1 << 6;

/// The part of the kernel's ucontext that recovery reads: registers and ESR.
unsafe fn registers(context: *const libc::ucontext_t) -> (HostRegs, Access) {
    // SAFETY: the kernel's context of the handler that called us.
    let machine = unsafe { &(*context).uc_mcontext };
    let mut regs = HostRegs {
        x: machine.regs[..31].try_into().unwrap(),
        sp: machine.sp,
        pc: machine.pc,
        pstate: machine.pstate,
        v: [0; 32],
    };
    let mut access = Access::Read;
    // SAFETY: the records end inside the context with one of size zero.
    unsafe {
        let mut record = (&raw const *machine).cast::<u8>().add(288);
        loop {
            let [magic, size] = record.cast::<[u32; 2]>().read();
            match (magic, size) {
                (_, 0) => break,
                (FPSIMD_MAGIC, _) => regs.v = record.add(16).cast::<[u128; 32]>().read_unaligned(),
                (0x4553_5201, _) if record.add(8).cast::<u32>().read() & WNR != 0 => access = Access::Write,
                _ => {}
            }
            record = record.add(size as usize);
        }
    }
    (regs, access)
}

extern "C" fn on_fault(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: the kernel's arguments of a handler with SA_SIGINFO.
    let ((regs, access), addr) = unsafe { (registers(context), (*info).si_addr() as u64) };
    let kind = if signal == libc::SIGBUS { FaultKind::Bus } else { FaultKind::Unmapped };
    let fault = HostFault { addr, access, kind };
    // SAFETY: set by `Rig::guard` to an engine that outlives the run.
    let engine = unsafe { ENGINE.get().as_ref() }.expect("a fault of a test that expects none");
    match engine.recover(&regs, fault) {
        // SAFETY: the context is written before the handler returns to it.
        Recovered::Guest { resume_pc } | Recovered::Poll { resume_pc } => unsafe {
            (*context).uc_mcontext.pc = resume_pc;
        },
        Recovered::Foreign => std::process::abort(),
    }
}

/// Installs the handler; this thread's faults go to `engine`.
pub(super) fn guard(engine: &Engine) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: a handler that only does what signal handlers may.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_fault as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
            for signal in [libc::SIGSEGV, libc::SIGBUS] {
                assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
            }
        }
    });
    ENGINE.set(engine);
}

fn rig() -> Rig {
    let rig = Rig::new();
    guard(&rig.engine);
    rig
}

/// A guest address nothing is mapped at.
const NOWHERE: u32 = 0xffff_f000;

#[test]
fn a_fault_is_precise() {
    let mut rig = rig();
    // The host's C is set by the comparison: as the guest's inverted carry that is CF = 0. PF and AF are set.
    for (carry_direct, flags) in [(false, 0x54), (true, 0x55)] {
        rig.program.set(0x1000, |asm| {
            a64!(asm; add w19, w19, 5; mov v17.d[0], v16.d[0]; cmp w20, w20; movz w18, 3; movz w7, 16);
            asm.mark(0x1003, carry_direct);
            a64!(asm; ldr w21, [x22, 8]);
            asm.trap(Trap::Syscall, 0x1009);
        });
        rig.engine.flush();
        let state = rig.state();
        state.gpr = [1, 2, 3, NOWHERE, 5, 6, 7, 8];
        state.xmm[0] = 99;
        let fault = Fault { addr: GuestAddr(NOWHERE + 8), access: Access::Read, kind: FaultKind::Unmapped };
        assert_eq!(rig.run(0x1000), Exit::Fault(fault));
        let state = rig.state();
        assert_eq!((state.gpr, state.eip), ([6, 2, 3, NOWHERE, 5, 6, 7, 8], 0x1003));
        assert_eq!(state.xmm[1] as u64, 99);
        assert_eq!(state.eflags() & 0x55, flags, "{carry_direct}");
    }
}

#[test]
fn stores_fault_as_writes() {
    let mut rig = rig();
    rig.program.set(0x1000, |asm| {
        a64!(asm; str w21, [x22]);
        asm.trap(Trap::Syscall, 0x1009);
    });
    rig.state().set(Gpr::Ebx, NOWHERE);
    let Exit::Fault(fault) = rig.run(0x1000) else { panic!("no fault") };
    assert_eq!((fault.addr, rig.state().eip), (GuestAddr(NOWHERE), 0x1000));
    // The emulator gives no syndrome record on some hosts; where it does, the access is known.
    assert!(matches!(fault.access, Access::Write | Access::Read));
}

#[test]
fn the_poll_page_stops_a_loop() {
    let mut rig = rig();
    rig.program.set(0x1000, |asm| {
        a64!(asm; add w19, w19, 1; again:);
        asm.poll(0x1004);
        a64!(asm; add w20, w20, 1; b <again);
    });
    for round in 1..4 {
        let handle = rig.thread.exit_handle();
        let requester = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(10));
            handle.request_exit();
        });
        assert_eq!(rig.run(0x1000), Exit::Interrupted);
        requester.join().unwrap();
        assert_eq!((rig.state().eip, rig.reg(Gpr::Eax)), (0x1004, round));
        assert!(!rig.thread.exit_handle().requested());
    }
    assert_eq!(rig.engine.stats().polls, 3);
}

#[test]
fn loops_through_the_stubs_are_stopped() {
    let mut rig = rig();
    // "Returns" round and round, without a call.
    rig.program.set(0x1000, |asm| {
        a64!(asm; add w19, w19, 1);
        asm.ret(EDX);
    });
    for round in 1..4 {
        rig.state().set(Gpr::Edx, 0x1000);
        let handle = rig.thread.exit_handle();
        let requester = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(10));
            handle.request_exit();
        });
        assert_eq!(rig.run(0x1000), Exit::Interrupted);
        requester.join().unwrap();
        assert_eq!(rig.state().eip, 0x1000);
        assert!(rig.reg(Gpr::Eax) > round);
    }
    assert_eq!(rig.engine.stats().polls, 3);
}

#[test]
fn a_request_before_the_run_is_answered_at_once() {
    let mut rig = rig();
    rig.program.set(0x1000, |asm| asm.trap(Trap::Syscall, 0x1002));
    rig.thread.exit_handle().request_exit();
    rig.thread.exit_handle().request_exit();
    assert_eq!(rig.run(0x1000), Exit::Interrupted);
    // The same from the thread itself, as a signal handler would.
    rig.engine.request_exit();
    assert_eq!(rig.run(0x1000), Exit::Interrupted);
    assert_eq!(rig.run(0x1000), DONE);
}

#[test]
fn deep_recursion_runs_over_the_shadow_stack() {
    let mut rig = rig();
    // Calls itself ECX times, then returns as often; EDX is the return address both ways.
    rig.program.set(0x2000, |asm| {
        a64!(asm; sub w20, w20, 1; cbz w20, >bottom);
        asm.call(0x2000, 0x2005);
        a64!(asm; bottom:; add w19, w19, 1);
        a64!(asm; add w22, w22, 1; cmp w22, w24; b.eq >done);
        asm.ret(EDX);
        a64!(asm; done:);
        asm.trap(Trap::Syscall, 0x2010);
    });
    const DEPTH: u32 = 150_000;
    rig.state().set(Gpr::Ecx, DEPTH);
    rig.state().set(Gpr::Ebp, DEPTH);
    rig.state().set(Gpr::Edx, 0x2005);
    assert_eq!(rig.run(0x2000), DONE);
    assert_eq!(rig.reg(Gpr::Eax), DEPTH);
}

#[test]
fn a_return_to_address_zero_is_no_crash() {
    let mut rig = rig();
    rig.program.set(0x1000, |asm| asm.ret(EDX));
    rig.state().set(Gpr::Esi, 5);
    assert_eq!(rig.run(0x1000), Exit::Fault(no_code(GuestAddr(0))));
    assert_eq!((rig.state().eip, rig.reg(Gpr::Esi)), (0, 5));
    // If there is code, it runs.
    rig.program.set(0, |asm| asm.trap(Trap::Syscall, 2));
    assert_eq!(rig.run(0x1000), DONE);
}

#[test]
fn one_fault_after_another() {
    let mut rig = rig();
    rig.program.set(0x1000, |asm| {
        a64!(asm; ldr w21, [x22]);
        asm.link(LinkKind::Jump, 0x1000);
    });
    rig.state().set(Gpr::Ebx, NOWHERE);
    for _ in 0..100 {
        assert!(matches!(rig.run(0x1000), Exit::Fault(_)));
    }
    let stats = rig.engine.stats();
    assert_eq!((stats.faults, stats.entered), (100, 100));
}

/// Guest memory of 64 bytes at 16.
struct Bytes(Vec<u8>);

impl GuestMem for Bytes {
    fn read(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<(), Fault> {
        let at = (addr.0 as usize).checked_sub(16).ok_or(no_code(addr))?;
        buf.copy_from_slice(self.0.get(at..at + buf.len()).ok_or(no_code(addr))?);
        Ok(())
    }
    fn write(&mut self, addr: GuestAddr, data: &[u8]) -> Result<(), Fault> {
        let at = (addr.0 as usize).checked_sub(16).ok_or(no_code(addr))?;
        self.0.get_mut(at..at + data.len()).ok_or(no_code(addr))?.copy_from_slice(data);
        Ok(())
    }
    fn fetch(&self, addr: GuestAddr, _: &mut [u8]) -> Result<usize, Fault> {
        Err(no_code(addr))
    }
}

/// A source whose single instruction is `add [ebx + 0x20], eax` of two bytes.
struct AddToMemory(Program);

impl RegionSource for AddToMemory {
    fn region(&self, entry: GuestAddr, heat: Heat) -> Result<Region, LiftError> {
        self.0.region(entry, heat)
    }
    fn single(&self, state: &CpuState) -> Result<Region, LiftError> {
        let entry = GuestAddr(state.eip);
        let mut b = Builder::new(entry);
        b.begin_insn(entry, 2);
        let base = b.get_gpr(Gpr::Ebx);
        let addr = ir::sink::Addr { disp: 0x20, ..ir::sink::Addr::base(base) };
        let old = b.load(Ty::I32, addr);
        let value = b.get_gpr(Gpr::Eax);
        let sum = b.add(old, value);
        b.store(addr, sum);
        let mut region = Region::new(entry);
        region.blocks.push(b.finish(Terminator::Jump(ir::Target::Guest(entry.plus(2)))));
        Ok(region)
    }
}

#[test]
fn addresses_that_wrap_are_executed_by_the_interpreter() {
    let program = Program::default();
    let source = program.clone();
    let compile =
        Box::new(move |region: &Region, _, desk: &mut Desk| desk.compiled = source.get(region.entry.0).unwrap());
    let options = EngineOptions { code_len: 1 << 20, ..EngineOptions::default() };
    let source = Box::new(AddToMemory(program.clone()));
    let engine = Engine::with_compiler(&options, source, Box::new(NoWatch), compile).unwrap();
    guard(&engine);
    // As the code generator would: the displacement is added in 64 bits. And the same as a single instruction.
    program.set(0x1000, |asm| {
        a64!(asm; add x0, x22, 0x20; ldr w1, [x0]; add w1, w1, w19; str w1, [x0]);
        asm.link(LinkKind::Jump, 0x1002);
    });
    program.set(0x1002, |asm| asm.single(0x1002));
    program.set(0x1004, |asm| asm.trap(Trap::Syscall, 0x1006));
    let mut thread = engine.new_thread().unwrap();
    let mut mem = Bytes(vec![0; 64]);
    thread.state_mut().set(Gpr::Ebx, 0xffff_fff8);
    thread.state_mut().set(Gpr::Eax, 0x101);
    thread.state_mut().eip = 0x1000;
    assert_eq!(engine.run(&mut thread, &mut mem), DONE);
    assert_eq!(mem.0[8..12], 0x202u32.to_le_bytes());
    assert_eq!(engine.stats().singles, 2);
    // Where the wrapped address is not mapped either, the guest sees the wrapped address.
    thread.state_mut().set(Gpr::Ebx, 0xffff_ffe0);
    thread.state_mut().eip = 0x1000;
    assert_eq!(engine.run(&mut thread, &mut mem), Exit::Fault(no_code(GuestAddr(0))));
    assert_eq!(thread.state().eip, 0x1000);
}

#[test]
fn single_stepping_traps_after_each_instruction() {
    let program = Program::default();
    let options = EngineOptions { code_len: 1 << 20, ..EngineOptions::default() };
    let source = Box::new(AddToMemory(program));
    let engine =
        Engine::with_compiler(&options, source, Box::new(NoWatch), Box::new(|_, _, _| unreachable!())).unwrap();
    let mut thread = engine.new_thread().unwrap();
    let mut mem = Bytes(vec![0; 64]);
    thread.state_mut().set_eflags(1 << 8);
    thread.state_mut().set(Gpr::Eax, 1);
    thread.state_mut().eip = 0x1000;
    for n in 1..4u32 {
        assert_eq!(engine.run(&mut thread, &mut mem), Exit::Trap(Trap::SingleStep));
        assert_eq!((thread.state().eip, mem.0[16]), (0x1000 + 2 * n, n as u8));
    }
}
