//! What admins do to the accounts of others: change their role, delete them.
//!
//! Both accounts are locked by their ids' order and the admin's role is read again: a token says what its bearer was when it
//! was issued, and two admins who demote or delete each other at the same moment must not leave the platform without one.

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use crate::users::{self, User};
use crate::{personal_data, sessions};
use domain::user::Role;
use domain::{Timestamp, UserId};
use tokio_postgres::Transaction;

/// What stands in place of the name of a deleted account.
pub const DELETED_NAME: &str = "Deleted user";

/// What became of a change of role.
#[derive(Debug)]
pub enum RoleChange {
    /// The account has the role, and had this one before; possibly the same.
    Done(User, Role),
    /// There is no such account.
    Missing,
    /// Whoever asked is not an admin any more.
    NotAdmin,
}

const CHANGE_ROLE_SQL: &str = "
    update users set role = $2, updated_at = $3 where id = $1
    returning id, email, name, age, phone_number, role, is_verified, created_at, updated_at";

const LOG_ROLE_SQL: &str = "
    insert into role_changes (user_id, changed_by, from_role, to_role, at) values ($1, $2, $3, $4, $5)";

/// Gives an account another role, writes down who did it, and ends its sessions, whose tokens carry the old role. A role that it has already changes nothing.
pub async fn change_role(
    tx: &Transaction<'_>,
    id: UserId,
    admin: UserId,
    role: Role,
    now: Timestamp,
) -> Result<RoleChange> {
    let before = match lock(tx, id, admin).await? {
        Locked::Account(before) => before,
        Locked::Missing => return Ok(RoleChange::Missing),
        Locked::NotAdmin => return Ok(RoleChange::NotAdmin),
    };
    if before == role {
        let user = users::find(tx.client(), id).await?;
        return Ok(user.map_or(RoleChange::Missing, |user| RoleChange::Done(user, before)));
    }
    let params = params![
        INT8: id.get(), INT8: admin.get(), TEXT: before.as_str(), TEXT: role.as_str(), TIMESTAMPTZ: now.inner(),
    ];
    tx.execute_typed(LOG_ROLE_SQL, params).await?;
    let params = params![INT8: id.get(), TEXT: role.as_str(), TIMESTAMPTZ: now.inner()];
    let row = tx.query_typed_one(CHANGE_ROLE_SQL, params).await?;
    sessions::end_all(tx.client(), id, now).await?;
    Ok(RoleChange::Done(users::read(&row)?, before))
}

/// What became of a deletion.
#[derive(Debug, PartialEq, Eq)]
pub enum Deleted {
    /// The account is deleted.
    Done,
    /// There is no such account.
    Missing,
    /// It has published events that are still to come.
    HasEvents,
    /// Whoever asked is not an admin any more.
    NotAdmin,
}

/// Erases the account of somebody, see [`personal_data::TABLES`].
pub async fn delete(tx: &Transaction<'_>, id: UserId, admin: UserId, now: Timestamp) -> Result<Deleted> {
    personal_data::void_mailed(tx, id).await?;
    match lock(tx, id, admin).await? {
        Locked::Account(_) => {}
        Locked::Missing => return Ok(Deleted::Missing),
        Locked::NotAdmin => return Ok(Deleted::NotAdmin),
    }
    if personal_data::erase(tx, id, now).await? {
        Ok(Deleted::Done)
    } else {
        Ok(Deleted::HasEvents)
    }
}

/// An account that an admin is about to change.
enum Locked {
    /// With the role that it has.
    Account(Role),
    /// There is no such account.
    Missing,
    /// The admin is none any more.
    NotAdmin,
}

const LOCK_SQL: &str = "
    select id, role from users where id = any($1) and deleted_at is null order by id for no key update";

async fn lock(tx: &Transaction<'_>, id: UserId, admin: UserId) -> Result<Locked> {
    let ids = vec![id.get(), admin.get()];
    let (mut found, mut by_admin) = (None, false);
    for row in &tx.query_typed(LOCK_SQL, params![INT8_ARRAY: ids]).await? {
        let (who, role) = (row.id("id", UserId::new)?, row.word("role", Role::parse)?);
        by_admin |= who == admin && role == Role::Admin;
        if who == id {
            found = Some(role);
        }
    }
    Ok(match found {
        _ if !by_admin => Locked::NotAdmin,
        Some(role) => Locked::Account(role),
        None => Locked::Missing,
    })
}
