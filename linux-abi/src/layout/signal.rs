//! `struct sigevent` of asm-generic/siginfo.h: how timers and queues notify.
use super::{I32, U32, U64};
use crate::records;

records! {
    /// `struct sigevent`.
    Sigevent32 [64] { sigev_value: U32, sigev_signo: I32, sigev_notify: I32, sigev_tid: I32, rest: [U32; 12] }
    /// `struct sigevent` of the host.
    Sigevent [64] { sigev_value: U64, sigev_signo: I32, sigev_notify: I32, sigev_tid: I32, rest: [U32; 11] }
}

/// The same request for the host. The value comes back in the signal, where only its low half counts.
pub fn sigevent_to_host(guest: &Sigevent32) -> Sigevent {
    Sigevent {
        sigev_value: u64::from(guest.sigev_value.get()).into(),
        sigev_signo: guest.sigev_signo,
        sigev_notify: guest.sigev_notify,
        sigev_tid: guest.sigev_tid,
        ..Sigevent::default()
    }
}
