//! linux/eventpoll.h, and the argument block of the first select(2).
use super::{I32, U32, U64};
use crate::records;

records! {
    /// `struct epoll_event` of i386: no padding before `data`.
    EpollEvent [12] { events: U32, data: U64 }
    /// `struct sel_arg_struct`.
    OldSelect [20] { n: I32, sets: [U32; 3], timeout: U32 }
}

/// `struct epoll_event` of the host: padded on arm64, packed on x86-64.
#[cfg(target_arch = "aarch64")]
mod host {
    crate::records! {
        /// `struct epoll_event` of arm64.
        HostEpollEvent [16] { events: super::U32, pad: super::U32, data: super::U64 }
    }
}
#[cfg(not(target_arch = "aarch64"))]
mod host {
    crate::records! {
        /// `struct epoll_event` of x86-64.
        HostEpollEvent [12] { events: super::U32, data: super::U64 }
    }
}
pub use host::HostEpollEvent;

impl From<EpollEvent> for HostEpollEvent {
    #[allow(clippy::needless_update, reason = "there is padding on arm64")]
    fn from(e: EpollEvent) -> Self {
        Self { events: e.events, data: e.data, ..Self::default() }
    }
}

impl From<HostEpollEvent> for EpollEvent {
    fn from(e: HostEpollEvent) -> Self {
        Self { events: e.events, data: e.data }
    }
}
