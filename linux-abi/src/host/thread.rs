//! What the host signal handler knows about the thread it interrupts: slots for the signals in hand.
//!
//! A record lives as long as its thread. The handler runs on the thread itself, so plain atomics order everything; the
//! pointer to the record is a constant-initialised thread local, which is a plain load in a static binary.
//!
//! There are three slots. The first takes any signal; once it is full the handler leaves every signal blocked that can be
//! blocked, so that the others stay queued in the kernel. SIGSEGV and SIGBUS are never blocked on the host, because
//! ferry's own fault handling needs them: when another process sends one, it waits in a slot of its own.
use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{compiler_fence, AtomicU32, Ordering};

/// A siginfo_t as the host kernel wrote it.
pub type HostSigInfo = [u8; 128];

/// The signal number of a host siginfo_t.
pub(crate) fn signo(info: &HostSigInfo) -> i32 {
    i32::from_ne_bytes([info[0], info[1], info[2], info[3]])
}

#[derive(Debug)]
struct Slot {
    full: AtomicU32,
    info: UnsafeCell<HostSigInfo>,
}

/// One host thread's signal slots.
#[derive(Debug)]
pub struct HostThread {
    /// Not zero: look at the slots before sleeping.
    pending: AtomicU32,
    /// Not zero: the handler has left every signal blocked.
    blocked: AtomicU32,
    slots: [Slot; 3],
}

// SAFETY: a slot's `info` is written by the handler on the owning thread while `full` is zero, and read by the same
// thread while it is one.
unsafe impl Sync for HostThread {}

impl Default for HostThread {
    fn default() -> Self {
        let slot = || Slot { full: AtomicU32::new(0), info: UnsafeCell::new([0; 128]) };
        Self { pending: AtomicU32::new(0), blocked: AtomicU32::new(0), slots: [slot(), slot(), slot()] }
    }
}

thread_local! {
    static CURRENT: Cell<*const HostThread> = const { Cell::new(std::ptr::null()) };
}

/// The word of a thread that runs no guest.
static NO_THREAD: AtomicU32 = AtomicU32::new(0);

/// Makes `record` the calling thread's and gives back the one before (vfork's parent puts it back).
///
/// The record must stay where it is until another (or null) takes its place.
pub(crate) fn set_current(record: *const HostThread) -> *const HostThread {
    CURRENT.replace(record)
}

/// The record of the calling thread, if it runs a guest.
pub(crate) fn current() -> Option<&'static HostThread> {
    // SAFETY: set by `set_current` only, to a record that outlives its use; null otherwise.
    unsafe { CURRENT.get().as_ref() }
}

/// The word the door looks at.
pub(super) fn pending_word() -> *const u32 {
    current().map_or(NO_THREAD.as_ptr(), |t| t.pending.as_ptr())
}

/// Whether the calling thread has a signal in hand that its guest does not block.
pub fn signal_in_hand() -> bool {
    current().is_some_and(|t| t.pending.load(Ordering::Relaxed) != 0)
}

impl HostThread {
    /// Keeps a signal until the thread delivers it; false if its slot is full. Called by the host handler only.
    pub(crate) fn capture(&self, info: &HostSigInfo) -> bool {
        self.blocked.store(1, Ordering::Relaxed);
        let slot = match signo(info) {
            libc::SIGSEGV => &self.slots[1],
            libc::SIGBUS => &self.slots[2],
            _ => &self.slots[0],
        };
        if slot.full.load(Ordering::Acquire) != 0 {
            return false;
        }
        // SAFETY: see `Sync`: nothing reads `info` while `full` is zero.
        unsafe { *slot.info.get() = *info };
        slot.full.store(1, Ordering::Release);
        self.pending.store(1, Ordering::Release);
        true
    }

    /// Takes a signal in hand for which `wanted` says yes.
    pub(crate) fn take(&self, wanted: impl Fn(i32) -> bool) -> Option<HostSigInfo> {
        // A signal that arrives after this sets the word again.
        self.pending.store(0, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        for slot in self.slots.iter().filter(|s| s.full.load(Ordering::Acquire) != 0) {
            // SAFETY: see `Sync`: the slot is full, so the handler does not write.
            let info = unsafe { *slot.info.get() };
            if wanted(signo(&info)) {
                slot.full.store(0, Ordering::Release);
                self.pending.store(1, Ordering::Relaxed);
                return Some(info);
            }
        }
        None
    }

    /// Signals in hand as a mask, bit `n - 1` for signal `n`.
    pub(crate) fn held(&self) -> u64 {
        let full = self.slots.iter().filter(|s| s.full.load(Ordering::Acquire) != 0);
        // SAFETY: see `Sync`: the slot is full, so the handler does not write.
        full.fold(0, |mask, slot| mask | 1 << (signo(unsafe { &*slot.info.get() }) - 1))
    }

    /// Whether the handler has blocked every signal since [`Self::unblock`].
    pub(crate) fn blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed) != 0
    }

    /// The same, and forgets it: the caller is about to set the host's mask.
    pub(crate) fn unblock(&self) -> bool {
        self.blocked.swap(0, Ordering::Relaxed) != 0
    }

    /// Makes the next sleep look at the slots again: the guest's mask has changed.
    pub(crate) fn look_again(&self) {
        self.pending.store(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(signal: i32) -> HostSigInfo {
        let mut info = [0; 128];
        info[..4].copy_from_slice(&signal.to_ne_bytes());
        info
    }

    #[test]
    fn one_signal_in_hand_and_segv_beside_it() {
        let thread = HostThread::default();
        assert!(thread.capture(&info(libc::SIGALRM)));
        assert!(!thread.capture(&info(libc::SIGTERM)));
        assert!(thread.capture(&info(libc::SIGSEGV)));
        assert_eq!(thread.held(), 1 << 13 | 1 << 10);
        assert_eq!(thread.take(|s| s != libc::SIGALRM).map(|i| signo(&i)), Some(libc::SIGSEGV));
        assert_eq!(thread.take(|s| s != libc::SIGALRM), None);
        assert_eq!(thread.take(|_| true).map(|i| signo(&i)), Some(libc::SIGALRM));
        assert_eq!(thread.take(|_| true), None);
    }
}
