//! The WebSocket API as the fleet uses it: a text goes to one connection.

use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::config::Builder;
use aws_sdk_apigatewaymanagement::operation::delete_connection::DeleteConnectionError;
use aws_sdk_apigatewaymanagement::operation::post_to_connection::PostToConnectionError;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Why a connection could not be told something.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action}")]
pub struct PushError {
    action: &'static str,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl From<PushError> for domain::Error {
    fn from(error: PushError) -> Self {
        Self::unavailable("The WebSocket API", 5).because(error)
    }
}

/// What became of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// The gateway took it.
    Taken,
    /// There is no such connection any more.
    Gone,
    /// The gateway holds all that it holds for a client that does not read, or was asked for more than it does in a second.
    Stuck,
}

/// Sends to connections.
pub struct Pusher(Backend);

enum Backend {
    Gateway(Client),
    Memory(Mutex<Memory>),
}

/// What a pusher for tests has seen.
#[derive(Default)]
struct Memory {
    pushed: Vec<(String, String)>,
    gone: HashSet<String>,
    stuck: HashSet<String>,
    failing: HashSet<String>,
}

impl Pusher {
    /// Sends through the WebSocket API that has its connections at `endpoint`.
    pub async fn connect(endpoint: &str) -> Self {
        let config = Builder::from(&aws::config().await).endpoint_url(endpoint);
        Self(Backend::Gateway(Client::from_conf(config.build())))
    }

    /// Keeps texts in memory, for tests of one function.
    pub fn in_memory() -> Self {
        Self(Backend::Memory(Mutex::default()))
    }

    /// Takes what was sent by a pusher made by [`Pusher::in_memory`]: connection and text.
    pub fn take_pushed(&self) -> Vec<(String, String)> {
        match &self.0 {
            Backend::Memory(memory) => {
                let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::take(&mut memory.pushed)
            }
            Backend::Gateway(_) => Vec::new(),
        }
    }

    /// Whether a pusher made by [`Pusher::in_memory`] has ended a connection.
    pub fn has_ended(&self, connection: &str) -> bool {
        match &self.0 {
            Backend::Memory(memory) => {
                let memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                memory.gone.contains(connection)
            }
            Backend::Gateway(_) => false,
        }
    }

    /// Lets a client of a pusher made by [`Pusher::in_memory`] read nothing any more.
    pub fn stick(&self, connection: &str) {
        if let Backend::Memory(memory) = &self.0 {
            let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory.stuck.insert(connection.to_owned());
        }
    }

    /// Lets the next push to a connection fail, of a pusher made by [`Pusher::in_memory`].
    pub fn fail_next(&self, connection: &str) {
        if let Backend::Memory(memory) = &self.0 {
            let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory.failing.insert(connection.to_owned());
        }
    }

    /// Tells a connection something.
    ///
    /// # Errors
    /// If the gateway cannot be reached or refuses for now.
    pub async fn push(&self, connection: &str, text: &str) -> Result<Pushed, PushError> {
        let client = match &self.0 {
            Backend::Gateway(client) => client,
            Backend::Memory(memory) => {
                let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                if memory.gone.contains(connection) {
                    return Ok(Pushed::Gone);
                }
                if memory.stuck.contains(connection) {
                    return Ok(Pushed::Stuck);
                }
                if memory.failing.remove(connection) {
                    return Err(PushError {
                        action: "push to a connection",
                        source: "the gateway does not answer".into(),
                    });
                }
                memory.pushed.push((connection.to_owned(), text.to_owned()));
                return Ok(Pushed::Taken);
            }
        };
        let request = client
            .post_to_connection()
            .connection_id(connection)
            .data(Blob::new(text));
        match request.send().await {
            Ok(_) => Ok(Pushed::Taken),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PostToConnectionError::is_gone_exception) =>
            {
                Ok(Pushed::Gone)
            }
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PostToConnectionError::is_limit_exceeded_exception) =>
            {
                Ok(Pushed::Stuck)
            }
            Err(error) => Err(failure("push to a connection", error)),
        }
    }

    /// Ends a connection. One that has ended already is fine.
    ///
    /// # Errors
    /// If the gateway cannot be reached or refuses for now.
    pub async fn end(&self, connection: &str) -> Result<(), PushError> {
        let client = match &self.0 {
            Backend::Gateway(client) => client,
            Backend::Memory(memory) => {
                let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                memory.gone.insert(connection.to_owned());
                return Ok(());
            }
        };
        match client.delete_connection().connection_id(connection).send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DeleteConnectionError::is_gone_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(failure("end a connection", error)),
        }
    }
}

fn failure(action: &'static str, error: impl std::error::Error + Send + Sync + 'static) -> PushError {
    PushError {
        action,
        source: Box::new(error),
    }
}
