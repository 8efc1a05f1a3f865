//! Starting a program: from the command line to the first guest instruction.
use crate::auxv::AuxInfo;
use crate::cli::RunArgs;
use crate::load::{self, LoadError, Mapped, Role};
use crate::machine::Machine;
use crate::stack::{self, StartArgs};
use crate::translate::{DumpOptions, Translator};
use crate::vdso;
use anyhow::{Context, Result};
use backend_a64::runtime::{Engine, EngineOptions};
use frontend::RegionPolicy;
use ir::guest::{CpuState, Gpr, GuestRange};
use ir::GuestAddr;
use linux_abi::fs::{Follow, FsContext, Program};
use linux_abi::mm::{AddressSpace, Prot};
use linux_abi::{host, ExecOptions, Executor, Process, SpawnRequest, Thread, VdsoSymbols};
use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What to start, in the guest's terms.
#[derive(Debug)]
pub struct Start {
    /// The program as the guest names it.
    pub path: PathBuf,
    /// Its argv.
    pub argv: Vec<OsString>,
    /// ferry's own options.
    pub options: RunArgs,
}

/// Starts the program on this thread, which becomes the guest's first.
pub fn run(start: Start) -> Result<Infallible> {
    let options = &start.options;
    ir::helper::system::set_entropy(fill_random);
    let rootfs = |dir: &PathBuf| format!("--rootfs {}: not a directory that can be read", dir.display());
    let fs = FsContext::new(options.rootfs.clone())
        .with_context(|| options.rootfs.as_ref().map(rootfs).unwrap_or_default())?;
    let mm = Arc::new(AddressSpace::new());
    let program = find_program(&fs, &start)?;
    let image = Image::map(&mm, &fs, &program)?;
    let args = StartArgs {
        args: program.argv.iter().map(c_string).collect(),
        env: environment(&options.env),
        execfn: c_string(&program.guest_path),
        random: random_bytes(),
    };
    let (state, described) = initial_state(&mm, &image, &args, &program)?;
    fs.set_program(described);

    let dump = DumpOptions { stages: options.dump.clone(), at: options.dump_at.map(GuestAddr) };
    let translator = Translator::new(Arc::clone(&mm), RegionPolicy::default(), dump);
    let watch = Box::new(Arc::clone(&mm));
    let engine = Engine::new(&EngineOptions::default(), Box::new(translator), watch)?;
    let machine = Arc::new(Machine::new(engine, image.vdso, options.stats));
    let mut process = Process::new(mm, Arc::new(fs), machine.clone());
    process.vdso = Some(image.vdso_symbols());
    process.exec = Arc::new(exec_options(options)?);
    process.strace = options.strace;
    let process = Arc::new(process);
    let mut thread = Thread::first();
    thread.enter();
    let mut request = SpawnRequest { process: Arc::clone(&process), thread, state };
    let status = machine.run_thread(&mut request, &mut None);
    machine.report();
    process.exit_first_thread(status)
}

/// The program file, scripts replaced by their interpreters.
struct Found {
    guest_path: PathBuf,
    host_path: PathBuf,
    argv: Vec<OsString>,
    file: std::fs::File,
}

fn host_path(fs: &FsContext, guest: &Path) -> PathBuf {
    let name = c_string(guest);
    fs.resolve(libc::AT_FDCWD, &name, Follow::Yes).map_or_else(|_| guest.to_path_buf(), |found| found.to_path(guest))
}

fn find_program(fs: &FsContext, start: &Start) -> Result<Found, LoadError> {
    const MAX_SCRIPTS: usize = 5;
    let mut guest_path = start.path.clone();
    let mut argv = start.argv.clone();
    for _ in 0..MAX_SCRIPTS {
        let host = host_path(fs, &guest_path);
        let file = load::open_program(&host)?;
        let Some((interpreter, argument)) = script_line(&file) else {
            return Ok(Found { guest_path, host_path: host, argv, file });
        };
        // Linux: interpreter, its one argument, the script's path, the other arguments.
        let mut new = vec![interpreter.clone().into_os_string()];
        new.extend(argument);
        new.push(guest_path.into_os_string());
        new.extend(argv.into_iter().skip(1));
        (guest_path, argv) = (interpreter, new);
    }
    let error = std::io::Error::from_raw_os_error(libc::ELOOP);
    Err(LoadError::Open { path: start.path.clone(), error })
}

/// Interpreter and argument of a `#!` line.
fn script_line(file: &std::fs::File) -> Option<(PathBuf, Option<OsString>)> {
    use std::os::unix::fs::FileExt;
    let mut bytes = [0u8; 256];
    let n = file.read_at(&mut bytes, 0).ok()?;
    let line = bytes[..n].strip_prefix(b"#!")?.split(|&b| b == b'\n').next()?;
    let line = line.trim_ascii();
    let end = line.iter().position(|b| matches!(b, b' ' | b'\t')).unwrap_or(line.len());
    let (name, argument) = (&line[..end], line[end..].trim_ascii());
    let argument = (!argument.is_empty()).then(|| OsStr::from_bytes(argument).to_owned());
    (!name.is_empty()).then(|| (PathBuf::from(OsStr::from_bytes(name)), argument))
}

fn c_string(text: impl AsRef<OsStr>) -> CString {
    // Arguments come from argv and the environment, paths from script lines: none can hold a zero but the last.
    let bytes = text.as_ref().as_bytes();
    CString::new(bytes.split(|&b| b == 0).next().unwrap_or_default()).unwrap_or_default()
}

/// ferry's environment with `--env` applied: a later setting replaces an earlier one.
fn environment(changes: &[OsString]) -> Vec<CString> {
    let name = |entry: &[u8]| entry.split(|&b| b == b'=').next().unwrap_or_default().to_vec();
    let mut env: Vec<Vec<u8>> =
        std::env::vars_os().map(|(key, value)| [key.into_vec(), value.into_vec()].join(&b'=')).collect();
    for change in changes {
        let change = change.as_bytes();
        env.retain(|entry| name(entry) != name(change));
        if change.contains(&b'=') {
            env.push(change.to_vec());
        }
    }
    env.into_iter().filter_map(|entry| CString::new(entry).ok()).collect()
}

fn random_bytes() -> [u8; 16] {
    let mut bytes = [0u8; 16];
    // An early boot without entropy gives zeros rather than a program that does not start.
    fill_random(&mut bytes);
    bytes
}

/// Random bytes of the host's; whether there were any.
fn fill_random(bytes: &mut [u8]) -> bool {
    let pointer = bytes.as_mut_ptr().expose_provenance() as u64;
    let (len, nonblock) = (bytes.len() as u64, u64::from(libc::GRND_NONBLOCK));
    host::syscall(libc::SYS_getrandom, [pointer, len, nonblock, 0, 0, 0]).is_ok_and(|got| got as u64 == len)
}

/// Everything mapped before the program runs.
struct Image {
    program: Mapped,
    interpreter: Option<Mapped>,
    vdso: GuestAddr,
    stack_top: GuestAddr,
}

impl Image {
    fn map(mm: &AddressSpace, fs: &FsContext, found: &Found) -> Result<Self> {
        let random = u32::from_le_bytes(random_bytes()[..4].try_into().expect("four bytes"));
        let program = load::map_file(mm, &found.host_path, &found.file, Role::Program, random)?;
        mm.set_read_implies_exec(program.plan.exec_stack);
        let execute = if program.plan.exec_stack { libc::PROT_EXEC } else { 0 };
        let prot = Prot((libc::PROT_READ | libc::PROT_WRITE | execute) as u32);
        let stack =
            mm.map_stack(prot).map_err(|errno| std::io::Error::from_raw_os_error(errno.0)).context("the stack")?;
        let interpreter = match &program.plan.interp {
            Some(interp) => Some(Self::map_interpreter(mm, fs, found, interp)?),
            None => None,
        };
        let vdso =
            load::map_vdso(mm).map_err(|errno| std::io::Error::from_raw_os_error(errno.0)).context("the vDSO")?;
        mm.set_brk_start(program.end());
        Ok(Self { program, interpreter, vdso, stack_top: GuestAddr(stack.end()) })
    }

    fn map_interpreter(mm: &AddressSpace, fs: &FsContext, found: &Found, interp: &str) -> Result<Mapped, LoadError> {
        let path = host_path(fs, Path::new(interp));
        let missing = || LoadError::NoInterpreter { path: found.guest_path.clone(), interp: interp.into() };
        let file = load::open_program(&path).map_err(|error| match error {
            LoadError::Open { error, .. } if error.kind() == std::io::ErrorKind::NotFound => missing(),
            other => other,
        })?;
        load::map_file(mm, &path, &file, Role::Interpreter, 0)
    }

    fn vdso_symbols(&self) -> VdsoSymbols {
        VdsoSymbols {
            sysenter_return: self.vdso.plus(vdso::SYSENTER_RETURN),
            sigreturn: self.vdso.plus(vdso::SIGRETURN),
            rt_sigreturn: self.vdso.plus(vdso::RT_SIGRETURN),
        }
    }
}

/// Registers at the entry point, and what /proc/self tells about the program.
fn initial_state(mm: &AddressSpace, image: &Image, args: &StartArgs, found: &Found) -> Result<(CpuState, Program)> {
    if stack::size(args) > 16 << 20 {
        return Err(LoadError::TooLong.into());
    }
    let ids = [libc::AT_UID, libc::AT_EUID, libc::AT_GID, libc::AT_EGID].map(|kind| host::startup::auxval(kind) as u32);
    let secure = host::startup::auxval(libc::AT_SECURE) != 0;
    let base = image.interpreter.as_ref().map_or(0, |mapped| mapped.bias);
    let vdso = (image.vdso.plus(vdso::VSYSCALL).0, image.vdso.0);
    let aux = AuxInfo::new(&image.program.plan, image.program.bias, base, vdso, ids, secure);
    let built = stack::build(&mut &*mm, image.stack_top, args, &aux).map_err(|_| LoadError::TooLong)?;
    let mut state = CpuState::default();
    state.set(Gpr::Esp, built.esp.0);
    state.eip = image.interpreter.as_ref().unwrap_or(&image.program).entry().0;
    let auxv_len = image.stack_top.0 - built.auxv.0;
    let mut auxv = vec![0; auxv_len as usize & !7];
    mm.load(built.auxv, &mut auxv).map_err(|_| LoadError::TooLong)?;
    let end = auxv.chunks_exact(8).position(|pair| pair[..4] == [0; 4]).map_or(0, |i| 8 * (i + 1));
    auxv.truncate(end);
    let range = |(from, to): (GuestAddr, GuestAddr)| GuestRange::new(from, u64::from(to.0 - from.0));
    let described = Program {
        guest_path: std::path::absolute(&found.guest_path).unwrap_or_else(|_| found.guest_path.clone()),
        host_path: std::fs::canonicalize(&found.host_path).unwrap_or_else(|_| found.host_path.clone()),
        args: range(built.args),
        env: range(built.env),
        auxv,
    };
    Ok((state, described))
}

/// How execve(2) starts ferry again: by its own path, with the options that programs inherit.
fn exec_options(options: &RunArgs) -> Result<ExecOptions> {
    let mut words = Vec::new();
    if let Some(dir) = &options.rootfs {
        let dir = std::fs::canonicalize(dir).with_context(|| format!("--rootfs {}", dir.display()))?;
        words.extend([c"--rootfs".to_owned(), c_string(dir)]);
    }
    if options.strace {
        words.push(c"--strace".to_owned());
    }
    let ferry = std::env::current_exe().map(c_string).unwrap_or_default();
    Ok(ExecOptions { ferry, options: words })
}
