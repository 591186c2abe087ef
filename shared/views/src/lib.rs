//! Resources as the API shows them, where several functions show the same. Keys stand in the order that clients of the
//! original know; keys that the original did not have come after them.

use domain::event::EventStatus;
use domain::user::Role;
use domain::{CategoryId, EventId, Rupiah, TicketTypeId, Timestamp, UserId};
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
}

impl From<db::events::Event> for EventOut {
    fn from(event: db::events::Event) -> Self {
        Self {
            id: event.id,
            name: event.name,
            description: event.description,
            date: event.date,
            location: event.location,
            image_url: event.image_url,
            created_at: event.created_at,
            updated_at: event.updated_at,
            status: event.status,
            time_zone: event.time_zone,
            organizer_id: event.organizer_id,
            city: event.city,
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

impl From<db::ticket_types::FullTicketType> for FullTicketOut {
    fn from(full: db::ticket_types::FullTicketType) -> Self {
        Self {
            ticket: full.ticket.into(),
            event: full.event.into(),
            category: full.category.into(),
        }
    }
}
