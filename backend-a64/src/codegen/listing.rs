//! Text form of compiled code: offset, word, instruction, and what is known about the place.
use super::compiled::{CodeOffset, CompiledRegion};
use std::fmt::Write;
use yaxpeax_arch::{Arch, Decoder, U8Reader};
use yaxpeax_arm::armv8::a64::{ARMv8, Instruction, Operand};

/// An annotated listing: one line an instruction, with entries and guest instructions as comments before it, links and
/// branches to the runtime behind it.
pub fn listing(region: &CompiledRegion) -> String {
    let decoder = <ARMv8 as Arch>::Decoder::default();
    let mut text = String::with_capacity(region.code.len() * 16);
    for (i, word) in region.code.chunks_exact(4).enumerate() {
        let at = CodeOffset(i as u32 * 4);
        for entry in region.entries.iter().filter(|e| e.at == at) {
            let _ = writeln!(text, "; entry {}", entry.guest);
        }
        for pc in region.pc_map.iter().filter(|e| e.at == at) {
            let _ = writeln!(text, "; insn {}{}", pc.eip, if pc.carry_direct { " carry direct" } else { "" });
        }
        let bytes: [u8; 4] = word.try_into().expect("four bytes");
        let insn = decoder.decode(&mut U8Reader::new(word)).map_or(".inst".to_owned(), |insn| show(&insn, at));
        let _ = write!(text, "{:5x}: {:08x}  {insn}", at.0, u32::from_le_bytes(bytes));
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

/// An instruction; the target of a branch as an offset in the listing.
fn show(insn: &Instruction, at: CodeOffset) -> String {
    let text = insn.to_string();
    let distance = insn.operands.iter().find_map(|operand| match operand {
        Operand::PCOffset(distance) => Some(*distance),
        _ => None,
    });
    match (distance, text.find("$+").or_else(|| text.find("$-"))) {
        (Some(distance), Some(place)) => format!("{}{:x}", &text[..place], i64::from(at.0) + distance),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codegen::{EntryPoint, LinkKind, LinkSite, PcEntry, Reloc, Stub};
    use ir::GuestAddr;

    #[test]
    fn a_listing_names_guest_addresses_and_branch_targets() {
        let words: [u32; 5] = [0x0b16_0290, 0x5400_0040, 0x9400_0000, 0x17ff_fffd, 0xffff_ffff];
        let region = CompiledRegion {
            code: words.iter().flat_map(|w| w.to_le_bytes()).collect(),
            entries: vec![EntryPoint { guest: GuestAddr(0x1000), at: CodeOffset(0) }],
            links: vec![LinkSite {
                at: CodeOffset(8),
                kind: LinkKind::Call,
                target: GuestAddr(0x2000),
                stub: CodeOffset(16),
            }],
            relocs: vec![Reloc { at: CodeOffset(12), stub: Stub::Link }],
            pc_map: vec![PcEntry {
                at: CodeOffset(0),
                eip: GuestAddr(0x1000),
                carry_direct: true,
                x87: crate::codegen::X87Fix::NONE,
            }],
            ranges: Vec::new(),
            insns: 1,
        };
        let expect = "\
; entry 0x00001000
; insn 0x00001000 carry direct
    0: 0b160290  add w16, w20, w22
    4: 54000040  b.eq c
    8: 94000000  bl 8 ; link Call 0x00002000
    c: 17fffffd  b 0 ; to Link
   10: ffffffff  .inst
";
        assert_eq!(listing(&region), expect);
    }
}
