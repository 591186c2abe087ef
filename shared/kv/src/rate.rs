//! Fixed windows: so many uses of an action by a subject in a window, then none until the next window begins.

use crate::{Backend, KvError, Store};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use std::num::NonZeroU32;

/// How often an action may be used.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Name of the action, part of the key.
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

/// Whether a use is within the limit, and what to tell in `RateLimit-*` headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may be done.
    pub allowed: bool,
    /// Uses left in this window.
    pub remaining: u64,
    /// Seconds until the next window.
    pub reset_seconds: u32,
}

impl Store {
    /// Counts a use by `subject` (an account, an address) and decides. One conditional write; a subject over its limit
    /// writes nothing.
    ///
    /// # Errors
    /// If the table does not answer. Callers decide whether to let the request pass.
    pub async fn use_up(&self, limit: Limit, subject: &str, now: Timestamp) -> Result<Decision, KvError> {
        let window = now.unix_seconds().div_euclid(limit.window_seconds);
        let ends = (window + 1) * limit.window_seconds;
        let reset_seconds = u32::try_from(ends - now.unix_seconds()).unwrap_or(1).max(1);
        let key = format!("rate#{}#{subject}#{window}", limit.action);
        let used = match &self.0 {
            Backend::Memory(counts) => counts.lock().ok().and_then(|mut counts| {
                let used = counts.entry(key).or_default();
                (*used < limit.uses).then(|| {
                    *used += 1;
                    *used
                })
            }),
            Backend::DynamoDb { client, table } => count(client, table, &key, limit.uses, ends).await?,
            Backend::Unreachable => return Err(failure("the table does not answer".into())),
        };
        Ok(Decision {
            allowed: used.is_some(),
            remaining: used.map_or(0, |used| limit.uses.saturating_sub(used)),
            reset_seconds,
        })
    }
}

/// Adds one to the counter unless it stands at the limit already. `None` if it does.
async fn count(
    client: &aws_sdk_dynamodb::Client,
    table: &str,
    key: &str,
    limit: u64,
    ends: i64,
) -> Result<Option<u64>, KvError> {
    let answer = client
        .update_item()
        .table_name(table)
        .key("pk", AttributeValue::S(key.to_owned()))
        .update_expression("ADD used :one SET expires_at = if_not_exists(expires_at, :ends)")
        .condition_expression("attribute_not_exists(used) OR used < :limit")
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .expression_attribute_values(":limit", AttributeValue::N(limit.to_string()))
        .expression_attribute_values(":ends", AttributeValue::N(ends.to_string()))
        .return_values(aws_sdk_dynamodb::types::ReturnValue::UpdatedNew)
        .send()
        .await;
    match answer {
        Ok(answer) => {
            let used = answer.attributes().and_then(|attributes| attributes.get("used"));
            let used = used
                .and_then(|value| value.as_n().ok())
                .and_then(|text| text.parse().ok());
            Ok(Some(
                used.ok_or_else(|| failure("the counter is not a number".into()))?,
            ))
        }
        Err(SdkError::ServiceError(error))
            if matches!(error.err(), UpdateItemError::ConditionalCheckFailedException(_)) =>
        {
            Ok(None)
        }
        Err(error) => Err(failure(error.into())),
    }
}

fn failure(source: Box<dyn std::error::Error + Send + Sync>) -> KvError {
    KvError {
        action: "count a request",
        source,
    }
}
