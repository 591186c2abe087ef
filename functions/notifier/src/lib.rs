//! Tells people over WebSockets where what they follow stands. A message of the queue says only that something happened;
//! what there is to tell is read when it is told, so messages may come late, twice and in any order.
//!
//! What is somebody's own is told to them alone, and only while their session goes on: both is asked in the database each
//! time. So a session that has ended hears nothing more from the moment on at which its end was committed, and its
//! connection is ended at the first occasion.

mod look_at_event;
mod tell;
mod tell_of_event;
mod tell_of_notification;
mod tell_of_order;

use domain::Error;
use domain::message::{Envelope, Happening, Part, Subject};
use kv::Connections;
use push::Pusher;
use runtime::{BootError, Clock, Env};
use worker::{Consumer, Record};

/// What the function works with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Who is connected, and what they follow.
    pub connections: Connections,
    /// Reaches the connections.
    pub pusher: Pusher,
    /// Sends for the next look at an event, and for the parts of a crowd.
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
            queue: queue::Publisher::connect(|name| env.get(name)).await,
            clock: Clock::system(),
        })
    }
}

impl Consumer for App {
    async fn consume(&self, record: &Record) -> Result<(), Error> {
        let envelope: Envelope<Happening> = worker::decode(&record.body)?;
        match envelope.body {
            Happening::Order { order } => tell_of_order::tell_of_order(self, order, &Part::ALL).await,
            Happening::Told { notification } => {
                tell_of_notification::tell_of_notification(self, notification, None).await
            }
            Happening::Look { event } => look_at_event::look_at_event(self, event).await,
            Happening::Part { of, part } => match of {
                Subject::Order(order) => tell_of_order::tell_of_order(self, order, &part).await,
                Subject::Told(notification) => {
                    tell_of_notification::tell_of_notification(self, notification, Some(&part)).await
                }
                Subject::Event(event) => tell_of_event::tell_of_event(self, event, &part).await,
            },
        }
    }
}
