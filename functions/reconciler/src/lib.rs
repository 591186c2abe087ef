//! Every minute: the payment gateway is asked about payments that may have moved without our hearing of it, and what it says is
//! applied as if it had told us.
//!
//! A payment is asked about two minutes after its beginning and then with growing gaps, for a day after its order has ended:
//! money that came late is honoured while there is stock, else given back. The `janitor` asks at one other moment, before it
//! gives the stock of an unpaid order back.
//!
//! Payments are claimed for a minute at a time. Runs that overlap work on different ones, what a run leaves undone is due
//! again after that minute, and no transaction is open while the gateway is asked.

mod ask;

use ask::Outcome;
use db::reconciliation;
use domain::reconciliation::LEASE_SECONDS;
use domain::{Error, alert};
use futures_util::stream::{self, StreamExt as _};
use runtime::{BootError, Clock, Env};
use settling::Midtrans;
use std::time::Duration;
use tokio::time::Instant;
use worker::Job;

/// Payments claimed at once.
const BATCH: u32 = 48;

/// Questions under way at once.
const AT_ONCE: usize = 8;

/// No batch is begun after this time: the last one needs up to twenty seconds, and the function has fifty.
const TIME: Duration = Duration::from_secs(25);

/// What the job works with.
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
}

/// A schedule tells nothing; whatever it sends is ignored.
#[derive(Debug, serde::Deserialize)]
pub struct Order {}

/// What was done.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Payments about which the gateway said something.
    pub answered: usize,
    /// Of these, payments that moved.
    pub moved: usize,
    /// Payments for which nobody has chosen a method.
    pub untouched: usize,
    /// Payments about which the gateway gave no answer.
    pub unanswered: usize,
}

impl Job for App {
    type Order = Order;
    type Report = Report;

    async fn run(&self, _: Order) -> Result<Report, Error> {
        let (begun, started) = (Instant::now(), self.clock.now());
        let mut report = Report::default();
        while begun.elapsed() < TIME {
            let now = self.clock.now();
            let due = {
                let conn = self.db.conn().await?;
                reconciliation::claim(&conn, now.plus_seconds(LEASE_SECONDS), BATCH, now).await?
            };
            if due.is_empty() {
                break;
            }
            let questions: Vec<_> = due.iter().map(|due| ask::ask(self, due)).collect();
            let outcomes: Vec<_> = stream::iter(questions).buffer_unordered(AT_ONCE).collect().await;
            let mut left_alone = false;
            for outcome in outcomes {
                match outcome? {
                    Outcome::Answered { moved } => {
                        report.answered += 1;
                        report.moved += usize::from(moved);
                    }
                    Outcome::Untouched => report.untouched += 1,
                    Outcome::Unanswered => report.unanswered += 1,
                    Outcome::LeftAlone => {
                        report.unanswered += 1;
                        left_alone = true;
                    }
                }
            }
            if left_alone {
                break;
            }
        }
        let conn = self.db.conn().await?;
        db::job_runs::done(&conn, alert::Job::Reconciler, started).await?;
        Ok(report)
    }
}
