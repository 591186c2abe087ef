//! The gates of events: tickets are scanned, with and without a connection, and each lets one person in. The signature of a code is
//! checked before anything is looked up; which scan counts is worked out by the database crate under the lock of the ticket.

mod create_check_in;
mod create_gate;
mod delete_gate;
mod gate_out;
mod get_attendance;
mod get_check_in_manifest;
mod limit_staff;
mod list_check_in_conflicts;
mod list_check_ins;
mod list_gates;
mod place;
mod scan_out;
mod set_doors;
mod undo_check_in;
mod update_gate;
mod upload_check_ins;

use runtime::{BootError, Clock, Env};
use ticketing::SigningKeys;
use web::{Route, Router, Site, Tokens};

/// What the handlers work with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Checks tokens.
    pub tokens: Tokens,
    /// Tells the time.
    pub clock: Clock,
    /// Signed the QR codes of tickets.
    pub keys: SigningKeys,
}

impl App {
    /// Reads the configuration. `TICKET_SIGNING_KEYS` is described in the README of `ticketing`.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn from_env(env: &Env) -> Result<Self, BootError> {
        let config = db::Config::from_lookup(|name| env.get(name)).map_err(BootError::Other)?;
        let keys = env.secret("TICKET_SIGNING_KEYS")?;
        let keys = SigningKeys::parse(keys.expose()).map_err(|problem| BootError::Invalid {
            name: "TICKET_SIGNING_KEYS".to_owned(),
            problem: problem.to_string(),
        })?;
        Ok(Self {
            db: db::Db::new(config),
            tokens: Tokens::from_env(env)?,
            clock: Clock::system(),
            keys,
        })
    }
}

web::service!(App);

/// The routes of this function.
pub const ROUTES: &[Route] = &[
    create_check_in::ROUTE,
    upload_check_ins::ROUTE,
    undo_check_in::ROUTE,
    get_check_in_manifest::ROUTE,
    get_attendance::ROUTE,
    list_check_ins::ROUTE,
    list_check_in_conflicts::ROUTE,
    set_doors::ROUTE,
    limit_staff::ROUTE,
    list_gates::ROUTE,
    create_gate::ROUTE,
    update_gate::ROUTE,
    delete_gate::ROUTE,
];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(&create_check_in::ROUTE, create_check_in::create_check_in)
        .at(&upload_check_ins::ROUTE, upload_check_ins::upload_check_ins)
        .at(&undo_check_in::ROUTE, undo_check_in::undo_check_in)
        .at(
            &get_check_in_manifest::ROUTE,
            get_check_in_manifest::get_check_in_manifest,
        )
        .at(&get_attendance::ROUTE, get_attendance::get_attendance)
        .at(&list_check_ins::ROUTE, list_check_ins::list_check_ins)
        .at(
            &list_check_in_conflicts::ROUTE,
            list_check_in_conflicts::list_check_in_conflicts,
        )
        .at(&set_doors::ROUTE, set_doors::set_doors)
        .at(&limit_staff::ROUTE, limit_staff::limit_staff)
        .at(&list_gates::ROUTE, list_gates::list_gates)
        .at(&create_gate::ROUTE, create_gate::create_gate)
        .at(&update_gate::ROUTE, update_gate::update_gate)
        .at(&delete_gate::ROUTE, delete_gate::delete_gate)
        .build(app, site)
}
