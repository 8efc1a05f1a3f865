//! Executed instructions of the benchmark programs of `tests/bench`, counted by a TCG plugin (`tools/insncount.c`).
//!
//! Per program: x86 instructions executed natively (qemu-i386 with the plugin), AArch64 instructions of the native
//! arm64 build, and of ferry running the i386 build, in translated code and in total. Counts are repeatable; wall time
//! plays no part.
//!
//! And from start to exit, programs that do next to nothing: what they cost is translation.
use crate::guest::{ferry, root, rootfs};
use anyhow::{bail, ensure, Context, Result};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Integer programs: what the target figures are about.
pub const INTEGER: [&str; 10] = ["sieve", "crypt", "qsort", "imat", "vm", "hash", "rec", "strops", "vcall", "u64"];
/// Floating-point programs, built for x87 and for SSE2.
pub const FLOAT: [&str; 3] = ["nbody", "mandel", "fft"];
/// Others: two threads with locks, system calls.
pub const OTHER: [&str; 2] = ["mt", "sys"];

/// Programs of the i386 tree that do next to nothing, with their arguments and what they print.
pub const STARTUP: [(&[&str], &str); 6] = [
    (&["/bin/busybox", "true"], ""),
    (&["/bin/true"], ""),
    (&["/bin/bash", "-c", ":"], ""),
    (&["/usr/bin/perl", "-e", "1"], ""),
    (&["/usr/bin/python3", "-S", "-c", "print(1)"], "1\n"),
    (&["/usr/bin/sqlite3", ":memory:", "select 1"], "1\n"),
];

/// Most instructions that `busybox true` may take from start to exit.
pub const BUSYBOX_LIMIT: u64 = 10_000_000;

/// What ferry is run under.
const EMULATOR: [&str; 5] = ["qemu-aarch64", "-cpu", "max", "-R", "0x8000000000"];

/// A way to build the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// Native arm64, static.
    Arm64,
    /// i686 with x87 arithmetic, static: Debian's baseline.
    X87,
    /// Pentium 4 with SSE2 arithmetic, static.
    Sse,
}

impl Build {
    fn folder(self) -> &'static str {
        match self {
            Self::Arm64 => "a64",
            Self::X87 => "x87",
            Self::Sse => "sse",
        }
    }

    fn compiler(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Arm64 => ("aarch64-linux-gnu-gcc", &[]),
            Self::X87 => ("i686-linux-gnu-gcc", &["-march=i686", "-mfpmath=387"]),
            Self::Sse => ("i686-linux-gnu-gcc", &["-march=pentium4", "-msse2", "-mfpmath=sse"]),
        }
    }

    /// The built program, compiling it if its source is newer.
    pub fn program(self, name: &str) -> Result<PathBuf> {
        let source = root().join("tests/bench").join(format!("{name}.c"));
        let folder = root().join(".work/bench").join(self.folder());
        let out = folder.join(name);
        if !newer(&out, &source) {
            fs::create_dir_all(&folder)?;
            let (compiler, options) = self.compiler();
            let mut command = Command::new(compiler);
            command.args(["-O2", "-fno-builtin-strlen", "-fno-strict-aliasing", "-static"]).args(options);
            command.arg("-o").arg(&out).arg(&source).args(["-lm", "-lpthread"]);
            let status = command.status().with_context(|| format!("{compiler} is missing: run `make setup`"))?;
            ensure!(status.success(), "{compiler} could not build {}", source.display());
        }
        Ok(out)
    }
}

fn newer(out: &Path, source: &Path) -> bool {
    let time = |p: &Path| fs::metadata(p).and_then(|m| m.modified());
    matches!((time(out), time(source)), (Ok(o), Ok(s)) if o >= s)
}

/// The counting plugin, compiled if its source is newer.
pub fn plugin() -> Result<PathBuf> {
    let (source, out) = (root().join("tools/insncount.c"), root().join(".work/insncount.so"));
    if !newer(&out, &source) {
        fs::create_dir_all(root().join(".work"))?;
        let status = Command::new("cc").args(["-O2", "-fPIC", "-shared", "-o"]).arg(&out).arg(&source).status();
        ensure!(status.context("cc is missing: run `make setup`")?.success(), "cc could not build the plugin");
    }
    Ok(out)
}

/// Counts of one run, all its processes added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Instructions executed.
    pub total: u64,
    /// Of these, in code that is not in a file: translated code.
    pub translated: u64,
}

/// Runs `program` under `emulator` with the plugin and returns the counts and what it printed.
pub fn count(emulator: &[&str], program: &[&str]) -> Result<(Count, Vec<u8>)> {
    let report = root().join(format!(".work/insncount.{}", std::process::id()));
    let _ = fs::remove_file(&report);
    let plugin = format!("{},where=on,out={}", plugin()?.display(), report.display());
    let mut command = Command::new(emulator[0]);
    // Fixed addresses make counts repeatable to the last instruction.
    command.args(&emulator[1..]).args(["-plugin", &plugin]).args(program).env_clear().env("PATH", "/usr/bin:/bin");
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{} is missing: run `make setup`", emulator[0]))?;
    ensure!(output.status.success(), "{program:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(&report).context("the plugin wrote no report")?;
    fs::remove_file(&report)?;
    let mut count = Count::default();
    for line in text.lines() {
        for field in line.split_whitespace() {
            match field.split_once('=') {
                Some(("total", n)) => count.total += n.parse::<u64>()?,
                Some(("jit", n)) => count.translated += n.parse::<u64>()?,
                _ => {}
            }
        }
    }
    if count.total == 0 {
        bail!("{program:?}: the plugin counted nothing");
    }
    Ok((count, output.stdout))
}

/// The figures of one program.
#[derive(Clone, Debug)]
pub struct Row {
    /// Program and build.
    pub name: String,
    /// x86 instructions executed.
    pub x86: u64,
    /// AArch64 instructions of the native build.
    pub native: u64,
    /// AArch64 instructions under ferry.
    pub ferry: Count,
}

impl Row {
    /// AArch64 instructions in translated code per x86 instruction.
    pub fn translated_per_x86(&self) -> f64 {
        self.ferry.translated as f64 / self.x86 as f64
    }

    /// All AArch64 instructions against the native build's.
    pub fn total_per_native(&self) -> f64 {
        self.ferry.total as f64 / self.native as f64
    }
}

/// Measures one program; its output must be the same on all three machines.
pub fn measure(name: &str, build: Build) -> Result<Row> {
    let i386 = build.program(name)?;
    let i386 = i386.to_str().context("path is not text")?;
    let arm64 = Build::Arm64.program(name)?;
    let ferry = ferry()?;
    let (x86, expected) = count(&["qemu-i386", "-cpu", "max"], &[i386])?;
    let (native, _) = count(&["qemu-aarch64", "-cpu", "max"], &[arm64.to_str().context("path is not text")?])?;
    let (under_ferry, got) = count(&EMULATOR, &[ferry.to_str().context("path is not text")?, i386])?;
    ensure!(
        got == expected,
        "{name}: ferry printed {:?}, expected {:?}",
        String::from_utf8_lossy(&got),
        String::from_utf8_lossy(&expected)
    );
    let name = format!("{name}.{}", build.folder());
    Ok(Row { name, x86: x86.total, native: native.total, ferry: under_ferry })
}

/// Counts a program of [`STARTUP`] under ferry.
pub fn startup(args: &[&str], expected: &str) -> Result<Count> {
    let (ferry, rootfs) = (ferry()?, rootfs()?);
    let text = |path: &'_ Path| path.to_str().map(str::to_owned).context("path is not text");
    let (ferry, rootfs) = (text(&ferry)?, text(&rootfs)?);
    let command: Vec<&str> = [&ferry, "--rootfs", &rootfs].into_iter().chain(args.iter().copied()).collect();
    let (counted, got) = count(&EMULATOR, &command)?;
    ensure!(got == expected.as_bytes(), "{args:?} printed {:?}", String::from_utf8_lossy(&got));
    Ok(counted)
}

/// The committed figures that runs are compared with: `name x86 native translated total`, one program a line.
fn baseline_path() -> PathBuf {
    root().join("tests/bench/baseline.txt")
}

/// The committed figures.
pub fn baseline() -> Result<Vec<Row>> {
    let text = fs::read_to_string(baseline_path()).unwrap_or_default();
    text.lines()
        .filter(|l| !l.starts_with('#'))
        .map(|l| parse_row(l).with_context(|| format!("baseline: {l}")))
        .collect()
}

fn parse_row(line: &str) -> Option<Row> {
    let mut fields = line.split_whitespace();
    let name = fields.next()?.to_string();
    let mut number = || fields.next()?.parse().ok();
    let (x86, native) = (number()?, number()?);
    Some(Row { name, x86, native, ferry: Count { translated: number()?, total: number()? } })
}

/// Writes these rows into the committed figures; programs that did not run keep theirs.
pub fn bless(rows: &[Row]) -> Result<()> {
    let mut all = baseline()?;
    for row in rows {
        match all.iter_mut().find(|old| old.name == row.name) {
            Some(old) => *old = row.clone(),
            None => all.push(row.clone()),
        }
    }
    let mut text =
        "# Executed instructions: program, x86, native arm64, under ferry in translated code and in total.\n\
        # `BLESS=1 make bench` rewrites it.\n"
            .to_string();
    for Row { name, x86, native, ferry } in all {
        let _ = writeln!(text, "{name:11} {x86:>10} {native:>10} {:>11} {:>11}", ferry.translated, ferry.total);
    }
    Ok(fs::write(baseline_path(), text)?)
}

/// Geometric mean.
pub fn geomean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0), |(sum, n), v| (sum + v.ln(), n + 1));
    (sum / f64::from(n)).exp()
}
