//! What the operators are told of: alerts from their beginning to their end, and who looks.

use crate::error::{DbError, Result};
use crate::sql::{RowExt as _, params};
use crate::{notifications, outbox};
use domain::alert::{Alert, Condition, Found, Heap, News, Seen, Step, Turn};
use domain::message::{Mail, Outgoing};
use domain::user::{Email, Role};
use domain::{AlertId, Timestamp, UserId};
use std::collections::BTreeMap;
use tokio_postgres::types::Json;
use tokio_postgres::{Client, Row, Transaction};

const MONEY_SQL: &str = "
    select 'conflicted' as heap, count(*) as count, coalesce(max(id), 0) as newest, null::timestamptz as oldest
    from payments where status = 'conflicted' or paid_twice
    union all
    select 'stuck', count(*), coalesce(max(id), 0), min(created_at) from refunds
    where status = 'requested' and created_at <= $1
    union all
    select 'manual', count(*), coalesce(max(id), 0), min(created_at) from refunds
    where status = 'manual' and created_at <= $2";

/// Seconds after which the gateway should have made a refund: it is asked again and again before.
const STUCK_SECONDS: i64 = 24 * 3_600;

/// Seconds after which people should have transferred a refund.
const MANUAL_SECONDS: i64 = 3 * 24 * 3_600;

/// Money that waits for people: payments that do not agree with their orders, refunds that the gateway does not make, and
/// refunds that people do not transfer.
pub async fn money(db: &Client, now: Timestamp) -> Result<(Heap, Heap, Heap)> {
    let (stuck, manual) = (
        now.plus_seconds(-STUCK_SECONDS),
        now.plus_seconds(-MANUAL_SECONDS),
    );
    let params = params![TIMESTAMPTZ: stuck.inner(), TIMESTAMPTZ: manual.inner()];
    let rows = db.query_typed(MONEY_SQL, params).await?;
    let mut heaps = BTreeMap::new();
    for row in &rows {
        let count: i64 = row.col("count")?;
        let heap = Heap {
            count: u64::try_from(count).unwrap_or_default(),
            newest: row.col("newest")?,
            oldest: row.time_opt("oldest")?,
        };
        heaps.insert(row.col::<String>("heap")?, heap);
    }
    let mut take = |name| heaps.remove(name).unwrap_or_default();
    Ok((take("conflicted"), take("stuck"), take("manual")))
}

/// What came of a look.
#[derive(Debug, Default)]
pub struct Told {
    /// What is told, if anything.
    pub news: Vec<News>,
    /// Messages that commit with it.
    pub messages: Vec<Outgoing>,
}

const LOCK_SQL: &str = "select looked_at from system_watch for update";

const LOOKED_SQL: &str =
    "update system_watch set looked_at = $1, tellings = tellings + $2 returning tellings";

const ADMINS_SQL: &str = "select id from users where role = $1 and deleted_at is null order by id";

/// Keeps what a look has found, and tells admins within the application and the operators by mail what is new of it. Looks wait
/// for each other: of two at once one tells, and one that comes after a later one changes nothing.
pub async fn take_in(
    tx: &Transaction<'_>,
    found: &Found,
    operators: Option<&Email>,
    random: impl Fn() -> String,
    now: Timestamp,
) -> Result<Told> {
    let watch = tx.query_typed_one(LOCK_SQL, params![]).await?;
    if watch.time_opt("looked_at")?.is_some_and(|looked| now <= looked) {
        return Ok(Told::default());
    }
    let news = keep(tx, found, now).await?;
    let is_telling = i64::from(!news.is_empty());
    let params = params![TIMESTAMPTZ: now.inner(), INT8: is_telling];
    let telling: i64 = tx.query_typed_one(LOOKED_SQL, params).await?.col("tellings")?;
    let mut messages = Vec::new();
    if let Some(notice) = News::notice(&news) {
        let admins = tx
            .query_typed(ADMINS_SQL, params![TEXT: Role::Admin.as_str()])
            .await?;
        let admins = admins.iter().map(|row| row.id("id", UserId::new));
        let admins = admins.collect::<Result<Vec<_>>>()?;
        notifications::tell_each(tx, &admins, &notice, &telling.to_string(), now).await?;
        if let Some(operators) = operators {
            let mail = Mail::Alerts {
                to: operators.as_str().to_owned(),
                at: now,
                news: news.clone(),
            };
            let message = Outgoing::mail(random(), mail).map_err(|_| DbError::Value("outbox.body"))?;
            outbox::insert(tx, &message, now).await?;
            messages.push(message);
        }
    }
    Ok(Told { news, messages })
}

macro_rules! columns {
    () => {
        "id, condition, mark, first_seen_at, last_seen_at, opened_at, told, told_at, told_mark, acknowledged_mark,
         acknowledged_at, acknowledged_by, closed_at"
    };
}

// Whoever acknowledges one at this moment waits, or is waited for.
const OPEN_SQL: &str = concat!(
    "select key, ",
    columns!(),
    " from system_alerts where closed_at is null order by id for update"
);

/// Steps all alerts and writes them down.
async fn keep(tx: &Transaction<'_>, found: &Found, now: Timestamp) -> Result<Vec<News>> {
    let mut open = BTreeMap::new();
    for row in tx.query_typed(OPEN_SQL, params![]).await? {
        open.insert(row.col::<String>("key")?, read(&row)?.alert);
    }
    let mut steps = Vec::new();
    for seen in found.conditions(now) {
        let key = seen.condition.key();
        steps.push((open.remove(&key), Some(seen), key));
    }
    let unseen = open
        .into_iter()
        .filter(|(_, alert)| found.would_see(&alert.condition));
    steps.extend(unseen.map(|(key, alert)| (Some(alert), None::<Seen>, key)));
    let mut news = Vec::new();
    for (known, seen, key) in steps {
        let id = known.as_ref().and_then(|known| known.id);
        match Alert::step(known, seen, now) {
            Step::Nothing => {}
            Step::Forget => forget(tx, id).await?,
            Step::Keep(alert, turn) => {
                write(tx, &key, &alert).await?;
                news.extend(turn.map(|turn| tell(&alert, turn)));
            }
        }
    }
    Ok(news)
}

fn tell(alert: &Alert, turn: Turn) -> News {
    News {
        turn,
        condition: alert.condition.clone(),
        since: alert.first_seen_at,
    }
}

const FORGET_SQL: &str = "delete from system_alerts where id = $1 and opened_at is null";

async fn forget(tx: &Transaction<'_>, id: Option<AlertId>) -> Result<()> {
    tx.execute_typed(FORGET_SQL, params![INT8: id.map(AlertId::get)])
        .await?;
    Ok(())
}

const BEGIN_SQL: &str = "
    insert into system_alerts (key, condition, mark, first_seen_at, last_seen_at, opened_at, told, told_at, told_mark)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const GO_ON_SQL: &str = "
    update system_alerts
    set condition = $2, mark = $3, first_seen_at = $4, last_seen_at = $5, opened_at = $6, told = $7, told_at = $8,
        told_mark = $9, closed_at = $10,
        acknowledged_mark = case when $11 then acknowledged_mark end,
        acknowledged_at = case when $11 then acknowledged_at end,
        acknowledged_by = case when $11 then acknowledged_by end
    where id = $1";

async fn write(tx: &Transaction<'_>, key: &str, alert: &Alert) -> Result<()> {
    let told = i32::try_from(alert.told).map_err(|_| DbError::Value("system_alerts.told"))?;
    let (opened, told_at) = (
        alert.opened_at.map(Timestamp::inner),
        alert.told_at.map(Timestamp::inner),
    );
    let (condition, first, last) = (
        Json(&alert.condition),
        alert.first_seen_at.inner(),
        alert.last_seen_at.inner(),
    );
    let Some(id) = alert.id else {
        let params = params![
            TEXT: key, JSONB: condition, INT8: alert.mark, TIMESTAMPTZ: first, TIMESTAMPTZ: last, TIMESTAMPTZ: opened,
            INT4: told, TIMESTAMPTZ: told_at, INT8: alert.told_mark,
        ];
        tx.execute_typed(BEGIN_SQL, params).await?;
        return Ok(());
    };
    let (closed, is_acknowledged) = (
        alert.closed_at.map(Timestamp::inner),
        alert.acknowledged_mark.is_some(),
    );
    let params = params![
        INT8: id.get(), JSONB: condition, INT8: alert.mark, TIMESTAMPTZ: first, TIMESTAMPTZ: last, TIMESTAMPTZ: opened,
        INT4: told, TIMESTAMPTZ: told_at, INT8: alert.told_mark, TIMESTAMPTZ: closed, BOOL: is_acknowledged,
    ];
    tx.execute_typed(GO_ON_SQL, params).await?;
    Ok(())
}

/// An alert with who knows of it.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Its id.
    pub id: AlertId,
    /// The alert.
    pub alert: Alert,
    /// Since when somebody knows of it.
    pub acknowledged_at: Option<Timestamp>,
    /// Who that is.
    pub acknowledged_by: Option<UserId>,
}

fn read(row: &Row) -> Result<Kept> {
    let id = row.id("id", AlertId::new)?;
    let Json(condition) = row.col::<Json<Condition>>("condition")?;
    Ok(Kept {
        id,
        alert: Alert {
            id: Some(id),
            condition,
            mark: row.col("mark")?,
            first_seen_at: row.time("first_seen_at")?,
            last_seen_at: row.time("last_seen_at")?,
            opened_at: row.time_opt("opened_at")?,
            told: row.count("told")?,
            told_at: row.time_opt("told_at")?,
            told_mark: row.col("told_mark")?,
            acknowledged_mark: row.col("acknowledged_mark")?,
            closed_at: row.time_opt("closed_at")?,
        },
        acknowledged_at: row.time_opt("acknowledged_at")?,
        acknowledged_by: row.col::<Option<i64>>("acknowledged_by")?.map(UserId::new),
    })
}

const LIST_SQL: &str = concat!(
    "select ",
    columns!(),
    " from system_alerts
      where opened_at is not null and ($1::boolean is null or (closed_at is null) = $1) and ($2::bigint is null or id < $2)
      order by id desc limit $3"
);

/// The newest alerts that were told, at most so many: those that last or those that are over, if it is said which, and those
/// before one of them.
pub async fn list(
    db: &Client,
    lasts: Option<bool>,
    before: Option<AlertId>,
    limit: u32,
) -> Result<Vec<Kept>> {
    let (before, limit) = (before.map(AlertId::get), i64::from(limit));
    let params = params![BOOL: lasts, INT8: before, INT8: limit];
    let rows = db.query_typed(LIST_SQL, params).await?;
    rows.iter().map(read).collect()
}

const LOCK_ONE_SQL: &str = concat!(
    "select ",
    columns!(),
    " from system_alerts where id = $1 and opened_at is not null for update"
);

/// An alert that was told, to be acknowledged: no look changes it meanwhile.
pub async fn lock(tx: &Transaction<'_>, id: AlertId) -> Result<Option<Kept>> {
    let row = tx.query_typed_opt(LOCK_ONE_SQL, params![INT8: id.get()]).await?;
    row.as_ref().map(read).transpose()
}

const ACKNOWLEDGE_SQL: &str = concat!(
    "update system_alerts set acknowledged_mark = mark, acknowledged_at = $2, acknowledged_by = $3
     where id = $1 and opened_at is not null and closed_at is null returning ",
    columns!()
);

/// Notes that somebody knows of an alert that lasts, as it stands. `None` if it does not last.
pub async fn acknowledge(
    tx: &Transaction<'_>,
    id: AlertId,
    by: UserId,
    now: Timestamp,
) -> Result<Option<Kept>> {
    let params = params![INT8: id.get(), TIMESTAMPTZ: now.inner(), INT8: by.get()];
    let row = tx.query_typed_opt(ACKNOWLEDGE_SQL, params).await?;
    row.as_ref().map(read).transpose()
}
