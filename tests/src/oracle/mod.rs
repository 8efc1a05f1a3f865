//! A real x86 CPU against ferry: every instruction form the table supports and random blocks of them, on edge and
//! random states.
//!
//! [`forms`] finds the encodings, [`inputs`] makes the states, [`wire`] writes both for the guest program
//! `tests/oracle/oracle.c`, which [`execute`] runs natively and under ferry; [`model`] does the same with the IR
//! interpreter. What the program writes is compared whole but for [`masks`]. [`record`] keeps hashes of what the CPU did
//! for hosts that are none.
pub mod blocks;
pub mod compare;
pub mod execute;
pub mod forms;
pub mod inputs;
pub mod masks;
pub mod model;
pub mod record;
pub mod rng;
pub mod shrink;
pub mod wire;

/// Where the code of a group of cases is.
pub const CODE: u32 = 0x1000_0000;
/// Two pages of data: nothing before them, a read-only page behind.
pub const DATA: u32 = 0x2000_0000;
/// Where ESP points at the start.
pub const STACK: u32 = 0x2000_4800;
/// What a case can see and change of the data pages, as start and size; the same list is in oracle.c.
pub const WINDOWS: [(u32, u32); 4] =
    [(DATA, 0x80), (DATA + 0xe00, 0x400), (DATA + 0x1f80, 0x80), (STACK - 0x100, 0x200)];
/// Bytes of an FXSAVE image that mean something in 32-bit mode.
pub const FX: usize = 288;

/// Registers and memory before a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI.
    pub gpr: [u32; 8],
    /// eflags.
    pub eflags: u32,
    /// What the windows are filled from.
    pub seed: u32,
    /// x87, MXCSR and XMM as FXRSTOR reads them.
    pub fx: [u8; FX],
    /// Words of memory with a meaning: address and value.
    pub patches: Vec<(u32, u32)>,
}

/// Code and the states it is executed on.
#[derive(Clone, Debug)]
pub struct Case {
    /// The code; what comes behind it ends the case.
    pub code: Vec<u8>,
    /// Where it is, from [`CODE`].
    pub at: u32,
    /// For a block the flags that are undefined after it, in iced's bits; none for a single instruction.
    pub block: Option<u32>,
    /// The states.
    pub inputs: Vec<Input>,
}

/// Cases whose code is in memory at the same time.
#[derive(Clone, Debug)]
pub struct Group {
    /// What the cases have in common: the mnemonic.
    pub name: String,
    /// The cases.
    pub cases: Vec<Case>,
}

/// What is left after a case has run on an input, field by field as the guest program writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI.
    pub gpr: [u32; 8],
    /// eflags.
    pub eflags: u32,
    /// Where a signal found it; 0 without a signal.
    pub eip: u32,
    /// The signal, or 0.
    pub signo: u32,
    /// si_code.
    pub code: u32,
    /// si_addr.
    pub addr: u32,
    /// trapno in the signal frame.
    pub trapno: u32,
    /// err in the signal frame.
    pub err: u32,
    /// DS, ES, FS, GS.
    pub segments: [u16; 4],
    /// Two hashes of the windows.
    pub memory: [u32; 2],
    /// The FXSAVE image.
    pub fx: [u8; FX],
}

impl Default for Output {
    fn default() -> Self {
        Self {
            gpr: [0; 8],
            eflags: 0,
            eip: 0,
            signo: 0,
            code: 0,
            addr: 0,
            trapno: 0,
            err: 0,
            segments: [0; 4],
            memory: [0; 2],
            fx: [0; FX],
        }
    }
}

/// What a case left, input by input.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Outcome {
    /// One for each input.
    pub outputs: Vec<Output>,
    /// Memory outside the windows was changed.
    pub strayed: bool,
}
