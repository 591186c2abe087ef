//! Scans at the gates, and what follows from them for tickets.
//!
//! Whoever adds a scan or an undo holds the lock of its ticket. Then it is worked out anew from all scans of the ticket which one
//! counts: the earliest that let somebody in since the last undo. So the order in which scans are told does not matter. Scans of a
//! code that its ticket lost when it was passed on do not count: whoever has the ticket by then is not kept out by them.

use crate::error::{DbError, Result};
use crate::gates::{self, Gate};
use crate::issued::read_seat;
use crate::sql::{RowExt as _, params};
use domain::check_in::{
    DeviceName, DoorMinutes, Doors, Refusal, Retired, ScanId, Shown, TicketState, UndoReason,
};
use domain::event::EventStatus;
use domain::seating::SeatName;
use domain::{CheckInId, EventId, GateId, IssuedTicketId, TicketTypeId, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// Where tickets are scanned: an event, and a gate of it if one is named.
#[derive(Debug, Clone)]
pub struct Place {
    /// The event.
    pub event: EventId,
    /// What it is called.
    pub name: String,
    /// Where it stands, as stored.
    pub status: EventStatus,
    /// When it begins.
    pub begins: Timestamp,
    /// When it ends, if its organizer says so.
    pub ends: Option<Timestamp>,
    /// How long before it begins the doors open, if its organizer says so.
    pub doors: Option<DoorMinutes>,
    /// Whether the caller is sent to one gate and no other.
    pub bound: bool,
    /// The gate.
    pub gate: Option<Gate>,
}

impl Place {
    /// When and to whom it is open.
    pub fn doors(&self) -> Doors<'_> {
        Doors {
            event: self.event,
            status: self.status,
            begins: self.begins,
            ends: self.ends,
            minutes: self.doors,
            kinds: self.gate.as_ref().and_then(|gate| gate.ticket_types.as_deref()),
        }
    }
}

const PLACE_SQL: &str = "
    select e.id, e.name as event_name, e.status, e.date, e.ends_at, e.doors_minutes,
           s.gate_id is not null and not mine.all as bound,
           g.id as gate_id, g.event_id, g.name, g.ticket_type_ids, g.created_at, g.updated_at
    from events e
    cross join lateral (select e.organizer_id = $2 or $3 as all) mine
    left join event_staff s on s.event_id = e.id and s.user_id = $2
    left join gates g on g.event_id = e.id and g.id = coalesce($4, case when not mine.all then s.gate_id end)
        and (mine.all or s.gate_id is null or s.gate_id = g.id)
    where e.id = $1 and (mine.all or s.user_id is not null)";

/// An event at which somebody checks tickets (any event if `any_event`), and the gate that they name, or that they were sent to.
/// No gate, although one was named, means that there is no such gate for them.
pub async fn place(
    db: &Client,
    event: EventId,
    checker: UserId,
    any_event: bool,
    gate: Option<GateId>,
) -> Result<Option<Place>> {
    let params =
        params![INT8: event.get(), INT8: checker.get(), BOOL: any_event, INT8: gate.map(GateId::get)];
    let row = db.query_typed_opt(PLACE_SQL, params).await?;
    let place = |row: Row| {
        let gate = row.col::<Option<i64>>("gate_id")?;
        Ok(Place {
            event: row.id("id", EventId::new)?,
            name: row.col("event_name")?,
            status: row.word("status", EventStatus::parse)?,
            begins: row.time("date")?,
            ends: row.time_opt("ends_at")?,
            doors: gates::doors_of(&row)?,
            bound: row.col("bound")?,
            gate: gate.map(|_| gates::read(&row)).transpose()?,
        })
    };
    row.map(place).transpose()
}

/// A scan by which somebody was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: CheckInId,
    /// When it was made.
    pub at: Timestamp,
    /// At which gate.
    pub gate: Option<String>,
    /// By which device.
    pub device: String,
}

/// A ticket that this transaction holds.
#[derive(Debug, Clone)]
pub struct Ticket {
    /// Its id.
    pub id: IssuedTicketId,
    /// The code that was asked about.
    pub code: String,
    /// Since when it is the ticket's no more, if it is not.
    pub retired: Option<Retired>,
    /// Its event.
    pub event: EventId,
    /// Its kind.
    pub kind: TicketTypeId,
    /// What its kind is called.
    pub kind_name: String,
    /// Whose name is on it.
    pub holder_name: String,
    /// Where its holder sits; `None` without a seat.
    pub seat: Option<SeatName>,
    /// Where it stands.
    pub state: TicketState,
    /// The scan that counts.
    pub first: Option<Entry>,
    /// When letting somebody in with it was last undone.
    pub undone_at: Option<Timestamp>,
}

impl Ticket {
    /// What of it is judged when the code is shown now.
    pub fn shown(&self) -> Shown {
        self.standing(self.retired.map_or(self.state, Retired::state))
    }

    /// What of it is judged when the code was shown at a time.
    pub fn shown_at(&self, at: Timestamp) -> Shown {
        self.standing(
            self.retired
                .map_or(self.state, |code| code.state_at(self.state, at)),
        )
    }

    const fn standing(&self, state: TicketState) -> Shown {
        Shown {
            event: self.event,
            kind: self.kind,
            state,
        }
    }
}

// In one order, so that two devices that tell of the same tickets do not wait for each other. Tickets are locked by their ids: one
// that gets another code meanwhile is still the one that was meant.
const LOCK_SQL: &str = "
    select id from issued_tickets
    where id in (select n.id from issued_tickets n where n.code = any($1)
                 union all select r.ticket_id from retired_codes r where r.code = any($1))
    order by id for no key update";

// A statement of its own: one that waited for the lock would see what was true before.
const READ_SQL: &str = "
    select i.id, c.code, c.retired_at, p.passed_on, i.event_id, i.ticket_type_id, t.name as ticket_name, i.holder_name, i.status,
           s.section, s.row_label, s.label,
           exists (select from refund_tickets r where r.ticket_id = i.id) as refunded,
           (select max(u.at) from check_in_undos u where u.ticket_id = i.id) as undone_at,
           f.id as first_id, f.scanned_at as first_at, f.device as first_device, g.name as first_gate
    from (select n.code, n.id as ticket_id, null::timestamptz as retired_at from issued_tickets n where n.id = any($1)
          union all select r.code, r.ticket_id, r.retired_at from retired_codes r where r.ticket_id = any($1)) c
    join issued_tickets i on i.id = c.ticket_id join ticket_types t on t.id = i.ticket_type_id
    left join lateral (
        select min(r.retired_at) as passed_on from retired_codes r
        where r.ticket_id = i.id and r.reason = 'transferred' and r.retired_at >= c.retired_at
    ) p on true
    left join check_ins f on f.id = i.used_scan left join gates g on g.id = f.gate_id
    left join seats s on s.ticket_type_id = i.ticket_type_id and s.number = i.seat
    where c.code = any($2) order by i.id";

/// The tickets that have these codes or had them, locked, one for each code. Codes that are not known are left out.
pub async fn lock(tx: &Transaction<'_>, codes: &[String]) -> Result<Vec<Ticket>> {
    let locked = tx.query_typed(LOCK_SQL, params![TEXT_ARRAY: codes]).await?;
    let ids: Vec<i64> = locked.iter().map(|row| row.col("id")).collect::<Result<_>>()?;
    let rows = tx
        .query_typed(READ_SQL, params![INT8_ARRAY: ids, TEXT_ARRAY: codes])
        .await?;
    let read = |row: &Row| {
        let state = TicketState::of(row.col("status")?, row.col("refunded")?);
        let passed_on = row.time_opt("passed_on")?;
        Ok(Ticket {
            id: row.id("id", IssuedTicketId::new)?,
            code: row.col("code")?,
            retired: row.time_opt("retired_at")?.map(|at| Retired { at, passed_on }),
            event: row.id("event_id", EventId::new)?,
            kind: row.id("ticket_type_id", TicketTypeId::new)?,
            kind_name: row.col("ticket_name")?,
            holder_name: row.col("holder_name")?,
            seat: read_seat(row)?,
            state: state.ok_or(DbError::Value("issued_tickets.status"))?,
            first: entry(row)?,
            undone_at: row.time_opt("undone_at")?,
        })
    };
    rows.iter().map(read).collect()
}

/// The scan that was the first, if there was one.
pub(crate) fn entry(row: &Row) -> Result<Option<Entry>> {
    let Some(id) = row.col::<Option<i64>>("first_id")? else {
        return Ok(None);
    };
    Ok(Some(Entry {
        id: CheckInId::new(id),
        at: row.time("first_at")?,
        gate: row.col("first_gate")?,
        device: row.col("first_device")?,
    }))
}

/// Who scans, and with what.
#[derive(Debug, Clone, Copy)]
pub struct Scanner<'a> {
    /// At which event.
    pub event: EventId,
    /// At which gate, if one is named.
    pub gate: Option<GateId>,
    /// The device.
    pub device: &'a DeviceName,
    /// Who holds it.
    pub by: UserId,
}

/// A scan that was written down.
#[derive(Debug, Clone)]
pub struct Noted {
    /// Its id.
    pub id: CheckInId,
    /// The ticket.
    pub ticket: IssuedTicketId,
    /// When it was made.
    pub at: Timestamp,
    /// Whether somebody was let in.
    pub let_in: bool,
    /// Why not, or why it should not have been.
    pub reason: Option<Refusal>,
    /// By which scan somebody was in already, as was told then.
    pub first: Option<Entry>,
}

const FIND_SQL: &str = "
    select c.id, c.ticket_id, c.scanned_at, c.let_in, c.reason,
           f.id as first_id, f.scanned_at as first_at, f.device as first_device, g.name as first_gate
    from check_ins c left join check_ins f on f.id = c.first_scan left join gates g on g.id = f.gate_id
    where c.event_id = $1 and c.device = $2 and c.scan_id = $3";

/// A scan that a device told before.
pub async fn find(tx: &Transaction<'_>, scanner: Scanner<'_>, scan: &ScanId) -> Result<Option<Noted>> {
    let params = params![INT8: scanner.event.get(), TEXT: scanner.device.as_str(), TEXT: scan.as_str()];
    let row = tx.query_typed_opt(FIND_SQL, params).await?;
    let noted = |row: Row| {
        Ok(Noted {
            id: row.id("id", CheckInId::new)?,
            ticket: row.id("ticket_id", IssuedTicketId::new)?,
            at: row.time("scanned_at")?,
            let_in: row.col("let_in")?,
            reason: reason(&row)?,
            first: entry(&row)?,
        })
    };
    row.map(noted).transpose()
}

/// Why nobody was let in, or should not have been.
pub(crate) fn reason(row: &Row) -> Result<Option<Refusal>> {
    let reason = row.col::<Option<&str>>("reason")?;
    reason
        .map(|name| Refusal::parse(name).ok_or(DbError::Value("check_ins.reason")))
        .transpose()
}

const INSERT_SQL: &str = "
    insert into check_ins (event_id, ticket_id, gate_id, device, scan_id, scanned_by, scanned_at, received_at, offline, let_in,
                           reason, first_scan)
    values ($1, $2, $3, $4, $5, $6, $7, $7, false, $8, $9, $10)
    on conflict (event_id, device, scan_id) do nothing
    returning id";

/// Writes down a scan of a locked ticket that was decided here, at its time. `None` if the device used the id for another one.
pub async fn insert(
    tx: &Transaction<'_>,
    scanner: Scanner<'_>,
    ticket: &Ticket,
    scan: &ScanId,
    decided: Result<(), Refusal>,
    at: Timestamp,
) -> Result<Option<CheckInId>> {
    let reason = decided.err();
    let first = ticket
        .first
        .as_ref()
        .filter(|_| reason == Some(Refusal::AlreadyUsed));
    let params = params![
        INT8: scanner.event.get(), INT8: ticket.id.get(), INT8: scanner.gate.map(GateId::get),
        TEXT: scanner.device.as_str(), TEXT: scan.as_str(), INT8: scanner.by.get(), TIMESTAMPTZ: at.inner(),
        BOOL: decided.is_ok(), TEXT: reason.map(Refusal::as_str), INT8: first.map(|first| first.id.get()),
    ];
    let row = tx.query_typed_opt(INSERT_SQL, params).await?;
    row.map(|row| row.id("id", CheckInId::new)).transpose()
}

/// A scan that a device made without a connection.
#[derive(Debug)]
pub struct Told<'a> {
    /// The ticket.
    pub ticket: IssuedTicketId,
    /// By which the device knows it.
    pub scan: &'a ScanId,
    /// When it was made.
    pub at: Timestamp,
    /// What was wrong with it, but for others who went in with the same ticket.
    pub fault: Option<Refusal>,
}

const INSERT_TOLD_SQL: &str = "
    insert into check_ins (event_id, ticket_id, gate_id, device, scan_id, scanned_by, scanned_at, received_at, offline, let_in,
                           reason)
    select $1, n.ticket, $2, $3, n.scan, $4, n.at, $5, true, n.fault is distinct from 'wrong_event', n.fault
    from unnest($6::bigint[], $7::text[], $8::timestamptz[], $9::text[]) as n (ticket, scan, at, fault)
    on conflict (event_id, device, scan_id) do nothing";

/// Writes down scans of locked tickets that were made elsewhere. Those that were told before stay as they are.
pub async fn insert_told(
    tx: &Transaction<'_>,
    scanner: Scanner<'_>,
    told: &[&Told<'_>],
    now: Timestamp,
) -> Result<()> {
    let tickets: Vec<i64> = told.iter().map(|told| told.ticket.get()).collect();
    let scans: Vec<&str> = told.iter().map(|told| told.scan.as_str()).collect();
    let times: Vec<_> = told.iter().map(|told| told.at.inner()).collect();
    let faults: Vec<Option<&str>> = told.iter().map(|told| told.fault.map(Refusal::as_str)).collect();
    let params = params![
        INT8: scanner.event.get(), INT8: scanner.gate.map(GateId::get), TEXT: scanner.device.as_str(),
        INT8: scanner.by.get(), TIMESTAMPTZ: now.inner(), INT8_ARRAY: tickets, TEXT_ARRAY: scans,
        TIMESTAMPTZ_ARRAY: times, TEXT_ARRAY: faults,
    ];
    tx.execute_typed(INSERT_TOLD_SQL, params).await?;
    Ok(())
}

// At the same millisecond the names decide, so that the answer does not depend on who is asked first.
const SETTLE_SQL: &str = "
    update issued_tickets t
    set status = case when f.id is null then 'valid' else 'used' end,
        used_at = f.scanned_at, used_scan = f.id, used_gate_id = f.gate_id
    from unnest($1::bigint[]) as w (id)
    left join lateral (
        select c.id, c.scanned_at, c.gate_id from check_ins c
        where c.ticket_id = w.id and c.let_in and c.reason is distinct from 'transferred'
          and c.scanned_at > coalesce((select max(u.at) from check_in_undos u where u.ticket_id = w.id), '-infinity')
        order by c.scanned_at, c.device, c.scan_id limit 1
    ) f on true
    where t.id = w.id and t.status <> 'void' and t.used_scan is distinct from f.id";

/// Works out which scan of each of these locked tickets counts, and by that whether they are used. Void ones stay.
pub async fn settle(tx: &Transaction<'_>, tickets: &[IssuedTicketId]) -> Result<()> {
    let mut ids: Vec<i64> = tickets.iter().map(|id| id.get()).collect();
    ids.sort_unstable();
    ids.dedup();
    tx.execute_typed(SETTLE_SQL, params![INT8_ARRAY: ids]).await?;
    Ok(())
}

/// The first scan that let somebody in with the ticket of `c` between the same undos.
macro_rules! first_of {
    () => {
        " left join lateral (
            select o.id, o.scanned_at, o.device, o.gate_id from check_ins o
            where o.ticket_id = c.ticket_id and o.let_in and o.reason is distinct from 'transferred'
              and o.scanned_at > coalesce((select max(u.at) from check_in_undos u
                                           where u.ticket_id = c.ticket_id and u.at < c.scanned_at), '-infinity')
            order by o.scanned_at, o.device, o.scan_id limit 1
        ) f on true left join gates fg on fg.id = f.gate_id "
    };
}
pub(crate) use first_of;

/// What became of a scan that a device told of.
#[derive(Debug)]
pub struct Outcome {
    /// By which the device knows it.
    pub scan: String,
    /// Its id.
    pub id: CheckInId,
    /// The ticket.
    pub ticket: IssuedTicketId,
    /// When it was made.
    pub at: Timestamp,
    /// Whether somebody was let in.
    pub let_in: bool,
    /// What was wrong with it, but for others who went in with the same ticket.
    pub fault: Option<Refusal>,
    /// The first scan that let somebody in with the ticket, which may be this one.
    pub first: Option<Entry>,
}

const OUTCOMES_SQL: &str = concat!(
    "select c.scan_id, c.id, c.ticket_id, c.scanned_at, c.let_in, c.reason,
            f.id as first_id, f.scanned_at as first_at, f.device as first_device, fg.name as first_gate
     from check_ins c",
    first_of!(),
    "where c.event_id = $1 and c.device = $2 and c.scan_id = any($3)"
);

/// What became of scans, as far as it is known by now.
pub async fn outcomes(tx: &Transaction<'_>, scanner: Scanner<'_>, scans: &[&ScanId]) -> Result<Vec<Outcome>> {
    let scans: Vec<&str> = scans.iter().map(|scan| scan.as_str()).collect();
    let params = params![INT8: scanner.event.get(), TEXT: scanner.device.as_str(), TEXT_ARRAY: scans];
    let rows = tx.query_typed(OUTCOMES_SQL, params).await?;
    let outcome = |row: &Row| {
        Ok(Outcome {
            scan: row.col("scan_id")?,
            id: row.id("id", CheckInId::new)?,
            ticket: row.id("ticket_id", IssuedTicketId::new)?,
            at: row.time("scanned_at")?,
            let_in: row.col("let_in")?,
            fault: reason(row)?,
            first: entry(row)?,
        })
    };
    rows.iter().map(outcome).collect()
}

/// A scan that may be undone.
#[derive(Debug, Clone)]
pub struct Undoable {
    /// Its event.
    pub event: EventId,
    /// What the QR code of its ticket carries.
    pub code: String,
}

const UNDOABLE_SQL: &str = "
    select c.event_id, i.code
    from check_ins c join issued_tickets i on i.id = c.ticket_id join events e on e.id = c.event_id
    left join event_staff s on s.event_id = e.id and s.user_id = $2
    where c.id = $1 and i.event_id = c.event_id
      and (e.organizer_id = $2 or $3 or s.user_id is not null and (s.gate_id is null or s.gate_id = c.gate_id))";

/// A scan at an event and a gate at which somebody checks tickets (at any event if `any_event`).
pub async fn undoable(
    db: &Client,
    scan: CheckInId,
    checker: UserId,
    any_event: bool,
) -> Result<Option<Undoable>> {
    let params = params![INT8: scan.get(), INT8: checker.get(), BOOL: any_event];
    let Some(row) = db.query_typed_opt(UNDOABLE_SQL, params).await? else {
        return Ok(None);
    };
    Ok(Some(Undoable {
        event: row.id("event_id", EventId::new)?,
        code: row.col("code")?,
    }))
}

// Not before any scan that it is to undo: clocks differ a little.
const UNDO_SQL: &str = "
    insert into check_in_undos (ticket_id, scan, at, undone_by, reason)
    select $1, $2, greatest($3, (select max(c.scanned_at) from check_ins c where c.ticket_id = $1 and c.let_in)), $4, $5";

/// Undoes that somebody was let in with a locked ticket by the scan that counts. The ticket lets somebody in again.
pub async fn undo(
    tx: &Transaction<'_>,
    ticket: IssuedTicketId,
    scan: CheckInId,
    by: UserId,
    reason: &UndoReason,
    now: Timestamp,
) -> Result<()> {
    let params = params![
        INT8: ticket.get(), INT8: scan.get(), TIMESTAMPTZ: now.inner(), INT8: by.get(), TEXT: reason.as_str(),
    ];
    tx.execute_typed(UNDO_SQL, params).await?;
    settle(tx, &[ticket]).await
}
