//! Whether the fleet works: everybody is told yes or no, admins what it is that does not. Of what is wrong for longer, `watchman`
//! makes alerts, which admins see and acknowledge here.

mod acknowledge_alert;
mod alert_out;
mod get_status;
mod list_alerts;
mod look;

use domain::language::Language;
use domain::status::Found;
use domain::{Error, Timestamp, UserId};
use queue::Gauge;
use runtime::{BootError, Clock, Env};
use std::sync::Mutex;
use web::{Route, Router, Site, Tokens};

/// What the handlers work with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Where the fleet keeps its circuit breakers.
    pub store: kv::Store,
    /// Says how much waits in the queues.
    pub gauge: Gauge,
    /// Checks tokens.
    pub tokens: Tokens,
    /// Tells the time.
    pub clock: Clock,
    /// Language of people who did not choose one.
    pub language: Language,
    /// What was found last, and when.
    pub last: Mutex<Option<(Timestamp, Found)>>,
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
            store: kv::Store::connect(env.required("STATE_TABLE")?).await,
            gauge: Gauge::connect(|name| env.get(name)).await,
            tokens: Tokens::from_env(env)?,
            clock: Clock::system(),
            language: env.parsed("DEFAULT_LANGUAGE", Language::default())?,
            last: Mutex::default(),
        })
    }

    /// The language in which somebody wants to be written to.
    async fn language_of(&self, conn: &db::Client, user: UserId) -> Result<Language, Error> {
        let wishes = db::preferences::find(conn, user).await?;
        Ok(wishes.and_then(|wishes| wishes.language).unwrap_or(self.language))
    }
}

web::service!(App);

/// The routes of this function.
pub const ROUTES: &[Route] = &[get_status::ROUTE, list_alerts::ROUTE, acknowledge_alert::ROUTE];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(&get_status::ROUTE, get_status::get_status)
        .at(&list_alerts::ROUTE, list_alerts::list_alerts)
        .at(&acknowledge_alert::ROUTE, acknowledge_alert::acknowledge_alert)
        .build(app, site)
}
