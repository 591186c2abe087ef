//! The lock under which an event is sold, and changed so that nobody buys meanwhile.

use super::{Event, lock_own};
use crate::error::Result;
use crate::sql::params;
use domain::{EventId, OrderId, TicketTypeId, UserId};
use tokio_postgres::{Client, Transaction};

/// The lock of the sale of an event, of this transaction. Sales share it, see [`keep_on_sale`]; who stops the sale has it
/// alone. It is not the lock of a row, because shared locks of rows are given out while somebody waits for them alone: during
/// a rush the sale could not be stopped.
macro_rules! sale_of {
    ($lock:literal, $event:literal) => {
        concat!(
            "select ",
            $lock,
            "(hashtextextended('sale of event ' || ",
            $event,
            ", 0))"
        )
    };
}

const STOP_SALE_SQL: &str = concat!(
    sale_of!("pg_advisory_xact_lock", "id"),
    " from events where id = $1 and (organizer_id = $2 or $3)"
);

/// The same as [`lock_own`], and no ticket of the event is reserved or ordered until the end of the transaction: who was
/// about to do so has finished, others wait and then find what was made of the event. Nothing that a sale locks may be locked before.
pub async fn lock_own_and_sale(
    tx: &Transaction<'_>,
    id: EventId,
    organizer: UserId,
    any_owner: bool,
) -> Result<Option<Event>> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    tx.query_typed(STOP_SALE_SQL, params).await?;
    lock_own(tx, id, organizer, any_owner).await
}

const STOP_SALE_OF_TYPE_SQL: &str = concat!(
    sale_of!("pg_advisory_xact_lock", "t.event_id"),
    " from ticket_types t join events e on e.id = t.event_id where t.id = $1 and (e.organizer_id = $2 or $3)"
);

/// No ticket of the event of an own ticket type is reserved or ordered until the end of the transaction, as with
/// [`lock_own_and_sale`].
pub(crate) async fn stop_sale_of_type(
    tx: &Transaction<'_>,
    ticket_type: TicketTypeId,
    organizer: UserId,
    any_owner: bool,
) -> Result<()> {
    let params = params![INT8: ticket_type.get(), INT8: organizer.get(), BOOL: any_owner];
    tx.query_typed(STOP_SALE_OF_TYPE_SQL, params).await?;
    Ok(())
}

const KEEP_ON_SALE_SQL: &str = concat!(
    sale_of!("pg_advisory_xact_lock_shared", "event_id"),
    " from (select distinct event_id from ticket_types where id = any($1) order by event_id) types"
);

/// Lets nobody stop the sale of these ticket types' events before the end of the transaction. What is read of the events
/// afterwards, by another statement, stays true until then. Everybody takes the locks by the ids' order.
pub(crate) async fn keep_on_sale(db: &Client, types: &[i64]) -> Result<()> {
    db.query_typed(KEEP_ON_SALE_SQL, params![INT8_ARRAY: types])
        .await?;
    Ok(())
}

const KEEP_ORDER_ON_SALE_SQL: &str = concat!(
    sale_of!("pg_advisory_xact_lock_shared", "event_id"),
    " from (select distinct t.event_id from order_items i join ticket_types t on t.id = i.ticket_type_id
            where i.order_id = $1 order by t.event_id) types"
);

/// The same for the events of an order.
pub(crate) async fn keep_order_on_sale(tx: &Transaction<'_>, order: OrderId) -> Result<()> {
    tx.query_typed(KEEP_ORDER_ON_SALE_SQL, params![INT8: order.get()])
        .await?;
    Ok(())
}
