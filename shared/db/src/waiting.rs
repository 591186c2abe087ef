//! What waits in the database to be done by somebody, and since when.

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use domain::status::Waiting;
use tokio_postgres::Client;

const OLDEST_SQL: &str = "
    select (select min(created_at) from outbox where published_at is null) as message,
           least((select min(expires_at) from holds where cart_item_id is not null),
                 (select min(held_until) from seat_stock where holder_id is not null and not holder_is_order)) as hold,
           (select min(next_try_at) from refunds where status = 'requested') as refund,
           (select min(next_check_at) from payments
            where next_check_at is not null and status in ('pending', 'challenge', 'failed', 'expired', 'cancelled')) as question";

/// When the oldest of everything that waits is, or was, to be done. Each is the first entry of an index,
/// but for the seats that carts hold now, which are few.
pub async fn oldest(db: &Client) -> Result<Waiting> {
    let row = db.query_typed_one(OLDEST_SQL, params![]).await?;
    Ok(Waiting {
        message: row.time_opt("message")?,
        hold: row.time_opt("hold")?,
        refund: row.time_opt("refund")?,
        question: row.time_opt("question")?,
    })
}
