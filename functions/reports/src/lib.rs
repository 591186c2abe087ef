//! Reports: organizers see what their events sold, earned and who was there, admins what all did, as JSON or as a table.

mod get_attendance_report;
mod get_revenue_report;
mod get_sales_report;
mod out;
mod query;

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
    get_sales_report::ROUTE,
    get_revenue_report::ROUTE,
    get_attendance_report::ROUTE,
];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(&get_sales_report::ROUTE, get_sales_report::get_sales_report)
        .at(&get_revenue_report::ROUTE, get_revenue_report::get_revenue_report)
        .at(
            &get_attendance_report::ROUTE,
            get_attendance_report::get_attendance_report,
        )
        .build(app, site)
}
