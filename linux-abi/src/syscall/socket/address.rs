//! Socket addresses: the same layout everywhere; only pathname sockets know the root overlay.
use crate::context::Cx;
use crate::errno::Errno;
use crate::fs::{Follow, Text};
use crate::host::call::ptr;
use ir::guest::GuestAddr;
use std::ffi::CString;

const AF_UNIX: [u8; 2] = [1, 0];
/// `sizeof(struct sockaddr_un)`.
const SUN_MAX: usize = 110;

/// An address argument for the host: the guest's own, or a translated copy.
#[derive(Debug)]
pub enum HostAddress {
    /// Where it is in guest memory.
    Guest(GuestAddr, u32),
    /// A path below the rootfs.
    Translated(Vec<u8>),
}

impl HostAddress {
    /// Looks at an address argument; NULL is passed on.
    pub fn read(cx: &Cx<'_>, at: GuestAddr, len: u32) -> Result<Self, Errno> {
        let untouched = Self::Guest(at, len);
        if cx.process.fs.rootfs().is_none() || at.0 == 0 || !(3..=SUN_MAX as u32).contains(&len) {
            return Ok(untouched);
        }
        let Ok(bytes) = cx.read_bytes(at, len as usize) else { return Ok(untouched) };
        if bytes[..2] != AF_UNIX || bytes[2] != b'/' {
            return Ok(untouched);
        }
        let path: Vec<u8> = bytes[2..].iter().copied().take_while(|&b| b != 0).collect();
        let path = CString::new(path).map_err(|_| Errno::EINVAL)?;
        match cx.process.fs.resolve(libc::AT_FDCWD, &path, Follow::Yes)?.text {
            // A path that has become too long is tried as it was.
            Text::Owned(host) if host.as_bytes().len() + 3 <= SUN_MAX => {
                Ok(Self::Translated([&AF_UNIX, host.as_bytes_with_nul()].concat()))
            }
            _ => Ok(untouched),
        }
    }

    /// Where the host finds it.
    pub fn pointer(&self) -> u64 {
        match self {
            Self::Guest(at, _) => u64::from(at.0),
            Self::Translated(bytes) => ptr(bytes.as_slice()),
        }
    }

    /// Its length.
    pub fn len(&self) -> u32 {
        match self {
            Self::Guest(_, len) => *len,
            Self::Translated(bytes) => bytes.len() as u32,
        }
    }
}

/// Announces an address and its length word to the memory map before the kernel fills them.
pub fn will_fill(cx: &Cx<'_>, at: GuestAddr, len_at: GuestAddr) {
    if at.0 != 0 {
        let len: u32 = cx.read(len_at).unwrap_or(0);
        cx.will_write(at, u64::from(len.min(4096)));
        cx.will_write(len_at, 4);
    }
}

/// Takes the rootfs off a pathname address the kernel has filled. Failures leave it as it is.
pub fn to_guest(cx: &Cx<'_>, at: GuestAddr, len_at: GuestAddr) {
    if cx.process.fs.rootfs().is_none() || at.0 == 0 {
        return;
    }
    let Ok(len) = cx.read::<u32>(len_at) else { return };
    let Ok(bytes) = cx.read_bytes(at, (len as usize).min(SUN_MAX)) else { return };
    if bytes.len() < 3 || bytes[..2] != AF_UNIX || bytes[2] != b'/' {
        return;
    }
    let path: Vec<u8> = bytes[2..].iter().copied().take_while(|&b| b != 0).collect();
    let guest = cx.process.fs.to_guest(&path);
    if guest.len() < path.len() {
        let address = [&AF_UNIX, guest, &[0]].concat();
        let new_len = address.len() as u32;
        let _ = cx.write(at, address.as_slice()).and_then(|()| cx.write(len_at, &new_len));
    }
}
