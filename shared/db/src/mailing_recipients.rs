//! Who gets a promotional mail. The audience is written down in parts, each in a transaction with the note who was last; the rows
//! are announced to the queue until somebody has decided about them; and that is done once for each, when it is their turn: by
//! what they want at that moment. A crash anywhere loses nobody and writes to nobody twice.

use crate::error::{DbError, Result};
use crate::mailings::{messages, offer_over};
use crate::sql::{RowExt as _, params};
use domain::language::Language;
use domain::mailing::{
    ANNOUNCED_SECONDS, ANNOUNCEMENTS, Audience, MailingStatus, Messages, Skip, WEEK_SECONDS, had_enough,
};
use domain::{EventId, MailingId, Timestamp, UserId};
use tokio_postgres::{Client, Transaction};

const START_SQL: &str = "
    update mailings set status = 'sending', started_at = coalesce(started_at, $1), updated_at = $1
    where status = 'scheduled' and send_at <= $1";

/// Begins the mailings whose time has come. Returns how many.
pub async fn start(db: &Client, now: Timestamp) -> Result<u64> {
    Ok(db
        .execute_typed(START_SQL, params![TIMESTAMPTZ: now.inner()])
        .await?)
}

const UNSELECTED_SQL: &str = "
    select id from mailings where status = 'sending' and selected_at is null order by send_at, id limit $1";

/// Mailings of whose audience somebody was not looked at yet.
pub async fn unselected(db: &Client, limit: u32) -> Result<Vec<MailingId>> {
    let rows = db
        .query_typed(UNSELECTED_SQL, params![INT8: i64::from(limit)])
        .await?;
    rows.iter().map(|row| row.id("id", MailingId::new)).collect()
}

const LOCK_UNSELECTED_SQL: &str = "
    select organizer_id, audience, past_event_id, event_id, last_user from mailings
    where id = $1 and status = 'sending' and selected_at is null for no key update skip locked";

const SELECT_SQL: &str = "
    with page as (select user_id from mailing_audience($2, $3, $4, $5, $6, $7)),
         written as (
             insert into mailing_recipients (mailing_id, user_id, state, reason, decided_at)
             select $1, user_id, case when r.reason is null then 'waiting' else 'skipped' end, r.reason,
                    case when r.reason is not null then $8::timestamptz end
             from page join promotion_refusals r using (user_id)
             on conflict do nothing
         )
    select count(*) as people, max(user_id) as last_user from page";

const ADVANCE_SQL: &str = "
    update mailings set last_user = coalesce($2, last_user), selected_at = $3 where id = $1";

/// Writes down the next of an audience, at most `limit`, with the reason of those who get nothing; returns how many that were.
/// Nothing happens if another worker is at it, or it was paused.
pub async fn select_next(
    tx: &Transaction<'_>,
    mailing: MailingId,
    limit: u32,
    now: Timestamp,
) -> Result<usize> {
    let row = tx
        .query_typed_opt(LOCK_UNSELECTED_SQL, params![INT8: mailing.get()])
        .await?;
    let Some(row) = row else {
        return Ok(0);
    };
    let audience = row.word("audience", Audience::parse)?.as_str();
    let (organizer, past_event): (Option<i64>, Option<i64>) =
        (row.col("organizer_id")?, row.col("past_event_id")?);
    let (event, last): (Option<i64>, i64) = (row.col("event_id")?, row.col("last_user")?);
    let params = params![
        INT8: mailing.get(), TEXT: audience, INT8: organizer, INT8: past_event, INT8: event, INT8: last,
        INT8: i64::from(limit), TIMESTAMPTZ: now.inner(),
    ];
    let row = tx.query_typed_one(SELECT_SQL, params).await?;
    let people: i64 = row.col("people")?;
    let last: Option<i64> = row.col("last_user")?;
    let selected = (people < i64::from(limit)).then(|| now.inner());
    let params = params![INT8: mailing.get(), INT8: last, TIMESTAMPTZ: selected];
    tx.execute_typed(ADVANCE_SQL, params).await?;
    usize::try_from(people).map_err(|_| DbError::Value("people"))
}

const FINISH_SQL: &str = "
    update mailings m set status = 'sent', finished_at = $1, updated_at = $1
    where status = 'sending' and selected_at is not null
      and not exists (select from mailing_recipients r where r.mailing_id = m.id and r.state in ('waiting', 'sending'))";

/// Ends the mailings that have nobody left. Returns how many.
pub async fn finish(db: &Client, now: Timestamp) -> Result<u64> {
    Ok(db
        .execute_typed(FINISH_SQL, params![TIMESTAMPTZ: now.inner()])
        .await?)
}

const SENDING_SQL: &str = "select id from mailings where status = 'sending' order by send_at, id limit $1";

/// Mailings of which mails go, those first that began first.
pub async fn sending(db: &Client, limit: u32) -> Result<Vec<MailingId>> {
    let rows = db
        .query_typed(SENDING_SQL, params![INT8: i64::from(limit)])
        .await?;
    rows.iter().map(|row| row.id("id", MailingId::new)).collect()
}

const ON_THEIR_WAY_SQL: &str = "
    select count(*) as mails from mailing_recipients
    where state in ('waiting', 'sending') and announced_until is not null and announced_until > $1";

/// How many mails are announced and not decided about: about as many as are in the queue.
pub async fn on_their_way(db: &Client, now: Timestamp) -> Result<u32> {
    let row = db
        .query_typed_one(ON_THEIR_WAY_SQL, params![TIMESTAMPTZ: now.inner()])
        .await?;
    u32::try_from(row.col::<i64>("mails")?).map_err(|_| DbError::Value("mails"))
}

const GIVE_UP_SQL: &str = "
    update mailing_recipients set state = 'skipped', reason = 'failed', decided_at = $2, announced_until = null
    where mailing_id = $1 and state in ('waiting', 'sending') and announcements >= $3 and announced_until <= $2";

const ANNOUNCE_SQL: &str = "
    with due as (
        select user_id from mailing_recipients
        where mailing_id = $1 and state in ('waiting', 'sending') and (announced_until is null or announced_until <= $2)
        order by user_id limit $4 for update skip locked
    )
    update mailing_recipients r set announced_until = $3, announcements = announcements + 1
    from due where r.mailing_id = $1 and r.user_id = due.user_id
    returning r.user_id";

/// The next recipients of a mailing, at most `limit`, and notes that the queue is told of them. Whom nobody decides about is due
/// again after a while, and given up after [`ANNOUNCEMENTS`] times.
pub async fn announce(db: &Client, mailing: MailingId, limit: u32, now: Timestamp) -> Result<Vec<UserId>> {
    let most = i32::try_from(ANNOUNCEMENTS).unwrap_or(i32::MAX);
    let params = params![INT8: mailing.get(), TIMESTAMPTZ: now.inner(), INT4: most];
    db.execute_typed(GIVE_UP_SQL, params).await?;
    let until = now.plus_seconds(ANNOUNCED_SECONDS);
    let params = params![
        INT8: mailing.get(), TIMESTAMPTZ: now.inner(), TIMESTAMPTZ: until.inner(), INT8: i64::from(limit),
    ];
    let rows = db.query_typed(ANNOUNCE_SQL, params).await?;
    rows.iter().map(|row| row.id("user_id", UserId::new)).collect()
}

const WITHDRAW_SQL: &str = "
    update mailing_recipients set announced_until = null, announcements = 0
    where mailing_id = $1 and user_id = any($2) and state in ('waiting', 'sending')";

/// Notes that the queue knows nothing of these recipients: it took no message about them, or their mailing is paused.
pub async fn withdraw(db: &Client, mailing: MailingId, recipients: &[UserId]) -> Result<()> {
    let recipients: Vec<i64> = recipients.iter().map(|id| id.get()).collect();
    db.execute_typed(WITHDRAW_SQL, params![INT8: mailing.get(), INT8_ARRAY: recipients])
        .await?;
    Ok(())
}

/// What is to be done about a recipient whose turn it is.
#[derive(Debug)]
pub enum Turn {
    /// This mail goes to them.
    Go(Box<Promotion>),
    /// Their mailing is paused.
    Hold,
    /// Nothing, and why.
    Over(&'static str),
}

/// What a recipient is told.
#[derive(Debug)]
pub struct Promotion {
    /// Recipient's address.
    pub email: String,
    /// Recipient's name.
    pub name: String,
    /// The language they chose, if they did.
    pub language: Option<Language>,
    /// Who writes; `None` if it is the platform.
    pub sender: Option<String>,
    /// What is said.
    pub messages: Messages,
    /// The event that is promoted.
    pub event: Option<PromotedEvent>,
    /// The promo code, and until when it is good.
    pub promo: Option<(String, Timestamp)>,
}

/// An event that is promoted.
#[derive(Debug)]
pub struct PromotedEvent {
    /// Its id.
    pub id: EventId,
    /// What it is called.
    pub name: String,
    /// When it begins.
    pub date: Timestamp,
    /// Zone of the place.
    pub time_zone: String,
    /// Where it takes place.
    pub location: String,
}

const LOCK_SQL: &str = "
    select state in ('waiting', 'sending') as open from mailing_recipients where mailing_id = $1 and user_id = $2 for update";

// Two mails to one person wait here for each other, so that each counts the other; so does somebody who unsubscribes.
const LOCK_WISHES_SQL: &str = "select 1 as one from preferences where user_id = $1 for update";

// Whoever pauses or cancels waits for the mailing, too: when that has answered, nobody begins with a mail of it.
const LOOK_SQL: &str = concat!(
    "select m.status, m.indonesian_subject, m.indonesian_text, m.english_subject, m.english_text, r.reason, ",
    offer_over!(),
    " as over, u.email, u.name, w.language, s.name as sender, e.id as event, e.name as event_name, e.date, e.time_zone,
    e.location, c.code, least(c.valid_to, g.ends_at) as valid_to,
    (select count(*) from mailing_recipients o
     where o.user_id = u.id and o.mailing_id <> m.id and o.state in ('sending', 'sent') and o.decided_at > $4)::int as of_all,
    (select count(*) from mailing_recipients o join mailings om on om.id = o.mailing_id
     where o.user_id = u.id and o.mailing_id <> m.id and o.state in ('sending', 'sent') and o.decided_at > $4
       and om.organizer_id is not distinct from m.organizer_id)::int as of_sender
    from mailings m
    join users u on u.id = $3
    join promotion_refusals r on r.user_id = u.id
    left join preferences w on w.user_id = u.id
    left join users s on s.id = m.organizer_id
    left join events e on e.id = m.event_id
    left join promo_codes c on c.id = m.promo_id
    left join promo_campaigns g on g.id = c.campaign_id
    where m.id = $1 for share of m"
);

const DECIDE_SQL: &str = "
    update mailing_recipients set state = $3, reason = $4, decided_at = $5
    where mailing_id = $1 and user_id = $2 and state in ('waiting', 'sending')";

/// Decides about a recipient, by all that is true at this moment. Whoever is to get the mail counts as somebody who got it from
/// then on; whoever is not is skipped for good.
pub async fn begin(
    tx: &Transaction<'_>,
    mailing: MailingId,
    recipient: UserId,
    now: Timestamp,
) -> Result<Turn> {
    let params = params![INT8: mailing.get(), INT8: recipient.get()];
    match tx.query_typed_opt(LOCK_SQL, params).await? {
        None => return Ok(Turn::Over("there is no such recipient any more")),
        Some(row) if !row.col::<bool>("open")? => {
            return Ok(Turn::Over("it was decided about the recipient"));
        }
        Some(_) => {}
    }
    tx.query_typed_opt(LOCK_WISHES_SQL, params![INT8: recipient.get()])
        .await?;
    let week = now.plus_seconds(-WEEK_SECONDS);
    let params = params![
        INT8: mailing.get(), TIMESTAMPTZ: now.inner(), INT8: recipient.get(), TIMESTAMPTZ: week.inner(),
    ];
    let row = tx.query_typed_one(LOOK_SQL, params).await?;
    match row.word("status", MailingStatus::parse)? {
        MailingStatus::Sending => {}
        MailingStatus::Draft | MailingStatus::Scheduled | MailingStatus::Paused => return Ok(Turn::Hold),
        MailingStatus::Sent | MailingStatus::Cancelled => return Ok(Turn::Over("the mailing has ended")),
    }
    let refusal = row.col::<Option<&str>>("reason")?;
    let refusal = refusal.map(|name| Skip::parse(name).ok_or(DbError::Value("reason")));
    let skip = match refusal.transpose()? {
        Some(reason) => Some(reason),
        None if row.col("over")? => Some(Skip::OfferOver),
        None => had_enough(row.count("of_sender")?, row.count("of_all")?).then_some(Skip::TooMany),
    };
    let (state, reason) = match skip {
        Some(reason) => ("skipped", Some(reason.as_str())),
        None => ("sending", None),
    };
    let params = params![
        INT8: mailing.get(), INT8: recipient.get(), TEXT: state, TEXT: reason, TIMESTAMPTZ: now.inner(),
    ];
    tx.execute_typed(DECIDE_SQL, params).await?;
    if let Some(reason) = reason {
        return Ok(Turn::Over(reason));
    }
    let event = match row.col::<Option<i64>>("event")? {
        Some(id) => Some(PromotedEvent {
            id: EventId::new(id),
            name: row.col("event_name")?,
            date: row.time("date")?,
            time_zone: row.col("time_zone")?,
            location: row.col("location")?,
        }),
        None => None,
    };
    let language = row.col::<Option<&str>>("language")?;
    Ok(Turn::Go(Box::new(Promotion {
        email: row.col("email")?,
        name: row.col("name")?,
        language: language.and_then(Language::parse),
        sender: row.col("sender")?,
        messages: messages(&row)?,
        event,
        promo: row.col::<Option<String>>("code")?.zip(row.time_opt("valid_to")?),
    })))
}

const SETTLE_SQL: &str = "
    update mailing_recipients r
    set state = case when l.sent_at is not null then 'sent' else 'skipped' end,
        reason = case when l.sent_at is null then 'refused' end,
        decided_at = coalesce(l.sent_at, l.dropped_at), announced_until = null
    from mail_log l
    where l.message_id = $1 and (l.sent_at is not null or l.dropped_at is not null)
      and r.mailing_id = $2 and r.user_id = $3 and r.state = 'sending'";

/// Notes of a recipient with whose mail somebody began what the log says of it. The log is written first: whoever dies between the
/// two is set right by the next delivery, which the log ends.
pub async fn settle(db: &Client, message: &str, mailing: MailingId, recipient: UserId) -> Result<()> {
    let params = params![TEXT: message, INT8: mailing.get(), INT8: recipient.get()];
    db.execute_typed(SETTLE_SQL, params).await?;
    Ok(())
}
