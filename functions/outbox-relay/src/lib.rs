//! Sweeps the outbox every minute: functions publish their own messages right after the commit, and whatever was missed
//! because one died or a queue was away is published here. Webhooks whose next try is due are announced, too.

use domain::message::{Outgoing, WebhookWork};
use domain::{Error, Timestamp, webhook};
use runtime::{BootError, Clock, Env};
use worker::Job;

/// A message younger than this is its writer's to publish.
const GRACE_SECONDS: i64 = 10;

/// Messages read at a time.
const BATCH: u32 = 500;

/// Most batches of one run; the next run is a minute away.
const BATCHES: u32 = 20;

/// Webhooks announced in one run.
const WEBHOOKS: u32 = 2_000;

/// Published messages are kept this long.
const KEEP_SECONDS: i64 = 24 * 3_600;

/// What the job works with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Publishes messages.
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
            queue: queue::Publisher::connect(|name| env.get(name)).await,
            clock: Clock::system(),
        })
    }
}

/// A schedule tells nothing; whatever it sends is ignored.
#[derive(Debug, serde::Deserialize)]
pub struct Order {}

/// What was done.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Messages published.
    pub published: usize,
    /// Old messages deleted.
    pub forgotten: u64,
    /// Webhooks that are due, announced.
    pub webhooks_announced: usize,
    /// Old webhooks deleted.
    pub webhooks_forgotten: u64,
}

impl App {
    /// Announces the webhooks whose time has come. What the queue does not take is due again in a few minutes.
    async fn announce_webhooks(&self, conn: &db::Client, now: Timestamp) -> Result<usize, Error> {
        let due = db::webhook_deliveries::due(conn, WEBHOOKS, now).await?;
        let messages = due
            .into_iter()
            .map(|delivery| Outgoing::webhook(runtime::random::hex::<16>(), WebhookWork { delivery }));
        let sent = self
            .queue
            .send_all(&messages.collect::<domain::Result<Vec<_>>>()?)
            .await;
        match sent.failed {
            Some(error) => Err(error.into()),
            None => Ok(sent.ids.len()),
        }
    }
}

impl Job for App {
    type Order = Order;
    type Report = Report;

    async fn run(&self, _: Order) -> Result<Report, Error> {
        let now = self.clock.now();
        let mut report = Report::default();
        let conn = self.db.conn().await?;
        for _ in 0..BATCHES {
            let waiting = db::outbox::waiting(&conn, now.plus_seconds(-GRACE_SECONDS), BATCH).await?;
            if waiting.is_empty() {
                break;
            }
            let sent = self.queue.send_all(&waiting).await;
            let ids: Vec<&str> = sent.ids.iter().map(String::as_str).collect();
            db::outbox::mark_published(&conn, &ids, now).await?;
            report.published += ids.len();
            if let Some(error) = sent.failed {
                return Err(error.into());
            }
        }
        report.forgotten = db::outbox::forget(&conn, now.plus_seconds(-KEEP_SECONDS), 10_000).await?;
        report.webhooks_announced = self.announce_webhooks(&conn, now).await?;
        let oldest = now.plus_seconds(-webhook::KEEP_SECONDS);
        report.webhooks_forgotten = db::webhook_deliveries::forget(&conn, oldest, 10_000).await?;
        Ok(report)
    }
}
