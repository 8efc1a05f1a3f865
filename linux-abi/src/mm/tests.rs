//! The address space on real mappings of the test process, whose low 4 GiB are free.
use super::map::flag;
use super::remap::MremapRequest;
use super::*;
use crate::context::{Executor, SpawnRequest};
use crate::errno::Errno;
use ir::guest::{Access, FaultKind, GuestAddr, GuestRange};
use ir::host::{HostFault, HostRegs, Recovered};
use ir::CodeWatch;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// An engine that notes what it is told.
#[derive(Default)]
pub(crate) struct Notes {
    pub stale: Mutex<Vec<GuestRange>>,
    pub ordered: AtomicUsize,
}

impl Executor for Notes {
    fn invalidate(&self, range: GuestRange) {
        self.stale.lock().unwrap().push(range);
    }

    fn check_gs(&self, _: bool) {}

    fn checks_gs(&self) -> bool {
        true
    }

    fn become_ordered(&self) {
        self.ordered.fetch_add(1, Ordering::Relaxed);
    }

    fn run_thread(&self, _: &mut SpawnRequest, _: &mut Option<Box<dyn std::any::Any>>) -> i32 {
        0
    }

    fn request_exit(&self) {}

    fn recover(&self, _: &HostRegs, _: HostFault) -> Recovered {
        Recovered::Foreign
    }
}

/// An address space that chooses places below a top of its own: tests run side by side in one process, and a place that one
/// of them has given back must still be free when it looks there again.
fn space() -> (AddressSpace, Arc<Notes>) {
    const ROOM: u32 = 32 << 20;
    static TOP: AtomicU32 = AtomicU32::new(0x6000_0000);
    let notes = Arc::new(Notes::default());
    let mm = AddressSpace::new();
    mm.layout.lock().unwrap().mmap_base = TOP.fetch_add(ROOM, Ordering::Relaxed);
    mm.attach_engine(notes.clone());
    crate::signal::host_handler::install_faults();
    (mm, notes)
}

fn anon(len: u32, prot: Prot) -> MmapRequest {
    MmapRequest::anonymous(0, len, prot)
}

#[test]
fn places_are_chosen_low_and_top_down() {
    let base = AddressSpace::new().layout.lock().unwrap().mmap_base;
    assert!(base > 0xf700_0000 - 0x200_0000 && base < TASK_SIZE, "{base:#x}");
    let (mm, _) = space();
    let top = mm.layout.lock().unwrap().mmap_base;
    let a = mm.mmap(anon(0x3000, Prot::READ_WRITE)).unwrap();
    let b = mm.mmap(anon(0x1000, Prot::READ_WRITE)).unwrap();
    assert_eq!((a.0, b.0), (top - 0x3000, top - 0x4000));
    mm.store(a, b"hello").unwrap();
    let mut buf = [0; 5];
    mm.load(a, &mut buf).unwrap();
    assert_eq!(&buf, b"hello");
    mm.munmap(b.0, 0x1000).unwrap();
    mm.munmap(a.0, 0x3000).unwrap();
    let fault = mm.load(a, &mut buf).unwrap_err();
    assert_eq!((fault.addr, fault.kind), (a, FaultKind::Unmapped));
}

#[test]
fn nothing_reaches_4_gib() {
    let (mm, _) = space();
    let fixed = |addr, len| MmapRequest {
        flags: flag::PRIVATE | flag::ANONYMOUS | flag::FIXED,
        ..MmapRequest::anonymous(addr, len, Prot::READ)
    };
    assert_eq!(mm.mmap(fixed(0xffff_e000, 0x1000)), Err(Errno(libc::ENOMEM)));
    assert_eq!(mm.mmap(fixed(0xffff_f000, 0x1000)), Err(Errno(libc::ENOMEM)));
    assert_eq!(mm.mmap(fixed(0xffff_0000, 0x10000)), Err(Errno(libc::ENOMEM)));
    assert_eq!(mm.mmap(anon(u32::MAX, Prot::READ)), Err(Errno(libc::ENOMEM)));
    assert_eq!(mm.mmap(anon(TASK_SIZE, Prot::READ)), Err(Errno(libc::ENOMEM)));
    for (addr, len) in [(0xffff_e000, 0x1000), (0xffff_f000, 0x2000), (0x1000, 0xffff_f000)] {
        assert_eq!(mm.munmap(addr, len), Err(Errno(libc::EINVAL)), "munmap {addr:#x}");
        assert_eq!(mm.mprotect(addr, len, 1), Err(Errno(libc::ENOMEM)), "mprotect {addr:#x}");
        assert_eq!(mm.madvise(addr, len, 4), Err(Errno(libc::ENOMEM)), "madvise {addr:#x}");
        assert!(mm.msync(addr, len, 1).is_err() && mm.mlock(addr, len, 0).is_err());
        assert!(mm.mincore(addr, len, GuestAddr(0)).is_err());
        let request = MremapRequest { addr, old_len: len, new_len: 0x1000, flags: 1, new_addr: 0 };
        assert!(mm.mremap(request).is_err(), "mremap {addr:#x}");
        assert!(mm.remap_file_pages(addr, len, 0, 0, 0).is_err());
    }
    let here = mm.mmap(anon(0x1000, Prot::READ)).unwrap();
    let to = MremapRequest { addr: here.0, old_len: 0x1000, new_len: 0x2000, flags: 3, new_addr: 0xffff_e000 };
    assert_eq!(mm.mremap(to), Err(Errno(libc::EINVAL)));
    assert_eq!(mm.shmat(-1, 0xffff_f000, 0), Err(Errno(libc::EINVAL)));
    mm.munmap(here.0, 0x1000).unwrap();
    // An access that starts below 4 GiB goes on at 0, not above: nothing is mapped at either place.
    let mut buf = [0; 8];
    assert!(mm.load(GuestAddr(0xffff_fffc), &mut buf).is_err());
    assert!(mm.store(GuestAddr(0xffff_fffc), &buf).is_err());
}

#[test]
fn what_is_not_the_guests_stays() {
    let (mm, _) = space();
    let place = mm.mmap(anon(0x4000, Prot::READ)).unwrap();
    mm.munmap(place.0, 0x4000).unwrap();
    // Something of the host's in the middle.
    let foreign = PageRange::new(place.0 + 0x1000, 0x1000).unwrap();
    host_map::HostMap::placeholder(foreign).if_free().unwrap();
    let over = MmapRequest {
        flags: flag::PRIVATE | flag::ANONYMOUS | flag::FIXED,
        ..MmapRequest::anonymous(place.0, 0x4000, Prot::READ)
    };
    assert_eq!(mm.mmap(over), Err(Errno(libc::ENOMEM)));
    let beside = mm.mmap(anon(0x4000, Prot::READ)).unwrap();
    assert!(!PageRange::new(beside.0, 0x4000).unwrap().overlaps(foreign));
    mm.munmap(place.0, 0x4000).unwrap();
    assert_eq!(host_map::HostMap::placeholder(foreign).if_free(), Err(Errno(libc::EEXIST)));
    host_map::unmap(foreign).unwrap();
    assert_eq!(mm.mmap(over), Ok(place));
    mm.munmap(place.0, 0x4000).unwrap();
    mm.munmap(beside.0, 0x4000).unwrap();
}

#[test]
fn protection_is_the_guests() {
    let (mm, _) = space();
    let at = mm.mmap(anon(0x3000, Prot::READ_WRITE)).unwrap();
    mm.mprotect(at.0 + 0x1000, 0x1000, 5).unwrap();
    assert_eq!(mm.check(at, Access::Execute), Some(FaultKind::Protected));
    let code = at.plus(0x1000);
    assert_eq!(mm.check(code, Access::Execute), None);
    let mut buf = [0; 16];
    assert_eq!(mm.fetch_code(code.plus(0xffa), &mut buf), Ok(6));
    assert_eq!(mm.fetch_code(code.plus(0x1000), &mut buf).unwrap_err().kind, FaultKind::Protected);
    assert_eq!(mm.store(code, b"x").unwrap_err().kind, FaultKind::Protected);
    // All or nothing, over the boundary.
    assert!(mm.store(at.plus(0xffc), &[1; 8]).is_err());
    mm.load(at.plus(0xffc), &mut buf[..4]).unwrap();
    assert_eq!(buf[..4], [0; 4]);
    assert_eq!(mm.mprotect(at.0, 0x4000, 1), Err(Errno(libc::ENOMEM)));
    assert_eq!(mm.check(at, Access::Write), Some(FaultKind::Protected));
    // Both pages cannot be written: the first is reported.
    assert_eq!(mm.store(at.plus(0xffc), &[1; 8]).unwrap_err().addr, at.plus(0xffc));
    mm.munmap(at.0, 0x3000).unwrap();
}

#[test]
fn a_write_to_watched_code_is_seen() {
    let (mm, notes) = space();
    let at = mm.mmap(anon(0x2000, Prot::ALL)).unwrap();
    assert!(mm.watch(GuestRange::new(at.plus(0x10), 4)));
    mm.store(at.plus(0x1000), b"data").unwrap();
    assert!(notes.stale.lock().unwrap().is_empty());
    mm.store(at.plus(0x800), b"code").unwrap();
    assert_eq!(notes.stale.lock().unwrap().pop(), Some(GuestRange::new(at, 0x1000)));
    assert!(mm.watch(GuestRange::new(at, 4)));
    mm.unwatch_for_write(GuestRange::new(at.plus(0xfff), 1));
    assert_eq!(notes.stale.lock().unwrap().len(), 1);
    assert!(mm.watch(GuestRange::new(at, 4)));
    mm.mprotect(at.0, 0x1000, 5).unwrap();
    assert_eq!(notes.stale.lock().unwrap().len(), 1, "still executable: translations stay");
    mm.mprotect(at.0, 0x1000, 3).unwrap();
    assert_eq!(notes.stale.lock().unwrap().len(), 2);
    assert!(mm.watch(GuestRange::new(at, 4)));
    mm.munmap(at.0, 0x2000).unwrap();
    assert_eq!(notes.stale.lock().unwrap().len(), 3);
}

#[test]
fn a_page_that_is_written_too_often_is_watched_no_more() {
    use super::watch::Volatility;
    let (mm, notes) = space();
    let at = mm.mmap(anon(0x2000, Prot::ALL)).unwrap();
    let (code, beside) = (GuestRange::new(at, 8), GuestRange::new(at.plus(0x1000), 8));
    let mut rounds = 0;
    while mm.volatility(code) == Volatility::Watched {
        assert!(mm.watch(code));
        mm.store(at.plus(0x800), b"data").unwrap();
        rounds += 1;
    }
    assert_eq!((rounds, notes.stale.lock().unwrap().len()), (129, 129));
    assert!(mm.watch(code));
    mm.store(at.plus(0x800), b"data").unwrap();
    assert_eq!(notes.stale.lock().unwrap().len(), 129, "its code looks itself");
    assert_eq!(mm.volatility(beside), Volatility::Watched);
    // Code made from it still ends with the right to execute, and with the mapping.
    mm.mprotect(at.0, 0x1000, 5).unwrap();
    assert_eq!((mm.volatility(code), notes.stale.lock().unwrap().len()), (Volatility::Volatile, 129));
    mm.mprotect(at.0, 0x1000, 3).unwrap();
    assert_eq!((mm.volatility(code), notes.stale.lock().unwrap().len()), (Volatility::Watched, 130));
    mm.munmap(at.0, 0x2000).unwrap();
}

#[test]
fn a_write_through_another_mapping_is_seen() {
    let (mm, notes) = space();
    // SAFETY: a new file without a name.
    let fd = unsafe { libc::memfd_create(c"code".as_ptr(), 0) };
    // SAFETY: `fd` is open.
    assert_eq!(unsafe { libc::ftruncate(fd, 0x3000) }, 0);
    let map = |len, prot: Prot, offset| MmapRequest { addr: 0, len, prot: prot.0, flags: flag::SHARED, fd, offset };
    let code = mm.mmap(map(0x3000, Prot::READ_EXEC, 0)).unwrap();
    assert!(notes.ordered.load(Ordering::Relaxed) > 0);
    let data = mm.mmap(map(0x2000, Prot::READ_WRITE, 0x1000)).unwrap();
    assert!(mm.watch(GuestRange::new(code.plus(0x1000), 8)));
    mm.store(data.plus(0x1000), b"other page").unwrap();
    assert!(notes.stale.lock().unwrap().is_empty());
    mm.store(data.plus(8), b"code").unwrap();
    assert!(notes.stale.lock().unwrap().iter().any(|r| r.contains(code.plus(0x1000))));
    // And through a mapping made after the code was translated.
    assert!(mm.watch(GuestRange::new(code, 8)));
    notes.stale.lock().unwrap().clear();
    let late = mm.mmap(map(0x1000, Prot::READ_WRITE, 0)).unwrap();
    mm.store(late, b"code").unwrap();
    assert!(notes.stale.lock().unwrap().iter().any(|r| r.contains(code)));
    for (at, len) in [(code, 0x3000), (data, 0x2000), (late, 0x1000)] {
        mm.munmap(at.0, len).unwrap();
    }
    // SAFETY: `fd` is open and nothing else uses it.
    unsafe { libc::close(fd) };
}

#[test]
fn mremap_moves_grows_and_shrinks() {
    let (mm, _) = space();
    let at = mm.mmap(anon(0x4000, Prot::READ_WRITE)).unwrap();
    mm.store(at, b"first").unwrap();
    let request = |addr: GuestAddr, old_len, new_len, flags, new_addr| MremapRequest {
        addr: addr.0,
        old_len,
        new_len,
        flags,
        new_addr,
    };
    assert_eq!(mm.mremap(request(at, 0x4000, 0x2000, 0, 0)), Ok(at));
    assert_eq!(mm.mremap(request(at, 0x2000, 0x4000, 0, 0)), Ok(at));
    let blocker = MmapRequest {
        flags: flag::PRIVATE | flag::ANONYMOUS | flag::FIXED,
        ..MmapRequest::anonymous(at.0 + 0x3000, 0x1000, Prot::READ)
    };
    mm.mmap(blocker).unwrap();
    assert_eq!(mm.mremap(request(at, 0x3000, 0x8000, 0, 0)), Err(Errno(libc::ENOMEM)));
    let moved = mm.mremap(request(at, 0x3000, 0x8000, 1, 0)).unwrap();
    assert_ne!(moved, at);
    let mut buf = [0; 5];
    mm.load(moved, &mut buf).unwrap();
    assert_eq!(&buf, b"first");
    assert_eq!(mm.check(at, Access::Read), Some(FaultKind::Unmapped));
    assert_eq!(mm.mremap(request(moved, 0x8000, 0x1000, 3, at.0)), Ok(at));
    mm.load(at, &mut buf).unwrap();
    assert_eq!(&buf, b"first");
    assert_eq!(mm.check(moved.plus(0x2000), Access::Read), Some(FaultKind::Unmapped));
    mm.munmap(at.0, 0x4000).unwrap();
}

#[test]
fn the_heap_moves_as_brk_says() {
    let (mm, _) = space();
    let at = mm.mmap(anon(0x10_0000, Prot::READ)).unwrap();
    mm.munmap(at.0, 0x10_0000).unwrap();
    mm.set_brk_start(at.plus(0x123));
    assert_eq!(mm.brk(GuestAddr(0)), at.plus(0x123));
    assert_eq!(mm.brk(at.plus(0x5000)), at.plus(0x5000));
    mm.store(at.plus(0x4ffc), b"heap").unwrap();
    assert_eq!(mm.brk(at.plus(0x2001)), at.plus(0x2001));
    assert!(mm.store(at.plus(0x3000), b"x").is_err());
    let maps = mm.render_maps(str::to_owned);
    assert!(maps.contains("[heap]"), "{maps}");
    mm.munmap(at.0, 0x10_0000).unwrap();
}

#[test]
fn maps_show_files_and_permissions() {
    let (mm, _) = space();
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
    let request = MmapRequest { addr: 0, len: 0x2000, prot: 5, flags: flag::PRIVATE, fd, offset: 0x1000 };
    let at = mm.mmap(request).unwrap();
    let maps = mm.render_maps(|path| format!("<{path}>"));
    let line = maps.lines().find(|l| l.starts_with(&format!("{:08x}-", at.0))).unwrap();
    assert!(line.contains(" r-xp 00001000 ") && line.contains("</") && line.find('<') == Some(73), "{line}");
    mm.munmap(at.0, 0x2000).unwrap();
}
