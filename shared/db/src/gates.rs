//! The gates of events: their doors, whom they let in, and who was sent to which.

use crate::error::{DbError, Result};
use crate::sql::{RowExt as _, params};
use domain::check_in::{DoorMinutes, GateName};
use domain::{EventId, GateId, TicketTypeId, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// A gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// Its id.
    pub id: GateId,
    /// Its event.
    pub event: EventId,
    /// What it is called.
    pub name: String,
    /// The kinds of tickets that it lets in; `None` if it is all.
    pub ticket_types: Option<Vec<TicketTypeId>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

macro_rules! columns {
    () => {
        "g.id as gate_id, g.event_id, g.name, g.ticket_type_ids, g.created_at, g.updated_at"
    };
}

/// What came of making or changing a gate.
#[derive(Debug)]
pub enum Written {
    /// How it is now.
    Gate(Gate),
    /// Another gate of the event has that name.
    NameTaken,
}

const LIST_SQL: &str = concat!(
    "select ",
    columns!(),
    " from gates g where g.event_id = $1 order by g.id"
);

/// The gates of an event, in the order in which they were made.
pub async fn list(db: &Client, event: EventId) -> Result<Vec<Gate>> {
    let rows = db.query_typed(LIST_SQL, params![INT8: event.get()]).await?;
    rows.iter().map(read).collect()
}

const COUNT_SQL: &str = "select count(*) as gates from gates where event_id = $1";

/// How many gates a locked event has.
pub async fn count(tx: &Transaction<'_>, event: EventId) -> Result<i64> {
    tx.query_typed_one(COUNT_SQL, params![INT8: event.get()])
        .await?
        .col("gates")
}

const FOREIGN_SQL: &str = "
    select w.id from unnest($2::bigint[]) as w (id)
    where not exists (select from ticket_types t where t.id = w.id and t.event_id = $1) limit 1";

/// Whether all of these are kinds of tickets of an event.
pub async fn are_of_event(tx: &Transaction<'_>, event: EventId, kinds: &[TicketTypeId]) -> Result<bool> {
    let ids: Vec<i64> = kinds.iter().map(|id| id.get()).collect();
    let foreign = tx
        .query_typed_opt(FOREIGN_SQL, params![INT8: event.get(), INT8_ARRAY: ids])
        .await?;
    Ok(foreign.is_none())
}

const INSERT_SQL: &str = concat!(
    "with g as (
        insert into gates (event_id, name, ticket_type_ids, created_at, updated_at) values ($1, $2, $3, $4, $4)
        on conflict (event_id, lower(name)) do nothing returning *
    )
    select ",
    columns!(),
    " from g"
);

/// Makes a gate of a locked event.
pub async fn insert(
    tx: &Transaction<'_>,
    event: EventId,
    name: &GateName,
    kinds: Option<&[TicketTypeId]>,
    now: Timestamp,
) -> Result<Written> {
    let params = params![
        INT8: event.get(), TEXT: name.as_str(), INT8_ARRAY: kinds.map(ids), TIMESTAMPTZ: now.inner(),
    ];
    match tx.query_typed_opt(INSERT_SQL, params).await? {
        Some(row) => Ok(Written::Gate(read(&row)?)),
        None => Ok(Written::NameTaken),
    }
}

const LOCK_SQL: &str = concat!(
    "select ",
    columns!(),
    " from gates g join events e on e.id = g.event_id where g.id = $1 and (e.organizer_id = $2 or $3) for no key update of g"
);

/// A gate of an event of this organizer (of any if `any_owner`), locked.
pub async fn lock_own(
    tx: &Transaction<'_>,
    gate: GateId,
    organizer: UserId,
    any_owner: bool,
) -> Result<Option<Gate>> {
    let params = params![INT8: gate.get(), INT8: organizer.get(), BOOL: any_owner];
    let row = tx.query_typed_opt(LOCK_SQL, params).await?;
    row.as_ref().map(read).transpose()
}

const UPDATE_SQL: &str = "update gates set name = $2, ticket_type_ids = $3, updated_at = $4 where id = $1";

/// Makes a locked gate into this.
pub async fn update(tx: &Transaction<'_>, gate: Gate) -> Result<Written> {
    let params = params![
        INT8: gate.id.get(), TEXT: gate.name, INT8_ARRAY: gate.ticket_types.as_deref().map(ids),
        TIMESTAMPTZ: gate.updated_at.inner(),
    ];
    match tx.execute_typed(UPDATE_SQL, params).await.map_err(DbError::from) {
        Ok(_) => Ok(Written::Gate(gate)),
        Err(error) if error.is_constraint("gates_name_key") => Ok(Written::NameTaken),
        Err(error) => Err(error),
    }
}

const DELETE_SQL: &str = "
    delete from gates g where g.id = $1
      and not exists (select from check_ins c where c.gate_id = g.id)
      and not exists (select from event_staff s where s.gate_id = g.id)";

/// Deletes a locked gate. `false`, and it stays, if tickets were scanned there or somebody is sent there.
pub async fn delete(tx: &Transaction<'_>, gate: GateId) -> Result<bool> {
    match tx
        .execute_typed(DELETE_SQL, params![INT8: gate.get()])
        .await
        .map_err(DbError::from)
    {
        Ok(deleted) => Ok(deleted > 0),
        // Somebody was quicker, whom the statement did not see.
        Err(error)
            if ["check_ins_gate_id_fkey", "event_staff_gate_fkey"]
                .iter()
                .any(|name| error.is_constraint(name)) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

const SEND_SQL: &str = "
    update event_staff s set gate_id = $3
    from (select user_id, gate_id from event_staff where event_id = $1 and user_id = $2 for update) was
    where s.event_id = $1 and s.user_id = was.user_id
      and ($3::bigint is null or exists (select from gates g where g.id = $3 and g.event_id = $1))
    returning was.gate_id";

/// Sends somebody who checks tickets at a locked event to one of its gates, or to all again. The gate they were sent to before;
/// `None` if they do not check tickets there, or there is no such gate.
pub async fn send(
    tx: &Transaction<'_>,
    event: EventId,
    user: UserId,
    gate: Option<GateId>,
) -> Result<Option<Option<GateId>>> {
    let params = params![INT8: event.get(), INT8: user.get(), INT8: gate.map(GateId::get)];
    let row = tx.query_typed_opt(SEND_SQL, params).await?;
    row.map(|row| Ok(row.col::<Option<i64>>("gate_id")?.map(GateId::new)))
        .transpose()
}

const SET_DOORS_SQL: &str = "
    update events e set doors_minutes = $2, updated_at = $3
    from (select id, doors_minutes from events where id = $1 for no key update) was
    where e.id = was.id returning was.doors_minutes";

/// Says when the doors of a locked event open; `None`: as usual. What was said before.
pub async fn set_doors(
    tx: &Transaction<'_>,
    event: EventId,
    minutes: Option<DoorMinutes>,
    now: Timestamp,
) -> Result<Option<DoorMinutes>> {
    let column = minutes
        .map(|minutes| i32::try_from(minutes.get()))
        .transpose()
        .map_err(|_| DbError::Value("events.doors_minutes"))?;
    let params = params![INT8: event.get(), INT4: column, TIMESTAMPTZ: now.inner()];
    doors_of(&tx.query_typed_one(SET_DOORS_SQL, params).await?)
}

/// How long before an event its doors open, if its organizer says so.
pub(crate) fn doors_of(row: &Row) -> Result<Option<DoorMinutes>> {
    let minutes = row.count_opt("doors_minutes")?;
    minutes
        .map(|minutes| DoorMinutes::new(minutes).ok_or(DbError::Value("events.doors_minutes")))
        .transpose()
}

fn ids(kinds: &[TicketTypeId]) -> Vec<i64> {
    kinds.iter().map(|id| id.get()).collect()
}

pub(crate) fn read(row: &Row) -> Result<Gate> {
    let kinds = row.col::<Option<Vec<i64>>>("ticket_type_ids")?;
    Ok(Gate {
        id: row.id("gate_id", GateId::new)?,
        event: row.id("event_id", EventId::new)?,
        name: row.col("name")?,
        ticket_types: kinds.map(|ids| ids.into_iter().map(TicketTypeId::new).collect()),
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}
