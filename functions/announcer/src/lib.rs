//! Every minute: notes of which events the holders of tickets are to be reminded, a day before they begin, and tells holders what
//! was noted; tells organizers what is sold out; writes down who of an audience gets a promotional mail.
//!
//! A part of the holders is told in one transaction, their mails included, which `outbox-relay` publishes. So this function has
//! no queue, dying in the middle repeats nothing, and a run that reaches its end goes on a minute later.

use domain::{Error, alert};
use runtime::{BootError, Clock, Env};
use std::collections::VecDeque;
use worker::Job;

/// Seconds before an event at which its holders are reminded.
const REMIND_SECONDS: i64 = 24 * 3_600;

/// Holders told in one transaction: few enough that whoever changes their account need not wait for it.
const HOLDERS_AT_ONCE: u32 = 500;

/// Most holders told in one run: so few that the mails of those who have just bought wait seconds behind theirs, not hours, and
/// 100,000 are told within 35 minutes.
const HOLDERS_OF_A_RUN: usize = 3_000;

/// Announcements looked at in one run.
const ANNOUNCEMENTS_AT_ONCE: u32 = 200;

/// Hints about sold-out tickets looked at in one transaction.
const HINTS_AT_ONCE: u32 = 1_000;

/// People of an audience looked at in one transaction.
const RECIPIENTS_AT_ONCE: u32 = 500;

/// Most people of audiences looked at in one run. Their mails are sent at a pace of their own.
const RECIPIENTS_OF_A_RUN: usize = 50_000;

/// Mailings looked at in one run.
const MAILINGS_AT_ONCE: u32 = 100;

/// What the job works with.
pub struct App {
    /// The database.
    pub db: db::Db,
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
    /// Events of which holders are to be reminded from now on.
    pub events_due: u64,
    /// Holders who were told something.
    pub holders_told: usize,
    /// Hints about sold-out tickets that were looked at.
    pub hints_looked_at: usize,
    /// Promotional mails whose time had come.
    pub mailings_begun: u64,
    /// People of their audiences who were looked at.
    pub recipients_looked_at: usize,
    /// Promotional mails that have nobody left.
    pub mailings_ended: u64,
}

impl App {
    /// Begins promotional mails and writes their audiences down, a part of each in turn; ends those that have nobody left.
    async fn promote(&self, conn: &mut db::Conn<'_>, report: &mut Report) -> Result<(), Error> {
        let now = self.clock.now();
        report.mailings_begun = db::mailing_recipients::start(conn, now).await?;
        let mut open = VecDeque::from(db::mailing_recipients::unselected(conn, MAILINGS_AT_ONCE).await?);
        while report.recipients_looked_at < RECIPIENTS_OF_A_RUN
            && let Some(mailing) = open.pop_front()
        {
            let tx = conn.begin().await?;
            let people = db::mailing_recipients::select_next(&tx, mailing, RECIPIENTS_AT_ONCE, now).await?;
            tx.commit().await.map_err(db::DbError::from)?;
            report.recipients_looked_at += people;
            if people > 0 {
                open.push_back(mailing);
            }
        }
        report.mailings_ended = db::mailing_recipients::finish(conn, now).await?;
        Ok(())
    }
}

impl Job for App {
    type Order = Order;
    type Report = Report;

    async fn run(&self, _: Order) -> Result<Report, Error> {
        let now = self.clock.now();
        let mut report = Report::default();
        let mut conn = self.db.conn().await?;
        loop {
            let tx = conn.begin().await?;
            let looked_at = db::announcements::tell_sold_out(&tx, HINTS_AT_ONCE, now).await?;
            tx.commit().await.map_err(db::DbError::from)?;
            report.hints_looked_at += looked_at;
            if looked_at == 0 {
                break;
            }
        }
        report.events_due = db::announcements::remind(&conn, now.plus_seconds(REMIND_SECONDS), now).await?;
        // A part of each in turn: one with a crowd does not keep the next one waiting.
        let mut open = VecDeque::from(db::announcements::open(&conn, ANNOUNCEMENTS_AT_ONCE).await?);
        while report.holders_told < HOLDERS_OF_A_RUN
            && let Some(announcement) = open.pop_front()
        {
            let tx = conn.begin().await?;
            let random = &runtime::random::hex::<16>;
            let told = db::announcements::tell_next(&tx, announcement, HOLDERS_AT_ONCE, random, now).await?;
            tx.commit().await.map_err(db::DbError::from)?;
            report.holders_told += told;
            if told > 0 {
                open.push_back(announcement);
            }
        }
        self.promote(&mut conn, &mut report).await?;
        db::job_runs::done(&conn, alert::Job::Announcer, now).await?;
        Ok(report)
    }
}
