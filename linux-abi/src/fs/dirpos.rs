//! Positions in directories for 32-bit readers.
//!
//! Many file systems give 64-bit tasks 64-bit positions (`d_off`), which non-LFS programs cannot hold and glibc's readdir
//! refuses. The guest gets 31-bit cookies: on ext4 the upper half of the hash, which is what the kernel itself gives a
//! 32-bit task; elsewhere a number kept for as long as the directory is open. Positions of up to 31 bits stay as they are.
use crate::args;
use crate::errno::Errno;
use crate::host;
use crate::host::call::mut_ptr;
use crate::layout::host64;
use hashbrown::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

const EXT4_SUPER_MAGIC: i64 = 0xef53;
/// Largest position a 32-bit task can hold.
pub const MAX_COOKIE: u64 = 0x7fff_ffff;

#[derive(Debug)]
enum Cookies {
    /// cookie = position >> 32, position = cookie << 32.
    UpperHalf,
    /// Cookies handed out, and the position of each.
    Kept(HashMap<u32, u64>),
}

/// The open directories that have positions of more than 31 bits.
#[derive(Debug, Default)]
pub struct DirPositions {
    any: AtomicBool,
    dirs: Mutex<HashMap<i32, Cookies>>,
}

impl DirPositions {
    /// The lock, held.
    pub(super) fn hold(&self) -> impl Sized + '_ {
        self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i32, Cookies>> {
        self.dirs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cookie for a position of the directory open at `fd`.
    pub fn cookie(&self, fd: i32, position: u64) -> u32 {
        if position <= MAX_COOKIE {
            return position as u32;
        }
        self.any.store(true, Ordering::Release);
        match self.lock().entry(fd).or_insert_with(|| Cookies::of(fd)) {
            Cookies::UpperHalf => (position >> 32) as u32 & MAX_COOKIE as u32,
            Cookies::Kept(kept) => keep(kept, position),
        }
    }

    /// The host position for a cookie that the guest seeks to.
    pub fn position(&self, fd: i32, cookie: u64) -> u64 {
        if cookie == 0 || cookie > MAX_COOKIE || !self.any.load(Ordering::Acquire) {
            return cookie;
        }
        match self.lock().get(&fd) {
            None => cookie,
            Some(Cookies::UpperHalf) if cookie == MAX_COOKIE => i64::MAX as u64,
            Some(Cookies::UpperHalf) => cookie << 32,
            Some(Cookies::Kept(kept)) => kept.get(&(cookie as u32)).copied().unwrap_or(cookie),
        }
    }

    /// Whether positions of `fd` are translated.
    pub fn translates(&self, fd: i32) -> bool {
        self.any.load(Ordering::Acquire) && self.lock().contains_key(&fd)
    }

    /// The descriptor now means something else.
    pub fn forget(&self, fd: i32) {
        if self.any.load(Ordering::Acquire) {
            self.lock().remove(&fd);
        }
    }

    /// A duplicate shares the position and so the cookies.
    pub fn duplicate(&self, from: i32, to: i32) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let mut dirs = self.lock();
        let copy = dirs.get(&from).map(|cookies| match cookies {
            Cookies::UpperHalf => Cookies::UpperHalf,
            Cookies::Kept(kept) => Cookies::Kept(kept.clone()),
        });
        match copy {
            Some(cookies) => dirs.insert(to, cookies),
            None => dirs.remove(&to),
        };
    }
}

impl Cookies {
    fn of(fd: i32) -> Self {
        let mut stat = host64::Statfs::default();
        let asked: Result<u64, Errno> = host::syscall(libc::SYS_fstatfs, args![fd, mut_ptr(&mut stat)]);
        if asked.is_ok() && stat.f_type.get() == EXT4_SUPER_MAGIC {
            return Self::UpperHalf;
        }
        Self::Kept(HashMap::new())
    }
}

/// A cookie that depends on the position alone unless two positions collide.
fn keep(kept: &mut HashMap<u32, u64>, position: u64) -> u32 {
    let hash = position.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    let mut cookie = (hash as u32).max(1);
    while *kept.entry(cookie).or_insert(position) != position {
        cookie = (cookie + 1) & MAX_COOKIE as u32;
        cookie = cookie.max(1);
    }
    cookie
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_lead_back() {
        for make in [|| Cookies::UpperHalf, || Cookies::Kept(HashMap::new())] {
            let table = DirPositions::default();
            table.lock().insert(3, make());
            for position in [1u64, 0x7fff_ffff, 0x1234_5678_0000_0000, 0x7fff_fffe_0000_0000, i64::MAX as u64] {
                let cookie = table.cookie(3, position);
                assert!(u64::from(cookie) <= MAX_COOKIE);
                assert_eq!(table.cookie(3, position), cookie);
                if position > MAX_COOKIE {
                    assert_eq!(table.position(3, u64::from(cookie)), position);
                }
            }
            table.duplicate(3, 4);
            let cookie = u64::from(table.cookie(3, 5 << 32));
            assert!(table.translates(4));
            table.forget(3);
            assert_eq!(table.position(3, cookie), cookie);
        }
    }

    #[test]
    fn colliding_positions_get_different_cookies() {
        let mut kept = HashMap::new();
        let first = keep(&mut kept, 7 << 40);
        kept.insert(first, 9 << 40);
        assert_ne!(keep(&mut kept, 7 << 40), first);
    }
}
