//! What the guest wants done with each signal (sigaction(2)), and how the host kernel is told.
//!
//! The host's disposition mirrors the guest's: SIG_DFL and SIG_IGN are the kernel's business (it stops, continues,
//! dumps, reaps, and hands ignored signals on to what is exec'd); a handler becomes ferry's. SIGSEGV and SIGBUS always
//! are ferry's; the guest's wish for them is applied when they are delivered.
use super::host_handler::{self, Disposition, NEVER_BLOCKED};
use super::{bit, NSIG, UNCATCHABLE};
use crate::errno::Errno;
use crate::host::startup;
use ir::guest::GuestAddr;
use std::sync::Mutex;

/// SA_* (include/uapi/asm-generic/signal-defs.h, arch/x86/include/uapi/asm/signal.h).
pub mod flag {
    /// SA_NOCLDSTOP.
    pub const NOCLDSTOP: u32 = 1;
    /// SA_NOCLDWAIT.
    pub const NOCLDWAIT: u32 = 2;
    /// SA_SIGINFO.
    pub const SIGINFO: u32 = 4;
    /// SA_RESTORER.
    pub const RESTORER: u32 = 0x0400_0000;
    /// SA_ONSTACK.
    pub const ONSTACK: u32 = 0x0800_0000;
    /// SA_RESTART.
    pub const RESTART: u32 = 0x1000_0000;
    /// SA_NODEFER.
    pub const NODEFER: u32 = 0x4000_0000;
    /// SA_RESETHAND.
    pub const RESETHAND: u32 = 0x8000_0000;
    /// Every flag the kernel knows, SA_EXPOSE_TAGBITS (0x800) included; others read back as zero.
    pub const KNOWN: u32 = NOCLDSTOP | NOCLDWAIT | SIGINFO | 0x800 | RESTORER | ONSTACK | RESTART | NODEFER | RESETHAND;
}

/// SIG_DFL.
pub const SIG_DFL: u32 = 0;
/// SIG_IGN.
pub const SIG_IGN: u32 = 1;

/// A guest's sigaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Action {
    /// The handler, SIG_DFL or SIG_IGN.
    pub handler: u32,
    /// SA_*.
    pub flags: u32,
    /// Where the handler returns to, with SA_RESTORER.
    pub restorer: GuestAddr,
    /// What else is blocked while it runs.
    pub mask: u64,
}

impl Action {
    /// Whether there is a handler to call.
    pub fn handled(&self) -> bool {
        self.handler > SIG_IGN
    }

    /// Whether the flag is set.
    pub fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

/// What the kernel does with a signal nobody has said anything about (signal(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultAction {
    /// End the process, with a core dump or without.
    End,
    /// Nothing.
    Ignore,
    /// Stop the process.
    Stop,
}

/// The default action of a signal. SIGCONT's continuing has happened when it is delivered.
pub fn default_action(signal: i32) -> DefaultAction {
    match signal {
        libc::SIGCHLD | libc::SIGURG | libc::SIGWINCH | libc::SIGCONT => DefaultAction::Ignore,
        libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => DefaultAction::Stop,
        _ => DefaultAction::End,
    }
}

/// Signal actions of a process.
#[derive(Debug)]
pub struct Actions {
    table: Mutex<[Action; NSIG as usize]>,
}

impl Default for Actions {
    fn default() -> Self {
        Self { table: Mutex::new([Action::default(); NSIG as usize]) }
    }
}

impl Clone for Actions {
    fn clone(&self) -> Self {
        Self { table: Mutex::new(*self.lock()) }
    }
}

impl Actions {
    /// The actions a program starts with: what its parent has ignored stays ignored. Takes SIGSEGV and SIGBUS.
    pub fn inherited() -> Self {
        let actions = Self::default();
        for signal in 1..=NSIG {
            let ignored = match signal {
                libc::SIGPIPE => startup::sigpipe_was_ignored(),
                _ => host_handler::disposition(signal) == Disposition::Ignore,
            };
            actions.lock()[signal as usize - 1].handler = if ignored { SIG_IGN } else { SIG_DFL };
        }
        actions.mirror(libc::SIGPIPE, &actions.get(libc::SIGPIPE));
        host_handler::install_faults();
        actions
    }

    /// The table, held.
    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, [Action; NSIG as usize]> {
        self.table.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The action of a signal, 1 to 64.
    pub fn get(&self, signal: i32) -> Action {
        self.lock()[signal as usize - 1]
    }

    /// sigaction(2): the action before. EINVAL for no signal, or a new action for SIGKILL or SIGSTOP.
    pub fn set(&self, signal: i32, new: Option<Action>) -> Result<Action, Errno> {
        if !(1..=NSIG).contains(&signal) || new.is_some() && bit(signal) & UNCATCHABLE != 0 {
            return Err(Errno(libc::EINVAL));
        }
        let mut table = self.lock();
        let entry = &mut table[signal as usize - 1];
        let old = *entry;
        if let Some(mut new) = new {
            new.flags &= flag::KNOWN;
            new.mask &= !UNCATCHABLE;
            *entry = new;
            self.mirror(signal, &new);
        }
        Ok(old)
    }

    /// Tells the host kernel. The table's lock is held, so that both change in the same order.
    fn mirror(&self, signal: i32, action: &Action) {
        if bit(signal) & NEVER_BLOCKED == 0 {
            let flags = u64::from(action.flags & (flag::NOCLDSTOP | flag::NOCLDWAIT));
            host_handler::set_disposition(signal, disposition(action), flags);
        }
    }

    /// Forgets a handler (SA_RESETHAND, a forced signal).
    pub(super) fn reset(&self, signal: i32) {
        let mut table = self.lock();
        table[signal as usize - 1].handler = SIG_DFL;
        self.mirror(signal, &table[signal as usize - 1]);
    }

    /// Makes every handler SIG_DFL; what is ignored stays (CLONE_CLEAR_SIGHAND).
    pub(crate) fn clear_handlers(&self) {
        for signal in (1..=NSIG).filter(|s| self.get(*s).handled()) {
            self.reset(signal);
        }
    }

    /// Lets the next program inherit exactly what the guest has set, also for ferry's own signals.
    pub(crate) fn before_exec(&self) {
        for signal in [libc::SIGSEGV, libc::SIGBUS] {
            let inherited = match self.get(signal).handler {
                SIG_IGN => Disposition::Ignore,
                _ => Disposition::Default,
            };
            host_handler::set_disposition(signal, inherited, 0);
        }
    }

    /// After an execve that failed.
    pub(crate) fn after_failed_exec(&self) {
        host_handler::install_faults();
    }
}

fn disposition(action: &Action) -> Disposition {
    match action.handler {
        SIG_DFL => Disposition::Default,
        SIG_IGN => Disposition::Ignore,
        _ => Disposition::Handler,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_mirrors_the_guest() {
        let actions = Actions::default();
        let handler = Action { handler: 0x8048000, flags: flag::RESTART | 0x40, ..Action::default() };
        assert_eq!(actions.set(libc::SIGUSR2, Some(handler)), Ok(Action::default()));
        assert_eq!(host_handler::disposition(libc::SIGUSR2), Disposition::Handler);
        assert_eq!(actions.get(libc::SIGUSR2).flags, flag::RESTART);
        actions.set(libc::SIGUSR2, Some(Action { handler: SIG_IGN, ..handler })).unwrap();
        assert_eq!(host_handler::disposition(libc::SIGUSR2), Disposition::Ignore);
        actions.reset(libc::SIGUSR2);
        assert_eq!(host_handler::disposition(libc::SIGUSR2), Disposition::Default);
        for (signal, new) in [(0, None), (65, None), (libc::SIGKILL, Some(handler)), (libc::SIGSTOP, Some(handler))] {
            assert_eq!(actions.set(signal, new), Err(Errno(libc::EINVAL)), "{signal}");
        }
        assert_eq!(actions.set(libc::SIGKILL, None), Ok(Action::default()));
    }
}
