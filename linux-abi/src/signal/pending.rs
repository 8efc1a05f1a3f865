//! A thread's side of signals: mask, alternate stack, the signal in hand.
use super::host_handler::{self, HandlerStack};
use super::{info::SigInfo, info::SigInfo64, UNCATCHABLE};
use crate::context::Cx;
use crate::errno::Errno;
use crate::host::thread::{self, HostThread};
use ir::guest::GuestAddr;

/// SS_ONSTACK.
pub const SS_ONSTACK: u32 = 1;
/// SS_DISABLE.
pub const SS_DISABLE: u32 = 2;
/// SS_AUTODISARM.
pub const SS_AUTODISARM: u32 = 1 << 31;

/// MINSIGSTKSZ of i386.
const MINSIGSTKSZ: u32 = 2048;

/// sigaltstack(2): where handlers with SA_ONSTACK run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AltStack {
    /// Lowest address.
    pub sp: GuestAddr,
    /// SS_DISABLE, SS_AUTODISARM.
    pub flags: u32,
    /// Bytes.
    pub size: u32,
}

impl AltStack {
    /// None, after SS_AUTODISARM or clone(2).
    pub fn disarmed() -> Self {
        Self { flags: SS_DISABLE, ..Self::default() }
    }

    /// Whether `esp` is on it.
    pub fn holds(&self, esp: u32) -> bool {
        // An auto-disarmed stack is never "in use": the handler may switch away from it.
        self.flags & SS_AUTODISARM == 0 && self.spans(esp)
    }

    /// Whether `esp` lies in its memory.
    pub fn spans(&self, esp: u32) -> bool {
        esp > self.sp.0 && esp - self.sp.0 <= self.size
    }

    /// The flags as sigaltstack(2) reports them.
    pub fn state(&self, esp: u32) -> u32 {
        match self.size {
            0 => SS_DISABLE,
            _ if self.holds(esp) => SS_ONSTACK,
            _ => 0,
        }
    }
}

/// The exception the thread met last: what a frame's trapno, err and cr2 show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastFault {
    /// Vector number.
    pub trapno: u32,
    /// Error code.
    pub err: u32,
    /// Address of the last page fault.
    pub cr2: u32,
}

/// A system call that ended with one of the ERESTART codes, until delivery decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartCall {
    /// Which code.
    pub code: Errno,
    /// eax as it was: the number.
    pub orig_eax: u32,
}

/// Signals of one thread.
#[derive(Debug, Default)]
pub struct ThreadSignals {
    /// What the guest blocks.
    pub mask: u64,
    /// The mask to go back to once a signal that a call waited for with its own mask is delivered, or none came.
    pub saved_mask: Option<u64>,
    /// The alternate stack.
    pub altstack: AltStack,
    /// The last exception.
    pub last_fault: LastFault,
    /// A signal that the thread's own instruction raised; it comes before all others.
    pub(super) forced: Option<SigInfo>,
    /// Set by a call that wants to be restarted.
    pub(crate) restart: Option<RestartCall>,
    host: Box<HostThread>,
    /// The mask the host was given last.
    host_mask: u64,
    stack: Option<HandlerStack>,
}

impl ThreadSignals {
    /// The signals of a new thread or process of this one: same mask; nothing in hand; the alternate stack as clone(2) has
    /// it (kept unless memory is shared without vfork).
    pub fn child(&self, keep_altstack: bool) -> Self {
        let altstack = if keep_altstack { self.altstack } else { AltStack::disarmed() };
        Self { mask: self.mask, altstack, last_fault: self.last_fault, ..Self::default() }
    }

    /// Makes the calling host thread this guest thread: from here on its signals are the guest's. What ran here before
    /// (vfork's parent) is to be given to [`Self::leave`].
    pub(crate) fn enter(&mut self) -> *const HostThread {
        self.stack = Some(HandlerStack::install());
        let before = thread::set_current(&*self.host);
        self.host_mask = self.mask;
        host_handler::set_host_mask(self.mask);
        before
    }

    /// The calling host thread is no longer this guest thread. All signals stay blocked.
    pub(crate) fn leave(&mut self, before: *const HostThread) {
        host_handler::set_host_mask(u64::MAX);
        thread::set_current(before);
        self.stack = None;
    }

    /// Sets the guest's mask.
    ///
    /// The host's follows before the guest runs again ([`Self::sync_host_mask`]).
    pub fn set_mask(&mut self, mask: u64) {
        self.mask = mask & !UNCATCHABLE;
        if self.host.held() & !self.mask != 0 {
            self.host.look_again();
        }
    }

    /// Makes the host block what the guest blocks, if it does not already. A signal that this lets in is then in hand.
    pub(super) fn sync_host_mask(&mut self) {
        if self.host.unblock() || self.host_mask != self.mask {
            self.host_mask = self.mask;
            host_handler::set_host_mask(self.mask);
        }
    }

    /// The host's mask is no longer what it was set to: [`Self::sync_host_mask`] sets it again.
    pub(crate) fn mask_was_changed(&mut self) {
        // No guest mask has SIGKILL.
        self.host_mask = u64::MAX;
    }

    /// The thread runs again on a host thread that a child has borrowed meanwhile (vfork).
    pub(crate) fn become_current(&mut self) {
        thread::set_current(&*self.host);
        self.mask_was_changed();
    }

    /// In a copied process: the signals of the child, on the host thread and record of the parent's copy.
    pub(crate) fn become_copy(&mut self, child: Self) {
        let host = std::mem::take(&mut self.host);
        let stack = self.stack.take();
        // The parent's record had no signal in hand, so neither has its copy.
        *self = Self { host, stack, ..child };
        self.become_current();
    }

    /// A signal in hand that the mask lets through. One that it does not goes back to the kernel.
    pub(super) fn next_in_hand(&mut self) -> Option<SigInfo64> {
        let held_here = host_handler::NEVER_BLOCKED;
        let mask = self.mask;
        while let Some(info) = self.host.take(|s| held_here & super::bit(s) & mask == 0) {
            let info = SigInfo64::new(info);
            if mask & super::bit(info.signo()) == 0 {
                return Some(info);
            }
            // Blocked meanwhile: it waits in the kernel, like any other.
            info.send_back();
        }
        None
    }

    /// Raises a signal by the thread's own instruction: it cannot be blocked or ignored.
    pub(crate) fn force(&mut self, info: SigInfo) {
        self.forced = Some(info);
    }

    pub(super) fn has_forced(&self) -> bool {
        self.forced.is_some()
    }

    /// sigaltstack(2): sets the stack. EPERM while on it, EINVAL for unknown flags, ENOMEM if too small.
    pub fn set_altstack(&mut self, new: AltStack, esp: u32) -> Result<(), Errno> {
        if self.altstack.holds(esp) {
            return Err(Errno(libc::EPERM));
        }
        let mode = new.flags & !SS_AUTODISARM;
        if !matches!(mode, 0 | SS_ONSTACK | SS_DISABLE) {
            return Err(Errno(libc::EINVAL));
        }
        let stack = match mode {
            SS_DISABLE => AltStack { sp: GuestAddr(0), size: 0, flags: new.flags },
            _ if new.size < MINSIGSTKSZ => return Err(Errno(libc::ENOMEM)),
            _ => AltStack { flags: new.flags & SS_AUTODISARM, ..new },
        };
        self.altstack = stack;
        Ok(())
    }

    /// Whether delivery has anything to do.
    pub(super) fn idle(&self) -> bool {
        let settled = self.forced.is_none() && self.restart.is_none() && self.saved_mask.is_none();
        settled && self.host_mask == self.mask && !self.host.blocked() && !thread::signal_in_hand()
    }

    /// Signals that wait here rather than in the kernel: what sigpending(2) must add.
    pub fn held(&self) -> u64 {
        self.host.held()
    }

    /// Takes a held signal of `set`, which the guest waits for (sigtimedwait(2)).
    pub fn take_held(&mut self, set: u64) -> Option<SigInfo> {
        let info = self.host.take(|s| set & super::bit(s) != 0)?;
        Some(SigInfo::from_host(&SigInfo64::new(info)))
    }

    /// Gives every signal in hand back to the kernel, where it stays pending: an exec'd program inherits it.
    pub(crate) fn give_back(&mut self) {
        host_handler::set_exact_mask(u64::MAX);
        while let Some(info) = self.host.take(|_| true) {
            SigInfo64::new(info).send_back();
        }
        self.mask_was_changed();
    }

    /// Whether a signal could be delivered now: a call that must not start in between (fork) is restarted.
    pub fn in_hand(&self) -> bool {
        thread::signal_in_hand()
    }
}

impl Cx<'_> {
    /// Calls `wait`, a sleep of the host's that takes a mask of its own (ppoll, sigsuspend, ...), with the guest's mask
    /// being `mask` for its duration; `None` leaves it alone. The closure gets the mask for the host. If the sleep was
    /// interrupted the mask stays until a signal is delivered, as the kernel has it (set_user_sigmask()).
    pub fn waiting<T>(
        &mut self,
        mask: Option<u64>,
        wait: impl FnOnce(&mut Self, Option<u64>) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let Some(mask) = mask else { return wait(self, None) };
        let before = self.thread.signals.mask;
        self.thread.signals.set_mask(mask);
        let host_mask = host_handler::host_mask(self.thread.signals.mask);
        let result = wait(self, Some(host_mask));
        match result {
            Err(Errno(libc::EINTR | 512..=516)) => self.thread.signals.saved_mask = Some(before),
            _ => self.thread.signals.set_mask(before),
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alternate_stack_knows_who_is_on_it() {
        let stack = AltStack { sp: GuestAddr(0x1000), flags: 0, size: 0x800 };
        let cases = [(0x1000, 0), (0x1001, SS_ONSTACK), (0x1800, SS_ONSTACK), (0x1801, 0), (0xfff, 0)];
        for (esp, state) in cases {
            assert_eq!(stack.state(esp), state, "{esp:#x}");
        }
        assert_eq!(AltStack { flags: SS_AUTODISARM, ..stack }.state(0x1400), 0);
        assert_eq!(AltStack::default().state(0x1400), SS_DISABLE);
    }
}
