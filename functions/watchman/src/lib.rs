//! Every minute: looks at the queues, the circuit breakers, the jobs of the schedules, and at what people have to see to, and tells
//! admins within the application and the operators by mail what is wrong, and when it is over.
//!
//! What is told, and how often, is decided by `domain::alert` and kept in the database in one transaction with the notifications and
//! the mail. The mail is published at once: the relay may be what is wrong. Without the database there is nobody to tell and
//! nothing to tell it with; then, and while this function itself does not run, the alarms of the template speak.

use domain::Error;
use domain::alert::{Found, Turn};
use domain::status::BREAKERS;
use domain::user::Email;
use domain::{Timestamp, status::Depth};
use kv::Store;
use queue::{Gauge, Publisher};
use runtime::{BootError, Clock, Env};
use std::time::Duration;
use worker::Job;

/// What does not answer within this time counts as silent.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the job works with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Where the fleet keeps its circuit breakers.
    pub store: Store,
    /// Says how much waits in the queues.
    pub gauge: Gauge,
    /// Publishes the mail.
    pub queue: Publisher,
    /// To whom mails go; `None` for nobody.
    pub operators: Option<Email>,
    /// Tells the time.
    pub clock: Clock,
}

impl App {
    /// Reads the configuration: `STATE_TABLE`, the addresses of the queues, and `OPERATORS_EMAIL`, which may be empty.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub async fn from_env(env: &Env) -> Result<Self, BootError> {
        let config = db::Config::from_lookup(|name| env.get(name)).map_err(BootError::Other)?;
        let operators = env.get("OPERATORS_EMAIL").filter(|address| !address.is_empty());
        let operators = operators.map(|address| {
            Email::parse(address).ok_or_else(|| BootError::Invalid {
                name: "OPERATORS_EMAIL".to_owned(),
                problem: "must be a mail address".to_owned(),
            })
        });
        Ok(Self {
            db: db::Db::new(config),
            store: Store::connect(env.required("STATE_TABLE")?).await,
            gauge: Gauge::connect(|name| env.get(name)).await,
            queue: Publisher::connect(|name| env.get(name)).await,
            operators: operators.transpose()?,
            clock: Clock::system(),
        })
    }

    /// Looks at everything.
    async fn look(&self, conn: &db::Client, now: Timestamp) -> Result<Found, Error> {
        let (queues, left_alone) = tokio::join!(
            patiently("the queues", self.queues()),
            patiently("the table of breakers", self.left_alone()),
        );
        let (conflicted, stuck, manual) = db::alerts::money(conn, now).await?;
        Ok(Found {
            queues,
            left_alone,
            waiting: db::waiting::oldest(conn).await?,
            jobs: db::job_runs::list(conn, now).await?,
            breaches: db::broken_rules::list(conn).await?,
            conflicted,
            stuck,
            manual,
        })
    }

    async fn queues(&self) -> Result<Vec<Depth>, Error> {
        Ok(self.gauge.read().await?)
    }

    async fn left_alone(&self) -> Result<Vec<(&'static str, Timestamp)>, Error> {
        let mut all = Vec::new();
        for service in BREAKERS {
            let known = self.store.breaker(service).await?;
            all.extend(known.map(|known| (service, known.open_until)));
        }
        Ok(all)
    }
}

/// A schedule tells nothing; whatever it sends is ignored.
#[derive(Debug, serde::Deserialize)]
pub struct Order {}

/// What was told.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// What began.
    pub opened: Vec<String>,
    /// What was told again.
    pub lasts: Vec<String>,
    /// What is over.
    pub over: Vec<String>,
}

impl Job for App {
    type Order = Order;
    type Report = Report;

    async fn run(&self, _: Order) -> Result<Report, Error> {
        let now = self.clock.now();
        let mut conn = self.db.conn().await?;
        let found = self.look(&conn, now).await?;
        let tx = conn.begin().await?;
        let random = runtime::random::hex::<16>;
        let told = db::alerts::take_in(&tx, &found, self.operators.as_ref(), random, now).await?;
        tx.commit().await.map_err(db::DbError::from)?;
        self.queue
            .publish_committed(&told.messages, async |ids| {
                db::outbox::mark_published(&conn, ids, now).await
            })
            .await;
        let mut report = Report::default();
        for news in told.news {
            let key = news.condition.key();
            tracing::warn!(alert = key, turn = ?news.turn, "operators are told");
            match news.turn {
                Turn::Opened => report.opened.push(key),
                Turn::Lasts => report.lasts.push(key),
                Turn::Over => report.over.push(key),
            }
        }
        Ok(report)
    }
}

async fn patiently<T>(what: &str, asked: impl Future<Output = Result<T, Error>>) -> Option<T> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(found)) => Some(found),
        Ok(Err(error)) => {
            let cause = error.internal.as_ref().map(domain::error::Internal::chain);
            tracing::warn!(
                what,
                code = error.code,
                cause,
                "a part of the fleet does not answer"
            );
            None
        }
        Err(_) => {
            tracing::warn!(what, "a part of the fleet does not answer in time");
            None
        }
    }
}
