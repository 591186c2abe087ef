//! Takes pictures that people upload. The row is committed before the object is put, so that whoever is told of the object
//! finds its row; what is left over when something fails in between is discarded a day later.

use blob::Blobs;
use bytes::Bytes;
use db::images::{NewImage, Taken};
use db::{Client, Transaction};
use domain::image::{self, Format, Purpose};
use domain::{Error, ImageId, Timestamp, UserId};

/// The store announces an object by itself, as a rule at once. If that announcement is lost, ours follows after this time.
const PATIENCE_SECONDS: i64 = 60;

/// Who shows a picture, and where.
#[derive(Debug, Clone, Copy)]
pub struct Use {
    /// Their account.
    pub owner: UserId,
    /// Whether they may use everybody's pictures.
    pub any_owner: bool,
    /// Where it is shown.
    pub purpose: Purpose,
}

/// A picture that somebody is about to upload to the store directly.
#[derive(Debug)]
pub struct Expected {
    /// Its id.
    pub id: ImageId,
    /// Where it may be put.
    pub url: String,
}

/// Expects a picture of exactly this format and size.
///
/// # Errors
/// If the account is gone, or the database is not available.
pub async fn expect(
    db: &Client,
    blobs: &Blobs,
    using: Use,
    (format, bytes, private): (Format, u32, bool),
    now: Timestamp,
) -> Result<Expected, Error> {
    let key = runtime::random::hex::<16>();
    let url = blobs.upload_url(&blob::original(&key), format.media_type(), bytes)?;
    let new = NewImage {
        owner: using.owner,
        purpose: using.purpose,
        key: &key,
        format,
        bytes,
        private,
    };
    let id = db::images::insert(db, &new, now).await?;
    let id = id.ok_or_else(|| Error::unauthenticated("Invalid token"))?;
    Ok(Expected { id, url })
}

/// Judges a picture that came inside a form, and keeps it.
///
/// # Errors
/// If it is not taken, the account is gone, or the database or the store is not available.
pub async fn keep(
    db: &Client,
    blobs: &Blobs,
    using: Use,
    (declared, bytes): (&str, Bytes),
    now: Timestamp,
) -> Result<ImageId, Error> {
    let header = image::check(declared, &bytes)?;
    let key = runtime::random::hex::<16>();
    let new = NewImage {
        owner: using.owner,
        purpose: using.purpose,
        key: &key,
        format: header.format,
        bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        private: false,
    };
    let id = db::images::insert(db, &new, now).await?;
    let id = id.ok_or_else(|| Error::unauthenticated("Invalid token"))?;
    blobs
        .put(&blob::original(&key), header.format.media_type(), bytes)
        .await?;
    db::images::mark_stored(db, id, now.plus_seconds(PATIENCE_SECONDS), now).await?;
    Ok(id)
}

/// Locks a picture to show it, if there is one to show; before anything else of the transaction is locked.
///
/// # Errors
/// If it is not there, not the caller's, for something else, or failed; or the database is not available.
pub async fn take(
    tx: &Transaction<'_>,
    using: Use,
    id: Option<ImageId>,
    now: Timestamp,
) -> Result<Option<Taken>, Error> {
    let Some(id) = id else { return Ok(None) };
    let taken = db::images::take(tx, id, using.owner, using.any_owner, using.purpose, now).await?;
    taken
        .map(Some)
        .ok_or_else(|| Error::invalid_field("imageId", "\"imageId\" is not an image of yours for this"))
}
