//! The code quality ledger: what A64 code guest instructions become, counted and listed per set of host features.
//!
//! An entry is a sequence of guest instructions, translated alone: nothing is known of what follows, so every flag is live
//! at its end. Counted are the A64 instructions that the usual way through it executes, without the way into and out of
//! the region. The usual way is the straight one: the emitter puts what is not expected behind a taken branch
//! (`backend_a64::codegen`), and a variable count or a string's length is taken to be neither zero nor at its end.
pub mod anchor;
pub mod ledger;

use crate::filetest::CodeMem;
use backend_a64::codegen::{compile, CompiledRegion, HostFeatures, LinkKind, Options, Stub};
use frontend::RegionPolicy;
use iced_x86::{Decoder, DecoderOptions, Mnemonic};
use ir::GuestAddr;

/// Where the code of an entry is.
pub const CODE: GuestAddr = GuestAddr(CodeMem::START);

/// Sets of host features that the ledger knows, with their names in it.
pub const FEATURES: [(&str, HostFeatures); 2] = [("base", HostFeatures::BASELINE), ("all", HostFeatures::ALL)];

/// What was executed on the usual way through an entry's code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// A64 instructions executed.
    pub count: u32,
    /// Calls of compiled functions among them, whose own instructions are not counted.
    pub helpers: u32,
    /// The instructions, in the order they are executed.
    pub words: Vec<u32>,
}

/// The cost of guest code; `None` if it has an instruction that is not implemented.
pub fn cost(code: &[u8], features: HostFeatures) -> Option<Cost> {
    if !implemented(code) {
        return None;
    }
    let mut region = frontend::lift_region(&CodeMem(code.to_vec()), CODE, &RegionPolicy::default()).ok()?;
    ir::opt::optimize(&mut region);
    let options = Options { features, ..Options::default() };
    Some(walk(&compile(&region, &options)))
}

/// Whether every instruction has a lift function.
fn implemented(code: &[u8]) -> bool {
    let known = |mnemonic| mnemonic != Mnemonic::INVALID && frontend::table::support(mnemonic).lift().is_some();
    Decoder::with_ip(32, code, u64::from(CODE.0), DecoderOptions::NONE).iter().all(|insn| known(insn.mnemonic()))
}

/// Goes the usual way from the entry to the first way out.
fn walk(region: &CompiledRegion) -> Cost {
    let mut cost = Cost::default();
    let mut at = region.entries[0].at.0;
    let mut visited = vec![false; region.code.len() / 4];
    while let Some(word) = word_at(region, at).filter(|_| !std::mem::replace(&mut visited[at as usize / 4], true)) {
        let reloc = region.relocs.iter().find(|r| r.at.0 == at).map(|r| r.stub);
        let link = region.links.iter().find(|l| l.at.0 == at).map(|l| l.kind);
        if matches!(link, Some(LinkKind::Jump)) || reloc.is_some_and(|stub| stub != Stub::Helper) {
            break;
        }
        cost.helpers += u32::from(reloc.is_some());
        cost.count += 1;
        cost.words.push(word);
        match Flow::of(word) {
            Flow::Jump(distance) if reloc.is_none() => at = at.wrapping_add_signed(distance),
            Flow::Leave if reloc.is_none() => break,
            _ => at += 4,
        }
    }
    cost
}

fn word_at(region: &CompiledRegion, at: u32) -> Option<u32> {
    let bytes = region.code.get(at as usize..at as usize + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().expect("four bytes")))
}

/// Where an A64 instruction goes on the usual way. Arm ARM C4.1.94.
enum Flow {
    Next,
    /// `b`, by so many bytes.
    Jump(i32),
    /// `bl`, `br`, `blr`, `ret`.
    Leave,
}

impl Flow {
    fn of(word: u32) -> Self {
        match word >> 26 {
            0b000101 => Self::Jump((word << 6) as i32 >> 4),
            0b100101 => Self::Leave,
            0b110101 if word >> 25 == 0b1101011 => Self::Leave,
            _ => Self::Next,
        }
    }
}

/// The text of guest code, its instructions separated by `; `.
pub fn disassemble(code: &[u8]) -> String {
    let count = Decoder::with_ip(32, code, u64::from(CODE.0), DecoderOptions::NONE).iter().count();
    let lines = frontend::disassemble(&CodeMem(code.to_vec()), CODE, count);
    lines.iter().map(|line| line.text.clone()).collect::<Vec<_>>().join("; ")
}

/// Bytes from hexadecimal digits.
pub fn bytes(hex: &str) -> Option<Vec<u8>> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(hex.get(i..i + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_out_are_not_counted() {
        let count = |hex: &str| cost(&bytes(hex).unwrap(), HostFeatures::BASELINE).map(|c| (c.count, c.helpers));
        assert_eq!(count("89c8"), Some((1, 0)), "mov eax, ecx");
        assert_eq!(count("90"), Some((0, 0)), "nop");
        assert_eq!(count("50"), Some((1, 0)), "push eax");
        assert_eq!(count("0fa2").map(|c| c.1 > 0), Some(true), "cpuid calls a helper");
        assert_eq!(count("f30fc7f0"), None, "senduipi is not implemented");
    }
}
