//! Ticket types ("tickets" in the API), which organizers sell, and the tickets issued to those who bought them, who may pass them on.

mod accept_ticket_transfer;
mod changes;
mod create_ticket;
mod create_ticket_transfer;
mod decline_ticket_transfer;
mod delete_ticket;
mod get_my_ticket;
mod get_my_ticket_google_wallet;
mod get_my_ticket_pdf;
mod get_my_ticket_pkpass;
mod get_my_ticket_qr;
mod get_ticket;
mod get_ticket_offer;
mod get_waiting_list;
mod issued;
mod list_category_tickets;
mod list_event_tickets;
mod list_my_tickets;
mod list_ticket_keys;
mod list_ticket_transfers;
mod list_tickets;
mod rename_ticket;
mod set_waiting_list;
mod terms;
mod transfer_out;
mod update_ticket;
mod verify_ticket;
mod wallets;
mod withdraw_ticket_transfer;

use runtime::{BootError, Clock, Env};
use ticketing::SigningKeys;
use web::{Route, Router, Site, Tokens};

pub use wallets::Wallets;

/// What the handlers work with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Checks tokens.
    pub tokens: Tokens,
    /// Tells the time.
    pub clock: Clock,
    /// Signs the QR codes of tickets.
    pub keys: SigningKeys,
    /// Signs passes.
    pub wallets: Wallets,
    /// Where pictures go.
    pub blobs: blob::Blobs,
}

impl App {
    /// Reads the configuration. `TICKET_SIGNING_KEYS` is described in the README of `ticketing`, and so is what [`Wallets`] reads.
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
            wallets: Wallets::from_env(env),
            blobs: blob::Blobs::from_env(env)?,
        })
    }
}

web::service!(App);

/// The routes of this function.
pub const ROUTES: &[Route] = &[
    list_tickets::ROUTE,
    list_category_tickets::ROUTE,
    list_event_tickets::ROUTE,
    get_ticket::ROUTE,
    create_ticket::ROUTE,
    update_ticket::ROUTE,
    get_waiting_list::ROUTE,
    set_waiting_list::ROUTE,
    delete_ticket::ROUTE,
    list_my_tickets::ROUTE,
    get_my_ticket::ROUTE,
    get_my_ticket_qr::PNG_ROUTE,
    get_my_ticket_qr::SVG_ROUTE,
    get_my_ticket_pdf::ROUTE,
    get_my_ticket_pkpass::ROUTE,
    get_my_ticket_google_wallet::ROUTE,
    rename_ticket::ROUTE,
    create_ticket_transfer::ROUTE,
    list_ticket_transfers::SENT_ROUTE,
    list_ticket_transfers::RECEIVED_ROUTE,
    get_ticket_offer::ROUTE,
    accept_ticket_transfer::ROUTE,
    decline_ticket_transfer::ROUTE,
    withdraw_ticket_transfer::ROUTE,
    list_ticket_keys::ROUTE,
    verify_ticket::ROUTE,
];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(&list_tickets::ROUTE, list_tickets::list_tickets)
        .at(
            &list_category_tickets::ROUTE,
            list_category_tickets::list_category_tickets,
        )
        .at(&list_event_tickets::ROUTE, list_event_tickets::list_event_tickets)
        .at(&get_ticket::ROUTE, get_ticket::get_ticket)
        .at(&create_ticket::ROUTE, create_ticket::create_ticket)
        .at(&update_ticket::ROUTE, update_ticket::update_ticket)
        .at(&get_waiting_list::ROUTE, get_waiting_list::get_waiting_list)
        .at(&set_waiting_list::ROUTE, set_waiting_list::set_waiting_list)
        .at(&delete_ticket::ROUTE, delete_ticket::delete_ticket)
        .at(&list_my_tickets::ROUTE, list_my_tickets::list_my_tickets)
        .at(&get_my_ticket::ROUTE, get_my_ticket::get_my_ticket)
        .at(&get_my_ticket_qr::PNG_ROUTE, get_my_ticket_qr::get_my_ticket_png)
        .at(&get_my_ticket_qr::SVG_ROUTE, get_my_ticket_qr::get_my_ticket_svg)
        .at(&get_my_ticket_pdf::ROUTE, get_my_ticket_pdf::get_my_ticket_pdf)
        .at(
            &get_my_ticket_pkpass::ROUTE,
            get_my_ticket_pkpass::get_my_ticket_pkpass,
        )
        .at(
            &get_my_ticket_google_wallet::ROUTE,
            get_my_ticket_google_wallet::get_my_ticket_google_wallet,
        )
        .at(&rename_ticket::ROUTE, rename_ticket::rename_ticket)
        .at(
            &create_ticket_transfer::ROUTE,
            create_ticket_transfer::create_ticket_transfer,
        )
        .at(
            &list_ticket_transfers::SENT_ROUTE,
            list_ticket_transfers::list_sent_transfers,
        )
        .at(
            &list_ticket_transfers::RECEIVED_ROUTE,
            list_ticket_transfers::list_received_transfers,
        )
        .at(&get_ticket_offer::ROUTE, get_ticket_offer::get_ticket_offer)
        .at(
            &accept_ticket_transfer::ROUTE,
            accept_ticket_transfer::accept_ticket_transfer,
        )
        .at(
            &decline_ticket_transfer::ROUTE,
            decline_ticket_transfer::decline_ticket_transfer,
        )
        .at(
            &withdraw_ticket_transfer::ROUTE,
            withdraw_ticket_transfer::withdraw_ticket_transfer,
        )
        .at(&list_ticket_keys::ROUTE, list_ticket_keys::list_ticket_keys)
        .at(&verify_ticket::ROUTE, verify_ticket::verify_ticket)
        .build(app, site)
}

/// Seconds that a public answer may be kept: what is left to sell is in it.
const CACHED_SECONDS: u32 = 5;

/// Most ticket types in a list that is not paged.
const MOST_UNPAGED: u32 = 1_000;
