//! The one door to the host kernel.
