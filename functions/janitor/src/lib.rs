//! Every minute: stock of carts whose reservation is over goes back on sale, and orders whose time to pay is over end.
//! What came back of tickets that people wait for is kept for those whose turn it is.
//! Orders of cancelled events lose their tickets, and refunds that did not go through are tried again.
//! Pictures that nothing shows any more are discarded, and those that were not done in time are announced again.

mod cancellations;
mod check;
mod end_orders;
mod images;
mod refunds;
mod waiting_lists;

use domain::Error;
use domain::alert::Job;
use runtime::{BootError, Clock, Env};
use settling::Midtrans;

/// Holds given back in one transaction: few enough that no buyer waits for it.
const HOLDS_AT_ONCE: u32 = 200;

/// Rows that have had their time, deleted in one run.
const ROWS_AT_ONCE: u32 = 10_000;

/// Seconds after which a guest who ordered nothing is forgotten: by then the tokens to buy with are over, too.
const GUEST_SECONDS: i64 = 30 * 86_400;

/// Guests forgotten in one run.
const GUESTS_AT_ONCE: u32 = 100;

/// What the job works with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// The gateway, asked before an order with a payment page ends.
    pub midtrans: Midtrans,
    /// Publishes hints for `payment-worker`.
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

/// What a schedule asks for.
#[derive(Debug, Default, serde::Deserialize)]
pub struct Order {
    /// Look for what must never be, and do nothing else. It reads much, so it is done by the hour.
    #[serde(default)]
    pub check: bool,
}

/// What was done.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Counters that got stock of carts back.
    pub stripes_freed: u64,
    /// Orders that ended unpaid.
    pub orders_expired: usize,
    /// Orders that turned out to be paid, left to `payment-worker`.
    pub orders_paid: usize,
    /// Orders left for the next run because the gateway did not answer.
    pub orders_waiting: usize,
    /// People whose tickets were kept for them in vain: their time was over.
    pub offers_lapsed: usize,
    /// People whose turn it is now.
    pub offers_made: usize,
    /// People who wait no longer, because their line is over.
    pub places_closed: u64,
    /// Pictures that nothing shows any more, now on their way out.
    pub images_discarded: u64,
    /// Pictures that were not done in time, announced again.
    pub images_announced: usize,
    /// Orders of cancelled events whose tickets were taken back.
    pub orders_called_off: usize,
    /// Refunds that the gateway is to be asked about again.
    pub refunds_announced: usize,
    /// Rules that are broken; all of them are in the log.
    pub rules_broken: Vec<&'static str>,
    /// Rules that were not looked at in full because that took too long.
    pub rules_unfinished: Vec<&'static str>,
    /// Idempotency keys that were too old.
    pub keys_forgotten: u64,
    /// Log-ins that were over.
    pub sessions_forgotten: u64,
    /// Guests who ordered nothing.
    pub guests_forgotten: usize,
}

impl worker::Job for App {
    type Order = Order;
    type Report = Report;

    async fn run(&self, order: Order) -> Result<Report, Error> {
        let now = self.clock.now();
        let mut report = Report::default();
        if order.check {
            check::check(self, &mut report, now).await?;
            db::job_runs::done(&*self.db.conn().await?, Job::JanitorCheck, now).await?;
            return Ok(report);
        }
        {
            let mut conn = self.db.conn().await?;
            loop {
                let tx = conn.begin().await?;
                let freed = db::stock::release_expired_carts(&tx, now, HOLDS_AT_ONCE).await?;
                tx.commit().await.map_err(db::DbError::from)?;
                report.stripes_freed += freed;
                if freed == 0 {
                    break;
                }
            }
            let oldest = now.plus_seconds(-db::idempotency::KEEP_SECONDS);
            report.keys_forgotten = db::idempotency::forget(&conn, oldest, ROWS_AT_ONCE).await?;
            report.sessions_forgotten = db::sessions::forget(&conn, now, ROWS_AT_ONCE).await?;
            let tx = conn.begin().await?;
            let made = now.plus_seconds(-GUEST_SECONDS);
            report.guests_forgotten = db::guests::forget(&tx, made, GUESTS_AT_ONCE, now).await?;
            tx.commit().await.map_err(db::DbError::from)?;
        }
        waiting_lists::tidy(self, &mut report, now).await?;
        waiting_lists::serve(self, &mut report, now).await?;
        cancellations::work_off(self, &mut report, now).await?;
        refunds::announce(self, &mut report, now).await?;
        images::sweep(self, &mut report, now).await?;
        end_orders::end_orders(self, &mut report, now).await?;
        if report.orders_expired > 0 {
            waiting_lists::serve(self, &mut report, now).await?;
        }
        db::job_runs::done(&*self.db.conn().await?, Job::Janitor, now).await?;
        Ok(report)
    }
}
