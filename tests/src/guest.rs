//! Running an i386 program: under ferry (through the emulator where the host is not arm64), or natively as the oracle.
use anyhow::{ensure, Context, Result};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The environment guest programs run in; the same natively and under ferry.
pub const ENVIRONMENT: [(&str, &str); 5] = [
    ("HOME", "/root"),
    ("LC_ALL", "C"),
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("TERM", "dumb"),
    ("TZ", "UTC"),
];

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_path_buf()
}

/// The i386 tree that `tools/rootfs.sh` makes; an error that says how to get it if it is not there.
pub fn rootfs() -> Result<PathBuf> {
    let dir = root().join(".work/rootfs");
    ensure!(dir.join("bin/busybox").exists(), "{} is missing: run `make setup`", dir.display());
    Ok(dir)
}

/// The release binary, or the one that `FERRY_UNDER_TEST` names.
pub fn ferry() -> Result<PathBuf> {
    let release = || root().join("target/aarch64-unknown-linux-musl/release/ferry");
    let path = std::env::var_os("FERRY_UNDER_TEST").map_or_else(release, PathBuf::from);
    ensure!(path.exists(), "{} is missing: run `make build`", path.display());
    Ok(path)
}

/// What a program did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error, for messages.
    pub stderr: String,
    /// Exit status, or 128 + signal as a shell gives it.
    pub status: i32,
    /// Wall time.
    pub time: Duration,
}

/// A command that runs ferry with `args`, in a place where exec'd arm64 programs run too.
pub fn ferry_command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Result<Command> {
    let mut command = Command::new(root().join("tools/with-binfmt"));
    command.arg(ferry()?).args(args);
    Ok(command)
}

/// A command that runs ferry itself with `args`; on a host that is not arm64, whatever it execs is none of ferry's.
pub fn ferry_alone<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Result<Command> {
    let mut command = match std::env::consts::ARCH {
        "aarch64" => Command::new(ferry()?),
        _ => {
            let mut emulator = Command::new("qemu-aarch64");
            emulator.args(["-R", "0x8000000000"]).arg(ferry()?);
            emulator
        }
    };
    command.args(args);
    Ok(command)
}

/// A command that runs `args` natively in the i386 tree, with `work` as its directory.
pub fn native_command<S: AsRef<OsStr>>(work: &Path, args: impl IntoIterator<Item = S>) -> Result<Command> {
    let mut command = Command::new(root().join("tools/native"));
    command.arg(rootfs()?).arg(work).args(args);
    Ok(command)
}

/// Runs `command` in [`ENVIRONMENT`] with no standard input, killing it after `limit`.
pub fn run(command: &mut Command, work: &Path, limit: Duration) -> Result<Outcome> {
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    let host_path = std::env::var_os("PATH").unwrap_or_default();
    let out_path = work.join(".stdout");
    let err_path = work.join(".stderr");
    command.env_clear().envs(ENVIRONMENT).env("FERRY_TEST_PATH", host_path);
    command.stdin(Stdio::null()).stdout(std::fs::File::create(&out_path)?).stderr(std::fs::File::create(&err_path)?);
    command.current_dir(work).process_group(0);
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("starting {command:?}"))?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if start.elapsed() > limit {
            // The whole group: the namespaces' init dies with it and takes the rest along.
            let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status();
            child.wait()?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let stdout = std::fs::read(&out_path)?;
    let mut stderr = String::from_utf8_lossy(&std::fs::read(&err_path)?).into_owned();
    let status = match status {
        Some(status) => status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
        None => {
            stderr.push_str(&format!("\nkilled after {} s\n", limit.as_secs()));
            137
        }
    };
    std::fs::remove_file(out_path)?;
    std::fs::remove_file(err_path)?;
    Ok(Outcome { stdout, stderr, status, time: start.elapsed() })
}
