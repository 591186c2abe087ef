//! The migrations, run by the `migrate` function before traffic reaches a new version. They go forward only and in three
//! steps (expand, move, contract), so that the version before keeps working while the new one is rolled out.

use crate::error::{DbError, Result};
use tokio_postgres::Client;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Keeps two runs apart. The key is an arbitrary number.
const LOCK_SQL: &str = "select pg_advisory_lock(7166331402)";
const UNLOCK_SQL: &str = "select pg_advisory_unlock(7166331402)";

/// Brings the schema up to date. Needs a direct connection: the lock is one of the session, which RDS Proxy would pin.
/// Returns how many migrations were applied.
///
/// # Errors
/// If a migration fails; nothing of it is kept.
#[expect(
    clippy::disallowed_methods,
    reason = "a migration is SQL text; nothing of it comes from outside"
)]
pub async fn run(client: &mut Client) -> Result<usize> {
    client.batch_execute(LOCK_SQL).await?;
    let outcome = embedded::migrations::runner().run_async(client).await;
    client.batch_execute(UNLOCK_SQL).await?;
    let report = outcome.map_err(|error| DbError::Unavailable(Box::new(error)))?;
    client.batch_execute(ROLE_LIMITS_SQL).await?;
    Ok(report.applied_migrations().len())
}

/// Limits of the role that runs this, for every later connection: a statement that hangs must not hold a lock for long,
/// and RDS Proxy accepts no start-up options. Lambda's own time-outs are longer. The last one is how much a mistyped word
/// must look like the right one: "festval" finds "festival".
const ROLE_LIMITS_SQL: &str = "do $$ begin
    execute format('alter role %I set statement_timeout = ''5s''', current_user);
    execute format('alter role %I set lock_timeout = ''2s''', current_user);
    execute format('alter role %I set idle_in_transaction_session_timeout = ''10s''', current_user);
    execute format('alter role %I set pg_trgm.word_similarity_threshold = 0.45', current_user);
end $$";

/// A number that changes with every edit of a migration.
pub fn fingerprint() -> u64 {
    let migrations = embedded::migrations::runner();
    // FNV-1a over the checksums, in their order.
    migrations
        .get_migrations()
        .iter()
        .flat_map(|migration| migration.checksum().to_be_bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}
