//! Run by hand and by the pipeline: `{"action":"migrate"}` before traffic reaches a new version, `{"action":"seed"}` for demo
//! data on a local fleet. It needs the database itself, not RDS Proxy: a migration holds a lock of its session.

mod seed;

use domain::Error;
use runtime::{BootError, Clock, Env};
use worker::Job;

pub use seed::Account;

/// What the job works with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Tells the time.
    pub clock: Clock,
    /// `local`, or the name of a stage on AWS.
    pub stage: String,
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
            stage: env.required("STAGE")?.to_owned(),
        })
    }
}

/// What to do.
#[derive(Debug, serde::Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Order {
    /// Run the migrations that have not run.
    Migrate,
    /// Make demo accounts and events, once.
    Seed,
}

/// What was done.
#[derive(Debug, serde::Serialize)]
#[serde(untagged)]
pub enum Report {
    /// Migrations that ran.
    Migrated {
        /// How many.
        applied: usize,
    },
    /// Demo data.
    Seeded {
        /// Accounts with their passwords.
        accounts: Vec<Account>,
    },
}

impl Job for App {
    type Order = Order;
    type Report = Report;

    async fn run(&self, order: Order) -> Result<Report, Error> {
        let mut conn = self.db.conn().await?;
        match order {
            Order::Migrate => Ok(Report::Migrated {
                applied: db::migrations::run(&mut conn).await?,
            }),
            Order::Seed if self.stage != "local" => Err(Error::invalid(
                "not_local",
                "Demo data has well-known passwords: it is made on local fleets only",
            )),
            Order::Seed => Ok(Report::Seeded {
                accounts: seed::seed(&mut conn, self.clock.now()).await?,
            }),
        }
    }
}
