//! The stubs: hand-written A64 between Rust and translated code. Register roles: `codegen::abi`.
//!
//! `enter(x0 = CpuState, x1 = host pc) -> x0 = ExitKind` loads the pinned registers and jumps; every stub that leaves stores
//! them and returns from that same call. At a leave all flags are in NZCV with C inverted, the temporaries x0-x15 but x7 are free.
use super::lookup::Tables;
use super::thread::word;
use super::{mmx, x87_routines, HostPc};
use crate::codegen::abi::{
    host_word, AF, GPR_BASE, HOT_BIT, LOOKUP_ENTRIES, MMX_TAG, PF, POLL, SHADOW_ENTRY, XMM_BASE,
};
use crate::codegen::{Stub, X87Routine};
use dynasmrt::aarch64::Aarch64Relocation;
use dynasmrt::{DynasmApi, DynasmLabelApi, VecAssembler};
use ir::guest::state::offset;
use ir::guest::x87_live::offset as live;
use ir::guest::X87Live;

/// Why `enter` came back: its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum ExitKind {
    /// `Stub::Link`.
    Link = 0,
    /// `Stub::Miss`, or `Stub::RetMiss` without a match.
    Miss,
    /// `Stub::Trap`; number in `word::ARG0`.
    Trap,
    /// `Stub::Single`.
    Single,
    /// A memory fault inside the guest's window; details in `word::ARG0`, `word::ARG1`.
    Fault,
    /// A memory fault of an address computation that wrapped: the instruction is to be executed by the interpreter.
    Wrap,
    /// The poll page.
    Poll,
    /// `Stub::Count`; return address in `word::ARG0`.
    Hot,
}

impl ExitKind {
    const ALL: [Self; 8] =
        [Self::Link, Self::Miss, Self::Trap, Self::Single, Self::Fault, Self::Wrap, Self::Poll, Self::Hot];

    /// The kind with this number.
    pub(crate) fn from_number(n: u64) -> Self {
        Self::ALL[n as usize]
    }
}

/// Entries of the shadow stack that a mismatched return looks at.
const RET_SEARCH: u32 = 16;

/// Bytes of the frame of `enter`: x19-x30, d8-d15.
const FRAME: u32 = 160;

/// Where the stubs are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stubs {
    base: HostPc,
    len: u32,
    enter: u32,
    link: u32,
    miss: u32,
    ret_miss: u32,
    trap: u32,
    single: u32,
    count: u32,
    helper: u32,
    fault_exit: u32,
    shadow_reset: u32,
    x87: [u32; X87Routine::ALL.len()],
}

impl Stubs {
    fn at(&self, offset: u32) -> HostPc {
        HostPc(self.base.0 + u64::from(offset))
    }

    /// `enter`.
    pub(crate) fn enter(&self) -> HostPc {
        self.at(self.enter)
    }

    /// Where generated code branches to.
    pub(crate) fn stub(&self, stub: Stub) -> HostPc {
        self.at(match stub {
            Stub::Link => self.link,
            Stub::Miss => self.miss,
            Stub::RetMiss => self.ret_miss,
            Stub::Trap => self.trap,
            Stub::Single => self.single,
            Stub::Count => self.count,
            Stub::Helper => self.helper,
            Stub::X87(routine) => self.x87[routine as usize],
        })
    }

    /// Where recovery resumes the host: `enter` returns the kind in `word::EXIT`; the state is stored already.
    pub(crate) fn fault_exit(&self) -> HostPc {
        self.at(self.fault_exit)
    }

    /// Where recovery resumes the host after a fault on the shadow stack: sets its pointer anew and goes on.
    pub(crate) fn shadow_reset(&self) -> HostPc {
        self.at(self.shadow_reset)
    }

    /// Whether a host pc is in a stub.
    pub(crate) fn contains(&self, pc: HostPc) -> bool {
        pc >= self.base && pc.0 < self.base.0 + u64::from(self.len)
    }
}

pub(super) type Asm = VecAssembler<Aarch64Relocation>;

macro_rules! a64 {
    ($ops:expr; $($t:tt)*) => { dynasmrt::dynasm!($ops ; .arch aarch64 ; $($t)*) };
}
pub(super) use a64;

/// System registers as `mrs` and `msr` number them: op0 - 2, op1, CRn, CRm, op2 (Arm ARM C5.2).
pub(super) const NZCV: u32 = 1 << 14 | 3 << 11 | 4 << 7 | 2 << 3;
pub(super) const FPCR: u32 = 1 << 14 | 3 << 11 | 4 << 7 | 4 << 3;
pub(super) const FPSR: u32 = FPCR | 1;

/// The first registers of pair `i` of the pinned general and vector registers.
fn pair(i: u32) -> (u8, u8) {
    (GPR_BASE + 2 * i as u8, XMM_BASE + 2 * i as u8)
}

/// Assembles the stubs for `base`.
pub(crate) fn assemble(base: HostPc) -> (Vec<u8>, Stubs) {
    let mut ops = Asm::new(base.0 as usize);
    let mut stubs = Stubs {
        base,
        len: 0,
        enter: 0,
        link: 0,
        miss: 0,
        ret_miss: 0,
        trap: 0,
        single: 0,
        count: 0,
        helper: 0,
        fault_exit: 0,
        shadow_reset: 0,
        x87: [0; X87Routine::ALL.len()],
    };
    stubs.enter = enter(&mut ops);
    stubs.link = start(&mut ops);
    a64!(ops; str x17, [x28, host_word(word::ARG0)]; mov w0, ExitKind::Link as u32; b ->leave);
    stubs.trap = start(&mut ops);
    a64!(ops; str x17, [x28, host_word(word::ARG0)]; mov w0, ExitKind::Trap as u32; b ->leave);
    stubs.single = start(&mut ops);
    a64!(ops; mov w0, ExitKind::Single as u32; b ->leave);
    stubs.count = count(&mut ops);
    stubs.ret_miss = ret_miss(&mut ops);
    stubs.miss = miss(&mut ops);
    stubs.fault_exit = leave(&mut ops);
    stubs.helper = helper(&mut ops);
    stubs.shadow_reset = start(&mut ops);
    a64!(ops
        ; ldr x29, [x28, host_word(word::SHADOW_RESET)]
        ; ldr x30, [x28, host_word(word::RESUME)]
        ; br x30);
    mmx::assemble(&mut ops);
    stubs.x87 = x87_routines::assemble(&mut ops);
    stubs.len = ops.offset().0 as u32;
    let code = ops.finalize().expect("labels of the stubs are defined");
    (code, stubs)
}

/// Counts; the counters follow the tables. When it is hot, leaves with the return address, by which the engine knows where.
fn count(ops: &mut Asm) -> u32 {
    let at = start(ops);
    a64!(ops
        ; add x17, x27, x17, lsl 2
        ; add x17, x17, Tables::LEN as u32 >> 12, lsl 12
        ; ldr w16, [x17]
        ; add w16, w16, 1
        ; str w16, [x17]
        ; tbnz w16, HOT_BIT, >hot
        ; ret
        ; hot:
        ; str x30, [x28, host_word(word::ARG0)]
        ; mov w0, ExitKind::Hot as u32
        ; b ->leave);
    at
}

const _: () = assert!(Tables::LEN % 4096 == 0);

/// Begins a stub on a fresh fetch line.
fn start(ops: &mut Asm) -> u32 {
    ops.align(16, 0);
    ops.offset().0 as u32
}

fn enter(ops: &mut Asm) -> u32 {
    let at = start(ops);
    a64!(ops
        ; stp x29, x30, [sp, -(FRAME as i32)]!
        ; stp x27, x28, [sp, 16]
        ; stp x25, x26, [sp, 32]
        ; stp x23, x24, [sp, 48]
        ; stp x21, x22, [sp, 64]
        ; stp x19, x20, [sp, 80]
        ; stp d8, d9, [sp, 96]
        ; stp d10, d11, [sp, 112]
        ; stp d12, d13, [sp, 128]
        ; stp d14, d15, [sp, 144]
        ; mov x28, x0
        ; mov x9, sp
        ; str x9, [x28, host_word(word::SP)]);
    for i in 0..4u32 {
        let (w, v) = pair(i);
        a64!(ops
            ; ldp W(w), W(w + 1), [x28, (offset::GPR + 8 * i) as i32]
            ; ldp Q(v), Q(v + 1), [x28, (offset::XMM + 32 * i) as i32]);
    }
    a64!(ops
        ; ldr x27, [x28, host_word(word::LOOKUP)]
        ; ldr x29, [x28, host_word(word::SHADOW)]
        ; ldr x9, [x28, host_word(word::FPCR)]
        ; cbz x9, >plain
        ; msr FPCR, x9
        ; plain:
        ; msr FPSR, xzr
        ; ldrb w9, [x28, live::AWAY]
        ; tbz w9, X87Live::MMX_BIT, >other
        ; bl ->mmx_load
        ; orr x28, x28, 1 << MMX_TAG
        ; other:
        ; ldr w9, [x28, offset::NZCV]
        ; ldp W(PF), W(AF), [x28, offset::PF_RAW as i32]
        ; msr NZCV, x9
        ; br x1);
    at
}

/// The common way out: stores the pinned registers, eip from w16; then the tail that recovery shares.
fn leave(ops: &mut Asm) -> u32 {
    start(ops);
    a64!(ops
        ; ->leave:
        ; mrs x9, NZCV
        ; str w16, [x28, offset::EIP]
        ; str w9, [x28, offset::NZCV]
        ; stp W(PF), W(AF), [x28, offset::PF_RAW as i32]
        ; str x29, [x28, host_word(word::SHADOW)]);
    for i in 0..4u32 {
        let (w, v) = pair(i);
        a64!(ops
            ; stp W(w), W(w + 1), [x28, (offset::GPR + 8 * i) as i32]
            ; stp Q(v), Q(v + 1), [x28, (offset::XMM + 32 * i) as i32]);
    }
    a64!(ops
        ; bl ->mmx_rest
        ; ->tail:
        ; mrs x9, FPCR
        ; mrs x10, FPSR
        ; cbz x9, >plain
        ; msr FPCR, xzr
        ; plain:
        ; ldr x9, [x28, host_word(word::SP)]
        ; str x10, [x28, host_word(word::FPSR)]
        ; mov sp, x9
        ; ldp d14, d15, [sp, 144]
        ; ldp d12, d13, [sp, 128]
        ; ldp d10, d11, [sp, 112]
        ; ldp d8, d9, [sp, 96]
        ; ldp x19, x20, [sp, 80]
        ; ldp x21, x22, [sp, 64]
        ; ldp x23, x24, [sp, 48]
        ; ldp x25, x26, [sp, 32]
        ; ldp x27, x28, [sp, 16]
        ; ldp x29, x30, [sp], FRAME as i32
        ; ret);
    let fault_exit = start(ops);
    a64!(ops; ldr x0, [x28, host_word(word::EXIT)]; b ->tail);
    fault_exit
}

/// A return to w16 whose shadow entry (already popped) was another's. Frames that were left without a return, as by
/// longjmp, lie above the right entry: look for it, drop them. If it is not near, the entry stays, because then this was
/// a jump in the shape of a return. NZCV is the guest's throughout.
fn ret_miss(ops: &mut Asm) -> u32 {
    let at = start(ops);
    a64!(ops
        ; mov x0, x29
        ; mov w1, RET_SEARCH
        ; search:
        ; ldp x2, x30, [x0], SHADOW_ENTRY as i32
        ; eor x2, x2, x16
        ; cbz x2, >found
        ; sub w1, w1, 1
        ; cbnz w1, <search
        ; sub x29, x29, SHADOW_ENTRY
        ; ldr wzr, [x28, POLL]
        ; and w0, w16, LOOKUP_ENTRIES - 1
        ; ldr x1, [x27, w0, uxtw 3]
        ; eor w0, w1, w16
        ; cbz w0, ->hit
        ; b ->miss
        ; found:
        ; mov x29, x0
        ; ret);
    at
}

/// The second table: four ways of a set, then leave. Polled, because a loop may come round through here alone.
fn miss(ops: &mut Asm) -> u32 {
    use super::lookup::{HASH, SECOND, SET_BITS};
    let at = start(ops);
    a64!(ops
        ; ->miss:
        ; ldr wzr, [x28, POLL]
        ; movz w0, HASH & 0xffff
        ; movk w0, HASH >> 16, lsl 16
        ; mul w0, w0, w16
        ; lsr w0, w0, 32 - SET_BITS
        ; add x1, x27, SECOND >> 12, lsl 12
        ; add x2, x1, x0, lsl 5
        ; ldr x1, [x2]
        ; eor w0, w1, w16
        ; cbz w0, >promote
        ; ldr x1, [x2, 8]
        ; eor w0, w1, w16
        ; cbz w0, >promote
        ; ldr x1, [x2, 16]
        ; eor w0, w1, w16
        ; cbz w0, >promote
        ; ldr x1, [x2, 24]
        ; eor w0, w1, w16
        ; cbz w0, >promote
        ; mov w0, ExitKind::Miss as u32
        ; b ->leave
        ; promote:
        ; and w0, w16, LOOKUP_ENTRIES - 1
        ; str x1, [x27, w0, uxtw 3]
        ; ->hit:
        ; lsr x1, x1, 32
        ; add x1, x1, x27
        ; br x1);
    at
}

/// A call of compiled Rust at x16: XMM and MMX registers, PF and AF wait in the state, floating-point control is ferry's during the
/// call.
fn helper(ops: &mut Asm) -> u32 {
    let at = start(ops);
    a64!(ops
        ; mrs x9, FPCR
        ; mrs x10, FPSR
        ; str x30, [x28, host_word(word::HELPER_LR)]
        ; stp W(PF), W(AF), [x28, offset::PF_RAW as i32]
        ; str x9, [x28, host_word(word::HELPER_FPCR)]
        ; str x10, [x28, host_word(word::HELPER_FPSR)]);
    for i in 0..4u32 {
        let (_, v) = pair(i);
        a64!(ops; stp Q(v), Q(v + 1), [x28, (offset::XMM + 32 * i) as i32]);
    }
    a64!(ops
        ; cbz x9, >plain
        ; msr FPCR, xzr
        ; plain:
        ; ldrb w9, [x28, live::AWAY]
        ; tbz w9, X87Live::MMX_BIT, >other
        ; bl ->mmx_store
        ; other:
        ; and x0, x28, !(1 << MMX_TAG)
        ; blr x16
        ; ldrb w9, [x28, live::AWAY]
        ; tbz w9, X87Live::MMX_BIT, >other
        ; bl ->mmx_load
        ; other:
        ; ldr x9, [x28, host_word(word::HELPER_FPCR)]
        ; ldr x10, [x28, host_word(word::HELPER_FPSR)]);
    for i in 0..4u32 {
        let (_, v) = pair(i);
        a64!(ops; ldp Q(v), Q(v + 1), [x28, (offset::XMM + 32 * i) as i32]);
    }
    a64!(ops
        ; ldr x30, [x28, host_word(word::HELPER_LR)]
        ; ldp W(PF), W(AF), [x28, offset::PF_RAW as i32]
        ; msr FPSR, x10
        ; cbz x9, >plain
        ; msr FPCR, x9
        ; plain:
        ; ret);
    at
}

const _: () = {
    // The reach of the addressing modes above.
    assert!(offset::XMM + 96 <= 1008 && offset::GPR + 24 <= 252);
    assert!(offset::PF_RAW <= 252 && offset::AF_RAW == offset::PF_RAW + 4);
    assert!(super::lookup::SECOND % 4096 == 0);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_round_trip() {
        for kind in ExitKind::ALL {
            assert_eq!(ExitKind::from_number(kind as u64), kind);
        }
    }

    #[test]
    fn stubs_are_apart() {
        let (code, stubs) = assemble(HostPc(1 << 40));
        assert_eq!(code.len() as u32, stubs.len);
        let all =
            [Stub::Link, Stub::Miss, Stub::RetMiss, Stub::Trap, Stub::Single, Stub::Helper].map(|s| stubs.stub(s));
        for (i, a) in all.iter().enumerate() {
            assert!(stubs.contains(*a) && all[i + 1..].iter().all(|b| a != b));
        }
    }
}
