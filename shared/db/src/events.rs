//! Events.

use crate::categories::Deleted;
use crate::error::{DbError, Result};
use crate::sql::{RowExt as _, anywhere, params};
use domain::event::{EventName, EventStatus, Location};
use domain::page::Page;
use domain::text::Description;
use domain::time::ZoneName;
use domain::{CategoryId, EventId, Timestamp, UserId};
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
    /// Zone of the place, for showing the date.
    pub time_zone: String,
    /// Where it takes place.
    pub location: String,
    /// Its picture.
    pub image_url: Option<String>,
    /// Where it stands.
    pub status: EventStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Which events a list shows. Absent fields do not restrict.
#[derive(Debug, Default)]
pub struct Filter {
    /// In the name or the location.
    pub search: Option<String>,
    /// Having a ticket type of this category.
    pub category: Option<CategoryId>,
    /// Beginning then or later.
    pub from: Option<Timestamp>,
    /// Beginning then or earlier.
    pub to: Option<Timestamp>,
    /// Who looks: organizers see their own drafts.
    pub viewer: Option<UserId>,
    /// Whether the viewer sees every draft.
    pub sees_all: bool,
}

const LIST_SQL: &str = r"
    select id, organizer_id, name, description, date, time_zone, location, image_url, status, created_at, updated_at,
           count(*) over () as total
    from events e
    where (status <> 'draft' or organizer_id = $5 or $6)
      and ($1::text is null or name ilike $1 escape '\' or location ilike $1 escape '\')
      and ($2::bigint is null or exists (select 1 from ticket_types t where t.event_id = e.id and t.category_id = $2))
      and ($3::timestamptz is null or date >= $3) and ($4::timestamptz is null or date <= $4)
    order by created_at desc, id desc limit $7 offset $8";

const COUNT_SQL: &str = r"
    select count(*) as total from events e
    where (status <> 'draft' or organizer_id = $5 or $6)
      and ($1::text is null or name ilike $1 escape '\' or location ilike $1 escape '\')
      and ($2::bigint is null or exists (select 1 from ticket_types t where t.event_id = e.id and t.category_id = $2))
      and ($3::timestamptz is null or date >= $3) and ($4::timestamptz is null or date <= $4)";

/// A page of the events that the viewer may see, newest first, and how many there are in all.
pub async fn list(db: &Client, filter: &Filter, page: Page) -> Result<(Vec<Event>, i64)> {
    let pattern = filter.search.as_deref().map(anywhere);
    let category = filter.category.map(CategoryId::get);
    let (from, to) = (filter.from.map(Timestamp::inner), filter.to.map(Timestamp::inner));
    let (viewer, limit) = (filter.viewer.map(UserId::get), i64::from(page.limit));
    let rows = db
        .query_typed(
            LIST_SQL,
            params![
                TEXT: pattern, INT8: category, TIMESTAMPTZ: from, TIMESTAMPTZ: to, INT8: viewer, BOOL: filter.sees_all,
                INT8: limit, INT8: page.offset(),
            ],
        )
        .await?;
    let total = match rows.first() {
        Some(row) => row.col("total")?,
        None if page.number == 1 => 0,
        None => {
            let params = params![
                TEXT: pattern, INT8: category, TIMESTAMPTZ: from, TIMESTAMPTZ: to, INT8: viewer, BOOL: filter.sees_all,
            ];
            db.query_typed_one(COUNT_SQL, params).await?.col("total")?
        }
    };
    Ok((rows.iter().map(read).collect::<Result<_>>()?, total))
}

const FIND_SQL: &str = "
    select id, organizer_id, name, description, date, time_zone, location, image_url, status, created_at, updated_at
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
    /// Zone of the place.
    pub time_zone: ZoneName,
    /// Where it takes place.
    pub location: Location,
    /// Whether everybody sees it at once.
    pub status: EventStatus,
}

const INSERT_SQL: &str = "
    insert into events (organizer_id, name, description, date, time_zone, location, status, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
    returning id, organizer_id, name, description, date, time_zone, location, image_url, status, created_at, updated_at";

/// Makes an event. `None` if the organizer's account is gone.
pub async fn insert(
    db: &Client,
    organizer: UserId,
    event: &NewEvent,
    now: Timestamp,
) -> Result<Option<Event>> {
    let description = event.description.as_ref().map(Description::as_str);
    let row = db
        .query_typed_one(
            INSERT_SQL,
            params![
                INT8: organizer.get(), TEXT: event.name.as_str(), TEXT: description, TIMESTAMPTZ: event.date.inner(),
                TEXT: event.time_zone.as_str(), TEXT: event.location.as_str(), TEXT: event.status.as_str(),
                TIMESTAMPTZ: now.inner(),
            ],
        )
        .await;
    match row.map_err(DbError::from) {
        Ok(row) => read(&row).map(Some),
        Err(error) if error.is_constraint("events_organizer_id_fkey") => Ok(None),
        Err(error) => Err(error),
    }
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
    /// Zone of the place.
    pub time_zone: Option<ZoneName>,
    /// Where it takes place.
    pub location: Option<Location>,
    /// Draft or published.
    pub status: Option<EventStatus>,
}

const LOCK_OWN_SQL: &str = "
    select id, organizer_id, name, description, date, time_zone, location, image_url, status, created_at, updated_at
    from events where id = $1 and (organizer_id = $2 or $3) for no key update";

/// An event of this organizer (any event for an admin), locked against other changes.
pub async fn lock_own(
    tx: &Transaction<'_>,
    id: EventId,
    organizer: UserId,
    any_owner: bool,
) -> Result<Option<Event>> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    let row = tx.query_typed_opt(LOCK_OWN_SQL, params).await?;
    row.as_ref().map(read).transpose()
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
        updated_at = case when num_nonnulls($2, $3, $4, $5, $6, $7) > 0 then $8 else updated_at end
    where id = $1
    returning id, organizer_id, name, description, date, time_zone, location, image_url, status, created_at, updated_at";

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
            ],
        )
        .await?;
    read(&row)
}

const DELETE_SQL: &str = "delete from events where id = $1 and (organizer_id = $2 or $3)";

/// Deletes an event without ticket types. One with ticket types has a history and is cancelled instead.
pub async fn delete(db: &Client, id: EventId, organizer: UserId, any_owner: bool) -> Result<Deleted> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    match db.execute_typed(DELETE_SQL, params).await.map_err(DbError::from) {
        Ok(0) => Ok(Deleted::Missing),
        Ok(_) => Ok(Deleted::Done),
        Err(error) if error.is_constraint("ticket_types_event_id_fkey") => Ok(Deleted::InUse),
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
        time_zone: row.col("time_zone")?,
        location: row.col("location")?,
        image_url: row.col("image_url")?,
        status: row.word("status", EventStatus::parse)?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

/// An event in the columns `e_…` of a joined row.
pub(crate) fn read_joined(row: &Row) -> Result<Event> {
    Ok(Event {
        id: row.id("e_id", EventId::new)?,
        organizer_id: row.id("e_organizer_id", UserId::new)?,
        name: row.col("e_name")?,
        description: row.col("e_description")?,
        date: row.time("e_date")?,
        time_zone: row.col("e_time_zone")?,
        location: row.col("e_location")?,
        image_url: row.col("e_image_url")?,
        status: row.word("e_status", EventStatus::parse)?,
        created_at: row.time("e_created_at")?,
        updated_at: row.time("e_updated_at")?,
    })
}
