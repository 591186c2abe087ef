//! Resources as the API shows them, where several functions show the same. Keys stand in the order that clients of the
//! original know; keys that the original did not have come after them.

use domain::audit::{SubjectKind, Via};
use domain::event::EventStatus;
use domain::price::{ServiceFee, TaxRate};
use domain::seating::{SeatName, SeatNumber};
use domain::user::Role;
use domain::{ApiKeyId, AuditId, CategoryId, EventId, Rupiah, SubjectId, TicketTypeId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::Serialize;

/// An account as its owner sees it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserOut {
    /// Its id.
    pub id: UserId,
    /// Mail address.
    pub email: String,
    /// Name.
    pub name: String,
    /// Years.
    pub age: i32,
    /// Phone number.
    pub phone_number: String,
    /// What it may do.
    pub role: Role,
    /// Whether the mail address is proved.
    pub is_verified: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Kept for older clients; always null.
    pub auth_id: Option<i64>,
}

impl From<db::users::User> for UserOut {
    fn from(user: db::users::User) -> Self {
        Self {
            id: user.id,
            email: user.email,
            name: user.name,
            age: user.age,
            phone_number: user.phone_number,
            role: user.role,
            is_verified: user.is_verified,
            created_at: user.created_at,
            updated_at: user.updated_at,
            auth_id: None,
        }
    }
}

/// A category of ticket types.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CategoryOut {
    /// Its id.
    pub id: CategoryId,
    /// What it is called.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<db::categories::Category> for CategoryOut {
    fn from(category: db::categories::Category) -> Self {
        Self {
            id: category.id,
            name: category.name,
            created_at: category.created_at,
            updated_at: category.updated_at,
        }
    }
}

/// An event.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventOut {
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

impl EventOut {
    /// An event as it stands at `now`.
    pub fn new(event: db::events::Event, now: Timestamp) -> Self {
        Self {
            status: event.status_at(now),
            id: event.id,
            name: event.name,
            description: event.description,
            date: event.date,
            location: event.location,
            image_url: event.image_url,
            created_at: event.created_at,
            updated_at: event.updated_at,
            time_zone: event.time_zone,
            organizer_id: event.organizer_id,
            city: event.city,
            starts_at: event.date,
            ends_at: event.ends_at,
            service_fee: event.service_fee,
            tax_rate: event.tax_rate,
        }
    }
}

/// A ticket type: what is sold. The API calls it a ticket.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketOut {
    /// Its id.
    pub id: TicketTypeId,
    /// What it is called.
    pub name: String,
    /// Price of one in rupiah.
    pub price: Rupiah,
    /// How many are left to sell.
    pub quantity: u32,
    /// Who made it.
    pub user_id: UserId,
    /// Its event.
    pub event_id: EventId,
    /// Its category.
    pub category_id: CategoryId,
    /// Its picture.
    pub image_url: Option<String>,
    /// Who performs.
    pub artist: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When sale starts; at once if null.
    pub sales_start: Option<Timestamp>,
    /// When sale ends; with the event if null.
    pub sales_end: Option<Timestamp>,
    /// Fewest in one order.
    pub min_per_order: u32,
    /// Most in one order.
    pub max_per_order: u32,
    /// Most per buyer; no limit if null.
    pub max_per_user: Option<u32>,
    /// Whether each is a seat of the event's map: `seatIds` chooses, a quantity alone gets the best that are left.
    pub seated: bool,
}

impl From<db::ticket_types::TicketType> for TicketOut {
    fn from(ticket: db::ticket_types::TicketType) -> Self {
        Self {
            id: ticket.id,
            name: ticket.name,
            price: ticket.price,
            quantity: ticket.left,
            user_id: ticket.created_by,
            event_id: ticket.event_id,
            category_id: ticket.category_id,
            image_url: ticket.image_url,
            artist: ticket.artist,
            created_at: ticket.created_at,
            updated_at: ticket.updated_at,
            sales_start: ticket.sales_start,
            sales_end: ticket.sales_end,
            min_per_order: ticket.min_per_order,
            max_per_order: ticket.max_per_order,
            max_per_user: ticket.max_per_user,
            seated: ticket.seated,
        }
    }
}

/// A ticket type with its event and category.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FullTicketOut {
    /// The ticket type.
    #[serde(flatten)]
    pub ticket: TicketOut,
    /// Its event.
    pub event: EventOut,
    /// Its category.
    pub category: CategoryOut,
}

impl FullTicketOut {
    /// A ticket type with its event as it stands at `now`.
    pub fn new(full: db::ticket_types::FullTicketType, now: Timestamp) -> Self {
        Self {
            ticket: full.ticket.into(),
            event: EventOut::new(full.event, now),
            category: full.category.into(),
        }
    }
}

/// Where somebody sits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeatOut {
    /// Its id, by which it is chosen; null on a ticket.
    pub id: Option<SeatNumber>,
    /// What its section is called.
    pub section: String,
    /// What its row is called.
    pub row: String,
    /// What stands on it.
    pub seat: String,
}

impl SeatOut {
    /// Seats of a ticket type, out of places that were read; those of a map that is gone are left out.
    pub fn all(places: &[db::seats::Place], ticket_type: TicketTypeId, seats: &[SeatNumber]) -> Vec<Self> {
        let own = places.iter().filter(|place| place.ticket_type == ticket_type);
        let own = own.filter(|place| seats.contains(&place.number));
        own.map(Self::from).collect()
    }

    /// Where seats of an order are; `None` if there are none.
    pub fn of_order<'a>(places: impl Iterator<Item = &'a db::seats::Place>) -> Option<Vec<Self>> {
        let seats: Vec<Self> = places.map(Self::from).collect();
        (!seats.is_empty()).then_some(seats)
    }
}

impl From<&db::seats::Place> for SeatOut {
    fn from(place: &db::seats::Place) -> Self {
        Self {
            id: Some(place.number),
            section: place.section.clone(),
            row: place.row.clone(),
            seat: place.label.clone(),
        }
    }
}

impl From<SeatName> for SeatOut {
    fn from(name: SeatName) -> Self {
        Self {
            id: None,
            section: name.section,
            row: name.row,
            seat: name.label,
        }
    }
}

/// A row of the audit log.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditOut {
    /// Its id; later rows have larger ones.
    pub id: AuditId,
    /// When it happened.
    pub at: Timestamp,
    /// Who did it.
    pub actor_id: UserId,
    /// What they were then.
    pub actor_role: Role,
    /// How they were known.
    pub actor_via: Via,
    /// Which of their API keys was used, if one was; `GET /users/me/api-keys` shows its owner what it is called.
    pub actor_key_id: Option<ApiKeyId>,
    /// Operation id of the route, such as `update_event`.
    pub action: String,
    /// What kind of thing was changed.
    pub subject_kind: SubjectKind,
    /// Which one of that kind.
    pub subject_id: SubjectId,
    /// The event that it belongs to.
    pub event_id: Option<EventId>,
    /// What is different since: `{"location": {"from": "Jakarta", "to": "Bandung"}}`.
    pub changes: serde_json::Value,
    /// The request, as its answer named it.
    pub request_id: String,
    /// Address of the client; only admins see it, and nobody once the account was erased.
    pub client_ip: Option<String>,
    /// What the client said it was; only admins see it, and nobody once the account was erased.
    pub user_agent: Option<String>,
}

impl AuditOut {
    /// A row for admins, or for an organizer, who does not learn from where others act.
    pub fn new(row: db::audit::Record, reader: Role) -> Self {
        let sees_origin = reader == Role::Admin;
        Self {
            id: row.id,
            at: row.at,
            actor_id: row.actor_id,
            actor_role: row.actor_role,
            actor_via: row.actor_via,
            actor_key_id: row.actor_key_id,
            action: row.action,
            subject_kind: row.subject_kind,
            subject_id: row.subject_id,
            event_id: row.event_id,
            changes: row.changes,
            request_id: row.request_id,
            client_ip: row.client_ip.filter(|_| sees_origin),
            user_agent: row.user_agent.filter(|_| sees_origin),
        }
    }
}

/// A page of the audit log, newest first.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditList {
    /// The rows of this page.
    pub entries: Vec<AuditOut>,
    /// `cursor` of the next page; null on the last one.
    pub next_cursor: Option<AuditId>,
}

impl AuditList {
    /// Rows on a page.
    pub const PAGE: u32 = 50;

    /// What was read with [`AuditList::PAGE`] as its limit.
    pub fn new(rows: Vec<db::audit::Record>, reader: Role) -> Self {
        let full = rows.len() >= Self::PAGE as usize;
        Self {
            next_cursor: rows.last().map(|row| row.id).filter(|_| full),
            entries: rows.into_iter().map(|row| AuditOut::new(row, reader)).collect(),
        }
    }
}
