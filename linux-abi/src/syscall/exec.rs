//! execve(2), execveat(2).
//!
//! What runs next decides how: an i386 executable runs in ferry again, started with the same options; any other (the
//! host's own architecture, another format the host knows) is the host kernel's business; a `#!` script is its interpreter
//! with other arguments, looked up where the guest would (the interpreter may itself be either).
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::fs::{Follow, HostPath};
use crate::host;
use crate::host::call::ptr;
use crate::layout::U32;
use crate::signal::host_handler;
use ir::guest::GuestAddr;
use std::ffi::{CStr, CString};
use std::sync::atomic::Ordering;

/// How execve(2) starts ferry again for an i386 program.
#[derive(Clone, Debug, Default)]
pub struct ExecOptions {
    /// Path of the running ferry on the host.
    pub ferry: CString,
    /// ferry's own options to repeat, one word each (`--rootfs`, its directory, ...).
    pub options: Vec<CString>,
}

impl ExecOptions {
    /// ferry's argument list for running `path` with `argv`: its options, then the program's name for itself, its path, and
    /// its other arguments. `renew`: it is to make inherited files of /proc anew.
    pub fn command(&self, path: &CStr, argv: &[CString], renew: bool) -> Vec<CString> {
        let name = argv.first().map_or(c"", |name| name.as_c_str());
        let words = [c"--argv0", name, c"--", path].map(CStr::to_owned);
        let mut command = vec![self.ferry.clone()];
        command.extend(self.options.iter().cloned());
        command.extend(renew.then(|| c"--renew-proc".to_owned()));
        command.extend(words);
        command.extend(argv.iter().skip(1).cloned());
        command
    }
}

/// Bytes of a file that decide what it is (BINPRM_BUF_SIZE).
pub const HEAD: usize = 256;
/// Longest argument or environment string (MAX_ARG_STRLEN).
const MAX_STRING: usize = 32 * 4096;
/// Most bytes of all strings and pointers together, when the stack limit would allow more.
const MAX_TOTAL: usize = 6 << 20;
/// Scripts whose interpreter is a script, at most.
pub const MAX_DEPTH: usize = 5;

/// What the first bytes of a file say.
#[derive(Debug, PartialEq, Eq)]
pub enum ProgramKind {
    /// ferry runs it.
    I386,
    /// The interpreter and its one argument.
    Script(CString, Option<CString>),
    /// The host kernel knows or refuses it.
    Host,
}

/// What a program file is by its first [`HEAD`] bytes, or as many as it has.
pub fn program_kind(head: &[u8]) -> Result<ProgramKind, Errno> {
    const ELFCLASS32: u8 = 1;
    const EM_386: [u8; 2] = [3, 0];
    const EM_486: [u8; 2] = [6, 0];
    if head.len() >= 20 && head.starts_with(b"\x7fELF") {
        let i386 = head[4] == ELFCLASS32 && (head[18..20] == EM_386 || head[18..20] == EM_486);
        return Ok(if i386 { ProgramKind::I386 } else { ProgramKind::Host });
    }
    match head.strip_prefix(b"#!") {
        Some(line) => script(line, head.len() < HEAD),
        None => Ok(ProgramKind::Host),
    }
}

/// The `#!` line (fs/binfmt_script.c): cut at the buffer's end only if the interpreter's name ends before it.
fn script(text: &[u8], whole: bool) -> Result<ProgramKind, Errno> {
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    let end = text.iter().position(|b| matches!(b, b'\n' | 0));
    let line = &text[..end.unwrap_or(text.len())];
    let start = line.iter().position(|b| !blank(b)).ok_or(Errno::ENOEXEC)?;
    let line = &line[start..line.iter().rposition(|b| !blank(b)).map_or(start, |last| last + 1)];
    let name_end = line.iter().position(blank);
    if end.is_none() && !whole && name_end.is_none() {
        return Err(Errno::ENOEXEC);
    }
    let (name, rest) = line.split_at(name_end.unwrap_or(line.len()));
    let rest = &rest[rest.iter().position(|b| !blank(b)).unwrap_or(rest.len())..];
    let string = |bytes: &[u8]| CString::new(bytes).map_err(|_| Errno::ENOEXEC);
    let argument = if rest.is_empty() { None } else { Some(string(rest)?) };
    Ok(ProgramKind::Script(string(name)?, argument))
}

/// The strings a list of pointers names; NULL is an empty list.
fn strings(cx: &Cx<'_>, at: GuestAddr, total: &mut usize) -> Result<Vec<CString>, Errno> {
    let mut list = Vec::new();
    if at.0 == 0 {
        return Ok(list);
    }
    loop {
        let pointer: U32 = cx.read(at.plus(4 * list.len() as u32))?;
        if pointer.get() == 0 {
            return Ok(list);
        }
        let text = cx.read_cstr(GuestAddr(pointer.get()), MAX_STRING, Errno::E2BIG)?;
        *total += text.as_bytes_with_nul().len() + size_of::<u32>();
        if *total > MAX_TOTAL {
            return Err(Errno::E2BIG);
        }
        list.push(text);
    }
}

/// A file to be executed.
struct Program {
    /// As the guest names it.
    path: CString,
    host: HostPath,
}

impl Program {
    fn resolve(cx: &Cx<'_>, dirfd: i32, path: CString, follow: Follow) -> Result<Self, Errno> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        let host = cx.process.fs.resolve(dirfd, &path, follow)?;
        // After execve /proc/self/exe would be the new ferry.
        let path = match crate::fs::procfs::exe_link(path.to_bytes()) {
            true => path_bytes(&cx.process.fs.program().guest_path).unwrap_or(path),
            false => path,
        };
        Ok(Self { path, host })
    }

    /// The first bytes of the file, which must be a regular one that may be executed.
    fn head(&self) -> Result<Vec<u8>, Errno> {
        let flags = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;
        let (dirfd, path) = (self.host.dirfd, self.host.pointer());
        let executable = host::syscall(libc::SYS_faccessat, args![dirfd, path, libc::X_OK]);
        executable.map_err(|errno| if errno == Errno::EROFS { Errno::EACCES } else { errno })?;
        let fd = host::syscall(libc::SYS_openat, args![dirfd, path, flags])?;
        let result = read_head(fd);
        let _ = host::syscall(libc::SYS_close, args![fd]);
        result
    }
}

fn read_head(fd: u64) -> Result<Vec<u8>, Errno> {
    // S_IFMT and MS_NOEXEC in terms of the host: statx's mode, statfs' flags.
    let mut stat = crate::layout::host64::Statx::default();
    let empty = c"".as_ptr().expose_provenance() as u64;
    let stat_args = args![fd, empty, libc::AT_EMPTY_PATH, libc::STATX_TYPE, host::call::mut_ptr(&mut stat)];
    host::syscall(libc::SYS_statx, stat_args)?;
    let mut fs = crate::layout::host64::Statfs::default();
    host::syscall(libc::SYS_fstatfs, args![fd, host::call::mut_ptr(&mut fs)])?;
    let regular = u32::from(stat.stx_mode.get()) & libc::S_IFMT == libc::S_IFREG;
    #[allow(clippy::unnecessary_cast, reason = "the widths differ between hosts")]
    let no_exec = fs.f_flags.get() as u64 & libc::ST_NOEXEC as u64 != 0;
    if !regular || no_exec {
        return Err(Errno::EACCES);
    }
    let mut head = vec![0u8; HEAD];
    let n = host::syscall(libc::SYS_pread64, args![fd, host::call::mut_ptr(head.as_mut_slice()), HEAD, 0u64])?;
    head.truncate(n as usize);
    Ok(head)
}

fn path_bytes(path: &std::path::Path) -> Option<CString> {
    use std::os::unix::ffi::OsStrExt;
    CString::new(path.as_os_str().as_bytes()).ok().filter(|path| !path.is_empty())
}

/// execve(2).
pub fn execve(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let path = cx.read_path(a.addr(0))?;
    let program = Program::resolve(cx, libc::AT_FDCWD, path, Follow::Yes)?;
    exec(cx, program, a.addr(1), a.addr(2))
}

/// execveat(2).
pub fn execveat(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let (dirfd, flags) = (a.int(0), a.int(4));
    if flags & !(libc::AT_EMPTY_PATH | libc::AT_SYMLINK_NOFOLLOW) != 0 {
        return Err(Errno::EINVAL);
    }
    let path = cx.read_path(a.addr(1))?;
    let program = match path.is_empty() {
        true if flags & libc::AT_EMPTY_PATH != 0 => of_descriptor(cx, dirfd)?,
        true => return Err(Errno::ENOENT),
        false => {
            let relative = dirfd != libc::AT_FDCWD && !path.as_bytes().starts_with(b"/");
            let below = if relative { Some(below(cx, dirfd, &path)?) } else { None };
            let nofollow = flags & libc::AT_SYMLINK_NOFOLLOW != 0;
            let follow = if nofollow { Follow::No } else { Follow::Yes };
            let mut program = Program::resolve(cx, dirfd, path, follow)?;
            if nofollow && is_link(&program.host) {
                return Err(Errno::ELOOP);
            }
            program.path = below.unwrap_or(program.path);
            program
        }
    };
    exec(cx, program, a.addr(2), a.addr(3))
}

fn is_link(path: &HostPath) -> bool {
    let mut byte = [0u8; 1];
    let out = host::call::mut_ptr(&mut byte);
    host::syscall(libc::SYS_readlinkat, args![path.dirfd, path.pointer(), out, 1u64]).is_ok()
}

fn link_of(cx: &Cx<'_>, fd: i32) -> Result<Vec<u8>, Errno> {
    let link = format!("/proc/self/fd/{fd}");
    let host = crate::fs::overlay::read_link_at(libc::AT_FDCWD, link.as_bytes())?;
    Ok(cx.process.fs.to_guest(&host).to_vec())
}

/// The guest's name for `path` below an open directory: ferry, started again, has no such descriptor to start from.
fn below(cx: &Cx<'_>, dirfd: i32, path: &CStr) -> Result<CString, Errno> {
    let mut name = link_of(cx, dirfd).map_err(|_| Errno::EBADF)?;
    name.push(b'/');
    name.extend_from_slice(path.to_bytes());
    CString::new(name).map_err(|_| Errno::ENOENT)
}

/// fexecve(3). The file's name serves if it still is the file's; else the descriptor itself, left open for ferry.
fn of_descriptor(cx: &Cx<'_>, fd: i32) -> Result<Program, Errno> {
    let name = link_of(cx, fd).map_err(|_| Errno::EBADF)?;
    let named = CString::new(name).ok().and_then(|name| Program::resolve(cx, libc::AT_FDCWD, name, Follow::Yes).ok());
    if let Some(program) = named.filter(|program| same_file(&program.host, fd)) {
        return Ok(program);
    }
    host::syscall(libc::SYS_fcntl, args![fd, libc::F_SETFD, 0u64])?;
    let path = CString::new(format!("/proc/self/fd/{fd}")).map_err(|_| Errno::EBADF)?;
    Program::resolve(cx, libc::AT_FDCWD, path, Follow::Yes)
}

fn same_file(path: &HostPath, fd: i32) -> bool {
    let stat = |dirfd: i32, path: u64, flags: i32| {
        let mut stat = crate::layout::host64::Statx::default();
        let out = host::call::mut_ptr(&mut stat);
        let found = host::syscall(libc::SYS_statx, args![dirfd, path, flags, libc::STATX_INO, out]);
        found.ok().map(|_| (stat.stx_dev_major.get(), stat.stx_dev_minor.get(), stat.stx_ino.get()))
    };
    let named = stat(path.dirfd, path.pointer(), 0);
    named.is_some() && named == stat(fd, c"".as_ptr().expose_provenance() as u64, libc::AT_EMPTY_PATH)
}

fn exec(cx: &mut Cx<'_>, mut program: Program, argv_at: GuestAddr, env_at: GuestAddr) -> SysResult {
    // The file is opened before the strings are read.
    let mut head = program.head()?;
    let mut total = 0;
    let mut argv = strings(cx, argv_at, &mut total)?;
    let env = strings(cx, env_at, &mut total)?;
    if argv.is_empty() {
        // As the kernel since 5.18: no program starts without a name.
        argv.push(CString::default());
    }
    for _ in 0..=MAX_DEPTH {
        match program_kind(&head)? {
            ProgramKind::I386 => {
                let renew = cx.process.fs.made_files.load(Ordering::Relaxed);
                let command = cx.process.exec.command(&program.path, &argv, renew);
                return replace(cx, &program, Some(&command), &argv, &env);
            }
            ProgramKind::Host => return replace(cx, &program, None, &argv, &env),
            ProgramKind::Script(interpreter, argument) => {
                let script = std::mem::replace(
                    &mut program,
                    Program::resolve(cx, libc::AT_FDCWD, interpreter.clone(), Follow::Yes)?,
                );
                head = program.head()?;
                argv.splice(..1, [Some(interpreter), argument, Some(script.path)].into_iter().flatten());
            }
        }
    }
    Err(Errno::ELOOP)
}

/// Replaces this process: by ferry with `command`, or by the program itself. Returns only if that fails.
fn replace(
    cx: &mut Cx<'_>,
    program: &Program,
    command: Option<&[CString]>,
    argv: &[CString],
    env: &[CString],
) -> SysResult {
    // The new program inherits the mask, what is ignored, and what is pending: all of that must be in the kernel.
    cx.thread.signals.give_back();
    cx.process.actions.before_exec();
    host_handler::set_exact_mask(cx.thread.signals.mask);
    let (argv, env) = (Pointers::new(argv), Pointers::new(env));
    let host = |path: u64, argv: &Pointers<'_>| {
        host::syscall_interruptible(libc::SYS_execve, args![path, argv.address(), env.address()])
    };
    let errno = match command {
        None => {
            let (dirfd, path) = (program.host.dirfd, program.host.pointer());
            match dirfd {
                libc::AT_FDCWD => host(path, &argv),
                _ => host::syscall_interruptible(
                    libc::SYS_execveat,
                    args![dirfd, path, argv.address(), env.address(), 0u64],
                ),
            }
        }
        Some(command) => {
            let ferry = Pointers::new(command);
            let own = cx.process.exec.ferry.as_c_str();
            let first = host(ptr(own), &ferry);
            match first {
                // Inside a chroot: by the running image, and if /proc is not there, by the host's binfmt_misc.
                Err(Errno::ENOENT | Errno::EACCES | Errno::ENOTDIR) => {
                    host(ptr(c"/proc/self/exe"), &ferry).or_else(|_| host(program.host.pointer(), &argv))
                }
                other => other,
            }
        }
    };
    cx.thread.signals.mask_was_changed();
    cx.process.actions.after_failed_exec();
    errno.map(|_| 0).map_err(|errno| if errno == Errno::ERESTARTSYS { Errno::ERESTARTNOINTR } else { errno })
}

/// A NULL-terminated array of pointers to strings.
struct Pointers<'a> {
    pointers: Vec<u64>,
    _strings: &'a [CString],
}

impl<'a> Pointers<'a> {
    fn new(strings: &'a [CString]) -> Self {
        let pointers = strings.iter().map(|text| text.as_ptr().expose_provenance() as u64).chain([0]).collect();
        Self { pointers, _strings: strings }
    }

    fn address(&self) -> u64 {
        ptr(self.pointers.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_their_first_bytes() {
        let elf = |class: u8, machine: u8| {
            let mut head = vec![0; 64];
            head[..5].copy_from_slice(&[0x7f, b'E', b'L', b'F', class]);
            head[18] = machine;
            program_kind(&head)
        };
        assert_eq!(elf(1, 3), Ok(ProgramKind::I386));
        assert_eq!(elf(2, 183), Ok(ProgramKind::Host));
        assert_eq!(elf(1, 40), Ok(ProgramKind::Host));
        assert_eq!(program_kind(b"echo hello\n"), Ok(ProgramKind::Host));
        assert_eq!(program_kind(b""), Ok(ProgramKind::Host));
    }

    #[test]
    fn script_lines_as_the_kernel_reads_them() {
        let script =
            |name: &CStr, arg: Option<&CStr>| Ok(ProgramKind::Script(name.to_owned(), arg.map(CStr::to_owned)));
        let cases = [
            ("#!/bin/sh\necho", script(c"/bin/sh", None)),
            ("#! /bin/sh -e -x \n", script(c"/bin/sh", Some(c"-e -x"))),
            ("#!\t/usr/bin/env\tpython3", script(c"/usr/bin/env", Some(c"python3"))),
            ("#!\n", Err(Errno::ENOEXEC)),
            ("#!   \n", Err(Errno::ENOEXEC)),
        ];
        for (text, expect) in cases {
            assert_eq!(program_kind(text.as_bytes()), expect, "{text:?}");
        }
        let long = format!("#!/{}", "x".repeat(HEAD));
        assert_eq!(program_kind(&long.as_bytes()[..HEAD]), Err(Errno::ENOEXEC));
        let long = format!("#!/bin/sh {}", "x".repeat(HEAD));
        assert!(matches!(program_kind(&long.as_bytes()[..HEAD]), Ok(ProgramKind::Script(..))));
    }

    #[test]
    fn ferry_is_started_with_its_options_and_the_programs_name() {
        let options = ExecOptions { ferry: c"/bin/ferry".into(), options: vec![c"--rootfs".into(), c"/r".into()] };
        let argv = [c"-bash".to_owned(), c"-c".to_owned(), c"true".to_owned()];
        let command = options.command(c"/bin/bash", &argv, true);
        let words: Vec<_> = command.iter().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(
            words,
            ["/bin/ferry", "--rootfs", "/r", "--renew-proc", "--argv0", "-bash", "--", "/bin/bash", "-c", "true"]
        );
    }
}
