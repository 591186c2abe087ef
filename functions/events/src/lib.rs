//! Events: everybody reads the published ones, organizers write their own, admins write all.

mod add_event_staff;
mod cancel_event;
mod changes;
mod create_event;
mod create_venue;
mod delete_event;
mod delete_venue;
mod feed;
mod get_bank_transfer;
mod get_cancellation;
mod get_event;
mod get_event_calendar;
mod get_my_calendar;
mod get_refund_policy;
mod get_seat_map;
mod get_seat_map_svg;
mod get_seat_states;
mod get_transfer_policy;
mod get_venue;
mod list_event_audit;
mod list_event_staff;
mod list_events;
mod list_venues;
mod publish_event;
mod remove_event_staff;
mod set_bank_transfer;
mod set_refund_policy;
mod set_seat_map;
mod set_transfer_policy;
mod status;
mod tell;
mod unpublish_event;
mod update_event;
mod update_venue;
mod venue_out;

use db::events::Event;
use domain::event::{EventStatus, Step};
use domain::price::{ServiceFee, TaxRate};
use domain::{Error, EventId, Timestamp, UserId};
use runtime::{BootError, Clock, Env};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use views::{EventOut, TicketOut};
use web::{Route, Router, Site, Tokens};

/// What the handlers work with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Checks tokens.
    pub tokens: Tokens,
    /// Tells the time.
    pub clock: Clock,
    /// Address of the web client, for links in calendar files.
    pub frontend_url: String,
    /// Where pictures go.
    pub blobs: blob::Blobs,
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
            frontend_url: env.required("FRONTEND_URL")?.trim_end_matches('/').to_owned(),
            blobs: blob::Blobs::from_env(env)?,
        })
    }
}

web::service!(App);

/// The routes of this function.
pub const ROUTES: &[Route] = &[
    list_events::ROUTE,
    feed::CALENDAR_ROUTE,
    feed::JSON_ROUTE,
    get_my_calendar::ROUTE,
    get_event::ROUTE,
    get_event_calendar::ROUTE,
    create_event::ROUTE,
    update_event::ROUTE,
    publish_event::ROUTE,
    unpublish_event::ROUTE,
    cancel_event::ROUTE,
    delete_event::ROUTE,
    list_event_staff::ROUTE,
    add_event_staff::ROUTE,
    remove_event_staff::ROUTE,
    list_event_audit::ROUTE,
    get_cancellation::ROUTE,
    get_refund_policy::ROUTE,
    set_refund_policy::ROUTE,
    get_transfer_policy::ROUTE,
    set_transfer_policy::ROUTE,
    get_bank_transfer::ROUTE,
    set_bank_transfer::ROUTE,
    get_seat_map::ROUTE,
    get_seat_states::ROUTE,
    get_seat_map_svg::ROUTE,
    set_seat_map::ROUTE,
    list_venues::ROUTE,
    create_venue::ROUTE,
    get_venue::ROUTE,
    update_venue::ROUTE,
    delete_venue::ROUTE,
];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(&list_events::ROUTE, list_events::list_events)
        .at(&feed::CALENDAR_ROUTE, feed::get_events_calendar)
        .at(&feed::JSON_ROUTE, feed::get_events_feed)
        .at(&get_my_calendar::ROUTE, get_my_calendar::get_my_calendar)
        .at(&get_event::ROUTE, get_event::get_event)
        .at(&get_event_calendar::ROUTE, get_event_calendar::get_event_calendar)
        .at(&create_event::ROUTE, create_event::create_event)
        .at(&update_event::ROUTE, update_event::update_event)
        .at(&publish_event::ROUTE, publish_event::publish_event)
        .at(&unpublish_event::ROUTE, unpublish_event::unpublish_event)
        .at(&cancel_event::ROUTE, cancel_event::cancel_event)
        .at(&delete_event::ROUTE, delete_event::delete_event)
        .at(&list_event_staff::ROUTE, list_event_staff::list_event_staff)
        .at(&add_event_staff::ROUTE, add_event_staff::add_event_staff)
        .at(&remove_event_staff::ROUTE, remove_event_staff::remove_event_staff)
        .at(&list_event_audit::ROUTE, list_event_audit::list_event_audit)
        .at(&get_cancellation::ROUTE, get_cancellation::get_cancellation)
        .at(&get_refund_policy::ROUTE, get_refund_policy::get_refund_policy)
        .at(&set_refund_policy::ROUTE, set_refund_policy::set_refund_policy)
        .at(
            &get_transfer_policy::ROUTE,
            get_transfer_policy::get_transfer_policy,
        )
        .at(
            &set_transfer_policy::ROUTE,
            set_transfer_policy::set_transfer_policy,
        )
        .at(&get_bank_transfer::ROUTE, get_bank_transfer::get_bank_transfer)
        .at(&set_bank_transfer::ROUTE, set_bank_transfer::set_bank_transfer)
        .at(&get_seat_map::ROUTE, get_seat_map::get_seat_map)
        .at(&get_seat_states::ROUTE, get_seat_states::get_seat_states)
        .at(&get_seat_map_svg::ROUTE, get_seat_map_svg::get_seat_map_svg)
        .at(&set_seat_map::ROUTE, set_seat_map::set_seat_map)
        .at(&list_venues::ROUTE, list_venues::list_venues)
        .at(&create_venue::ROUTE, create_venue::create_venue)
        .at(&get_venue::ROUTE, get_venue::get_venue)
        .at(&update_venue::ROUTE, update_venue::update_venue)
        .at(&delete_venue::ROUTE, delete_venue::delete_venue)
        .build(app, site)
}

/// Seconds that a public answer may be kept: what is left to sell is in it.
const CACHED_SECONDS: u32 = 5;

/// Seconds that the states of seats may be kept: enough to keep a crowd off the database.
const SEATS_CACHED_SECONDS: u32 = 2;

/// An event with its ticket types. The tickets stand where clients of the original know them, before the newer keys.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventWithTickets {
    /// Its id.
    pub id: EventId,
    /// What it is called.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// When it begins.
    pub date: Timestamp,
    /// Where it takes place.
    pub location: String,
    /// Its picture.
    pub image_url: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// What is sold, in the order in which it was made.
    pub tickets: Vec<TicketOut>,
    /// Where it stands.
    pub status: EventStatus,
    /// Zone of the place, for showing the date.
    pub time_zone: String,
    /// Who publishes it.
    pub organizer_id: UserId,
    /// In which city, if its organizer says so.
    pub city: Option<String>,
    /// When it begins, as `date` says.
    pub starts_at: Timestamp,
    /// When it ends; null if its organizer does not say so, it is taken to last a day then.
    pub ends_at: Option<Timestamp>,
    /// Rupiah added for each ticket that costs something.
    pub service_fee: ServiceFee,
    /// Tax on price and fee, in hundredths of a percent: `1100` is 11 %.
    pub tax_rate: TaxRate,
}

impl EventWithTickets {
    fn new(event: Event, tickets: Vec<TicketOut>, now: Timestamp) -> Self {
        let event = EventOut::new(event, now);
        Self {
            id: event.id,
            name: event.name,
            description: event.description,
            date: event.date,
            location: event.location,
            image_url: event.image_url,
            created_at: event.created_at,
            updated_at: event.updated_at,
            tickets,
            status: event.status,
            time_zone: event.time_zone,
            organizer_id: event.organizer_id,
            city: event.city,
            starts_at: event.starts_at,
            ends_at: event.ends_at,
            service_fee: event.service_fee,
            tax_rate: event.tax_rate,
        }
    }
}

/// Who sees an event, as an organizer may choose it. The other statuses follow from what happens.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Visibility {
    /// Only its organizer.
    Draft,
    /// Everybody.
    Published,
}

impl Visibility {
    /// The step that leads there.
    const fn step(self) -> Step {
        match self {
            Self::Draft => Step::Unpublish,
            Self::Published => Step::Publish,
        }
    }
}

impl From<Visibility> for EventStatus {
    fn from(visibility: Visibility) -> Self {
        match visibility {
            Visibility::Draft => Self::Draft,
            Visibility::Published => Self::Published,
        }
    }
}

/// Refuses a date at which nobody can come any more.
fn check_upcoming(date: Timestamp, now: Timestamp) -> Result<(), Error> {
    if date > now {
        Ok(())
    } else {
        Err(Error::invalid_field("date", "\"date\" must be in the future"))
    }
}

/// Refuses an end that does not come after the beginning.
fn check_span(begins: Timestamp, ends: Option<Timestamp>) -> Result<(), Error> {
    if ends.is_none_or(|ends| ends > begins) {
        Ok(())
    } else {
        Err(Error::invalid_field(
            "endsAt",
            "\"endsAt\" must be later than \"date\"",
        ))
    }
}
