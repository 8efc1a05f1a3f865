//! shmat(2), shmdt(2) below 4 GiB.
use super::map::{give_back, hold};
use super::vma::{page_align, Backing, PageRange, Prot, Vma, VmaName};
use super::AddressSpace;
use crate::errno::Errno;
use crate::host;
use ir::guest::{GuestAddr, PAGE_SIZE};

/// SHM_RND, SHM_REMAP, SHM_RDONLY, SHM_EXEC.
const RND: u32 = 0o20000;
const REMAP: u32 = 0o40000;
const RDONLY: u32 = 0o10000;
const EXEC: u32 = 0o100000;

/// Size of a segment in whole pages.
fn segment_len(id: i32) -> Result<u32, Errno> {
    // SAFETY: an all-zero shmid_ds is a valid value.
    let mut info: libc::shmid_ds = unsafe { std::mem::zeroed() };
    // SAFETY: `info` is writable.
    if unsafe { libc::shmctl(id, libc::IPC_STAT, &mut info) } != 0 {
        return Err(Errno(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL)));
    }
    u32::try_from(info.shm_segsz).ok().and_then(page_align).ok_or(Errno(libc::ENOMEM))
}

impl AddressSpace {
    /// shmat(2). The address.
    pub fn shmat(&self, id: i32, addr: u32, flags: u32) -> Result<GuestAddr, Errno> {
        let einval = Errno(libc::EINVAL);
        let fixed = match addr % PAGE_SIZE {
            0 => addr,
            _ if flags & RND != 0 => addr & !(PAGE_SIZE - 1),
            _ => return Err(einval),
        };
        if flags & REMAP != 0 && fixed == 0 {
            return Err(einval);
        }
        let len = segment_len(id)?;
        let read_only = flags & RDONLY != 0;
        let wanted = if read_only { Prot::READ.0 } else { Prot::READ_WRITE.0 };
        let prot = self.effective(wanted | if flags & EXEC != 0 { 4 } else { 0 });
        self.change(|layout, effects| {
            let range = match fixed {
                0 => layout.choose(len, PAGE_SIZE)?,
                addr => PageRange::new(addr, len).ok_or(einval)?,
            };
            layout.vmas.forget_foreign(range);
            if flags & REMAP == 0 && !layout.vmas.is_free(range) {
                return Err(einval);
            }
            // With all of the range the guest's, the host may replace it in one step.
            let holes = layout.vmas.holes(range);
            hold(&holes).map_err(|_| einval)?;
            let backing = Backing::Shm { base: range.start() };
            let vma = Vma { range, prot, shared: true, grows_down: false, backing, name: VmaName::None };
            effects.ordered = true;
            // The host never gets SHM_EXEC: nothing of the guest's is executed as it is.
            let args = [id as u64, u64::from(range.start()), u64::from(flags & RDONLY | REMAP), 0, 0, 0];
            let host = || host::syscall(libc::SYS_shmat, args).map(drop);
            self.install(layout, effects, vma, host).inspect_err(|_| give_back(&holes))?;
            Ok(range.start_addr())
        })
    }

    /// shmdt(2).
    pub fn shmdt(&self, addr: u32) -> Result<(), Errno> {
        self.change(|layout, effects| {
            let attached = |v: &&Vma| v.backing == Backing::Shm { base: addr };
            let parts: Vec<PageRange> = layout.vmas.iter().filter(attached).map(|v| v.range).collect();
            if parts.is_empty() {
                return Err(Errno(libc::EINVAL));
            }
            let _leaf = super::address_space::lock(&self.watch);
            host::syscall(libc::SYS_shmdt, [u64::from(addr), 0, 0, 0, 0, 0])?;
            for part in parts {
                if self.pages.set(part, 0) {
                    effects.stale.push(part);
                }
                layout.vmas.remove(part);
            }
            Ok(())
        })
    }
}
