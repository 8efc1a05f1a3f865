//! Paths of the guest: the root overlay (`--rootfs`), and the few names of /proc that must tell of the guest and not of
//! ferry ([`procfs`]).
//!
//! Without a rootfs a path goes to the host kernel as the guest's own pointer; only its first bytes are looked at.
use crate::context::Cx;
use crate::errno::Errno;
use crate::host::call::HostArg;
use ir::guest::{GuestAddr, GuestRange};
use std::ffi::{CStr, CString};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{RwLock, RwLockReadGuard};

pub mod cpuinfo;
pub mod dirpos;
pub mod overlay;
pub mod procfs;

/// Whether a symbolic link as last component is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// Followed.
    Yes,
    /// The link itself is meant (lstat, unlink, O_NOFOLLOW, ...).
    No,
}

/// The text of a path for the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// The guest's string, unread.
    Guest(GuestAddr),
    /// A translated path.
    Owned(CString),
}

/// What the host kernel is given for a path of the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPath {
    /// Directory a relative path starts from.
    pub dirfd: i32,
    /// The path.
    pub text: Text,
}

impl HostPath {
    /// The guest's path as it is.
    pub fn untouched(dirfd: i32, path: GuestAddr) -> Self {
        Self { dirfd, text: Text::Guest(path) }
    }

    /// An absolute or plain path of ours.
    pub fn owned(dirfd: i32, path: CString) -> Self {
        Self { dirfd, text: Text::Owned(path) }
    }

    /// The path as the loader opens it; `guest` if it is the guest's own.
    pub fn to_path(&self, guest: &std::path::Path) -> PathBuf {
        use std::os::unix::ffi::OsStrExt;
        match &self.text {
            Text::Guest(_) => guest.to_path_buf(),
            Text::Owned(path) => PathBuf::from(std::ffi::OsStr::from_bytes(path.to_bytes())),
        }
    }

    /// The string's address.
    pub fn pointer(&self) -> u64 {
        match &self.text {
            Text::Guest(addr) => addr.raw(),
            Text::Owned(path) => path.as_c_str().raw(),
        }
    }

    /// The string itself.
    pub fn read(&self, cx: &Cx<'_>) -> Result<CString, Errno> {
        match &self.text {
            Text::Guest(addr) => cx.read_path(*addr),
            Text::Owned(path) => Ok(path.clone()),
        }
    }
}

/// What /proc/self tells about the running program; the loader and execve set it.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program file as the guest names it, absolute.
    pub guest_path: PathBuf,
    /// The same file on the host, absolute.
    pub host_path: PathBuf,
    /// Argument strings on the guest's stack.
    pub args: GuestRange,
    /// Environment strings on the guest's stack.
    pub env: GuestRange,
    /// The auxiliary vector, the AT_NULL entry included.
    pub auxv: Vec<u8>,
}

impl Default for Program {
    fn default() -> Self {
        let none = GuestRange::new(GuestAddr(0), 0);
        Self { guest_path: PathBuf::new(), host_path: PathBuf::new(), args: none, env: none, auxv: Vec::new() }
    }
}

/// Where the guest's paths are looked up, and what it runs.
#[derive(Debug, Default)]
pub struct FsContext {
    rootfs: Option<CString>,
    /// chroot(2) was called: the rootfs is out of reach.
    left: AtomicBool,
    program: RwLock<Program>,
    /// Files of /proc with made content have been opened, by this program or one before it in this process.
    pub made_files: AtomicBool,
    /// Directory positions as the guest knows them.
    pub dirs: dirpos::DirPositions,
}

impl FsContext {
    /// With a root overlay, or with plain host paths.
    pub fn new(rootfs: Option<PathBuf>) -> Result<Self, std::io::Error> {
        use std::os::unix::ffi::OsStringExt;
        let rootfs = rootfs.map(|dir| dir.canonicalize()).transpose()?;
        let bytes = rootfs.map(|dir| dir.into_os_string().into_vec()).filter(|dir| dir != b"/");
        let rootfs = bytes.map(CString::new).transpose().map_err(|_| std::io::ErrorKind::InvalidInput)?;
        Ok(Self { rootfs, ..Self::default() })
    }

    /// The rootfs directory (absolute, no symbolic links, no trailing slash) if there is one.
    pub fn rootfs(&self) -> Option<&CStr> {
        self.rootfs.as_deref().filter(|_| !self.left.load(Ordering::Relaxed))
    }

    /// After chroot(2): host paths are guest paths.
    pub fn leave_rootfs(&self) {
        self.left.store(true, Ordering::Relaxed);
    }

    /// Its locks, held.
    pub(crate) fn hold_for_fork(&self) -> impl Sized + '_ {
        (self.program.write().unwrap_or_else(std::sync::PoisonError::into_inner), self.dirs.hold())
    }

    /// Says what runs, for /proc/self.
    pub fn set_program(&self, program: Program) {
        *self.program.write().unwrap_or_else(std::sync::PoisonError::into_inner) = program;
    }

    /// What runs.
    pub fn program(&self) -> RwLockReadGuard<'_, Program> {
        self.program.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The host path of a guest path that has been read.
    pub fn resolve(&self, dirfd: i32, path: &CStr, follow: Follow) -> Result<HostPath, Errno> {
        if let Some(exe) = procfs::exe_link(path.to_bytes()).then(|| self.program()) {
            use std::os::unix::ffi::OsStrExt;
            if follow == Follow::Yes && !exe.host_path.as_os_str().is_empty() {
                let host = CString::new(exe.host_path.as_os_str().as_bytes()).map_err(|_| Errno::ENOENT)?;
                return Ok(HostPath::owned(libc::AT_FDCWD, host));
            }
        }
        match self.rootfs() {
            None => Ok(HostPath::owned(dirfd, path.to_owned())),
            Some(rootfs) => overlay::resolve(rootfs, dirfd, path, follow),
        }
    }

    /// A host path as the guest sees it: without the rootfs in front.
    pub fn to_guest<'a>(&self, path: &'a [u8]) -> &'a [u8] {
        let Some(rootfs) = self.rootfs() else { return path };
        match path.strip_prefix(rootfs.to_bytes()) {
            Some([]) => b"/",
            Some(rest @ [b'/', ..]) => rest,
            _ => path,
        }
    }
}

impl Cx<'_> {
    /// The host path of the guest's path argument at `path`, relative to `dirfd`.
    ///
    /// A pointer that leads nowhere, or to something too long, stays as it is: when among its checks a call looks at the
    /// path is for the host to know.
    pub fn path(&self, dirfd: i32, path: GuestAddr, follow: Follow) -> Result<HostPath, Errno> {
        if self.process.fs.rootfs().is_none() && !self.starts_in_proc(path) {
            return Ok(HostPath::untouched(dirfd, path));
        }
        match self.read_path(path) {
            Ok(text) => self.process.fs.resolve(dirfd, &text, follow),
            Err(_) => Ok(HostPath::untouched(dirfd, path)),
        }
    }

    /// As [`Cx::path`] for calls with AT_EMPTY_PATH or that take a NULL path: those mean `dirfd` itself.
    pub fn path_or_fd(&self, dirfd: i32, path: GuestAddr, follow: Follow) -> Result<HostPath, Errno> {
        if path.0 == 0 {
            return Ok(HostPath::untouched(dirfd, path));
        }
        self.path(dirfd, path, follow)
    }

    fn starts_in_proc(&self, path: GuestAddr) -> bool {
        const PREFIX: &[u8; 6] = b"/proc/";
        let mut head = [0; PREFIX.len()];
        if self.read_into(path, &mut head).is_ok() {
            return &head == PREFIX;
        }
        // The string may end just before an unmapped page, or be no string at all.
        self.read_path(path).is_ok_and(|text| text.to_bytes().starts_with(PREFIX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guest_names_lose_the_rootfs() {
        let dir = std::env::temp_dir().canonicalize().unwrap();
        let fs = FsContext::new(Some(dir.clone())).unwrap();
        let root = dir.to_str().unwrap();
        for (host, guest) in [("", "/"), ("/a/b", "/a/b")] {
            assert_eq!(fs.to_guest(format!("{root}{host}").as_bytes()), guest.as_bytes());
        }
        let beside = format!("{root}x/a");
        assert_eq!(fs.to_guest(beside.as_bytes()), beside.as_bytes());
        fs.leave_rootfs();
        assert_eq!(fs.to_guest(root.as_bytes()), root.as_bytes());
    }
}
