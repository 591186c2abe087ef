//! Registration, log in and the proof of a mail address.

mod login;
mod mail;
mod page;
mod register;
mod resend_verification;
mod verify_email;

use runtime::{BootError, Clock, Env};
use web::{Route, Router, Service, Site, Tokens};

/// Seconds that a link proves a mail address.
pub const LINK_SECONDS: i64 = 24 * 3_600;

/// What the handlers work with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Counts requests.
    pub store: kv::Store,
    /// Publishes messages after a commit.
    pub queue: queue::Publisher,
    /// Issues and checks tokens.
    pub tokens: Tokens,
    /// Tells the time.
    pub clock: Clock,
    /// Address of this API, for links in mails.
    pub base_url: String,
    /// Address of the web client.
    pub frontend_url: String,
}

impl App {
    /// Reads the configuration.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub async fn from_env(env: &Env) -> Result<Self, BootError> {
        let config = db::Config::from_lookup(|name| env.get(name)).map_err(BootError::Other)?;
        let url = |name: &str| env.required(name).map(|url| url.trim_end_matches('/').to_owned());
        Ok(Self {
            db: db::Db::new(config),
            store: kv::Store::connect(env.required("STATE_TABLE")?).await,
            queue: queue::Publisher::connect(|name| env.get(name)).await,
            tokens: Tokens::from_env(env)?,
            clock: Clock::system(),
            base_url: url("BASE_URL")?,
            frontend_url: url("FRONTEND_URL")?,
        })
    }
}

impl Service for App {
    fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }
}

/// The routes of this function.
pub const ROUTES: &[Route] = &[
    register::ROUTE,
    login::ROUTE,
    verify_email::ROUTE,
    resend_verification::ROUTE,
];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(&register::ROUTE, register::register)
        .at(&login::ROUTE, login::login)
        .at(&verify_email::ROUTE, verify_email::verify_email)
        .at(
            &resend_verification::ROUTE,
            resend_verification::resend_verification,
        )
        .build(app, site)
}
