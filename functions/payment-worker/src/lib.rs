//! Asks Midtrans what is true of a payment, with no transaction open, and applies it in one.
//!
//! Two queues ask for that: hints that something happened to a payment, and refunds. Hints may be late, repeated or forged in
//! all that the signature does not cover; none of that matters, because only the answer of Midtrans is believed. Refunds have a
//! queue of their own, so that thousands of a cancelled event keep nobody waiting for a ticket, but no function of
//! their own: what they need to know and to write is the same, and so is the secret.

mod apply_notice;
mod give_back;

use domain::Error;
use domain::message::{Envelope, PaymentNotice, RefundWork};
use runtime::{BootError, Clock, Env};
use serde::Deserialize;
use settling::{Books, Midtrans};
use worker::{Consumer, Record, decode};

/// What the worker works with.
pub struct App {
    /// The database.
    pub db: db::Db,
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

    fn books(&self) -> Books<'_> {
        Books {
            db: &self.db,
            queue: &self.queue,
            now: self.clock.now(),
        }
    }
}

/// What the two queues bring. Their messages have no field in common.
#[derive(Deserialize)]
#[serde(untagged)]
enum Work {
    Refund(RefundWork),
    Notice(Box<PaymentNotice>),
}

impl Consumer for App {
    async fn consume(&self, record: &Record) -> Result<(), Error> {
        let envelope: Envelope<Work> = decode(&record.body)?;
        match envelope.body {
            Work::Refund(work) => give_back::give_back(self, work.refund).await,
            Work::Notice(notice) => apply_notice::apply_notice(self, &notice).await,
        }
    }
}
