//! Starting a program: from the command line to the first guest instruction.
use crate::auxv::AuxInfo;
use crate::cli::{DumpAt, RunArgs};
use crate::load::{self, LoadError, Mapped, Role};
use crate::machine::Machine;
use crate::program::{self, c_string, Found};
use crate::stack::{self, StartArgs};
use crate::symbols;
use crate::translate::{DumpOptions, GsLimit, Translator};
use crate::vdso;
use anyhow::{ensure, Context, Result};
use backend_a64::runtime::{Engine, EngineOptions};
use frontend::RegionPolicy;
use ir::guest::{CpuState, Gpr, GuestRange, PAGE_SIZE};
use ir::GuestAddr;
use linux_abi::fs::{FsContext, Program};
use linux_abi::mm::{AddressSpace, Prot};
use linux_abi::{host, ExecOptions, Executor, Process, SpawnRequest, Thread, VdsoSymbols};
use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
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
    /// Whether the kernel called ferry as the handler of the program.
    pub by_kernel: bool,
}

/// Starts the program on this thread, which becomes the guest's first.
pub fn run(start: Start) -> Result<Infallible> {
    let (machine, mut request) = load(&start)?;
    let process = Arc::clone(&request.process);
    let status = machine.run_thread(&mut request, &mut None);
    machine.report();
    process.exit_first_thread(status)
}

/// Everything up to the first instruction. On return all files are closed: the guest must not find ferry's descriptors.
fn load(start: &Start) -> Result<(Arc<Machine>, SpawnRequest)> {
    let options = &start.options;
    ir::helper::system::set_entropy(fill_random);
    require_page_size()?;
    let fs = open_rootfs(options.rootfs.as_deref())?;
    let mm = Arc::new(AddressSpace::new());
    let opened = start.by_kernel.then(|| program::opened(&start.path, &start.argv)).flatten();
    let program = opened.map_or_else(|| program::find(&fs, &start.path, &start.argv), Ok)?;
    let image = Image::map(&mm, &fs, &program)?;
    let args = StartArgs {
        args: program.argv.iter().map(c_string).collect(),
        env: program::environment(&options.env),
        execfn: c_string(&program.guest_path),
        random: random_bytes(),
    };
    let (state, described) = initial_state(&mm, &fs, &image, &args, &program)?;
    fs.set_program(described);
    host::startup::set_thread_name(&c_string(start.path.file_name().unwrap_or_default()));

    let at = options.dump_at.as_ref().map(|at| image.find(at, &program)).transpose()?;
    let gs = Arc::<GsLimit>::default();
    let dump = DumpOptions { stages: options.dump.clone(), at };
    let engine_options = EngineOptions {
        translate_after: options.translate_after,
        observer: dump.observer(),
        ..EngineOptions::default()
    };
    let translator = Translator::new(Arc::clone(&mm), RegionPolicy::default(), dump, Arc::clone(&gs));
    let watch = Box::new(Arc::clone(&mm));
    let engine = Engine::new(&engine_options, Box::new(translator), watch)?;
    let machine = Arc::new(Machine::new(engine, image.vdso, gs, options.stats));
    let mut process = Process::new(mm, Arc::new(fs), machine.clone());
    process.vdso = Some(image.vdso_symbols());
    process.exec = Arc::new(exec_options(options)?);
    process.strace = options.strace;
    let process = Arc::new(process);
    host::startup::close_standard_files();
    if options.renew_proc {
        linux_abi::fs::procfs::renew_inherited(&process);
    }
    let mut thread = Thread::first();
    thread.enter();
    Ok((machine, SpawnRequest { process, thread, state }))
}

/// Guest pages are host pages so far.
fn require_page_size() -> Result<()> {
    let size = host::startup::auxval(libc::AT_PAGESZ);
    ensure!(size == u64::from(PAGE_SIZE), "this kernel's pages have {size} bytes; ferry needs a kernel with 4096");
    Ok(())
}

fn open_rootfs(dir: Option<&Path>) -> Result<FsContext> {
    let Some(dir) = dir else { return Ok(FsContext::default()) };
    ensure!(dir.is_dir(), "--rootfs {}: not a directory; name an i386 tree", dir.display());
    FsContext::new(Some(dir.into())).with_context(|| format!("--rootfs {}: cannot be read", dir.display()))
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
    host::syscall(libc::SYS_getrandom, [pointer, len, nonblock, 0, 0, 0]).is_ok_and(|got| got == len)
}

/// Everything mapped before the program runs.
struct Image {
    program: Mapped,
    interpreter: Option<(Mapped, std::fs::File)>,
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
        let no_room = |what| move |errno| LoadError::NoRoom { path: found.guest_path.clone(), what, errno };
        let stack = mm.map_stack(prot).map_err(no_room("the stack"))?;
        let interpreter = match &program.plan.interp {
            Some(interp) => Some(Self::map_interpreter(mm, fs, found, interp)?),
            None => None,
        };
        let vdso = load::map_vdso(mm).map_err(no_room("the vDSO"))?;
        mm.set_brk_start(program.end());
        Ok(Self { program, interpreter, vdso, stack_top: GuestAddr(stack.end()) })
    }

    fn map_interpreter(
        mm: &AddressSpace,
        fs: &FsContext,
        found: &Found,
        interp: &str,
    ) -> Result<(Mapped, std::fs::File), LoadError> {
        let path = program::host_path(fs, Path::new(interp));
        let missing = || LoadError::NoInterpreter { path: found.guest_path.clone(), interp: interp.into() };
        let file = load::open_program(&path).map_err(|error| match error {
            LoadError::Open { error, .. } if error.kind() == std::io::ErrorKind::NotFound => missing(),
            other => other,
        })?;
        Ok((load::map_file(mm, &path, &file, Role::Interpreter, 0)?, file))
    }

    /// The guest addresses that `--dump-at` means: those of a function of the program or of its interpreter, or the one given.
    fn find(&self, at: &DumpAt, found: &Found) -> Result<GuestRange> {
        let name = match at {
            DumpAt::Address(addr) => return Ok(GuestRange::new(GuestAddr(*addr), 1)),
            DumpAt::Name(name) => name,
        };
        let files =
            [Some((&self.program, &found.file)), self.interpreter.as_ref().map(|(mapped, file)| (mapped, file))];
        let symbol = |(mapped, file): (&Mapped, _)| {
            let (value, size) = symbols::find(file, name)?;
            Some(GuestRange::new(GuestAddr(value.wrapping_add(mapped.bias)), u64::from(size.max(1))))
        };
        files.into_iter().flatten().find_map(symbol).with_context(|| {
            format!(
                "--dump-at: {} has no symbol `{name}`; give an address, such as 0x8049000",
                found.guest_path.display()
            )
        })
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
fn initial_state(
    mm: &AddressSpace,
    fs: &FsContext,
    image: &Image,
    args: &StartArgs,
    found: &Found,
) -> Result<(CpuState, Program)> {
    if stack::size(args) > 16 << 20 {
        return Err(LoadError::TooLong.into());
    }
    let ids = [libc::AT_UID, libc::AT_EUID, libc::AT_GID, libc::AT_EGID].map(|kind| host::startup::auxval(kind) as u32);
    let secure = host::startup::auxval(libc::AT_SECURE) != 0;
    let base = image.interpreter.as_ref().map_or(0, |(mapped, _)| mapped.bias);
    let vdso = (image.vdso.plus(vdso::VSYSCALL).0, image.vdso.0);
    let aux = AuxInfo::new(&image.program.plan, image.program.bias, base, vdso, ids, secure);
    let built = stack::build(&mut &*mm, image.stack_top, args, &aux).map_err(|_| LoadError::TooLong)?;
    let mut state = CpuState::default();
    state.set(Gpr::Esp, built.esp.0);
    state.eip = image.interpreter.as_ref().map_or(&image.program, |(mapped, _)| mapped).entry().0;
    let auxv_len = image.stack_top.0 - built.auxv.0;
    let mut auxv = vec![0; auxv_len as usize & !7];
    mm.load(built.auxv, &mut auxv).map_err(|_| LoadError::TooLong)?;
    let end = auxv.chunks_exact(8).position(|pair| pair[..4] == [0; 4]).map_or(0, |i| 8 * (i + 1));
    auxv.truncate(end);
    let range = |(from, to): (GuestAddr, GuestAddr)| GuestRange::new(from, u64::from(to.0 - from.0));
    // As /proc/self/exe has it: no symbolic links. Programs look for their libraries from there ($ORIGIN).
    let host_path = std::fs::canonicalize(&found.host_path);
    let guest_path = match &host_path {
        Ok(path) => PathBuf::from(OsStr::from_bytes(fs.to_guest(path.as_os_str().as_bytes()))),
        Err(_) => std::path::absolute(&found.guest_path).unwrap_or_else(|_| found.guest_path.clone()),
    };
    let described = Program {
        guest_path,
        host_path: host_path.unwrap_or_else(|_| found.host_path.clone()),
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
    let after = c_string(options.translate_after.to_string());
    words.extend([c"--translate-after".to_owned(), after]);
    let ferry = std::env::current_exe().map(c_string).unwrap_or_default();
    Ok(ExecOptions { ferry, options: words })
}
