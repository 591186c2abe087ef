//! How often something may be done.

use std::num::NonZeroU32;

/// So many uses of an action by one subject in a window of time.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Name of the action, part of the key under which it is counted.
    pub action: &'static str,
    /// Uses in a window.
    pub uses: u64,
    /// Length of a window in seconds.
    pub window_seconds: i64,
}

impl Limit {
    /// So many times the uses in the same window.
    #[must_use]
    pub fn times(self, factor: NonZeroU32) -> Self {
        Self {
            uses: self.uses.saturating_mul(factor.get().into()),
            ..self
        }
    }
}

/// Whether a use is within the limit, and what to tell the caller about the rest of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may be done.
    pub allowed: bool,
    /// Uses left in this window.
    pub remaining: u64,
    /// Seconds until the next window.
    pub reset_seconds: u32,
}
