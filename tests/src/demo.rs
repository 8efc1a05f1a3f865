//! The demo programs of `tests/demo`: scripts with the output a real CPU gave, run under ferry and compared.
//!
//! `NN-name.sh` begins with `# title: ...` and `# shell: busybox|bash`; `NN-name.out` holds the recorded standard output
//! and, as its last line, `exit STATUS`.
use crate::guest::{ferry_command, native_command, root, rootfs, run, Outcome};
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Which program interprets a demo's script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// The statically linked busybox, run without a rootfs.
    Busybox,
    /// The tree's bash, dynamically linked, run with `--rootfs`.
    Bash,
}

/// One demo.
#[derive(Clone, Debug)]
pub struct Demo {
    /// File name without its ending.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// Its interpreter.
    pub shell: Shell,
    script: String,
}

fn directory() -> PathBuf {
    root().join("tests/demo")
}

/// All demos, by name.
pub fn all() -> Result<Vec<Demo>> {
    let mut demos = Vec::new();
    for entry in fs::read_dir(directory())? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "sh") {
            let script = fs::read_to_string(&path)?;
            let field = |key: &str| {
                let line = script.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(": "));
                line.map(str::to_owned).with_context(|| format!("{}: no line `{key}: ...`", path.display()))
            };
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let (title, shell) = (field("# title")?, field("# shell")?);
            let shell = if shell == "busybox" { Shell::Busybox } else { Shell::Bash };
            demos.push(Demo { name, title, shell, script });
        }
    }
    demos.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(demos)
}

impl Demo {
    fn recording(&self) -> PathBuf {
        directory().join(format!("{}.out", self.name))
    }

    fn in_work_dir(&self, command: Command) -> Result<Outcome> {
        let mut command = command;
        let work = std::env::temp_dir().join(format!("ferry-demo-{}-{}", std::process::id(), self.name));
        fs::create_dir_all(&work)?;
        let outcome = run(&mut command, &work, Duration::from_secs(300));
        fs::remove_dir_all(&work)?;
        outcome
    }

    /// Runs it under ferry.
    pub fn run(&self) -> Result<Outcome> {
        let rootfs = rootfs()?;
        let busybox = rootfs.join("bin/busybox");
        let command = match self.shell {
            // `busybox` by that name must be found by the script, too.
            Shell::Busybox => ferry_command([busybox.as_os_str(), "sh".as_ref(), "-c".as_ref(), self.script.as_ref()])?,
            Shell::Bash => ferry_command([
                "--rootfs".as_ref(),
                rootfs.as_os_str(),
                "/bin/bash".as_ref(),
                "-c".as_ref(),
                self.script.as_ref(),
            ])?,
        };
        self.in_work_dir(command)
    }

    /// Runs it on the CPU itself and keeps what it did as the expectation.
    pub fn record(&self) -> Result<()> {
        let work = std::env::temp_dir().join(format!("ferry-demo-{}-{}", std::process::id(), self.name));
        fs::create_dir_all(&work)?;
        let shell: &[&str] = if self.shell == Shell::Busybox { &["/bin/busybox", "sh"] } else { &["/bin/bash"] };
        let args = shell.iter().copied().chain(["-c", &self.script]);
        let outcome = run(&mut native_command(&work, args)?, &work, Duration::from_secs(60));
        fs::remove_dir_all(&work)?;
        fs::write(self.recording(), expectation(&outcome?))?;
        Ok(())
    }

    /// Compares an outcome with the recording; `Err` holds the first difference.
    pub fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let expected = fs::read(self.recording()).map_err(|e| format!("{}: {e}", self.recording().display()))?;
        let got = expectation(outcome);
        if got == expected {
            return Ok(());
        }
        let (got, expected) = (String::from_utf8_lossy(&got), String::from_utf8_lossy(&expected));
        let line = got.lines().zip(expected.lines()).position(|(a, b)| a != b);
        let line = line.unwrap_or_else(|| got.lines().count().min(expected.lines().count()));
        let show = |text: &str| text.lines().nth(line).unwrap_or("(end)").chars().take(160).collect::<String>();
        let stderr: String = outcome
            .stderr
            .lines()
            .rev()
            .take(6)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .fold(String::new(), |s, l| s + "\n      stderr: " + l);
        Err(format!("line {}: expected {:?}, got {:?}{stderr}", line + 1, show(&expected), show(&got)))
    }
}

fn expectation(outcome: &Outcome) -> Vec<u8> {
    let mut text = outcome.stdout.clone();
    text.extend_from_slice(format!("exit {}\n", outcome.status).as_bytes());
    text
}
