//! What is known of the gates of an event: who is in, what was scanned, what went wrong, and what gates without a connection need.

use crate::check_ins::{Entry, entry, first_of, reason};
use crate::error::Result;
use crate::sql::{RowExt as _, params};
use domain::check_in::Refusal;
use domain::{CheckInId, EventId, GateId, TicketTypeId, Timestamp, UserId};
use tokio_postgres::{Client, Row};

/// A kind of ticket.
#[derive(Debug, Clone)]
pub struct Kind {
    /// Its id.
    pub id: TicketTypeId,
    /// What it is called.
    pub name: String,
}

const KINDS_SQL: &str = "select id, name from ticket_types where event_id = $1 order by id";

/// The kinds of tickets of an event.
pub async fn kinds(db: &Client, event: EventId) -> Result<Vec<Kind>> {
    let rows = db.query_typed(KINDS_SQL, params![INT8: event.get()]).await?;
    let kind = |row: &Row| {
        Ok(Kind {
            id: row.id("id", TicketTypeId::new)?,
            name: row.col("name")?,
        })
    };
    rows.iter().map(kind).collect()
}

/// How many tickets of a kind let somebody in, or can, by gate.
#[derive(Debug, Clone, Copy)]
pub struct Tally {
    /// The kind.
    pub kind: TicketTypeId,
    /// Whether somebody is in with them.
    pub used: bool,
    /// At which gate they went in, if it was one.
    pub gate: Option<GateId>,
    /// How many tickets.
    pub tickets: i64,
}

// Answered from an index alone: a full stadium has 80,000 entries there.
const TALLIES_SQL: &str = "
    select ticket_type_id, status = 'used' as used, used_gate_id, count(*) as tickets
    from issued_tickets where event_id = $1 and status <> 'void' group by 1, 2, 3";

/// The tickets of an event that are not void.
pub async fn tallies(db: &Client, event: EventId) -> Result<Vec<Tally>> {
    let rows = db.query_typed(TALLIES_SQL, params![INT8: event.get()]).await?;
    let tally = |row: &Row| {
        Ok(Tally {
            kind: row.id("ticket_type_id", TicketTypeId::new)?,
            used: row.col("used")?,
            gate: row.col::<Option<i64>>("used_gate_id")?.map(GateId::new),
            tickets: row.col("tickets")?,
        })
    };
    rows.iter().map(tally).collect()
}

/// A code that lets nobody in any more.
#[derive(Debug, Clone)]
pub struct Revoked {
    /// The code.
    pub code: String,
    /// When its ticket was taken back, or got another code.
    pub at: Timestamp,
}

const REVOKED_SQL: &str = "
    select code, voided_at as at from issued_tickets
    where event_id = $1 and status = 'void' and ($2::timestamptz is null or voided_at >= $2)
    union all
    select code, retired_at from retired_codes
    where event_id = $1 and ($2::timestamptz is null or retired_at >= $2)";

/// The codes of tickets of an event that were taken back, passed on or renamed, from a time on.
pub async fn revoked(db: &Client, event: EventId, since: Option<Timestamp>) -> Result<Vec<Revoked>> {
    let params = params![INT8: event.get(), TIMESTAMPTZ: since.map(Timestamp::inner)];
    let rows = db.query_typed(REVOKED_SQL, params).await?;
    let revoked = |row: &Row| {
        Ok(Revoked {
            code: row.col("code")?,
            at: row.time("at")?,
        })
    };
    rows.iter().map(revoked).collect()
}

/// A scan as the organizer sees it.
#[derive(Debug, Clone)]
pub struct Scan {
    /// Its id; later ones have larger ones.
    pub id: CheckInId,
    /// When it was made.
    pub at: Timestamp,
    /// When it was told.
    pub received_at: Timestamp,
    /// Whether the device had no connection.
    pub offline: bool,
    /// At which gate.
    pub gate: Option<(GateId, String)>,
    /// By which device.
    pub device: String,
    /// Who held it.
    pub by: UserId,
    /// Code of the ticket; `None` if it is for another event.
    pub code: Option<String>,
    /// What its kind is called.
    pub kind_name: Option<String>,
    /// Whether somebody was let in.
    pub let_in: bool,
    /// Why not, or why it should not have been.
    pub reason: Option<Refusal>,
    /// By which scan somebody was in already.
    pub first: Option<Entry>,
    /// When it was undone that somebody was let in.
    pub undone_at: Option<Timestamp>,
}

/// Which scans are shown. Absent fields do not restrict.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// At that gate.
    pub gate: Option<GateId>,
    /// Those that let somebody in, or those that did not.
    pub let_in: Option<bool>,
    /// Written before that one.
    pub before: Option<CheckInId>,
}

macro_rules! columns {
    ($gate:literal) => {
        concat!(
            "select c.id, c.scanned_at, c.received_at, c.offline, c.gate_id, g.name as gate_name, c.device, c.scanned_by, i.code,
                    t.name as ticket_name, c.let_in, c.reason,
                    f.id as first_id, f.scanned_at as first_at, f.device as first_device, fg.name as first_gate, un.at as undone_at
             from check_ins c
             left join issued_tickets i on i.id = c.ticket_id and i.event_id = c.event_id
             left join ticket_types t on t.id = i.ticket_type_id left join gates g on g.id = c.gate_id
             left join check_in_undos un on un.scan = c.id ",
            $gate
        )
    };
}

const LOG_SQL: &str = concat!(
    columns!("left join check_ins f on f.id = c.first_scan left join gates fg on fg.id = f.gate_id "),
    "where c.event_id = $1 and ($2::bigint is null or c.gate_id = $2) and ($3::boolean is null or c.let_in = $3)
       and ($4::bigint is null or c.id < $4)
     order by c.id desc limit $5"
);

/// The newest scans at an event, at most so many.
pub async fn log(db: &Client, event: EventId, filter: Filter, limit: u32) -> Result<Vec<Scan>> {
    let params = params![
        INT8: event.get(), INT8: filter.gate.map(GateId::get), BOOL: filter.let_in,
        INT8: filter.before.map(CheckInId::get), INT8: i64::from(limit),
    ];
    let rows = db.query_typed(LOG_SQL, params).await?;
    rows.iter().map(read).collect()
}

const CONFLICTS_SQL: &str = concat!(
    columns!(""),
    first_of!(),
    "where c.event_id = $1 and c.let_in and (c.reason is not null or f.id <> c.id) and ($2::bigint is null or c.id < $2)
     order by c.id desc limit $3"
);

/// The newest scans that let somebody in who should not have been: with a ticket with which somebody was in already, or that did
/// not admit, at most so many.
pub async fn conflicts(
    db: &Client,
    event: EventId,
    before: Option<CheckInId>,
    limit: u32,
) -> Result<Vec<Scan>> {
    let params = params![INT8: event.get(), INT8: before.map(CheckInId::get), INT8: i64::from(limit)];
    let rows = db.query_typed(CONFLICTS_SQL, params).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Scan> {
    let gate = row.col::<Option<i64>>("gate_id")?.map(GateId::new);
    let gate_name = row.col::<Option<String>>("gate_name")?;
    let id = row.id("id", CheckInId::new)?;
    let let_in = row.col("let_in")?;
    // Whoever was the first is no conflict with themselves.
    let first = entry(row)?.filter(|first| first.id != id);
    let second = (let_in && first.is_some()).then_some(Refusal::AlreadyUsed);
    Ok(Scan {
        id,
        at: row.time("scanned_at")?,
        received_at: row.time("received_at")?,
        offline: row.col("offline")?,
        gate: gate.zip(gate_name),
        device: row.col("device")?,
        by: row.id("scanned_by", UserId::new)?,
        code: row.col("code")?,
        kind_name: row.col("ticket_name")?,
        let_in,
        reason: reason(row)?.or(second),
        first,
        undone_at: row.time_opt("undone_at")?,
    })
}
