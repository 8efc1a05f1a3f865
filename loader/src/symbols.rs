//! Symbols of an ELF file by name, for `--dump-at`. Only the tables are read: files can be large.
use goblin::elf32::header::{Header, SIZEOF_EHDR};
use goblin::elf32::section_header::{SectionHeader, SHT_DYNSYM, SHT_SYMTAB, SIZEOF_SHDR};
use goblin::elf32::sym::SIZEOF_SYM;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Value and size of a symbol, before the load bias; `None` if the file does not name it.
pub fn find(file: &File, name: &str) -> Option<(u32, u32)> {
    let header: [u8; SIZEOF_EHDR] = read(file, 0, SIZEOF_EHDR as u32)?.try_into().ok()?;
    let header = Header::from_bytes(&header);
    let count = usize::from(header.e_shnum);
    let sections = SectionHeader::from_bytes(&read(file, header.e_shoff, (count * SIZEOF_SHDR) as u32)?, count);
    // The full table first: the other one holds only what is exported.
    let of_kind = |kind| sections.iter().find(|section| section.sh_type == kind);
    [SHT_SYMTAB, SHT_DYNSYM].into_iter().filter_map(of_kind).find_map(|table| {
        let names = sections.get(table.sh_link as usize)?;
        let names = read(file, names.sh_offset, names.sh_size)?;
        let symbols = read(file, table.sh_offset, table.sh_size)?;
        symbols.chunks_exact(SIZEOF_SYM).find_map(|symbol| {
            // st_name, st_value, st_size, st_info, st_other, st_shndx.
            let word = |at: usize| u32::from_le_bytes(symbol[at..at + 4].try_into().expect("four bytes"));
            let text = names.get(word(0) as usize..).unwrap_or_default();
            let is_it = text.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&0));
            (is_it && symbol[14..16] != [0, 0]).then(|| (word(4), word(8)))
        })
    })
}

/// Bytes of the file, if it has them.
fn read(file: &File, offset: u32, len: u32) -> Option<Vec<u8>> {
    let end = u64::from(offset) + u64::from(len);
    if end > file.metadata().ok()?.len() {
        return None;
    }
    let mut bytes = vec![0u8; len as usize];
    file.read_exact_at(&mut bytes, offset.into()).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with a symbol table: `other` undefined, `main` at 0x1234.
    fn image() -> Vec<u8> {
        let mut out = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        let put = |out: &mut Vec<u8>, words: &[u32]| out.extend(words.iter().flat_map(|w| w.to_le_bytes()));
        let (symbols, names) = (52 + 3 * 40, 52 + 3 * 40 + 2 * 16);
        // Type and machine, version, entry, phoff, shoff, flags; ehsize, shentsize, shnum.
        put(&mut out, &[3 << 16 | 3, 1, 0, 0, 52, 0, 52, 40 << 16, 3]);
        put(&mut out, &[0; 10]);
        put(&mut out, &[0, SHT_SYMTAB, 0, 0, symbols, 32, 2, 0, 4, 16]);
        put(&mut out, &[0, 3, 0, 0, names, 12, 0, 0, 1, 0]);
        put(&mut out, &[6, 0x99, 1, 0]);
        put(&mut out, &[1, 0x1234, 7, 1 << 16]);
        out.extend(b"\0main\0other\0");
        out
    }

    #[test]
    fn symbols_are_found_by_their_whole_name() {
        let path = std::env::temp_dir().join(format!("ferry-symbols-{}", std::process::id()));
        std::fs::write(&path, image()).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(find(&file, "main"), Some((0x1234, 7)));
        assert_eq!(find(&file, "mai"), None);
        assert_eq!(find(&file, "other"), None, "not defined here");
    }

    #[test]
    fn a_file_without_tables_has_none() {
        assert_eq!(find(&File::open("/dev/null").unwrap(), "main"), None);
    }
}
