//! Keys of organizers' own systems.

use crate::error::{DbError, Result};
use crate::sql::{RowExt as _, params};
use domain::api_key::{KeyName, KeyOwner, MOST_KEYS, Scope, Scopes};
use domain::user::Role;
use domain::{ApiKeyId, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// Seconds between two notes of when a key was used: a busy key must not write at every call.
const NOTE_SECONDS: i64 = 3_600;

const OWNER_SQL: &str = "
    with key as (
        select k.id, k.user_id, k.scopes, k.last_used_at, u.role from api_keys k join users u on u.id = k.user_id
        where k.key_hash = $1 and k.revoked_at is null and (k.expires_at is null or k.expires_at > $2)
          and u.deleted_at is null
    ), noted as (
        update api_keys set last_used_at = $2
        where id = (select id from key where last_used_at is null or last_used_at < $3)
    )
    select id, user_id, role, scopes from key";

/// Who stands behind the key of that hash, if it is good at this moment; and notes, now and then, that it was used.
pub async fn owner(db: &Client, hash: &[u8; 32], now: Timestamp) -> Result<Option<KeyOwner>> {
    let noted_before = now.plus_seconds(-NOTE_SECONDS);
    let params = params![
        BYTEA: hash.as_slice(), TIMESTAMPTZ: now.inner(), TIMESTAMPTZ: noted_before.inner(),
    ];
    let row = db.query_typed_opt(OWNER_SQL, params).await?;
    let owner = |row: Row| {
        Ok(KeyOwner {
            key: row.id("id", ApiKeyId::new)?,
            id: row.id("user_id", UserId::new)?,
            role: row.word("role", Role::parse)?,
            scopes: scopes(&row)?,
        })
    };
    row.map(owner).transpose()
}

/// What a new key is made of.
pub struct NewKey<'a> {
    /// What its owner calls it.
    pub name: &'a KeyName,
    /// Its beginning.
    pub hint: &'a str,
    /// Its hash.
    pub hash: &'a [u8; 32],
    /// What it may be used for.
    pub scopes: &'a Scopes,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// A key as its owner sees it.
#[derive(Debug)]
pub struct Key {
    /// Its id.
    pub id: ApiKeyId,
    /// What its owner calls it.
    pub name: String,
    /// Its beginning.
    pub hint: String,
    /// What it may be used for.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was used, to the hour.
    pub last_used_at: Option<Timestamp>,
}

// The lock on the account lets keys be counted one after the other.
const LOCK_OWNER_SQL: &str = "select id from users where id = $1 and deleted_at is null for no key update";

const COUNT_SQL: &str = "
    select count(*)::int as keys from api_keys
    where user_id = $1 and revoked_at is null and (expires_at is null or expires_at > $2)";

const INSERT_SQL: &str = "
    insert into api_keys (user_id, name, hint, key_hash, scopes, created_at, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7)
    returning id, name, hint, scopes, created_at, expires_at, last_used_at";

/// Makes a key. `None` if the account has [`MOST_KEYS`] already, or is gone.
pub async fn insert(
    tx: &Transaction<'_>,
    user: UserId,
    new: &NewKey<'_>,
    now: Timestamp,
) -> Result<Option<Key>> {
    let owner = tx
        .query_typed_opt(LOCK_OWNER_SQL, params![INT8: user.get()])
        .await?;
    let params = params![INT8: user.get(), TIMESTAMPTZ: now.inner()];
    let keys = tx.query_typed_one(COUNT_SQL, params).await?.count("keys")?;
    if owner.is_none() || keys >= MOST_KEYS {
        return Ok(None);
    }
    let params = params![
        INT8: user.get(), TEXT: new.name.as_str(), TEXT: new.hint, BYTEA: new.hash.as_slice(),
        TEXT_ARRAY: new.scopes.names(), TIMESTAMPTZ: now.inner(),
        TIMESTAMPTZ: new.expires_at.map(Timestamp::inner),
    ];
    let row = tx.query_typed_one(INSERT_SQL, params).await?;
    read(&row).map(Some)
}

const LIST_SQL: &str = "
    select id, name, hint, scopes, created_at, expires_at, last_used_at from api_keys
    where user_id = $1 and revoked_at is null and (expires_at is null or expires_at > $2) order by id";

/// The keys of an account that are good at this moment, oldest first.
pub async fn list(db: &Client, user: UserId, now: Timestamp) -> Result<Vec<Key>> {
    let params = params![INT8: user.get(), TIMESTAMPTZ: now.inner()];
    let rows = db.query_typed(LIST_SQL, params).await?;
    rows.iter().map(read).collect()
}

const REVOKE_SQL: &str = "
    update api_keys set revoked_at = $3
    where id = $1 and user_id = $2 and revoked_at is null and (expires_at is null or expires_at > $3)";

/// Revokes a key of an account. `false` if it has no such key.
pub async fn revoke(db: &Client, key: ApiKeyId, user: UserId, now: Timestamp) -> Result<bool> {
    let params = params![INT8: key.get(), INT8: user.get(), TIMESTAMPTZ: now.inner()];
    Ok(db.execute_typed(REVOKE_SQL, params).await? == 1)
}

fn read(row: &Row) -> Result<Key> {
    Ok(Key {
        id: row.id("id", ApiKeyId::new)?,
        name: row.col("name")?,
        hint: row.col("hint")?,
        scopes: scopes(row)?,
        created_at: row.time("created_at")?,
        expires_at: row.time_opt("expires_at")?,
        last_used_at: row.time_opt("last_used_at")?,
    })
}

fn scopes(row: &Row) -> Result<Scopes> {
    let names: Vec<&str> = row.col("scopes")?;
    let known = names.into_iter().map(Scope::parse).collect::<Option<Vec<_>>>();
    known
        .and_then(|scopes| Scopes::new(scopes).ok())
        .ok_or(DbError::Value("api_keys.scopes"))
}
