//! Fixed windows: so many uses of an action by a subject in a window, then none until the next window begins.

use crate::{Backend, KvError, Store};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use domain::rate::{Decision, Limit};
use std::time::Duration;

/// How long an action waits for the table that may be done without it. An answer takes a few milliseconds.
const PATIENCE: Duration = Duration::from_millis(500);

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
            Backend::Memory(memory) => memory.counts.lock().ok().and_then(|mut counts| {
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

impl Store {
    /// Counts a use as [`Store::use_up`] does, for an action that must go on when the table is away: `None` then, soon, and
    /// a line in the log.
    pub async fn use_up_if_there(&self, limit: Limit, subject: &str, now: Timestamp) -> Option<Decision> {
        match tokio::time::timeout(PATIENCE, self.use_up(limit, subject, now)).await {
            Ok(Ok(decision)) => Some(decision),
            Ok(Err(error)) => {
                tracing::warn!(action = limit.action, ?error, "a use was let pass uncounted");
                None
            }
            Err(_) => {
                tracing::warn!(
                    action = limit.action,
                    "a use was let pass uncounted: no answer in time"
                );
                None
            }
        }
    }

    /// Counts one use against two limits at the same time, each as [`Store::use_up_if_there`] does, and gives each limit with
    /// what was decided.
    pub async fn use_up_both_if_there(
        &self,
        [one, other]: [(Limit, &str); 2],
        now: Timestamp,
    ) -> [(Limit, Option<Decision>); 2] {
        let (of_one, of_other) = tokio::join!(
            self.use_up_if_there(one.0, one.1, now),
            self.use_up_if_there(other.0, other.1, now),
        );
        [(one.0, of_one), (other.0, of_other)]
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

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::Client;
    use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
    use aws_smithy_http_client::Builder as HttpBuilder;
    use std::time::Instant;

    const LIMIT: Limit = Limit {
        action: "test",
        uses: 2,
        window_seconds: 60,
    };

    fn now() -> Timestamp {
        Timestamp::parse("2030-01-01T12:00:30Z").unwrap()
    }

    #[tokio::test]
    async fn a_table_that_never_answers_costs_half_a_second_and_stops_nobody() {
        // Connections are taken and nothing is said on them.
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("ap-southeast-3"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .http_client(HttpBuilder::new().build_http())
            .endpoint_url(format!("http://{}", silent.local_addr().unwrap()));
        let store = Store(Backend::DynamoDb {
            client: Client::from_conf(config.build()),
            table: "state".to_owned(),
        });
        let begun = Instant::now();
        assert_eq!(store.use_up_if_there(LIMIT, "ayu", now()).await, None);
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        let closed = Store::unreachable();
        assert_eq!(closed.use_up_if_there(LIMIT, "ayu", now()).await, None);
    }

    #[tokio::test]
    async fn who_may_be_let_pass_is_counted_all_the_same() {
        let store = Store::in_memory();
        let mut told = Vec::new();
        for _ in 0..3 {
            let decision = store.use_up_if_there(LIMIT, "ayu", now()).await.unwrap();
            told.push((decision.allowed, decision.remaining, decision.reset_seconds));
        }
        assert_eq!(told, [(true, 1, 30), (true, 0, 30), (false, 0, 30)]);
        let other = store.use_up_if_there(LIMIT, "budi", now()).await.unwrap();
        assert!(other.allowed);
    }
}
