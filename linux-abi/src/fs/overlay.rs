//! Path walk through the root overlay: each name is looked up in the rootfs first, then on the host.
//!
//! Absolute symbolic links stay inside the overlay. /proc, /sys and /dev are always the host's. A name that exists in
//! neither place belongs to the side that has its parent directory, the rootfs first.
use super::{Follow, HostPath};
use crate::args;
use crate::errno::Errno;
use crate::host;
use crate::host::call::mut_ptr;
use std::collections::VecDeque;
use std::ffi::{CStr, CString};

/// Most symbolic links in one walk (the kernel's MAXSYMLINKS).
const MAX_LINKS: u32 = 40;
/// Top directories that are never looked up in the rootfs.
const HOST_ONLY: [&[u8]; 3] = [b"proc", b"sys", b"dev"];

/// The host path for a guest path.
pub fn resolve(rootfs: &CStr, dirfd: i32, path: &CStr, follow: Follow) -> Result<HostPath, Errno> {
    let bytes = path.to_bytes();
    if bytes.first() == Some(&b'/') {
        let host = Walk::new(rootfs).run(bytes, follow)?;
        return Ok(HostPath::owned(libc::AT_FDCWD, host));
    }
    if let Some(base) = relative_with_links(rootfs, dirfd, bytes, follow) {
        let mut whole = base;
        whole.push(b'/');
        whole.extend_from_slice(bytes);
        let host = Walk::new(rootfs).run(&whole, follow)?;
        return Ok(HostPath::owned(libc::AT_FDCWD, host));
    }
    Ok(HostPath::owned(dirfd, path.to_owned()))
}

/// A relative path needs a walk of ours only if it crosses a symbolic link below a directory of the rootfs: then this is
/// the guest name of that directory.
fn relative_with_links(rootfs: &CStr, dirfd: i32, path: &[u8], follow: Follow) -> Option<Vec<u8>> {
    let ends = path.iter().enumerate().filter(|(_, &b)| b == b'/').map(|(i, _)| i).filter(|&i| i > 0);
    let last = (follow == Follow::Yes).then_some(path.len());
    let crosses = ends.chain(last).any(|end| read_link_at(dirfd, &path[..end]).is_ok());
    if !crosses {
        return None;
    }
    let base = if dirfd == libc::AT_FDCWD {
        read_link_at(libc::AT_FDCWD, b"/proc/self/cwd").ok()?
    } else {
        read_link_at(libc::AT_FDCWD, format!("/proc/self/fd/{dirfd}").as_bytes()).ok()?
    };
    let inside = base.strip_prefix(rootfs.to_bytes())?;
    (inside.is_empty() || inside[0] == b'/').then(|| inside.to_vec())
}

/// readlinkat(2): the link's text, EINVAL for what is no link.
pub fn read_link_at(dirfd: i32, path: &[u8]) -> Result<Vec<u8>, Errno> {
    let path = CString::new(path).map_err(|_| Errno::ENOENT)?;
    let mut text = vec![0u8; crate::guest_mem::PATH_MAX];
    let len =
        host::syscall(libc::SYS_readlinkat, args![dirfd, path.as_c_str(), mut_ptr(text.as_mut_slice()), text.len()])?;
    text.truncate(len as usize);
    Ok(text)
}

fn exists(path: &[u8]) -> bool {
    !matches!(read_link_at(libc::AT_FDCWD, path), Err(Errno::ENOENT | Errno::ENOTDIR))
}

struct Walk<'a> {
    rootfs: &'a [u8],
    /// Components of the guest path so far, all resolved.
    done: Vec<Vec<u8>>,
    /// Components still to resolve.
    todo: VecDeque<Vec<u8>>,
    links: u32,
}

impl<'a> Walk<'a> {
    fn new(rootfs: &'a CStr) -> Self {
        Self { rootfs: rootfs.to_bytes(), done: Vec::new(), todo: VecDeque::new(), links: 0 }
    }

    fn run(mut self, path: &[u8], follow: Follow) -> Result<CString, Errno> {
        let trailing = path.ends_with(b"/") || path.ends_with(b"/.");
        self.push_front(path);
        while let Some(name) = self.todo.pop_front() {
            match name.as_slice() {
                b"." => continue,
                b".." => drop(self.done.pop()),
                _ => self.step(name, follow == Follow::Yes || trailing)?,
            }
        }
        let mut host = self.place();
        if trailing && !host.ends_with(b"/") {
            host.push(b'/');
        }
        CString::new(host).map_err(|_| Errno::ENOENT)
    }

    fn push_front(&mut self, path: &[u8]) {
        for name in path.split(|&b| b == b'/').filter(|name| !name.is_empty()).rev() {
            self.todo.push_front(name.to_vec());
        }
    }

    /// Adds one name; if it is a link that is to be followed, its text is put in front of what remains.
    fn step(&mut self, name: Vec<u8>, follow_last: bool) -> Result<(), Errno> {
        self.done.push(name);
        if self.host_only() {
            // Magic links of /proc lead to host paths; the host kernel walks them.
            self.done.extend(self.todo.drain(..));
            return Ok(());
        }
        if self.todo.is_empty() && !follow_last {
            return Ok(());
        }
        let Ok(target) = self.read_link() else { return Ok(()) };
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Errno::ELOOP);
        }
        self.done.pop();
        if target.first() == Some(&b'/') {
            self.done.clear();
        }
        self.push_front(&target);
        Ok(())
    }

    fn host_only(&self) -> bool {
        self.done.len() == 1 && HOST_ONLY.contains(&self.done[0].as_slice())
    }

    fn guest_path(&self) -> Vec<u8> {
        self.done.iter().fold(Vec::new(), |mut path, name| {
            path.push(b'/');
            path.extend_from_slice(name);
            path
        })
    }

    fn in_rootfs(&self, guest: &[u8]) -> Vec<u8> {
        [self.rootfs, guest].concat()
    }

    fn read_link(&self) -> Result<Vec<u8>, Errno> {
        let guest = self.guest_path();
        match read_link_at(libc::AT_FDCWD, &self.in_rootfs(&guest)) {
            Err(Errno::ENOENT | Errno::ENOTDIR) => read_link_at(libc::AT_FDCWD, &guest),
            found => found,
        }
    }

    /// Which side the resolved path is on.
    fn place(&self) -> Vec<u8> {
        let guest = self.guest_path();
        let inside = self.in_rootfs(&guest);
        let outside = if guest.is_empty() { b"/".to_vec() } else { guest };
        let host_only = self.done.first().is_some_and(|top| HOST_ONLY.contains(&top.as_slice()));
        if host_only || (!exists(&inside) && exists(&outside)) {
            return outside;
        }
        if exists(&inside) {
            return inside;
        }
        let parent = inside.iter().rposition(|&b| b == b'/').map_or(&[][..], |end| &inside[..end]);
        if exists(parent) {
            inside
        } else {
            outside
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("ferry-overlay-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&dir);
            for sub in ["etc/alternatives", "usr/lib", "dev", "loop"] {
                fs::create_dir_all(dir.join(sub)).unwrap();
            }
            fs::write(dir.join("usr/lib/libx.so.1"), "x").unwrap();
            symlink("/usr/lib/libx.so.1", dir.join("etc/alternatives/libx")).unwrap();
            symlink("/etc/alternatives/libx", dir.join("usr/lib/libx.so")).unwrap();
            symlink("usr/lib", dir.join("lib")).unwrap();
            symlink("/loop/a", dir.join("loop/b")).unwrap();
            symlink("/loop/b", dir.join("loop/a")).unwrap();
            Self(dir.canonicalize().unwrap())
        }

        fn resolve(&self, path: &str, follow: Follow) -> Result<String, Errno> {
            let root = CString::new(self.0.to_str().unwrap()).unwrap();
            let host = resolve(&root, libc::AT_FDCWD, &CString::new(path).unwrap(), follow)?;
            match host.text {
                super::super::Text::Owned(text) => {
                    Ok(text.into_string().unwrap().replace(self.0.to_str().unwrap(), "R"))
                }
                super::super::Text::Guest(_) => panic!("not translated"),
            }
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn names_are_found_inside_first() {
        let tree = Tree::new("inside");
        for (path, follow, host) in [
            ("/", Follow::Yes, "R/"),
            ("/usr/lib/libx.so.1", Follow::Yes, "R/usr/lib/libx.so.1"),
            ("/lib/libx.so", Follow::Yes, "R/usr/lib/libx.so.1"),
            ("/lib/libx.so", Follow::No, "R/usr/lib/libx.so"),
            ("/lib", Follow::No, "R/lib"),
            ("/lib/", Follow::No, "R/usr/lib/"),
            ("//usr/./lib/../lib/libx.so.1", Follow::Yes, "R/usr/lib/libx.so.1"),
            ("/../../usr", Follow::Yes, "R/usr"),
            ("/etc/new-file", Follow::Yes, "R/etc/new-file"),
            ("/etc/passwd", Follow::Yes, "/etc/passwd"),
            ("/dev/null", Follow::Yes, "/dev/null"),
            ("/proc/self/exe", Follow::No, "/proc/self/exe"),
            ("/nowhere/at/all", Follow::Yes, "/nowhere/at/all"),
        ] {
            assert_eq!(tree.resolve(path, follow).unwrap(), host, "{path}");
        }
    }

    #[test]
    fn link_loops_end() {
        assert_eq!(Tree::new("loop").resolve("/loop/a", Follow::Yes), Err(Errno::ELOOP));
    }
}
