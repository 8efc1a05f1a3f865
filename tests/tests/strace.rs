//! `--strace` prints what strace(1) prints, to the letter where no address and no process number is involved.
use std::process::Command;
use std::time::Duration;
use tests::guest::{ferry_alone, root, run};

const EXPECT: &str = r#"
open("/no/such/file", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory)
openat(AT_FDCWD, "made", O_RDWR|O_CREAT|O_TRUNC, 0640) = 3
write(3, "a line with a \"quote\", a tab\t an"..., 49) = 49
_llseek(3, -4, [45], SEEK_END) = 0
read(3, "ext\n", 64) = 4
socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0) = 4
connect(4, {sa_family=AF_UNIX, sun_path="/no/such/socket"}, 110) = -1 ENOENT (No such file or directory)
poll([{fd=3, events=POLLIN|POLLOUT, revents=POLLIN|POLLOUT}], 1, 0) = 1
close(3) = 0
close(77) = -1 EBADF (Bad file descriptor)
getpid() = PID
kill(PID, 0) = 0
fcntl64(4, F_GETFD) = 1
unlink("made") = 0
uname({sysname="Linux", nodename="HOST", ...}) = 0
"#;

/// Compares the lines between two getppid calls.
#[test]
fn lines_are_straces() {
    let dir = std::env::temp_dir().join(format!("ferry-strace-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a temporary directory");
    let (program, source) = (dir.join("calls"), root().join("tests/strace/calls.c"));
    let status = Command::new("i686-linux-gnu-gcc").args(["-static", "-O1", "-o"]).arg(&program).arg(source).status();
    assert!(status.expect("i686-linux-gnu-gcc: run `make setup`").success());
    let mut command = ferry_alone(["--strace".as_ref(), program.as_os_str()]).expect("ferry");
    let got = run(&mut command, &dir, Duration::from_secs(60)).expect("running ferry");
    std::fs::remove_dir_all(&dir).expect("removing it");
    assert_eq!(got.status, 5, "{}", got.stderr);
    let between = got.stderr.split("getppid() = ").nth(1).and_then(|text| text.split_once('\n')).expect("two getppid");
    let pid = between.1.split("getpid() = ").nth(1).and_then(|text| text.lines().next()).unwrap_or_default().to_owned();
    let lines = between.1.replace(&pid, "PID");
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name");
    let node = |name: &str| format!("nodename=\"{name}\"");
    assert_eq!(lines.replace(&node(host.trim()), &node("HOST")), EXPECT.trim_start());
    assert!(got.stderr.ends_with("exit_group(5) = ?\n"), "{}", got.stderr);
}
