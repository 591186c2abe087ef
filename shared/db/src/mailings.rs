//! Promotional mails to many people, as those see them who write them. Who gets one is the business of
//! [`crate::mailing_recipients`].

use crate::error::{DbError, Result};
use crate::sql::{self, RowExt as _, params};
use domain::language::Language;
use domain::mailing::{Audience, Body, MailingStatus, Messages, Progress, Skip, SubjectLine, Words};
use domain::page::Page;
use domain::promo_code::PromoCode;
use domain::{EventId, MailingId, PromoId, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// What a mailing says, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// To whom it goes.
    pub audience: Audience,
    /// The event whose buyers these are, if not those of all.
    pub past_event: Option<EventId>,
    /// The event that is promoted.
    pub event: Option<EventId>,
    /// The promo code that is shown.
    pub promo: Option<PromoId>,
    /// What is said.
    pub messages: Messages,
}

/// A mailing.
#[derive(Debug, Clone)]
pub struct Mailing {
    /// Its id.
    pub id: MailingId,
    /// Who writes; `None` if it is the platform.
    pub organizer: Option<UserId>,
    /// What it says, and to whom.
    pub content: Content,
    /// The promo code that is shown, as buyers type it.
    pub code: Option<String>,
    /// Where it stands.
    pub status: MailingStatus,
    /// When it begins, or was to begin.
    pub send_at: Option<Timestamp>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When everybody of its audience had been looked at.
    pub selected_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

macro_rules! columns {
    () => {
        "m.id, m.organizer_id, m.audience, m.past_event_id, m.event_id, m.promo_id, m.indonesian_subject, m.indonesian_text,
         m.english_subject, m.english_text, m.status, m.send_at, m.started_at, m.selected_at, m.finished_at, m.created_at,
         m.updated_at, c.code"
    };
}

const INSERT_SQL: &str = "
    insert into mailings (organizer_id, audience, past_event_id, event_id, promo_id, indonesian_subject, indonesian_text,
                          english_subject, english_text, status, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'draft', $10, $10)
    returning id";

/// Keeps a draft.
pub async fn insert(
    tx: &Transaction<'_>,
    organizer: Option<UserId>,
    content: &Content,
    now: Timestamp,
) -> Result<MailingId> {
    let (id, en) = (
        content.messages.words(Language::Id),
        content.messages.words(Language::En),
    );
    let params = params![
        INT8: organizer.map(UserId::get), TEXT: content.audience.as_str(), INT8: content.past_event.map(EventId::get),
        INT8: content.event.map(EventId::get), INT8: content.promo.map(PromoId::get), TEXT: subject(id), TEXT: text(id),
        TEXT: subject(en), TEXT: text(en), TIMESTAMPTZ: now.inner(),
    ];
    tx.query_typed_one(INSERT_SQL, params)
        .await?
        .id("id", MailingId::new)
}

fn subject(words: Option<&Words>) -> Option<&str> {
    words.map(|words| words.subject.as_str())
}

fn text(words: Option<&Words>) -> Option<&str> {
    words.map(|words| words.text.as_str())
}

const LIST_SQL: &str = concat!(
    "select ",
    columns!(),
    ", count(*) over () as total from mailings m left join promo_codes c on c.id = m.promo_id
    where m.organizer_id = $1 or $2 order by m.id desc limit $3 offset $4"
);

const COUNT_SQL: &str = "select count(*) as total from mailings where organizer_id = $1 or $2";

/// A page of an organizer's mailings (of all, for an admin), newest first, and how many there are.
pub async fn list(
    db: &Client,
    organizer: UserId,
    any_owner: bool,
    page: Page,
) -> Result<(Vec<Mailing>, i64)> {
    let limit = i64::from(page.limit);
    let params = params![INT8: organizer.get(), BOOL: any_owner, INT8: limit, INT8: page.offset()];
    let rows = db.query_typed(LIST_SQL, params).await?;
    let counted = async {
        let params = params![INT8: organizer.get(), BOOL: any_owner];
        db.query_typed_one(COUNT_SQL, params).await?.col("total")
    };
    let total = sql::total(&rows, page, counted).await?;
    Ok((rows.iter().map(read).collect::<Result<_>>()?, total))
}

const FIND_SQL: &str = concat!(
    "select ",
    columns!(),
    " from mailings m left join promo_codes c on c.id = m.promo_id where m.id = $1 and (m.organizer_id = $2 or $3)"
);

/// A mailing of this organizer (any for an admin).
pub async fn find(db: &Client, id: MailingId, organizer: UserId, any_owner: bool) -> Result<Option<Mailing>> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    let row = db.query_typed_opt(FIND_SQL, params).await?;
    row.as_ref().map(read).transpose()
}

const LOCK_SQL: &str = concat!(
    "select ",
    columns!(),
    " from mailings m left join promo_codes c on c.id = m.promo_id
    where m.id = $1 and (m.organizer_id = $2 or $3) for no key update of m"
);

/// The same, locked: nobody begins with a mail of it meanwhile.
pub async fn lock(
    tx: &Transaction<'_>,
    id: MailingId,
    organizer: UserId,
    any_owner: bool,
) -> Result<Option<Mailing>> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    let row = tx.query_typed_opt(LOCK_SQL, params).await?;
    row.as_ref().map(read).transpose()
}

const EDIT_SQL: &str = "
    update mailings
    set audience = $2, past_event_id = $3, event_id = $4, promo_id = $5, indonesian_subject = $6, indonesian_text = $7,
        english_subject = $8, english_text = $9, updated_at = $10
    where id = $1";

/// Gives a locked draft another content.
pub async fn edit(tx: &Transaction<'_>, id: MailingId, content: &Content, now: Timestamp) -> Result<()> {
    let (indonesian, english) = (
        content.messages.words(Language::Id),
        content.messages.words(Language::En),
    );
    let params = params![
        INT8: id.get(), TEXT: content.audience.as_str(), INT8: content.past_event.map(EventId::get),
        INT8: content.event.map(EventId::get), INT8: content.promo.map(PromoId::get), TEXT: subject(indonesian),
        TEXT: text(indonesian), TEXT: subject(english), TEXT: text(english), TIMESTAMPTZ: now.inner(),
    ];
    tx.execute_typed(EDIT_SQL, params).await?;
    Ok(())
}

const MOVE_SQL: &str = "
    update mailings
    set status = $2, send_at = coalesce($3, send_at), updated_at = $4,
        finished_at = case when $2 = 'cancelled' then $4 end
    where id = $1";

/// Moves a locked mailing, and with `send_at` gives it a time to begin.
pub async fn set_status(
    tx: &Transaction<'_>,
    id: MailingId,
    status: MailingStatus,
    send_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<()> {
    let params = params![
        INT8: id.get(), TEXT: status.as_str(), TIMESTAMPTZ: send_at.map(Timestamp::inner), TIMESTAMPTZ: now.inner(),
    ];
    tx.execute_typed(MOVE_SQL, params).await?;
    Ok(())
}

const NEAR_SQL: &str = "
    select count(*) as others from mailings
    where organizer_id = $1 and id <> $2 and send_at > $3 and send_at < $4
      and (started_at is not null or status in ('scheduled', 'paused'))";

/// How many other mailings of an organizer whose account is locked begin between two moments, or have begun.
pub async fn count_between(
    tx: &Transaction<'_>,
    organizer: UserId,
    except: MailingId,
    after: Timestamp,
    before: Timestamp,
) -> Result<usize> {
    let params = params![
        INT8: organizer.get(), INT8: except.get(), TIMESTAMPTZ: after.inner(), TIMESTAMPTZ: before.inner(),
    ];
    let others: i64 = tx.query_typed_one(NEAR_SQL, params).await?.col("others")?;
    usize::try_from(others).map_err(|_| DbError::Value("others"))
}

/// Whether what a mailing (`m`) offers is over at a moment (`$2`).
macro_rules! offer_over {
    () => {
        "(exists (select from events e where e.id = m.event_id
                  and (e.status <> 'published' or coalesce(e.ends_at, e.date + interval '1 day') <= $2))
          or exists (select from promo_codes c left join promo_campaigns g on g.id = c.campaign_id
                     where c.id = m.promo_id and (c.deleted_at is not null or least(c.valid_to, g.ends_at) <= $2))
          or exists (select from users o where o.id = m.organizer_id
                     and (o.deleted_at is not null or o.role not in ('organizer', 'admin'))))"
    };
}
pub(crate) use offer_over;

const OFFER_OVER_SQL: &str = concat!(
    "select ",
    offer_over!(),
    " as over from mailings m where m.id = $1"
);

/// Whether what a mailing offers will be over at a moment: its event or promo code, or its organizer has left.
pub async fn is_offer_over(db: &Client, id: MailingId, at: Timestamp) -> Result<bool> {
    let params = params![INT8: id.get(), TIMESTAMPTZ: at.inner()];
    db.query_typed_one(OFFER_OVER_SQL, params).await?.col("over")
}

/// Most people of an audience who are counted.
const MOST_COUNTED: i64 = 1_000_000;

const AUDIENCE_SQL: &str = "
    select r.reason, count(*) as people
    from mailing_audience($1, $2, $3, $4, 0, $5) a join promotion_refusals r using (user_id) group by r.reason";

/// How many people a mailing would reach at this moment, as if all of them were waiting; what somebody gets of others does not count.
pub async fn count_audience(db: &Client, mailing: &Mailing) -> Result<Progress> {
    let content = &mailing.content;
    let params = params![
        TEXT: content.audience.as_str(), INT8: mailing.organizer.map(UserId::get),
        INT8: content.past_event.map(EventId::get), INT8: content.event.map(EventId::get), INT8: MOST_COUNTED,
    ];
    let mut progress = Progress::default();
    for row in db.query_typed(AUDIENCE_SQL, params).await? {
        let people = people(&row)?;
        progress.recipients += people;
        match skip(&row)? {
            Some(reason) => progress.skipped.push((reason, people)),
            None => progress.waiting += people,
        }
    }
    progress.skipped.sort_unstable();
    Ok(progress)
}

const PROGRESS_SQL: &str = "
    select state, reason, count(*) as people from mailing_recipients where mailing_id = $1 group by state, reason";

/// How far a mailing is. Whoever waited when it was cancelled is skipped.
pub async fn progress(db: &Client, mailing: &Mailing) -> Result<Progress> {
    let mut progress = Progress::default();
    let mut cancelled = 0;
    for row in db
        .query_typed(PROGRESS_SQL, params![INT8: mailing.id.get()])
        .await?
    {
        let people = people(&row)?;
        progress.recipients += people;
        match (skip(&row)?, row.col::<&str>("state")?) {
            (Some(reason), _) => progress.skipped.push((reason, people)),
            (None, "sent") => progress.sent += people,
            (None, _) if mailing.status == MailingStatus::Cancelled => cancelled += people,
            (None, _) => progress.waiting += people,
        }
    }
    if cancelled > 0 {
        progress.skipped.push((Skip::Cancelled, cancelled));
    }
    progress.skipped.sort_unstable();
    Ok(progress)
}

fn people(row: &Row) -> Result<u64> {
    u64::try_from(row.col::<i64>("people")?).map_err(|_| DbError::Value("people"))
}

fn skip(row: &Row) -> Result<Option<Skip>> {
    let reason = row.col::<Option<&str>>("reason")?;
    reason
        .map(|name| Skip::parse(name).ok_or(DbError::Value("reason")))
        .transpose()
}

const OWN_PROMO_SQL: &str =
    "select id from promo_codes where code = $1 and deleted_at is null and (organizer_id = $2 or $3)";

/// A promo code of this organizer (any for an admin), by its name.
pub async fn own_promo(
    db: &Client,
    code: &PromoCode,
    organizer: UserId,
    any_owner: bool,
) -> Result<Option<PromoId>> {
    let params = params![TEXT: code.as_str(), INT8: organizer.get(), BOOL: any_owner];
    let row = db.query_typed_opt(OWN_PROMO_SQL, params).await?;
    row.map(|row| row.id("id", PromoId::new)).transpose()
}

/// What is said, as it is stored.
pub(crate) fn messages(row: &Row) -> Result<Messages> {
    let words = |subject: &str, text: &str| {
        let (Some(subject), Some(text)) = (row.col::<Option<&str>>(subject)?, row.col::<Option<&str>>(text)?)
        else {
            return Ok::<_, DbError>(None);
        };
        Ok(Some(Words {
            subject: SubjectLine::parse(subject).map_err(|_| DbError::Value("subject"))?,
            text: Body::parse(text).map_err(|_| DbError::Value("text"))?,
        }))
    };
    let (id, en) = (
        words("indonesian_subject", "indonesian_text")?,
        words("english_subject", "english_text")?,
    );
    Messages::new(id, en).ok_or(DbError::Value("messages"))
}

fn read(row: &Row) -> Result<Mailing> {
    let organizer: Option<i64> = row.col("organizer_id")?;
    let event = |name| Ok::<_, DbError>(row.col::<Option<i64>>(name)?.map(EventId::new));
    Ok(Mailing {
        id: row.id("id", MailingId::new)?,
        organizer: organizer.map(UserId::new),
        content: Content {
            audience: row.word("audience", Audience::parse)?,
            past_event: event("past_event_id")?,
            event: event("event_id")?,
            promo: row.col::<Option<i64>>("promo_id")?.map(PromoId::new),
            messages: messages(row)?,
        },
        code: row.col("code")?,
        status: row.word("status", MailingStatus::parse)?,
        send_at: row.time_opt("send_at")?,
        started_at: row.time_opt("started_at")?,
        selected_at: row.time_opt("selected_at")?,
        finished_at: row.time_opt("finished_at")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}
