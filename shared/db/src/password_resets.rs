//! Forgotten passwords: a token for whoever asks, and the code that is mailed for it. Only hashes are kept, and a row is made
//! for addresses that nobody has, too.

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use crate::{sessions, users};
use domain::user::Email;
use domain::{Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// Wrong codes that a token survives: with the last of them it is void, whatever code comes next.
pub const MOST_TRIES: u32 = 5;

/// What a new row is made of.
pub struct NewReset<'a> {
    /// Hash of the token.
    pub token_hash: &'a [u8; 32],
    /// Hash of the address in lower case: mails are counted by it, whether or not somebody has the address.
    pub address_hash: &'a [u8; 32],
    /// The address that was asked about.
    pub email: &'a Email,
    /// Until when the token is good.
    pub expires_at: Timestamp,
}

const INSERT_SQL: &str = "
    insert into password_resets (token_hash, address_hash, user_id, expires_at, created_at)
    values ($1, $2, (select id from users where lower(email) = lower($3) and not is_guest), $4, $5)";

/// Keeps a token for an address. The same statement for addresses that nobody has.
pub async fn insert(db: &Client, new: &NewReset<'_>, now: Timestamp) -> Result<()> {
    db.execute_typed(
        INSERT_SQL,
        params![
            BYTEA: new.token_hash.as_slice(), BYTEA: new.address_hash.as_slice(), TEXT: new.email.as_str(),
            TIMESTAMPTZ: new.expires_at.inner(), TIMESTAMPTZ: now.inner(),
        ],
    )
    .await?;
    Ok(())
}

/// A token and what was done with it.
#[derive(Debug)]
pub struct Reset {
    /// Its row.
    pub id: i64,
    /// Whose password it replaces; nobody's if nobody had the address.
    pub owner: Option<Owner>,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// The newest code that was mailed for it.
    pub code: Option<Code>,
    /// Wrong codes that were tried with it.
    pub wrong_tries: u32,
    /// When codes were mailed to its address, for this token or another one.
    pub mailed_at: Vec<Timestamp>,
}

/// The account of a token.
#[derive(Debug)]
pub struct Owner {
    /// Its id.
    pub id: UserId,
    /// Its address as written.
    pub email: String,
    /// Its name.
    pub name: String,
}

/// A code as it is kept.
#[derive(Debug)]
pub struct Code {
    /// Its hash.
    pub hash: Vec<u8>,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

const LOCK_SQL: &str = "
    select r.id, r.token_hash = $1 as asked, r.expires_at, r.code_hash, r.code_expires_at, r.wrong_tries, r.mailed_at,
           u.id as user_id, u.email, u.name
    from password_resets r left join users u on u.id = r.user_id
    where r.address_hash = (select address_hash from password_resets where token_hash = $1)
    order by r.id for update of r";

/// The token of that hash. It and the others of its address stay as they are until the end of the transaction, so that tries
/// and mails are counted one after the other.
pub async fn lock(tx: &Transaction<'_>, token_hash: &[u8; 32]) -> Result<Option<Reset>> {
    let rows = tx
        .query_typed(LOCK_SQL, params![BYTEA: token_hash.as_slice()])
        .await?;
    let mut found = None;
    let mut mailed_at = Vec::new();
    for row in &rows {
        let times: Vec<jiff::Timestamp> = row.col("mailed_at")?;
        mailed_at.extend(times.into_iter().map(Timestamp::new));
        if row.col("asked")? {
            found = Some(read(row)?);
        }
    }
    Ok(found.map(|reset| Reset { mailed_at, ..reset }))
}

const COUNT_TRY_SQL: &str =
    "update password_resets set wrong_tries = wrong_tries + 1 where id = $1 and wrong_tries < $2";

/// Counts a wrong code, unless the token has no try left.
pub async fn count_wrong_try(tx: &Transaction<'_>, id: i64) -> Result<()> {
    let most = i32::try_from(MOST_TRIES).unwrap_or(i32::MAX);
    tx.execute_typed(COUNT_TRY_SQL, params![INT8: id, INT4: most])
        .await?;
    Ok(())
}

const PUT_CODE_SQL: &str = "
    update password_resets set code_hash = $2, code_expires_at = $3, mailed_at = array_append(mailed_at, $4) where id = $1";

/// Keeps the hash of a new code, in place of an older one, and when it was mailed.
pub async fn put_code(
    tx: &Transaction<'_>,
    id: i64,
    hash: &[u8; 32],
    expires: Timestamp,
    now: Timestamp,
) -> Result<()> {
    tx.execute_typed(
        PUT_CODE_SQL,
        params![INT8: id, BYTEA: hash.as_slice(), TIMESTAMPTZ: expires.inner(), TIMESTAMPTZ: now.inner()],
    )
    .await?;
    Ok(())
}

const SET_PASSWORD_SQL: &str = "update users set password_hash = $2, updated_at = $3 where id = $1";

/// Replaces the password of an account, voids every reset of it, and ends its sessions.
pub async fn set_password(tx: &Transaction<'_>, user: UserId, hash: &str, now: Timestamp) -> Result<()> {
    // Resets before the account: whoever uses one has locked them in this order.
    users::void_resets(tx, user).await?;
    tx.execute_typed(
        SET_PASSWORD_SQL,
        params![INT8: user.get(), TEXT: hash, TIMESTAMPTZ: now.inner()],
    )
    .await?;
    sessions::end_all(tx.client(), user, now).await?;
    Ok(())
}

const FORGET_SQL: &str = "
    delete from password_resets where id in (
        select id from password_resets where expires_at < $1 limit $2 for update skip locked
    )";

/// Deletes tokens that ended before a time.
pub async fn forget(db: &Client, before: Timestamp, limit: u32) -> Result<u64> {
    let limit = i64::from(limit);
    Ok(db
        .execute_typed(FORGET_SQL, params![TIMESTAMPTZ: before.inner(), INT8: limit])
        .await?)
}

fn read(row: &Row) -> Result<Reset> {
    let owner = match row.col::<Option<i64>>("user_id")? {
        Some(id) => Some(Owner {
            id: UserId::new(id),
            email: row.col("email")?,
            name: row.col("name")?,
        }),
        None => None,
    };
    let code = match (row.col("code_hash")?, row.time_opt("code_expires_at")?) {
        (Some(hash), Some(expires_at)) => Some(Code { hash, expires_at }),
        _ => None,
    };
    Ok(Reset {
        id: row.col("id")?,
        owner,
        expires_at: row.time("expires_at")?,
        code,
        wrong_tries: row.count("wrong_tries")?,
        mailed_at: Vec::new(),
    })
}
