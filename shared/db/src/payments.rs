//! Payments, the transactions the gateway reports for them, and its notifications.

mod export;

pub use export::{ExportedPayment, export};

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use domain::message::PaymentNotice;
use domain::payment::{PaymentMethod, PaymentStatus, Transaction as Reported, TransactionStatus};
use domain::reconciliation::FIRST_SECONDS;
use domain::{EventId, OrderId, PaymentId, Rupiah, TicketTypeId, Timestamp, UserId};
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
    /// How it is made.
    pub method: PaymentMethod,
    /// What came in instead, if it was another amount.
    pub received: Option<Rupiah>,
    /// Whether more than one transaction of the gateway holds what was asked.
    pub is_paid_twice: bool,
    /// Where it stands.
    pub status: PaymentStatus,
    /// The gateway's token of the payment page.
    pub transaction_token: Option<String>,
    /// The payment page.
    pub redirect_url: Option<String>,
    /// When it was begun.
    pub payment_date: Timestamp,
}

impl Payment {
    /// What was paid, once something was: what can go back.
    pub fn paid(&self) -> Rupiah {
        self.received.unwrap_or(self.amount)
    }
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
    /// A bank transfer is waited for, so the gateway is not asked.
    ByTransfer(Payment),
}

/// What is read of payments `p` of orders `o`.
macro_rules! columns {
    () => {
        "p.id, p.order_id, o.code as order_code, p.user_id, p.amount, p.original_amount, p.discount, p.method, p.received,
         p.paid_twice, p.status, p.transaction_token, p.redirect_url, p.payment_date"
    };
}

const INSERT_SQL: &str = "
    insert into payments (order_id, user_id, amount, original_amount, discount, opening_until, next_check_at, payment_date,
                          created_at, updated_at)
    select id, user_id, total, total + discount, discount, $2, $4, $3, $3, $3 from orders where id = $1
    on conflict (order_id) do nothing
    returning id";

const LEASE_SQL: &str = "
    update payments set opening_until = $2, updated_at = $3
    where order_id = $1 and method = 'midtrans' and transaction_token is null
      and (opening_until is null or opening_until <= $3)
    returning id";

const OF_ORDER_SQL: &str = concat!(
    "select ",
    columns!(),
    " from payments p join orders o on o.id = p.order_id where p.order_id = $1"
);

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
        (false, false) if payment.method == PaymentMethod::ManualTransfer => Opened::ByTransfer(payment),
        (false, false) => Opened::Busy,
    })
}

// The account is locked against erasure, so that no page is kept after it.
const STORE_PAGE_SQL: &str = "
    update payments p set transaction_token = $2, redirect_url = $3, opening_until = null, updated_at = $4
    from (
        select id from users where id = (select user_id from payments where id = $1) and deleted_at is null for share
    ) payer
    where p.id = $1 and p.user_id = payer.id and p.method = 'midtrans'";

/// Keeps the gateway's page of a payment, unless its payer was erased meanwhile, because the page shows who it was, or chose a
/// bank transfer because this answer took so long. `false`: nobody must get to see the page.
pub async fn store_page(db: &Client, id: PaymentId, token: &str, url: &str, now: Timestamp) -> Result<bool> {
    let stored = db
        .execute_typed(
            STORE_PAGE_SQL,
            params![INT8: id.get(), TEXT: token, TEXT: url, TIMESTAMPTZ: now.inner()],
        )
        .await?;
    Ok(stored > 0)
}

const DROP_LEASE_SQL: &str = "update payments set opening_until = null, updated_at = $2 where id = $1";

/// Gives the lease back when the gateway gave no page, so that the buyer may try again at once.
pub async fn drop_lease(db: &Client, id: PaymentId, now: Timestamp) -> Result<()> {
    db.execute_typed(DROP_LEASE_SQL, params![INT8: id.get(), TIMESTAMPTZ: now.inner()])
        .await?;
    Ok(())
}

const LOCK_BY_ORDER_SQL: &str = concat!(
    "select ",
    columns!(),
    " from payments p join orders o on o.id = p.order_id where p.order_id = $1 for update of p"
);

/// The payment of an order, locked. The order is locked already.
pub async fn lock_of_order(tx: &Transaction<'_>, order: OrderId) -> Result<Option<Payment>> {
    let row = tx
        .query_typed_opt(LOCK_BY_ORDER_SQL, params![INT8: order.get()])
        .await?;
    row.as_ref().map(read).transpose()
}

/// What a receipt says of a payment besides its amount.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// How was paid: as the gateway calls it, or `manual_transfer`; `None` if nothing had to be paid.
    pub method: Option<String>,
    /// When it was first known to be paid.
    pub paid_at: Timestamp,
}

const RECEIPT_SQL: &str = "
    select min(s.at) as paid_at, case p.method when 'manual_transfer' then p.method else (
        select t.payment_type from payment_transactions t
        where t.payment_id = p.id and t.status in ('captured', 'paid', 'partially_refunded', 'refunded') and t.payment_type is not null
        order by t.updated_at desc limit 1) end as method
    from payments p join payment_transitions s on s.payment_id = p.id
    where p.order_id = $1 and s.to_status in ('success', 'partially_refunded', 'refunded')
    group by p.id";

/// How and when an order was paid. `None` if it was not.
pub async fn receipt(db: &Client, order: OrderId) -> Result<Option<Receipt>> {
    let row = db
        .query_typed_opt(RECEIPT_SQL, params![INT8: order.get()])
        .await?;
    row.map(|row| {
        Ok(Receipt {
            method: row.col("method")?,
            paid_at: row.time("paid_at")?,
        })
    })
    .transpose()
}

const METHOD_OF_ORDER_SQL: &str = "select method from payments where order_id = $1";

/// How an order is paid; `None` if nobody began to.
pub async fn method_of_order(db: &Client, order: OrderId) -> Result<Option<PaymentMethod>> {
    let row = db
        .query_typed_opt(METHOD_OF_ORDER_SQL, params![INT8: order.get()])
        .await?;
    row.map(|row| row.word("method", PaymentMethod::parse))
        .transpose()
}

const PAID_SQL: &str = "select coalesce(received, amount) as paid from payments where id = $1";

/// What was paid, once something was.
pub async fn paid(db: &Client, id: PaymentId) -> Result<Option<Rupiah>> {
    let row = db.query_typed_opt(PAID_SQL, params![INT8: id.get()]).await?;
    row.map(|row| row.rupiah("paid")).transpose()
}

/// A transaction as the gateway reported it.
#[derive(Debug, Clone)]
pub struct Known {
    /// The gateway's id of it.
    pub id: String,
    /// How far it has come.
    pub state: Reported,
    /// Its amount; `None` if it is not in rupiah.
    pub amount: Option<Rupiah>,
}

const TRANSACTIONS_SQL: &str = "
    select transaction_id, status, amount_matches, rupiah from payment_transactions
    where payment_id = $1 order by transaction_id";

/// What the gateway reported so far.
pub async fn transactions(tx: &Transaction<'_>, payment: PaymentId) -> Result<Vec<Known>> {
    let rows = tx
        .query_typed(TRANSACTIONS_SQL, params![INT8: payment.get()])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Known {
                id: row.col("transaction_id")?,
                state: Reported {
                    status: row.word("status", TransactionStatus::parse)?,
                    amount_matches: row.col("amount_matches")?,
                },
                amount: row.col::<Option<i64>>("rupiah")?.and_then(Rupiah::new),
            })
        })
        .collect()
}

const PUT_TRANSACTION_SQL: &str = "
    insert into payment_transactions
        (payment_id, transaction_id, status, amount_matches, gross_amount, rupiah, payment_type, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
    on conflict (payment_id, transaction_id) do update
    set status = excluded.status, amount_matches = excluded.amount_matches, payment_type = excluded.payment_type,
        gross_amount = case when payment_transactions.amount_matches then excluded.gross_amount
                            else payment_transactions.gross_amount end,
        rupiah = case when payment_transactions.amount_matches then excluded.rupiah else payment_transactions.rupiah end,
        updated_at = excluded.updated_at";

/// Keeps one transaction of a locked payment. `gross_amount` is what the gateway wrote; an amount that was wrong stays for people to
/// see.
pub async fn put_transaction(
    tx: &Transaction<'_>,
    payment: PaymentId,
    known: &Known,
    gross_amount: &str,
    payment_type: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    let params = params![
        INT8: payment.get(), TEXT: known.id, TEXT: known.state.status.as_str(), BOOL: known.state.amount_matches,
        TEXT: gross_amount, INT8: known.amount.map(Rupiah::get), TEXT: payment_type, TIMESTAMPTZ: now.inner(),
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

const SET_RECEIVED_SQL: &str = "update payments set received = $2 where id = $1";

/// Notes what came in for a locked payment instead of what was asked.
pub async fn set_received(tx: &Transaction<'_>, id: PaymentId, received: Rupiah) -> Result<()> {
    tx.execute_typed(SET_RECEIVED_SQL, params![INT8: id.get(), INT8: received.get()])
        .await?;
    Ok(())
}

const SET_PAID_TWICE_SQL: &str = "update payments set paid_twice = $2 where id = $1";

/// Notes whether more than one transaction holds what was asked of a locked payment.
pub async fn set_paid_twice(tx: &Transaction<'_>, id: PaymentId, is_paid_twice: bool) -> Result<()> {
    tx.execute_typed(SET_PAID_TWICE_SQL, params![INT8: id.get(), BOOL: is_paid_twice])
        .await?;
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

/// Which payments a list shows; what is `None` does not matter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// Of that payer.
    pub payer: Option<UserId>,
    /// In that status.
    pub status: Option<PaymentStatus>,
    /// For an order with tickets of that event.
    pub event: Option<EventId>,
    /// Begun at that time or later.
    pub from: Option<Timestamp>,
    /// Begun before that time.
    pub until: Option<Timestamp>,
    /// Of the order of that name.
    pub order_code: Option<&'a str>,
    /// Those alone that were paid twice.
    pub paid_twice: bool,
}

/// Where a page of a list begins.
#[derive(Debug, Clone, Copy)]
pub enum Begin {
    /// After so many rows.
    Offset(i64),
    /// After this payment.
    After(PaymentId),
}

/// Payments `p` of orders `o` that a [`Filter`] shows.
macro_rules! shown {
    () => {
        "($1::bigint is null or p.user_id = $1) and ($2::text is null or p.status = $2)
          and ($3::bigint is null or exists (
              select 1 from order_items l join ticket_types t on t.id = l.ticket_type_id
              where l.order_id = p.order_id and t.event_id = $3))
          and ($4::timestamptz is null or p.payment_date >= $4) and ($5::timestamptz is null or p.payment_date < $5)
          and ($6::text is null or o.code = $6) and (not $7 or p.paid_twice)"
    };
}

const LIST_SQL: &str = concat!(
    "select ",
    columns!(),
    ", u.name as user_name, u.email as user_email, i.ticket_type_id, i.quantity, count(*) over () as total
    from payments p join orders o on o.id = p.order_id join users u on u.id = p.user_id
    cross join lateral (
        select min(ticket_type_id) as ticket_type_id, sum(quantity)::int as quantity from order_items where order_id = o.id
    ) i
    where ",
    shown!(),
    " and ($8::bigint is null or (p.payment_date, p.id) < (select payment_date, id from payments where id = $8))
      and ($9::bigint is null or p.id = $9)
    order by p.payment_date desc, p.id desc limit $10 offset $11"
);

const COUNT_SQL: &str = concat!(
    "select count(*) as total from payments p join orders o on o.id = p.order_id where ",
    shown!()
);

/// Payments, newest first, at most so many, and how many there are in all: from the payment on with which the page begins, if it
/// begins with one.
pub async fn list(
    db: &Client,
    filter: &Filter<'_>,
    begin: Begin,
    limit: u32,
) -> Result<(Vec<ListedPayment>, i64)> {
    let (offset, after) = match begin {
        Begin::Offset(offset) => (offset, None),
        Begin::After(id) => (0, Some(id.get())),
    };
    let (payer, event, any) = (
        filter.payer.map(UserId::get),
        filter.event.map(EventId::get),
        None::<i64>,
    );
    let status = filter.status.map(PaymentStatus::as_str);
    let (from, until) = (
        filter.from.map(Timestamp::inner),
        filter.until.map(Timestamp::inner),
    );
    let params = params![
        INT8: payer, TEXT: status, INT8: event, TIMESTAMPTZ: from, TIMESTAMPTZ: until, TEXT: filter.order_code,
        BOOL: filter.paid_twice, INT8: after, INT8: any, INT8: i64::from(limit), INT8: offset,
    ];
    let rows = db.query_typed(LIST_SQL, params).await?;
    let total = match rows.first() {
        Some(row) => row.col("total")?,
        None if offset == 0 => 0,
        None => {
            let params = params![
                INT8: payer, TEXT: status, INT8: event, TIMESTAMPTZ: from, TIMESTAMPTZ: until, TEXT: filter.order_code,
                BOOL: filter.paid_twice,
            ];
            db.query_typed_one(COUNT_SQL, params).await?.col("total")?
        }
    };
    Ok((rows.iter().map(read_listed).collect::<Result<_>>()?, total))
}

/// One payment: of this payer, or of anybody.
pub async fn find(db: &Client, id: PaymentId, payer: Option<UserId>) -> Result<Option<ListedPayment>> {
    let (payer, number, text, time) = (
        payer.map(UserId::get),
        None::<i64>,
        None::<&str>,
        None::<jiff::Timestamp>,
    );
    let params = params![
        INT8: payer, TEXT: text, INT8: number, TIMESTAMPTZ: time, TIMESTAMPTZ: time, TEXT: text, BOOL: false,
        INT8: number, INT8: id.get(), INT8: 1_i64, INT8: 0_i64,
    ];
    let row = db.query_typed_opt(LIST_SQL, params).await?;
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
        method: row.word("method", PaymentMethod::parse)?,
        received: row.col::<Option<i64>>("received")?.and_then(Rupiah::new),
        is_paid_twice: row.col("paid_twice")?,
        status: row.word("status", PaymentStatus::parse)?,
        transaction_token: row.col("transaction_token")?,
        redirect_url: row.col("redirect_url")?,
        payment_date: row.time("payment_date")?,
    })
}
