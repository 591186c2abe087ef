//! API keys as their owner sees them.

use db::api_keys::Key;
use domain::api_key::Scopes;
use domain::{ApiKeyId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

/// A key without the key itself.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiKeyOut {
    id: ApiKeyId,
    name: String,
    /// The beginning of the key.
    hint: String,
    scopes: Scopes,
    created_at: Timestamp,
    /// When it ends by itself.
    expires_at: Option<Timestamp>,
    /// When it was used, to the hour.
    last_used_at: Option<Timestamp>,
}

impl From<Key> for ApiKeyOut {
    fn from(key: Key) -> Self {
        Self {
            id: key.id,
            name: key.name,
            hint: key.hint,
            scopes: key.scopes,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
        }
    }
}
