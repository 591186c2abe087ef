//! What organizers set and see of a line.

use super::{Settings, read_settings};
use crate::error::{DbError, Result};
use crate::events;
use crate::sql::{RowExt as _, params};
use crate::ticket_types::int;
use domain::waiting_list::{ClaimMinutes, EntryStatus, Mode};
use domain::{Error, EventId, TicketTypeId, Timestamp, UserId, WaitingEntryId};
use tokio_postgres::{Client, Transaction};

const LOCK_SETTINGS_SQL: &str = "
    select t.waiting_list, t.claim_minutes, t.event_id from ticket_types t join events e on e.id = t.event_id
    where t.id = $1 and (e.organizer_id = $2 or $3) for no key update of t";

const SET_SQL: &str = "
    update ticket_types set waiting_list = $2, claim_minutes = coalesce($3, claim_minutes), updated_at = $4 where id = $1";

const CLOSE_LINE_SQL: &str = "
    update waiting_entries set status = 'closed', ended_at = $2 where id in (
        select id from waiting_entries where ticket_type_id = $1 and status = 'waiting' order by id for update
    )";

/// What is set about a waiting list.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Whether there is one, and who comes next.
    pub mode: Mode,
    /// For how long tickets are kept; `None` if that stays as it is.
    pub claim: Option<ClaimMinutes>,
}

/// Sets how the waiting list of an organizer's own ticket type is run (of any for an admin). Nothing is sold meanwhile, so whoever was
/// told that there is no line has bought before anybody can join it. Switched off, it is over for all who
/// wait; who has tickets kept for them already keeps them. Returns what was set before, what is set now and for which event.
///
/// # Errors
/// There is no such ticket type of theirs.
pub async fn set(
    tx: &Transaction<'_>,
    id: TicketTypeId,
    organizer: UserId,
    any_owner: bool,
    wish: Wish,
    now: Timestamp,
) -> domain::Result<(Settings, Settings, EventId)> {
    events::stop_sale_of_type(tx, id, organizer, any_owner).await?;
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    let row = tx.query_typed_opt(LOCK_SETTINGS_SQL, params).await;
    let row = row
        .map_err(DbError::from)?
        .ok_or_else(|| Error::not_found("Ticket"))?;
    let Wish { mode, claim } = wish;
    let before = read_settings(&row)?;
    let params = params![
        INT8: id.get(), TEXT: mode.as_str(), INT4: claim.map(|claim| int(claim.get())), TIMESTAMPTZ: now.inner(),
    ];
    tx.execute_typed(SET_SQL, params).await.map_err(DbError::from)?;
    if mode == Mode::Off {
        let params = params![INT8: id.get(), TIMESTAMPTZ: now.inner()];
        tx.execute_typed(CLOSE_LINE_SQL, params)
            .await
            .map_err(DbError::from)?;
    }
    let after = Settings {
        mode,
        claim: claim.unwrap_or(before.claim),
    };
    Ok((before, after, row.id("event_id", EventId::new)?))
}

/// What organizers see of a line at once.
#[derive(Debug)]
pub struct Overview {
    /// How it is run.
    pub settings: Settings,
    /// For each status, how many people and how many tickets.
    pub counts: Vec<(EntryStatus, i64, i64)>,
}

const OWN_SETTINGS_SQL: &str = "
    select t.waiting_list, t.claim_minutes from ticket_types t join events e on e.id = t.event_id
    where t.id = $1 and (e.organizer_id = $2 or $3)";

const COUNTS_SQL: &str = "
    select status, count(*) as people, sum(quantity)::bigint as tickets from waiting_entries where ticket_type_id = $1 group by 1";

/// How the line of an organizer's own ticket type stands (of any for an admin); `None` if there is no such ticket type of theirs.
pub async fn overview(
    db: &Client,
    id: TicketTypeId,
    organizer: UserId,
    any_owner: bool,
) -> Result<Option<Overview>> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    let Some(row) = db.query_typed_opt(OWN_SETTINGS_SQL, params).await? else {
        return Ok(None);
    };
    let rows = db.query_typed(COUNTS_SQL, params![INT8: id.get()]).await?;
    let counts = rows.iter().map(|row| {
        let status = row.word("status", EntryStatus::parse)?;
        Ok((status, row.col("people")?, row.col("tickets")?))
    });
    Ok(Some(Overview {
        settings: read_settings(&row)?,
        counts: counts.collect::<Result<_>>()?,
    }))
}

/// Somebody in line, for the organizer.
#[derive(Debug)]
pub struct Person {
    /// Their place in the line as it is stored; a page goes on after the last one.
    pub entry: WaitingEntryId,
    /// Who.
    pub user_id: UserId,
    /// What they are called.
    pub name: String,
    /// How many tickets they want.
    pub quantity: u32,
    /// Whether they wait, or tickets are kept for them.
    pub status: EntryStatus,
    /// Since when they are in line.
    pub joined_at: Timestamp,
    /// Until when tickets are kept for them.
    pub offered_until: Option<Timestamp>,
}

const PEOPLE_SQL: &str = "
    select w.id, w.user_id, u.name, w.quantity, w.status, w.joined_at, w.offered_until
    from waiting_entries w join users u on u.id = w.user_id
    where w.ticket_type_id = $1 and w.status in ('waiting', 'offered') and w.id > $2 order by w.id limit $3";

/// Who stands in a line, in its order, after somebody.
pub async fn people(
    db: &Client,
    ticket_type: TicketTypeId,
    after: Option<WaitingEntryId>,
    limit: u32,
) -> Result<Vec<Person>> {
    let after = after.map_or(0, WaitingEntryId::get);
    let params = params![INT8: ticket_type.get(), INT8: after, INT8: i64::from(limit)];
    let rows = db.query_typed(PEOPLE_SQL, params).await?;
    rows.iter()
        .map(|row| {
            Ok(Person {
                entry: row.id("id", WaitingEntryId::new)?,
                user_id: row.id("user_id", UserId::new)?,
                name: row.col("name")?,
                quantity: row.count("quantity")?,
                status: row.word("status", EntryStatus::parse)?,
                joined_at: row.time("joined_at")?,
                offered_until: row.time_opt("offered_until")?,
            })
        })
        .collect()
}
