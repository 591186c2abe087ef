//! Orders and their lines.

use crate::error::{DbError, Result};
use crate::settlement::RandomId;
use crate::sql::{RowExt as _, params};
use crate::ticket_types::int;
use crate::{events, notifications, outbox, seats, stock};
use domain::event::EventStatus;
use domain::message::{Mail, Outgoing};
use domain::notice::Notice;
use domain::order::OrderStatus;
use domain::payment::PaymentMethod;
use domain::price::Price;
use domain::promo_code::{PromoCode, PromoCodes};
use domain::seating::SeatNumber;
use domain::{Error, OrderId, OrderItemId, Rupiah, TicketTypeId, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// An order.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// What buyers and the payment gateway call it.
    pub code: String,
    /// Who buys.
    pub user_id: UserId,
    /// Where it stands.
    pub status: OrderStatus,
    /// Sum of its lines.
    pub subtotal: Rupiah,
    /// Taken off the subtotal.
    pub discount: Rupiah,
    /// Service fees.
    pub fee: Rupiah,
    /// Taxes.
    pub tax: Rupiah,
    /// What is charged.
    pub total: Rupiah,
    /// Until when it can be paid.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A line of an order.
#[derive(Debug, Clone)]
pub struct OrderItem {
    /// Its id.
    pub id: OrderItemId,
    /// What is bought.
    pub ticket_type_id: TicketTypeId,
    /// What it was called when read.
    pub ticket_name: String,
    /// Of which event.
    pub event_name: String,
    /// Price of one.
    pub unit_price: Rupiah,
    /// How many.
    pub quantity: u32,
    /// What all of them are charged, after discounts and with fee and tax; [`domain::price::share`] says what one is worth.
    pub charged: Rupiah,
    /// Over how many stripes its stock is spread.
    pub stripes: u32,
    /// Whether each unit of what is bought is a seat now.
    pub seated: bool,
    /// The seats that were ordered, if they were seats.
    pub seats: Option<Vec<SeatNumber>>,
}

const INSERT_SQL: &str = "
    insert into orders (code, user_id, subtotal, discount, fee, tax, total, expires_at, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
    returning id, code, user_id, status, subtotal, discount, fee, tax, total, expires_at, created_at";

// What a line is charged is computed by the database.
const INSERT_ITEM_SQL: &str = "
    insert into order_items (order_id, ticket_type_id, unit_price, quantity, discount, fee, tax)
    values ($1, $2, $3, $4, $5, $6, $7) returning id";

/// Makes an order with its lines. Returns the ids of the lines in their order.
pub async fn insert(
    tx: &Transaction<'_>,
    code: &str,
    user: UserId,
    price: &Price,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<(Order, Vec<OrderItemId>)> {
    let params = params![
        TEXT: code, INT8: user.get(), INT8: price.subtotal.get(), INT8: price.discount.get(), INT8: price.fee.get(),
        INT8: price.tax.get(), INT8: price.total.get(), TIMESTAMPTZ: expires_at.inner(), TIMESTAMPTZ: now.inner(),
    ];
    let order = read(&tx.query_typed_one(INSERT_SQL, params).await?)?;
    let mut items = Vec::with_capacity(price.lines.len());
    for priced in &price.lines {
        let line = &priced.line;
        let params = params![
            INT8: order.id.get(), INT8: line.ticket_type.get(), INT8: line.unit_price.get(), INT4: int(line.quantity),
            INT8: priced.discount.get(), INT8: priced.fee.get(), INT8: priced.tax.get(),
        ];
        items.push(
            tx.query_typed_one(INSERT_ITEM_SQL, params)
                .await?
                .id("id", OrderItemId::new)?,
        );
    }
    Ok((order, items))
}

const SET_SEATS_SQL: &str = "update order_items set seats = $2 where id = $1";

/// Writes down which seats a line is about. Its tickets get them in this order, also when it is paid late.
pub async fn set_seats(tx: &Transaction<'_>, line: OrderItemId, chosen: &[SeatNumber]) -> Result<()> {
    let params = params![INT8: line.get(), INT4_ARRAY: seats::write_numbers(Some(chosen))];
    tx.execute_typed(SET_SEATS_SQL, params).await?;
    Ok(())
}

/// Tells the buyer of a new order that it waits for payment. Returns the mail, which is in the outbox.
///
/// # Errors
/// If the database does not answer; nobody was told then.
pub async fn tell_placed(
    tx: &Transaction<'_>,
    order: &Order,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Outgoing, Error> {
    let notice = Notice::OrderPlaced {
        order: order.code.clone(),
        pay_until: order.expires_at,
    };
    notifications::tell(tx, order.user_id, &notice, &order.id.to_string(), now).await?;
    let mail = Outgoing::mail(random(), Mail::OrderPlaced { order: order.id })?;
    outbox::insert(tx, &mail, now).await?;
    Ok(mail)
}

const LOCK_OWN_SQL: &str = "
    select id, code, user_id, status, subtotal, discount, fee, tax, total, expires_at, created_at
    from orders where code = $1 and user_id = $2 for update";

/// An order of this buyer, locked.
pub async fn lock_own(tx: &Transaction<'_>, code: &str, user: UserId) -> Result<Option<Order>> {
    let row = tx
        .query_typed_opt(LOCK_OWN_SQL, params![TEXT: code, INT8: user.get()])
        .await?;
    row.as_ref().map(read).transpose()
}

const LOCK_SQL: &str = "
    select id, code, user_id, status, subtotal, discount, fee, tax, total, expires_at, created_at from orders where id = $1 for update";

/// An order, locked.
pub async fn lock(tx: &Transaction<'_>, id: OrderId) -> Result<Option<Order>> {
    let row = tx.query_typed_opt(LOCK_SQL, params![INT8: id.get()]).await?;
    row.as_ref().map(read).transpose()
}

const LOCK_ALL_SQL: &str = "select id from orders where user_id = $1 order by id for no key update";

/// Locks every order of a buyer, so that none is settled before the end of this transaction.
pub async fn lock_all(tx: &Transaction<'_>, user: UserId) -> Result<()> {
    tx.query_typed(LOCK_ALL_SQL, params![INT8: user.get()]).await?;
    Ok(())
}

const FIND_SQL: &str = "
    select id, code, user_id, status, subtotal, discount, fee, tax, total, expires_at, created_at from orders where id = $1";

/// An order.
pub async fn find(db: &Client, id: OrderId) -> Result<Option<Order>> {
    let row = db.query_typed_opt(FIND_SQL, params![INT8: id.get()]).await?;
    row.as_ref().map(read).transpose()
}

const FIND_BY_CODE_SQL: &str = "
    select id, code, user_id, status, subtotal, discount, fee, tax, total, expires_at, created_at from orders where code = $1";

/// The order that the gateway calls by this code.
pub async fn find_by_code(db: &Client, code: &str) -> Result<Option<Order>> {
    let row = db.query_typed_opt(FIND_BY_CODE_SQL, params![TEXT: code]).await?;
    row.as_ref().map(read).transpose()
}

const LOCK_SINGLE_LINE_SQL: &str = "
    select o.id, o.code, o.user_id, o.status, o.subtotal, o.discount, o.fee, o.tax, o.total, o.expires_at, o.created_at
    from orders o
    where o.user_id = $1 and o.status = 'pending' and o.expires_at > $4
      and exists (select 1 from order_items i where i.order_id = o.id and i.ticket_type_id = $2 and i.quantity = $3)
      and (select count(*) from order_items i where i.order_id = o.id) = 1
      and (select coalesce(array_agg(p.code order by p.code), '{}')
           from promo_redemptions r join promo_codes p on p.id = r.promo_id where r.order_id = o.id) = $5
    order by o.id desc limit 1 for update of o";

/// The buyer's newest payable order that consists of exactly this line and was made with exactly these promo codes, locked.
pub async fn lock_single_line(
    tx: &Transaction<'_>,
    user: UserId,
    ticket_type: TicketTypeId,
    quantity: u32,
    promo_codes: &PromoCodes,
    now: Timestamp,
) -> Result<Option<Order>> {
    let mut codes: Vec<&str> = promo_codes.as_slice().iter().map(PromoCode::as_str).collect();
    codes.sort_unstable();
    let params = params![
        INT8: user.get(), INT8: ticket_type.get(), INT4: int(quantity), TIMESTAMPTZ: now.inner(), TEXT_ARRAY: codes,
    ];
    let row = tx.query_typed_opt(LOCK_SINGLE_LINE_SQL, params).await?;
    row.as_ref().map(read).transpose()
}

const ITEMS_SQL: &str = "
    select i.id, i.ticket_type_id, t.name as ticket_name, e.name as event_name, i.unit_price, i.quantity, i.charged, t.stripes,
           t.seated, i.seats
    from order_items i join ticket_types t on t.id = i.ticket_type_id join events e on e.id = t.event_id
    where i.order_id = $1 order by i.ticket_type_id";

/// The lines of an order, in the order in which stock is locked.
pub async fn items(db: &Client, order: OrderId) -> Result<Vec<OrderItem>> {
    let rows = db.query_typed(ITEMS_SQL, params![INT8: order.get()]).await?;
    rows.iter()
        .map(|row| {
            Ok(OrderItem {
                id: row.id("id", OrderItemId::new)?,
                ticket_type_id: row.id("ticket_type_id", TicketTypeId::new)?,
                ticket_name: row.col("ticket_name")?,
                event_name: row.col("event_name")?,
                unit_price: row.rupiah("unit_price")?,
                quantity: row.count("quantity")?,
                charged: row.rupiah("charged")?,
                stripes: row.count("stripes")?,
                seated: row.col("seated")?,
                seats: seats::read_numbers(row, "seats")?,
            })
        })
        .collect()
}

const EVENTS_SQL: &str = "
    select e.status, e.date, e.ends_at
    from order_items i join ticket_types t on t.id = i.ticket_type_id join events e on e.id = t.event_id
    where i.order_id = $1";

/// Where the events of an order stand at `now`. They keep their status until the end of the transaction, as in
/// [`crate::ticket_types::for_sale`].
pub async fn event_statuses(
    tx: &Transaction<'_>,
    order: OrderId,
    now: Timestamp,
) -> Result<Vec<EventStatus>> {
    let params = params![INT8: order.get()];
    let (kept, rows) = tokio::join!(
        biased;
        events::keep_order_on_sale(tx, order),
        tx.query_typed(EVENTS_SQL, params)
    );
    kept?;
    let rows = rows?;
    rows.iter()
        .map(|row| {
            let status = row.word("status", EventStatus::parse)?;
            Ok(status.at(row.time("date")?, row.time_opt("ends_at")?, now))
        })
        .collect()
}

const CANCELLED_SQL: &str = "
    select exists (
        select 1 from order_items i join ticket_types t on t.id = i.ticket_type_id join events e on e.id = t.event_id
        where i.order_id = $1 and e.status = 'cancelled'
    ) as cancelled";

/// Whether an event of an order was cancelled.
pub async fn is_cancelled(db: &Client, order: OrderId) -> Result<bool> {
    db.query_typed_one(CANCELLED_SQL, params![INT8: order.get()])
        .await?
        .col("cancelled")
}

const SET_STATUS_SQL: &str = "
    update orders set status = $2, updated_at = $3, paid_at = case when $2 = 'paid' then $3 else paid_at end where id = $1";

/// Moves a locked order to another status.
pub async fn set_status(
    tx: &Transaction<'_>,
    id: OrderId,
    status: OrderStatus,
    now: Timestamp,
) -> Result<()> {
    tx.execute_typed(
        SET_STATUS_SQL,
        params![INT8: id.get(), TEXT: status.as_str(), TIMESTAMPTZ: now.inner()],
    )
    .await?;
    Ok(())
}

const EXTEND_SQL: &str = "update orders set expires_at = $2, updated_at = $3 where id = $1";

/// Lets a locked order be paid until another time, and keeps its stock as long.
pub async fn extend(tx: &Transaction<'_>, id: OrderId, until: Timestamp, now: Timestamp) -> Result<()> {
    let params = params![INT8: id.get(), TIMESTAMPTZ: until.inner(), TIMESTAMPTZ: now.inner()];
    tx.execute_typed(EXTEND_SQL, params).await?;
    stock::extend_order(tx, id, until).await
}

/// An order whose time to pay is over.
#[derive(Debug, Clone)]
pub struct Overdue {
    /// Its id.
    pub id: OrderId,
    /// What the gateway calls it.
    pub code: String,
    /// Until when it could be paid.
    pub expires_at: Timestamp,
    /// How it was to be paid; `None` if nobody began to.
    pub method: Option<PaymentMethod>,
}

// A transfer is waited for up to a week. Once an event is called off, nobody shall make it any more.
const OVERDUE_SQL: &str = "
    select id, code, expires_at, method from (
        (select o.id, o.code, o.expires_at, p.method, 0 as rank from payments p join orders o on o.id = p.order_id
         where p.method = 'manual_transfer' and p.status = 'pending' and o.status = 'pending' and o.expires_at > $1 and exists (
             select 1 from order_items i join ticket_types t on t.id = i.ticket_type_id join events e on e.id = t.event_id
             where i.order_id = o.id and e.status = 'cancelled')
         limit $2)
        union all
        (select o.id, o.code, o.expires_at, p.method, 1 from orders o left join payments p on p.order_id = o.id
         where o.status = 'pending' and o.expires_at <= $1 order by o.expires_at limit $2)
    ) found order by rank, expires_at, id limit $2";

/// Pending orders that wait for a transfer for an event that was called off, before somebody makes it, and then those whose time to
/// pay is over, the longest overdue first.
pub async fn overdue(db: &Client, now: Timestamp, limit: u32) -> Result<Vec<Overdue>> {
    let limit = i64::from(limit);
    let rows = db
        .query_typed(OVERDUE_SQL, params![TIMESTAMPTZ: now.inner(), INT8: limit])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Overdue {
                id: row.id("id", OrderId::new)?,
                code: row.col("code")?,
                expires_at: row.time("expires_at")?,
                method: row
                    .col::<Option<&str>>("method")?
                    .map(|method| PaymentMethod::parse(method).ok_or(DbError::Value("method")))
                    .transpose()?,
            })
        })
        .collect()
}

const BOUGHT_SQL: &str = "
    select i.ticket_type_id, sum(i.quantity - (
               select count(*) from issued_tickets x where x.order_item_id = i.id and x.status = 'void'))::int as quantity
    from order_items i join orders o on o.id = i.order_id
    where o.user_id = $1 and o.status in ('pending', 'paid') and i.ticket_type_id = any($2)
    group by 1";

/// How many units of some ticket types this buyer has bought or is about to pay; tickets that were taken back do not count. The
/// buyer is locked.
pub async fn bought(
    tx: &Transaction<'_>,
    user: UserId,
    types: &[TicketTypeId],
) -> Result<Vec<(TicketTypeId, u32)>> {
    let ids: Vec<i64> = types.iter().map(|id| id.get()).collect();
    let rows = tx
        .query_typed(BOUGHT_SQL, params![INT8: user.get(), INT8_ARRAY: ids])
        .await?;
    rows.iter()
        .map(|row| {
            Ok((
                row.id("ticket_type_id", TicketTypeId::new)?,
                row.count("quantity")?,
            ))
        })
        .collect()
}

fn read(row: &Row) -> Result<Order> {
    Ok(Order {
        id: row.id("id", OrderId::new)?,
        code: row.col("code")?,
        user_id: row.id("user_id", UserId::new)?,
        status: row.word("status", OrderStatus::parse)?,
        subtotal: row.rupiah("subtotal")?,
        discount: row.rupiah("discount")?,
        fee: row.rupiah("fee")?,
        tax: row.rupiah("tax")?,
        total: row.rupiah("total")?,
        expires_at: row.time("expires_at")?,
        created_at: row.time("created_at")?,
    })
}
