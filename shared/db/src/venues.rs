//! Houses that organizers use again.

use crate::error::Result;
use crate::sql::{self, RowExt as _, params};
use domain::event::{City, Location, VenueName};
use domain::page::Page;
use domain::time::ZoneName;
use domain::{Timestamp, UserId, VenueId};
use serde_json::Value;
use tokio_postgres::types::Json;
use tokio_postgres::{Client, Row, Transaction};

/// What an organizer says of a house.
#[derive(Debug, Clone)]
pub struct NewVenue {
    /// What it is called.
    pub name: VenueName,
    /// Where it is, as people write it.
    pub location: Location,
    /// In which city.
    pub city: Option<City>,
    /// Zone of the place.
    pub time_zone: ZoneName,
    /// Its seats, checked by [`domain::venue::check`].
    pub sections: Option<Value>,
    /// How many seats these are.
    pub seats: u32,
}

/// A house.
#[derive(Debug, Clone)]
pub struct Venue {
    /// Its id.
    pub id: VenueId,
    /// Who uses it.
    pub organizer: UserId,
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub location: String,
    /// In which city.
    pub city: Option<String>,
    /// Zone of the place.
    pub time_zone: String,
    /// Its seats as they were sent; `None` in lists, and without seats.
    pub sections: Option<Value>,
    /// How many seats it has.
    pub seats: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

macro_rules! columns {
    () => {
        "id, organizer_id, name, location, city, time_zone, seats, created_at, updated_at"
    };
}

const INSERT_SQL: &str = concat!(
    "insert into venues (organizer_id, name, location, city, time_zone, sections, seats, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
    returning sections, ",
    columns!()
);

/// Makes a house.
pub async fn insert(
    tx: &Transaction<'_>,
    organizer: UserId,
    venue: &NewVenue,
    now: Timestamp,
) -> Result<Venue> {
    let params = params![
        INT8: organizer.get(), TEXT: venue.name.as_str(), TEXT: venue.location.as_str(),
        TEXT: venue.city.as_ref().map(City::as_str), TEXT: venue.time_zone.as_str(),
        JSONB: venue.sections.as_ref().map(Json), INT4: i32::try_from(venue.seats).unwrap_or(i32::MAX),
        TIMESTAMPTZ: now.inner(),
    ];
    read(&tx.query_typed_one(INSERT_SQL, params).await?)
}

const LIST_SQL: &str = concat!(
    "select null::jsonb as sections, count(*) over () as total, ",
    columns!(),
    " from venues where organizer_id = $1 or $2 order by id desc limit $3 offset $4"
);

const COUNT_SQL: &str = "select count(*) as total from venues where organizer_id = $1 or $2";

/// A page of an organizer's houses (of all, for an admin) without their seats, newest first, and how many there are.
pub async fn list(db: &Client, organizer: UserId, any_owner: bool, page: Page) -> Result<(Vec<Venue>, i64)> {
    let limit = i64::from(page.limit);
    let params = params![INT8: organizer.get(), BOOL: any_owner, INT8: limit, INT8: page.offset()];
    let rows = db.query_typed(LIST_SQL, params).await?;
    let counted = async {
        let params = params![INT8: organizer.get(), BOOL: any_owner];
        db.query_typed_one(COUNT_SQL, params).await?.col("total")
    };
    let total = sql::total(&rows, page, counted).await?;
    Ok((rows.iter().map(read).collect::<Result<_>>()?, total))
}

const FIND_SQL: &str = concat!(
    "select sections, ",
    columns!(),
    " from venues where id = $1 and (organizer_id = $2 or $3)"
);

/// A house of this organizer (any for an admin).
pub async fn find(db: &Client, id: VenueId, organizer: UserId, any_owner: bool) -> Result<Option<Venue>> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    let row = db.query_typed_opt(FIND_SQL, params).await?;
    row.as_ref().map(read).transpose()
}

const LOCK_SQL: &str = concat!(
    "select sections, ",
    columns!(),
    " from venues where id = $1 and (organizer_id = $2 or $3) for no key update"
);

/// The same, locked.
pub async fn lock(
    tx: &Transaction<'_>,
    id: VenueId,
    organizer: UserId,
    any_owner: bool,
) -> Result<Option<Venue>> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    let row = tx.query_typed_opt(LOCK_SQL, params).await?;
    row.as_ref().map(read).transpose()
}

const UPDATE_SQL: &str = "
    update venues set name = $2, location = $3, city = $4, time_zone = $5, sections = $6, seats = $7, updated_at = $8
    where id = $1";

/// Makes a locked house into this.
pub async fn update(tx: &Transaction<'_>, venue: &Venue) -> Result<()> {
    let params = params![
        INT8: venue.id.get(), TEXT: venue.name, TEXT: venue.location, TEXT: venue.city, TEXT: venue.time_zone,
        JSONB: venue.sections.as_ref().map(Json), INT4: i32::try_from(venue.seats).unwrap_or(i32::MAX),
        TIMESTAMPTZ: venue.updated_at.inner(),
    ];
    tx.execute_typed(UPDATE_SQL, params).await?;
    Ok(())
}

const DELETE_SQL: &str = "delete from venues where id = $1";

/// Deletes a locked house. Maps of events that were made from it stay.
pub async fn delete(tx: &Transaction<'_>, id: VenueId) -> Result<()> {
    tx.execute_typed(DELETE_SQL, params![INT8: id.get()]).await?;
    Ok(())
}

fn read(row: &Row) -> Result<Venue> {
    Ok(Venue {
        id: row.id("id", VenueId::new)?,
        organizer: row.id("organizer_id", UserId::new)?,
        name: row.col("name")?,
        location: row.col("location")?,
        city: row.col("city")?,
        time_zone: row.col("time_zone")?,
        sections: row
            .col::<Option<Json<Value>>>("sections")?
            .map(|Json(sections)| sections),
        seats: row.count("seats")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}
