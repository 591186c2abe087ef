//! Categories of ticket types: everybody reads them, admins write them.

mod create_category;
mod delete_category;
mod get_category;
mod list_categories;
mod update_category;

use runtime::{BootError, Clock, Env};
use web::{Route, Router, Site, Tokens};

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

web::service!(App);

/// The routes of this function.
pub const ROUTES: &[Route] = &[
    list_categories::ROUTE,
    get_category::ROUTE,
    create_category::ROUTE,
    update_category::ROUTE,
    delete_category::ROUTE,
];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(&list_categories::ROUTE, list_categories::list_categories)
        .at(&get_category::ROUTE, get_category::get_category)
        .at(&create_category::ROUTE, create_category::create_category)
        .at(&update_category::ROUTE, update_category::update_category)
        .at(&delete_category::ROUTE, delete_category::delete_category)
        .build(app, site)
}

/// A write that met another category of the same name.
fn name_taken() -> domain::Error {
    domain::Error::conflict("name_taken", "A category with this name exists already")
}
