//! A host signal context of translated code, made into guest state. Everything here runs inside a signal handler: no locks,
//! no allocation, only plain loads and stores.
//!
//! Guest state is written after everything in an instruction that can fault, so recovery copies the pinned registers and
//! takes eip, and TOP, tags and FIP of the x87, from the pc map. The host is resumed in a stub that returns from `enter`.
use super::engine::Engine;
use super::thread::{current, word, ThreadMemory};
use super::trampoline::ExitKind;
use super::HostPc;
use crate::codegen::{abi, X87Fix};
use ir::guest::{Access, CpuState, Fault, FaultKind, GuestAddr, X87Live};
use ir::host::{HostFault, HostRegs, Recovered};
use ir::x87::ES;
use std::sync::atomic::Ordering;

/// Nothing is ever mapped in the last page below 4 GiB, and an access that begins here may run over its end.
const NEVER_MAPPED: u64 = 0xffff_ffe0;

impl Engine {
    /// Finds out what a faulting host context is and stores the exit for `run`. Call it on the thread that faulted.
    /// Async-signal-safe.
    pub fn recover(&self, regs: &HostRegs, fault: HostFault) -> Recovered {
        let Some(thread) = current() else {
            return Recovered::Foreign;
        };
        let state = thread.state().as_ptr();
        if regs.x[usize::from(abi::STATE)] & !(1 << abi::MMX_TAG) != state as u64 {
            return Recovered::Foreign;
        }
        let resume_pc = self.code.stubs.fault_exit().0;
        let pc = HostPc(regs.pc);
        let Some(at) = self.code.memory.offset_of(pc) else {
            return self.recover_outside(regs, fault, state);
        };
        if thread.in_shadow_guard(fault.addr) {
            return self.restart_shadow(regs, thread);
        }
        let Some(guest) = self.code.maps.find(at) else {
            return Recovered::Foreign;
        };
        // C of a block in the middle of a subtraction chain may be the guest's CF itself.
        let flip = if guest.carry_direct { 1 << 29 } else { 0 };
        store(regs, state, guest.eip, flip, guest.x87);
        // By the address: the instruction itself may have been replaced since (a dead entry point).
        if is_poll(fault.addr, state) {
            set_exit(state, ExitKind::Poll, 0, 0);
            return Recovered::Poll { resume_pc };
        }
        // A misaligned operand of LOCK or SSE, an address that wrapped, the stores of two instructions in one: the (first)
        // instruction is done by other means.
        let misaligned = fault.kind == FaultKind::Bus && fault.addr % 8 != 0;
        let word = self.code.memory.read(at);
        let pair = is_store_pair(word);
        let marked = is_marked(regs, word);
        // An x87 exception that is pending comes before a fault of an MMX instruction.
        // SAFETY: as in `store`.
        let pending = unsafe { (*state).fsw } & ES != 0;
        let interpreted = misaligned || pair || marked || pending;
        let kind = if fault.addr < NEVER_MAPPED && !interpreted { ExitKind::Fault } else { ExitKind::Wrap };
        set_exit(state, kind, fault.addr, encode(fault.access, fault.kind));
        Recovered::Guest { resume_pc }
    }

    /// A pc outside the code area. The stubs poll where they go on in translated code by themselves, with the target in
    /// w16. A return through an unused shadow entry is one of ours too: entries are zero at first, so a guest return to
    /// address 0 finds a match and goes to host address 0.
    fn recover_outside(&self, regs: &HostRegs, fault: HostFault, state: *mut CpuState) -> Recovered {
        let resume_pc = self.code.stubs.fault_exit().0;
        if self.code.stubs.contains(HostPc(regs.pc)) && is_poll(fault.addr, state) {
            store(regs, state, GuestAddr(regs.x[usize::from(abi::SCRATCH0)] as u32), 0, X87Fix::NONE);
            set_exit(state, ExitKind::Poll, 0, 0);
            return Recovered::Poll { resume_pc };
        }
        if regs.pc == 0 {
            store(regs, state, GuestAddr(0), 0, X87Fix::NONE);
            set_exit(state, ExitKind::Miss, 0, 0);
            return Recovered::Guest { resume_pc };
        }
        Recovered::Foreign
    }

    /// The shadow stack ran over: it goes on in the middle, at the same instruction.
    fn restart_shadow(&self, regs: &HostRegs, thread: &ThreadMemory) -> Recovered {
        let state = thread.state().as_ptr();
        set_word(state, word::SHADOW_RESET, thread.shadow_middle());
        set_word(state, word::RESUME, regs.pc);
        Recovered::Guest { resume_pc: self.code.stubs.shadow_reset().0 }
    }
}

/// Whether an instruction is an STP. Arm ARM C4.1.94, "Load/store register pair".
fn is_store_pair(word: u32) -> bool {
    word >> 27 & 7 == 0b101 && word >> 22 & 1 == 0 && word >> 25 & 1 == 0
}

/// Whether an access has an address that `codegen` has made invalid because it is misaligned.
fn is_marked(regs: &HostRegs, word: u32) -> bool {
    regs.x.get((word >> 5 & 31) as usize).is_some_and(|base| base >> 48 != 0)
}

/// Whether an address is that of the word that polls read. A host may leave the mark of x28 in it.
fn is_poll(addr: u64, state: *const CpuState) -> bool {
    addr & !(1 << abi::MMX_TAG) == state as u64 + u64::from(abi::POLL)
}

/// Copies the pinned registers into the state, and puts that of MMX instructions at rest.
fn store(regs: &HostRegs, state: *mut CpuState, eip: GuestAddr, flip: u32, x87: X87Fix) {
    // SAFETY: `state` is the calling thread's (checked against x28 and its own record); translated code, the only other
    // user, is interrupted.
    let state = unsafe { &mut *state };
    for (i, gpr) in state.gpr.iter_mut().enumerate() {
        *gpr = regs.x[usize::from(abi::GPR_BASE) + i] as u32;
    }
    for (i, xmm) in state.xmm.iter_mut().enumerate() {
        *xmm = regs.v[usize::from(abi::XMM_BASE) + i];
    }
    state.nzcv = (regs.pstate as u32 ^ flip) & 0xf000_0000;
    state.pf_raw = regs.x[usize::from(abi::PF)] as u32;
    state.af_raw = regs.x[usize::from(abi::AF)] as u32;
    state.eip = eip.0;
    x87.apply(state);
    if state.live.away == X87Live::MMX {
        let valid = regs.x[usize::from(abi::STATE)] >> abi::MMX_TAG != 0;
        state.x87_from_mmx(&std::array::from_fn(|i| regs.v[usize::from(abi::MM_BASE) + i]), valid);
    }
    if x87.saved_flags() {
        state.nzcv = (state.host[word::X87_NZCV as usize] as u32 ^ flip) & 0xf000_0000;
    }
    state.host[word::SHADOW as usize] = regs.x[usize::from(abi::SHADOW)];
}

fn set_word(state: *mut CpuState, n: u32, value: u64) {
    // SAFETY: as in `store`.
    unsafe { (*state).host[n as usize] = value };
}

fn set_exit(state: *mut CpuState, kind: ExitKind, arg0: u64, arg1: u64) {
    set_word(state, word::EXIT, kind as u64);
    set_word(state, word::ARG0, arg0);
    set_word(state, word::ARG1, arg1);
}

const ACCESS: [Access; 3] = [Access::Read, Access::Write, Access::Execute];
const KINDS: [FaultKind; 3] = [FaultKind::Unmapped, FaultKind::Protected, FaultKind::Bus];

fn encode(access: Access, kind: FaultKind) -> u64 {
    access as u64 | (kind as u64) << 8
}

/// The fault that recovery stored.
pub(crate) fn stored_fault(memory: &ThreadMemory) -> Fault {
    let addr = memory.word(word::ARG0).load(Ordering::Relaxed);
    let detail = memory.word(word::ARG1).load(Ordering::Relaxed);
    Fault { addr: GuestAddr(addr as u32), access: ACCESS[detail as usize & 0xff], kind: KINDS[(detail >> 8) as usize] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_details_round_trip() {
        for (i, access) in ACCESS.into_iter().enumerate() {
            for (j, kind) in KINDS.into_iter().enumerate() {
                assert_eq!(encode(access, kind), i as u64 | (j as u64) << 8);
            }
        }
    }
}
