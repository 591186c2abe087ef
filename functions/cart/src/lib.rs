//! The cart. Adding takes stock for ten minutes; checkout turns the cart into an order, whose stock is kept until the time
//! to pay is over. A row whose reservation has ended stays as a wish: checkout takes its stock again if there is any.
//! Of what is sold out people join the waiting list; when it is their turn, the tickets are in their cart.

mod add_item;
mod change_item;
mod checkout;
mod get_cart;
mod join_line;
mod leave_line;
mod limits;
mod list_lines;
mod remove_item;
mod reserve;

use domain::{CartItemId, TicketTypeId, Timestamp, UserId};
use runtime::{BootError, Clock, Env};
use schemars::JsonSchema;
use serde::Serialize;
use std::num::NonZeroU32;
use views::{FullTicketOut, SeatOut};
use web::{Route, Router, Site, Tokens};

/// What the handlers work with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Counts requests.
    pub store: kv::Store,
    /// What limits per IP address are multiplied with: more than 1 where many share one, as in tests of a fleet.
    pub caller_factor: NonZeroU32,
    /// Publishes messages after a commit.
    pub queue: queue::Publisher,
    /// Checks tokens.
    pub tokens: Tokens,
    /// Tells the time.
    pub clock: Clock,
    /// Seconds that a cart keeps its stock.
    pub hold_seconds: i64,
    /// Seconds that a buyer has to pay.
    pub payment_seconds: i64,
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
            caller_factor: env.parsed("RATE_LIMIT_FACTOR", NonZeroU32::MIN)?,
            queue: queue::Publisher::connect(|name| env.get(name)).await,
            tokens: Tokens::from_env(env)?,
            clock: Clock::system(),
            hold_seconds: env.parsed("HOLD_SECONDS", domain::cart::HOLD_SECONDS)?,
            payment_seconds: env.parsed("PAYMENT_SECONDS", domain::cart::PAYMENT_SECONDS)?,
        })
    }
}

web::service!(App);

/// The routes of this function.
pub const ROUTES: &[Route] = &[
    get_cart::ROUTE,
    add_item::ROUTE,
    change_item::ROUTE,
    remove_item::ROUTE,
    checkout::ROUTE,
    list_lines::ROUTE,
    join_line::ROUTE,
    leave_line::ROUTE,
];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(&get_cart::ROUTE, get_cart::get_cart)
        .at(&add_item::ROUTE, add_item::add_item)
        .at(&change_item::ROUTE, change_item::change_item)
        .at(&remove_item::ROUTE, remove_item::remove_item)
        .at(&checkout::ROUTE, checkout::checkout)
        .at(&list_lines::ROUTE, list_lines::list_lines)
        .at(&join_line::ROUTE, join_line::join_line)
        .at(&leave_line::ROUTE, leave_line::leave_line)
        .build(app, site)
}

/// A row of the cart.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CartItemOut {
    /// Its id.
    pub id: CartItemId,
    /// Whose cart.
    pub user_id: UserId,
    /// What is wanted.
    pub ticket_id: TicketTypeId,
    /// How many.
    pub quantity: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// What is wanted, in full.
    pub ticket: FullTicketOut,
    /// Until when the stock is kept; null when the time is over and the stock went back.
    pub reserved_until: Option<Timestamp>,
    /// Which seats; null if it is no ticket with seats.
    pub seats: Option<Vec<SeatOut>>,
}

/// The seats of rows of a cart.
async fn places(db: &db::Client, items: &[&db::cart::CartItem]) -> domain::Result<Vec<db::seats::Place>> {
    let seats: Vec<_> = items
        .iter()
        .flat_map(|item| {
            item.seats
                .iter()
                .flatten()
                .map(|seat| (item.ticket_type_id, *seat))
        })
        .collect();
    Ok(db::seats::places(db, &seats).await?)
}

impl CartItemOut {
    fn of(
        item: &db::cart::CartItem,
        ticket: db::ticket_types::FullTicketType,
        places: &[db::seats::Place],
        now: Timestamp,
    ) -> Self {
        Self {
            id: item.id,
            user_id: item.user_id,
            ticket_id: item.ticket_type_id,
            quantity: item.quantity,
            created_at: item.created_at,
            updated_at: item.updated_at,
            ticket: FullTicketOut::new(ticket, now),
            reserved_until: (item.reserved_until > now).then_some(item.reserved_until),
            seats: item
                .seats
                .as_deref()
                .map(|seats| SeatOut::all(places, item.ticket_type_id, seats)),
        }
    }
}
