//! Root overlay and path translation.

/// Where the guest's paths are looked up.
#[derive(Debug, Default)]
pub struct FsContext {}
