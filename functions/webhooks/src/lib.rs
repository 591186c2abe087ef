//! Webhooks: organizers say where their own systems are told what happens, and see what became of it. `webhook-sender` tells
//! them; this function writes rows only.

mod create_webhook;
mod delete_webhook;
mod get_webhook;
mod get_webhook_delivery;
mod list_webhook_deliveries;
mod list_webhooks;
mod out;
mod replay_failed_deliveries;
mod replay_webhook_delivery;
mod rotate_webhook_secret;
mod test_webhook;
mod update_webhook;

use domain::Error;
use domain::destination::{Reach, WebAddress};
use runtime::{BootError, Clock, Env};
use web::{Route, Router, Site, Tokens};

/// What the handlers work with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Checks tokens.
    pub tokens: Tokens,
    /// Where endpoints may be.
    pub reach: Reach,
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
            reach: runtime::webhook::reach(env)?,
            clock: Clock::system(),
        })
    }
}

web::service!(App);

/// The routes of this function.
pub const ROUTES: &[Route] = &[
    create_webhook::ROUTE,
    list_webhooks::ROUTE,
    get_webhook::ROUTE,
    update_webhook::ROUTE,
    delete_webhook::ROUTE,
    rotate_webhook_secret::ROUTE,
    test_webhook::ROUTE,
    list_webhook_deliveries::ROUTE,
    get_webhook_delivery::ROUTE,
    replay_webhook_delivery::ROUTE,
    replay_failed_deliveries::ROUTE,
];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(&create_webhook::ROUTE, create_webhook::create_webhook)
        .at(&list_webhooks::ROUTE, list_webhooks::list_webhooks)
        .at(&get_webhook::ROUTE, get_webhook::get_webhook)
        .at(&update_webhook::ROUTE, update_webhook::update_webhook)
        .at(&delete_webhook::ROUTE, delete_webhook::delete_webhook)
        .at(
            &rotate_webhook_secret::ROUTE,
            rotate_webhook_secret::rotate_webhook_secret,
        )
        .at(&test_webhook::ROUTE, test_webhook::test_webhook)
        .at(
            &list_webhook_deliveries::ROUTE,
            list_webhook_deliveries::list_webhook_deliveries,
        )
        .at(
            &get_webhook_delivery::ROUTE,
            get_webhook_delivery::get_webhook_delivery,
        )
        .at(
            &replay_webhook_delivery::ROUTE,
            replay_webhook_delivery::replay_webhook_delivery,
        )
        .at(
            &replay_failed_deliveries::ROUTE,
            replay_failed_deliveries::replay_failed_deliveries,
        )
        .build(app, site)
}

/// Checks that an address that somebody typed may be called. What its name leads to is judged before each call.
fn check_reach(reach: Reach, url: &WebAddress) -> Result<(), Error> {
    reach
        .check(url)
        .map_err(|why| Error::invalid_field("url", format!("\"url\" {}", why.as_str())))
}

fn missing() -> Error {
    Error::not_found("Webhook")
}

/// A write that met another endpoint of that address.
fn url_taken() -> Error {
    Error::conflict("url_taken", "You have a webhook with this URL already")
}

/// A message for an endpoint that gets none.
fn disabled() -> Error {
    Error::conflict("webhook_disabled", "The webhook is disabled; enable it first")
}
