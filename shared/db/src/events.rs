//! Events.

mod list;
mod sale;

pub use list::{Begin, COUNTED_BEYOND, Filter, Order, list};
pub use sale::lock_own_and_sale;
pub(crate) use sale::{keep_on_sale, keep_order_on_sale, stop_sale_of_type};

use crate::categories::Deleted;
use crate::error::{DbError, Result};
use crate::sql::{RowExt as _, params};
use crate::ticket_types::int;
use crate::users;
use domain::change::Change;
use domain::event::{City, EventName, EventStatus, Location};
use domain::price::{ServiceFee, TaxRate};
use domain::text::Description;
use domain::time::ZoneName;
use domain::{EventId, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// An event.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// Who publishes it.
    pub organizer_id: UserId,
    /// What it is called.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// When it begins.
    pub date: Timestamp,
    /// When it ends, if its organizer says so.
    pub ends_at: Option<Timestamp>,
    /// Zone of the place, for showing the date.
    pub time_zone: String,
    /// Where it takes place.
    pub location: String,
    /// In which city, if its organizer says so.
    pub city: Option<String>,
    /// What is added for each ticket that costs something.
    pub service_fee: ServiceFee,
    /// Tax on price and fee.
    pub tax_rate: TaxRate,
    /// Its picture.
    pub image_url: Option<String>,
    /// Where it stands as stored; [`Event::status_at`] says where it stands.
    pub status: EventStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Event {
    /// Where it stands at `now`.
    pub fn status_at(&self, now: Timestamp) -> EventStatus {
        self.status.at(self.date, self.ends_at, now)
    }
}

const FIND_SQL: &str = "
    select id, organizer_id, name, description, date, ends_at, time_zone, location, city, service_fee, tax_rate, image_url, status, created_at, updated_at
    from events where id = $1 and (status <> 'draft' or organizer_id = $2 or $3)";

/// The event of that id, if the viewer may see it: drafts are seen by their organizer and by admins.
pub async fn find(db: &Client, id: EventId, viewer: Option<UserId>, sees_all: bool) -> Result<Option<Event>> {
    let viewer = viewer.map(UserId::get);
    let row = db
        .query_typed_opt(FIND_SQL, params![INT8: id.get(), INT8: viewer, BOOL: sees_all])
        .await?;
    row.as_ref().map(read).transpose()
}

/// What a new event is made of.
#[derive(Debug)]
pub struct NewEvent {
    /// What it is called.
    pub name: EventName,
    /// What it is about.
    pub description: Option<Description>,
    /// When it begins.
    pub date: Timestamp,
    /// When it ends, if its organizer says so.
    pub ends_at: Option<Timestamp>,
    /// Zone of the place.
    pub time_zone: ZoneName,
    /// Where it takes place.
    pub location: Location,
    /// In which city.
    pub city: Option<City>,
    /// What is added for each ticket that costs something.
    pub service_fee: ServiceFee,
    /// Tax on price and fee.
    pub tax_rate: TaxRate,
    /// Whether everybody sees it at once.
    pub status: EventStatus,
}

const INSERT_SQL: &str = "
    insert into events (organizer_id, name, description, date, time_zone, location, status, created_at, updated_at, city,
                        ends_at, service_fee, tax_rate)
    select id, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, $11, $12 from users where id = $1 and deleted_at is null for share
    returning id, organizer_id, name, description, date, ends_at, time_zone, location, city, service_fee, tax_rate, image_url, status, created_at, updated_at";

/// Makes an event. `None` if the organizer's account is gone.
pub async fn insert(
    db: &Client,
    organizer: UserId,
    event: &NewEvent,
    now: Timestamp,
) -> Result<Option<Event>> {
    let description = event.description.as_ref().map(Description::as_str);
    let row = db
        .query_typed_opt(
            INSERT_SQL,
            params![
                INT8: organizer.get(), TEXT: event.name.as_str(), TEXT: description, TIMESTAMPTZ: event.date.inner(),
                TEXT: event.time_zone.as_str(), TEXT: event.location.as_str(), TEXT: event.status.as_str(),
                TIMESTAMPTZ: now.inner(), TEXT: event.city.as_ref().map(City::as_str),
                TIMESTAMPTZ: event.ends_at.map(Timestamp::inner), INT8: event.service_fee.get(),
                INT4: int(event.tax_rate.get()),
            ],
        )
        .await?;
    row.as_ref().map(read).transpose()
}

/// Changes to an event; absent fields stay.
#[derive(Debug, Default)]
pub struct EventPatch {
    /// What it is called.
    pub name: Option<EventName>,
    /// What it is about.
    pub description: Option<Description>,
    /// When it begins.
    pub date: Option<Timestamp>,
    /// When it ends.
    pub ends_at: Change<Timestamp>,
    /// Zone of the place.
    pub time_zone: Option<ZoneName>,
    /// Where it takes place.
    pub location: Option<Location>,
    /// In which city.
    pub city: Option<City>,
    /// What is added for each ticket that costs something, from the next order on.
    pub service_fee: Option<ServiceFee>,
    /// Tax on price and fee, from the next order on.
    pub tax_rate: Option<TaxRate>,
    /// Draft, published or cancelled.
    pub status: Option<EventStatus>,
}

const LOCK_OWN_SQL: &str = "
    select id, organizer_id, name, description, date, ends_at, time_zone, location, city, service_fee, tax_rate, image_url, status, created_at, updated_at
    from events where id = $1 and (organizer_id = $2 or $3) for no key update";

/// An event of this organizer (any event for an admin), locked against other changes. `None` if the organizer's account is
/// gone, too.
pub async fn lock_own(
    tx: &Transaction<'_>,
    id: EventId,
    organizer: UserId,
    any_owner: bool,
) -> Result<Option<Event>> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    let Some(row) = tx.query_typed_opt(LOCK_OWN_SQL, params).await? else {
        return Ok(None);
    };
    // Asked after the lock, for which a deletion of the account that is under way was waited.
    if !any_owner && users::find_live(tx.client(), organizer).await?.is_none() {
        return Ok(None);
    }
    read(&row).map(Some)
}

const OWNED_SQL: &str = "select 1 as one from events where id = $1 and (organizer_id = $2 or $3)";

/// Whether an event is this organizer's (any event is an admin's).
pub async fn is_own(db: &Client, id: EventId, organizer: UserId, any_owner: bool) -> Result<bool> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    Ok(db.query_typed_opt(OWNED_SQL, params).await?.is_some())
}

const UPCOMING_SQL: &str = "
    select id, organizer_id, name, description, date, ends_at, time_zone, location, city, service_fee, tax_rate, image_url, status, created_at, updated_at
    from events where status = 'published' and date > $1 and ($2::timestamptz is null or (date, id) > ($2, $3))
    order by date, id limit $4";

/// Published events that are still to begin, the next one first, after the event with this time of beginning and id.
pub async fn upcoming(
    db: &Client,
    now: Timestamp,
    after: Option<(Timestamp, EventId)>,
    limit: u32,
) -> Result<Vec<Event>> {
    let (at, id) = (after.map(|(at, _)| at.inner()), after.map(|(_, id)| id.get()));
    let limit = i64::from(limit);
    let params = params![TIMESTAMPTZ: now.inner(), TIMESTAMPTZ: at, INT8: id, INT8: limit];
    let rows = db.query_typed(UPCOMING_SQL, params).await?;
    rows.iter().map(read).collect()
}

const OF_HOLDER_SQL: &str = "
    select id, organizer_id, name, description, date, ends_at, time_zone, location, city, service_fee, tax_rate, image_url, status, created_at, updated_at
    from events where id in (
        select t.event_id from issued_tickets t
        join order_items i on i.id = t.order_item_id join orders o on o.id = i.order_id
        where t.holder_id = $1 and t.status <> 'void' and ($2::text is null or o.code = $2)
    )
    order by date desc, id desc limit $3";

/// Events that somebody has tickets for (those of one order, if its code is given), the last one first.
pub async fn of_holder(db: &Client, holder: UserId, order: Option<&str>, limit: u32) -> Result<Vec<Event>> {
    let limit = i64::from(limit);
    let params = params![INT8: holder.get(), TEXT: order, INT8: limit];
    let rows = db.query_typed(OF_HOLDER_SQL, params).await?;
    rows.iter().map(read).collect()
}

const IS_BOUGHT_SQL: &str = "
    select exists (select 1 from ticket_types t join order_items i on i.ticket_type_id = t.id where t.event_id = $1)
        or exists (select 1 from ticket_types t join cart_items i on i.ticket_type_id = t.id where t.event_id = $1)
        as bought";

/// Whether somebody has a ticket of the event in an order or in a cart.
pub async fn is_bought(db: &Client, id: EventId) -> Result<bool> {
    db.query_typed_one(IS_BOUGHT_SQL, params![INT8: id.get()])
        .await?
        .col("bought")
}

const UPDATE_SQL: &str = "
    update events
    set name = coalesce($2, name), description = coalesce($3, description), date = coalesce($4, date),
        time_zone = coalesce($5, time_zone), location = coalesce($6, location), status = coalesce($7, status),
        city = coalesce($9, city), ends_at = case when $13 then ends_at else $10 end, service_fee = coalesce($11, service_fee),
        tax_rate = coalesce($12, tax_rate),
        updated_at = case when num_nonnulls($2, $3, $4, $5, $6, $7, $9, $11, $12) > 0 or not $13 then $8 else updated_at end
    where id = $1
    returning id, organizer_id, name, description, date, ends_at, time_zone, location, city, service_fee, tax_rate, image_url, status, created_at, updated_at";

/// Changes an event that [`lock_own`] gave. Without changes it stays as it is, its time of change included.
pub async fn update(tx: &Transaction<'_>, id: EventId, patch: &EventPatch, now: Timestamp) -> Result<Event> {
    let row = tx
        .query_typed_one(
            UPDATE_SQL,
            params![
                INT8: id.get(),
                TEXT: patch.name.as_ref().map(EventName::as_str),
                TEXT: patch.description.as_ref().map(Description::as_str),
                TIMESTAMPTZ: patch.date.map(Timestamp::inner),
                TEXT: patch.time_zone.as_ref().map(ZoneName::as_str),
                TEXT: patch.location.as_ref().map(Location::as_str),
                TEXT: patch.status.map(EventStatus::as_str),
                TIMESTAMPTZ: now.inner(),
                TEXT: patch.city.as_ref().map(City::as_str),
                TIMESTAMPTZ: patch.ends_at.set().map(Timestamp::inner),
                INT8: patch.service_fee.map(ServiceFee::get),
                INT4: patch.tax_rate.map(|rate| int(rate.get())),
                BOOL: patch.ends_at.is_keep(),
            ],
        )
        .await?;
    read(&row)
}

// All that may be published is locked, so that nothing comes out of a draft before the end of the transaction.
const HAS_UPCOMING_SQL: &str = "
    with own as materialized (
        select status, date from events where organizer_id = $1 and status in ('draft', 'published') for no key update
    )
    select count(*) filter (where status = 'published' and date > $2) > 0 as upcoming from own";

/// Whether an organizer has published events that are still to come. The organizer's account is locked already.
pub async fn has_upcoming(tx: &Transaction<'_>, organizer: UserId, now: Timestamp) -> Result<bool> {
    tx.query_typed_one(
        HAS_UPCOMING_SQL,
        params![INT8: organizer.get(), TIMESTAMPTZ: now.inner()],
    )
    .await?
    .col("upcoming")
}

const DELETE_SQL: &str = "delete from events where id = $1 and (organizer_id = $2 or $3)";

/// Deletes an event without ticket types. One with ticket types, or that was promoted, has a history and is cancelled instead.
pub async fn delete(db: &Client, id: EventId, organizer: UserId, any_owner: bool) -> Result<Deleted> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    match db.execute_typed(DELETE_SQL, params).await.map_err(DbError::from) {
        Ok(0) => Ok(Deleted::Missing),
        Ok(_) => Ok(Deleted::Done),
        Err(error)
            if error.is_constraint("ticket_types_event_id_fkey")
                || error.is_constraint("mailings_event_id_fkey")
                || error.is_constraint("mailings_past_event_id_fkey") =>
        {
            Ok(Deleted::InUse)
        }
        Err(error) => Err(error),
    }
}

fn read(row: &Row) -> Result<Event> {
    Ok(Event {
        id: row.id("id", EventId::new)?,
        organizer_id: row.id("organizer_id", UserId::new)?,
        name: row.col("name")?,
        description: row.col("description")?,
        date: row.time("date")?,
        ends_at: row.time_opt("ends_at")?,
        time_zone: row.col("time_zone")?,
        location: row.col("location")?,
        city: row.col("city")?,
        service_fee: service_fee(row, "service_fee")?,
        tax_rate: tax_rate(row, "tax_rate")?,
        image_url: row.col("image_url")?,
        status: row.word("status", EventStatus::parse)?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

/// What an event adds for each ticket.
pub(crate) fn service_fee(row: &Row, name: &'static str) -> Result<ServiceFee> {
    ServiceFee::new(row.col(name)?).ok_or(DbError::Value(name))
}

/// Tax of an event.
pub(crate) fn tax_rate(row: &Row, name: &'static str) -> Result<TaxRate> {
    TaxRate::new(row.count(name)?).ok_or(DbError::Value(name))
}

/// An event in the columns `e_…` of a joined row.
pub(crate) fn read_joined(row: &Row) -> Result<Event> {
    Ok(Event {
        id: row.id("e_id", EventId::new)?,
        organizer_id: row.id("e_organizer_id", UserId::new)?,
        name: row.col("e_name")?,
        description: row.col("e_description")?,
        date: row.time("e_date")?,
        ends_at: row.time_opt("e_ends_at")?,
        time_zone: row.col("e_time_zone")?,
        location: row.col("e_location")?,
        city: row.col("e_city")?,
        service_fee: service_fee(row, "e_service_fee")?,
        tax_rate: tax_rate(row, "e_tax_rate")?,
        image_url: row.col("e_image_url")?,
        status: row.word("e_status", EventStatus::parse)?,
        created_at: row.time("e_created_at")?,
        updated_at: row.time("e_updated_at")?,
    })
}
