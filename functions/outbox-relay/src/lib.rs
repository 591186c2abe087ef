//! Sweeps the outbox every minute: functions publish their own messages right after the commit, and whatever was missed
//! because one died or a queue was away is published here.

use domain::Error;
use runtime::{BootError, Clock, Env};
use worker::Job;

/// A message younger than this is its writer's to publish.
const GRACE_SECONDS: i64 = 10;

/// Messages read at a time.
const BATCH: u32 = 500;

/// Most batches of one run; the next run is a minute away.
const BATCHES: u32 = 20;

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
        Ok(report)
    }
}
