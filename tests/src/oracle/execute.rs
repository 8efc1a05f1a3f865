//! Runs the guest program on a file of cases: on this CPU, or under ferry.
use super::{wire, Group};
use crate::guest::{ferry, root};
use anyhow::{ensure, Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Who executes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// This machine's x86 CPU.
    Native,
    /// ferry, on this arm64 CPU or on the named one of qemu-aarch64.
    Ferry(Option<String>),
}

/// What the program wrote, and how it ended if not well.
#[derive(Clone, Debug)]
pub struct Run {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Empty for a good end.
    pub trouble: String,
}

/// Whether this machine can be the oracle.
pub fn is_native() -> bool {
    cfg!(target_arch = "x86_64")
}

/// A folder for the program and files of cases; several processes may use it at once.
pub fn folder() -> Result<PathBuf> {
    let dir = root().join(".work/oracle");
    fs::create_dir_all(&dir)?;
    Ok(dir)
}

/// Builds the guest program.
pub fn program() -> Result<PathBuf> {
    const OPTIONS: &[&str] = &[
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-nostdlib",
        "-ffreestanding",
        "-static",
        "-no-pie",
        "-fno-pic",
        "-fno-stack-protector",
        "-fcf-protection=none",
        "-mgeneral-regs-only",
        "-fno-tree-loop-distribute-patterns",
        "-Wl,-Ttext-segment=0x50000000,--build-id=none",
    ];
    let out = folder()?.join("oracle");
    let new = out.with_extension(std::process::id().to_string());
    let source = root().join("tests/oracle");
    let mut command = Command::new("i686-linux-gnu-gcc");
    command.args(OPTIONS).arg("-o").arg(&new).args([source.join("oracle.c"), source.join("run.S")]);
    ensure!(command.status().context("i686-linux-gnu-gcc is missing: run `make setup`")?.success(), "building {new:?}");
    fs::rename(new, &out)?;
    Ok(out)
}

impl Host {
    fn command(&self, program: &Path) -> Result<Command> {
        let Self::Ferry(cpu) = self else { return Ok(Command::new(program)) };
        let ferry = ferry()?;
        let mut command = if cfg!(target_arch = "aarch64") {
            Command::new(&ferry)
        } else {
            let mut command = Command::new("qemu-aarch64");
            command.args(["-R", "0x8000000000"]);
            if let Some(cpu) = cpu {
                command.args(["-cpu", cpu]);
            }
            command.arg(&ferry);
            command
        };
        // Translated code is what is looked at here; `model` looks at execution without translation.
        command.args(["--translate-after", "0"]).arg(program);
        Ok(command)
    }

    /// Runs the program on these groups, for `limit` at most.
    pub fn run(&self, groups: &[Group], show_memory: bool, limit: Duration) -> Result<Run> {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let n = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let file = folder()?.join(format!("cases-{}-{n}", std::process::id()));
        fs::write(&file, wire::encode(groups, show_memory))?;
        let (out, err) = (file.with_extension("out"), file.with_extension("err"));
        let mut command = self.command(&folder()?.join("oracle"))?;
        command.arg(&file).stdin(Stdio::null()).stdout(fs::File::create(&out)?).stderr(fs::File::create(&err)?);
        let trouble = wait(&mut command, limit)?;
        let stdout = fs::read(&out)?;
        let stderr = String::from_utf8_lossy(&fs::read(&err)?).into_owned();
        for path in [file, out, err] {
            fs::remove_file(path)?;
        }
        let trouble = if trouble.is_empty() { trouble } else { format!("{trouble}\n{stderr}") };
        Ok(Run { stdout, trouble })
    }
}

/// How a command ended; empty for well.
fn wait(command: &mut Command, limit: Duration) -> Result<String> {
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("starting {command:?}"))?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(if status.success() { String::new() } else { format!("{status}") });
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(format!("killed after {} s", limit.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
