//! Sweeps the outbox every minute: functions publish their own messages right after the commit, and whatever was missed
//! because one died or a queue was away is published here. Webhooks whose next try is due are announced, too, and so many
//! promotional mails as go in a minute.

use domain::message::{Outgoing, WebhookWork};
use domain::{Error, MailingId, Timestamp, UserId, alert, webhook};
use runtime::{BootError, Clock, Env};
use std::collections::{HashSet, VecDeque};
use std::num::NonZeroU32;
use worker::Job;

/// A message younger than this is its writer's to publish.
const GRACE_SECONDS: i64 = 10;

/// Messages read at a time.
const BATCH: u32 = 500;

/// Most batches of one run; the next run is a minute away.
const BATCHES: u32 = 20;

/// Webhooks announced in one run.
const WEBHOOKS: u32 = 2_000;

/// Recipients of a promotional mail announced at a time.
const RECIPIENTS: u32 = 500;

/// Mailings looked at in one run.
const MAILINGS: u32 = 100;

/// Published messages are kept this long.
const KEEP_SECONDS: i64 = 24 * 3_600;

/// What the job works with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Publishes messages.
    pub queue: queue::Publisher,
    /// How many promotional mails go in a second.
    pub promotions_per_second: NonZeroU32,
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
            promotions_per_second: env.parsed("PROMOTIONS_PER_SECOND", domain::mailing::PER_SECOND)?,
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
    /// Promotional mails announced.
    pub promotions_announced: usize,
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

    /// Announces as many promotional mails as go until the next run, less those that are still on their way: a part of each mailing
    /// in turn. So the queue holds no more than a minute of them, whatever waits, and what is paused or cancelled stops soon.
    async fn announce_promotions(&self, conn: &db::Client, now: Timestamp) -> Result<usize, Error> {
        let on_their_way = db::mailing_recipients::on_their_way(conn, now).await?;
        let a_minute = self.promotions_per_second.get().saturating_mul(60);
        let mut left = a_minute.saturating_sub(on_their_way);
        let mut announced = 0;
        let mut open = VecDeque::from(db::mailing_recipients::sending(conn, MAILINGS).await?);
        while left > 0
            && let Some(mailing) = open.pop_front()
        {
            let limit = left.min(RECIPIENTS);
            let due = db::mailing_recipients::announce(conn, mailing, limit, now).await?;
            left -= limit.min(u32::try_from(due.len()).unwrap_or(u32::MAX));
            announced += self.publish_promotions(conn, mailing, &due).await?;
            if !due.is_empty() {
                open.push_back(mailing);
            }
        }
        Ok(announced)
    }

    /// What the queue does not take is due again with the next run.
    async fn publish_promotions(
        &self,
        conn: &db::Client,
        mailing: MailingId,
        recipients: &[UserId],
    ) -> Result<usize, Error> {
        let messages = recipients
            .iter()
            .map(|recipient| Outgoing::promotion(mailing, *recipient));
        let messages = messages.collect::<domain::Result<Vec<_>>>()?;
        let sent = self.queue.send_all(&messages).await;
        let Some(error) = sent.failed else {
            return Ok(sent.ids.len());
        };
        let taken: HashSet<&str> = sent.ids.iter().map(String::as_str).collect();
        let refused = recipients.iter().zip(&messages);
        let refused = refused.filter(|(_, message)| !taken.contains(message.id.as_str()));
        let refused: Vec<UserId> = refused.map(|(recipient, _)| *recipient).collect();
        db::mailing_recipients::withdraw(conn, mailing, &refused).await?;
        Err(error.into())
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
        report.promotions_announced = self.announce_promotions(&conn, now).await?;
        db::job_runs::done(&conn, alert::Job::OutboxRelay, now).await?;
        Ok(report)
    }
}
