//! Ancillary data of messages, cmsg(3): i386 headers have 12 bytes and 4-aligned data, the host's 16 and 8.
use crate::args;
use crate::errno::Errno;
use crate::host;
use crate::layout::host64::Cmsghdr;
use crate::layout::socket::Cmsghdr32;
use crate::layout::time::{Timespec, Timespec32, Timeval, Timeval32};
use zerocopy::{FromBytes, IntoBytes};

const HEADER32: usize = size_of::<Cmsghdr32>();
const HEADER: usize = size_of::<Cmsghdr>();
const SCM_RIGHTS: i32 = 1;
const SCM_TIMESTAMP: i32 = 29;
const SCM_TIMESTAMPNS: i32 = 35;
const SCM_TIMESTAMPING: i32 = 37;
/// Longest control data taken; the kernel's own limit (net.core.optmem_max) is lower.
pub const MAX_CONTROL: usize = 1 << 20;

/// Control data of the guest for the host. A header that overruns the data ends it in error, as in the kernel; and so does
/// data without a single header (cmsghdr_from_user_compat_to_kern()).
pub fn to_host(guest: &[u8]) -> Result<Vec<u8>, Errno> {
    let mut host = Vec::with_capacity(2 * guest.len());
    let mut rest = guest;
    if rest.len() < HEADER32 {
        return Err(Errno::EINVAL);
    }
    while rest.len() >= HEADER32 {
        let (head, _) = Cmsghdr32::read_from_prefix(rest).map_err(|_| Errno::EINVAL)?;
        let len = head.cmsg_len.get() as usize;
        if len < HEADER32 || len > rest.len() {
            return Err(Errno::EINVAL);
        }
        let data = &rest[HEADER32..len];
        push(&mut host, head.cmsg_level.get(), head.cmsg_type.get(), data);
        rest = &rest[len.next_multiple_of(4).min(rest.len())..];
    }
    Ok(host)
}

fn push(host: &mut Vec<u8>, level: i32, kind: i32, data: &[u8]) {
    let len = ((HEADER + data.len()) as u64).into();
    host.extend_from_slice(Cmsghdr { cmsg_len: len, cmsg_level: level.into(), cmsg_type: kind.into() }.as_bytes());
    host.extend_from_slice(data);
    host.resize(host.len().next_multiple_of(8), 0);
}

/// Room for what the host may answer when the guest has room for `len` bytes.
pub fn host_room(len: usize) -> usize {
    if len < HEADER32 {
        return 0;
    }
    2 * len.min(MAX_CONTROL) + HEADER
}

/// What was received, for the guest.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct GuestControl {
    /// The bytes; at most the room given.
    pub bytes: Vec<u8>,
    /// Something did not fit: MSG_CTRUNC.
    pub truncated: bool,
}

/// Control data of the host for the guest. Descriptors that find no room are closed, as the kernel never makes them.
pub fn to_guest(host: &[u8], room: usize) -> GuestControl {
    let mut out = GuestControl::default();
    let mut rest = host;
    while let Ok((head, _)) = Cmsghdr::read_from_prefix(rest) {
        let len = (head.cmsg_len.get() as usize).clamp(HEADER, rest.len());
        let (level, kind) = (head.cmsg_level.get(), head.cmsg_type.get());
        let data = convert(level, kind, &rest[HEADER..len]);
        out.append(level, kind, &data, room);
        rest = &rest[len.next_multiple_of(8).min(rest.len())..];
    }
    out
}

impl GuestControl {
    fn append(&mut self, level: i32, kind: i32, data: &[u8], room: usize) {
        let start = self.bytes.len();
        let rights = level == libc::SOL_SOCKET && kind == SCM_RIGHTS;
        let space = room.saturating_sub(start + HEADER32);
        let mut fits = data.len().min(space);
        if rights {
            fits &= !3;
        }
        self.truncated |= fits < data.len();
        if rights {
            close_descriptors(&data[fits..]);
        }
        if room < start + HEADER32 || rights && fits == 0 {
            self.truncated = true;
            return;
        }
        let len = ((HEADER32 + fits) as u32).into();
        let head = Cmsghdr32 { cmsg_len: len, cmsg_level: level.into(), cmsg_type: kind.into() };
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(&data[..fits]);
        let end = self.bytes.len().next_multiple_of(4).min(room);
        self.bytes.resize(end.max(self.bytes.len()), 0);
    }
}

fn close_descriptors(fds: &[u8]) {
    for fd in fds.chunks_exact(4) {
        let fd = i32::from_le_bytes([fd[0], fd[1], fd[2], fd[3]]);
        let _ = host::syscall(libc::SYS_close, args![fd]);
    }
}

/// Time stamps in the old formats narrow; everything else has one layout.
fn convert(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
    if level != libc::SOL_SOCKET {
        return data.to_vec();
    }
    match kind {
        SCM_TIMESTAMP => match Timeval::read_from_prefix(data) {
            Ok((time, _)) => Timeval32::from(time).as_bytes().to_vec(),
            Err(_) => data.to_vec(),
        },
        SCM_TIMESTAMPNS | SCM_TIMESTAMPING => data
            .chunks_exact(size_of::<Timespec>())
            .filter_map(|chunk| Timespec::read_from_bytes(chunk).ok())
            .flat_map(|time| Timespec32::from(time).as_bytes().to_vec())
            .collect(),
        _ => data.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(len: u32, level: i32, kind: i32) -> Vec<u8> {
        [len.to_le_bytes(), level.to_le_bytes(), kind.to_le_bytes()].concat()
    }

    #[test]
    fn widen_and_narrow_again() {
        let guest = [header(17, 1, 2), b"abcde\0\0\0".to_vec(), header(16, 41, 7), vec![1, 2, 3, 4]].concat();
        let host = to_host(&guest).unwrap();
        assert_eq!(host.len(), 24 + 24);
        assert_eq!((host[0], host[24]), (21, 20));
        assert_eq!(to_guest(&host, 100), GuestControl { bytes: guest, truncated: false });
    }

    #[test]
    fn malformed_headers_are_refused() {
        for len in [0, 11, 100] {
            assert_eq!(to_host(&header(len, 1, 1)), Err(Errno::EINVAL));
        }
        assert_eq!(to_host(&[0; 11]), Err(Errno::EINVAL));
    }

    #[test]
    fn timestamps_narrow() {
        let mut host = Vec::new();
        let stamp = Timeval { tv_sec: 5.into(), tv_usec: 6.into() };
        push(&mut host, libc::SOL_SOCKET, SCM_TIMESTAMP, stamp.as_bytes());
        let guest = to_guest(&host, 64);
        assert_eq!(guest.bytes, [header(20, 1, 29), vec![5, 0, 0, 0, 6, 0, 0, 0]].concat());
    }

    #[test]
    fn what_does_not_fit_is_cut_and_said() {
        let mut host = Vec::new();
        push(&mut host, 41, 7, b"abcdefgh");
        let guest = to_guest(&host, 15);
        assert_eq!(guest.bytes, [header(15, 41, 7), b"abc".to_vec()].concat());
        assert!(guest.truncated);
        assert_eq!(to_guest(&host, 4), GuestControl { bytes: Vec::new(), truncated: true });
    }
}
