//! Regions written by hand, in the shapes code generation gives them, so that the runtime is tested by itself.
use crate::codegen::{abi, CodeOffset, CompiledRegion, EntryPoint, LinkKind, LinkSite, PcEntry, Reloc, Stub, X87Fix};
use dynasmrt::aarch64::Aarch64Relocation;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, VecAssembler};
use ir::guest::{GuestAddr, GuestRange, Trap};

macro_rules! a64 {
    ($asm:expr; $($t:tt)*) => { ::dynasmrt::dynasm!($asm.ops ; .arch aarch64 ; $($t)*) };
}
pub(super) use a64;

/// Code of one region under construction.
pub(super) struct RegionAsm {
    pub(super) ops: VecAssembler<Aarch64Relocation>,
    out: CompiledRegion,
    pending: Vec<(CodeOffset, LinkKind, GuestAddr, DynamicLabel)>,
    misses: Vec<(DynamicLabel, Stub, u8)>,
}

impl RegionAsm {
    /// A region whose entry is `guest`; it stands for 16 guest bytes.
    pub(super) fn new(guest: u32) -> Self {
        let guest = GuestAddr(guest);
        let out = CompiledRegion {
            code: Vec::new(),
            entries: vec![EntryPoint { guest, at: CodeOffset(0), direct: None }],
            links: Vec::new(),
            relocs: Vec::new(),
            pc_map: vec![PcEntry { at: CodeOffset(0), eip: guest, carry_direct: false, x87: X87Fix::NONE }],
            ranges: vec![GuestRange::new(guest, 16)],
            insns: 1,
        };
        Self { ops: VecAssembler::new(0), out, pending: Vec::new(), misses: Vec::new() }
    }

    fn here(&self) -> CodeOffset {
        CodeOffset(self.ops.offset().0 as u32)
    }

    /// From here on code belongs to the instruction at `eip`.
    pub(super) fn mark(&mut self, eip: u32, carry_direct: bool) {
        let at = self.here();
        self.out.pc_map.push(PcEntry { at, eip: GuestAddr(eip), carry_direct, x87: X87Fix::NONE });
    }

    /// A 32-bit constant.
    pub(super) fn mov(&mut self, reg: u8, value: u32) {
        a64!(self; movz W(reg), value & 0xffff; movk W(reg), value >> 16, lsl 16);
    }

    fn branch_to(&mut self, stub: Stub, call: bool) {
        self.out.relocs.push(Reloc { at: self.here(), stub });
        self.ops.push_u32(if call { 0x9400_0000 } else { 0x1400_0000 });
    }

    /// Leaves with a trap.
    pub(super) fn trap(&mut self, trap: Trap, eip: u32) {
        self.mov(16, eip);
        self.mov(17, trap as u32);
        self.branch_to(Stub::Trap, false);
    }

    /// Leaves to the interpreter.
    pub(super) fn single(&mut self, eip: u32) {
        self.mov(16, eip);
        self.branch_to(Stub::Single, false);
    }

    /// Calls a function of helper shape.
    pub(super) fn helper(&mut self, function: ir::helper::HelperFn) {
        let at = function as usize as u64;
        a64!(self
            ; movz x16, (at & 0xffff) as u32
            ; movk x16, (at >> 16 & 0xffff) as u32, lsl 16
            ; movk x16, (at >> 32 & 0xffff) as u32, lsl 32
            ; movk x16, (at >> 48) as u32, lsl 48);
        self.branch_to(Stub::Helper, true);
    }

    /// A direct branch out.
    pub(super) fn link(&mut self, kind: LinkKind, target: u32) {
        let stub = self.ops.new_dynamic_label();
        self.pending.push((self.here(), kind, GuestAddr(target), stub));
        match kind {
            LinkKind::Jump => a64!(self; b =>stub),
            LinkKind::Call => a64!(self; bl =>stub),
        }
    }

    /// The poll of a back-edge.
    pub(super) fn poll(&mut self, eip: u32) {
        self.mark(eip, false);
        a64!(self; ldr wzr, [x28, abi::POLL]);
    }

    /// A guest call; code goes on at its return address.
    pub(super) fn call(&mut self, target: u32, ret: u32) {
        let after = self.ops.new_dynamic_label();
        self.mov(16, ret);
        a64!(self; adr x17, =>after; stp x16, x17, [x29, -(abi::SHADOW_ENTRY as i32)]!);
        self.link(LinkKind::Call, target);
        a64!(self; =>after);
        self.out.entries.push(EntryPoint { guest: GuestAddr(ret), at: self.here(), direct: None });
        self.mark(ret, false);
    }

    /// A guest return to the address in a register.
    pub(super) fn ret(&mut self, reg: u8) {
        let miss = self.ops.new_dynamic_label();
        self.misses.push((miss, Stub::RetMiss, reg));
        a64!(self; ldp x16, x17, [x29], abi::SHADOW_ENTRY as i32; eor x16, x16, X(reg); cbnz x16, =>miss; ret x17);
    }

    /// A jump to the guest address in a register.
    pub(super) fn indirect(&mut self, reg: u8) {
        let miss = self.ops.new_dynamic_label();
        self.misses.push((miss, Stub::Miss, reg));
        a64!(self
            ; and w17, W(reg), abi::LOOKUP_ENTRIES - 1
            ; ldr x17, [x27, x17, lsl #3]
            ; eor w16, w17, W(reg)
            ; cbnz w16, =>miss
            ; add x17, x27, x17, lsr #32
            ; br x17);
    }

    /// The region's code with its cold parts.
    pub(super) fn finish(mut self) -> CompiledRegion {
        for (label, stub, reg) in std::mem::take(&mut self.misses) {
            a64!(self; =>label; mov w16, W(reg));
            self.branch_to(stub, false);
        }
        for (at, kind, target, label) in std::mem::take(&mut self.pending) {
            let stub = self.here();
            a64!(self; =>label; adr x17, =>label);
            self.mov(16, target.0);
            self.branch_to(Stub::Link, false);
            self.out.links.push(LinkSite { at, kind, target, stub, carry_direct: false });
        }
        self.out.code = self.ops.finalize().expect("labels are defined");
        self.out
    }
}
