//! What holders of tickets are told of an event: that its time or place changed, that it begins soon. Holders may be thousands, so
//! they are told in parts, each in a transaction with the note who was told last: a crash anywhere loses nothing and repeats
//! nothing, and two at the same work take different announcements.

use crate::error::Result;
use crate::events::Event;
use crate::settlement::RandomId;
use crate::sql::{RowExt as _, params};
use crate::{DbError, notifications, outbox};
use domain::message::{Mail, Outgoing};
use domain::notice::{Notice, Schedule};
use domain::{AnnouncementId, Error, EventId, TicketTypeId, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// Why holders are told something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Occasion {
    /// Time or place changed; this was true before.
    Changed(Schedule),
    /// It begins soon.
    Reminder,
}

/// An announcement.
#[derive(Debug, Clone)]
pub struct Announcement {
    /// Its id.
    pub id: AnnouncementId,
    /// Of which event.
    pub event: EventId,
    /// Why.
    pub occasion: Occasion,
    /// What is announced, under the event's name of today.
    pub schedule: Schedule,
    /// Whether the event says the same of itself, is still to come and was not changed again, there and back included.
    pub is_true: bool,
}

// Whoever tells of one holds its lock, so it is seen here either before anybody was told or after the first were.
const UNTOLD_SQL: &str = "
    delete from announcements where event_id = $1 and kind = 'changed' and finished_at is null and told = 0
    returning id, old_date, old_time_zone, old_location";

const CHANGED_SQL: &str = "
    insert into announcements (event_id, kind, date, time_zone, location, old_date, old_time_zone, old_location, created_at)
    select $1, 'changed', $2, $3, $4, $5, $6, $7, $8
    where exists (select from issued_tickets where event_id = $1 and status <> 'void')";

/// Notes, with the change of an event that is locked, that whoever has tickets is to be told of its new time or place. Nobody is
/// if these are the same, or nobody has any. A change of which nobody was told yet is one with this: who saw the first hears of the
/// last, and of nothing if that is the same.
pub async fn changed(tx: &Transaction<'_>, before: &Event, after: &Event, now: Timestamp) -> Result<()> {
    let before = (before.date, before.time_zone.as_str(), before.location.as_str());
    let new = (after.date, after.time_zone.as_str(), after.location.as_str());
    if before == new {
        return Ok(());
    }
    let untold = tx.query_typed(UNTOLD_SQL, params![INT8: after.id.get()]).await?;
    let mut old = before;
    let mut oldest = i64::MAX;
    for row in &untold {
        let id = row.col("id")?;
        if id < oldest {
            oldest = id;
            old = (
                row.time("old_date")?,
                row.col("old_time_zone")?,
                row.col("old_location")?,
            );
        }
    }
    if old == new {
        return Ok(());
    }
    let params = params![
        INT8: after.id.get(), TIMESTAMPTZ: after.date.inner(), TEXT: after.time_zone, TEXT: after.location,
        TIMESTAMPTZ: old.0.inner(), TEXT: old.1, TEXT: old.2, TIMESTAMPTZ: now.inner(),
    ];
    tx.execute_typed(CHANGED_SQL, params).await?;
    Ok(())
}

const REMIND_SQL: &str = "
    insert into announcements (event_id, kind, date, time_zone, location, created_at)
    select e.id, 'reminder', e.date, e.time_zone, e.location, $1 from events e
    where e.status = 'published' and e.date > $1 and e.date <= $2
      and exists (select from issued_tickets t where t.event_id = e.id and t.status <> 'void')
    on conflict (event_id, date) where kind = 'reminder' do nothing";

/// Notes that whoever has tickets of events that begin until then is to be reminded, once for each time at which an event was to
/// begin. Returns of how many events.
pub async fn remind(db: &Client, until: Timestamp, now: Timestamp) -> Result<u64> {
    let params = params![TIMESTAMPTZ: now.inner(), TIMESTAMPTZ: until.inner()];
    Ok(db.execute_typed(REMIND_SQL, params).await?)
}

const OPEN_SQL: &str = "select id from announcements where finished_at is null order by told, id limit $1";

/// Announcements that somebody may still have to be told, those first of which the fewest were told: one with a crowd must not keep
/// the next one waiting.
pub async fn open(db: &Client, limit: u32) -> Result<Vec<AnnouncementId>> {
    let limit = i64::from(limit);
    let rows = db.query_typed(OPEN_SQL, params![INT8: limit]).await?;
    rows.iter().map(|row| row.id("id", AnnouncementId::new)).collect()
}

macro_rules! announcement {
    () => {
        "select a.id, a.event_id, a.date, a.time_zone, a.location, a.old_date, a.old_time_zone, a.old_location, a.last_holder,
                e.name, e.status = 'published' and (e.date, e.time_zone, e.location) = (a.date, a.time_zone, a.location)
                    and e.date > $2 and not exists (
                        select from announcements later
                        where a.kind = 'changed' and later.event_id = a.event_id and later.kind = 'changed' and later.id > a.id
                    ) as is_true
         from announcements a join events e on e.id = a.event_id where a.id = $1"
    };
}

const FIND_SQL: &str = announcement!();

/// An announcement.
pub async fn find(db: &Client, id: AnnouncementId, now: Timestamp) -> Result<Option<Announcement>> {
    let params = params![INT8: id.get(), TIMESTAMPTZ: now.inner()];
    let row = db.query_typed_opt(FIND_SQL, params).await?;
    row.as_ref().map(read).transpose()
}

const LOCK_SQL: &str = concat!(
    announcement!(),
    " and a.finished_at is null for update of a skip locked"
);

const HOLDERS_SQL: &str = "
    select distinct holder_id as id from issued_tickets where event_id = $1 and status <> 'void' and holder_id > $2
    order by 1 limit $3";

const ADVANCE_SQL: &str = "
    update announcements set last_holder = coalesce($2, last_holder), told = told + $3, finished_at = $4 where id = $1";

/// Tells the next holders of an announcement, at most `limit`, and returns how many that were. If there is nobody left, or it is
/// not true any more, it is finished. Nothing happens if it was, or another worker is at it.
///
/// # Errors
/// If the database does not answer; nobody was told then.
pub async fn tell_next(
    tx: &Transaction<'_>,
    id: AnnouncementId,
    limit: u32,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<usize, Error> {
    let params = params![INT8: id.get(), TIMESTAMPTZ: now.inner()];
    let row = tx.query_typed_opt(LOCK_SQL, params).await;
    let Some(row) = row.map_err(DbError::from)? else {
        return Ok(0);
    };
    let found = read(&row)?;
    let holders = if found.is_true {
        holders_after(tx, found.event, row.col("last_holder")?, limit).await?
    } else {
        Vec::new()
    };
    let (notice, is_reminder) = match found.occasion {
        Occasion::Changed(_) => (Notice::EventChanged(found.schedule), false),
        Occasion::Reminder => (Notice::EventReminder(found.schedule), true),
    };
    notifications::tell_each(tx, &holders, &notice, &id.to_string(), now).await?;
    let mails = holders.iter().map(|holder| {
        let (announcement, holder) = (id, *holder);
        let mail = if is_reminder {
            Mail::EventReminder { announcement, holder }
        } else {
            Mail::EventChanged { announcement, holder }
        };
        Outgoing::mail(random(), mail)
    });
    let mails = mails.collect::<domain::Result<Vec<_>>>()?;
    outbox::insert_all(tx, &mails, now).await?;
    let (last, told) = (holders.last().map(|holder| holder.get()), holders.len());
    let count = i32::try_from(told).unwrap_or(i32::MAX);
    let finished = holders.is_empty().then(|| now.inner());
    let params = params![INT8: id.get(), INT8: last, INT4: count, TIMESTAMPTZ: finished];
    let advanced = tx.execute_typed(ADVANCE_SQL, params).await;
    advanced.map_err(DbError::from)?;
    Ok(told)
}

async fn holders_after(tx: &Transaction<'_>, event: EventId, last: i64, limit: u32) -> Result<Vec<UserId>> {
    let limit = i64::from(limit);
    let params = params![INT8: event.get(), INT8: last, INT8: limit];
    let rows = tx.query_typed(HOLDERS_SQL, params).await?;
    rows.iter().map(|row| row.id("id", UserId::new)).collect()
}

const HINT_SQL: &str =
    "insert into sold_out_hints (ticket_type_id, created_at) select unnest($1::bigint[]), $2";

/// Notes, with a sale, that these ticket types may be sold out. Whether they are is seen after the commit.
pub(crate) async fn hint_sold_out(
    tx: &Transaction<'_>,
    types: &[TicketTypeId],
    now: Timestamp,
) -> Result<()> {
    if types.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = types.iter().map(|id| id.get()).collect();
    tx.execute_typed(HINT_SQL, params![INT8_ARRAY: ids, TIMESTAMPTZ: now.inner()])
        .await?;
    Ok(())
}

const TAKE_HINTS_SQL: &str = "
    delete from sold_out_hints where id in (select id from sold_out_hints order by id limit $1 for update skip locked)
    returning ticket_type_id";

const SOLD_OUT_SQL: &str = "
    select t.id, t.name, t.capacity, e.name as event_name, e.organizer_id
    from ticket_types t join events e on e.id = t.event_id
    where t.id = any($1) and e.status = 'published' and t.capacity > 0
      and not exists (select from stock s where s.ticket_type_id = t.id and s.sold < s.capacity)
    order by e.organizer_id, t.id";

/// Tells organizers which of their ticket types are sold out, once for each capacity. Looks at most at `limit` hints, and returns
/// at how many it looked.
pub async fn tell_sold_out(tx: &Transaction<'_>, limit: u32, now: Timestamp) -> Result<usize> {
    let limit = i64::from(limit);
    let hints = tx.query_typed(TAKE_HINTS_SQL, params![INT8: limit]).await?;
    let types = hints.iter().map(|row| row.col("ticket_type_id"));
    let types = types.collect::<Result<Vec<i64>>>()?;
    let looked_at = types.len();
    for row in tx.query_typed(SOLD_OUT_SQL, params![INT8_ARRAY: types]).await? {
        let notice = Notice::SoldOut {
            ticket: row.col("name")?,
            event: row.col("event_name")?,
        };
        let subject = format!("{} {}", row.col::<i64>("id")?, row.col::<i32>("capacity")?);
        let organizer = row.id("organizer_id", UserId::new)?;
        notifications::tell_each(tx, &[organizer], &notice, &subject, now).await?;
    }
    Ok(looked_at)
}

fn read(row: &Row) -> Result<Announcement> {
    let event: &str = row.col("name")?;
    let schedule = |date, zone, location| Schedule {
        event: event.to_owned(),
        date,
        zone,
        location,
    };
    let occasion = match row.time_opt("old_date")? {
        Some(date) => Occasion::Changed(schedule(
            date,
            row.col("old_time_zone")?,
            row.col("old_location")?,
        )),
        None => Occasion::Reminder,
    };
    Ok(Announcement {
        id: row.id("id", AnnouncementId::new)?,
        event: row.id("event_id", EventId::new)?,
        occasion,
        schedule: schedule(row.time("date")?, row.col("time_zone")?, row.col("location")?),
        is_true: row.col("is_true")?,
    })
}
