//! Takes pictures that people upload. The row is committed before the object is put, so that whoever is told of the object
//! finds its row; what is left over when something fails in between is discarded a day later.

use blob::Blobs;
use db::images::{NewImage, Taken};
use db::{Client, Transaction};
use domain::image::{self, Format, Purpose};
use domain::{Error, ImageId, Kind, Timestamp, UserId};
use web::Upload;

/// The store announces an object by itself, as a rule at once. If that announcement is lost, ours follows after this time.
const PATIENCE_SECONDS: i64 = 60;

/// Seconds within which uploads are counted.
const QUOTA_SECONDS: u32 = 86_400;
/// Most pictures of one account in that time. No organizer needs as many; what is kept for nobody costs money.
const MOST_PICTURES: i64 = 500;
/// Most bytes of them.
const MOST_BYTES: i64 = 1 << 30;

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
/// If the account is gone or has uploaded too much, or the database is not available.
pub async fn expect(
    db: &Client,
    blobs: &Blobs,
    using: Use,
    (format, bytes, private): (Format, u32, bool),
    now: Timestamp,
) -> Result<Expected, Error> {
    check_quota(db, using.owner, bytes, now).await?;
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

/// The picture that a request is about: one that came inside its form, which is judged and kept here, or one that was uploaded
/// before. No transaction is open meanwhile, because the store is called.
///
/// # Errors
/// If it is not taken, the account is gone or has uploaded too much, or the database or the store is not available.
pub async fn choose(
    db: &Client,
    blobs: &Blobs,
    using: Use,
    (upload, uploaded): (Option<Upload>, Option<ImageId>),
    now: Timestamp,
) -> Result<Option<ImageId>, Error> {
    match (upload, uploaded) {
        (Some(_), Some(_)) => {
            let message = "\"imageId\" must not be given together with an image";
            Err(Error::invalid_field("imageId", message))
        }
        (Some(upload), None) => keep(db, blobs, using, upload, now).await.map(Some),
        (None, uploaded) => Ok(uploaded),
    }
}

async fn keep(
    db: &Client,
    blobs: &Blobs,
    using: Use,
    upload: Upload,
    now: Timestamp,
) -> Result<ImageId, Error> {
    let header = image::check(&upload.media_type, &upload.bytes)?;
    let bytes = u32::try_from(upload.bytes.len()).unwrap_or(u32::MAX);
    check_quota(db, using.owner, bytes, now).await?;
    let key = runtime::random::hex::<16>();
    let new = NewImage {
        owner: using.owner,
        purpose: using.purpose,
        key: &key,
        format: header.format,
        bytes,
        private: false,
    };
    let id = db::images::insert(db, &new, now).await?;
    let id = id.ok_or_else(|| Error::unauthenticated("Invalid token"))?;
    blobs
        .put(&blob::original(&key), header.format.media_type(), upload.bytes)
        .await?;
    db::images::mark_stored(db, id, now.plus_seconds(PATIENCE_SECONDS), now).await?;
    Ok(id)
}

/// Refuses what is too much for a day. Uploads at the same moment may pass together: this is against a flood, not a price list.
async fn check_quota(db: &Client, owner: UserId, bytes: u32, now: Timestamp) -> Result<(), Error> {
    let (pictures, stored) =
        db::images::uploaded(db, owner, now.plus_seconds(-i64::from(QUOTA_SECONDS))).await?;
    if pictures < MOST_PICTURES && stored + i64::from(bytes) <= MOST_BYTES {
        return Ok(());
    }
    let message = "Too many pictures were uploaded today. Please try again tomorrow.";
    Err(Error::new(Kind::RateLimited, "rate_limited", message).retry_after(QUOTA_SECONDS))
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
