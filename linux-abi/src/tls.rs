//! Thread-local storage: GDT entries 6..=8, set_thread_area, modify_ldt.

/// TLS descriptors of a thread.
#[derive(Clone, Debug, Default)]
pub struct Tls {}
