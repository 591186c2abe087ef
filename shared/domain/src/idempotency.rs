//! Requests that have their effect once, however often they are sent.

use crate::UserId;

/// A request under an `Idempotency-Key`. Keys of another caller or of another operation are other keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// What is asked for: the id of its route.
    pub operation: &'static str,
    /// Who asks.
    pub caller: UserId,
    /// The key as sent.
    pub key: String,
    /// Hash of method, path and body: the same key with another request is a mistake of the client.
    pub request_hash: [u8; 32],
}

impl Once {
    /// Within what the key is unique.
    pub fn scope(&self) -> String {
        format!("{} {}", self.operation, self.caller)
    }
}

/// An answer that was given and is given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: String,
}
