//! Messages within the application: who gets them and who has read them. Admins write words; what the system tells is kept as
//! what happened and put into words when it is read, so that a message for all is one row in every language.

use crate::error::{DbError, Result};
use crate::sql::{RowExt as _, params};
use domain::language::Language;
use domain::notice::Notice;
use domain::notification::NotificationText;
use domain::page::Page;
use domain::{NotificationId, Timestamp, UserId};
use tokio_postgres::types::Json;
use tokio_postgres::{Client, Row, Transaction};

/// A notification as one of its readers sees it.
#[derive(Debug, Clone)]
pub struct Notification {
    /// Its id; one for all has the same for everybody.
    pub id: NotificationId,
    /// What it says, in the language of this reader.
    pub message: String,
    /// Whether this reader has read it.
    pub is_read: bool,
    /// The reader.
    pub user_id: UserId,
    /// When it was written.
    pub created_at: Timestamp,
    /// When this reader last marked it.
    pub updated_at: Timestamp,
}

macro_rules! tell {
    ($lock:literal) => {
        concat!(
            "insert into notifications (user_id, notice, happening, created_at)
             select u.id, $2, $3, $4
             from (select id from users where id = any($1) and deleted_at is null order by id ",
            $lock,
            ") u
             on conflict (user_id, happening) where happening is not null do nothing"
        )
    };
}

const TELL_SQL: &str = tell!("for key share");

/// Tells somebody what happened, once: `subject` is what it happened to, the id of an order for one. `false` if they were told
/// before or there is no such account. The transaction has a lock that an erasure of the account waits for, their order for one.
pub async fn tell(
    tx: &Transaction<'_>,
    user: UserId,
    notice: &Notice,
    subject: &str,
    now: Timestamp,
) -> Result<bool> {
    let happening = format!("{} {subject}", notice.kind());
    let users = vec![user.get()];
    let params = params![INT8_ARRAY: users, JSONB: Json(notice), TEXT: happening, TIMESTAMPTZ: now.inner()];
    Ok(tx.execute_typed(TELL_SQL, params).await? == 1)
}

// Shared with erasures of the accounts, which either come before and are seen, or wait and take the notification with them.
const TELL_EACH_SQL: &str = tell!("for share");

/// Tells many people the same, each once. Returns how many were not told before.
pub async fn tell_each(
    tx: &Transaction<'_>,
    users: &[UserId],
    notice: &Notice,
    subject: &str,
    now: Timestamp,
) -> Result<u64> {
    let happening = format!("{} {subject}", notice.kind());
    let users: Vec<i64> = users.iter().map(|user| user.get()).collect();
    let params = params![INT8_ARRAY: users, JSONB: Json(notice), TEXT: happening, TIMESTAMPTZ: now.inner()];
    Ok(tx.execute_typed(TELL_EACH_SQL, params).await?)
}

const TELL_ALL_SQL: &str = "
    insert into notifications (notice, happening, created_at) values ($1, $2, $3)
    on conflict (user_id, happening) where happening is not null do nothing";

/// Tells everybody who has an account by now what happened, once.
pub async fn tell_all(tx: &Transaction<'_>, notice: &Notice, subject: &str, now: Timestamp) -> Result<()> {
    let happening = format!("{} {subject}", notice.kind());
    let params = params![JSONB: Json(notice), TEXT: happening, TIMESTAMPTZ: now.inner()];
    tx.execute_typed(TELL_ALL_SQL, params).await?;
    Ok(())
}

// Shared with an erasure of the account, as above.
const WRITE_SQL: &str = "
    insert into notifications (user_id, message, created_at)
    select u.id, $2, $3 from (select id from users where id = $1 and deleted_at is null for share) u
    returning id, message, notice, null as language, false as is_read, user_id, created_at, created_at as updated_at";

/// Writes somebody's words for one account. `None` if there is no such account.
pub async fn write(
    tx: &Transaction<'_>,
    user: UserId,
    message: &NotificationText,
    now: Timestamp,
) -> Result<Option<Notification>> {
    let params = params![INT8: user.get(), TEXT: message.as_str(), TIMESTAMPTZ: now.inner()];
    let row = tx.query_typed_opt(WRITE_SQL, params).await?;
    row.as_ref().map(|row| read(row, Language::default())).transpose()
}

const WRITE_FOR_ALL_SQL: &str =
    "insert into notifications (message, created_at) values ($1, $2) returning id";

const COUNT_READERS_SQL: &str =
    "select count(*) as readers from users where deleted_at is null and created_at <= $1";

/// Writes somebody's words for everybody who has an account by now, and says how many they are.
pub async fn write_for_all(
    tx: &Transaction<'_>,
    message: &NotificationText,
    now: Timestamp,
) -> Result<(NotificationId, i64)> {
    let row = tx
        .query_typed_one(
            WRITE_FOR_ALL_SQL,
            params![TEXT: message.as_str(), TIMESTAMPTZ: now.inner()],
        )
        .await?;
    let readers = tx
        .query_typed_one(COUNT_READERS_SQL, params![TIMESTAMPTZ: now.inner()])
        .await?;
    Ok((row.id("id", NotificationId::new)?, readers.col("readers")?))
}

/// Which notifications somebody gets: their own, and those for all since they have an account.
macro_rules! for_reader {
    ($reader:literal) => {
        concat!(
            "(n.user_id = ",
            $reader,
            " or n.user_id is null and n.created_at >= (select u.created_at from users u where u.id = ",
            $reader,
            "))"
        )
    };
}

const LIST_SQL: &str = concat!(
    "select n.id, n.message, n.notice, (select p.language from preferences p where p.user_id = $1) as language,
            coalesce(m.is_read, false) as is_read, $1 as user_id, n.created_at,
            coalesce(m.updated_at, n.created_at) as updated_at
     from notifications n left join notification_marks m on m.notification_id = n.id and m.user_id = $1
     where ",
    for_reader!("$1"),
    " order by n.created_at desc, n.id desc limit $2 offset $3"
);

const COUNT_SQL: &str = concat!(
    "select count(*) as total from notifications n where ",
    for_reader!("$1")
);

/// A page of what somebody was told, newest first, and how much that is in all. Who has not chosen a language reads `usual`.
pub async fn list(
    db: &Client,
    reader: UserId,
    page: Page,
    usual: Language,
) -> Result<(Vec<Notification>, i64)> {
    let limit = i64::from(page.limit);
    let list_params = params![INT8: reader.get(), INT8: limit, INT8: page.offset()];
    let count_params = params![INT8: reader.get()];
    let (rows, count) = tokio::try_join!(
        db.query_typed(LIST_SQL, list_params),
        db.query_typed_one(COUNT_SQL, count_params)
    )?;
    let read = rows.iter().map(|row| read(row, usual));
    Ok((read.collect::<Result<_>>()?, count.col("total")?))
}

// The notification is locked, so that one which is deleted meanwhile is missing rather than an error.
const MARK_SQL: &str = concat!(
    "with told as (
         select n.id, n.message, n.notice, n.created_at from notifications n where n.id = $1 and ",
    for_reader!("$2"),
    " for key share of n
     ), marked as (
         insert into notification_marks (notification_id, user_id, is_read, updated_at)
         select id, $2, $3, $4 from told
         on conflict (user_id, notification_id) do update
             set is_read = excluded.is_read, updated_at = excluded.updated_at
         returning notification_id, user_id, is_read, updated_at
     )
     select t.id, t.message, t.notice, (select p.language from preferences p where p.user_id = $2) as language, m.is_read,
            m.user_id, t.created_at, m.updated_at
     from told t join marked m on m.notification_id = t.id"
);

/// Marks something as read or as unread that somebody was told. `None` if there is none of that id for them.
pub async fn mark(
    db: &Client,
    id: NotificationId,
    reader: UserId,
    is_read: bool,
    usual: Language,
    now: Timestamp,
) -> Result<Option<Notification>> {
    let params = params![INT8: id.get(), INT8: reader.get(), BOOL: is_read, TIMESTAMPTZ: now.inner()];
    let row = db.query_typed_opt(MARK_SQL, params).await?;
    row.as_ref().map(|row| read(row, usual)).transpose()
}

// In the order of ids, so that two of these wait for each other rather than die.
const MARK_ALL_SQL: &str = concat!(
    "insert into notification_marks (notification_id, user_id, is_read, updated_at)
     select t.id, $1, true, $2 from (
         select n.id from notifications n
         where ",
    for_reader!("$1"),
    " and not exists (select from notification_marks m where m.user_id = $1 and m.notification_id = n.id and m.is_read)
         order by n.id for key share of n
     ) t
     on conflict (user_id, notification_id) do update set is_read = true, updated_at = excluded.updated_at"
);

/// Marks as read whatever somebody was told.
pub async fn mark_all(db: &Client, reader: UserId, now: Timestamp) -> Result<()> {
    db.execute_typed(
        MARK_ALL_SQL,
        params![INT8: reader.get(), TIMESTAMPTZ: now.inner()],
    )
    .await?;
    Ok(())
}

const DELETE_SQL: &str = "delete from notifications where id = $1";

/// Deletes a notification for whoever it is. `false` if there was none.
pub async fn delete(tx: &Transaction<'_>, id: NotificationId) -> Result<bool> {
    Ok(tx.execute_typed(DELETE_SQL, params![INT8: id.get()]).await? == 1)
}

fn read(row: &Row, usual: Language) -> Result<Notification> {
    let language = match row.col::<Option<&str>>("language")? {
        Some(code) => Language::parse(code).ok_or(DbError::Value("preferences.language"))?,
        None => usual,
    };
    let message = match row.col::<Option<Json<Notice>>>("notice")? {
        Some(Json(notice)) => notice.text(language),
        None => row.col("message")?,
    };
    Ok(Notification {
        id: row.id("id", NotificationId::new)?,
        message,
        is_read: row.col("is_read")?,
        user_id: row.id("user_id", UserId::new)?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}
