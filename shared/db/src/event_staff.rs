//! Who checks tickets at which event.

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use domain::user::Email;
use domain::{EventId, GateId, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// Somebody who checks tickets at an event.
#[derive(Debug, Clone)]
pub struct Member {
    /// The account.
    pub user_id: UserId,
    /// Name.
    pub name: String,
    /// Mail address.
    pub email: String,
    /// Who said so.
    pub added_by: UserId,
    /// Since when.
    pub created_at: Timestamp,
    /// At which gate, if it is one alone.
    pub gate: Option<GateId>,
}

/// Most people at one event: a list shows all of them.
pub const MOST_PER_EVENT: usize = 200;

const LIST_SQL: &str = "
    select s.user_id, u.name, u.email, s.added_by, s.created_at, s.gate_id
    from event_staff s join users u on u.id = s.user_id
    where s.event_id = $1 and u.deleted_at is null order by s.created_at, s.user_id";

/// Who checks tickets at an event, in the order in which they were added.
pub async fn list(db: &Client, event: EventId) -> Result<Vec<Member>> {
    let rows = db.query_typed(LIST_SQL, params![INT8: event.get()]).await?;
    rows.iter().map(read).collect()
}

/// Whom to add.
#[derive(Debug, Clone, Copy)]
pub enum Who<'a> {
    /// The account of that id.
    Id(UserId),
    /// The account of that mail address, in whatever case.
    Email(&'a Email),
}

const FIND_SQL: &str = "
    select id from users
    where (id = $1 or lower(email) = lower($2)) and deleted_at is null and not is_guest and role in ('staff', 'organizer', 'admin')";

/// The account that is meant, if its role lets it check tickets. Others are answered as if they did not exist, so that
/// nobody learns here who has an account.
pub async fn find(db: &Client, who: Who<'_>) -> Result<Option<UserId>> {
    let (id, email) = match who {
        Who::Id(id) => (Some(id.get()), None),
        Who::Email(email) => (None, Some(email.as_str())),
    };
    let row = db
        .query_typed_opt(FIND_SQL, params![INT8: id, TEXT: email])
        .await?;
    row.as_ref().map(|row| row.id("id", UserId::new)).transpose()
}

const ADD_SQL: &str = "
    insert into event_staff (event_id, user_id, added_by, created_at) values ($1, $2, $3, $4) on conflict do nothing";

/// Lets an account check tickets at an event. `false` if it does so already.
pub async fn add(
    tx: &Transaction<'_>,
    event: EventId,
    user: UserId,
    by: UserId,
    now: Timestamp,
) -> Result<bool> {
    let params = params![INT8: event.get(), INT8: user.get(), INT8: by.get(), TIMESTAMPTZ: now.inner()];
    Ok(tx.execute_typed(ADD_SQL, params).await? > 0)
}

const REMOVE_SQL: &str = "delete from event_staff where event_id = $1 and user_id = $2";

/// Takes the tickets of an event away from an account. `false` if it did not check them.
pub async fn remove(tx: &Transaction<'_>, event: EventId, user: UserId) -> Result<bool> {
    let params = params![INT8: event.get(), INT8: user.get()];
    Ok(tx.execute_typed(REMOVE_SQL, params).await? > 0)
}

fn read(row: &Row) -> Result<Member> {
    Ok(Member {
        user_id: row.id("user_id", UserId::new)?,
        name: row.col("name")?,
        email: row.col("email")?,
        added_by: row.id("added_by", UserId::new)?,
        created_at: row.time("created_at")?,
        gate: row.col::<Option<i64>>("gate_id")?.map(GateId::new),
    })
}
