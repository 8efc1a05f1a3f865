//! Bad input: one line that names the file and the remedy, and the exit status env(1) gives. Never a panic, never a hang.
use ir::GuestAddr;
use linux_abi::mm::{AddressSpace, TASK_SIZE};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tests::guest::{ferry_alone, rootfs, run, Outcome};
use tests::tiny_elf::{write_executable, Phdr, TinyElf, BASE, INTERP, LEN, LOAD};

/// A directory of one test's own.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ferry-bad-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary directory");
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        write_executable(&path, bytes).expect("a temporary file");
        path
    }

    fn ferry<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Outcome {
        run(&mut ferry_alone(args).expect("ferry"), &self.0, Duration::from_secs(60)).expect("running ferry")
    }

    /// Runs ferry and expects this status and one line, in which `*` stands for this directory.
    fn refuses<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>, status: i32, line: &str) {
        let got = self.ferry(args);
        let expect = format!("ferry: {}\n", line.replace('*', &self.0.display().to_string()));
        assert_eq!((got.stderr, got.status), (expect, status));
        assert!(got.stdout.is_empty());
    }

    /// The same for a program file.
    fn refuses_file(&self, bytes: &[u8], status: i32, line: &str) {
        let file = self.file("program", bytes);
        self.refuses([&file], status, &format!("*/program: {line}"));
    }

    fn refuses_elf(&self, elf: &TinyElf, line: &str) {
        self.refuses_file(&elf.bytes(), 126, line);
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_good_program_runs() {
    let dir = Dir::new("good");
    let file = dir.file("program", &TinyElf::default().bytes());
    assert_eq!((dir.ferry([&file]).status, dir.ferry([&file]).stderr), (7, String::new()));
    let odd_align = TinyElf::with_load(|ph| ph.align = 3);
    let file = dir.file("program", &odd_align.bytes());
    assert_eq!(dir.ferry([&file]).status, 7, "the kernel passes over an alignment that is no power of two");
    let file = dir.file("program", &TinyElf::with(|elf| elf.machine = 6).bytes());
    assert_eq!(dir.ferry([&file]).status, 7, "EM_486");
}

#[test]
fn other_formats() {
    let dir = Dir::new("formats");
    dir.refuses_file(b"", 126, "the file is empty; copy it again");
    let not_elf = "not an ELF program; ferry runs i386 Linux ELF files and scripts";
    dir.refuses_file(b"hello\n", 126, not_elf);
    dir.refuses_file(b"\x7fEL", 126, not_elf);
    dir.refuses_file(b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0", 126, not_elf);
    let other = |what: &str| format!("this is {what} file; ferry runs i386 (32-bit x86) programs only");
    let elf =
        |class, order, machine| TinyElf::with(|elf| (elf.class, elf.order, elf.machine) = (class, order, machine));
    dir.refuses_elf(&elf(2, 1, 62), &other("a 64-bit little-endian x86_64"));
    dir.refuses_elf(&elf(2, 1, 183), "this is an arm64 program; run it without ferry");
    dir.refuses_elf(&elf(1, 1, 40), &other("a 32-bit little-endian arm"));
    dir.refuses_elf(&elf(1, 1, 62), &other("a 32-bit little-endian x86_64"));
    dir.refuses_elf(&elf(1, 2, 20), &other("a 32-bit big-endian ppc"));
    dir.refuses_elf(&elf(1, 2, 3), &other("a 32-bit big-endian 386"));
    dir.refuses_elf(&TinyElf::with(|elf| elf.kind = 1), "not an executable (ELF type 1); link it into a program first");
    dir.refuses_elf(&TinyElf::with(|elf| elf.kind = 4), "not an executable (ELF type 4); link it into a program first");
}

#[test]
fn truncated_headers() {
    let dir = Dir::new("truncated");
    let bytes = TinyElf::default().bytes();
    let truncated = |what: &str| format!("truncated: {what} ends beyond the end of the file; copy the file again");
    for len in [4, 15, 19, 20, 51] {
        dir.refuses_file(&bytes[..len], 126, &truncated("the ELF header"));
    }
    for len in [52, 53, 83] {
        dir.refuses_file(&bytes[..len], 126, &truncated("the program header table"));
    }
    for len in [84, 256, bytes.len() - 1] {
        dir.refuses_file(&bytes[..len], 126, &truncated("a segment"));
    }
}

#[test]
fn damaged_headers() {
    let dir = Dir::new("damaged");
    let damaged = |what: &str| format!("damaged ELF file: {what}; build or copy the file again");
    let case = |elf: TinyElf, what: &str| dir.refuses_elf(&elf, &damaged(what));
    case(TinyElf::with(|elf| elf.phnum = Some(0)), "0 program headers of 32 bytes");
    case(TinyElf::with(|elf| elf.phentsize = 56), "1 program headers of 56 bytes");
    case(TinyElf::with(|elf| elf.phnum = Some(0xffff)), "65535 program headers of 32 bytes");
    case(TinyElf::with_load(|ph| ph.kind = 4), "nothing to load (no PT_LOAD segment)");
    case(TinyElf::with_load(|ph| ph.memsz = 0x100), "segment at 0x8048000 is larger in the file than in memory");
    case(TinyElf::with_load(|ph| ph.memsz = 0), "segment at 0x8048000 is larger in the file than in memory");
    case(TinyElf::with_load(|ph| ph.vaddr += 4), "segment at 0x8048004 is not congruent with its file offset");
    let beyond = "segment at 0x8048000 ends beyond the 4 GiB address space";
    case(TinyElf::with_load(|ph| ph.memsz = 0xf800_0000), beyond);
    case(TinyElf::with_load(|ph| ph.memsz = u32::MAX), beyond);
    case(TinyElf::with_load(|ph| ph.vaddr = 0xffff_f000), "segment at 0xfffff000 ends beyond the 4 GiB address space");
    case(TinyElf::with_second(|ph| ph.vaddr = BASE + 0x1ff), "segments overlap at 0x80481ff");
    case(TinyElf::with_second(|ph| ph.vaddr = BASE), "segments overlap at 0x8048000");
    case(TinyElf::with_second(|ph| ph.vaddr = BASE - 0x2000), "segments are not in ascending order");
    case(TinyElf::with_interp(b"/lib/ld.so"), "interpreter name does not end where it says");
    case(TinyElf::with_interp(b"/lib\0/ld.so\0"), "interpreter name does not end where it says");
    case(TinyElf::with_interp(b"/lib/\xff\0"), "interpreter name is not text");
    case(TinyElf::with_interp(b"\0"), "interpreter name of 1 bytes");
    let far = TinyElf::with_second(|ph| (ph.offset, ph.filesz, ph.memsz) = (0x10_0000, 0x1000, 0x1000));
    dir.refuses_elf(&far, "truncated: a segment ends beyond the end of the file; copy the file again");
    let interp = Phdr { kind: INTERP, offset: LEN, vaddr: 0, filesz: 8, memsz: 8, flags: 4, align: 1 };
    let far = TinyElf::with(|elf| elf.phdrs.push(interp));
    dir.refuses_elf(&far, "truncated: the interpreter name ends beyond the end of the file; copy the file again");
}

#[test]
fn segments_without_room() {
    let dir = Dir::new("room");
    // So large that the stack has no place.
    let huge = TinyElf::with_second(|ph| ph.memsz = 0xffff_f000 - ph.vaddr);
    let huge = dir.file("program", &huge.bytes());
    let got = dir.ferry([&huge]);
    assert_eq!(got.status, 126);
    assert_eq!(got.stderr.lines().count(), 1, "{got:?}");
    assert!(got.stderr.contains("/program: no room for the stack: ") || got.stderr.contains("/program: cannot map "));
    // Position-independent, with an alignment that together with its length is more than there is.
    let pie = TinyElf::with(|elf| {
        (elf.kind, elf.entry) = (3, 0x100);
        elf.phdrs[0].vaddr = 0;
        (elf.phdrs[0].memsz, elf.phdrs[0].align) = (0xd000_0000, 0x4000_0000);
    });
    let pie = dir.file("program", &pie.bytes());
    let got = dir.ferry([&pie]);
    assert_eq!((got.status, got.stderr.lines().count()), (126, 1), "{got:?}");
    assert!(got.stderr.contains("/program: cannot map "), "{got:?}");
}

#[test]
fn files_that_are_no_programs() {
    let dir = Dir::new("files");
    let at = |name: &str| dir.0.join(name);
    dir.refuses([at("none")], 127, "*/none: no such file; check the path (it is not searched in PATH)");
    dir.refuses([&dir.0], 126, "*: this is a directory, not a program; give the path of a file in it");
    let file = dir.file("plain", &TinyElf::default().bytes());
    dir.refuses([file.join("x")], 126, "*/plain/x: a part of the path is not a directory; check the path");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("chmod");
    dir.refuses([&file], 126, "*/plain: permission denied; make it readable and executable (chmod +rx)");
    let status = std::process::Command::new("mkfifo").arg(at("fifo")).status().expect("mkfifo");
    assert!(status.success());
    let irregular = "not a regular file; give the path of a program";
    dir.refuses([at("fifo")], 126, &format!("*/fifo: {irregular}"));
    dir.refuses(["/dev/null"], 126, &format!("/dev/null: {irregular}"));
    for name in ["a", "b"] {
        std::os::unix::fs::symlink(if name == "a" { "b" } else { "a" }, at(name)).expect("a link");
    }
    let loops = "too many links or scripts lead from one to the other; make them end at a program";
    dir.refuses([at("a")], 126, &format!("*/a: {loops}"));
    dir.refuses([""], 127, ": no such file; check the path (it is not searched in PATH)");
}

#[test]
fn scripts() {
    let dir = Dir::new("scripts");
    let remedy = "is missing; name an i386 tree that has it with --rootfs DIR";
    dir.refuses_file(b"#!/no/such/shell -e\n", 127, &format!("its interpreter /no/such/shell {remedy}"));
    let none = "its first line names no interpreter; write one behind `#!`, such as `#!/bin/sh`";
    dir.refuses_file(b"#!", 126, none);
    dir.refuses_file(b"#!  \necho\n", 126, none);
    dir.refuses_file(&[b"#!/".as_slice(), &[b'x'; 600]].concat(), 126, none);
    let own = format!("#!{}/program\n", dir.0.display());
    let loops = "too many links or scripts lead from one to the other; make them end at a program";
    dir.refuses_file(own.as_bytes(), 126, loops);
}

#[test]
fn interpreters_and_libraries() {
    let dir = Dir::new("interpreters");
    let remedy = "is missing; name an i386 tree that has it with --rootfs DIR";
    let elf = TinyElf::with_interp(b"/no/such/ld.so\0");
    dir.refuses_file(&elf.bytes(), 127, &format!("its interpreter /no/such/ld.so {remedy}"));
    let elf = TinyElf::with_interp(b"/dev/null\0");
    let file = dir.file("program", &elf.bytes());
    dir.refuses([&file], 126, "/dev/null: not a regular file; give the path of a program");

    // A library that is missing is found missing by the guest's own ld.so, in its words.
    let rootfs = rootfs().expect("the i386 tree");
    let source = dir.file("main.c", b"int f(void); int main(void) { return f(); }");
    let library = dir.file("lib.c", b"int f(void) { return 0; }");
    let build = |args: &[&std::ffi::OsStr]| {
        let status = std::process::Command::new("i686-linux-gnu-gcc").args(args).current_dir(&dir.0).status();
        assert!(status.expect("i686-linux-gnu-gcc: run `make setup`").success());
    };
    build(
        &["-shared", "-o", "libgone.so"]
            .map(AsRef::as_ref)
            .into_iter()
            .chain([library.as_os_str()])
            .collect::<Vec<_>>(),
    );
    let words = ["-o", "program", "-L.", "-lgone"].map(AsRef::<std::ffi::OsStr>::as_ref);
    build(&[source.as_os_str()].into_iter().chain(words).collect::<Vec<_>>());
    let got = dir.ferry(["--rootfs".as_ref(), rootfs.as_os_str(), file.as_os_str()]);
    let expect =
        "error while loading shared libraries: libgone.so: cannot open shared object file: No such file or directory";
    assert_eq!((got.status, got.stderr), (127, format!("{}: {expect}\n", file.display())));
}

#[test]
fn command_lines() {
    let dir = Dir::new("command");
    let file = dir.file("program", &TinyElf::default().bytes());
    let help = "see `ferry --help`";
    dir.refuses([] as [&str; 0], 125, &format!("no PROGRAM given; {help}"));
    dir.refuses(["--strace"], 125, &format!("no PROGRAM given; {help}"));
    dir.refuses(["--frobnicate", "x"], 125, &format!("unexpected argument '--frobnicate' found; {help}"));
    dir.refuses(["binfmt"], 125, &format!("an action is missing; {help}"));
    dir.refuses(["--dump=nothing", "x"], 125, &format!("invalid value 'nothing' for '--dump <STAGE>'; {help}"));
    let words = |first: &str| [first.as_bytes(), dir.0.join("none").as_os_str().as_bytes()].concat();
    let rootfs = std::ffi::OsString::from(String::from_utf8(words("--rootfs=")).expect("text"));
    dir.refuses([rootfs.as_os_str(), file.as_os_str()], 125, "--rootfs */none: not a directory; name an i386 tree");
    let rootfs = ["--rootfs".as_ref(), file.as_os_str(), file.as_os_str()];
    dir.refuses(rootfs, 125, "--rootfs */program: not a directory; name an i386 tree");
    let at = ["--dump=ir".as_ref(), "--dump-at=nowhere".as_ref(), file.as_os_str()];
    dir.refuses(at, 125, "--dump-at: */program has no symbol `nowhere`; give an address, such as 0x8049000");
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// A good file with a few bytes of its headers replaced, most often by the values where checks go wrong.
fn mutate(random: &mut Random) -> Vec<u8> {
    let mut bytes = match random.below(4) {
        0 => TinyElf::default(),
        1 => TinyElf::with_second(|ph| ph.memsz = 0x5000),
        2 => TinyElf::with_interp(b"/no/such/ld.so\0"),
        _ => TinyElf::with(|elf| {
            (elf.kind, elf.entry) = (3, 0x100);
            elf.phdrs[0].vaddr = 0;
            elf.phdrs.push(Phdr {
                kind: LOAD,
                offset: 0,
                vaddr: 0x3000,
                filesz: 0x80,
                memsz: 0x1234,
                flags: 6,
                align: 0,
            });
        }),
    }
    .bytes();
    for _ in 0..1 + random.below(3) {
        let edges = [0, 1, 0x1000, 0x7fff_ffff, 0x8000_0000, 0xffff_f000, 0xffff_ffff, random.next() as u32];
        let value = edges[random.below(8) as usize].to_le_bytes();
        let len = [1, 2, 4][random.below(3) as usize];
        // Identification and machine stay, or nothing else would be looked at.
        let at = 20 + random.below(52 + 64 - 20 - 4) as usize;
        bytes[at..at + len].copy_from_slice(&value[..len]);
    }
    if random.below(4) == 0 {
        bytes.truncate(random.below(bytes.len() as u64 + 1) as usize);
    }
    bytes
}

/// Reads and maps a file into this process' low memory; how long it took.
fn load(path: &Path) -> Duration {
    let file = std::fs::File::open(path).expect("just written");
    let mm = AddressSpace::new();
    let start = Instant::now();
    let mapped = loader::load::map_file(&mm, path, &file, loader::load::Role::Program, 0x1234_5678);
    let time = start.elapsed();
    if let Ok(mapped) = mapped {
        assert!(mapped.end() > GuestAddr(0) && !mapped.plan.segments.is_empty());
    }
    let _ = mm.munmap(0x1_0000, TASK_SIZE - 0x1_0000);
    time
}

#[test]
fn any_prefix_and_any_mutation_is_loaded_or_refused() {
    let dir = Dir::new("mutations");
    let seed = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let whole = TinyElf::with_second(|ph| ph.memsz = 0x5000).bytes();
    let mut random = Random(seed);
    let prefixes = (0..whole.len()).map(|len| whole[..len].to_vec());
    let mutations = std::iter::repeat_with(|| mutate(&mut random)).take(5_000);
    for (n, bytes) in prefixes.chain(mutations).enumerate() {
        let path = dir.file("program", &bytes);
        let time = load(&path);
        assert!(time < Duration::from_secs(1), "SEED={seed}: case {n} took {time:?}: {bytes:02x?}");
    }
}

#[test]
fn mutations_run_or_are_refused_in_one_line() {
    let dir = Dir::new("runs");
    let seed = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(2);
    let mut random = Random(seed);
    for n in 0..60 {
        let bytes = mutate(&mut random);
        let path = dir.file("program", &bytes);
        let got = dir.ferry([&path]);
        // Its own exit, a refusal, or a fault of the guest: SIGILL, SIGTRAP, SIGBUS, SIGSEGV.
        let expected = match got.status {
            126 | 127 => got.stderr.lines().count() == 1 && got.stderr.starts_with("ferry: "),
            7 | 132 | 133 | 135 | 139 => !got.stderr.contains("panicked"),
            _ => false,
        };
        assert!(expected, "SEED={seed}: case {n}: {got:?}: {bytes:02x?}");
    }
}
