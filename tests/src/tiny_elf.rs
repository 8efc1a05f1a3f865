//! Small i386 ELF files made here, whole or damaged, for tests of the loader.
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// One program header, in the file's order of fields.
#[derive(Clone, Copy, Debug)]
pub struct Phdr {
    /// p_type.
    pub kind: u32,
    /// p_offset.
    pub offset: u32,
    /// p_vaddr (and p_paddr).
    pub vaddr: u32,
    /// p_filesz.
    pub filesz: u32,
    /// p_memsz.
    pub memsz: u32,
    /// p_flags.
    pub flags: u32,
    /// p_align.
    pub align: u32,
}

/// PT_LOAD.
pub const LOAD: u32 = 1;
/// PT_INTERP.
pub const INTERP: u32 = 3;
/// Where the program is loaded.
pub const BASE: u32 = 0x0804_8000;
/// Length of the headers: what follows is code.
pub const HEADERS: u32 = 0x100;
/// The whole file.
pub const LEN: u32 = 0x200;

/// A file to be written.
#[derive(Clone, Debug)]
pub struct TinyElf {
    /// EI_CLASS.
    pub class: u8,
    /// EI_DATA.
    pub order: u8,
    /// e_type.
    pub kind: u16,
    /// e_machine.
    pub machine: u16,
    /// e_entry.
    pub entry: u32,
    /// e_phentsize.
    pub phentsize: u16,
    /// e_phnum; the number of `phdrs` if none.
    pub phnum: Option<u16>,
    /// Program headers.
    pub phdrs: Vec<Phdr>,
    /// The name of PT_INTERP, kept at the end of the headers.
    pub interp: &'static [u8],
}

impl Default for TinyElf {
    /// A program that exits with status 7. What follows its code is INT3, so no wrong entry runs far.
    fn default() -> Self {
        let text = Phdr { kind: LOAD, offset: 0, vaddr: BASE, filesz: LEN, memsz: LEN, flags: 5, align: 0x1000 };
        let phdrs = vec![text];
        let entry = BASE + HEADERS;
        Self { class: 1, order: 1, kind: 2, machine: 3, entry, phentsize: 32, phnum: None, phdrs, interp: b"" }
    }
}

impl TinyElf {
    /// The default with a change.
    pub fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut elf = Self::default();
        change(&mut elf);
        elf
    }

    /// The default with its PT_LOAD changed.
    pub fn with_load(change: impl FnOnce(&mut Phdr)) -> Self {
        Self::with(|elf| change(&mut elf.phdrs[0]))
    }

    /// The default with a second segment.
    pub fn with_second(change: impl FnOnce(&mut Phdr)) -> Self {
        let mut second =
            Phdr { kind: LOAD, offset: 0, vaddr: BASE + 0x2000, filesz: 0, memsz: 0x1000, flags: 6, align: 0x1000 };
        change(&mut second);
        Self::with(|elf| elf.phdrs.push(second))
    }

    /// The default with an interpreter, whose name ends as `name` does.
    pub fn with_interp(name: &'static [u8]) -> Self {
        let offset = HEADERS - name.len() as u32;
        let filesz = name.len() as u32;
        let interp = Phdr { kind: INTERP, offset, vaddr: BASE + offset, filesz, memsz: filesz, flags: 4, align: 1 };
        Self::with(|elf| {
            elf.interp = name;
            elf.phdrs.push(interp);
        })
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = vec![0x7f, b'E', b'L', b'F', self.class, self.order, 1];
        out.resize(16, 0);
        let half = |out: &mut Vec<u8>, value: u16| match self.order {
            2 => out.extend(value.to_be_bytes()),
            _ => out.extend(value.to_le_bytes()),
        };
        half(&mut out, self.kind);
        half(&mut out, self.machine);
        for word in [1, self.entry, 52, 0, 0] {
            out.extend(word.to_le_bytes());
        }
        let phnum = self.phnum.unwrap_or(self.phdrs.len() as u16);
        for value in [52, self.phentsize, phnum, 40, 0, 0] {
            half(&mut out, value);
        }
        for ph in &self.phdrs {
            for word in [ph.kind, ph.offset, ph.vaddr, ph.vaddr, ph.filesz, ph.memsz, ph.flags, ph.align] {
                out.extend(word.to_le_bytes());
            }
        }
        out.resize(HEADERS as usize - self.interp.len(), 0);
        out.extend(self.interp);
        // mov eax, 1; mov ebx, 7; int 0x80
        out.extend([0xb8, 1, 0, 0, 0, 0xbb, 7, 0, 0, 0, 0xcd, 0x80]);
        out.resize(LEN as usize, 0xcc);
        out
    }

    /// Writes it as an executable file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        write_executable(path, &self.bytes())
    }
}

/// Writes a file that may be executed.
///
/// # Errors
/// If it cannot be written.
pub fn write_executable(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::write(path, bytes)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}
