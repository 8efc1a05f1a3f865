//! Reads the text form that [`crate::print`] writes; the grammar stands there.
//!
//! More lenient than the printer where people write by hand: blank lines and `#` comments are skipped, text after the
//! length in a `;` line is ignored, and values may have any numbers: a name stands for the instruction that defined it
//! last in its block. What is read is well-formed text, not yet a valid region: that is [`crate::verify`]'s business.
use crate::guest::{Cc, FlagSet, Gpr, GuestAddr, GuestRange, Trap, Xmm};
use crate::helper::Helper;
use crate::inst::{Inst, Value, MAX_ARGS};
use crate::opcode::{ImmKind, Opcode};
use crate::print::STATE_FIELDS;
use crate::region::{Block, BlockId, InsnMark, Region};
use crate::terminator::{Target, Terminator};
use crate::types::{Lane, Ty};
use hashbrown::HashMap;

/// Why a text is not a region.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ParseError {
    /// Line number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

type Parsed<T> = Result<T, String>;

/// Parses a whole region.
pub fn parse(text: &str) -> Result<Region, ParseError> {
    let mut parser = Parser { region: Region::new(GuestAddr(0)), open: None, seen_head: false };
    let mut last = 0;
    for (index, line) in text.lines().enumerate() {
        last = index + 1;
        let line = line.split('#').next().unwrap_or("").trim();
        if !line.is_empty() {
            parser.line(line).map_err(|reason| ParseError { line: last, reason })?;
        }
    }
    parser.finish().map_err(|reason| ParseError { line: last, reason })
}

struct OpenBlock {
    block: Block,
    names: HashMap<u32, Value>,
}

struct Parser {
    region: Region,
    open: Option<OpenBlock>,
    seen_head: bool,
}

impl Parser {
    fn finish(self) -> Parsed<Region> {
        if !self.seen_head {
            return Err("no `region` line".into());
        }
        match self.open {
            Some(_) => Err("the last block has no terminator".into()),
            None => Ok(self.region),
        }
    }

    fn line(&mut self, line: &str) -> Parsed<()> {
        if self.open.is_some() {
            return self.block_line(line);
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "region" => {
                let (entry, folded) = rest.strip_suffix(" folded").map_or((rest, false), |entry| (entry, true));
                self.region.entry = guest_addr(entry)?;
                self.region.folded = folded;
                self.seen_head = true;
            }
            "range" => {
                let (start, len) = addr_and_len(rest)?;
                self.region.ranges.push(GuestRange::new(start, len));
            }
            "live" => {
                let (addr, flags) = rest.split_once(' ').ok_or("`live` wants an address and flags")?;
                self.region.set_live_at(guest_addr(addr)?, flag_set(flags)?);
            }
            _ => self.open_block(line)?,
        }
        Ok(())
    }

    fn open_block(&mut self, line: &str) -> Parsed<()> {
        let head = line.strip_suffix(':').ok_or_else(|| format!("expected a block head, found `{line}`"))?;
        let mut words = head.split_whitespace();
        let id = block_id(words.next().unwrap_or(""))?;
        if id.index() != self.region.blocks.len() {
            return Err(format!("expected block b{}, found {id}", self.region.blocks.len()));
        }
        let start = guest_addr(words.next().unwrap_or(""))?;
        let entry = match words.next() {
            None => false,
            Some("entry") => true,
            Some(word) => return Err(format!("unexpected `{word}` after the block's address")),
        };
        let term = Terminator::Exit { trap: Trap::Yield, eip: start };
        let block = Block { start, entry, insns: Vec::new(), insts: Vec::new(), term };
        self.open = Some(OpenBlock { block, names: HashMap::new() });
        Ok(())
    }

    fn block_line(&mut self, line: &str) -> Parsed<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        if let Some(mark) = line.strip_prefix(';') {
            let (addr, len) = addr_and_len(mark.trim())?;
            let len = u8::try_from(len).map_err(|_| "an instruction has at most 15 bytes")?;
            open.block.insns.push(InsnMark { addr, len });
            return Ok(());
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if let Some(term) = terminator(word, rest, open)? {
            open.block.term = term;
            self.region.blocks.extend(self.open.take().map(|open| open.block));
            return Ok(());
        }
        let (name, body) = match line.split_once('=') {
            Some((name, body)) => (Some(value_name(name.trim())?), body.trim()),
            None => (None, line),
        };
        let mut inst = inst(body, open)?;
        inst.insn = open.block.insns.len().saturating_sub(1) as u16;
        let value = Value(open.block.insts.len() as u16);
        match (name, inst.result_ty()) {
            (Some(_), Ty::None) => return Err(format!("{} defines no value", inst.op.name())),
            (None, ty) if ty != Ty::None => return Err(format!("{} defines a value: name it", inst.op.name())),
            (Some(name), _) => drop(open.names.insert(name, value)),
            (None, _) => {}
        }
        open.block.insts.push(inst);
        Ok(())
    }
}

impl OpenBlock {
    fn value(&self, text: &str) -> Parsed<Value> {
        if text == "_" {
            return Ok(Value::NONE);
        }
        let name = value_name(text)?;
        self.names.get(&name).copied().ok_or_else(|| format!("{text} is not defined before"))
    }
}

fn terminator(word: &str, rest: &str, open: &OpenBlock) -> Parsed<Option<Terminator>> {
    let parts: Vec<&str> = rest.split(',').map(str::trim).collect();
    let part = |n: usize| parts.get(n).copied().unwrap_or("");
    let ret_block = || parts.get(2).map(|text| block_id(text)).transpose();
    let (most, term) = match word {
        "jump" => (1, Terminator::Jump(target(part(0))?)),
        "branch" => {
            let cc = named(Cc::ALL.iter().copied(), Cc::name, part(0), "condition")?;
            (3, Terminator::Branch { cc, taken: target(part(1))?, fallthrough: target(part(2))? })
        }
        "branch_nz" => {
            let value = open.value(part(0))?;
            (3, Terminator::BranchNz { value, taken: target(part(1))?, fallthrough: target(part(2))? })
        }
        "indirect" => (1, Terminator::Indirect { pc: open.value(part(0))? }),
        "call" => {
            let (target, ret) = (target(part(0))?, guest_addr(part(1))?);
            (3, Terminator::Call { target, ret, ret_block: ret_block()? })
        }
        "call_indirect" => {
            let (pc, ret) = (open.value(part(0))?, guest_addr(part(1))?);
            (3, Terminator::CallIndirect { pc, ret, ret_block: ret_block()? })
        }
        "ret" => (1, Terminator::Ret { pc: open.value(part(0))? }),
        "exit" => {
            let trap = named(Trap::ALL.iter().copied(), Trap::name, part(0), "trap")?;
            (2, Terminator::Exit { trap, eip: guest_addr(part(1))? })
        }
        _ => return Ok(None),
    };
    match parts.len() > most {
        true => Err(format!("`{word}` takes at most {most} operands")),
        false => Ok(Some(term)),
    }
}

/// Everything of an instruction but the value it defines.
fn inst(text: &str, open: &OpenBlock) -> Parsed<Inst> {
    let (head, rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut suffixes = head.split('.');
    let name = suffixes.next().unwrap_or("");
    let op = Opcode::from_name(name).ok_or_else(|| format!("unknown opcode `{name}`"))?;
    let mut inst = Inst::new(op, op.implied_ty());
    for suffix in suffixes {
        if let Some(ty) = Ty::ALL.into_iter().find(|ty| ty.name() == suffix) {
            inst.ty = ty;
        } else if let Some(lane) = Lane::ALL.into_iter().find(|lane| lane.name() == suffix) {
            inst.lane = lane;
        } else {
            inst.flags = flag_set(suffix)?;
        }
    }
    let mut operands = rest.split(',').map(str::trim).filter(|text| !text.is_empty());
    if op.imm() != ImmKind::None {
        let text = operands.next().ok_or_else(|| format!("{name} wants an immediate"))?;
        immediate(text, &mut inst, open)?;
    }
    let first = if op.has_address() { 2 } else { 0 };
    for (place, text) in (first..).zip(operands) {
        if place == MAX_ARGS {
            return Err(format!("{name} has too many arguments"));
        }
        inst.args[place] = open.value(text)?;
    }
    Ok(inst)
}

fn immediate(text: &str, inst: &mut Inst, open: &OpenBlock) -> Parsed<()> {
    inst.imm = match inst.op.imm() {
        ImmKind::None => 0,
        ImmKind::Const | ImmKind::Control => number(text)? as i64,
        ImmKind::Gpr => named(Gpr::ALL.iter().copied(), Gpr::name, text, "register")? as i64,
        ImmKind::Xmm => named(Xmm::ALL.iter().copied(), Xmm::name, text, "register")? as i64,
        ImmKind::Cc => named(Cc::ALL.iter().copied(), Cc::name, text, "condition")? as i64,
        ImmKind::Disp => return address(text, inst, open),
        ImmKind::Field => {
            let (lsb, width) = text.split_once(':').ok_or("a field is written lsb:width")?;
            let (lsb, width) = (number(lsb)?, number(width)?);
            if lsb > 0xff || width > 0xff {
                return Err(format!("field {text} is out of range"));
            }
            (lsb | width << 8) as i64
        }
        ImmKind::State => state_offset(text)?,
        ImmKind::Helper => Helper::from_name(text).ok_or_else(|| format!("unknown helper `{text}`"))? as i64,
        ImmKind::Trap => named(Trap::ALL.iter().copied(), Trap::name, text, "trap")? as i64,
        ImmKind::Flags => i64::from(flag_set(text)?.eflags_mask()),
    };
    Ok(())
}

/// `[v1 + v2<<2 - 0x10]` and its parts.
fn address(text: &str, inst: &mut Inst, open: &OpenBlock) -> Parsed<()> {
    let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).ok_or("an address stands in brackets")?;
    let mut negative = false;
    for word in inner.split_whitespace() {
        match word {
            "+" => negative = false,
            "-" => negative = true,
            _ if word.starts_with('v') => {
                let (value, shift) = word.split_once("<<").map_or((word, None), |(v, s)| (v, Some(s)));
                let is_index = shift.is_some() || inst.args[0].is_some();
                let place = usize::from(is_index);
                if inst.args[place].is_some() || negative {
                    return Err(format!("`{word}` does not fit in the address"));
                }
                inst.args[place] = open.value(value)?;
                inst.shift = shift.map_or(Ok(inst.shift), |s| number(s).map(|n| n as u8))?;
            }
            _ => {
                let disp = number(word)? as i32;
                inst.imm = i64::from(if negative { disp.wrapping_neg() } else { disp });
            }
        }
    }
    Ok(())
}

fn state_offset(text: &str) -> Parsed<i64> {
    let (name, rest) = text.split_once('+').unwrap_or((text, "0"));
    let field = STATE_FIELDS.iter().find(|(field, _)| *field == name);
    let (_, start) = field.ok_or_else(|| format!("CpuState has no field `{name}`"))?;
    Ok(i64::from(*start) + number(rest)? as i64)
}

fn named<T: Copy>(all: impl Iterator<Item = T>, name: fn(T) -> &'static str, text: &str, what: &str) -> Parsed<T> {
    all.into_iter().find(|item| name(*item) == text).ok_or_else(|| format!("`{text}` is no {what}"))
}

fn number(text: &str) -> Parsed<u64> {
    let text = text.trim();
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("`{text}` is no number"))
}

fn guest_addr(text: &str) -> Parsed<GuestAddr> {
    let value = number(text).map_err(|_| format!("`{text}` is no address"))?;
    u32::try_from(value).map(GuestAddr).map_err(|_| format!("`{text}` is above 4 GiB"))
}

fn addr_and_len(text: &str) -> Parsed<(GuestAddr, u64)> {
    let mut words = text.split_whitespace();
    let addr = guest_addr(words.next().unwrap_or(""))?;
    let len = words.next().and_then(|word| word.strip_prefix('+')).ok_or("expected an address and +length")?;
    Ok((addr, number(len)?))
}

fn value_name(text: &str) -> Parsed<u32> {
    let digits = text.strip_prefix('v').ok_or_else(|| format!("`{text}` is no value"))?;
    digits.parse().map_err(|_| format!("`{text}` is no value"))
}

fn block_id(text: &str) -> Parsed<BlockId> {
    let digits = text.strip_prefix('b').ok_or_else(|| format!("`{text}` is no block"))?;
    digits.parse().map(BlockId).map_err(|_| format!("`{text}` is no block"))
}

fn target(text: &str) -> Parsed<Target> {
    match text.starts_with('b') {
        true => block_id(text).map(Target::Block),
        false => guest_addr(text).map(Target::Guest),
    }
}

fn flag_set(text: &str) -> Parsed<FlagSet> {
    let mut set = FlagSet::NONE;
    for letter in text.chars().filter(|letter| *letter != '-') {
        let found = FlagSet::LETTERS.iter().find(|(_, known)| *known == letter);
        set |= found.ok_or_else(|| format!("`{text}` is neither type, lane nor flags"))?.0;
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERYTHING: &str = "\
region 0x08048000
range 0x08048000 +18
live 0x08049000 -
live 0x08049100 szc
b0 0x08048000 entry:
; 0x08048000 +3
  v0 = get_gpr eax
  v1 = load.i32 [v0 + v0<<2 - 0x10]
  v2 = load_sx.i8 [v0<<0 + 0x7fffffff]
  v3 = lea [v0 + v1]
  store.i32 [0xfffffff0], v2
  v5 = atomic_cas.i32 [v0], v1, v2
  v6 = adc.i32.oszap v0, v5
  v7 = const.i64 0xffffffffffffffff
  v8 = extract.i64 8:16, v7
  v9 = const.i8 0x3
  v10 = shl.i32.oszapc v0, v9
  trap_if.i8 divide_error, v9
  v12 = helper.i64 cpuid_ab, v0, v1
  helper cpuid_ab, v0, _, v1
  fence
  v15 = get_flags szapc
  v16 = cond le
  v17 = get_xmm xmm3
  set_xmm xmm4, v17
  v19 = mul_wide_u.i32.oc v0, v1
  set_flags.c v0
  v21 = get_state.i16 selector+2
  set_state.i32 df_step, v0
; 0x08048003 +15
  branch_nz v16, b1, 0x08049000
b1 0x08048012:
  branch ne, b1, b2
b2 0x08048013:
  jump b3
b3 0x08048013:
  call 0x08049000, 0x08048018
b4 0x08048014:
  call b0, 0x08048018, b0
b5 0x08048014:
  v0 = get_gpr ecx
  call_indirect v0, 0x08048018, b4
b6 0x08048014:
  v0 = get_gpr ecx
  ret v0
b7 0x08048014:
  v0 = get_gpr ecx
  indirect v0
b8 0x08048014:
  exit syscall, 0x08048016
";

    #[test]
    fn round_trip() {
        let region = parse(EVERYTHING).unwrap();
        assert_eq!(region.to_string(), EVERYTHING);
        assert_eq!(parse(&region.to_string()).unwrap(), region);
    }

    #[test]
    fn values_may_have_any_number() {
        let text =
            "region 0x10\n\nb0 0x10: # a comment\n; 0x10 +1 push eax\n v7 = get_gpr eax\n v3 = not.i32 v7\n ret v3";
        let region = parse(text).unwrap();
        assert_eq!(region.blocks[0].term, Terminator::Ret { pc: Value(1) });
        assert_eq!(region.blocks[0].insts[1].args[0], Value(0));
    }

    #[test]
    fn errors_name_line_and_reason() {
        let head = "region 0x10\nb0 0x10:\n";
        let cases = [
            ("", 0, "no `region` line"),
            ("region zero", 1, "`zero` is no address"),
            ("region 0x10\nb1 0x10:", 2, "expected block b0, found b1"),
            ("region 0x10\nfoo", 2, "expected a block head, found `foo`"),
            (&format!("{head}  v0 = frob v1"), 3, "unknown opcode `frob`"),
            (&format!("{head}  v0 = not.i32 v1"), 3, "v1 is not defined before"),
            (&format!("{head}  v0 = get_gpr r8"), 3, "`r8` is no register"),
            (&format!("{head}  get_gpr eax"), 3, "get_gpr defines a value: name it"),
            (&format!("{head}  v0 = nop"), 3, "nop defines no value"),
            (&format!("{head}  v0 = get_gpr.q eax"), 3, "`q` is neither type, lane nor flags"),
            (&format!("{head}  v0 = get_state.i32 foo"), 3, "CpuState has no field `foo`"),
            (&format!("{head}  v0 = load.i32 eax"), 3, "an address stands in brackets"),
            (&format!("{head}  jump 0x20, b1"), 3, "`jump` takes at most 1 operands"),
            (&format!("{head}  nop"), 3, "the last block has no terminator"),
        ];
        for (text, line, reason) in cases {
            assert_eq!(parse(text), Err(ParseError { line, reason: reason.into() }), "{text}");
        }
    }
}
