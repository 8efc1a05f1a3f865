//! Guest test programs in C (`tests/guest`): built for i386, run natively once to record, run under ferry and compared.
//!
//! Those in `tests/guest/kernel` need a real arm64 kernel below ferry; user-mode emulators lack what they use. Elsewhere
//! than on arm64 they run in the virtual machine of `tools/vm.sh`.
use crate::guest::{ferry_command, native_command, root, rootfs, run, Outcome};
use anyhow::{ensure, Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How a program is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Fixed address, everything inside.
    Static,
    /// Position-independent, everything inside.
    StaticPie,
    /// With the tree's libc and dynamic linker.
    Dynamic,
}

impl Link {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Static, Self::StaticPie, Self::Dynamic];

    /// The program's code is executed both ways: as it is decoded for the first few times, and translated from the beginning.
    fn translate_after(self) -> &'static str {
        match self {
            Self::Static => "6",
            Self::StaticPie | Self::Dynamic => "0",
        }
    }

    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Static => &["-static", "-no-pie"],
            Self::StaticPie => &["-static-pie", "-fPIE"],
            Self::Dynamic => &["-pie", "-fPIE"],
        }
    }
}

/// Names of all programs, those that need a real kernel as `kernel/NAME`.
pub fn names() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for prefix in ["", "kernel/"] {
        for entry in fs::read_dir(root().join("tests/guest").join(prefix))? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "c") {
                names.push(format!("{prefix}{}", path.file_stem().unwrap_or_default().to_string_lossy()));
            }
        }
    }
    names.sort();
    Ok(names)
}

/// Whether the kernel below ferry is one: this machine's own, not an emulator.
pub fn runs_here(name: &str) -> bool {
    cfg!(target_arch = "aarch64") || !name.starts_with("kernel/")
}

/// Builds one into `folder`, where it has the last part of its name.
pub fn build(name: &str, link: Link, folder: &Path) -> Result<PathBuf> {
    let source = root().join("tests/guest").join(format!("{name}.c"));
    let out = folder.join(file_name(name));
    let mut command = Command::new("i686-linux-gnu-gcc");
    command.args(["-O1", "-w", "-pthread"]).args(link.options()).arg("-o").arg(&out).arg(&source).arg("-lm");
    ensure!(command.status().context("i686-linux-gnu-gcc is missing: run `make setup`")?.success(), "building {name}");
    Ok(out)
}

fn file_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn expectation(outcome: &Outcome) -> String {
    format!("{}exit {}\n", String::from_utf8_lossy(&outcome.stdout), outcome.status)
}

/// Runs one natively and keeps what it did; a program that had to be killed did nothing worth keeping.
pub fn record(name: &str) -> Result<()> {
    let work = work_dir(name, "record")?;
    build(name, Link::Static, &work)?;
    let outcome = run(&mut native_command(&work, [format!("./{}", file_name(name))])?, &work, Duration::from_secs(60))?;
    fs::remove_dir_all(&work)?;
    ensure!(outcome.status != 137, "{name}: killed, {}: not recorded", outcome.stderr.trim());
    fs::write(root().join("tests/guest").join(format!("{name}.out")), expectation(&outcome))?;
    Ok(())
}

/// Runs one under ferry; `Err` describes the difference.
pub fn check(name: &str, link: Link) -> Result<Result<(), String>> {
    let work = work_dir(name, &format!("{link:?}"))?;
    let program = build(name, link, &work)?;
    let after = ["--translate-after", link.translate_after()].map(Into::into);
    let args =
        ["--rootfs".into(), rootfs()?.into_os_string()].into_iter().chain(after).chain([program.into_os_string()]);
    let outcome = run(&mut ferry_command(args)?, &work, Duration::from_secs(120))?;
    fs::remove_dir_all(&work)?;
    let recording = root().join("tests/guest").join(format!("{name}.out"));
    let expected = fs::read_to_string(&recording).with_context(|| format!("{}: not recorded", recording.display()))?;
    let got = expectation(&outcome);
    if got == expected {
        return Ok(Ok(()));
    }
    let differs = got.lines().zip(expected.lines()).position(|(a, b)| a != b);
    let line = differs.unwrap_or(got.lines().count().min(expected.lines().count()));
    let show = |text: &str| text.lines().nth(line).unwrap_or("(end)").to_owned();
    Ok(Err(format!(
        "{name} ({link:?}) line {}:\n  expected {}\n  got      {}\n{}",
        line + 1,
        show(&expected),
        show(&got),
        outcome.stderr
    )))
}

fn work_dir(name: &str, what: &str) -> Result<PathBuf> {
    let work =
        std::env::temp_dir().join(format!("ferry-guest-{}-{}-{what}", std::process::id(), name.replace('/', "-")));
    fs::create_dir_all(&work)?;
    Ok(work)
}
