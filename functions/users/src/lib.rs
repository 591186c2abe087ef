//! Accounts: people read and change their own, admins list and delete them and say what they may do.

mod change_password;
mod change_user_role;
mod delete_user;
mod get_me;
mod get_user;
mod list_users;
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
pub const ROUTES: &[Route] = &[
    list_users::ROUTE,
    get_me::ROUTE,
    change_password::ROUTE,
    get_user::ROUTE,
    update_user::ROUTE,
    change_user_role::ROUTE,
    delete_user::ROUTE,
];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(&list_users::ROUTE, list_users::list_users)
        .at(&get_me::ROUTE, get_me::get_me)
        .at(&change_password::ROUTE, change_password::change_password)
        .at(&get_user::ROUTE, get_user::get_user)
        .at(&update_user::ROUTE, update_user::update_user)
        .at(&change_user_role::ROUTE, change_user_role::change_user_role)
        .at(&delete_user::ROUTE, delete_user::delete_user)
        .build(app, site)
}
