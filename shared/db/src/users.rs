//! Accounts.

use crate::error::Result;
use crate::sessions;
use crate::sql::{self, RowExt as _, anywhere, params};
use domain::page::Page;
use domain::user::{Age, Email, PersonName, Phone, Role};
use domain::{Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// An account as its owner may see it.
#[derive(Debug, Clone)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Mail address as written.
    pub email: String,
    /// Name.
    pub name: String,
    /// Years; 0 for a guest, who was not asked.
    pub age: i32,
    /// Phone number.
    pub phone_number: String,
    /// What it may do.
    pub role: Role,
    /// Whether the mail address is proved.
    pub is_verified: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a new account is made of.
pub struct NewUser<'a> {
    /// Mail address.
    pub email: &'a Email,
    /// PHC string of the password.
    pub password_hash: &'a str,
    /// Name.
    pub name: &'a PersonName,
    /// Years.
    pub age: Age,
    /// Phone number.
    pub phone_number: &'a Phone,
    /// What it may do.
    pub role: Role,
}

/// What became of an attempt to make an account.
pub enum Created {
    /// It was made.
    User(User),
    /// Somebody has that mail address.
    EmailTaken,
}

const INSERT_SQL: &str = "
    insert into users (email, password_hash, name, age, phone_number, role, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $7)
    on conflict do nothing
    returning id, email, name, age, phone_number, role, is_verified, created_at, updated_at";

/// Makes an account, unless somebody has the mail address in whatever case.
pub async fn insert(tx: &Transaction<'_>, user: &NewUser<'_>, now: Timestamp) -> Result<Created> {
    let age = user.age.get();
    let row = tx
        .query_typed_opt(
            INSERT_SQL,
            params![
                TEXT: user.email.as_str(), TEXT: user.password_hash, TEXT: user.name.as_str(), INT4: age,
                TEXT: user.phone_number.as_str(), TEXT: user.role.as_str(), TIMESTAMPTZ: now.inner(),
            ],
        )
        .await?;
    row.as_ref()
        .map_or(Ok(Created::EmailTaken), |row| Ok(Created::User(read(row)?)))
}

const FIND_SQL: &str = "
    select id, email, name, age, phone_number, role, is_verified, created_at, updated_at from users where id = $1";

/// The account of that id, deleted or not: what was bought with it stays.
pub async fn find(db: &Client, id: UserId) -> Result<Option<User>> {
    let row = db.query_typed_opt(FIND_SQL, params![INT8: id.get()]).await?;
    row.as_ref().map(read).transpose()
}

const FIND_LIVE_SQL: &str = "
    select id, email, name, age, phone_number, role, is_verified, created_at, updated_at
    from users where id = $1 and deleted_at is null";

/// The account of that id, unless it was deleted.
pub async fn find_live(db: &Client, id: UserId) -> Result<Option<User>> {
    let row = db.query_typed_opt(FIND_LIVE_SQL, params![INT8: id.get()]).await?;
    row.as_ref().map(read).transpose()
}

/// An account as a list of accounts shows it.
#[derive(Debug, Clone)]
pub struct ListedUser {
    /// The account.
    pub user: User,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

const LIST_SQL: &str = r"
    select id, email, name, age, phone_number, role, is_verified, created_at, updated_at, deleted_at,
           count(*) over () as total
    from users
    where ($1::text is null or email ilike $1 escape '\') and ($2 or deleted_at is null) and not is_guest
    order by created_at desc, id desc limit $3 offset $4";

const COUNT_SQL: &str = r"
    select count(*) as total from users
    where ($1::text is null or email ilike $1 escape '\') and ($2 or deleted_at is null) and not is_guest";

/// A page of accounts, newest first, and how many there are in all: those whose mail address contains `search` in whatever
/// case, the deleted ones among them only `with_deleted`, guests never.
pub async fn list(
    db: &Client,
    search: Option<&str>,
    with_deleted: bool,
    page: Page,
) -> Result<(Vec<ListedUser>, i64)> {
    let pattern = search.map(anywhere);
    let limit = i64::from(page.limit);
    let params = params![TEXT: pattern, BOOL: with_deleted, INT8: limit, INT8: page.offset()];
    let rows = db.query_typed(LIST_SQL, params).await?;
    let counted = async {
        let params = params![TEXT: pattern, BOOL: with_deleted];
        db.query_typed_one(COUNT_SQL, params).await?.col("total")
    };
    let total = sql::total(&rows, page, counted).await?;
    let listed = |row: &Row| {
        Ok(ListedUser {
            user: read(row)?,
            deleted_at: row.time_opt("deleted_at")?,
        })
    };
    Ok((rows.iter().map(listed).collect::<Result<_>>()?, total))
}

const CREDENTIALS_SQL: &str = "
    select id, email, name, age, phone_number, role, is_verified, created_at, updated_at, password_hash
    from users where lower(email) = lower($1) and not is_guest and deleted_at is null";

/// The account of that mail address in whatever case, with the hash of its password. Nobody logs in to a deleted one.
pub async fn credentials(db: &Client, email: &Email) -> Result<Option<(User, String)>> {
    let row = db
        .query_typed_opt(CREDENTIALS_SQL, params![TEXT: email.as_str()])
        .await?;
    row.as_ref()
        .map(|row| Ok((read(row)?, row.col("password_hash")?)))
        .transpose()
}

const REHASH_SQL: &str = "update users set password_hash = $3 where id = $1 and password_hash = $2";

/// Replaces the hash of a password by a stronger one of the same password.
pub async fn rehash(db: &Client, id: UserId, old: &str, new: &str) -> Result<()> {
    db.execute_typed(REHASH_SQL, params![INT8: id.get(), TEXT: old, TEXT: new])
        .await?;
    Ok(())
}

const PASSWORD_HASH_SQL: &str = "select password_hash from users where id = $1 and deleted_at is null";

/// The hash of an account's password. `None` if there is no such account.
pub async fn password_hash(db: &Client, id: UserId) -> Result<Option<String>> {
    let row = db
        .query_typed_opt(PASSWORD_HASH_SQL, params![INT8: id.get()])
        .await?;
    row.as_ref().map(|row| row.col("password_hash")).transpose()
}

const CHANGE_PASSWORD_SQL: &str = "
    update users set password_hash = $3, updated_at = $4
    where id = $1 and password_hash = $2 and deleted_at is null";

/// Replaces a password by another, voids every reset of the account, and ends its sessions. `false` if `old` is not its hash any more.
pub async fn change_password(
    tx: &Transaction<'_>,
    id: UserId,
    old: &str,
    new: &str,
    now: Timestamp,
) -> Result<bool> {
    // Resets come before the account: whoever uses one locks them in this order.
    void_resets(tx, id).await?;
    let params = params![INT8: id.get(), TEXT: old, TEXT: new, TIMESTAMPTZ: now.inner()];
    let changed = tx.execute_typed(CHANGE_PASSWORD_SQL, params).await? > 0;
    if changed {
        sessions::end_all(tx.client(), id, now).await?;
    }
    Ok(changed)
}

const VOID_RESETS_SQL: &str = "delete from password_resets where user_id = $1";

/// Voids what was mailed to reset the password of an account.
pub(crate) async fn void_resets(tx: &Transaction<'_>, id: UserId) -> Result<()> {
    tx.execute_typed(VOID_RESETS_SQL, params![INT8: id.get()]).await?;
    Ok(())
}

/// Changes that an owner may make to an account; absent fields stay.
#[derive(Debug, Default)]
pub struct ProfilePatch {
    /// Name.
    pub name: Option<PersonName>,
    /// Years.
    pub age: Option<Age>,
    /// Phone number.
    pub phone_number: Option<Phone>,
}

const UPDATE_SQL: &str = "
    update users
    set name = coalesce($2, name), age = coalesce($3, age), phone_number = coalesce($4, phone_number), updated_at = $5
    where id = $1 and deleted_at is null
    returning id, email, name, age, phone_number, role, is_verified, created_at, updated_at";

/// Changes a profile. `None` if there is no such account.
pub async fn update(db: &Client, id: UserId, patch: &ProfilePatch, now: Timestamp) -> Result<Option<User>> {
    let (name, phone) = (
        patch.name.as_ref().map(PersonName::as_str),
        patch.phone_number.as_ref().map(Phone::as_str),
    );
    let age = patch.age.map(Age::get);
    let row = db
        .query_typed_opt(
            UPDATE_SQL,
            params![INT8: id.get(), TEXT: name, INT4: age, TEXT: phone, TIMESTAMPTZ: now.inner()],
        )
        .await?;
    row.as_ref().map(read).transpose()
}

const MARK_VERIFIED_SQL: &str = "update users set is_verified = true, updated_at = $2 where id = $1";

/// Marks the mail address of an account as proved, without a link: for accounts that an operator makes.
pub async fn mark_verified(tx: &Transaction<'_>, id: UserId, now: Timestamp) -> Result<()> {
    tx.execute_typed(
        MARK_VERIFIED_SQL,
        params![INT8: id.get(), TIMESTAMPTZ: now.inner()],
    )
    .await?;
    Ok(())
}

/// Somebody who buys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buyer {
    /// Name.
    pub name: String,
    /// Whether there is no account behind it.
    pub is_guest: bool,
}

const LOCK_BUYER_SQL: &str =
    "select name, is_guest from users where id = $1 and deleted_at is null for no key update";

/// Locks the account for this transaction, so that limits per buyer hold under parallel requests of that buyer; nobody
/// else waits. The first lock of every buying transaction. `None` if the account is gone.
pub async fn lock_buyer(tx: &Transaction<'_>, id: UserId) -> Result<Option<Buyer>> {
    let row = tx
        .query_typed_opt(LOCK_BUYER_SQL, params![INT8: id.get()])
        .await?;
    let buyer = |row: Row| {
        Ok(Buyer {
            name: row.col("name")?,
            is_guest: row.col("is_guest")?,
        })
    };
    row.map(buyer).transpose()
}

pub(crate) fn read(row: &Row) -> Result<User> {
    Ok(User {
        id: row.id("id", UserId::new)?,
        email: row.col("email")?,
        name: row.col("name")?,
        age: row.col("age")?,
        phone_number: row.col("phone_number")?,
        role: row.word("role", Role::parse)?,
        is_verified: row.col("is_verified")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}
