#![doc = include_str!("../README.md")]

mod call;
mod deliver;

use domain::Error;
use domain::destination::Reach;
use domain::message::{Envelope, WebhookWork};
use outbound::{Names, Outbound};
use runtime::{BootError, Clock, Env};
use worker::{Consumer, Record, decode};

/// What the worker works with. It holds no secret of the fleet: it talks to strangers.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Calls endpoints.
    pub outbound: Outbound,
    /// Knows to which numbers a name leads.
    pub names: Names,
    /// Where endpoints may be.
    pub reach: Reach,
    /// Tells the time.
    pub clock: Clock,
}

impl App {
    /// Reads the configuration.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn from_env(env: &Env) -> Result<Self, BootError> {
        let config = db::Config::from_lookup(|name| env.get(name)).map_err(BootError::Other)?;
        Ok(Self {
            db: db::Db::new(config),
            outbound: Outbound::new().map_err(|error| BootError::Other(error.to_string()))?,
            names: Names::System,
            reach: runtime::webhook::reach(env)?,
            clock: Clock::system(),
        })
    }
}

impl Consumer for App {
    async fn consume(&self, record: &Record) -> Result<(), Error> {
        let envelope: Envelope<WebhookWork> = decode(&record.body)?;
        deliver::deliver(self, envelope.body.delivery).await
    }
}
