//! Where rules were found broken that must never be, until nothing is found there any more. A large platform is looked at in
//! turns, so what was found has to be remembered between them.

use crate::error::Result;
use crate::invariants::{self, Rule, Slice};
use crate::sql::{RowExt as _, params};
use domain::Timestamp;
use domain::alert::Breach;
use tokio_postgres::Client;

const PARTS_SQL: &str =
    "select after_id, until_id from broken_rules where rule = $1 order by seen_at, until_id limit $2";

/// Where a rule is known to be broken, at most so many parts: those first that were not looked at for longest.
pub async fn parts(db: &Client, rule: Rule, limit: u32) -> Result<Vec<Slice>> {
    let params = params![TEXT: rule.name(), INT8: i64::from(limit)];
    let rows = db.query_typed(PARTS_SQL, params).await?;
    let parts = rows.iter().map(|row| {
        Ok(Slice {
            after: row.col("after_id")?,
            until: row.col("until_id")?,
        })
    });
    parts.collect()
}

const FOUND_SQL: &str = "
    insert into broken_rules (rule, after_id, until_id, count, rows, found_at, seen_at) values ($1, $2, $3, $4, $5, $6, $6)
    on conflict (rule, after_id, until_id) do update
    set count = excluded.count, rows = excluded.rows, seen_at = excluded.seen_at";

const MENDED_SQL: &str = "delete from broken_rules where rule = $1 and after_id >= $2 and until_id <= $3";

/// Notes what a look at a part of a rule has found; `None` if nothing, which ends what was known of it and of parts of it.
pub async fn note(
    db: &Client,
    rule: Rule,
    part: Slice,
    found: Option<&invariants::Breach>,
    now: Timestamp,
) -> Result<()> {
    match found {
        Some(breach) => {
            let count = i64::try_from(breach.count).unwrap_or(i64::MAX);
            let params = params![
                TEXT: rule.name(), INT8: part.after, INT8: part.until, INT8: count, TEXT_ARRAY: breach.rows,
                TIMESTAMPTZ: now.inner(),
            ];
            db.execute_typed(FOUND_SQL, params).await?;
        }
        None => {
            let params = params![TEXT: rule.name(), INT8: part.after, INT8: part.until];
            db.execute_typed(MENDED_SQL, params).await?;
        }
    }
    Ok(())
}

const SPLIT_SQL: &str = "
    with whole as (
        delete from broken_rules where rule = $1 and after_id = $2 and until_id = $4
        returning rule, count, rows, found_at, seen_at
    )
    insert into broken_rules (rule, after_id, until_id, count, rows, found_at, seen_at)
    select rule, after_id, until_id, count, rows, found_at, seen_at
    from whole, (values ($2::bigint, $3::bigint), ($3, $4)) half (after_id, until_id)
    on conflict do nothing";

/// A part is looked at in halves from now on, because it takes too long. What is known of it is known of both.
pub async fn split(db: &Client, rule: Rule, part: Slice, middle: i64) -> Result<()> {
    let params = params![TEXT: rule.name(), INT8: part.after, INT8: middle, INT8: part.until];
    db.execute_typed(SPLIT_SQL, params).await?;
    Ok(())
}

// Parts may overlap, as those of every hour begin elsewhere: the largest says how much is broken at least.
const LIST_SQL: &str = "
    select distinct on (rule) rule, count, rows[:5] as rows from broken_rules order by rule, count desc, until_id";

/// Rules that are broken, with the first rows of each.
pub async fn list(db: &Client) -> Result<Vec<Breach>> {
    let rows = db.query_typed(LIST_SQL, params![]).await?;
    let breaches = rows.iter().map(|row| {
        Ok(Breach {
            rule: row.col("rule")?,
            count: row.col("count")?,
            rows: row.col("rows")?,
        })
    });
    breaches.collect()
}
