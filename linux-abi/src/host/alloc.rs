//! ferry's own heap: dlmalloc over pages of the host.
//!
//! musl's allocator asks the kernel for every other page, and translation allocates too often for that. The lock is ours, so
//! that fork(2) can hold it: a child must not find it taken by a thread that it does not have.
use dlmalloc::Dlmalloc;
use std::alloc::{GlobalAlloc, Layout};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where the heap gets its memory.
struct Pages;

// SAFETY: new memory is a fresh private mapping, remapped memory keeps its content, and what is freed is unmapped.
unsafe impl dlmalloc::Allocator for Pages {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let (prot, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new anonymous mapping at an address of the kernel's choice.
        match unsafe { libc::mmap(std::ptr::null_mut(), size, prot, flags, -1, 0) } {
            libc::MAP_FAILED => (std::ptr::null_mut(), 0, 0),
            base => (base.cast(), size, 0),
        }
    }

    fn remap(&self, base: *mut u8, old: usize, new: usize, can_move: bool) -> *mut u8 {
        if new <= old {
            return if new == old || self.free_part(base, old, new) { base } else { std::ptr::null_mut() };
        }
        let flags = if can_move { libc::MREMAP_MAYMOVE } else { 0 };
        // SAFETY: the heap owns the mapping and knows where it is afterwards.
        match unsafe { libc::mremap(base.cast(), old, new, flags) } {
            libc::MAP_FAILED => std::ptr::null_mut(),
            base => base.cast(),
        }
    }

    /// A shrinking mremap(2) is munmap(2) of the tail; said so, because emulators take what lies behind the old end instead.
    fn free_part(&self, base: *mut u8, old: usize, new: usize) -> bool {
        // SAFETY: the tail is the heap's, which has nothing in it.
        unsafe { libc::munmap(base.add(new).cast(), old - new) == 0 }
    }

    fn free(&self, base: *mut u8, size: usize) -> bool {
        // SAFETY: the mapping is the heap's, which has nothing in it.
        unsafe { libc::munmap(base.cast(), size) == 0 }
    }

    fn can_release_part(&self, _flags: u32) -> bool {
        true
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        4096
    }
}

static HEAP: Mutex<Dlmalloc<Pages>> = Mutex::new(Dlmalloc::new_with_allocator(Pages));

/// The heap, held: nobody allocates or frees until this is dropped, its holder included.
pub(super) struct Held {
    _heap: MutexGuard<'static, Dlmalloc<Pages>>,
}

/// Holds the heap.
pub(super) fn hold() -> Held {
    Held { _heap: heap() }
}

fn heap() -> MutexGuard<'static, Dlmalloc<Pages>> {
    HEAP.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The global allocator.
#[derive(Debug)]
pub struct Heap;

// SAFETY: dlmalloc's blocks are as GlobalAlloc wants them; one thread at a time is in it.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        unsafe { heap().malloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { heap().free(block, layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        unsafe { heap().calloc(layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises.
        unsafe { heap().realloc(block, layout.size(), layout.align(), size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dlmalloc::Allocator;

    /// User-mode emulators fail this for mremap(2); `make test` runs it on one.
    #[test]
    fn giving_back_a_tail_leaves_the_neighbours_alone() {
        const LEN: usize = 1 << 16;
        for give_back in [
            |base| assert!(Pages.free_part(base, LEN, LEN / 2)),
            |base| assert_eq!(Pages.remap(base, LEN, LEN / 2, false), base),
        ] {
            let (base, ..) = Pages.alloc(3 * LEN);
            // SAFETY: within the mapping just made.
            let (middle, behind) = unsafe { (base.add(LEN), base.add(2 * LEN)) };
            // SAFETY: these bytes are mapped.
            unsafe { (base.write(1), middle.write(2), behind.write(3)) };
            give_back(middle);
            // SAFETY: these bytes still are.
            assert_eq!(unsafe { (base.read(), middle.read(), behind.read()) }, (1, 2, 3));
        }
    }
}
