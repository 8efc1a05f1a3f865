//! Reading an i386 ELF file: what the kernel's binfmt_elf would accept, as a plan of mappings.
//!
//! Only header fields are parsed (System V ABI, chapter 4; i386 supplement); nothing is mapped here.
use goblin::elf32::header::{Header, EM_386, EM_AARCH64, ET_DYN, ET_EXEC, SIZEOF_EHDR};
use goblin::elf32::program_header::{
    ProgramHeader, PF_R, PF_W, PF_X, PT_GNU_STACK, PT_INTERP, PT_LOAD, PT_PHDR, SIZEOF_PHDR,
};
use ir::guest::PAGE_SIZE;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The 486's own number, before it shared that of the 386 (EM_IAMCU today).
const EM_486: u16 = 6;
/// Most program headers accepted: the kernel's limit is one 64 KiB buffer.
const MAX_PHDRS: usize = 65536 / SIZEOF_PHDR;
/// Longest interpreter path, with its final zero.
const PATH_MAX: u32 = 4096;

/// What is wrong with a file. The text is the middle of an error line: `ferry: FILE: <this>`.
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// Reading failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Nothing in it.
    #[error("the file is empty; copy it again")]
    Empty,
    /// No ELF magic number.
    #[error("not an ELF program; ferry runs i386 Linux ELF files and scripts")]
    NotElf,
    /// Another class, byte order or machine.
    #[error("this is {0}; ferry runs i386 (32-bit x86) programs only")]
    WrongMachine(String),
    /// A program of the machine ferry itself is for.
    #[error("this is an arm64 program; run it without ferry")]
    Native,
    /// Relocatable object, core file, ...
    #[error("not an executable (ELF type {0}); link it into a program first")]
    NotExecutable(u16),
    /// The file ends before what a header promises.
    #[error("truncated: {0} ends beyond the end of the file; copy the file again")]
    Truncated(&'static str),
    /// A header contradicts itself or another.
    #[error("damaged ELF file: {0}; build or copy the file again")]
    Damaged(String),
}

/// Access rights of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Readable.
    pub read: bool,
    /// Writable.
    pub write: bool,
    /// Executable.
    pub execute: bool,
}

/// One PT_LOAD: addresses are relative to the load bias for a position-independent file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First byte in memory.
    pub vaddr: u32,
    /// Bytes in memory; what is past `file_len` is zero.
    pub mem_len: u32,
    /// Where its bytes are in the file.
    pub offset: u32,
    /// Bytes in the file.
    pub file_len: u32,
    /// Rights.
    pub rights: Rights,
}

impl Segment {
    /// Start of its first page.
    pub fn page_start(&self) -> u32 {
        self.vaddr & !(PAGE_SIZE - 1)
    }

    /// One past its last byte in memory, as 64 bits because it may be 4 GiB.
    pub fn end(&self) -> u64 {
        u64::from(self.vaddr) + u64::from(self.mem_len)
    }
}

/// What to do to load a program or an interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadPlan {
    /// Whether the file is position-independent (ET_DYN).
    pub dynamic: bool,
    /// Entry point, before the bias.
    pub entry: u32,
    /// Address of the program headers in memory, before the bias; 0 if no segment holds them.
    pub phdr: u32,
    /// Number of program headers.
    pub phnum: u16,
    /// PT_LOADs, ascending.
    pub segments: Vec<Segment>,
    /// PT_INTERP.
    pub interp: Option<String>,
    /// Whether PT_GNU_STACK asks for an executable stack; a file without one gets it too, as on Linux.
    pub exec_stack: bool,
    /// Largest alignment any PT_LOAD asks for, at least a page.
    pub align: u32,
}

impl LoadPlan {
    /// Lowest page and one past the highest byte of all segments.
    pub fn span(&self) -> (u32, u64) {
        let low = self.segments.first().map_or(0, Segment::page_start);
        let high = self.segments.iter().map(Segment::end).max().unwrap_or(0);
        (low, high)
    }
}

/// Reads the headers of `file`.
pub fn read(file: &File) -> Result<LoadPlan, ElfError> {
    let file_len = file.metadata()?.len();
    let header = read_header(file)?;
    let phdrs = read_program_headers(file, &header, file_len)?;
    let mut segments = Vec::new();
    let mut interp = None;
    let mut exec_stack = true;
    let mut align = PAGE_SIZE;
    for ph in &phdrs {
        match ph.p_type {
            PT_LOAD => {
                if let Some(segment) = segment(ph, file_len)? {
                    segments.push(segment);
                }
                align = align.max(usable_align(ph.p_align));
            }
            PT_INTERP if interp.is_none() => interp = Some(read_interp(file, ph, file_len)?),
            PT_GNU_STACK => exec_stack = ph.p_flags & PF_X != 0,
            _ => {}
        }
    }
    check_layout(&segments)?;
    let phdr = phdr_address(&header, &phdrs, &segments);
    let dynamic = header.e_type == ET_DYN;
    Ok(LoadPlan { dynamic, entry: header.e_entry, phdr, phnum: header.e_phnum, segments, interp, exec_stack, align })
}

fn read_header(file: &File) -> Result<Header, ElfError> {
    let mut bytes = [0u8; SIZEOF_EHDR];
    let got = read_up_to(file, &mut bytes)?;
    if got == 0 {
        return Err(ElfError::Empty);
    }
    if got < 4 || bytes[..4] != *b"\x7fELF" {
        return Err(ElfError::NotElf);
    }
    // Class and machine are said first: a 64-bit header read as a 32-bit one says nothing true.
    if got >= 20 && (bytes[4] != 1 || bytes[5] != 1) {
        return Err(match bytes[4..6] == [2, 1] && bytes[18..20] == EM_AARCH64.to_le_bytes() {
            true => ElfError::Native,
            false => ElfError::WrongMachine(describe(&bytes)),
        });
    }
    if got < SIZEOF_EHDR {
        return Err(ElfError::Truncated("the ELF header"));
    }
    let header = *Header::from_bytes(&bytes);
    // As the kernel's elf_check_arch.
    if header.e_machine != EM_386 && header.e_machine != EM_486 {
        return Err(ElfError::WrongMachine(describe(&bytes)));
    }
    if header.e_type != ET_EXEC && header.e_type != ET_DYN {
        return Err(ElfError::NotExecutable(header.e_type));
    }
    Ok(header)
}

fn describe(ident: &[u8]) -> String {
    let class = match ident[4] {
        1 => "a 32-bit",
        2 => "a 64-bit",
        _ => "an ELF file of unknown class,",
    };
    let order = ident[5];
    let machine = if order == 2 {
        u16::from_be_bytes([ident[18], ident[19]])
    } else {
        u16::from_le_bytes([ident[18], ident[19]])
    };
    let name = goblin::elf::header::machine_to_str(machine).trim_start_matches("EM_").to_lowercase();
    format!("{class} {}-endian {name} file", if order == 2 { "big" } else { "little" })
}

fn read_up_to(file: &File, buf: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buf.len() {
        match file.read_at(&mut buf[got..], got as u64)? {
            0 => break,
            n => got += n,
        }
    }
    Ok(got)
}

fn read_program_headers(file: &File, header: &Header, file_len: u64) -> Result<Vec<ProgramHeader>, ElfError> {
    let count = usize::from(header.e_phnum);
    if usize::from(header.e_phentsize) != SIZEOF_PHDR || count == 0 || count > MAX_PHDRS {
        return Err(ElfError::Damaged(format!("{count} program headers of {} bytes", header.e_phentsize)));
    }
    let len = count * SIZEOF_PHDR;
    if u64::from(header.e_phoff) + len as u64 > file_len {
        return Err(ElfError::Truncated("the program header table"));
    }
    let mut bytes = vec![0u8; len];
    file.read_exact_at(&mut bytes, u64::from(header.e_phoff))?;
    Ok(ProgramHeader::from_bytes(&bytes, count))
}

fn segment(ph: &ProgramHeader, file_len: u64) -> Result<Option<Segment>, ElfError> {
    if ph.p_filesz > ph.p_memsz {
        return Err(ElfError::Damaged(format!("segment at {:#x} is larger in the file than in memory", ph.p_vaddr)));
    }
    if ph.p_memsz == 0 {
        return Ok(None);
    }
    if (ph.p_vaddr ^ ph.p_offset) & (PAGE_SIZE - 1) != 0 && ph.p_filesz != 0 {
        return Err(ElfError::Damaged(format!("segment at {:#x} is not congruent with its file offset", ph.p_vaddr)));
    }
    if u64::from(ph.p_vaddr) + u64::from(ph.p_memsz) > (1 << 32) - u64::from(PAGE_SIZE) {
        return Err(ElfError::Damaged(format!("segment at {:#x} ends beyond the 4 GiB address space", ph.p_vaddr)));
    }
    if u64::from(ph.p_offset) + u64::from(ph.p_filesz) > file_len {
        return Err(ElfError::Truncated("a segment"));
    }
    let rights =
        Rights { read: ph.p_flags & PF_R != 0, write: ph.p_flags & PF_W != 0, execute: ph.p_flags & PF_X != 0 };
    let (vaddr, mem_len, offset, file_len) = (ph.p_vaddr, ph.p_memsz, ph.p_offset, ph.p_filesz);
    Ok(Some(Segment { vaddr, mem_len, offset, file_len, rights }))
}

/// As the kernel does, an alignment that is no power of two is passed over; so is one that would leave no room.
fn usable_align(align: u32) -> u32 {
    if align.is_power_of_two() && align <= 1 << 30 {
        align
    } else {
        PAGE_SIZE
    }
}

fn check_layout(segments: &[Segment]) -> Result<(), ElfError> {
    if segments.is_empty() {
        return Err(ElfError::Damaged("nothing to load (no PT_LOAD segment)".into()));
    }
    for pair in segments.windows(2) {
        if pair[1].vaddr < pair[0].vaddr {
            return Err(ElfError::Damaged("segments are not in ascending order".into()));
        }
        if pair[0].end() > u64::from(pair[1].vaddr) {
            return Err(ElfError::Damaged(format!("segments overlap at {:#x}", pair[1].vaddr)));
        }
    }
    Ok(())
}

fn read_interp(file: &File, ph: &ProgramHeader, file_len: u64) -> Result<String, ElfError> {
    if !(2..=PATH_MAX).contains(&ph.p_filesz) {
        return Err(ElfError::Damaged(format!("interpreter name of {} bytes", ph.p_filesz)));
    }
    if u64::from(ph.p_offset) + u64::from(ph.p_filesz) > file_len {
        return Err(ElfError::Truncated("the interpreter name"));
    }
    let mut bytes = vec![0u8; ph.p_filesz as usize];
    file.read_exact_at(&mut bytes, u64::from(ph.p_offset))?;
    if bytes.pop() != Some(0) || bytes.contains(&0) {
        return Err(ElfError::Damaged("interpreter name does not end where it says".into()));
    }
    String::from_utf8(bytes).map_err(|_| ElfError::Damaged("interpreter name is not text".into()))
}

fn phdr_address(header: &Header, phdrs: &[ProgramHeader], segments: &[Segment]) -> u32 {
    if let Some(ph) = phdrs.iter().find(|ph| ph.p_type == PT_PHDR) {
        return ph.p_vaddr;
    }
    let off = header.e_phoff;
    let holder = segments.iter().find(|s| s.offset <= off && off - s.offset < s.file_len);
    holder.map_or(0, |s| s.vaddr.wrapping_add(off - s.offset))
}
