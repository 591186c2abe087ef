//! Reviews, what moderators do with them, and how many there are. Whoever changes a review locks its author first, then the
//! review, then its counters in the order of their stars; so nobody waits for somebody who waits for them, and a review is
//! counted as often as it is shown.

use crate::error::{DbError, Result};
use crate::sql::{RowExt as _, params};
use domain::page::Page;
use domain::review::{Counted, HideReason, Rating, ReportReason, ReviewStatus};
use domain::{EventId, ReviewId, TicketTypeId, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// A review.
#[derive(Debug, Clone)]
pub struct Review {
    /// Its id.
    pub id: ReviewId,
    /// Its stars.
    pub rating: Rating,
    /// What it says.
    pub comment: String,
    /// Who wrote it.
    pub user_id: UserId,
    /// What they are called.
    pub user_name: String,
    /// About which kind of ticket.
    pub ticket_type: TicketTypeId,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Whether its author has a ticket of that kind that is not void.
    pub verified: bool,
    /// Where it stands.
    pub status: ReviewStatus,
    /// Why it is not shown.
    pub reason: Option<String>,
    /// How many found since a moderator last looked that it should not be shown.
    pub open_reports: u32,
}

/// A review that this transaction holds.
#[derive(Debug, Clone)]
pub struct Locked {
    /// Its id.
    pub id: ReviewId,
    /// About which kind of ticket.
    pub ticket_type: TicketTypeId,
    /// What that is called.
    pub ticket_name: String,
    /// Of which event.
    pub event: EventId,
    /// Who wrote it.
    pub author: UserId,
    /// Its stars.
    pub rating: Rating,
    /// What it says.
    pub comment: String,
    /// Where it stands.
    pub status: ReviewStatus,
    /// Why it is not shown.
    pub reason: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
}

/// What a review is to be.
#[derive(Debug, Clone)]
pub struct Wish<'a> {
    /// Its stars.
    pub rating: Rating,
    /// What it says.
    pub comment: &'a str,
    /// Where it stands.
    pub status: ReviewStatus,
    /// Why it is not shown.
    pub reason: Option<String>,
}

macro_rules! joined {
    () => {
        " from reviews r join users u on u.id = r.user_id join ticket_types t on t.id = r.ticket_type_id
          join events e on e.id = t.event_id "
    };
}

macro_rules! columns {
    () => {
        "select r.id, r.rating, r.comment, r.user_id, u.name as user_name, r.ticket_type_id, r.created_at, r.updated_at, r.status,
                r.reason, r.open_reports,
                exists (select from issued_tickets i where i.ticket_type_id = r.ticket_type_id and i.holder_id = r.user_id
                        and i.status <> 'void') as verified"
    };
}

/// Which reviews of a list are shown: drafts are seen by their organizer and by admins, and what is not shown by its author in
/// the list of what they wrote.
macro_rules! listed {
    () => {
        " where ($1::bigint is null or r.ticket_type_id = $1) and ($2::bigint is null or r.user_id = $2)
          and (r.status = 'shown' and (e.status <> 'draft' or e.organizer_id = $3 or $4) or $2 = $3) "
    };
}

const LIST_SQL: &str = concat!(
    columns!(),
    joined!(),
    listed!(),
    "order by r.created_at desc, r.id desc limit $5 offset $6"
);

const COUNT_SQL: &str = concat!("select count(*) as total", joined!(), listed!());

/// Of which reviews a list is made. Absent fields do not restrict.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// About that kind of ticket.
    pub ticket_type: Option<TicketTypeId>,
    /// By that account.
    pub author: Option<UserId>,
    /// Who looks.
    pub viewer: Option<UserId>,
    /// Whether they see drafts of others.
    pub sees_all: bool,
}

/// A page of reviews, newest first, and how many there are in all.
pub async fn list(db: &Client, filter: &Filter, page: Page) -> Result<(Vec<Review>, i64)> {
    let ticket_type = filter.ticket_type.map(TicketTypeId::get);
    let (author, viewer) = (filter.author.map(UserId::get), filter.viewer.map(UserId::get));
    let limit = i64::from(page.limit);
    let list_params = params![
        INT8: ticket_type, INT8: author, INT8: viewer, BOOL: filter.sees_all, INT8: limit, INT8: page.offset(),
    ];
    let count_params = params![INT8: ticket_type, INT8: author, INT8: viewer, BOOL: filter.sees_all];
    let (rows, count) = tokio::try_join!(
        db.query_typed(LIST_SQL, list_params),
        db.query_typed_one(COUNT_SQL, count_params)
    )?;
    Ok((rows.iter().map(read).collect::<Result<_>>()?, count.col("total")?))
}

macro_rules! queued {
    () => {
        " where (r.status = 'held' or r.open_reports > 0) and (e.organizer_id = $1 or $2) "
    };
}

const QUEUE_SQL: &str = concat!(
    columns!(),
    joined!(),
    queued!(),
    "order by r.created_at, r.id limit $3 offset $4"
);

const COUNT_QUEUE_SQL: &str = concat!("select count(*) as total", joined!(), queued!());

/// A page of what waits for a moderator, oldest first, and how much that is in all: an organizer's own events, or all.
pub async fn queue(
    db: &Client,
    organizer: UserId,
    any_owner: bool,
    page: Page,
) -> Result<(Vec<Review>, i64)> {
    let limit = i64::from(page.limit);
    let list_params = params![INT8: organizer.get(), BOOL: any_owner, INT8: limit, INT8: page.offset()];
    let count_params = params![INT8: organizer.get(), BOOL: any_owner];
    let (rows, count) = tokio::try_join!(
        db.query_typed(QUEUE_SQL, list_params),
        db.query_typed_one(COUNT_QUEUE_SQL, count_params)
    )?;
    Ok((rows.iter().map(read).collect::<Result<_>>()?, count.col("total")?))
}

const FIND_SQL: &str = concat!(
    columns!(),
    joined!(),
    "where r.id = $1
       and (r.status = 'shown' and e.status <> 'draft' or r.user_id = $2 or e.organizer_id = $2 or $3)"
);

/// The review of that id, if the viewer may see it: what is not shown is seen by its author, the organizer and admins.
pub async fn find(
    db: &Client,
    id: ReviewId,
    viewer: Option<UserId>,
    sees_all: bool,
) -> Result<Option<Review>> {
    let viewer = viewer.map(UserId::get);
    let row = db
        .query_typed_opt(FIND_SQL, params![INT8: id.get(), INT8: viewer, BOOL: sees_all])
        .await?;
    row.as_ref().map(read).transpose()
}

/// Who writes, locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Author {
    /// Whether there is no account behind it.
    pub is_guest: bool,
}

const LOCK_AUTHOR_SQL: &str =
    "select is_guest from users where id = $1 and deleted_at is null for no key update";

/// Locks an author, so that an erasure comes before or after. The first lock of whoever changes a review. `None` if the account
/// is gone.
pub async fn lock_author(tx: &Transaction<'_>, author: UserId) -> Result<Option<Author>> {
    let row = tx
        .query_typed_opt(LOCK_AUTHOR_SQL, params![INT8: author.get()])
        .await?;
    row.map(|row| {
        Ok(Author {
            is_guest: row.col("is_guest")?,
        })
    })
    .transpose()
}

macro_rules! locked {
    ($condition:literal) => {
        concat!(
            "select r.id, r.ticket_type_id, t.name as ticket_name, t.event_id, r.user_id, r.rating, r.comment, r.status,
                    r.reason, r.created_at",
            joined!(),
            "where r.id = $1 and ",
            $condition,
            " for update of r"
        )
    };
}

const LOCK_OWN_SQL: &str = locked!("r.user_id = $2");

/// The review of that id, if it is this author's, locked. The author is locked before.
pub async fn lock_own(tx: &Transaction<'_>, id: ReviewId, author: UserId) -> Result<Option<Locked>> {
    let params = params![INT8: id.get(), INT8: author.get()];
    let row = tx.query_typed_opt(LOCK_OWN_SQL, params).await?;
    row.as_ref().map(read_locked).transpose()
}

const AUTHOR_OF_SQL: &str = concat!(
    "select r.user_id",
    joined!(),
    "where r.id = $1 and (e.organizer_id = $2 or $3)"
);

const LOCK_TO_MODERATE_SQL: &str = locked!("(e.organizer_id = $2 or $3)");

/// The review of that id, if this is a moderator of it, locked with its author.
pub async fn lock_to_moderate(
    tx: &Transaction<'_>,
    id: ReviewId,
    moderator: UserId,
    any_owner: bool,
) -> Result<Option<Locked>> {
    let params = params![INT8: id.get(), INT8: moderator.get(), BOOL: any_owner];
    let Some(row) = tx.query_typed_opt(AUTHOR_OF_SQL, params).await? else {
        return Ok(None);
    };
    lock_author(tx, row.id("user_id", UserId::new)?).await?;
    let row = tx.query_typed_opt(LOCK_TO_MODERATE_SQL, params).await?;
    row.as_ref().map(read_locked).transpose()
}

const LOCK_SHOWN_SQL: &str = locked!("r.status = 'shown' and e.status <> 'draft'");

/// The review of that id, if everybody can read it, locked.
pub async fn lock_shown(tx: &Transaction<'_>, id: ReviewId) -> Result<Option<Locked>> {
    let row = tx
        .query_typed_opt(LOCK_SHOWN_SQL, params![INT8: id.get()])
        .await?;
    row.as_ref().map(read_locked).transpose()
}

/// What became of a new review.
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    /// It was written.
    Review(ReviewId),
    /// This account has reviewed that kind of ticket before.
    Twice,
    /// There is no such kind of ticket any more.
    NoTicket,
}

const INSERT_SQL: &str = "
    insert into reviews (user_id, ticket_type_id, rating, comment, status, reason, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $7) on conflict (user_id, ticket_type_id) do nothing returning id";

/// Writes a review and counts it. The author is locked before.
pub async fn insert(
    tx: &Transaction<'_>,
    author: UserId,
    ticket_type: TicketTypeId,
    wish: &Wish<'_>,
    now: Timestamp,
) -> Result<Written> {
    let params = params![
        INT8: author.get(), INT8: ticket_type.get(), INT4: wish.rating.get(), TEXT: wish.comment,
        TEXT: wish.status.as_str(), TEXT: wish.reason, TIMESTAMPTZ: now.inner(),
    ];
    let row = tx.query_typed_opt(INSERT_SQL, params).await;
    let row = match row.map_err(DbError::from) {
        Ok(Some(row)) => row,
        Ok(None) => return Ok(Written::Twice),
        Err(error) if error.is_constraint("reviews_ticket_type_id_fkey") => return Ok(Written::NoTicket),
        Err(error) => return Err(error),
    };
    move_count(tx, ticket_type, now, None, counted(wish.status, wish.rating)).await?;
    Ok(Written::Review(row.id("id", ReviewId::new)?))
}

const UPDATE_SQL: &str = "
    update reviews set rating = $2, comment = $3, status = $4, reason = $5, updated_at = $6 where id = $1";

/// Makes of a locked review what its author wishes, and counts that.
pub async fn update(tx: &Transaction<'_>, review: &Locked, wish: &Wish<'_>, now: Timestamp) -> Result<()> {
    let params = params![
        INT8: review.id.get(), INT4: wish.rating.get(), TEXT: wish.comment, TEXT: wish.status.as_str(),
        TEXT: wish.reason, TIMESTAMPTZ: now.inner(),
    ];
    tx.execute_typed(UPDATE_SQL, params).await?;
    recount(tx, review, counted(wish.status, wish.rating)).await
}

const DELETE_SQL: &str = "delete from reviews where id = $1";

/// Deletes a locked review.
pub async fn delete(tx: &Transaction<'_>, review: &Locked) -> Result<()> {
    tx.execute_typed(DELETE_SQL, params![INT8: review.id.get()])
        .await?;
    recount(tx, review, None).await
}

const APPROVE_SQL: &str =
    "update reviews set status = 'shown', reason = null, open_reports = 0 where id = $1";

/// Shows a locked review, whatever was reported of it.
pub async fn approve(tx: &Transaction<'_>, review: &Locked) -> Result<()> {
    tx.execute_typed(APPROVE_SQL, params![INT8: review.id.get()])
        .await?;
    recount(tx, review, Some(review.rating)).await
}

const HIDE_SQL: &str = "update reviews set status = 'hidden', reason = $2, open_reports = 0 where id = $1";

/// Takes a locked review away.
pub async fn hide(tx: &Transaction<'_>, review: &Locked, reason: &HideReason) -> Result<()> {
    let params = params![INT8: review.id.get(), TEXT: reason.as_str()];
    tx.execute_typed(HIDE_SQL, params).await?;
    recount(tx, review, None).await
}

const REPORT_SQL: &str = "
    with told as (
        insert into review_reports (review_id, user_id, reason, created_at) values ($1, $2, $3, $4)
        on conflict do nothing returning review_id
    )
    update reviews set open_reports = open_reports + 1 where id = (select review_id from told)";

/// Notes that somebody finds that a locked review should not be shown. `false`, and nothing is changed, if they said so before.
pub async fn report(
    tx: &Transaction<'_>,
    review: &Locked,
    reader: UserId,
    reason: &ReportReason,
    now: Timestamp,
) -> Result<bool> {
    let params = params![
        INT8: review.id.get(), INT8: reader.get(), TEXT: reason.as_str(), TIMESTAMPTZ: now.inner(),
    ];
    Ok(tx.execute_typed(REPORT_SQL, params).await? == 1)
}

const LOCK_ALL_SQL: &str = "
    select ticket_type_id, rating, status, created_at from reviews where user_id = $1 order by ticket_type_id for update";

const DELETE_ALL_SQL: &str = "delete from reviews where user_id = $1";

/// Deletes whatever a locked account has reviewed, and counts it no more.
pub(crate) async fn erase(tx: &Transaction<'_>, author: UserId) -> Result<()> {
    let rows = tx.query_typed(LOCK_ALL_SQL, params![INT8: author.get()]).await?;
    tx.execute_typed(DELETE_ALL_SQL, params![INT8: author.get()])
        .await?;
    for row in &rows {
        let before = counted(row.word("status", ReviewStatus::parse)?, rating(row)?);
        let ticket_type = row.id("ticket_type_id", TicketTypeId::new)?;
        move_count(tx, ticket_type, row.time("created_at")?, before, None).await?;
    }
    Ok(())
}

/// As what a review is counted.
fn counted(status: ReviewStatus, rating: Rating) -> Option<Rating> {
    (status == ReviewStatus::Shown).then_some(rating)
}

async fn recount(tx: &Transaction<'_>, review: &Locked, after: Option<Rating>) -> Result<()> {
    let before = counted(review.status, review.rating);
    move_count(tx, review.ticket_type, review.created_at, before, after).await
}

const COUNT_UP_SQL: &str = "
    insert into review_counts (ticket_type_id, day, rating, count)
    values ($1, ($2::timestamptz at time zone 'UTC')::date, $3, 1)
    on conflict (ticket_type_id, day, rating) do update set count = review_counts.count + 1";

const COUNT_DOWN_SQL: &str = "
    update review_counts set count = count - 1
    where ticket_type_id = $1 and day = ($2::timestamptz at time zone 'UTC')::date and rating = $3";

/// Counts a review as what it is and no more as what it was. The fewer stars come first, whichever that is.
async fn move_count(
    tx: &Transaction<'_>,
    ticket_type: TicketTypeId,
    written_at: Timestamp,
    before: Option<Rating>,
    after: Option<Rating>,
) -> Result<()> {
    if before == after {
        return Ok(());
    }
    let mut steps: Vec<(Rating, bool)> = before.map(|rating| (rating, false)).into_iter().collect();
    steps.extend(after.map(|rating| (rating, true)));
    steps.sort_by_key(|(rating, _)| *rating);
    for (rating, is_up) in steps {
        let params = params![INT8: ticket_type.get(), TIMESTAMPTZ: written_at.inner(), INT4: rating.get()];
        let changed = if is_up {
            tx.execute_typed(COUNT_UP_SQL, params).await?
        } else {
            tx.execute_typed(COUNT_DOWN_SQL, params).await?
        };
        if changed != 1 {
            return Err(DbError::Value("review_counts.count"));
        }
    }
    Ok(())
}

macro_rules! counted_by {
    ($condition:literal) => {
        concat!(
            "select to_char(date_trunc($2, c.day::timestamp), 'YYYY-MM-DD') as since, c.rating, sum(c.count)::bigint as count
             from review_counts c join ticket_types t on t.id = c.ticket_type_id
             where c.count > 0 and ",
            $condition,
            " group by since, c.rating order by since, c.rating"
        )
    };
}

const OF_TICKET_TYPE_SQL: &str = counted_by!("t.id = $1");

/// How many reviews of a kind of ticket are shown, by stars and by `day` or `week`, in the order of time.
pub async fn counts_of_ticket_type(db: &Client, id: TicketTypeId, span: &str) -> Result<Vec<Counted>> {
    let params = params![INT8: id.get(), TEXT: span];
    let rows = db.query_typed(OF_TICKET_TYPE_SQL, params).await?;
    rows.iter().map(read_counted).collect()
}

const OF_EVENT_SQL: &str = counted_by!("t.event_id = $1");

/// How many reviews of an event are shown, by stars and by `day` or `week`, in the order of time.
pub async fn counts_of_event(db: &Client, id: EventId, span: &str) -> Result<Vec<Counted>> {
    let params = params![INT8: id.get(), TEXT: span];
    let rows = db.query_typed(OF_EVENT_SQL, params).await?;
    rows.iter().map(read_counted).collect()
}

fn read_counted(row: &Row) -> Result<Counted> {
    Ok(Counted {
        since: row.col("since")?,
        rating: rating(row)?,
        count: row.col("count")?,
    })
}

fn rating(row: &Row) -> Result<Rating> {
    Rating::new(row.col("rating")?).ok_or(DbError::Value("reviews.rating"))
}

fn read(row: &Row) -> Result<Review> {
    Ok(Review {
        id: row.id("id", ReviewId::new)?,
        rating: rating(row)?,
        comment: row.col("comment")?,
        user_id: row.id("user_id", UserId::new)?,
        user_name: row.col("user_name")?,
        ticket_type: row.id("ticket_type_id", TicketTypeId::new)?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        verified: row.col("verified")?,
        status: row.word("status", ReviewStatus::parse)?,
        reason: row.col("reason")?,
        open_reports: row.count("open_reports")?,
    })
}

fn read_locked(row: &Row) -> Result<Locked> {
    Ok(Locked {
        id: row.id("id", ReviewId::new)?,
        ticket_type: row.id("ticket_type_id", TicketTypeId::new)?,
        ticket_name: row.col("ticket_name")?,
        event: row.id("event_id", EventId::new)?,
        author: row.id("user_id", UserId::new)?,
        rating: rating(row)?,
        comment: row.col("comment")?,
        status: row.word("status", ReviewStatus::parse)?,
        reason: row.col("reason")?,
        created_at: row.time("created_at")?,
    })
}
