//! Log-ins and the refresh tokens that carry them on.

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use crate::users::{self, User};
use domain::session::{IDLE_SECONDS, Presented};
use domain::{SessionId, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// Where somebody logs in.
#[derive(Debug, Clone, Copy)]
pub struct Device<'a> {
    /// Address as the gateway saw it.
    pub ip: &'a str,
    /// What the program calls itself, shortened.
    pub user_agent: &'a str,
}

const BEGIN_SQL: &str = "
    with account as (
        select id from users where id = $1 and password_hash = $2 and deleted_at is null for share
    ), session as (
        insert into sessions (user_id, created_at, last_used_at, expires_at, ip, user_agent)
        select id, $3, $3, $4, $5, $6 from account returning id
    )
    insert into refresh_tokens (token_hash, session_id, created_at) select $7, id, $3 from session
    returning session_id";

/// Begins a session with its first refresh token, if the password is still the one that was checked.
///
/// The account is locked against changes of the password, and whoever changes it ends the sessions that are there: so no
/// session that was begun with an old password outlives it, whoever is faster.
pub async fn begin(
    db: &Client,
    user: UserId,
    password_hash: &str,
    device: Device<'_>,
    token_hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<SessionId>> {
    let expires_at = now.plus_seconds(IDLE_SECONDS);
    let params = params![
        INT8: user.get(), TEXT: password_hash, TIMESTAMPTZ: now.inner(), TIMESTAMPTZ: expires_at.inner(),
        TEXT: device.ip, TEXT: device.user_agent, BYTEA: token_hash.as_slice(),
    ];
    let row = db.query_typed_opt(BEGIN_SQL, params).await?;
    row.map(|row| row.id("session_id", SessionId::new)).transpose()
}

const COUNTS_SQL: &str = "
    select exists (
        select from sessions s join users u on u.id = s.user_id
        where s.id = $1 and s.user_id = $2 and s.ended_at is null and u.deleted_at is null
    ) as counts";

/// Whether access tokens of a session count.
pub async fn counts(db: &Client, session: SessionId, user: UserId) -> Result<bool> {
    let params = params![INT8: session.get(), INT8: user.get()];
    db.query_typed_one(COUNTS_SQL, params).await?.col("counts")
}

/// A refresh token with its session and account.
#[derive(Debug)]
pub struct Refreshing {
    /// The session.
    pub session: SessionId,
    /// Whose it is.
    pub user: User,
    /// What decides.
    pub presented: Presented,
}

const LOCK_SQL: &str = "
    select s.id as session_id, t.used_at, s.ended_at, s.expires_at,
           u.id, u.email, u.name, u.age, u.phone_number, u.role, u.is_verified, u.created_at, u.updated_at
    from refresh_tokens t join sessions s on s.id = t.session_id join users u on u.id = s.user_id
    where t.token_hash = $1 and u.deleted_at is null
    for no key update of t, s";

/// The refresh token of that hash. It and its session stay as they are until the end of the transaction.
pub async fn lock(tx: &Transaction<'_>, token_hash: &[u8; 32]) -> Result<Option<Refreshing>> {
    let row = tx
        .query_typed_opt(LOCK_SQL, params![BYTEA: token_hash.as_slice()])
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Refreshing {
        session: row.id("session_id", SessionId::new)?,
        user: users::read(&row)?,
        presented: Presented {
            used_at: row.time_opt("used_at")?,
            ended_at: row.time_opt("ended_at")?,
            expires_at: row.time("expires_at")?,
        },
    }))
}

const USE_UP_SQL: &str = "update refresh_tokens set used_at = $2 where token_hash = $1 and used_at is null";

const NEXT_SQL: &str = "
    with session as (update sessions set last_used_at = $3, expires_at = $4 where id = $2 returning id)
    insert into refresh_tokens (token_hash, session_id, created_at) select $1, id, $3 from session";

/// Replaces a locked refresh token by the next one, and lets the session last longer.
pub async fn renew(
    tx: &Transaction<'_>,
    session: SessionId,
    used_hash: &[u8; 32],
    next_hash: &[u8; 32],
    now: Timestamp,
) -> Result<()> {
    tx.execute_typed(
        USE_UP_SQL,
        params![BYTEA: used_hash.as_slice(), TIMESTAMPTZ: now.inner()],
    )
    .await?;
    let expires_at = now.plus_seconds(IDLE_SECONDS);
    let params = params![
        BYTEA: next_hash.as_slice(), INT8: session.get(), TIMESTAMPTZ: now.inner(), TIMESTAMPTZ: expires_at.inner(),
    ];
    tx.execute_typed(NEXT_SQL, params).await?;
    Ok(())
}

const END_SQL: &str = "update sessions set ended_at = $3 where id = $1 and user_id = $2 and ended_at is null and expires_at > $3";

/// Ends one session of somebody. `false` if they have no such session that goes on.
pub async fn end(db: &Client, session: SessionId, user: UserId, now: Timestamp) -> Result<bool> {
    let params = params![INT8: session.get(), INT8: user.get(), TIMESTAMPTZ: now.inner()];
    Ok(db.execute_typed(END_SQL, params).await? == 1)
}

const END_ALL_SQL: &str = "update sessions set ended_at = $2 where user_id = $1 and ended_at is null";

/// Ends all sessions of somebody, and says how many. Where the account changes as well, it must be changed first: see
/// [`begin`].
pub async fn end_all(db: &Client, user: UserId, now: Timestamp) -> Result<u64> {
    let params = params![INT8: user.get(), TIMESTAMPTZ: now.inner()];
    Ok(db.execute_typed(END_ALL_SQL, params).await?)
}

/// A session as its owner sees it.
#[derive(Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was begun or last refreshed.
    pub last_used_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// From where it was begun.
    pub ip: String,
    /// With what.
    pub user_agent: String,
}

const LIST_SQL: &str = "
    select id, created_at, last_used_at, expires_at, ip, user_agent from sessions
    where user_id = $1 and ended_at is null and expires_at > $2 order by id desc limit 100";

/// The newest sessions of somebody that go on, at most 100.
pub async fn list(db: &Client, user: UserId, now: Timestamp) -> Result<Vec<Session>> {
    let params = params![INT8: user.get(), TIMESTAMPTZ: now.inner()];
    let rows = db.query_typed(LIST_SQL, params).await?;
    let read = |row: &Row| {
        Ok(Session {
            id: row.id("id", SessionId::new)?,
            created_at: row.time("created_at")?,
            last_used_at: row.time("last_used_at")?,
            expires_at: row.time("expires_at")?,
            ip: row.col("ip")?,
            user_agent: row.col("user_agent")?,
        })
    };
    rows.iter().map(read).collect()
}

const FORGET_SQL: &str = "
    delete from sessions where id in (
        select id from sessions where expires_at < $1 order by expires_at limit $2 for update skip locked
    )";

/// Deletes sessions, with their refresh tokens, that were over by themselves before a time. Those that were ended go when
/// they would have been over: until then a stolen token that comes back is still known.
pub async fn forget(db: &Client, before: Timestamp, limit: u32) -> Result<u64> {
    let limit = i64::from(limit);
    let params = params![TIMESTAMPTZ: before.inner(), INT8: limit];
    Ok(db.execute_typed(FORGET_SQL, params).await?)
}
