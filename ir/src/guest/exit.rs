//! Why translated code stopped. Guest misbehaviour is a value here.
use super::addr::GuestAddr;
use super::mem::Fault;

/// An event that an instruction raises by itself (not a memory fault). `eip` in the state says where: for a fault the
/// instruction itself, for a trap the next one (SDM vol. 3, chapter 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Trap {
    /// `int 0x80`: trap, eip after the instruction.
    Syscall = 0,
    /// SYSENTER: trap; the vDSO's return address applies.
    Sysenter,
    /// #DE, fault: SIGFPE.
    DivideError,
    /// INT3, trap: SIGTRAP.
    Breakpoint,
    /// ICEBP, trap: SIGTRAP.
    Debug,
    /// INTO with OF set, trap: SIGSEGV.
    Overflow,
    /// BOUND out of range, fault: SIGSEGV.
    BoundRange,
    /// #UD, fault: SIGILL.
    Undefined,
    /// An instruction ferry does not implement yet: SIGILL and one line on stderr.
    Unimplemented,
    /// #GP, fault: SIGSEGV (privileged instructions, INT n, bad selectors, misaligned SSE operands).
    GeneralProtection,
    /// #SS, fault: SIGBUS (a stack operand beyond the end of the segment).
    StackFault,
    /// #MF, fault on the next waiting x87 instruction: SIGFPE.
    X87,
    /// #XM, fault: SIGFPE.
    Simd,
    /// Code could not be fetched at eip: SIGSEGV or SIGBUS; the dispatcher finds the details.
    Fetch,
    /// Leave translated code here without an event; eip says where to go on.
    Yield,
    /// An instruction needs a descriptor that only the ABI knows: answer `CpuState::segment_request` and go on at eip, or
    /// raise #GP, #NP or #SS there.
    Segment,
    /// MXCSR is loaded with a value that the host's floating-point unit cannot follow: the engine makes arithmetic exact
    /// by other means, and the instruction runs again.
    Mxcsr,
    /// The instruction at eip is to be interpreted.
    Interpret,
    /// The code at eip is no longer what it was translated from.
    Stale,
    /// #DB behind an instruction executed with TF set, trap: SIGTRAP.
    SingleStep,
    /// #AC, fault: SIGBUS (a misaligned operand while AC is set).
    Alignment,
}

impl Trap {
    /// All traps, in numeric order.
    #[rustfmt::skip]
    pub const ALL: [Self; 21] = [
        Self::Syscall, Self::Sysenter, Self::DivideError, Self::Breakpoint, Self::Debug, Self::Overflow,
        Self::BoundRange, Self::Undefined, Self::Unimplemented, Self::GeneralProtection, Self::StackFault, Self::X87,
        Self::Simd, Self::Fetch, Self::Yield, Self::Segment, Self::Mxcsr,
        Self::Interpret, Self::Stale, Self::SingleStep, Self::Alignment,
    ];

    /// The name used in the text form.
    pub fn name(self) -> &'static str {
        match self {
            Self::Syscall => "syscall",
            Self::Sysenter => "sysenter",
            Self::DivideError => "divide_error",
            Self::Breakpoint => "breakpoint",
            Self::Debug => "debug",
            Self::Overflow => "overflow",
            Self::BoundRange => "bound_range",
            Self::Undefined => "undefined",
            Self::Unimplemented => "unimplemented",
            Self::GeneralProtection => "general_protection",
            Self::StackFault => "stack_fault",
            Self::X87 => "x87",
            Self::Simd => "simd",
            Self::Fetch => "fetch",
            Self::Yield => "yield",
            Self::Segment => "segment",
            Self::Mxcsr => "mxcsr",
            Self::Interpret => "interpret",
            Self::Stale => "stale",
            Self::SingleStep => "single_step",
            Self::Alignment => "alignment",
        }
    }
}

/// Why `run` came back; the guest state is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// An instruction raised an event; `state.eip` is as [`Trap`] says.
    Trap(Trap),
    /// A memory access of the instruction at `state.eip` faulted.
    Fault(Fault),
    /// Asked to leave (a signal is pending, another thread wants attention); `state.eip` is the next instruction.
    Interrupted,
}

impl Exit {
    /// The address a debugger would show for the event.
    pub fn fault_addr(self) -> Option<GuestAddr> {
        match self {
            Self::Fault(fault) => Some(fault.addr),
            _ => None,
        }
    }
}
