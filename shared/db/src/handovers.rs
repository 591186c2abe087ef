//! Tickets on their way to other people: offers, what became of them, and the codes that tickets had before.
//!
//! Whatever changes an offer or a code holds the lock of the ticket first: of an acceptance, a withdrawal, a scan and a refund at the
//! same moment one comes first, and the others see what it made of the ticket.

use crate::error::{DbError, Result};
use crate::notifications;
use crate::sql::{self, RowExt as _, params};
use domain::check_in::TicketState;
use domain::event::EventStatus;
use domain::handover::{HandoverHours, HandoverStatus, Policy, Rules};
use domain::message::Mail;
use domain::notice::Notice;
use domain::page::Page;
use domain::user::{Email, PersonName};
use domain::{EventId, HandoverId, IssuedTicketId, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// A ticket that this transaction holds, as far as it matters to whom it goes.
#[derive(Debug, Clone)]
pub struct Held {
    /// Its id.
    pub id: IssuedTicketId,
    /// What its QR code carries.
    pub code: String,
    /// Who holds it.
    pub holder: UserId,
    /// Whose name is on it.
    pub holder_name: String,
    /// Where it stands.
    pub state: TicketState,
    /// What its kind is called.
    pub kind_name: String,
    /// Its event.
    pub event: EventId,
    /// What the event is called.
    pub event_name: String,
    /// What decides whether it changes hands.
    pub rules: Rules,
}

const LOCK_OWN_SQL: &str = "select id from issued_tickets where code = $1 and holder_id = $2 for update";
const LOCK_SQL: &str = "select id from issued_tickets where id = $1 for update";

// A statement of its own: one that waited for the lock would see what was true before.
const READ_HELD_SQL: &str = "
    select i.id, i.code, i.holder_id, i.holder_name, i.status, k.name as kind_name, e.id as event_id, e.name as event_name,
           e.status as event_status, e.date, e.transfers_allowed, e.renames_allowed, e.transfer_hours
    from issued_tickets i join ticket_types k on k.id = i.ticket_type_id join events e on e.id = i.event_id
    where i.id = $1";

/// Locks a ticket of this holder, by what its QR code carries. `None` if they have no such ticket, or not any more.
pub async fn lock_own(tx: &Transaction<'_>, code: &str, holder: UserId) -> Result<Option<Held>> {
    let params = params![TEXT: code, INT8: holder.get()];
    match tx.query_typed_opt(LOCK_OWN_SQL, params).await? {
        Some(row) => Ok(Some(read_held(tx, row.id("id", IssuedTicketId::new)?).await?)),
        None => Ok(None),
    }
}

/// Locks a ticket, whoever holds it.
pub async fn lock_ticket(tx: &Transaction<'_>, ticket: IssuedTicketId) -> Result<Held> {
    tx.query_typed_one(LOCK_SQL, params![INT8: ticket.get()]).await?;
    read_held(tx, ticket).await
}

async fn read_held(tx: &Transaction<'_>, ticket: IssuedTicketId) -> Result<Held> {
    let row = tx
        .query_typed_one(READ_HELD_SQL, params![INT8: ticket.get()])
        .await?;
    // Whether it was a refund that took a ticket back makes no difference here.
    let state = TicketState::of(row.col("status")?, false);
    Ok(Held {
        id: row.id("id", IssuedTicketId::new)?,
        code: row.col("code")?,
        holder: row.id("holder_id", UserId::new)?,
        holder_name: row.col("holder_name")?,
        state: state.ok_or(DbError::Value("issued_tickets.status"))?,
        kind_name: row.col("kind_name")?,
        event: row.id("event_id", EventId::new)?,
        event_name: row.col("event_name")?,
        rules: Rules {
            policy: read_policy(&row)?,
            event: row.word("event_status", EventStatus::parse)?,
            begins: row.time("date")?,
        },
    })
}

const LOCK_ACCOUNTS_SQL: &str =
    "select id from users where id = any($1) and deleted_at is null order by id for share";

/// Keeps accounts from being erased before the end of the transaction. They come before everything else that is locked. Returns
/// those that are there.
pub async fn lock_accounts(tx: &Transaction<'_>, accounts: &[UserId]) -> Result<Vec<UserId>> {
    let ids: Vec<i64> = accounts.iter().map(|id| id.get()).collect();
    let rows = tx
        .query_typed(LOCK_ACCOUNTS_SQL, params![INT8_ARRAY: ids])
        .await?;
    rows.iter().map(|row| row.id("id", UserId::new)).collect()
}

const PROVED_ADDRESS_SQL: &str =
    "select email from users where id = $1 and is_verified and not is_guest and deleted_at is null";

/// The mail address of an account if it has proved it: what is offered to that address is for that account. `None` for guests, who may
/// have the address of somebody with an account.
pub async fn proved_address(tx: &Transaction<'_>, account: UserId) -> Result<Option<String>> {
    let row = tx
        .query_typed_opt(PROVED_ADDRESS_SQL, params![INT8: account.get()])
        .await?;
    row.as_ref().map(|row| row.col("email")).transpose()
}

const CLOSE_EXPIRED_SQL: &str = "
    update handovers set status = 'expired', token_hash = null, decided_at = expires_at
    where ticket_id = $1 and status = 'open' and expires_at <= $2";
const IS_OFFERED_SQL: &str =
    "select exists (select from handovers where ticket_id = $1 and status = 'open') as offered";

/// Whether a locked ticket is offered to somebody. An offer whose time is over is closed.
pub async fn is_offered(tx: &Transaction<'_>, ticket: IssuedTicketId, now: Timestamp) -> Result<bool> {
    let params = params![INT8: ticket.get(), TIMESTAMPTZ: now.inner()];
    tx.execute_typed(CLOSE_EXPIRED_SQL, params).await?;
    let row = tx
        .query_typed_one(IS_OFFERED_SQL, params![INT8: ticket.get()])
        .await?;
    row.col("offered")
}

const MADE_SQL: &str = "
    select (select count(*) from (select from handovers where from_id = $1 and created_at > $3 limit $4) mine)::int as by_account,
           (select count(*) from (select from handovers where lower(to_email) = lower($2) and created_at > $3 limit $4) theirs)::int
               as to_address";

/// How many offers an account made since a time, and how many went to an address, whoever made them: at most `most` of each are
/// counted.
pub async fn made_since(
    tx: &Transaction<'_>,
    account: UserId,
    address: &Email,
    since: Timestamp,
    most: u32,
) -> Result<(u32, u32)> {
    let params = params![
        INT8: account.get(), TEXT: address.as_str(), TIMESTAMPTZ: since.inner(), INT8: i64::from(most),
    ];
    let row = tx.query_typed_one(MADE_SQL, params).await?;
    Ok((row.count("by_account")?, row.count("to_address")?))
}

const INSERT_SQL: &str = "
    insert into handovers (ticket_id, from_id, to_email, token_hash, created_at, expires_at) values ($1, $2, $3, $4, $5, $6)
    returning id";

/// Offers a locked ticket that is not offered yet; `hash` is that of the token in the link.
pub async fn insert(
    tx: &Transaction<'_>,
    ticket: &Held,
    to: &Email,
    hash: &[u8; 32],
    expires: Timestamp,
    now: Timestamp,
) -> Result<HandoverId> {
    let params = params![
        INT8: ticket.id.get(), INT8: ticket.holder.get(), TEXT: to.as_str(), BYTEA: hash.as_slice(),
        TIMESTAMPTZ: now.inner(), TIMESTAMPTZ: expires.inner(),
    ];
    tx.query_typed_one(INSERT_SQL, params)
        .await?
        .id("id", HandoverId::new)
}

/// Whether an offer is for somebody: they accepted or declined it, or have proved that its address is theirs.
macro_rules! is_for {
    ($account:literal) => {
        concat!(
            "(h.to_id = ",
            $account,
            " or lower(h.to_email) = (select lower(u.email) from users u where u.id = ",
            $account,
            " and u.is_verified and not u.is_guest and u.deleted_at is null))"
        )
    };
}

/// An offer that is somebody's business.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    /// Its id.
    pub id: HandoverId,
    /// What is offered.
    pub ticket: IssuedTicketId,
    /// Who offers it.
    pub from: UserId,
}

const SENT_SQL: &str =
    "select h.id, h.ticket_id, h.from_id from handovers h where h.id = $1 and h.from_id = $2";

/// An offer of this account.
pub async fn sent(db: &Client, id: HandoverId, from: UserId) -> Result<Option<Offer>> {
    let params = params![INT8: id.get(), INT8: from.get()];
    let row = db.query_typed_opt(SENT_SQL, params).await?;
    row.as_ref().map(read_offer).transpose()
}

const RECEIVED_SQL: &str = concat!(
    "select h.id, h.ticket_id, h.from_id from handovers h where h.id = $1 and ",
    is_for!("$2")
);

/// An offer to this account.
pub async fn received(db: &Client, id: HandoverId, to: UserId) -> Result<Option<Offer>> {
    let params = params![INT8: id.get(), INT8: to.get()];
    let row = db.query_typed_opt(RECEIVED_SQL, params).await?;
    row.as_ref().map(read_offer).transpose()
}

fn read_offer(row: &Row) -> Result<Offer> {
    Ok(Offer {
        id: row.id("id", HandoverId::new)?,
        ticket: row.id("ticket_id", IssuedTicketId::new)?,
        from: row.id("from_id", UserId::new)?,
    })
}

const STANDS_SQL: &str = "select status, expires_at from handovers where id = $1 for no key update";

/// Where an offer of a locked ticket stands, and until when it is open.
pub async fn lock(tx: &Transaction<'_>, id: HandoverId) -> Result<(HandoverStatus, Timestamp)> {
    let row = tx.query_typed_one(STANDS_SQL, params![INT8: id.get()]).await?;
    Ok((
        row.word("status", HandoverStatus::parse)?,
        row.time("expires_at")?,
    ))
}

const END_SQL: &str = "
    update handovers set status = $2, to_id = $3, token_hash = null, decided_at = $4 where id = $1 and status = 'open'";

/// Ends an open offer of a locked ticket; `by` is the recipient, if it was they.
pub async fn end(
    tx: &Transaction<'_>,
    id: HandoverId,
    status: HandoverStatus,
    by: Option<UserId>,
    now: Timestamp,
) -> Result<()> {
    let params = params![
        INT8: id.get(), TEXT: status.as_str(), INT8: by.map(UserId::get), TIMESTAMPTZ: now.inner(),
    ];
    tx.execute_typed(END_SQL, params).await?;
    Ok(())
}

const RETIRE_SQL: &str = "
    insert into retired_codes (code, ticket_id, event_id, holder_id, reason, handover_id, retired_at)
    select code, id, event_id, holder_id, case when $2::bigint is null then 'renamed' else 'transferred' end, $2, $3
    from issued_tickets where id = $1";
const RENEW_SQL: &str = "update issued_tickets set code = $2, holder_id = $3, holder_name = $4 where id = $1";

async fn renew(
    tx: &Transaction<'_>,
    ticket: &Held,
    by: Option<HandoverId>,
    (holder, name): (UserId, &PersonName),
    code: &str,
    now: Timestamp,
) -> Result<()> {
    let params = params![INT8: ticket.id.get(), INT8: by.map(HandoverId::get), TIMESTAMPTZ: now.inner()];
    tx.execute_typed(RETIRE_SQL, params).await?;
    let params = params![INT8: ticket.id.get(), TEXT: code, INT8: holder.get(), TEXT: name.as_str()];
    tx.execute_typed(RENEW_SQL, params).await?;
    Ok(())
}

/// Gives a locked ticket to whoever accepts its open offer, under a new code: 128 random bits in hexadecimal.
pub async fn accept(
    tx: &Transaction<'_>,
    ticket: &Held,
    offer: HandoverId,
    to: UserId,
    name: &PersonName,
    code: &str,
    now: Timestamp,
) -> Result<()> {
    end(tx, offer, HandoverStatus::Accepted, Some(to), now).await?;
    renew(tx, ticket, Some(offer), (to, name), code, now).await
}

/// Puts another name on a locked ticket, under a new code: 128 random bits in hexadecimal.
pub async fn rename(
    tx: &Transaction<'_>,
    ticket: &Held,
    name: &PersonName,
    code: &str,
    now: Timestamp,
) -> Result<()> {
    renew(tx, ticket, None, (ticket.holder, name), code, now).await
}

const CODES_SINCE_SQL: &str =
    "select count(*)::int as codes from retired_codes where ticket_id = $1 and retired_at > $2";

/// How many codes a locked ticket has lost since a time.
pub async fn codes_since(tx: &Transaction<'_>, ticket: IssuedTicketId, since: Timestamp) -> Result<u32> {
    let params = params![INT8: ticket.get(), TIMESTAMPTZ: since.inner()];
    tx.query_typed_one(CODES_SINCE_SQL, params).await?.count("codes")
}

/// An offer as those see it whose business it is.
#[derive(Debug, Clone)]
pub struct Handover {
    /// Its id.
    pub id: HandoverId,
    /// Who offers the ticket.
    pub from: UserId,
    /// Their name.
    pub from_name: String,
    /// To which address; `None` once one of both has left.
    pub to: Option<String>,
    /// Where it stands.
    pub status: HandoverStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is open.
    pub expires_at: Timestamp,
    /// When it ended.
    pub decided_at: Option<Timestamp>,
    /// The ticket.
    pub ticket: IssuedTicketId,
    /// Its code, while whoever offers it has it.
    pub senders_code: Option<String>,
    /// What its kind is called.
    pub kind_name: String,
    /// Its event.
    pub event: EventId,
    /// What the event is called.
    pub event_name: String,
    /// When the event begins.
    pub event_date: Timestamp,
    /// Zone of the place.
    pub event_time_zone: String,
    /// Where it takes place.
    pub event_location: String,
}

macro_rules! handovers {
    ($more:literal) => {
        concat!(
            "select h.id, h.from_id, f.name as from_name, h.to_email, h.status, h.created_at, h.expires_at, h.decided_at, h.ticket_id,
                    case when i.holder_id = h.from_id then i.code end as senders_code, k.name as kind_name, e.id as event_id, e.name as event_name, e.date as event_date,
                    e.time_zone as event_time_zone, e.location as event_location",
            $more,
            " from handovers h join users f on f.id = h.from_id join issued_tickets i on i.id = h.ticket_id
              join ticket_types k on k.id = i.ticket_type_id join events e on e.id = i.event_id "
        )
    };
}

/// Whose offers are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Those that somebody makes.
    Sent,
    /// Those that somebody gets.
    Received,
}

const LIST_SENT_SQL: &str = concat!(
    handovers!(", count(*) over () as total"),
    "where h.from_id = $1 order by h.id desc limit $2 offset $3"
);
const LIST_RECEIVED_SQL: &str = concat!(
    handovers!(", count(*) over () as total"),
    "where ",
    is_for!("$1"),
    " order by h.id desc limit $2 offset $3"
);

/// A page of the offers of somebody, newest first, and how many there are in all.
pub async fn list(
    db: &Client,
    account: UserId,
    direction: Direction,
    page: Page,
) -> Result<(Vec<Handover>, i64)> {
    let rows = rows_of(db, account, direction, (i64::from(page.limit), page.offset())).await?;
    let counted = async {
        let first = rows_of(db, account, direction, (1, 0)).await?;
        first.first().map_or(Ok(0), |row| row.col("total"))
    };
    let total = sql::total(&rows, page, counted).await?;
    Ok((rows.iter().map(read).collect::<Result<_>>()?, total))
}

async fn rows_of(
    db: &Client,
    account: UserId,
    direction: Direction,
    (limit, offset): (i64, i64),
) -> Result<Vec<Row>> {
    let params = params![INT8: account.get(), INT8: limit, INT8: offset];
    Ok(match direction {
        Direction::Sent => db.query_typed(LIST_SENT_SQL, params).await?,
        Direction::Received => db.query_typed(LIST_RECEIVED_SQL, params).await?,
    })
}

const FIND_SQL: &str = concat!(handovers!(""), "where h.id = $1");

/// An offer.
pub async fn find(db: &Client, id: HandoverId) -> Result<Option<Handover>> {
    let row = db.query_typed_opt(FIND_SQL, params![INT8: id.get()]).await?;
    row.as_ref().map(read).transpose()
}

const BY_TOKEN_SQL: &str = concat!(handovers!(""), "where h.token_hash = $1");

/// The open offer to which a link leads.
pub async fn by_token(db: &Client, hash: &[u8; 32]) -> Result<Option<Handover>> {
    let row = db
        .query_typed_opt(BY_TOKEN_SQL, params![BYTEA: hash.as_slice()])
        .await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<Handover> {
    Ok(Handover {
        id: row.id("id", HandoverId::new)?,
        from: row.id("from_id", UserId::new)?,
        from_name: row.col("from_name")?,
        to: row.col("to_email")?,
        status: row.word("status", HandoverStatus::parse)?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        decided_at: row.time_opt("decided_at")?,
        ticket: row.id("ticket_id", IssuedTicketId::new)?,
        senders_code: row.col("senders_code")?,
        kind_name: row.col("kind_name")?,
        event: row.id("event_id", EventId::new)?,
        event_name: row.col("event_name")?,
        event_date: row.time("event_date")?,
        event_time_zone: row.col("event_time_zone")?,
        event_location: row.col("event_location")?,
    })
}

const RECIPIENT_SQL: &str = "select to_id from handovers where id = $1 and status = 'accepted'";

/// Who accepted an offer, if somebody did.
pub async fn recipient(db: &Client, id: HandoverId) -> Result<Option<UserId>> {
    let row = db.query_typed_opt(RECIPIENT_SQL, params![INT8: id.get()]).await?;
    row.as_ref().map(|row| row.id("to_id", UserId::new)).transpose()
}

const RETIRED_AT_GATE_SQL: &str = "
    select exists (
        select from retired_codes r join events e on e.id = r.event_id
        where r.code = $1 and (e.organizer_id = $2 or $3
            or exists (select from event_staff s where s.event_id = e.id and s.user_id = $2))) as retired";

/// Whether a code is one that a ticket had before, of an event that somebody organizes or checks tickets at (of any if `any_event`).
pub async fn is_retired_at_gate(db: &Client, code: &str, checker: UserId, any_event: bool) -> Result<bool> {
    let params = params![TEXT: code, INT8: checker.get(), BOOL: any_event];
    db.query_typed_one(RETIRED_AT_GATE_SQL, params)
        .await?
        .col("retired")
}

const TAKEN_SQL: &str = "
    select i.id, i.holder_id, k.name as kind_name, e.name as event_name
    from issued_tickets i join ticket_types k on k.id = i.ticket_type_id join events e on e.id = i.event_id
    where i.id = any($1) and i.holder_id <> $2 order by i.id";

/// Tells those within the application who held tickets that were just voided and did not pay for them, unless they are told there
/// of an event that was called off. Returns what is to be mailed to them.
pub(crate) async fn tell_of_void(
    tx: &Transaction<'_>,
    buyer: UserId,
    tickets: &[IssuedTicketId],
    called_off: bool,
    now: Timestamp,
) -> Result<Vec<Mail>> {
    let ids: Vec<i64> = tickets.iter().map(|id| id.get()).collect();
    let params = params![INT8_ARRAY: ids, INT8: buyer.get()];
    let rows = tx.query_typed(TAKEN_SQL, params).await?;
    let mut mails = Vec::new();
    for row in &rows {
        let (ticket, holder) = (
            row.id("id", IssuedTicketId::new)?,
            row.id("holder_id", UserId::new)?,
        );
        if !called_off {
            let notice = Notice::TicketVoid {
                ticket: row.col("kind_name")?,
                event: row.col("event_name")?,
            };
            notifications::tell(tx, holder, &notice, &ticket.to_string(), now).await?;
        }
        mails.push(Mail::TicketVoid { ticket, holder });
    }
    Ok(mails)
}

// By whichever of both leaves: the address is the recipient's, and was typed by the sender.
const ERASE_SQL: &str = "
    update handovers
    set to_email = null, token_hash = null, status = case status when 'open' then 'ended' else status end,
        decided_at = coalesce(decided_at, $3)
    where from_id = $1 or to_id = $1 or lower(to_email) = lower($2)";

/// Ends the offers of an account that is erased, and those to its address if that is given, and forgets the addresses. Its tickets are
/// locked.
pub(crate) async fn erase(
    tx: &Transaction<'_>,
    account: UserId,
    address: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    let params = params![INT8: account.get(), TEXT: address, TIMESTAMPTZ: now.inner()];
    tx.execute_typed(ERASE_SQL, params).await?;
    Ok(())
}

const MOVE_OFFERS_SQL: &str = "update handovers set from_id = $1 where from_id = any($2)";
const MOVE_CODES_SQL: &str = "update retired_codes set holder_id = $1 where holder_id = any($2)";

/// Makes offers and codes of guests those of the account that takes over their tickets, which are locked.
pub(crate) async fn move_from_guests(tx: &Transaction<'_>, account: UserId, guests: &[i64]) -> Result<()> {
    let params = params![INT8: account.get(), INT8_ARRAY: guests];
    tx.execute_typed(MOVE_OFFERS_SQL, params).await?;
    tx.execute_typed(MOVE_CODES_SQL, params).await?;
    Ok(())
}

fn read_policy(row: &Row) -> Result<Policy> {
    let hours = HandoverHours::new(row.count("transfer_hours")?);
    Ok(Policy {
        transfers: row.col("transfers_allowed")?,
        renames: row.col("renames_allowed")?,
        hours: hours.ok_or(DbError::Value("events.transfer_hours"))?,
    })
}

const POLICY_SQL: &str = "
    select transfers_allowed, renames_allowed, transfer_hours from events
    where id = $1 and (status <> 'draft' or organizer_id = $2 or $3)";

/// What the organizer of an event that somebody may see allows.
pub async fn policy(
    db: &Client,
    event: EventId,
    viewer: Option<UserId>,
    sees_all: bool,
) -> Result<Option<Policy>> {
    let params = params![INT8: event.get(), INT8: viewer.map(UserId::get), BOOL: sees_all];
    let row = db.query_typed_opt(POLICY_SQL, params).await?;
    row.as_ref().map(read_policy).transpose()
}

const SET_POLICY_SQL: &str = "
    update events e set transfers_allowed = $4, renames_allowed = $5, transfer_hours = $6, updated_at = $7
    from (select id, transfers_allowed, renames_allowed, transfer_hours from events
          where id = $1 and (organizer_id = $2 or $3) for update) before
    where e.id = before.id
    returning before.transfers_allowed, before.renames_allowed, before.transfer_hours";

/// Sets what is allowed with tickets of an event of this organizer, or of any. Returns what was allowed before, if there is such an
/// event.
pub async fn set_policy(
    tx: &Transaction<'_>,
    event: EventId,
    organizer: UserId,
    any_owner: bool,
    policy: Policy,
    now: Timestamp,
) -> Result<Option<Policy>> {
    let hours = crate::ticket_types::int(policy.hours.get());
    let params = params![
        INT8: event.get(), INT8: organizer.get(), BOOL: any_owner, BOOL: policy.transfers, BOOL: policy.renames,
        INT4: hours, TIMESTAMPTZ: now.inner(),
    ];
    let row = tx.query_typed_opt(SET_POLICY_SQL, params).await?;
    row.as_ref().map(read_policy).transpose()
}
