//! User and group ids: the 16-bit calls of the first ABI and the 32-bit ones, credentials(7).
//!
//! A 16-bit id of 65535 means -1 ("no change"); an id above 65535 reads back as 65534 (the overflow id).
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::host;
use crate::host::call::mut_ptr;
use crate::layout::U16;

const OVERFLOW_ID: u16 = 65534;
const NGROUPS_MAX: u32 = 65536;

/// `low2highuid` of the kernel: the 32-bit id for a 16-bit argument.
pub fn low_to_high(id: u32) -> u32 {
    if id as u16 == u16::MAX {
        u32::MAX
    } else {
        u32::from(id as u16)
    }
}

/// `high2lowuid` of the kernel: the 16-bit id a 32-bit one is shown as.
pub fn overflow16(id: u32) -> u16 {
    u16::try_from(id).unwrap_or(OVERFLOW_ID)
}

macro_rules! getters {
    ($($(#[$m:meta])* $name:ident, $nr:expr;)+) => {
        $($(#[$m])*
        pub fn $name(cx: &mut Cx<'_>, a: &Args) -> SysResult {
            cx.host(a, $nr, args![]).map(|id| u32::from(overflow16(id)))
        })+
    };
}

getters! {
    /// getuid(2).
    getuid16, libc::SYS_getuid;
    /// geteuid(2).
    geteuid16, libc::SYS_geteuid;
    /// getgid(2).
    getgid16, libc::SYS_getgid;
    /// getegid(2).
    getegid16, libc::SYS_getegid;
}

macro_rules! setters {
    ($($(#[$m:meta])* $name:ident, $nr:expr;)+) => {
        $($(#[$m])*
        pub fn $name(cx: &mut Cx<'_>, a: &Args) -> SysResult {
            let ids = a.raw().map(|id| u64::from(low_to_high(id)));
            cx.host(a, $nr, ids)
        })+
    };
}

setters! {
    /// setuid(2).
    setuid16, libc::SYS_setuid;
    /// setgid(2).
    setgid16, libc::SYS_setgid;
    /// setreuid(2).
    setreuid16, libc::SYS_setreuid;
    /// setregid(2).
    setregid16, libc::SYS_setregid;
    /// setresuid(2).
    setresuid16, libc::SYS_setresuid;
    /// setresgid(2).
    setresgid16, libc::SYS_setresgid;
    /// setfsuid(2): answers the previous id.
    setfsuid16, libc::SYS_setfsuid;
    /// setfsgid(2): answers the previous id.
    setfsgid16, libc::SYS_setfsgid;
}

fn three_ids(nr: i64) -> Result<[u32; 3], Errno> {
    let mut ids = [0u32; 3];
    let [real, effective, saved] = &mut ids;
    host::syscall(nr, args![mut_ptr(real), mut_ptr(effective), mut_ptr(saved)])?;
    Ok(ids)
}

fn get_three16(cx: &Cx<'_>, a: &Args, nr: i64) -> SysResult {
    for (n, id) in three_ids(nr)?.into_iter().enumerate() {
        cx.write(a.addr(n), &overflow16(id))?;
    }
    Ok(0)
}

fn get_three32(cx: &Cx<'_>, a: &Args, nr: i64) -> SysResult {
    for (n, id) in three_ids(nr)?.into_iter().enumerate() {
        cx.write(a.addr(n), &id)?;
    }
    Ok(0)
}

/// getresuid(2).
pub fn getresuid16(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    get_three16(cx, a, libc::SYS_getresuid)
}

/// getresgid(2).
pub fn getresgid16(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    get_three16(cx, a, libc::SYS_getresgid)
}

/// getresuid32(2).
pub fn getresuid32(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    get_three32(cx, a, libc::SYS_getresuid)
}

/// getresgid32(2).
pub fn getresgid32(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    get_three32(cx, a, libc::SYS_getresgid)
}

/// getgroups(2) with 16-bit ids.
pub fn getgroups16(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    if a.int(0) < 0 {
        return Err(Errno::EINVAL);
    }
    let mut groups = vec![0u32; a.uint(0).min(NGROUPS_MAX) as usize];
    let count = host::syscall(libc::SYS_getgroups, args![groups.len(), mut_ptr(groups.as_mut_slice())])? as u32;
    if a.uint(0) != 0 {
        let short: Vec<U16> = groups[..count as usize].iter().map(|&id| overflow16(id).into()).collect();
        cx.write(a.addr(1), short.as_slice())?;
    }
    Ok(count)
}

/// setgroups(2) with 16-bit ids.
pub fn setgroups16(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let count = a.uint(0);
    let widened = |bytes: &[u8]| {
        let short = bytes.chunks_exact(2).map(|id| u32::from(u16::from_le_bytes([id[0], id[1]])));
        short.flat_map(|id| low_to_high(id).to_le_bytes()).collect()
    };
    let groups = cx.input_bytes(a.addr(1), 2 * count.min(NGROUPS_MAX) as usize, widened);
    cx.host(a, libc::SYS_setgroups, args![count, &groups])
}

/// getgroups32(2).
pub fn getgroups32(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(1), 4 * u64::from(a.uint(0).min(NGROUPS_MAX)));
    cx.host(a, libc::SYS_getgroups, args![a.int(0), a.addr(1)])
}

/// capget(2): the header is updated when its version is not known.
pub fn capget(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(0), 8);
    cx.will_write(a.addr(1), 24);
    cx.host(a, libc::SYS_capget, args![a.addr(0), a.addr(1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bit_ids() {
        for (guest, host) in [(0, 0), (1000, 1000), (0xfffe, 0xfffe), (0xffff, u32::MAX), (0x1_0001, 1)] {
            assert_eq!(low_to_high(guest), host);
        }
        for (host, guest) in [(0, 0), (65535, 65535), (65536, OVERFLOW_ID), (u32::MAX, OVERFLOW_ID)] {
            assert_eq!(overflow16(host), guest);
        }
    }
}
