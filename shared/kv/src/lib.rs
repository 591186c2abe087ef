//! DynamoDB as the fleet uses it: one table with a text key `pk` and a time to live, for state that may be lost or built
//! anew, and one with a second key `sk` for WebSockets. Nothing that decides about money, stock or identity is here.

mod breaker;
mod connections;
mod looks;
mod rate;

pub use breaker::FleetBreaker;
pub use connections::{Audience, Connection, Connections, Following, Page, Who};
pub use domain::rate::{Decision, Limit};
pub use looks::{LEASE_SECONDS, Look, Seen, Turn};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::breaker::Shared;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Why the table gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action}")]
pub struct KvError {
    action: &'static str,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl From<KvError> for domain::Error {
    fn from(error: KvError) -> Self {
        Self::unavailable("The service", 2).because(error)
    }
}

/// Makes an error of what the SDK says.
fn failed<E, R>(action: &'static str) -> impl FnOnce(SdkError<E, R>) -> KvError
where
    SdkError<E, R>: std::error::Error + Send + Sync + 'static,
{
    move |error| KvError {
        action,
        source: Box::new(error),
    }
}

/// Whether the condition of a write did not hold.
fn is_refused<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code) == Some("ConditionalCheckFailedException")
}

/// The item against which the condition of an update did not hold, if there is one; `None` for other errors.
fn refused_item<R>(error: &SdkError<UpdateItemError, R>) -> Option<Option<HashMap<String, AttributeValue>>> {
    match error.as_service_error()? {
        UpdateItemError::ConditionalCheckFailedException(refusal) => Some(refusal.item().cloned()),
        _ => None,
    }
}

/// The table. Clones are the same table.
#[derive(Clone)]
pub struct Store(Backend);

#[derive(Clone)]
enum Backend {
    DynamoDb { client: Client, table: String },
    Memory(Arc<Memory>),
    Unreachable,
}

#[derive(Default)]
struct Memory {
    counts: Mutex<HashMap<String, u64>>,
    breakers: Mutex<HashMap<&'static str, Shared>>,
}

impl Store {
    /// The table of that name.
    pub async fn connect(table: &str) -> Self {
        Self(Backend::DynamoDb {
            client: Client::new(&aws::config().await),
            table: table.to_owned(),
        })
    }

    /// A table in memory, for tests of one function.
    pub fn in_memory() -> Self {
        Self(Backend::Memory(Arc::default()))
    }

    /// A table that never answers, for tests of what a function does then.
    pub const fn unreachable() -> Self {
        Self(Backend::Unreachable)
    }
}
