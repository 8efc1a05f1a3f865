//! Consoles, frame buffers and serial ports.
use super::{exchange, wide};
use crate::args;
use crate::context::{Cx, SysResult};
use crate::host::call::mut_ptr;
use crate::layout::fcntl::open_flags_to_host;
use crate::layout::ioctl::{FbCmap, FbCmap32, FbFix, FbFix32, FontOp, FontOp32, Serial, Serial32, Unimap, Unimap32};
use crate::layout::{U32, U64};
use crate::syscall::Args;

fn cut(value: U64) -> U32 {
    U32::new(value.get() as u32)
}

/// TIOCGPTPEER: the argument is a set of open flags.
pub fn pty_peer(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.host(a, libc::SYS_ioctl, args![a.int(0), a.uint(1), open_flags_to_host(a.uint(2))])
}

/// TIOCGSERIAL and TIOCSSERIAL.
pub fn serial(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let to_host = |guest: &Serial32| Serial {
        head: guest.head,
        iomem_base: wide(guest.iomem_base),
        shift: guest.shift,
        port_high: guest.port_high,
        iomap_base: wide(guest.iomap_base),
        ..Serial::default()
    };
    // The kernel does not show a 32-bit task an address it could not hold.
    let shown = |base: U64| if base.get() >> 32 != 0 { U32::new(u32::MAX) } else { cut(base) };
    let to_guest = |host: &Serial, _: &Serial32| Serial32 {
        head: host.head,
        iomem_base: shown(host.iomem_base),
        shift: host.shift,
        port_high: host.port_high,
        iomap_base: shown(host.iomap_base),
        ..Serial32::default()
    };
    exchange(cx, a, a.uint(1), to_host, to_guest)
}

/// FBIOGET_FSCREENINFO.
pub fn fb_fix(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let mut host = FbFix::default();
    let result = cx.host(a, libc::SYS_ioctl, args![a.int(0), a.uint(1), mut_ptr(&mut host)])?;
    let guest = FbFix32 {
        id: host.id,
        smem_start: cut(host.smem_start),
        smem_len: host.smem_len,
        middle: host.middle,
        line_length: host.line_length,
        mmio_start: cut(host.mmio_start),
        tail: host.tail,
        ..FbFix32::default()
    };
    cx.write(a.addr(2), &guest)?;
    Ok(result)
}

/// FBIOGETCMAP and FBIOPUTCMAP: four pointers to 16-bit levels.
pub fn fb_cmap(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let to_host = |guest: &FbCmap32| FbCmap { start: guest.start, len: guest.len, channels: guest.channels.map(wide) };
    exchange(cx, a, a.uint(1), to_host, |_, guest| *guest)
}

/// KDFONTOP.
pub fn font(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let to_host = |guest: &FontOp32| FontOp {
        op: guest.op,
        flags: guest.flags,
        width: guest.width,
        height: guest.height,
        count: guest.count,
        data: wide(guest.data),
        ..FontOp::default()
    };
    let to_guest = |host: &FontOp, guest: &FontOp32| FontOp32 {
        flags: host.flags,
        width: host.width,
        height: host.height,
        count: host.count,
        ..*guest
    };
    exchange(cx, a, a.uint(1), to_host, to_guest)
}

/// GIO_UNIMAP and PIO_UNIMAP.
pub fn unimap(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let to_host = |guest: &Unimap32| Unimap { count: guest.count, entries: wide(guest.entries), ..Unimap::default() };
    exchange(cx, a, a.uint(1), to_host, |host, guest| Unimap32 { count: host.count, ..*guest })
}
