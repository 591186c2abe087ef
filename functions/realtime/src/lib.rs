//! The WebSocket API: lets people in and takes down what they follow. What happens to it is told by `notifier`.
//!
//! Everything a client sends is answered, and a refusal ends nothing, unless a client goes on that sends too much. Who somebody is was settled when they connected;
//! whether an order is theirs and whether their session goes on is asked when they subscribe, and again by `notifier`
//! each time before they are told.

mod connect;
mod subscribe;

use domain::realtime::{self, MESSAGES, Message, REFUSALS, Request, RequestId};
use domain::{Error, Kind};
use kv::{Connection, Connections, Store};
use push::Pusher;
use runtime::{BootError, Clock, Env};
use std::num::NonZeroU32;
use worker::{Sockets, Visitor};

/// What the function works with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Who is connected, and what they follow.
    pub connections: Connections,
    /// Ends connections that send too much.
    pub pusher: Pusher,
    /// Counts handshakes and messages.
    pub store: Store,
    /// What limits per IP address are multiplied with: more than 1 where many share one, as in tests of a fleet.
    pub caller_factor: NonZeroU32,
    /// Sends for the first look at an event.
    pub queue: queue::Publisher,
    /// Tells the time.
    pub clock: Clock,
}

impl App {
    /// Reads the configuration.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub async fn from_env(env: &Env) -> Result<Self, BootError> {
        let config = db::Config::from_lookup(|name| env.get(name)).map_err(BootError::Other)?;
        Ok(Self {
            db: db::Db::new(config),
            connections: Connections::connect(env.required("CONNECTIONS_TABLE")?).await,
            pusher: Pusher::connect(env.required("WEBSOCKET_ENDPOINT")?).await,
            store: Store::connect(env.required("STATE_TABLE")?).await,
            caller_factor: env.parsed("RATE_LIMIT_FACTOR", NonZeroU32::MIN)?,
            queue: queue::Publisher::connect(|name| env.get(name)).await,
            clock: Clock::system(),
        })
    }

    /// Does what a client asks for.
    async fn act(&self, connection: &Connection, request: Request) -> Result<Message, Error> {
        match request {
            Request::Ping { id } => Ok(Message::Pong { id }),
            Request::Subscribe { topic, id } => subscribe::subscribe(self, connection, topic, id).await,
            Request::Unsubscribe { topic, id } => {
                self.connections.unfollow(connection, &topic).await?;
                Ok(Message::Unsubscribed { topic, id })
            }
        }
    }

    /// Ends a connection that goes on sending too much, and gives what it is answered if it still hears.
    async fn end(&self, connection: &str) -> Error {
        tracing::info!("a connection that sends too much is ended");
        let forgotten = self.connections.close(connection).await.map_err(Error::from);
        let ended = self.pusher.end(connection).await.map_err(Error::from);
        let gone = Error::new(
            Kind::RateLimited,
            "rate_limited",
            "Too many messages: the connection ends",
        );
        forgotten.and(ended).map_or_else(|error| error, |()| gone)
    }

    /// Reads a message and does what it asks for; a refusal comes with the name of the request.
    async fn hear(&self, connection: &str, text: &str) -> Result<Message, (Error, Option<RequestId>)> {
        let now = self.clock.now();
        let counted = self.store.use_up_if_there(MESSAGES, connection, now).await;
        if let Some(counted) = counted.filter(|counted| !counted.allowed) {
            let refused = self.store.use_up_if_there(REFUSALS, connection, now).await;
            if refused.is_some_and(|refused| !refused.allowed) {
                return Err((self.end(connection).await, None));
            }
            let error = Error::new(Kind::RateLimited, "rate_limited", "Too many messages");
            return Err((error.retry_after(counted.reset_seconds), None));
        }
        let request = realtime::read(text).map_err(|error| (error, None))?;
        let id = request.id().cloned();
        let found = self.connections.find(connection).await;
        let connection = match found {
            Ok(Some(connection)) => connection,
            Ok(None) => {
                let gone = Error::new(Kind::NotFound, "not_connected", "The connection has ended");
                return Err((gone, id));
            }
            Err(error) => return Err((error.into(), id)),
        };
        self.act(&connection, request).await.map_err(|error| (error, id))
    }
}

impl Sockets for App {
    async fn connect(&self, visitor: &Visitor<'_>) -> Result<(), Error> {
        connect::connect(self, visitor).await
    }

    async fn answer(&self, connection: &str, text: &str) -> Result<String, Error> {
        match self.hear(connection, text).await {
            Ok(message) => message.to_text(),
            Err((error, id)) => {
                if let Some(cause) = &error.internal {
                    tracing::warn!(code = error.code, ?cause, "a request over a WebSocket failed");
                }
                Message::refusal(&error, id).to_text()
            }
        }
    }

    async fn disconnect(&self, connection: &str) -> Result<(), Error> {
        Ok(self.connections.close(connection).await?)
    }
}
