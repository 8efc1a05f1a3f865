//! Disks and file systems: block devices, partitions, SCSI generic, space reservation.
use super::{exchange, nowhere, wide};
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::host::call::mut_ptr;
use crate::layout::host64::Iovec;
use crate::layout::ioctl::{Blkpg, Blkpg32, HdGeometry, HdGeometry32, SgIo, SgIo32, SpaceResv, SpaceResv32};
use crate::layout::U32;
use crate::syscall::iov::HostIov;
use crate::syscall::Args;
use ir::guest::GuestAddr;

const BLKGETSIZE64: u32 = 0x8008_1272;
/// FS_IOC_RESVSP of the host; its relatives differ in the low byte only.
const RESVSP: u32 = 0x4030_5800;

/// BLKGETSIZE: sectors in 32 bits, EFBIG beyond.
pub fn size_in_sectors(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let mut bytes = 0u64;
    let result = cx.host(a, libc::SYS_ioctl, args![a.int(0), BLKGETSIZE64, mut_ptr(&mut bytes)])?;
    let sectors = u32::try_from(bytes >> 9).map_err(|_| Errno::EFBIG)?;
    cx.write(a.addr(2), &sectors)?;
    Ok(result)
}

/// HDIO_GETGEO.
pub fn geometry(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let mut host = HdGeometry::default();
    let result = cx.host(a, libc::SYS_ioctl, args![a.int(0), a.uint(1), mut_ptr(&mut host)])?;
    let HdGeometry { heads, sectors, cylinders, start, .. } = host;
    cx.write(a.addr(2), &HdGeometry32 { heads, sectors, cylinders, start: (start.get() as u32).into() })?;
    Ok(result)
}

/// BLKPG.
pub fn partition(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let to_host = |guest: &Blkpg32| Blkpg {
        op: guest.op,
        flags: guest.flags,
        len: guest.len,
        data: wide(guest.data),
        ..Blkpg::default()
    };
    exchange(cx, a, a.uint(1), to_host, |_, guest| *guest)
}

/// SG_IO.
pub fn scsi(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let Ok(guest) = cx.read::<SgIo32>(a.addr(2)) else { return nowhere(cx, a) };
    let vectors = match guest.iovec_count.get() {
        0 => None,
        count => Some(HostIov::read(cx, GuestAddr(guest.data.get()), u32::from(count), true)),
    };
    let data = vectors.as_ref().map_or(wide(guest.data), |iov| iov.pointer().into());
    if vectors.is_none() {
        cx.will_write(GuestAddr(guest.data.get()), u64::from(guest.transfer_len.get()));
    }
    cx.will_write(GuestAddr(guest.sense.get()), u64::from(guest.max_sense));
    let to_host = |guest: &SgIo32| SgIo {
        interface_id: guest.interface_id,
        direction: guest.direction,
        cmd_len: guest.cmd_len,
        max_sense: guest.max_sense,
        iovec_count: guest.iovec_count,
        transfer_len: guest.transfer_len,
        data,
        cmd: wide(guest.cmd),
        sense: wide(guest.sense),
        timeout: guest.timeout,
        flags: guest.flags,
        pack_id: guest.pack_id,
        user: wide(guest.user),
        ..SgIo::default()
    };
    let to_guest = |host: &SgIo, guest: &SgIo32| SgIo32 {
        status: host.status,
        host_status: host.host_status,
        driver_status: host.driver_status,
        resid: host.resid,
        duration: host.duration,
        info: host.info,
        ..*guest
    };
    exchange(cx, a, a.uint(1), to_host, to_guest)
}

/// FS_IOC_RESVSP and its relatives.
pub fn reserve(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let to_host = |guest: &SpaceResv32| SpaceResv {
        kind: guest.kind,
        whence: guest.whence,
        start: guest.start,
        len: guest.len,
        sysid: guest.sysid,
        pid: guest.pid,
        pad: guest.pad,
        ..SpaceResv::default()
    };
    exchange(cx, a, RESVSP | a.uint(1) & 0xff, to_host, |_, guest| *guest)
}

/// FS_IOC_FIEMAP: the number of extents is in the header.
pub fn fiemap(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let extents: U32 = cx.read(a.addr(2).plus(24)).unwrap_or_default();
    cx.will_write(a.addr(2), 32 + 56 * u64::from(extents.get()));
    cx.host(a, libc::SYS_ioctl, args![a.int(0), a.uint(1), a.addr(2)])
}

/// FIDEDUPERANGE: the number of targets is in the header.
pub fn dedupe(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let targets: crate::layout::U16 = cx.read(a.addr(2).plus(16)).unwrap_or_default();
    cx.will_write(a.addr(2), 24 + 32 * u64::from(targets.get()));
    cx.host(a, libc::SYS_ioctl, args![a.int(0), a.uint(1), a.addr(2)])
}

const _: () = assert!(size_of::<Iovec>() == 16);
