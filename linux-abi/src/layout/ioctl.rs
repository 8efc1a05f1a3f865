//! Structures of ioctl(2) requests whose i386 layout differs from the host's: net/if.h, linux/route.h, linux/hdreg.h,
//! linux/fb.h, scsi/sg.h, linux/blkpg.h, linux/kd.h.
use super::{I32, U16, U32, U64};
use crate::records;

records! {
    /// `struct ifreq`.
    Ifreq32 [32] { name: [u8; 16], data: [u8; 16] }
    /// `struct ifreq` of the host.
    Ifreq [40] { name: [u8; 16], data: [u8; 24] }
    /// `struct ifconf`.
    Ifconf32 [8] { len: I32, buf: U32 }
    /// `struct ifconf` of the host.
    Ifconf [16] { len: I32, pad: U32, buf: U64 }
    /// `struct ifmap`.
    Ifmap32 [16] { mem_start: U32, mem_end: U32, base_addr: U16, rest: [u8; 6] }
    /// `struct ifmap` of the host.
    Ifmap [24] { mem_start: U64, mem_end: U64, base_addr: U16, rest: [u8; 6] }
    /// `struct rtentry`.
    Rtentry32 [84] {
        pad1: U32, addresses: [u8; 48], flags: U16, pad2: U16, pad3: U32, pad4: U32, metric: U16, pad5: U16, dev: U32,
        mtu: U32, window: U32, irtt: U16, tail: U16,
    }
    /// `struct rtentry` of the host.
    Rtentry [120] {
        pad1: U64, addresses: [u8; 48], flags: U16, pad2: [U16; 3], pad3: U64, pad4: U64, metric: U16, pad5: [U16; 3],
        dev: U64, mtu: U64, window: U64, irtt: U16, tail: [U16; 3],
    }
    /// `struct in6_rtmsg`.
    In6Rtmsg32 [72] { addresses: [u8; 48], kind: U32, lens: [U16; 2], metric: U32, info: U32, flags: U32, ifindex: I32 }
    /// `struct in6_rtmsg` of the host.
    In6Rtmsg [80] {
        addresses: [u8; 48], kind: U32, lens: [U16; 2], metric: U32, pad: U32, info: U64, flags: U32, ifindex: I32,
    }
    /// `struct hd_geometry`.
    HdGeometry32 [8] { heads: u8, sectors: u8, cylinders: U16, start: U32 }
    /// `struct hd_geometry` of the host.
    HdGeometry [16] { heads: u8, sectors: u8, cylinders: U16, pad: U32, start: U64 }
    /// `struct blkpg_ioctl_arg`.
    Blkpg32 [16] { op: I32, flags: I32, len: I32, data: U32 }
    /// `struct blkpg_ioctl_arg` of the host.
    Blkpg [24] { op: I32, flags: I32, len: I32, pad: U32, data: U64 }
    /// `struct fb_fix_screeninfo`.
    FbFix32 [68] {
        id: [u8; 16], smem_start: U32, smem_len: U32, middle: [u8; 18], pad: U16, line_length: U32, mmio_start: U32,
        tail: [u8; 16],
    }
    /// `struct fb_fix_screeninfo` of the host.
    FbFix [80] {
        id: [u8; 16], smem_start: U64, smem_len: U32, middle: [u8; 18], pad: U16, line_length: U32, pad2: U32,
        mmio_start: U64, tail: [u8; 16],
    }
    /// `struct fb_cmap`.
    FbCmap32 [24] { start: U32, len: U32, channels: [U32; 4] }
    /// `struct fb_cmap` of the host.
    FbCmap [40] { start: U32, len: U32, channels: [U64; 4] }
    /// `struct sg_io_hdr`.
    SgIo32 [64] {
        interface_id: I32, direction: I32, cmd_len: u8, max_sense: u8, iovec_count: U16, transfer_len: U32, data: U32,
        cmd: U32, sense: U32, timeout: U32, flags: U32, pack_id: I32, user: U32, status: [u8; 4], host_status: U16,
        driver_status: U16, resid: I32, duration: U32, info: U32,
    }
    /// `struct sg_io_hdr` of the host.
    SgIo [88] {
        interface_id: I32, direction: I32, cmd_len: u8, max_sense: u8, iovec_count: U16, transfer_len: U32, data: U64,
        cmd: U64, sense: U64, timeout: U32, flags: U32, pack_id: I32, pad: U32, user: U64, status: [u8; 4],
        host_status: U16, driver_status: U16, resid: I32, duration: U32, info: U32, pad2: U32,
    }
    /// `struct console_font_op`.
    FontOp32 [24] { op: U32, flags: U32, width: U32, height: U32, count: U32, data: U32 }
    /// `struct console_font_op` of the host.
    FontOp [32] { op: U32, flags: U32, width: U32, height: U32, count: U32, pad: U32, data: U64 }
    /// `struct unimapdesc`.
    Unimap32 [8] { count: U16, pad: U16, entries: U32 }
    /// `struct unimapdesc` of the host.
    Unimap [16] { count: U16, pad: [U16; 3], entries: U64 }
    /// `struct serial_struct`.
    Serial32 [60] { head: [u8; 44], iomem_base: U32, shift: U16, pad: U16, port_high: U32, iomap_base: U32 }
    /// `struct serial_struct` of the host.
    Serial [72] {
        head: [u8; 44], pad0: U32, iomem_base: U64, shift: U16, pad: U16, port_high: U32, iomap_base: U64,
    }
    /// `struct space_resv`.
    SpaceResv32 [44] { kind: U16, whence: U16, start: U64, len: U64, sysid: I32, pid: U32, pad: [I32; 4] }
    /// `struct space_resv` of the host.
    SpaceResv [48] { kind: U16, whence: U16, pad0: U32, start: U64, len: U64, sysid: I32, pid: U32, pad: [I32; 4] }
}
