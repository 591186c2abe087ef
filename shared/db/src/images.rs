//! Pictures, from the upload to the URL that shows them. What is to be done about one follows from its row alone, so messages
//! may come late, twice or not at all.

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use domain::image::{Format, Purpose, State};
use domain::{EventId, ImageId, TicketTypeId, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// What it is for.
    pub purpose: Purpose,
    /// The random part of the keys of its objects.
    pub key: String,
    /// How far it is.
    pub state: State,
    /// What it was uploaded as.
    pub format: Format,
    /// Bytes of the upload.
    pub bytes: u32,
    /// Whether only signed URLs show it.
    pub private: bool,
    /// Width and height as it is shown, once that is known.
    pub size: Option<(u32, u32)>,
    /// Widths of its smaller pictures.
    pub variants: Vec<u32>,
    /// Its path at the service that shows it, once it is there.
    pub file_path: Option<String>,
    /// That service's id of it.
    pub file_id: Option<String>,
    /// The URL that shows it, once there is one.
    pub url: Option<String>,
    /// Why it failed: a code.
    pub reason: Option<String>,
    /// How often somebody began to work on it.
    pub attempts: u32,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A picture that is expected.
#[derive(Debug)]
pub struct NewImage<'a> {
    /// Who uploads it.
    pub owner: UserId,
    /// What it is for.
    pub purpose: Purpose,
    /// The random part of the keys of its objects: 128 bits in hexadecimal.
    pub key: &'a str,
    /// What it is uploaded as.
    pub format: Format,
    /// Bytes of the upload.
    pub bytes: u32,
    /// Whether only signed URLs show it.
    pub private: bool,
}

const UPLOADED_SQL: &str = "
    select count(*) as pictures, coalesce(sum(bytes), 0)::bigint as bytes from images
    where owner_id = $1 and created_at > $2";

/// How many pictures somebody was about to upload since then, and how many bytes. They count even if they never came or were
/// discarded.
pub async fn uploaded(db: &Client, owner: UserId, since: Timestamp) -> Result<(i64, i64)> {
    let params = params![INT8: owner.get(), TIMESTAMPTZ: since.inner()];
    let row = db.query_typed_one(UPLOADED_SQL, params).await?;
    Ok((row.col("pictures")?, row.col("bytes")?))
}

// The account is locked, so that a deletion that is under way is waited for.
const INSERT_SQL: &str = "
    with owner as (select id from users where id = $1 and deleted_at is null for key share)
    insert into images (owner_id, purpose, key, media_type, bytes, private, created_at, updated_at)
    select id, $2, $3, $4, $5, $6, $7, $7 from owner
    returning id";

/// Expects a picture. `None` if the owner's account is gone.
pub async fn insert(db: &Client, image: &NewImage<'_>, now: Timestamp) -> Result<Option<ImageId>> {
    let bytes = i32::try_from(image.bytes).unwrap_or(i32::MAX);
    let row = db
        .query_typed_opt(
            INSERT_SQL,
            params![
                INT8: image.owner.get(), TEXT: image.purpose.as_str(), TEXT: image.key, TEXT: image.format.media_type(),
                INT4: bytes, BOOL: image.private, TIMESTAMPTZ: now.inner(),
            ],
        )
        .await?;
    row.map(|row| row.id("id", ImageId::new)).transpose()
}

/// The columns of a picture.
macro_rules! columns {
    () => {
        "id, purpose, key, state, media_type, bytes, private, width, height, variants, file_path, file_id, url, reason,
        attempts, created_at"
    };
}

const FIND_OWN_SQL: &str = concat!(
    "select ",
    columns!(),
    " from images where id = $1 and (owner_id = $2 or $3) and state <> 'discarded'"
);

/// A picture of this owner (any picture for an admin).
pub async fn find_own(db: &Client, id: ImageId, owner: UserId, any_owner: bool) -> Result<Option<Image>> {
    let params = params![INT8: id.get(), INT8: owner.get(), BOOL: any_owner];
    let row = db.query_typed_opt(FIND_OWN_SQL, params).await?;
    row.as_ref().map(read).transpose()
}

// Announced by the store as well, as a rule at once; the time is for the case that the announcement is lost.
const MARK_STORED_SQL: &str = "
    update images set state = 'stored', retry_at = coalesce(retry_at, $2), updated_at = $3
    where id = $1 and state = 'pending'";

/// Notes that the object of a picture is there. If nobody has published it by `retry_at`, it is announced again.
pub async fn mark_stored(db: &Client, id: ImageId, retry_at: Timestamp, now: Timestamp) -> Result<()> {
    let params = params![INT8: id.get(), TIMESTAMPTZ: retry_at.inner(), TIMESTAMPTZ: now.inner()];
    db.execute_typed(MARK_STORED_SQL, params).await?;
    Ok(())
}

// A write, so that a picture that is being discarded or published at this moment is waited for and looked at again.
const TAKE_SQL: &str = "
    update images set updated_at = $5
    where id = $1 and (owner_id = $2 or $3) and purpose = $4 and state in ('pending', 'stored', 'ready')
    returning id, url";

/// A picture that was locked to be shown.
#[derive(Debug)]
pub struct Taken {
    id: ImageId,
    url: Option<String>,
}

/// Locks a picture of this owner (any picture for an admin) to show it somewhere. Comes before any other lock of the
/// transaction. `None` if there is none of this purpose, or it failed.
pub async fn take(
    tx: &Transaction<'_>,
    id: ImageId,
    owner: UserId,
    any_owner: bool,
    purpose: Purpose,
    now: Timestamp,
) -> Result<Option<Taken>> {
    let params = params![
        INT8: id.get(), INT8: owner.get(), BOOL: any_owner, TEXT: purpose.as_str(), TIMESTAMPTZ: now.inner(),
    ];
    let row = tx.query_typed_opt(TAKE_SQL, params).await?;
    row.map(|row| {
        Ok(Taken {
            id: row.id("id", ImageId::new)?,
            url: row.col("url")?,
        })
    })
    .transpose()
}

const SHOW_ON_EVENT_SQL: &str =
    "update events set image_id = $2, image_url = $3, updated_at = $4 where id = $1";

/// Shows a picture on an event; until it is published the event has no picture. Returns its URL.
pub async fn show_on_event(
    tx: &Transaction<'_>,
    event: EventId,
    image: Taken,
    now: Timestamp,
) -> Result<Option<String>> {
    let params = params![INT8: event.get(), INT8: image.id.get(), TEXT: image.url, TIMESTAMPTZ: now.inner()];
    tx.execute_typed(SHOW_ON_EVENT_SQL, params).await?;
    Ok(image.url)
}

const SHOW_ON_TICKET_TYPE_SQL: &str =
    "update ticket_types set image_id = $2, image_url = $3, updated_at = $4 where id = $1";

/// The same on a ticket type.
pub async fn show_on_ticket_type(
    tx: &Transaction<'_>,
    ticket_type: TicketTypeId,
    image: Taken,
    now: Timestamp,
) -> Result<()> {
    let params =
        params![INT8: ticket_type.get(), INT8: image.id.get(), TEXT: image.url, TIMESTAMPTZ: now.inner()];
    tx.execute_typed(SHOW_ON_TICKET_TYPE_SQL, params).await?;
    Ok(())
}

const CLAIM_SQL: &str = concat!(
    "update images
    set state = case state when 'pending' then 'stored' else state end, attempts = attempts + 1, lease_until = $3,
        retry_at = $3
    where (id = $1 or key = $2) and state in ('pending', 'stored', 'discarded')
      and (lease_until is null or lease_until <= $4)
    returning ",
    columns!()
);

/// How a message names a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'a> {
    /// By its id.
    Id(ImageId),
    /// By the random part of the key of its object.
    Key(&'a str),
}

/// Claims a picture on which there is something to do, until `lease_until`; should the worker die, it is announced again
/// then. `None` if there is nothing to do, or somebody else does it.
pub async fn claim(
    db: &Client,
    named: Named<'_>,
    lease_until: Timestamp,
    now: Timestamp,
) -> Result<Option<Image>> {
    let (id, key) = match named {
        Named::Id(id) => (Some(id.get()), None),
        Named::Key(key) => (None, Some(key)),
    };
    let params = params![INT8: id, TEXT: key, TIMESTAMPTZ: lease_until.inner(), TIMESTAMPTZ: now.inner()];
    let row = db.query_typed_opt(CLAIM_SQL, params).await?;
    row.as_ref().map(read).transpose()
}

const DEFER_SQL: &str = "
    update images set lease_until = null, retry_at = $2
    where id = $1 and state in ('stored', 'discarded')";

/// Gives a claimed picture back, to be announced again at a time.
pub async fn defer(db: &Client, id: ImageId, retry_at: Timestamp) -> Result<()> {
    db.execute_typed(DEFER_SQL, params![INT8: id.get(), TIMESTAMPTZ: retry_at.inner()])
        .await?;
    Ok(())
}

const FAIL_SQL: &str = "
    update images set state = 'failed', reason = $2, lease_until = null, retry_at = null, updated_at = $3
    where id = $1 and state = 'stored'";

/// Notes that a claimed picture will never be shown, and why.
pub async fn fail(db: &Client, id: ImageId, reason: &str, now: Timestamp) -> Result<()> {
    let params = params![INT8: id.get(), TEXT: reason, TIMESTAMPTZ: now.inner()];
    db.execute_typed(FAIL_SQL, params).await?;
    Ok(())
}

/// Where a picture was published.
#[derive(Debug)]
pub struct Published<'a> {
    /// Width as shown.
    pub width: u32,
    /// Height as shown.
    pub height: u32,
    /// Widths of its smaller pictures.
    pub variants: &'a [u32],
    /// Id of the file at the service that shows it.
    pub file_id: &'a str,
    /// Path of the file there.
    pub file_path: &'a str,
    /// The URL that shows it.
    pub url: &'a str,
}

const PUBLISH_SQL: &str = "
    update images
    set state = 'ready', width = $2, height = $3, variants = $4, file_id = $5, file_path = $6, url = $7,
        lease_until = null, retry_at = null, updated_at = $8
    where id = $1 and state = 'stored'";

// Not a change that the organizer made, so the time of the last change stays.
const SHOW_READY_ON_EVENTS_SQL: &str = "update events set image_url = $2 where image_id = $1";
const SHOW_READY_ON_TICKET_TYPES_SQL: &str = "update ticket_types set image_url = $2 where image_id = $1";

/// Notes where a claimed picture was published, and shows it where it belongs. Whether it was still waiting for that.
pub async fn publish(
    tx: &Transaction<'_>,
    id: ImageId,
    published: &Published<'_>,
    now: Timestamp,
) -> Result<bool> {
    let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let variants: Vec<i32> = published.variants.iter().copied().map(number).collect();
    let params = params![
        INT8: id.get(), INT4: number(published.width), INT4: number(published.height), INT4_ARRAY: variants,
        TEXT: published.file_id, TEXT: published.file_path, TEXT: published.url, TIMESTAMPTZ: now.inner(),
    ];
    if tx.execute_typed(PUBLISH_SQL, params).await? == 0 {
        return Ok(false);
    }
    let params = params![INT8: id.get(), TEXT: published.url];
    tx.execute_typed(SHOW_READY_ON_EVENTS_SQL, params).await?;
    tx.execute_typed(SHOW_READY_ON_TICKET_TYPES_SQL, params).await?;
    Ok(true)
}

const FORGET_SQL: &str = "delete from images where id = $1 and state = 'discarded'";

/// Deletes the row of a discarded picture, after its objects.
pub async fn forget(db: &Client, id: ImageId) -> Result<()> {
    db.execute_typed(FORGET_SQL, params![INT8: id.get()]).await?;
    Ok(())
}

/// A picture that nothing shows is kept this long: somebody may be about to show it.
pub const KEEP_SECONDS: i64 = 24 * 3_600;

// Whoever shows a picture writes its row, so a row that waited for such a write is too young when it is looked at again.
const DISCARD_SQL: &str = "
    update images i set state = 'discarded', lease_until = null, retry_at = $2, updated_at = $2
    where id in (
        select id from images c
        where state <> 'discarded' and updated_at < $1
          and not exists (select 1 from events e where e.image_id = c.id)
          and not exists (select 1 from ticket_types t where t.image_id = c.id)
        order by updated_at limit $3)
      and state <> 'discarded' and updated_at < $1";

/// Discards pictures that nothing shows and that were not touched since a time. How many.
pub async fn discard_idle(db: &Client, before: Timestamp, limit: u32, now: Timestamp) -> Result<u64> {
    let limit = i64::from(limit);
    let params = params![TIMESTAMPTZ: before.inner(), TIMESTAMPTZ: now.inner(), INT8: limit];
    Ok(db.execute_typed(DISCARD_SQL, params).await?)
}

const DUE_SQL: &str = "
    update images set retry_at = $2
    where id in (
        select id from images
        where retry_at <= $1 and (lease_until is null or lease_until <= $1)
        order by retry_at limit $3 for update skip locked)
    returning id";

/// Pictures that are to be announced again, and then once more at `next` unless somebody is done with them by then.
pub async fn due(tx: &Transaction<'_>, limit: u32, next: Timestamp, now: Timestamp) -> Result<Vec<ImageId>> {
    let limit = i64::from(limit);
    let params = params![TIMESTAMPTZ: now.inner(), TIMESTAMPTZ: next.inner(), INT8: limit];
    let rows = tx.query_typed(DUE_SQL, params).await?;
    rows.iter().map(|row| row.id("id", ImageId::new)).collect()
}

fn read(row: &Row) -> Result<Image> {
    let number = |name| -> Result<Option<u32>> {
        Ok(row
            .col::<Option<i32>>(name)?
            .and_then(|number| u32::try_from(number).ok()))
    };
    let variants: Vec<i32> = row.col("variants")?;
    Ok(Image {
        id: row.id("id", ImageId::new)?,
        purpose: row.word("purpose", Purpose::parse)?,
        key: row.col("key")?,
        state: row.word("state", State::parse)?,
        format: row.word("media_type", Format::of_media_type)?,
        bytes: row.count("bytes")?,
        private: row.col("private")?,
        size: number("width")?.zip(number("height")?),
        variants: variants
            .into_iter()
            .filter_map(|width| u32::try_from(width).ok())
            .collect(),
        file_path: row.col("file_path")?,
        file_id: row.col("file_id")?,
        url: row.col("url")?,
        reason: row.col("reason")?,
        attempts: row.count("attempts")?,
        created_at: row.time("created_at")?,
    })
}
