//! When the jobs of the schedules were last done to their end: one that fails or is not run any more is found by its age.

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use domain::Timestamp;
use domain::alert::Job;
use tokio_postgres::Client;

// Two runs may end in the other order.
const DONE_SQL: &str = "
    insert into job_runs as r (job, done_at) values ($1, $2)
    on conflict (job) do update set done_at = greatest(r.done_at, excluded.done_at)";

/// Notes that a job that began then was done to its end.
pub async fn done(db: &Client, job: Job, begun: Timestamp) -> Result<()> {
    let params = params![TEXT: job.as_str(), TIMESTAMPTZ: begun.inner()];
    db.execute_typed(DONE_SQL, params).await?;
    Ok(())
}

const EXPECT_SQL: &str = "
    insert into job_runs (job, done_at) select job, $2 from unnest($1::text[]) job on conflict (job) do nothing";

const LIST_SQL: &str = "select job, done_at from job_runs";

/// When each job was last done. One of which nothing is known is expected from now on.
pub async fn list(db: &Client, now: Timestamp) -> Result<Vec<(Job, Timestamp)>> {
    let all = Job::ALL.map(Job::as_str).to_vec();
    db.execute_typed(EXPECT_SQL, params![TEXT_ARRAY: all, TIMESTAMPTZ: now.inner()])
        .await?;
    let rows = db.query_typed(LIST_SQL, params![]).await?;
    let mut runs = Vec::with_capacity(rows.len());
    for row in &rows {
        // A job that is gone may have left its row.
        if let Some(job) = Job::parse(row.col("job")?) {
            runs.push((job, row.time("done_at")?));
        }
    }
    Ok(runs)
}
