//! Buyers without an account.

use crate::error::Result;
use crate::handovers;
use crate::personal_data;
use crate::sql::{RowExt as _, params};
use crate::users::{self, User};

use domain::user::{Email, PersonName, Phone};
use domain::{Timestamp, UserId};
use tokio_postgres::Transaction;

/// What stands where an account has the hash of its password: nothing that a password could have.
pub const NO_PASSWORD: &str = "guest";

const INSERT_SQL: &str = "
    insert into users (email, password_hash, name, age, phone_number, role, is_guest, created_at, updated_at)
    values ($1, $2, $3, 0, $4, 'user', true, $5, $5)
    returning id, email, name, age, phone_number, role, is_verified, created_at, updated_at";

/// Makes a guest. Many may have the same address, an account among them: nothing of one is shown to another.
pub async fn insert(
    tx: &Transaction<'_>,
    email: &Email,
    name: &PersonName,
    phone_number: &Phone,
    now: Timestamp,
) -> Result<User> {
    let params = params![
        TEXT: email.as_str(), TEXT: NO_PASSWORD, TEXT: name.as_str(), TEXT: phone_number.as_str(),
        TIMESTAMPTZ: now.inner(),
    ];
    users::read(&tx.query_typed_one(INSERT_SQL, params).await?)
}

/// What an account got from its guests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Claimed {
    /// Orders, paid or not.
    pub orders: u64,
    /// Tickets.
    pub tickets: u64,
}

const LOCK_GUESTS_SQL: &str = "
    select g.id from users u join users g on lower(g.email) = lower(u.email) and g.is_guest and g.deleted_at is null
    where u.id = $1 and u.is_verified and not u.is_guest and u.deleted_at is null
    order by g.id for no key update of g";

// A settlement reads whose tickets it issues from the locked order.
const LOCK_ORDERS_SQL: &str = "select id from orders where user_id = any($1) order by id for no key update";
const MOVE_ORDERS_SQL: &str = "update orders set user_id = $1 where user_id = any($2)";
const MOVE_PAYMENTS_SQL: &str = "update payments set user_id = $1 where user_id = any($2)";
const MOVE_TICKETS_SQL: &str = "update issued_tickets set holder_id = $1 where holder_id = any($2)";
const MOVE_REDEMPTIONS_SQL: &str = "update promo_redemptions set user_id = $1 where user_id = any($2)";

/// Gives an account what guests with its address bought, and ends those guests with their sessions and carts. Nothing happens
/// for an account whose address is not proved.
pub async fn claim(tx: &Transaction<'_>, account: UserId, now: Timestamp) -> Result<Claimed> {
    let rows = tx
        .query_typed(LOCK_GUESTS_SQL, params![INT8: account.get()])
        .await?;
    let guests: Vec<i64> = rows.iter().map(|row| row.col("id")).collect::<Result<_>>()?;
    if guests.is_empty() {
        return Ok(Claimed::default());
    }
    tx.execute_typed(LOCK_ORDERS_SQL, params![INT8_ARRAY: guests])
        .await?;
    let params = params![INT8: account.get(), INT8_ARRAY: guests];
    let orders = tx.execute_typed(MOVE_ORDERS_SQL, params).await?;
    tx.execute_typed(MOVE_PAYMENTS_SQL, params).await?;
    let tickets = tx.execute_typed(MOVE_TICKETS_SQL, params).await?;
    handovers::move_from_guests(tx, account, &guests).await?;
    tx.execute_typed(MOVE_REDEMPTIONS_SQL, params).await?;
    for guest in guests {
        personal_data::erase(tx, UserId::new(guest), now).await?;
    }
    Ok(Claimed { orders, tickets })
}

const FORGOTTEN_SQL: &str = "
    select id from users g
    where is_guest and deleted_at is null and created_at < $1 and not exists (select 1 from orders o where o.user_id = g.id)
    order by id limit $2 for no key update skip locked";

/// Erases guests that were made before `before` and ordered nothing. Returns how many, at most `limit`.
pub async fn forget(tx: &Transaction<'_>, before: Timestamp, limit: u32, now: Timestamp) -> Result<usize> {
    let limit = i64::from(limit);
    let guests = tx
        .query_typed(FORGOTTEN_SQL, params![TIMESTAMPTZ: before.inner(), INT8: limit])
        .await?;
    for guest in &guests {
        personal_data::erase(tx, guest.id("id", UserId::new)?, now).await?;
    }
    Ok(guests.len())
}
