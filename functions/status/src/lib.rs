//! Whether the fleet works: everybody is told yes or no, admins what it is that does not.

mod get_status;
mod look;

use domain::Timestamp;
use domain::status::Found;
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
            last: Mutex::default(),
        })
    }
}

web::service!(App);

/// The routes of this function.
pub const ROUTES: &[Route] = &[get_status::ROUTE];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(&get_status::ROUTE, get_status::get_status)
        .build(app, site)
}
