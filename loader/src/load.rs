//! Mapping a program, its interpreter, the vDSO and the stack, as the kernel's binfmt_elf does.
use crate::elf::{self, ElfError, LoadPlan, Rights, Segment};
use crate::vdso;
use ir::guest::{GuestAddr, PAGE_SIZE};
use linux_abi::mm::{flag, AddressSpace, MmapRequest, Prot, VmaName};
use linux_abi::Errno;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// Where the kernel puts position-independent programs (ELF_ET_DYN_BASE of ia32), before randomisation.
const DYN_BASE: u32 = 0x5655_5000;
/// Pages of randomisation of such a program.
const DYN_RANDOM_PAGES: u32 = 0x100;

/// Why a program cannot be started. One line: what, where, what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be opened.
    #[error("{}: {}", path.display(), reason(error))]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file is not what it should be.
    #[error("{}: {error}", path.display())]
    Elf {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: ElfError,
    },
    /// A script that names no interpreter.
    #[error("{}: its first line names no interpreter; write one behind `#!`, such as `#!/bin/sh`", path.display())]
    BadScript {
        /// Which file.
        path: PathBuf,
    },
    /// PT_INTERP or a script's first line names a file that is not there.
    #[error("{}: its interpreter {interp} is missing; name an i386 tree that has it with --rootfs DIR", path.display())]
    NoInterpreter {
        /// The program.
        path: PathBuf,
        /// Its interpreter.
        interp: String,
    },
    /// A segment could not be mapped.
    #[error(
        "{}: cannot map {len:#x} bytes at {addr:#x}: {}; free memory or address space below 4 GiB, or build the program again",
        path.display(), errno.text()
    )]
    Map {
        /// Which file.
        path: PathBuf,
        /// Where.
        addr: u32,
        /// How much.
        len: u32,
        /// Why.
        errno: Errno,
    },
    /// No room beside the program for what every program needs.
    #[error("{}: no room for {what}: {}; the program takes too much of the 4 GiB, or memory is short", path.display(), errno.text())]
    NoRoom {
        /// Which file.
        path: PathBuf,
        /// Stack, vDSO.
        what: &'static str,
        /// Why.
        errno: Errno,
    },
    /// Arguments and environment do not fit the stack.
    #[error("the argument list is too long; shorten it or raise the stack limit (ulimit -s)")]
    TooLong,
}

impl LoadError {
    /// The exit status env(1) and the shells use: 127 not found, 126 found but not executable.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Open { error, .. } if error.kind() == io::ErrorKind::NotFound => 127,
            Self::NoInterpreter { .. } => 127,
            _ => 126,
        }
    }
}

/// Cause and remedy.
fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::ENOENT) => "no such file; check the path (it is not searched in PATH)".into(),
        Some(libc::EACCES | libc::EPERM) => "permission denied; make it readable and executable (chmod +rx)".into(),
        Some(libc::EISDIR) => "this is a directory, not a program; give the path of a file in it".into(),
        Some(libc::ENOTDIR) => "a part of the path is not a directory; check the path".into(),
        Some(libc::ELOOP) => "too many links or scripts lead from one to the other; make them end at a program".into(),
        Some(libc::ENAMETOOLONG) => "the path is too long; use a shorter one".into(),
        Some(errno) => Errno(errno).text().into(),
        None => error.to_string(),
    }
}

/// Opens a program for reading, refusing what execve(2) refuses.
pub fn open_program(path: &Path) -> Result<File, LoadError> {
    let fail = |error| LoadError::Open { path: path.to_path_buf(), error };
    let errno = io::Error::from_raw_os_error;
    let metadata = std::fs::metadata(path).map_err(fail)?;
    if metadata.is_dir() {
        return Err(fail(errno(libc::EISDIR)));
    }
    if !metadata.is_file() {
        return Err(fail(io::Error::other("not a regular file; give the path of a program")));
    }
    if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 == 0 {
        return Err(fail(errno(libc::EACCES)));
    }
    // A FIFO put there meanwhile must not hold ferry up.
    let mut options = File::options();
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    options.read(true).open(path).map_err(fail)
}

/// One mapped ELF file.
#[derive(Clone, Debug)]
pub struct Mapped {
    /// Its headers.
    pub plan: LoadPlan,
    /// Added to its addresses.
    pub bias: u32,
}

impl Mapped {
    /// Its entry point in memory.
    pub fn entry(&self) -> GuestAddr {
        GuestAddr(self.plan.entry.wrapping_add(self.bias))
    }

    /// One past its last byte, rounded up to a page: where the heap may start.
    pub fn end(&self) -> GuestAddr {
        let (_, high) = self.plan.span();
        GuestAddr((high as u32).wrapping_add(self.bias).next_multiple_of(PAGE_SIZE))
    }
}

/// Who a file is mapped as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The program: position-independent ones go to the kernel's fixed area.
    Program,
    /// The interpreter: goes where mmap puts it.
    Interpreter,
}

/// Reads and maps an ELF file. `random` chooses the place of a position-independent program.
pub fn map_file(mm: &AddressSpace, path: &Path, file: &File, role: Role, random: u32) -> Result<Mapped, LoadError> {
    let plan = elf::read(file).map_err(|error| LoadError::Elf { path: path.to_path_buf(), error })?;
    let fail = |addr: u32, len: u32| {
        let path = path.to_path_buf();
        move |errno| LoadError::Map { path, addr, len, errno }
    };
    let bias = if plan.dynamic { place(mm, &plan, role, random, &fail)? } else { 0 };
    for segment in &plan.segments {
        map_segment(mm, file, segment, bias).map_err(fail(segment.vaddr.wrapping_add(bias), segment.mem_len))?;
    }
    Ok(Mapped { plan, bias })
}

/// Reserves the whole span of a position-independent file and returns its bias.
fn place<F: FnOnce(Errno) -> LoadError>(
    mm: &AddressSpace,
    plan: &LoadPlan,
    role: Role,
    random: u32,
    fail: &impl Fn(u32, u32) -> F,
) -> Result<u32, LoadError> {
    let (low, high) = plan.span();
    let span = (high - u64::from(low)).next_multiple_of(u64::from(PAGE_SIZE));
    let slack = if plan.align > PAGE_SIZE { plan.align } else { 0 };
    let hint = match role {
        Role::Program => DYN_BASE + random % DYN_RANDOM_PAGES * PAGE_SIZE,
        Role::Interpreter => 0,
    };
    let whole = u32::try_from(span + u64::from(slack));
    let whole = whole.map_err(|_| fail(hint, span as u32)(Errno::ENOMEM))?;
    let at = mm.mmap(MmapRequest::anonymous(hint, whole, Prot(0))).map_err(fail(hint, whole))?;
    let start = at.0.next_multiple_of(plan.align.max(PAGE_SIZE));
    // What alignment cost is given back; the segments replace the rest.
    let end = start + span as u32;
    let (head, tail) = (start - at.0, at.0 + whole - end);
    if head > 0 {
        mm.munmap(at.0, head).map_err(fail(at.0, head))?;
    }
    if tail > 0 {
        mm.munmap(end, tail).map_err(fail(end, tail))?;
    }
    Ok(start.wrapping_sub(low))
}

fn protection(rights: Rights) -> Prot {
    let bit = |on: bool, bit: i32| if on { bit } else { 0 };
    let read_write = bit(rights.read, libc::PROT_READ) | bit(rights.write, libc::PROT_WRITE);
    Prot((read_write | bit(rights.execute, libc::PROT_EXEC)) as u32)
}

fn map_segment(mm: &AddressSpace, file: &File, segment: &Segment, bias: u32) -> Result<(), Errno> {
    let prot = protection(segment.rights);
    let start = segment.page_start().wrapping_add(bias);
    let lead = segment.vaddr & (PAGE_SIZE - 1);
    let file_end = start + lead + segment.file_len;
    let mem_end = start + lead + segment.mem_len;
    let mut mapped_to = start;
    if segment.file_len > 0 {
        let len = (lead + segment.file_len).next_multiple_of(PAGE_SIZE);
        let (fd, offset) = (file.as_raw_fd(), u64::from(segment.offset - lead));
        mm.mmap(MmapRequest { addr: start, len, prot: prot.0, flags: flag::PRIVATE | flag::FIXED, fd, offset })?;
        mapped_to = start + len;
        // The rest of the last file page is zero to its end, as the kernel leaves it: ld.so allocates from there. Without
        // the right to write there is nothing to clear.
        if segment.mem_len > segment.file_len && segment.rights.write && mapped_to > file_end {
            mm.store(GuestAddr(file_end), &vec![0; (mapped_to - file_end) as usize])?;
        }
    }
    let end = mem_end.next_multiple_of(PAGE_SIZE);
    if end > mapped_to {
        let mut request = MmapRequest::anonymous(mapped_to, end - mapped_to, prot);
        request.flags |= flag::FIXED;
        mm.mmap(request)?;
    }
    Ok(())
}

/// Maps the vDSO; its address.
pub fn map_vdso(mm: &AddressSpace) -> Result<GuestAddr, Errno> {
    let read_write = Prot((libc::PROT_READ | libc::PROT_WRITE) as u32);
    let at = mm.mmap(MmapRequest::anonymous(0, vdso::SIZE, read_write))?;
    mm.store(at, &vdso::image())?;
    mm.mprotect(at.0, vdso::SIZE, (libc::PROT_READ | libc::PROT_EXEC) as u32)?;
    mm.set_name(at, VmaName::Vdso);
    Ok(at)
}
