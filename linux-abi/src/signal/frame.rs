//! The i386 signal frames, exactly as the kernel lays them out (arch/x86/include/asm/sigframe.h, uapi/asm/sigcontext.h).
//!
//! From high to low addresses: the FXSAVE image (64-byte aligned), the FSAVE part, the frame (return address 12 modulo
//! 16, as at any function's entry).
use super::action::{flag, Action};
use super::fpstate::{self, FSAVE_LEN, FXSAVE_LEN};
use super::info::SigInfo;
use super::pending::ThreadSignals;
use crate::context::VdsoSymbols;
use crate::mm::AddressSpace;
use ir::guest::{CpuState, Descriptor, Fault, Gpr, GuestAddr, Seg};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// eflags.RF: set in the image that a fault stores, so that returning does not fault on a breakpoint again.
pub const EFLAGS_RF: u32 = 1 << 16;
/// eflags.TF.
const EFLAGS_TF: u32 = 1 << 8;
/// eflags.DF.
const EFLAGS_DF: u32 = 1 << 10;

/// `struct sigcontext_32`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[allow(missing_docs, reason = "the names are the registers'")]
pub struct SigContext {
    pub gs: u32,
    pub fs: u32,
    pub es: u32,
    pub ds: u32,
    pub edi: u32,
    pub esi: u32,
    pub ebp: u32,
    pub esp: u32,
    pub ebx: u32,
    pub edx: u32,
    pub ecx: u32,
    pub eax: u32,
    pub trapno: u32,
    pub err: u32,
    pub eip: u32,
    pub cs: u32,
    pub eflags: u32,
    pub esp_at_signal: u32,
    pub ss: u32,
    pub fpstate: u32,
    pub oldmask: u32,
    pub cr2: u32,
}

/// `struct sigframe_ia32`.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SigFrame {
    /// Return address.
    pub pretcode: u32,
    /// Signal number.
    pub sig: u32,
    /// Registers.
    pub sc: SigContext,
    /// Where the floating-point state was before 2.6.
    pub fpstate_unused: [u8; 624],
    /// Upper word of the mask.
    pub extramask: u32,
    /// `pop %eax; mov $119,%eax; int $0x80`, for unwinders.
    pub retcode: [u8; 8],
}

/// `struct ucontext_ia32`.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Ucontext {
    /// UC_FP_XSTATE; without XSAVE zero.
    pub flags: u32,
    /// Zero.
    pub link: u32,
    /// ss_sp, ss_flags, ss_size.
    pub stack: [u32; 3],
    /// Registers.
    pub mcontext: SigContext,
    /// The mask to restore, low word first.
    pub sigmask: [u32; 2],
}

/// `struct rt_sigframe_ia32`.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RtSigFrame {
    /// Return address.
    pub pretcode: u32,
    /// Signal number.
    pub sig: u32,
    /// Address of `info`.
    pub pinfo: u32,
    /// Address of `uc`.
    pub puc: u32,
    /// siginfo_t.
    pub info: [u8; 128],
    /// ucontext_t.
    pub uc: Ucontext,
    /// `mov $173,%eax; int $0x80`, for unwinders.
    pub retcode: [u8; 8],
}

const _: () = {
    assert!(size_of::<SigContext>() == 88);
    assert!(size_of::<SigFrame>() == 732 && std::mem::offset_of!(SigFrame, extramask) == 720);
    assert!(size_of::<Ucontext>() == 116 && size_of::<RtSigFrame>() == 268);
    assert!(std::mem::offset_of!(RtSigFrame, uc) == 144);
};

const RETCODE: [u8; 8] = [0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80];
const RT_RETCODE: [u8; 8] = [0xb8, 173, 0, 0, 0, 0xcd, 0x80, 0];

/// `__USER32_CS` and `__USER_DS`, and the selectors a handler starts with.
pub const USER_CS: u16 = 0x23;
/// As above.
pub const USER_DS: u16 = 0x2b;

/// A signal about to be delivered to a handler.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// What happened.
    pub info: SigInfo,
    /// The handler.
    pub action: Action,
    /// Whether the thread's own instruction raised it.
    pub forced: bool,
    /// The mask that sigreturn restores.
    pub old_mask: u64,
}

/// Builds the frame and makes `state` enter the handler. On a fault the state is as before.
pub fn push(
    mm: &AddressSpace,
    vdso: Option<VdsoSymbols>,
    signals: &mut ThreadSignals,
    state: &mut CpuState,
    delivery: &Delivery,
) -> Result<(), Fault> {
    let rt = delivery.action.has(flag::SIGINFO);
    let size = if rt { size_of::<RtSigFrame>() } else { size_of::<SigFrame>() } as u32;
    let place = place(signals, state, &delivery.action, size).ok_or(Fault {
        addr: GuestAddr(state.get(Gpr::Esp)),
        access: ir::guest::Access::Write,
        kind: ir::guest::FaultKind::Unmapped,
    })?;
    let sc = context(signals, state, delivery, place.fsave);
    let mut bytes = match rt {
        true => rt_frame(vdso, signals, delivery, sc, place.frame).as_bytes().to_vec(),
        false => old_frame(vdso, delivery, sc, place.frame).as_bytes().to_vec(),
    };
    bytes.resize((place.fsave - place.frame) as usize, 0);
    bytes.extend_from_slice(&fpstate::fsave(state));
    bytes.extend_from_slice(&fpstate::fxsave(state));
    // The gap between frame and floating-point state is at most the alignment; nobody else uses it.
    mm.store(GuestAddr(place.frame), &bytes)?;
    enter(state, delivery, place.frame, rt);
    if rt && signals.altstack.flags & super::pending::SS_AUTODISARM != 0 {
        signals.altstack = super::pending::AltStack::disarmed();
    }
    Ok(())
}

/// Where the parts of a frame go.
struct Place {
    frame: u32,
    fsave: u32,
}

fn place(signals: &ThreadSignals, state: &CpuState, action: &Action, size: u32) -> Option<Place> {
    let stack = signals.altstack;
    let mut esp = state.get(Gpr::Esp);
    let nested = stack.holds(esp);
    let mut entering = false;
    if action.has(flag::ONSTACK) {
        if stack.state(esp) == 0 {
            esp = stack.sp.0.wrapping_add(stack.size);
            entering = true;
        }
    } else if state.selector[Seg::Ss.index()] != USER_DS && !action.has(flag::RESTORER) && action.restorer.0 != 0 {
        // The old way to switch stacks, for SS other than the flat one.
        esp = action.restorer.0;
    }
    let fxsave = esp.wrapping_sub(FXSAVE_LEN as u32) & !63;
    let fsave = fxsave.wrapping_sub(FSAVE_LEN as u32);
    let frame = (fsave.wrapping_sub(size).wrapping_add(4) & !15).wrapping_sub(4);
    // Running off the alternate stack ends in SIGSEGV rather than in memory below it.
    let overflow = (nested || entering) && !stack.spans(frame);
    (!overflow).then_some(Place { frame, fsave })
}

fn context(signals: &ThreadSignals, state: &CpuState, delivery: &Delivery, fpstate: u32) -> SigContext {
    let selector = |seg: Seg| u32::from(state.selector[seg.index()]);
    let fault = signals.last_fault;
    // A trap is reported behind its instruction, so there is nothing to come back to.
    let is_trap = matches!(fault.trapno, 1 | 3 | 4);
    let rf = if delivery.forced && !is_trap { EFLAGS_RF } else { 0 };
    SigContext {
        gs: selector(Seg::Gs),
        fs: selector(Seg::Fs),
        es: selector(Seg::Es),
        ds: selector(Seg::Ds),
        edi: state.get(Gpr::Edi),
        esi: state.get(Gpr::Esi),
        ebp: state.get(Gpr::Ebp),
        esp: state.get(Gpr::Esp),
        ebx: state.get(Gpr::Ebx),
        edx: state.get(Gpr::Edx),
        ecx: state.get(Gpr::Ecx),
        eax: state.get(Gpr::Eax),
        trapno: fault.trapno,
        err: fault.err,
        eip: state.eip,
        cs: selector(Seg::Cs),
        eflags: state.eflags() | rf,
        esp_at_signal: state.get(Gpr::Esp),
        ss: selector(Seg::Ss),
        fpstate,
        oldmask: delivery.old_mask as u32,
        cr2: fault.cr2,
    }
}

fn return_address(action: &Action, vdso: Option<u32>, retcode: u32) -> u32 {
    match vdso {
        _ if action.has(flag::RESTORER) => action.restorer.0,
        Some(address) => address,
        None => retcode,
    }
}

fn old_frame(vdso: Option<VdsoSymbols>, delivery: &Delivery, sc: SigContext, at: u32) -> SigFrame {
    let retcode = at + std::mem::offset_of!(SigFrame, retcode) as u32;
    SigFrame {
        pretcode: return_address(&delivery.action, vdso.map(|v| v.sigreturn.0), retcode),
        sig: delivery.info.signo() as u32,
        sc,
        fpstate_unused: [0; 624],
        extramask: (delivery.old_mask >> 32) as u32,
        retcode: RETCODE,
    }
}

fn rt_frame(
    vdso: Option<VdsoSymbols>,
    signals: &ThreadSignals,
    delivery: &Delivery,
    mcontext: SigContext,
    at: u32,
) -> RtSigFrame {
    let offset = |n: usize| at + n as u32;
    let retcode = offset(std::mem::offset_of!(RtSigFrame, retcode));
    let alt = signals.altstack;
    let uc = Ucontext {
        flags: 0,
        link: 0,
        // The flags as they were set, not whether the stack is in use.
        stack: [alt.sp.0, alt.flags, alt.size],
        mcontext,
        sigmask: [delivery.old_mask as u32, (delivery.old_mask >> 32) as u32],
    };
    RtSigFrame {
        pretcode: return_address(&delivery.action, vdso.map(|v| v.rt_sigreturn.0), retcode),
        sig: delivery.info.signo() as u32,
        pinfo: offset(std::mem::offset_of!(RtSigFrame, info)),
        puc: offset(std::mem::offset_of!(RtSigFrame, uc)),
        info: delivery.info.to_bytes(),
        uc,
        retcode: RT_RETCODE,
    }
}

/// The registers a handler starts with.
fn enter(state: &mut CpuState, delivery: &Delivery, frame: u32, rt: bool) {
    let (info, uc) = match rt {
        true => {
            (frame + std::mem::offset_of!(RtSigFrame, info) as u32, frame + std::mem::offset_of!(RtSigFrame, uc) as u32)
        }
        false => (0, 0),
    };
    state.set(Gpr::Esp, frame);
    state.set(Gpr::Eax, delivery.info.signo() as u32);
    state.set(Gpr::Edx, info);
    state.set(Gpr::Ecx, uc);
    state.eip = delivery.action.handler;
    for seg in [Seg::Ds, Seg::Es, Seg::Ss] {
        state.set_segment(seg, USER_DS, Descriptor::FLAT_DATA);
    }
    state.set_segment(Seg::Cs, USER_CS, Descriptor::FLAT_CODE);
    state.set_eflags(state.eflags() & !(EFLAGS_DF | EFLAGS_TF));
    fpstate::reset(state);
}
