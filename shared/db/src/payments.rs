//! Payments, the transactions the gateway reports for them, and its notifications.

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use domain::message::PaymentNotice;
use domain::page::Page;
use domain::payment::{PaymentStatus, Transaction as Reported, TransactionStatus};
use domain::reconciliation::FIRST_SECONDS;
use domain::{OrderId, PaymentId, Rupiah, TicketTypeId, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// A payment.
#[derive(Debug, Clone)]
pub struct Payment {
    /// Its id.
    pub id: PaymentId,
    /// What it pays.
    pub order_id: OrderId,
    /// Code of the order.
    pub order_code: String,
    /// Who pays.
    pub user_id: UserId,
    /// What is charged.
    pub amount: Rupiah,
    /// What would be charged without the discount: amount and discount together.
    pub original_amount: Rupiah,
    /// Taken off.
    pub discount: Rupiah,
    /// Where it stands.
    pub status: PaymentStatus,
    /// The gateway's token of the payment page.
    pub transaction_token: Option<String>,
    /// The payment page.
    pub redirect_url: Option<String>,
    /// When it was begun.
    pub payment_date: Timestamp,
}

/// What became of an attempt to open a payment.
#[derive(Debug)]
pub enum Opened {
    /// It is there with its page already.
    Ready(Payment),
    /// This caller holds the lease and shall ask the gateway for a page.
    Lease(Payment),
    /// Somebody else is asking the gateway at this moment.
    Busy,
}

const INSERT_SQL: &str = "
    insert into payments (order_id, user_id, amount, original_amount, discount, opening_until, next_check_at, payment_date,
                          created_at, updated_at)
    select id, user_id, total, total + discount, discount, $2, $4, $3, $3, $3 from orders where id = $1
    on conflict (order_id) do nothing
    returning id";

const LEASE_SQL: &str = "
    update payments set opening_until = $2, updated_at = $3
    where order_id = $1 and transaction_token is null and (opening_until is null or opening_until <= $3)
    returning id";

const OF_ORDER_SQL: &str = "
    select p.id, p.order_id, o.code as order_code, p.user_id, p.amount, p.original_amount, p.discount, p.status,
           p.transaction_token, p.redirect_url, p.payment_date
    from payments p join orders o on o.id = p.order_id where p.order_id = $1";

/// Makes the payment of a locked order, or finds it. Whoever gets the lease asks the gateway after the commit; the lease
/// ends at `lease_until`, so that a crash in between does not block the buyer for long.
pub async fn open(
    tx: &Transaction<'_>,
    order: OrderId,
    lease_until: Timestamp,
    now: Timestamp,
) -> Result<Opened> {
    let (until, at) = (lease_until.inner(), now.inner());
    let first_check = now.plus_seconds(FIRST_SECONDS).inner();
    let params = params![INT8: order.get(), TIMESTAMPTZ: until, TIMESTAMPTZ: at, TIMESTAMPTZ: first_check];
    let made = tx.query_typed_opt(INSERT_SQL, params).await?.is_some();
    let params = params![INT8: order.get(), TIMESTAMPTZ: until, TIMESTAMPTZ: at];
    let leased = made || tx.query_typed_opt(LEASE_SQL, params).await?.is_some();
    let payment = read(
        &tx.query_typed_one(OF_ORDER_SQL, params![INT8: order.get()])
            .await?,
    )?;
    Ok(match (leased, payment.transaction_token.is_some()) {
        (true, _) => Opened::Lease(payment),
        (false, true) => Opened::Ready(payment),
        (false, false) => Opened::Busy,
    })
}

// The account is locked against erasure, so that no page is kept after it.
const STORE_PAGE_SQL: &str = "
    update payments p set transaction_token = $2, redirect_url = $3, opening_until = null, updated_at = $4
    from (
        select id from users where id = (select user_id from payments where id = $1) and deleted_at is null for share
    ) payer
    where p.id = $1 and p.user_id = payer.id";

/// Keeps the gateway's page of a payment, unless its payer was erased meanwhile: the page shows who it was.
pub async fn store_page(db: &Client, id: PaymentId, token: &str, url: &str, now: Timestamp) -> Result<()> {
    db.execute_typed(
        STORE_PAGE_SQL,
        params![INT8: id.get(), TEXT: token, TEXT: url, TIMESTAMPTZ: now.inner()],
    )
    .await?;
    Ok(())
}

const DROP_LEASE_SQL: &str = "update payments set opening_until = null, updated_at = $2 where id = $1";

/// Gives the lease back when the gateway gave no page, so that the buyer may try again at once.
pub async fn drop_lease(db: &Client, id: PaymentId, now: Timestamp) -> Result<()> {
    db.execute_typed(DROP_LEASE_SQL, params![INT8: id.get(), TIMESTAMPTZ: now.inner()])
        .await?;
    Ok(())
}

const LOCK_BY_ORDER_SQL: &str = "
    select p.id, p.order_id, o.code as order_code, p.user_id, p.amount, p.original_amount, p.discount, p.status,
           p.transaction_token, p.redirect_url, p.payment_date
    from payments p join orders o on o.id = p.order_id where p.order_id = $1 for update of p";

/// The payment of an order, locked. The order is locked already.
pub async fn lock_of_order(tx: &Transaction<'_>, order: OrderId) -> Result<Option<Payment>> {
    let row = tx
        .query_typed_opt(LOCK_BY_ORDER_SQL, params![INT8: order.get()])
        .await?;
    row.as_ref().map(read).transpose()
}

const TRANSACTIONS_SQL: &str = "
    select transaction_id, status, amount_matches from payment_transactions where payment_id = $1 order by transaction_id";

/// What the gateway reported so far, by its transaction ids.
pub async fn transactions(tx: &Transaction<'_>, payment: PaymentId) -> Result<Vec<(String, Reported)>> {
    let rows = tx
        .query_typed(TRANSACTIONS_SQL, params![INT8: payment.get()])
        .await?;
    rows.iter()
        .map(|row| {
            let status = row.word("status", TransactionStatus::parse)?;
            Ok((
                row.col("transaction_id")?,
                Reported {
                    status,
                    amount_matches: row.col("amount_matches")?,
                },
            ))
        })
        .collect()
}

const PUT_TRANSACTION_SQL: &str = "
    insert into payment_transactions
        (payment_id, transaction_id, status, amount_matches, gross_amount, payment_type, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $7)
    on conflict (payment_id, transaction_id) do update
    set status = excluded.status, amount_matches = excluded.amount_matches, payment_type = excluded.payment_type,
        gross_amount = case when payment_transactions.amount_matches then excluded.gross_amount
                            else payment_transactions.gross_amount end,
        updated_at = excluded.updated_at";

/// Keeps the state of one transaction of a locked payment. An amount that was wrong stays for people to see.
pub async fn put_transaction(
    tx: &Transaction<'_>,
    payment: PaymentId,
    transaction_id: &str,
    state: Reported,
    gross_amount: &str,
    payment_type: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    let params = params![
        INT8: payment.get(), TEXT: transaction_id, TEXT: state.status.as_str(), BOOL: state.amount_matches,
        TEXT: gross_amount, TEXT: payment_type, TIMESTAMPTZ: now.inner(),
    ];
    tx.execute_typed(PUT_TRANSACTION_SQL, params).await?;
    Ok(())
}

const SET_STATUS_SQL: &str = "
    with moved as (
        update payments set status = $3, updated_at = $5,
            settled_at = case when $6 then coalesce(settled_at, $5) else settled_at end
        where id = $1 returning id
    )
    insert into payment_transitions (payment_id, from_status, to_status, cause, at) select id, $2, $3, $4, $5 from moved";

/// Moves a locked payment to another status and writes down why. It is settled when money is first known to have come in.
pub async fn set_status(
    tx: &Transaction<'_>,
    id: PaymentId,
    from: PaymentStatus,
    to: PaymentStatus,
    cause: &str,
    now: Timestamp,
) -> Result<()> {
    let params = params![
        INT8: id.get(), TEXT: from.as_str(), TEXT: to.as_str(), TEXT: cause, TIMESTAMPTZ: now.inner(), BOOL: to.was_paid(),
    ];
    tx.execute_typed(SET_STATUS_SQL, params).await?;
    Ok(())
}

const STORE_NOTICE_SQL: &str = "
    insert into payment_notifications
        (fingerprint, order_code, transaction_id, transaction_status, status_code, body, received_at, last_received_at)
    values ($1, $2, $3, $4, $5, $6, $7, $7)
    on conflict (fingerprint) do update
    set deliveries = payment_notifications.deliveries + 1, last_received_at = excluded.last_received_at";

/// Stores a notification; a repetition of the same content is counted.
pub async fn store_notice(db: &Client, fingerprint: &[u8; 32], notice: &PaymentNotice) -> Result<()> {
    let params = params![
        BYTEA: fingerprint.as_slice(), TEXT: notice.order_code, TEXT: notice.transaction_id, TEXT: notice.transaction_status,
        TEXT: notice.status_code, TEXT: notice.raw, TIMESTAMPTZ: notice.received_at.inner(),
    ];
    db.execute_typed(STORE_NOTICE_SQL, params).await?;
    Ok(())
}

/// A payment as lists show it: who pays, and the ticket type of the first line.
#[derive(Debug, Clone)]
pub struct ListedPayment {
    /// The payment.
    pub payment: Payment,
    /// Name of the payer.
    pub user_name: String,
    /// Mail address of the payer.
    pub user_email: String,
    /// Ticket type of the first line.
    pub ticket_type_id: TicketTypeId,
    /// Units of all lines.
    pub quantity: u32,
}

const LIST_SQL: &str = "
    select p.id, p.order_id, o.code as order_code, p.user_id, p.amount, p.original_amount, p.discount, p.status,
           p.transaction_token, p.redirect_url, p.payment_date, u.name as user_name, u.email as user_email,
           i.ticket_type_id, i.quantity, count(*) over () as total
    from payments p join orders o on o.id = p.order_id join users u on u.id = p.user_id
    cross join lateral (
        select min(ticket_type_id) as ticket_type_id, sum(quantity)::int as quantity from order_items where order_id = o.id
    ) i
    where ($1::bigint is null or p.user_id = $1) and ($2::bigint is null or p.id = $2)
    order by p.payment_date desc, p.id desc limit $3 offset $4";

const COUNT_SQL: &str = "select count(*) as total from payments where $1::bigint is null or user_id = $1";

/// A page of payments, newest first, and how many there are: of one payer, or of all.
pub async fn list(db: &Client, payer: Option<UserId>, page: Page) -> Result<(Vec<ListedPayment>, i64)> {
    let (payer, any): (Option<i64>, Option<i64>) = (payer.map(UserId::get), None);
    let limit = i64::from(page.limit);
    let params = params![INT8: payer, INT8: any, INT8: limit, INT8: page.offset()];
    let rows = db.query_typed(LIST_SQL, params).await?;
    let total = match rows.first() {
        Some(row) => row.col("total")?,
        None if page.number == 1 => 0,
        None => db
            .query_typed_one(COUNT_SQL, params![INT8: payer])
            .await?
            .col("total")?,
    };
    Ok((rows.iter().map(read_listed).collect::<Result<_>>()?, total))
}

/// One payment: of this payer, or of anybody.
pub async fn find(db: &Client, id: PaymentId, payer: Option<UserId>) -> Result<Option<ListedPayment>> {
    let payer = payer.map(UserId::get);
    let row = db
        .query_typed_opt(
            LIST_SQL,
            params![INT8: payer, INT8: id.get(), INT8: 1_i64, INT8: 0_i64],
        )
        .await?;
    row.as_ref().map(read_listed).transpose()
}

fn read_listed(row: &Row) -> Result<ListedPayment> {
    Ok(ListedPayment {
        payment: read(row)?,
        user_name: row.col("user_name")?,
        user_email: row.col("user_email")?,
        ticket_type_id: row.id("ticket_type_id", TicketTypeId::new)?,
        quantity: row.count("quantity")?,
    })
}

fn read(row: &Row) -> Result<Payment> {
    Ok(Payment {
        id: row.id("id", PaymentId::new)?,
        order_id: row.id("order_id", OrderId::new)?,
        order_code: row.col("order_code")?,
        user_id: row.id("user_id", UserId::new)?,
        amount: row.rupiah("amount")?,
        original_amount: row.rupiah("original_amount")?,
        discount: row.rupiah("discount")?,
        status: row.word("status", PaymentStatus::parse)?,
        transaction_token: row.col("transaction_token")?,
        redirect_url: row.col("redirect_url")?,
        payment_date: row.time("payment_date")?,
    })
}
