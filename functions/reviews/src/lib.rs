//! What people say about kinds of tickets: one review per account and ticket type. A rule of the domain holds back what a
//! moderator should see first; admins and the organizer of the event show or hide it, and the author is told. How many reviews
//! there are is counted in the transaction that changes them, so the numbers cost no scan and equal a recount at any time.

mod approve_review;
mod create_review;
mod delete_review;
mod get_event_analytics;
mod get_review;
mod get_ticket_analytics;
mod hide_review;
mod list_moderation;
mod list_reviews;
mod list_ticket_reviews;
mod list_user_reviews;
mod out;
mod report_review;
mod update_review;

use runtime::{BootError, Clock, Env};
use web::{Route, Router, Site, Tokens};

/// Seconds for which strangers may keep what everybody sees.
const CACHED_SECONDS: u32 = 30;

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
    list_reviews::ROUTE,
    list_ticket_reviews::ROUTE,
    get_ticket_analytics::ROUTE,
    get_event_analytics::ROUTE,
    list_user_reviews::ROUTE,
    list_moderation::ROUTE,
    get_review::ROUTE,
    create_review::ROUTE,
    update_review::ROUTE,
    delete_review::ROUTE,
    report_review::ROUTE,
    approve_review::ROUTE,
    hide_review::ROUTE,
];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(&list_reviews::ROUTE, list_reviews::list_reviews)
        .at(
            &list_ticket_reviews::ROUTE,
            list_ticket_reviews::list_ticket_reviews,
        )
        .at(
            &get_ticket_analytics::ROUTE,
            get_ticket_analytics::get_ticket_analytics,
        )
        .at(
            &get_event_analytics::ROUTE,
            get_event_analytics::get_event_analytics,
        )
        .at(&list_user_reviews::ROUTE, list_user_reviews::list_user_reviews)
        .at(&list_moderation::ROUTE, list_moderation::list_moderation)
        .at(&get_review::ROUTE, get_review::get_review)
        .at(&create_review::ROUTE, create_review::create_review)
        .at(&update_review::ROUTE, update_review::update_review)
        .at(&delete_review::ROUTE, delete_review::delete_review)
        .at(&report_review::ROUTE, report_review::report_review)
        .at(&approve_review::ROUTE, approve_review::approve_review)
        .at(&hide_review::ROUTE, hide_review::hide_review)
        .build(app, site)
}
