//! DynamoDB as the fleet uses it: one table with a text key `pk` and a time to live, for state that may be lost or built
//! anew. Nothing that decides about money, stock or identity is here.

mod breaker;
mod rate;

pub use breaker::FleetBreaker;
pub use domain::rate::{Decision, Limit};

use aws_sdk_dynamodb::Client;
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
