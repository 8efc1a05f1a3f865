//! Waiting for files: select(2), pselect(2), poll(2), ppoll(2), epoll(7).
use super::time::{restart_poll, Width};
use super::Args;
use crate::args;
use crate::context::{Cx, SysResult};
use crate::errno::Errno;
use crate::host::call::{mut_ptr, opt_ptr, ptr};
use crate::layout::poll::{EpollEvent, HostEpollEvent, OldSelect};
use crate::layout::time::{Timespec, Timeval32};
use crate::layout::uio::Pollfd;
use ir::guest::GuestAddr;

/// Bytes of a signal set for the kernel.
pub const SIGSET_SIZE: u32 = 8;
/// Descriptors that fit an `fd_set` without an allocation (FD_SETSIZE).
const INLINE_FDS: usize = 1024;

/// One of the three sets of select(2): the guest's 32-bit words in 64-bit ones (both are little-endian bit strings).
struct FdSet {
    at: GuestAddr,
    bytes: usize,
    inline: [u64; INLINE_FDS / 64],
    heap: Vec<u64>,
}

impl FdSet {
    fn read(cx: &Cx<'_>, at: GuestAddr, count: usize) -> Result<Self, Errno> {
        let mut set = Self { at, bytes: count.div_ceil(32) * 4, inline: [0; INLINE_FDS / 64], heap: Vec::new() };
        if count > INLINE_FDS {
            set.heap = vec![0; count.div_ceil(64)];
        }
        if at.0 != 0 {
            let bytes = set.bytes;
            cx.read_into(at, &mut zerocopy::IntoBytes::as_mut_bytes(set.words())[..bytes])?;
        }
        Ok(set)
    }

    fn words(&mut self) -> &mut [u64] {
        if self.heap.is_empty() {
            &mut self.inline
        } else {
            &mut self.heap
        }
    }

    fn pointer(&mut self) -> u64 {
        if self.at.0 == 0 {
            0
        } else {
            mut_ptr(self.words())
        }
    }

    fn write(&mut self, cx: &Cx<'_>) -> Result<(), Errno> {
        if self.at.0 == 0 {
            return Ok(());
        }
        let (at, bytes) = (self.at, self.bytes);
        cx.write(at, &zerocopy::IntoBytes::as_bytes(self.words())[..bytes])
    }
}

/// The kernel looks at no more descriptors than the process can have.
fn clamp_count(count: i32) -> Result<usize, Errno> {
    let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
    if count <= INLINE_FDS {
        return Ok(count);
    }
    #[allow(clippy::unnecessary_cast, reason = "the widths differ between hosts")]
    let limit = super::rlimit::get(libc::RLIMIT_NOFILE as u32)?.rlim_cur.get();
    Ok(count.min(usize::try_from(limit).unwrap_or(usize::MAX).next_multiple_of(64)).max(INLINE_FDS))
}

/// select on the host; the sets are written back unless it failed, `timeout` is what is left afterwards.
fn select_for(
    cx: &mut Cx<'_>,
    a: &Args,
    count: i32,
    sets: [GuestAddr; 3],
    timeout: &mut Option<Timespec>,
    mask: Option<u64>,
) -> SysResult {
    let count = clamp_count(count)?;
    let [mut read, mut write, mut except] =
        [FdSet::read(cx, sets[0], count)?, FdSet::read(cx, sets[1], count)?, FdSet::read(cx, sets[2], count)?];
    let timeout = timeout.as_mut().map_or(0, mut_ptr);
    let pointers = [read.pointer(), write.pointer(), except.pointer()];
    let ready = cx.waiting(mask, |cx, mask| {
        let mask_arg = [opt_ptr(mask.as_ref()), u64::from(SIGSET_SIZE)];
        let host_args = args![count, pointers[0], pointers[1], pointers[2], timeout, ptr(&mask_arg)];
        cx.host(a, libc::SYS_pselect6, host_args)
    })?;
    for set in [&mut read, &mut write, &mut except] {
        set.write(cx)?;
    }
    Ok(ready)
}

fn select_timeval(cx: &mut Cx<'_>, a: &Args, count: i32, sets: [GuestAddr; 3], at: GuestAddr) -> SysResult {
    let mut timeout = match cx.read_opt::<Timeval32>(at)? {
        None => None,
        Some(t) => Some(timeval_to_timespec(t)?),
    };
    let ready = select_for(cx, a, count, sets, &mut timeout, None);
    if let Some(left) = timeout {
        let usec = (left.tv_nsec.get() / 1000) as i32;
        // As the kernel: an unwritable timeout does not change the outcome.
        let _ = cx.write(at, &Timeval32 { tv_sec: (left.tv_sec.get() as i32).into(), tv_usec: usec.into() });
    }
    ready
}

/// Microseconds above a million carry into seconds, as in `kern_select`.
fn timeval_to_timespec(t: Timeval32) -> Result<Timespec, Errno> {
    let (sec, usec) = (i64::from(t.tv_sec.get()), i64::from(t.tv_usec.get()));
    let (sec, nsec) = (sec + usec / 1_000_000, usec % 1_000_000 * 1000);
    if sec < 0 || nsec < 0 {
        return Err(Errno::EINVAL);
    }
    Ok(Timespec { tv_sec: sec.into(), tv_nsec: nsec.into() })
}

/// _newselect(2): five arguments.
pub fn newselect(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    select_timeval(cx, a, a.int(0), [a.addr(1), a.addr(2), a.addr(3)], a.addr(4))
}

/// select(2) of the first ABI: the arguments are in memory.
pub fn old_select(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let block: OldSelect = cx.read(a.addr(0))?;
    let sets = block.sets.map(|at| GuestAddr(at.get()));
    select_timeval(cx, a, block.n.get(), sets, GuestAddr(block.timeout.get()))
}

/// pselect6(2) with 32-bit times.
pub fn pselect6(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    pselect(cx, a, Width::Time32)
}

/// pselect6(2) with 64-bit times.
pub fn pselect6_time64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    pselect(cx, a, Width::Time64)
}

fn pselect(cx: &mut Cx<'_>, a: &Args, width: Width) -> SysResult {
    let mask = match cx.read_opt::<[u32; 2]>(a.addr(5))? {
        Some([at, size]) => guest_mask(cx, GuestAddr(at), size)?,
        None => None,
    };
    let mut timeout = width.read_opt(cx, a.addr(4))?;
    let ready = select_for(cx, a, a.int(0), [a.addr(1), a.addr(2), a.addr(3)], &mut timeout, mask);
    if let Some(left) = timeout {
        let _ = width.write(cx, a.addr(4), left);
    }
    ready
}

/// A signal mask argument: NULL for none; its size must be that of the kernel's set.
pub fn guest_mask(cx: &Cx<'_>, at: GuestAddr, size: u32) -> Result<Option<u64>, Errno> {
    if at.0 != 0 && size != SIGSET_SIZE {
        return Err(Errno::EINVAL);
    }
    cx.read_opt(at)
}

/// poll(2).
pub fn poll(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let ms = a.int(2);
    let timeout = (ms >= 0)
        .then(|| Timespec { tv_sec: i64::from(ms / 1000).into(), tv_nsec: (i64::from(ms % 1000) * 1_000_000).into() });
    poll_for(cx, a, timeout)
}

/// poll(2) for the time given; when interrupted the rest is kept for restart_syscall(2).
pub fn poll_for(cx: &mut Cx<'_>, a: &Args, mut timeout: Option<Timespec>) -> SysResult {
    let (fds, count) = (a.addr(0), a.uint(1));
    cx.will_write(fds, pollfd_bytes(count));
    let pointer = timeout.as_mut().map_or(0, mut_ptr);
    let ready = cx.host(a, libc::SYS_ppoll, args![fds, count, pointer, 0, 0]);
    if ready != Err(Errno::ERESTART_RESTARTBLOCK) {
        return ready;
    }
    match timeout {
        None => Err(Errno::ERESTARTNOHAND),
        Some(left) => restart_poll(cx, a, left).and(ready),
    }
}

fn pollfd_bytes(count: u32) -> u64 {
    u64::from(count) * size_of::<Pollfd>() as u64
}

/// ppoll(2) with 32-bit times.
pub fn ppoll(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    ppoll_with(cx, a, Width::Time32)
}

/// ppoll(2) with 64-bit times.
pub fn ppoll_time64(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    ppoll_with(cx, a, Width::Time64)
}

fn ppoll_with(cx: &mut Cx<'_>, a: &Args, width: Width) -> SysResult {
    let mut timeout = width.read_opt(cx, a.addr(2))?;
    let mask = guest_mask(cx, a.addr(3), a.uint(4))?;
    cx.will_write(a.addr(0), pollfd_bytes(a.uint(1)));
    let pointer = timeout.as_mut().map_or(0, mut_ptr);
    let ready = cx.waiting(mask, |cx, mask| {
        let host_args = args![a.addr(0), a.uint(1), pointer, opt_ptr(mask.as_ref()), SIGSET_SIZE];
        cx.host(a, libc::SYS_ppoll, host_args)
    });
    if let Some(left) = timeout {
        let _ = width.write(cx, a.addr(2), left);
    }
    ready
}

/// epoll_create(2): the size only has to be positive.
pub fn epoll_create(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    if a.int(0) <= 0 {
        return Err(Errno::EINVAL);
    }
    cx.host(a, libc::SYS_epoll_create1, args![0])
}

/// epoll_ctl(2): events have 12 bytes on i386.
pub fn epoll_ctl(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let event = match a.int(1) {
        libc::EPOLL_CTL_DEL => None,
        _ => Some(HostEpollEvent::from(cx.read::<EpollEvent>(a.addr(3))?)),
    };
    cx.host(a, libc::SYS_epoll_ctl, args![a.int(0), a.int(1), a.int(2), opt_ptr(event.as_ref())])
}

/// As many events are fetched at once; the kernel keeps the rest for the next call.
const EVENT_BATCH: usize = 128;

/// How long epoll_wait waits.
enum Patience {
    Milliseconds(i32),
    Time(Option<Timespec>),
}

fn wait(cx: &mut Cx<'_>, a: &Args, patience: &Patience, mask: Option<u64>) -> SysResult {
    let max = a.int(2);
    if max <= 0 || max as u32 > i32::MAX as u32 / size_of::<EpollEvent>() as u32 {
        return Err(Errno::EINVAL);
    }
    let mut events = [HostEpollEvent::default(); EVENT_BATCH];
    let (pointer, room) = (mut_ptr(&mut events), (max as usize).min(EVENT_BATCH));
    let ready = cx.waiting(mask, |cx, mask| {
        let mask = opt_ptr(mask.as_ref());
        match patience {
            Patience::Milliseconds(ms) => {
                cx.host(a, libc::SYS_epoll_pwait, args![a.int(0), pointer, room, *ms, mask, SIGSET_SIZE])
            }
            Patience::Time(time) => {
                let time = opt_ptr(time.as_ref());
                cx.host(a, super::nr::EPOLL_PWAIT2, args![a.int(0), pointer, room, time, mask, SIGSET_SIZE])
            }
        }
    })?;
    for (i, event) in events[..ready as usize].iter().enumerate() {
        cx.write(a.addr(1).plus((i * size_of::<EpollEvent>()) as u32), &EpollEvent::from(*event))?;
    }
    Ok(ready)
}

/// epoll_wait(2).
pub fn epoll_wait(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    wait(cx, a, &Patience::Milliseconds(a.int(3)), None)
}

/// epoll_pwait(2).
pub fn epoll_pwait(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let mask = guest_mask(cx, a.addr(4), a.uint(5))?;
    wait(cx, a, &Patience::Milliseconds(a.int(3)), mask)
}

/// epoll_pwait2(2).
pub fn epoll_pwait2(cx: &mut Cx<'_>, a: &Args) -> SysResult {
    let mask = guest_mask(cx, a.addr(4), a.uint(5))?;
    let time = Width::Time64.read_opt(cx, a.addr(3))?;
    wait(cx, a, &Patience::Time(time), mask)
}
