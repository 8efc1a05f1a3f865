//! `ferry binfmt install|status|uninstall`: the kernel's registration (Documentation/admin-guide/binfmt-misc.rst).
//!
//! Flags: `P` keeps argv[0], `F` opens ferry once so that chroots and containers need no copy of it, `O` and `C` hand
//! over the opened program with its credentials. The kernel calls ferry by the registered name; that name
//! ([`HANDLER_NAME`]) is how ferry knows that its arguments are path, argv[0], arguments.
use anyhow::{bail, Context, Result};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where binfmt_misc is mounted.
const MOUNT: &str = "/proc/sys/fs/binfmt_misc";
/// Name of the registration.
const NAME: &str = "ferry-i386";
/// The name ferry has when the kernel calls it: a link beside the binary.
pub const HANDLER_NAME: &str = "ferry-binfmt-P";

/// What identifies an i386 executable: class, order, version, type 2 or 3, machine 3 (or 6, EM_486).
const MAGIC: &str = r"\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x03\x00";
const MASK: &str = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xfa\xff";

/// A call by the kernel: which program, its argv[0], the other arguments.
#[derive(Debug, PartialEq, Eq)]
pub struct HandlerCall {
    /// The program's path.
    pub path: PathBuf,
    /// Its whole argv.
    pub argv: Vec<OsString>,
}

/// The kernel's call, if this process was started by one.
pub fn handler_call(args: &[OsString]) -> Option<HandlerCall> {
    let name = Path::new(args.first()?).file_name()?;
    if name != HANDLER_NAME || args.len() < 3 {
        return None;
    }
    Some(HandlerCall { path: args[1].clone().into(), argv: args[2..].to_vec() })
}

impl HandlerCall {
    /// The command line that means the same; options come from the environment.
    pub fn command_line(&self) -> Vec<OsString> {
        let name = self.argv.first().cloned().unwrap_or_default();
        let mut words: Vec<OsString> =
            vec!["ferry".into(), "--argv0".into(), name, "--".into(), self.path.clone().into()];
        words.extend(self.argv.iter().skip(1).cloned());
        words
    }
}

fn entry() -> PathBuf {
    Path::new(MOUNT).join(NAME)
}

fn mounted() -> bool {
    Path::new(MOUNT).join("register").exists()
}

fn require_mount() -> Result<()> {
    if !mounted() {
        bail!("{MOUNT} is not mounted; run `mount -t binfmt_misc binfmt_misc {MOUNT}` as root, then try again");
    }
    Ok(())
}

fn advise(error: &std::io::Error, what: &str) -> anyhow::Error {
    let why = error.raw_os_error().map_or(error.to_string(), |errno| linux_abi::Errno(errno).text().to_owned());
    let remedy = match error.kind() {
        ErrorKind::PermissionDenied => "; run it as root",
        ErrorKind::ReadOnlyFilesystem => {
            "; move ferry where its folder can be written, or in a container use --privileged"
        }
        _ => "",
    };
    anyhow::anyhow!("{what}: {why}{remedy}")
}

/// The link beside this binary by whose name the kernel's calls are known; made if it is not there.
fn handler() -> Result<PathBuf> {
    let binary = std::env::current_exe().context("finding ferry's own path; is /proc mounted?")?;
    let handler = binary.with_file_name(HANDLER_NAME);
    let path = handler.as_os_str().as_bytes();
    if path.iter().any(|b| matches!(b, b':' | b'\n')) || path.len() > 127 {
        bail!(
            "{}: the kernel takes no handler with a colon in its path or over 127 bytes; move ferry",
            handler.display()
        );
    }
    let target = binary.file_name().unwrap_or(OsStr::new("ferry"));
    if fs::read_link(&handler).ok().as_deref() != Some(Path::new(target)) {
        let _ = fs::remove_file(&handler);
        std::os::unix::fs::symlink(target, &handler)
            .map_err(|e| advise(&e, &format!("making the link {}", handler.display())))?;
    }
    Ok(handler)
}

/// Registers this binary; with `credentials`, programs that are setuid get their owner's rights.
pub fn install(credentials: bool) -> Result<()> {
    // A container has a /proc of its own, without the mount.
    let none = None::<&str>;
    if !mounted() {
        let _ = nix::mount::mount(Some("binfmt_misc"), MOUNT, Some("binfmt_misc"), nix::mount::MsFlags::empty(), none);
    }
    require_mount()?;
    if let Ok(text) = fs::read_to_string(entry()) {
        bail!("already installed: {}; run `ferry binfmt uninstall` first", interpreter(&text));
    }
    let handler = handler()?;
    let flags = if credentials { "POCF" } else { "PF" };
    let line = format!(":{NAME}:M::{MAGIC}:{MASK}:{}:{flags}", handler.display());
    fs::write(Path::new(MOUNT).join("register"), line).map_err(|e| advise(&e, "registering with binfmt_misc"))?;
    println!("i386 programs now run through {}", handler.display());
    Ok(())
}

fn interpreter(registration: &str) -> &str {
    registration.lines().find_map(|line| line.strip_prefix("interpreter ")).unwrap_or("?")
}

/// The state of the registration in a few words.
pub fn describe() -> String {
    match fs::read_to_string(entry()) {
        Ok(text) if text.starts_with("enabled") => format!("i386 programs run through {}", interpreter(&text)),
        Ok(text) => format!("installed but disabled: {}", interpreter(&text)),
        Err(_) if mounted() => "not installed (ferry binfmt install)".to_owned(),
        Err(_) => "not mounted".to_owned(),
    }
}

/// Shows the registration; an error if there is none.
pub fn status() -> Result<()> {
    require_mount()?;
    match fs::read_to_string(entry()) {
        Ok(text) => {
            println!("{}", describe());
            let handler = interpreter(&text);
            if !Path::new(handler).exists() {
                println!("note: {handler} is gone; the kernel still uses the file it opened at installation");
            }
            Ok(())
        }
        Err(e) if e.kind() == ErrorKind::NotFound => bail!("not installed; run `ferry binfmt install` as root"),
        Err(e) => Err(advise(&e, NAME)),
    }
}

/// Removes the registration.
pub fn uninstall() -> Result<()> {
    require_mount()?;
    if !entry().exists() {
        bail!("not installed, nothing to remove");
    }
    fs::write(entry(), "-1").map_err(|e| advise(&e, "removing the registration"))?;
    println!("i386 programs no longer run through ferry");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handler_calls_are_recognised_by_name_alone() {
        let args = |list: &[&str]| list.iter().map(OsString::from).collect::<Vec<_>>();
        let call = handler_call(&args(&["/usr/bin/ferry-binfmt-P", "/bin/ls", "my-ls", "-l"])).unwrap();
        assert_eq!(call, HandlerCall { path: "/bin/ls".into(), argv: args(&["my-ls", "-l"]) });
        assert_eq!(call.command_line(), args(&["ferry", "--argv0", "my-ls", "--", "/bin/ls", "-l"]));
        assert_eq!(handler_call(&args(&["ferry", "/bin/ls", "ls"])), None);
        assert_eq!(handler_call(&args(&["ferry-binfmt-P", "/bin/ls"])), None);
    }

    #[test]
    fn what_the_kernel_refuses_is_told_with_its_remedy() {
        let told = |errno| advise(&std::io::Error::from_raw_os_error(errno), "registering").to_string();
        assert_eq!(told(libc::EACCES), "registering: Permission denied; run it as root");
        assert_eq!(told(libc::EINVAL), "registering: Invalid argument");
    }

    #[test]
    fn magic_and_mask_have_the_same_length() {
        assert_eq!(MAGIC.matches("\\x").count() + 3, 20);
        assert_eq!(MASK.matches("\\x").count(), 20);
    }
}
