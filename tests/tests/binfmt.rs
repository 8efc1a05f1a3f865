//! `ferry binfmt` in a binfmt_misc instance of its own: programs started by a shell and inside a chroot run under ferry, with
//! the argv[0] they were given. `tests/binfmt/session.sh` is what runs there, `session.out` what it must print.
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tests::guest::{ferry, ferry_alone, root, rootfs, run};

/// A folder with a copy of ferry: `install` makes a link beside it.
fn copy(name: &str) -> Result<PathBuf> {
    let dir = std::env::temp_dir().join(format!("ferry-binfmt-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    std::fs::copy(ferry()?, dir.join("ferry"))?;
    Ok(dir)
}

fn session(dir: &Path) -> Result<String> {
    let rootfs = rootfs()?;
    // By the name the program's applets are found under.
    let busybox = dir.join("busybox");
    std::fs::copy(rootfs.join("bin/busybox"), &busybox)?;
    let mut command = Command::new(root().join("tools/with-binfmt"));
    command.arg("--private").arg("bash").arg(root().join("tests/binfmt/session.sh"));
    command.arg(dir.join("ferry")).arg(busybox).arg(std::fs::canonicalize(rootfs)?);
    let outcome = run(&mut command, dir, Duration::from_secs(300))?;
    anyhow::ensure!(outcome.status == 0, "exit {}: {}", outcome.status, outcome.stderr);
    let text = String::from_utf8(outcome.stdout).context("output is text")? + &outcome.stderr;
    Ok(text.replace(&dir.join("ferry").display().to_string(), "FERRY"))
}

#[test]
fn the_kernel_starts_ferry() {
    let dir = copy("session").expect("a copy of ferry");
    let got = session(&dir).expect("a session");
    let expected = std::fs::read_to_string(root().join("tests/binfmt/session.out")).expect("session.out");
    std::fs::remove_dir_all(&dir).expect("removing the copy");
    assert_eq!(got, expected, "got:\n{got}");
}

#[test]
fn a_missing_mount_is_told() {
    let dir = copy("mount").expect("a copy of ferry");
    let ferry = ferry_alone(["binfmt", "status"]).expect("ferry");
    // A /proc of its own, where nothing is mounted below.
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.arg(ferry.get_program()).args(ferry.get_args());
    let got = run(&mut command, &dir, Duration::from_secs(60)).expect("running ferry");
    std::fs::remove_dir_all(&dir).expect("removing the copy");
    let mount = "/proc/sys/fs/binfmt_misc";
    let expect = format!(
        "ferry: {mount} is not mounted; run `mount -t binfmt_misc binfmt_misc {mount}` as root, then try again\n"
    );
    assert_eq!((got.stderr, got.status), (expect, 125));
}
