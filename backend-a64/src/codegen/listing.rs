//! Text form of compiled code: offset, word, and what is known about the place. A disassembler does the rest.
use super::compiled::{CodeOffset, CompiledRegion};
use std::fmt::Write;

/// An annotated hexadecimal listing: one line a word, with entries, guest instructions, links and stubs as comments.
pub fn listing(region: &CompiledRegion) -> String {
    let mut text = String::with_capacity(region.code.len() * 8);
    for (i, word) in region.code.chunks_exact(4).enumerate() {
        let at = CodeOffset(i as u32 * 4);
        for entry in region.entries.iter().filter(|e| e.at == at) {
            let _ = writeln!(text, "; entry {}", entry.guest);
        }
        for pc in region.pc_map.iter().filter(|e| e.at == at) {
            let _ = writeln!(text, "; insn {}{}", pc.eip, if pc.carry_direct { " carry direct" } else { "" });
        }
        let word = u32::from_le_bytes(word.try_into().expect("four bytes"));
        let _ = write!(text, "{:5x}: {word:08x}", at.0);
        for link in region.links.iter().filter(|l| l.at == at) {
            let _ = write!(text, " ; link {:?} {}", link.kind, link.target);
        }
        for reloc in region.relocs.iter().filter(|r| r.at == at) {
            let _ = write!(text, " ; to {:?}", reloc.stub);
        }
        text.push('\n');
    }
    text
}
