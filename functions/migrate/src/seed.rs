//! Demo accounts and events. Their passwords are in the README, so this never runs outside of a local fleet.

use db::categories::Written;
use db::events::NewEvent;
use db::ticket_types::{Made, NewTicketType};
use db::users::{Created, NewUser};
use db::{Client, Transaction};
use domain::event::{CategoryName, City, EventName, EventStatus, Location};
use domain::price::{ServiceFee, TaxRate};
use domain::ticket::{Artist, Capacity, TicketName};
use domain::time::ZoneName;
use domain::user::{Age, Email, PersonName, Phone, Role};
use domain::{CategoryId, Error, EventId, Rupiah, Timestamp, UserId};
use serde_json::json;

/// A demo account.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Account {
    /// Mail address.
    pub email: &'static str,
    /// Password.
    pub password: &'static str,
    /// What it may do.
    pub role: Role,
}

const PASSWORD: &str = "gigglefest demo";

const ACCOUNTS: [Account; 4] = [
    Account {
        email: "admin@gigglefest.example",
        password: PASSWORD,
        role: Role::Admin,
    },
    Account {
        email: "organizer@gigglefest.example",
        password: PASSWORD,
        role: Role::Organizer,
    },
    Account {
        email: "staff@gigglefest.example",
        password: PASSWORD,
        role: Role::Staff,
    },
    Account {
        email: "buyer@gigglefest.example",
        password: PASSWORD,
        role: Role::User,
    },
];

/// Name, description, place, days from now, and the ticket types: name, artist, category, price, how many.
type Show = (
    &'static str,
    &'static str,
    &'static str,
    i64,
    &'static [(&'static str, &'static str, usize, i64, u32)],
);

const CATEGORIES: [&str; 3] = ["Music", "Comedy", "Theatre"];

const SHOWS: [Show; 4] = [
    (
        "Jakarta Jazz Night",
        "Three bands, one evening, under the open sky.",
        "Taman Ismail Marzuki, Jakarta",
        30,
        &[
            ("Festival", "Various artists", 0, 250_000, 2_000),
            ("VIP", "Various artists", 0, 750_000, 200),
        ],
    ),
    (
        "Malam Tertawa Bandung",
        "Stand-up comedy in Bahasa Indonesia.",
        "Gedung Merdeka, Bandung",
        14,
        &[
            ("Regular", "Komika pilihan", 1, 100_000, 500),
            ("Front row", "Komika pilihan", 1, 175_000, 20),
        ],
    ),
    (
        "Ramayana at Prambanan",
        "The classic ballet in front of the temples.",
        "Candi Prambanan, Yogyakarta",
        45,
        &[("Tribune", "Ramayana Ballet", 2, 150_000, 800)],
    ),
    (
        "Open rehearsal",
        "Listen to the orchestra while it works. Free of charge.",
        "Ciputra Artpreneur, Jakarta",
        7,
        &[("Seat", "City orchestra", 0, 0, 100)],
    ),
];

/// Makes the demo data unless it is there, and tells the accounts.
pub(crate) async fn seed(conn: &mut Client, now: Timestamp) -> Result<Vec<Account>, Error> {
    let tx = conn.transaction().await.map_err(db::DbError::from)?;
    let hash = credentials::hash(PASSWORD)?;
    let (mut organizer, mut staff) = (None, None);
    for account in &ACCOUNTS {
        let made = make_account(&tx, account, &hash, now).await?;
        match account.role {
            Role::Organizer => organizer = made,
            Role::Staff => staff = made,
            Role::User | Role::Admin => {}
        }
    }
    // An organizer that was there already has its events.
    if let Some(organizer) = organizer {
        let mut categories = Vec::new();
        for name in CATEGORIES {
            categories.push(make_category(&tx, name, now).await?);
        }
        for show in &SHOWS {
            let event = make_show(&tx, organizer, &categories, show, now).await?;
            if let Some(staff) = staff {
                db::event_staff::add(&tx, event, staff, organizer, now).await?;
            }
        }
    }
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(ACCOUNTS.to_vec())
}

async fn make_account(
    tx: &Transaction<'_>,
    account: &Account,
    hash: &str,
    now: Timestamp,
) -> Result<Option<UserId>, Error> {
    let name = account.email.split('@').next().unwrap_or("demo");
    let new = NewUser {
        email: &Email::parse(account.email).ok_or_else(|| wrong(account.email))?,
        password_hash: hash,
        name: &PersonName::parse(&format!("Demo {name}")).map_err(wrong)?,
        age: serde_json::from_value::<Age>(json!(30)).map_err(Error::internal)?,
        phone_number: &Phone::parse("081234567890").map_err(wrong)?,
        role: account.role,
    };
    match db::users::insert(tx, &new, now).await? {
        Created::User(user) => {
            db::users::mark_verified(tx, user.id, now).await?;
            Ok(Some(user.id))
        }
        Created::EmailTaken => Ok(None),
    }
}

async fn make_category(tx: &Transaction<'_>, name: &str, now: Timestamp) -> Result<CategoryId, Error> {
    let name = CategoryName::parse(name).map_err(wrong)?;
    if let Written::Category(category) = db::categories::insert(tx.client(), &name, now).await? {
        return Ok(category.id);
    }
    let (found, _) =
        db::categories::list(tx.client(), Some(name.as_str()), domain::page::Page::default()).await?;
    found
        .first()
        .map(|category| category.id)
        .ok_or_else(|| Error::not_found("Category"))
}

async fn make_show(
    tx: &Transaction<'_>,
    organizer: UserId,
    categories: &[CategoryId],
    (name, description, place, days, kinds): &Show,
    now: Timestamp,
) -> Result<EventId, Error> {
    let event = NewEvent {
        name: EventName::parse(name).map_err(wrong)?,
        description: Some(serde_json::from_value(json!(description)).map_err(Error::internal)?),
        date: now.plus_seconds(days * 86_400),
        ends_at: None,
        time_zone: ZoneName::jakarta(),
        location: Location::parse(place).map_err(wrong)?,
        city: place
            .rsplit_once(", ")
            .map(|(_, city)| City::parse(city))
            .transpose()
            .map_err(wrong)?,
        service_fee: ServiceFee::default(),
        tax_rate: TaxRate::default(),
        status: EventStatus::Published,
    };
    let event = db::events::insert(tx.client(), organizer, &event, now)
        .await?
        .ok_or_else(|| wrong(name))?;
    for (name, artist, category, price, capacity) in *kinds {
        let kind = NewTicketType {
            event_id: event.id,
            category_id: *categories.get(*category).ok_or_else(|| wrong(name))?,
            name: TicketName::parse(name).map_err(wrong)?,
            price: Rupiah::new(*price).ok_or_else(|| wrong(name))?,
            capacity: Capacity::new(*capacity).ok_or_else(|| wrong(name))?,
            artist: Some(Artist::parse(artist).map_err(wrong)?),
            sales_start: None,
            sales_end: None,
            min_per_order: 1,
            max_per_order: 10,
            max_per_user: None,
        };
        if !matches!(
            db::ticket_types::insert(tx, organizer, false, &kind, now).await?,
            Made::TicketType(_)
        ) {
            return Err(wrong(name));
        }
    }
    Ok(event.id)
}

fn wrong(what: impl std::fmt::Display) -> Error {
    Error::internal(format!("the demo data is not valid: {what}"))
}
