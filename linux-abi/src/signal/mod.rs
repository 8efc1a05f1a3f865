//! Signals: actions, queues, frames, delivery.

/// Signal actions of a process.
#[derive(Debug, Default)]
pub struct Actions {}

/// Mask, queue and alternate stack of a thread.
#[derive(Debug, Default)]
pub struct ThreadSignals {}
