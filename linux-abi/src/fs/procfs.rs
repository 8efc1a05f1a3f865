//! Files of /proc that must describe the guest: given as memfds with made content, or as the program's own file.
//!
//! The kernel's cmdline tells of the program that runs when it is read, also if it was opened before execve(2); environ and maps
//! are bound to the memory that the process had, and empty after it; auxv stays as it was. So a program that has opened one
//! of them says so when it executes another, which then makes the content anew ([`renew_inherited`]).
use super::{HostPath, Text};
use crate::args;
use crate::context::{Cx, Process, SysResult};
use crate::errno::Errno;
use crate::host;
use crate::host::call::ptr;
use crate::layout::fcntl;
use ir::guest::GuestRange;
use std::ffi::{CStr, CString};
use std::sync::atomic::Ordering;

/// Names below /proc/self that are made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Own {
    Auxv,
    Cmdline,
    Environ,
    Exe,
    Maps,
}

/// The part after /proc/self/, /proc/thread-self/, /proc/<own pid>/ or .../task/<tid>/.
fn own_part(path: &[u8]) -> Option<&[u8]> {
    let rest = path.strip_prefix(b"/proc/")?;
    let slash = rest.iter().position(|&b| b == b'/')?;
    let (who, mut name) = (&rest[..slash], &rest[slash + 1..]);
    let own = who == b"self" || who == b"thread-self" || who == std::process::id().to_string().as_bytes();
    if !own {
        return None;
    }
    if let Some(task) = name.strip_prefix(b"task/") {
        name = &task[task.iter().position(|&b| b == b'/')? + 1..];
    }
    Some(name)
}

/// The files with made content, and the names of the memfds that stand for them.
const MADE: [(Own, &CStr); 4] = [
    (Own::Auxv, c"proc-auxv"),
    (Own::Cmdline, c"proc-cmdline"),
    (Own::Environ, c"proc-environ"),
    (Own::Maps, c"proc-maps"),
];

impl Own {
    /// What the file holds now.
    fn content(self, process: &Process) -> Vec<u8> {
        let program = process.fs.program();
        match self {
            Self::Auxv => program.auxv.clone(),
            Self::Cmdline => strings(process, program.args),
            Self::Environ => strings(process, program.env),
            Self::Maps => maps(process),
            Self::Exe => Vec::new(),
        }
    }
}

fn own_file(path: &[u8]) -> Option<Own> {
    Some(match own_part(path)? {
        b"auxv" => Own::Auxv,
        b"cmdline" => Own::Cmdline,
        b"environ" => Own::Environ,
        b"exe" => Own::Exe,
        b"maps" => Own::Maps,
        _ => return None,
    })
}

/// Whether this names the link to the running program.
pub fn exe_link(path: &[u8]) -> bool {
    own_file(path) == Some(Own::Exe)
}

/// If the path is one of the made-up files: opens it, with open flags of the guest.
pub fn open(cx: &Cx<'_>, path: &HostPath, flags: u32) -> Option<SysResult> {
    let Text::Owned(text) = &path.text else { return None };
    let bytes = text.to_bytes();
    let (content, name) = match bytes {
        b"/proc/cpuinfo" => (super::cpuinfo::text().into_bytes(), c"proc-cpuinfo"),
        _ => {
            let own = own_file(bytes)?;
            let (_, name) = MADE.into_iter().find(|(made, _)| *made == own)?;
            cx.process.fs.made_files.store(true, Ordering::Relaxed);
            (own.content(cx.process), name)
        }
    };
    if flags & libc::O_ACCMODE as u32 != libc::O_RDONLY as u32 {
        return Some(Err(Errno::EACCES));
    }
    Some(memfd(name, &content, flags))
}

/// What the guest's stack holds now, as the kernel reads it: programs overwrite their arguments on purpose.
fn strings(process: &Process, range: GuestRange) -> Vec<u8> {
    let mut bytes = vec![0; range.len as usize];
    process.mm.load(range.start, &mut bytes).map_or_else(|_| Vec::new(), |()| bytes)
}

/// A read-only file descriptor of a memfd with this content.
fn memfd(name: &CStr, content: &[u8], flags: u32) -> SysResult {
    let fd = host::syscall(libc::SYS_memfd_create, args![name, libc::MFD_CLOEXEC])?;
    let reopened = fill(fd, content).and_then(|()| {
        let name = CString::new(format!("/proc/self/fd/{fd}")).map_err(|_| Errno::EINVAL)?;
        let flags = flags & (fcntl::O_CLOEXEC | libc::O_NONBLOCK as u32);
        host::syscall(libc::SYS_openat, args![libc::AT_FDCWD, name.as_c_str(), flags, 0])
    });
    let _ = host::syscall(libc::SYS_close, args![fd]);
    reopened.map(|fd| fd as u32)
}

fn fill(fd: u64, mut content: &[u8]) -> Result<(), Errno> {
    while !content.is_empty() {
        let n = host::syscall(libc::SYS_write, args![fd, ptr(content), content.len()])?;
        content = &content[n as usize..];
    }
    Ok(())
}

/// /proc/self/maps: the guest's mappings, names without the rootfs.
fn maps(process: &Process) -> Vec<u8> {
    let fs = &process.fs;
    process.mm.render_maps(|path| String::from_utf8_lossy(fs.to_guest(path.as_bytes())).into_owned()).into_bytes()
}

/// Makes the content of files anew that an earlier program of this process has opened; before the first instruction.
pub fn renew_inherited(process: &Process) {
    process.fs.made_files.store(true, Ordering::Relaxed);
    for entry in std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten() {
        let Ok(text) = std::fs::read_link(entry.path()) else { continue };
        let of = |(_, name): &(Own, &CStr)| {
            text.as_os_str() == format!("/memfd:{} (deleted)", name.to_string_lossy()).as_str()
        };
        if let Some((own, _)) = MADE.into_iter().find(of) {
            let content = match own {
                Own::Cmdline => own.content(process),
                Own::Auxv => continue,
                _ => Vec::new(),
            };
            // Opened anew for writing: the position of the guest's descriptor stays where it is.
            let _ = std::fs::write(entry.path(), content);
        }
    }
}

/// What readlink(2) answers for a name of /proc, given what the host says: the program's guest path for `exe`, and no
/// rootfs in front of `cwd`, `root` and `fd/N`.
pub fn link_text(cx: &Cx<'_>, path: &[u8], host: Vec<u8>) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    if exe_link(path) {
        let program = cx.process.fs.program();
        if !program.guest_path.as_os_str().is_empty() {
            return program.guest_path.as_os_str().as_bytes().to_vec();
        }
    }
    if path.starts_with(b"/proc/") {
        return cx.process.fs.to_guest(&host).to_vec();
    }
    host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_are_recognised() {
        let pid = std::process::id();
        for (path, file) in [
            ("/proc/self/exe", Some(Own::Exe)),
            ("/proc/thread-self/maps", Some(Own::Maps)),
            (&format!("/proc/{pid}/cmdline"), Some(Own::Cmdline)),
            (&format!("/proc/{pid}/task/{pid}/auxv"), Some(Own::Auxv)),
            ("/proc/1/../self/exe", None),
            ("/proc/self", None),
            ("/proc/self/stat", None),
            ("/proc/999999999/exe", None),
        ] {
            assert_eq!(own_file(path.as_bytes()), file, "{path}");
        }
    }
}
