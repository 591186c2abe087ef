//! Events.

use crate::categories::Deleted;
use crate::error::{DbError, Result};
use crate::sql::{RowExt as _, anywhere, params};
use domain::event::{EventName, EventStatus, Location};
use domain::page::Page;
use domain::text::Description;
use domain::time::ZoneName;
use domain::{CategoryId, EventId, Timestamp, UserId};
use tokio_postgres::{Client, Row};

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
}

const LIST_SQL: &str = r"
    select id, organizer_id, name, description, date, time_zone, location, image_url, status, created_at, updated_at,
           count(*) over () as total
    from events e
    where status <> 'draft'
      and ($1::text is null or name ilike $1 escape '\' or location ilike $1 escape '\')
      and ($2::bigint is null or exists (select 1 from ticket_types t where t.event_id = e.id and t.category_id = $2))
      and ($3::timestamptz is null or date >= $3) and ($4::timestamptz is null or date <= $4)
    order by created_at desc, id desc limit $5 offset $6";

const COUNT_SQL: &str = r"
    select count(*) as total from events e
    where status <> 'draft'
      and ($1::text is null or name ilike $1 escape '\' or location ilike $1 escape '\')
      and ($2::bigint is null or exists (select 1 from ticket_types t where t.event_id = e.id and t.category_id = $2))
      and ($3::timestamptz is null or date >= $3) and ($4::timestamptz is null or date <= $4)";

/// A page of the public events, newest first, and how many there are in all.
pub async fn list(db: &Client, filter: &Filter, page: Page) -> Result<(Vec<Event>, i64)> {
    let pattern = filter.search.as_deref().map(anywhere);
    let category = filter.category.map(CategoryId::get);
    let (from, to) = (filter.from.map(Timestamp::inner), filter.to.map(Timestamp::inner));
    let limit = i64::from(page.limit);
    let rows = db
        .query_typed(
            LIST_SQL,
            params![TEXT: pattern, INT8: category, TIMESTAMPTZ: from, TIMESTAMPTZ: to, INT8: limit, INT8: page.offset()],
        )
        .await?;
    let total = match rows.first() {
        Some(row) => row.col("total")?,
        None if page.number == 1 => 0,
        None => {
            let params = params![TEXT: pattern, INT8: category, TIMESTAMPTZ: from, TIMESTAMPTZ: to];
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

/// Makes an event.
pub async fn insert(db: &Client, organizer: UserId, event: &NewEvent, now: Timestamp) -> Result<Event> {
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
        .await?;
    read(&row)
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

const UPDATE_SQL: &str = "
    update events
    set name = coalesce($4, name), description = coalesce($5, description), date = coalesce($6, date),
        time_zone = coalesce($7, time_zone), location = coalesce($8, location), status = coalesce($9, status),
        updated_at = case when num_nonnulls($4, $5, $6, $7, $8, $9) > 0 then $10 else updated_at end
    where id = $1 and (organizer_id = $2 or $3)
    returning id, organizer_id, name, description, date, time_zone, location, image_url, status, created_at, updated_at";

/// Changes an event of this organizer, or any event for an admin. `None` if there is none that the caller may change.
pub async fn update(
    db: &Client,
    id: EventId,
    organizer: UserId,
    any_owner: bool,
    patch: &EventPatch,
    now: Timestamp,
) -> Result<Option<Event>> {
    let row = db
        .query_typed_opt(
            UPDATE_SQL,
            params![
                INT8: id.get(), INT8: organizer.get(), BOOL: any_owner,
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
    row.as_ref().map(read).transpose()
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
