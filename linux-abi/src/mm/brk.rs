//! brk(2): the heap above the executable.
use super::address_space::{Effects, Layout};
use super::host_map::HostMap;
use super::vma::{Backing, PageRange, Prot, Vma, VmaName};
use super::{AddressSpace, TASK_SIZE};
use crate::host;
use ir::guest::{GuestAddr, PAGE_SIZE};

impl AddressSpace {
    /// Where the heap starts: the loader says, above the executable and a random distance on.
    pub fn set_brk_start(&self, start: GuestAddr) {
        self.change(|layout, _| (layout.brk_start, layout.brk) = (start.0, start.0));
    }

    /// brk(2) as the kernel has it: the new break, or the old one if it cannot be moved there.
    pub fn brk(&self, wanted: GuestAddr) -> GuestAddr {
        self.change(|layout, effects| {
            let possible = layout.brk_start != 0 && (layout.brk_start..=TASK_SIZE - PAGE_SIZE).contains(&wanted.0);
            if possible && self.move_brk(layout, effects, wanted.0) {
                layout.brk = wanted.0;
            }
            GuestAddr(layout.brk)
        })
    }

    fn move_brk(&self, layout: &mut Layout, effects: &mut Effects, wanted: u32) -> bool {
        let up = |addr: u32| addr.next_multiple_of(PAGE_SIZE);
        let (old_end, new_end) = (up(layout.brk), up(wanted));
        if new_end <= old_end {
            return self.unmap(layout, effects, PageRange::between(new_end, old_end)).is_ok();
        }
        if u64::from(wanted - layout.brk_start) > data_limit() {
            return false;
        }
        let range = PageRange::between(old_end, new_end);
        if !layout.vmas.is_free(range) {
            return false;
        }
        let prot = self.effective(Prot::READ_WRITE.0);
        let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as u32;
        let host = HostMap { range, prot: prot.host(false), flags, fd: -1, offset: 0 };
        let backing = Backing::Anonymous;
        let vma = Vma { range, prot, shared: false, grows_down: false, backing, name: VmaName::Heap };
        self.install(layout, effects, vma, || host.if_free()).is_ok()
    }
}

/// RLIMIT_DATA, soft, in bytes.
fn data_limit() -> u64 {
    let mut limit = [0u64; 2];
    let pointer = limit.as_mut_ptr().expose_provenance() as u64;
    let args = [0, libc::RLIMIT_DATA as u64, 0, pointer, 0, 0];
    host::syscall(libc::SYS_prlimit64, args).map_or(u64::MAX, |_| limit[0])
}
