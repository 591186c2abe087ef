//! Profiles: people read and change their own, admins read all.

mod get_me;
mod get_user;
mod update_user;

use runtime::{BootError, Clock, Env};
use web::{Route, Router, Service, Site, Tokens};

/// What the handlers work with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Checks tokens.
    pub tokens: Tokens,
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
            tokens: Tokens::from_env(env)?,
            clock: Clock::system(),
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
pub const ROUTES: &[Route] = &[get_me::ROUTE, get_user::ROUTE, update_user::ROUTE];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(&get_me::ROUTE, get_me::get_me)
        .at(&get_user::ROUTE, get_user::get_user)
        .at(&update_user::ROUTE, update_user::update_user)
        .build(app, site)
}
