//! Consumes hints that something happened to a payment: asks Midtrans what is true, with no transaction open, and applies it
//! in one. Hints may be late, repeated or forged in all that the signature does not cover; none of that matters, because
//! only the answer of Midtrans is believed.

mod apply_notice;

use domain::Error;
use domain::message::{Envelope, PaymentNotice, RefundWork};
use runtime::{BootError, Clock, Env};

/// What the worker works with.
pub struct App {
    /// The database.
    pub db: db::Db,
use serde::Deserialize;
use settling::Midtrans;
use worker::{Consumer, Record, decode};
    /// The gateway.
    pub midtrans: Midtrans,
    /// Publishes messages after a commit.
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
            midtrans: Midtrans::from_env(env).await?,
            queue: queue::Publisher::connect(|name| env.get(name)).await,
            clock: Clock::system(),
        })
    }
}
