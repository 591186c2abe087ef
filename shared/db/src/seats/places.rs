//! What people call a seat.

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use domain::seating::SeatNumber;
use domain::{OrderId, TicketTypeId};
use tokio_postgres::{Client, Row};

/// A seat as people find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its number.
    pub number: SeatNumber,
    /// What is sold there.
    pub ticket_type: TicketTypeId,
    /// What its section is called.
    pub section: String,
    /// What its row is called.
    pub row: String,
    /// What stands on it.
    pub label: String,
    /// Whether it is kept for people who need it.
    pub accessible: bool,
}

const PLACES_SQL: &str = "
    select s.ticket_type_id, s.number, s.section, s.row_label, s.label, k.accessible
    from unnest($1::bigint[], $2::int[]) as wanted (ticket_type_id, number)
    join seats s using (ticket_type_id, number) join seat_stock k using (ticket_type_id, number)
    order by s.ticket_type_id, s.number";

/// Where some seats are; those of a map that is gone are left out.
pub async fn places(db: &Client, seats: &[(TicketTypeId, SeatNumber)]) -> Result<Vec<Place>> {
    if seats.is_empty() {
        return Ok(Vec::new());
    }
    let types: Vec<i64> = seats.iter().map(|(id, _)| id.get()).collect();
    let numbers: Vec<i32> = seats.iter().map(|(_, number)| number.get()).collect();
    let rows = db
        .query_typed(PLACES_SQL, params![INT8_ARRAY: types, INT4_ARRAY: numbers])
        .await?;
    rows.iter().map(read_place).collect()
}

const OF_ORDERS_SQL: &str = "
    select i.order_id, s.ticket_type_id, s.number, s.section, s.row_label, s.label, k.accessible
    from order_items i cross join lateral unnest(i.seats) as wanted (number)
    join seats s on s.ticket_type_id = i.ticket_type_id and s.number = wanted.number
    join seat_stock k on k.ticket_type_id = s.ticket_type_id and k.number = s.number
    where i.order_id = any($1) order by i.order_id, s.ticket_type_id, s.number";

/// Where the seats of some orders are; those of a map that is gone are left out.
pub async fn of_orders(db: &Client, orders: &[OrderId]) -> Result<Vec<(OrderId, Place)>> {
    let ids: Vec<i64> = orders.iter().map(|id| id.get()).collect();
    let rows = db.query_typed(OF_ORDERS_SQL, params![INT8_ARRAY: ids]).await?;
    rows.iter()
        .map(|row| Ok((row.id("order_id", OrderId::new)?, read_place(row)?)))
        .collect()
}

fn read_place(row: &Row) -> Result<Place> {
    Ok(Place {
        number: SeatNumber::new(row.col("number")?),
        ticket_type: row.id("ticket_type_id", TicketTypeId::new)?,
        section: row.col("section")?,
        row: row.col("row_label")?,
        label: row.col("label")?,
        accessible: row.col("accessible")?,
    })
}
