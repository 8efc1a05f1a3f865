//! Files of /proc that must describe the guest: given as memfds with made content, or as the program's own file.
use super::{HostPath, Text};
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::host;
use crate::host::call::ptr;
use crate::layout::fcntl;
use ir::guest::GuestRange;

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
    let content = match bytes {
        b"/proc/cpuinfo" => super::cpuinfo::text().into_bytes(),
        _ => match own_file(bytes)? {
            Own::Auxv => cx.process.fs.program().auxv.clone(),
            Own::Cmdline => strings(cx, cx.process.fs.program().args),
            Own::Environ => strings(cx, cx.process.fs.program().env),
            Own::Maps => maps(cx),
            Own::Exe => return None,
        },
    };
    if flags & libc::O_ACCMODE as u32 != libc::O_RDONLY as u32 {
        return Some(Err(Errno::EACCES));
    }
    Some(memfd(&content, flags))
}

/// What the guest's stack holds now, as the kernel reads it: programs overwrite their arguments on purpose.
fn strings(cx: &Cx<'_>, range: GuestRange) -> Vec<u8> {
    cx.read_bytes(range.start, range.len as usize).unwrap_or_default()
}

/// A read-only file descriptor of a memfd with this content.
fn memfd(content: &[u8], flags: u32) -> SysResult {
    let fd = host::syscall(libc::SYS_memfd_create, args![c"proc", libc::MFD_CLOEXEC])?;
    let reopened = fill(fd, content).and_then(|()| {
        let name = std::ffi::CString::new(format!("/proc/self/fd/{fd}")).map_err(|_| Errno::EINVAL)?;
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
fn maps(cx: &Cx<'_>) -> Vec<u8> {
    let fs = &cx.process.fs;
    cx.process.mm.render_maps(|path| String::from_utf8_lossy(fs.to_guest(path.as_bytes())).into_owned()).into_bytes()
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
