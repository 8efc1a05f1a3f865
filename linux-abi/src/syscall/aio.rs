//! Asynchronous I/O, io_setup(2) and its relatives.
//!
//! A context is known by the address of its ring, which C libraries read without a system call. The 64-bit kernel maps
//! the ring above 4 GiB; mremap(2) moves it into the guest's window, and the kernel takes its new address as the
//! context's name. Control blocks stay in guest memory, because completions name them by address.
use super::iov::HostIov;
use super::poll::{guest_mask, SIGSET_SIZE};
use super::time::Width;
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::host;
use crate::host::call::{mut_ptr, opt_ptr, ptr};
use crate::layout::aio::Iocb;
use crate::layout::U32;
use crate::mm::{MmapRequest, Prot};
use ir::guest::GuestAddr;
use std::mem::offset_of;
use std::sync::{Mutex, MutexGuard, PoisonError};

const PREADV: u16 = 7;
const PWRITEV: u16 = 8;
/// Most control blocks looked at in one call (the default of fs.aio-max-nr).
const MAX_SUBMIT: usize = 1 << 16;
/// Bytes of `struct io_event`, which has one layout.
const IO_EVENT: u64 = 32;

/// Rings that were moved into the guest's window: address and length.
static RINGS: Mutex<Vec<(u32, u32)>> = Mutex::new(Vec::new());

/// The rings, held.
pub(crate) fn rings() -> MutexGuard<'static, Vec<(u32, u32)>> {
    RINGS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Length of the mapping that starts at `address`.
fn mapping_len(address: u64) -> Option<u32> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let prefix = format!("{address:x}-");
    let line = maps.lines().find(|line| line.trim_start_matches('0').starts_with(&prefix))?;
    let end = u64::from_str_radix(line.split(['-', ' ']).nth(1)?, 16).ok()?;
    u32::try_from(end - address).ok()
}

/// Moves a new ring below 4 GiB; its address there.
fn lower(cx: &Cx<'_>, ring: u64) -> Result<(u32, u32), Errno> {
    let len = mapping_len(ring).ok_or(Errno::ENOMEM)?;
    let mm = &cx.process.mm;
    let place = mm.mmap(MmapRequest::anonymous(0, len, Prot(0)))?;
    let flags = (libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED) as u32;
    let moved = host::syscall(libc::SYS_mremap, args![ring, len, len, flags, place])
        .and_then(|_| mm.adopt(place.0, len, Prot::READ_WRITE, true));
    if let Err(errno) = moved {
        mm.munmap(place.0, len)?;
        return Err(errno);
    }
    Ok((place.0, len))
}

/// io_setup(2).
pub fn io_setup(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    if cx.read::<u32>(a.addr(1))? != 0 {
        return Err(Errno::EINVAL);
    }
    let mut context = 0u64;
    cx.host(a, libc::SYS_io_setup, args![a.uint(0), mut_ptr(&mut context)])?;
    match lower(cx, context) {
        Ok((ring, len)) => {
            rings().push((ring, len));
            cx.write(a.addr(1), &ring)?;
            Ok(0)
        }
        Err(errno) => {
            let _ = host::syscall(libc::SYS_io_destroy, args![context]);
            Err(errno)
        }
    }
}

/// io_destroy(2): the kernel unmaps the ring.
pub fn io_destroy(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let result = cx.host(a, libc::SYS_io_destroy, args![a.uint(0)])?;
    let mut rings = rings();
    if let Some(index) = rings.iter().position(|ring| ring.0 == a.uint(0)) {
        let (ring, len) = rings.swap_remove(index);
        drop(rings);
        cx.process.mm.munmap(ring, len)?;
    }
    Ok(result)
}

/// io_submit(2): control blocks one by one, as the kernel takes them.
pub fn io_submit(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let count = usize::try_from(a.int(1)).map_err(|_| Errno::EINVAL)?.min(MAX_SUBMIT);
    if count == 0 {
        return cx.host(a, libc::SYS_io_submit, args![a.uint(0), 0, 0]);
    }
    for done in 0..count {
        let block = cx.read::<U32>(a.addr(2).plus(4 * done as u32)).map(|at| GuestAddr(at.get()));
        match block.and_then(|block| submit(cx, a, block)) {
            Ok(_) => {}
            // The kernel looks for the context before it looks at the first block.
            Err(errno) if done == 0 => {
                return cx.host(a, libc::SYS_io_submit, args![a.uint(0), 0, 0]).and(Err(errno));
            }
            Err(_) => return Ok(done as u32),
        }
    }
    Ok(count as u32)
}

/// One control block. A vector is widened, and the block points to the wide one while the kernel reads it.
fn submit(cx: &mut Cx<'_>, a: &Args, at: GuestAddr) -> SysResult {
    let block: Iocb = cx.read(at)?;
    let pointers = [u64::from(at.0)];
    let submit = |cx: &mut Cx<'_>| cx.host(a, libc::SYS_io_submit, args![a.uint(0), 1, ptr(&pointers)]);
    cx.will_write(at, size_of::<Iocb>() as u64);
    if block.buf.get() >> 32 != 0 {
        return Err(Errno::EFAULT);
    }
    if !matches!(block.opcode.get(), PREADV | PWRITEV) {
        if block.opcode.get() == 0 {
            cx.will_write(GuestAddr(block.buf.get() as u32), block.nbytes.get());
        }
        return submit(cx);
    }
    let count = u32::try_from(block.nbytes.get()).map_err(|_| Errno::EINVAL)?;
    let iov = HostIov::read(cx, GuestAddr(block.buf.get() as u32), count, block.opcode.get() == PREADV);
    let field = at.plus(offset_of!(Iocb, buf) as u32);
    cx.write(field, &iov.pointer())?;
    let result = submit(cx);
    cx.write(field, &block.buf.get())?;
    result
}

/// io_cancel(2).
pub fn io_cancel(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    cx.will_write(a.addr(2), IO_EVENT);
    cx.host(a, libc::SYS_io_cancel, args![a.uint(0), a.addr(1), a.addr(2)])
}

/// What the two calls have in common; `mask` reads the argument that the second has more, after the time.
fn events(
    cx: &mut Cx<'_>,
    a: &Args,
    width: Width,
    mask: fn(&Cx<'_>, &Args) -> Result<Option<u64>, Errno>,
) -> SysResult {
    let time = width.read_opt(cx, a.addr(4))?;
    let mask = mask(cx, a)?;
    cx.will_write(a.addr(3), IO_EVENT * u64::from(a.int(2).max(0).unsigned_abs()));
    let with_mask = mask.is_some();
    cx.waiting(mask, |cx, mask| {
        let host_args = args![a.uint(0), a.int(1), a.int(2), a.addr(3), opt_ptr(time.as_ref())];
        if !with_mask {
            return cx.host(a, libc::SYS_io_getevents, host_args);
        }
        let sigset = [opt_ptr(mask.as_ref()), u64::from(SIGSET_SIZE)];
        let [context, least, most, out, time, _] = host_args;
        cx.host(a, super::nr::IO_PGETEVENTS, args![context, least, most, out, time, ptr(&sigset)])
    })
}

/// io_getevents(2).
pub fn io_getevents(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    events(cx, a, Width::Time32, |_, _| Ok(None))
}

fn mask_argument(cx: &Cx<'_>, a: &Args) -> Result<Option<u64>, Errno> {
    match cx.read_opt::<[u32; 2]>(a.addr(5))? {
        Some([at, size]) => guest_mask(cx, GuestAddr(at), size),
        None => Ok(None),
    }
}

/// io_pgetevents(2) with 32-bit time.
pub fn io_pgetevents(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    events(cx, a, Width::Time32, mask_argument)
}

/// io_pgetevents(2) with 64-bit time.
pub fn io_pgetevents_time64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    events(cx, a, Width::Time64, mask_argument)
}

#[cfg(test)]
mod tests {
    use crate::testing::Guest;
    use crate::Errno;

    #[test]
    fn a_vector_is_written_and_read() {
        let mut g = Guest::new();
        let context = g.put(&[0u32]);
        match g.call("io_setup", [8, context]) {
            // Not every kernel has it, and user-mode emulators do not.
            Err(Errno::ENOSYS) => return,
            result => assert_eq!(result, Ok(0)),
        }
        let ring: u32 = g.get(context);
        assert_eq!(g.get::<[u32; 5]>(ring)[4], 0xa10a_10a1, "the ring's magic number");
        let name = std::env::temp_dir().join(format!("ferry-aio-{}", std::process::id()));
        let path = g.text(name.to_str().unwrap());
        let fd = g.call("open", [path, 0o102, 0o600]).unwrap();
        let (left, right) = (g.put(b"abc"), g.put(b"defg"));
        let iov = g.put(&[left, 3, right, 4]);
        let block = |opcode: u32, buf: u32, n: u32| [1, 0, 0, 0, opcode, fd, buf, 0, n, 0, 0, 0, 0, 0, 0, 0u32];
        let write = g.put(&block(8, iov, 2));
        let blocks = g.put(&[write]);
        assert_eq!(g.call("io_submit", [ring, 1, blocks]), Ok(1));
        let events = g.room(64);
        assert_eq!(g.call("io_getevents", [ring, 1, 2, events, 0]), Ok(1));
        assert_eq!(g.get::<[u32; 6]>(events), [1, 0, write, 0, 7, 0]);
        let out = g.room(8);
        let read = g.put(&block(0, out, 8));
        let blocks = g.put(&[read]);
        assert_eq!(g.call("io_submit", [ring, 1, blocks]), Ok(1));
        let soon = g.put(&[5u64, 0]);
        assert_eq!(g.call("io_pgetevents_time64", [ring, 1, 2, events, soon, 0]), Ok(1));
        assert_eq!(&g.get::<[u8; 8]>(out), b"abcdefg\xee");
        g.fails("io_submit", [ring, 1, 0xffff_f000], Errno::EFAULT);
        let size_of_no_mask = g.put(&[soon, 3u32]);
        g.fails("io_pgetevents_time64", [ring, 1, 2, events, 0xffff_f000, size_of_no_mask], Errno::EFAULT);
        g.fails("io_pgetevents_time64", [ring, 1, 2, events, soon, size_of_no_mask], Errno::EINVAL);
        assert_eq!(g.call("io_destroy", [ring]), Ok(0));
        g.fails("io_destroy", [ring], Errno::EINVAL);
        std::fs::remove_file(name).unwrap();
    }
}
