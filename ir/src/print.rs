//! The text form of regions: what `--dump`, filetests and error messages show. [`crate::parse`] reads it back.
//!
//! ```text
//! region 0x08048000
//! range 0x08048000 +9
//! live 0x08048100 z
//! b0 0x08048000 entry:
//! ; 0x08048000 +3
//!   v0 = get_gpr eax
//!   v1 = load.i32 [v0 + v0<<2 - 0x10]
//!   v2 = add.i32.oszapc v0, v1
//!   set_gpr eax, v2
//! ; 0x08048003 +6
//!   branch ne, b0, 0x08048100
//! ```
//!
//! An instruction is `name[.type][.lane][.flags] immediate, arguments`. The type is left out where the opcode's row
//! fixes it. A memory operand stands in brackets; an index is marked by its `<<`, which only an unscaled index beside
//! a base may leave out. Lines beginning with `;` name the guest instruction that what follows belongs to.
use crate::guest::state::offset;
use crate::guest::{FlagSet, Trap};
use crate::helper::Helper;
use crate::inst::{Inst, Value};
use crate::opcode::{ArgTy, ImmKind, Opcode, ResTy};
use crate::region::{Block, BlockId, Region};
use crate::terminator::{Target, Terminator};
use crate::types::{Lane, Ty};
use std::fmt;

/// Names of the fields of `CpuState` in operands of `get_state` and `set_state`, by rising offset.
#[rustfmt::skip]
pub(crate) const STATE_FIELDS: &[(&str, u32)] = &[
    ("gpr", offset::GPR), ("eip", offset::EIP), ("nzcv", offset::NZCV), ("pf_raw", offset::PF_RAW),
    ("af_raw", offset::AF_RAW), ("df_step", offset::DF_STEP), ("eflags_system", offset::EFLAGS_SYSTEM),
    ("selector", offset::SELECTOR), ("seg_base", offset::SEG_BASE),
    ("seg_rights", offset::SEG_RIGHTS), ("seg_limit", offset::SEG_LIMIT), ("seg_end", offset::SEG_END), ("segmented", offset::SEGMENTED),
    ("after_mov_ss", offset::AFTER_MOV_SS), ("mxcsr", offset::MXCSR), ("fcw", offset::FCW),
    ("fsw", offset::FSW), ("top", offset::TOP), ("ftw", offset::FTW), ("fop", offset::FOP), ("fip", offset::FIP),
    ("fdp", offset::FDP), ("st", offset::ST), ("xmm", offset::XMM),
    ("scratch", offset::SCRATCH), ("host", offset::HOST),
];

impl Opcode {
    /// The type an instruction of this opcode has when the text form names none.
    pub(crate) fn implied_ty(self) -> Ty {
        match (self.result(), self.args().first()) {
            (ResTy::I8, _) => Ty::I8,
            (ResTy::I32, _) => Ty::I32,
            (ResTy::I64, _) => Ty::I64,
            (ResTy::V128, _) => Ty::V128,
            (ResTy::None, Some(ArgTy::I8)) => Ty::I8,
            (ResTy::None, Some(ArgTy::I32)) => Ty::I32,
            (ResTy::None, Some(ArgTy::I64)) => Ty::I64,
            (ResTy::None, Some(ArgTy::V128)) => Ty::V128,
            _ => Ty::None,
        }
    }
}

/// Writes `, ` before every item but the first.
struct List {
    started: bool,
}

impl List {
    fn next(&mut self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.started { ", " } else { " " };
        self.started = true;
        f.write_str(separator)
    }
}

fn state_offset(f: &mut fmt::Formatter<'_>, imm: i64) -> fmt::Result {
    let at = imm as u32;
    let (name, start) = STATE_FIELDS.iter().rev().find(|(_, start)| *start <= at).unwrap_or(&STATE_FIELDS[0]);
    match at - start {
        0 => f.write_str(name),
        rest => write!(f, "{name}+{rest}"),
    }
}

fn address(f: &mut fmt::Formatter<'_>, inst: &Inst) -> fmt::Result {
    let (base, index, disp) = (inst.args[0], inst.args[1], inst.disp());
    f.write_str("[")?;
    if base.is_some() {
        write!(f, "{base}")?;
    }
    if index.is_some() {
        let plus = if base.is_some() { " + " } else { "" };
        write!(f, "{plus}{index}")?;
        if base.is_none() || inst.shift != 0 {
            write!(f, "<<{}", inst.shift)?;
        }
    }
    if base.is_none() && index.is_none() {
        write!(f, "{:#x}", disp as u32)?;
    } else if disp != 0 {
        write!(f, " {} {:#x}", if disp < 0 { '-' } else { '+' }, disp.unsigned_abs())?;
    }
    f.write_str("]")
}

fn immediate(f: &mut fmt::Formatter<'_>, inst: &Inst) -> fmt::Result {
    match inst.op.imm() {
        ImmKind::None => Ok(()),
        ImmKind::Const | ImmKind::Control => write!(f, "{:#x}", inst.imm),
        ImmKind::Gpr => write!(f, "{}", inst.gpr()),
        ImmKind::Xmm => write!(f, "{}", inst.xmm()),
        ImmKind::Cc => f.write_str(inst.cc().name()),
        ImmKind::Disp => address(f, inst),
        ImmKind::Field => {
            let (lsb, width) = inst.field();
            write!(f, "{lsb}:{width}")
        }
        ImmKind::State => state_offset(f, inst.imm),
        // A number out of range is the verifier's to report; it prints the instruction to do so.
        ImmKind::Helper => f.write_str(Helper::ALL.get(inst.imm as usize).map_or("?", |h| h.name())),
        ImmKind::Trap => f.write_str(Trap::ALL.get(inst.imm as usize).map_or("?", |t| t.name())),
        ImmKind::Flags => write!(f, "{}", FlagSet::from_eflags_mask(inst.imm as u32)),
    }
}

/// Without the `v0 =` in front, which the block adds.
impl fmt::Display for Inst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.name())?;
        if self.ty != self.op.implied_ty() {
            write!(f, ".{}", self.ty)?;
        }
        if self.lane != Lane::None {
            write!(f, ".{}", self.lane.name())?;
        }
        if !self.flags.is_empty() {
            write!(f, ".{}", self.flags)?;
        }
        let mut list = List { started: false };
        if self.op.imm() != ImmKind::None {
            list.next(f)?;
            immediate(f, self)?;
        }
        let skip = if self.op.has_address() { 2 } else { 0 };
        let count = self.args.iter().rposition(|v| v.is_some()).map_or(0, |last| last + 1);
        for arg in self.args.iter().take(count).skip(skip) {
            list.next(f)?;
            write!(f, "{arg}")?;
        }
        Ok(())
    }
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b{}", self.0)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(id) => write!(f, "{id}"),
            Self::Guest(addr) => write!(f, "{addr}"),
        }
    }
}

impl fmt::Display for Terminator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let back = |f: &mut fmt::Formatter<'_>, block: Option<BlockId>| match block {
            Some(id) => write!(f, ", {id}"),
            None => Ok(()),
        };
        match *self {
            Self::Jump(target) => write!(f, "jump {target}"),
            Self::Branch { cc, taken, fallthrough } => write!(f, "branch {}, {taken}, {fallthrough}", cc.name()),
            Self::BranchNz { value, taken, fallthrough } => write!(f, "branch_nz {value}, {taken}, {fallthrough}"),
            Self::Indirect { pc } => write!(f, "indirect {pc}"),
            Self::Call { target, ret, ret_block } => {
                write!(f, "call {target}, {ret}")?;
                back(f, ret_block)
            }
            Self::CallIndirect { pc, ret, ret_block } => {
                write!(f, "call_indirect {pc}, {ret}")?;
                back(f, ret_block)
            }
            Self::Ret { pc } => write!(f, "ret {pc}"),
            Self::Exit { trap, eip } => write!(f, "exit {}, {eip}", trap.name()),
        }
    }
}

impl Block {
    /// An instruction as a line of the text form, without indentation: `v3 = add.i32 v1, v2`.
    pub fn inst_text(&self, index: usize) -> String {
        let inst = &self.insts[index];
        if inst.result_ty() == Ty::None {
            inst.to_string()
        } else {
            format!("{} = {inst}", Value(index as u16))
        }
    }
}

/// The body: everything below the `b0 ...:` line, which the region adds.
impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut marks = self.insns.iter().enumerate().peekable();
        for (index, inst) in self.insts.iter().enumerate() {
            while let Some((_, mark)) = marks.next_if(|(n, _)| *n <= usize::from(inst.insn)) {
                writeln!(f, "; {} +{}", mark.addr, mark.len)?;
            }
            writeln!(f, "  {}", self.inst_text(index))?;
        }
        for (_, mark) in marks {
            writeln!(f, "; {} +{}", mark.addr, mark.len)?;
        }
        writeln!(f, "  {}", self.term)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "region {}{}", self.entry, if self.folded { " folded" } else { "" })?;
        for range in &self.ranges {
            writeln!(f, "range {} +{}", range.start, range.len)?;
        }
        for (addr, flags) in &self.exit_live {
            writeln!(f, "live {addr} {flags}")?;
        }
        for (index, block) in self.blocks.iter().enumerate() {
            let entry = if block.entry { " entry" } else { "" };
            writeln!(f, "b{index} {}{entry}:", block.start)?;
            write!(f, "{block}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::Builder;
    use crate::guest::{Gpr, GuestAddr, GuestRange};
    use crate::sink::{Addr, Sink};

    #[test]
    fn prints_every_part() {
        let mut b = Builder::new(GuestAddr(0x0804_8000));
        b.begin_insn(GuestAddr(0x0804_8000), 3);
        let eax = b.get_gpr(Gpr::Eax);
        let addr = Addr { base: eax, index: eax, shift: 2, disp: -16 };
        let loaded = b.load(Ty::I8, addr);
        let wide = b.zext(Ty::I32, loaded);
        let sum = b.binary(Opcode::Add, eax, wide, FlagSet::ALL);
        b.set_gpr(Gpr::Eax, sum);
        b.begin_insn(GuestAddr(0x0804_8003), 6);
        let fs = b.seg_base(crate::guest::Seg::Fs);
        b.set_gpr(Gpr::Ecx, fs);
        let exit = GuestAddr(0x0804_8100);
        let mut region = Region::new(GuestAddr(0x0804_8000));
        let (taken, fallthrough) = (Target::Block(BlockId(0)), Target::Guest(exit));
        region.blocks.push(b.finish(Terminator::Branch { cc: crate::Cc::Ne, taken, fallthrough }));
        region.blocks[0].entry = true;
        region.set_live_at(exit, FlagSet::ZF);
        region.ranges.push(GuestRange::new(region.entry, 9));
        let text =
            "region 0x08048000\nrange 0x08048000 +9\nlive 0x08048100 z\nb0 0x08048000 entry:\n; 0x08048000 +3\n  \
            v0 = get_gpr eax\n  v1 = load.i8 [v0 + v0<<2 - 0x10]\n  v2 = zext.i32 v1\n  v3 = add.i32.oszapc v0, v2\n  \
            set_gpr eax, v3\n; 0x08048003 +6\n  v5 = get_state.i32 seg_base+16\n  set_gpr ecx, v5\n  \
            branch ne, b0, 0x08048100\n";
        assert_eq!(region.to_string(), text);
    }

    #[test]
    fn state_fields_rise() {
        assert!(STATE_FIELDS.windows(2).all(|pair| pair[0].1 < pair[1].1));
    }
}
