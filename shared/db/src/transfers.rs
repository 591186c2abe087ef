//! Bank transfers: the accounts that organizers set for their events, and the payments that wait for one. Confirming one is
//! [`crate::settlement::confirm_transfer`].

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use crate::ticket_types::int;
use domain::page::Page;
use domain::payment::PaymentStatus;
use domain::transfer::{AccountHolder, AccountNumber, BankAccount, BankName, Offer};
use domain::{EventId, OrderId, PaymentId, Rupiah, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// What an event says about transfers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Whether buyers may pay by transfer.
    pub enabled: bool,
    /// Where the money goes.
    pub account: BankAccount,
    /// How many hours it is waited for.
    pub hours: u32,
}

/// What an organizer wants an event to say about transfers.
#[derive(Debug)]
pub struct NewTerms<'a> {
    /// Whether buyers may pay by transfer.
    pub enabled: bool,
    /// What the bank is called.
    pub bank: &'a BankName,
    /// Number of the account.
    pub number: &'a AccountNumber,
    /// Whose account it is.
    pub holder: &'a AccountHolder,
    /// How many hours money is waited for.
    pub hours: u32,
}

const TERMS_SQL: &str = "
    select a.enabled, a.bank, a.account_number, a.account_holder, a.hours
    from events e left join transfer_accounts a on a.event_id = e.id where e.id = $1 and (e.organizer_id = $2 or $3)";

/// What an event of this organizer, or any, says about transfers; `Some(None)` if nothing was ever set.
pub async fn terms(
    db: &Client,
    event: EventId,
    organizer: UserId,
    any_owner: bool,
) -> Result<Option<Option<Terms>>> {
    let params = params![INT8: event.get(), INT8: organizer.get(), BOOL: any_owner];
    let row = db.query_typed_opt(TERMS_SQL, params).await?;
    row.as_ref().map(read_terms).transpose()
}

// The old row is read locked, so that of two at once the second tells what the first one wrote.
const SET_TERMS_SQL: &str = "
    with own as (select id from events where id = $1 and (organizer_id = $2 or $3)),
    before as (select a.* from transfer_accounts a join own on own.id = a.event_id for update of a),
    written as (
        insert into transfer_accounts (event_id, enabled, bank, account_number, account_holder, hours, created_at, updated_at)
        select id, $4, $5, $6, $7, $8, $9, $9 from own left join before on before.event_id = own.id
        on conflict (event_id) do update
        set enabled = excluded.enabled, bank = excluded.bank, account_number = excluded.account_number,
            account_holder = excluded.account_holder, hours = excluded.hours, updated_at = excluded.updated_at
    )
    select b.enabled, b.bank, b.account_number, b.account_holder, b.hours
    from own left join before b on b.event_id = own.id";

/// Sets what an event of this organizer, or any, says about transfers. Returns what it said before, if there is such an event.
/// Transfers that are waited for keep the account that their buyers were told.
pub async fn set_terms(
    tx: &Transaction<'_>,
    event: EventId,
    organizer: UserId,
    any_owner: bool,
    new: &NewTerms<'_>,
    now: Timestamp,
) -> Result<Option<Option<Terms>>> {
    let params = params![
        INT8: event.get(), INT8: organizer.get(), BOOL: any_owner, BOOL: new.enabled, TEXT: new.bank.as_str(),
        TEXT: new.number.as_str(), TEXT: new.holder.as_str(), INT4: int(new.hours), TIMESTAMPTZ: now.inner(),
    ];
    let row = tx.query_typed_opt(SET_TERMS_SQL, params).await?;
    row.as_ref().map(read_terms).transpose()
}

fn read_terms(row: &Row) -> Result<Option<Terms>> {
    let Some(enabled) = row.col("enabled")? else {
        return Ok(None);
    };
    Ok(Some(Terms {
        enabled,
        account: read_account(row)?,
        hours: row.count("hours")?,
    }))
}

fn read_account(row: &Row) -> Result<BankAccount> {
    Ok(BankAccount {
        bank: row.col("bank")?,
        number: row.col("account_number")?,
        holder: row.col("account_holder")?,
    })
}

const OFFERS_SQL: &str = "
    select e.organizer_id, coalesce(a.enabled, false) as enabled, a.bank, a.account_number, a.account_holder,
           coalesce(a.hours, 1) as hours, least(e.date, min(t.sales_end)) as closes
    from order_items i join ticket_types t on t.id = i.ticket_type_id join events e on e.id = t.event_id
    left join transfer_accounts a on a.event_id = e.id
    where i.order_id = $1 group by e.id, a.event_id order by e.id";

/// What the events of an order say about transfers.
pub async fn offers(tx: &Transaction<'_>, order: OrderId) -> Result<Vec<Offer>> {
    let rows = tx.query_typed(OFFERS_SQL, params![INT8: order.get()]).await?;
    rows.iter()
        .map(|row| {
            let enabled: bool = row.col("enabled")?;
            Ok(Offer {
                organizer: row.id("organizer_id", UserId::new)?,
                account: enabled.then(|| read_account(row)).transpose()?,
                hours: row.count("hours")?,
                closes: row.time("closes")?,
            })
        })
        .collect()
}

const OTHER_WAITS_SQL: &str = "
    select exists (
        select 1 from payments p join orders o on o.id = p.order_id
        join order_items i on i.order_id = o.id join ticket_types t on t.id = i.ticket_type_id
        where p.user_id = $1 and p.method = 'manual_transfer' and p.status = 'pending' and o.status = 'pending' and o.id <> $2
          and t.event_id in (
              select mine.event_id from order_items l join ticket_types mine on mine.id = l.ticket_type_id where l.order_id = $2)
    ) as waits";

/// Whether another order of a locked buyer for one of the events of this one waits for a transfer.
pub async fn another_waits(tx: &Transaction<'_>, buyer: UserId, order: OrderId) -> Result<bool> {
    let params = params![INT8: buyer.get(), INT8: order.get()];
    tx.query_typed_one(OTHER_WAITS_SQL, params).await?.col("waits")
}

// A page that is being opened, or was ever shown, may be paid: such a payment keeps its way.
const BEGIN_SQL: &str = "
    insert into payments (order_id, user_id, amount, original_amount, discount, method, payment_date, created_at, updated_at)
    select id, user_id, total, total + discount, discount, 'manual_transfer', $2, $2, $2 from orders where id = $1
    on conflict (order_id) do update
    set method = 'manual_transfer', next_check_at = null, opening_until = null, updated_at = $2
    where payments.method = 'midtrans' and payments.status = 'pending' and payments.transaction_token is null
      and (payments.opening_until is null or payments.opening_until <= $2)
    returning id";

const INSERT_SQL: &str = "
    insert into transfers (payment_id, organizer_id, bank, account_number, account_holder, expires_at, created_at)
    values ($1, $2, $3, $4, $5, $6, $7)";

/// Makes a locked order wait for a transfer. `None` if its payment page may be open.
pub async fn begin(
    tx: &Transaction<'_>,
    order: OrderId,
    organizer: UserId,
    account: &BankAccount,
    until: Timestamp,
    now: Timestamp,
) -> Result<Option<PaymentId>> {
    let params = params![INT8: order.get(), TIMESTAMPTZ: now.inner()];
    let Some(row) = tx.query_typed_opt(BEGIN_SQL, params).await? else {
        return Ok(None);
    };
    let payment = row.id("id", PaymentId::new)?;
    let params = params![
        INT8: payment.get(), INT8: organizer.get(), TEXT: account.bank, TEXT: account.number, TEXT: account.holder,
        TIMESTAMPTZ: until.inner(), TIMESTAMPTZ: now.inner(),
    ];
    tx.execute_typed(INSERT_SQL, params).await?;
    Ok(Some(payment))
}

/// A transfer that is waited for, or was confirmed.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// Of which payment.
    pub payment_id: PaymentId,
    /// Where the money goes, as the buyer was told.
    pub account: BankAccount,
    /// Until when it is waited for.
    pub expires_at: Timestamp,
    /// By which its organizer finds it at the bank, once confirmed.
    pub reference: Option<String>,
    /// When it was confirmed.
    pub confirmed_at: Option<Timestamp>,
}

const OF_PAYMENTS_SQL: &str = "
    select payment_id, bank, account_number, account_holder, expires_at, reference, confirmed_at
    from transfers where payment_id = any($1)";

/// The transfers of some payments.
pub async fn of_payments(db: &Client, payments: &[PaymentId]) -> Result<Vec<Transfer>> {
    let ids: Vec<i64> = payments.iter().map(|id| id.get()).collect();
    let rows = db.query_typed(OF_PAYMENTS_SQL, params![INT8_ARRAY: ids]).await?;
    rows.iter().map(read).collect()
}

const OF_ORDER_SQL: &str = "
    select t.payment_id, t.bank, t.account_number, t.account_holder, t.expires_at, t.reference, t.confirmed_at
    from transfers t join payments p on p.id = t.payment_id where p.order_id = $1";

/// The transfer of an order, if it is paid by one.
pub async fn of_order(db: &Client, order: OrderId) -> Result<Option<Transfer>> {
    let row = db
        .query_typed_opt(OF_ORDER_SQL, params![INT8: order.get()])
        .await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<Transfer> {
    Ok(Transfer {
        payment_id: row.id("payment_id", PaymentId::new)?,
        account: read_account(row)?,
        expires_at: row.time("expires_at")?,
        reference: row.col("reference")?,
        confirmed_at: row.time_opt("confirmed_at")?,
    })
}

const ORDER_OF_OWN_SQL: &str = "
    select p.order_id from transfers t join payments p on p.id = t.payment_id
    where t.payment_id = $1 and (t.organizer_id = $2 or $3)";

/// The order that a transfer to this organizer pays, or any transfer.
pub async fn order_of_own(
    db: &Client,
    payment: PaymentId,
    organizer: UserId,
    any_owner: bool,
) -> Result<Option<OrderId>> {
    let params = params![INT8: payment.get(), INT8: organizer.get(), BOOL: any_owner];
    let row = db.query_typed_opt(ORDER_OF_OWN_SQL, params).await?;
    row.map(|row| row.id("order_id", OrderId::new)).transpose()
}

const ORDER_OF_PAYER_SQL: &str = "
    select p.order_id from transfers t join payments p on p.id = t.payment_id where t.payment_id = $1 and p.user_id = $2";

/// The order that this buyer pays by transfer.
pub async fn order_of_payer(db: &Client, payment: PaymentId, payer: UserId) -> Result<Option<OrderId>> {
    let params = params![INT8: payment.get(), INT8: payer.get()];
    let row = db.query_typed_opt(ORDER_OF_PAYER_SQL, params).await?;
    row.map(|row| row.id("order_id", OrderId::new)).transpose()
}

const CONFIRM_SQL: &str =
    "update transfers set reference = $2, confirmed_by = $3, confirmed_at = $4 where payment_id = $1";

/// Notes that somebody has found the transfer of a locked payment at the bank.
///
/// # Errors
/// `transfers_reference_key` if they found another payment by the same reference.
pub(crate) async fn confirm(
    tx: &Transaction<'_>,
    payment: PaymentId,
    reference: &str,
    by: UserId,
    now: Timestamp,
) -> Result<()> {
    let params = params![INT8: payment.get(), TEXT: reference, INT8: by.get(), TIMESTAMPTZ: now.inner()];
    tx.execute_typed(CONFIRM_SQL, params).await?;
    Ok(())
}

/// A transfer as its organizer sees it.
#[derive(Debug, Clone)]
pub struct ListedTransfer {
    /// The transfer.
    pub transfer: Transfer,
    /// What the order is called.
    pub order_code: String,
    /// Where the payment stands.
    pub status: PaymentStatus,
    /// How much is due.
    pub amount: Rupiah,
    /// Name of the buyer.
    pub buyer_name: String,
    /// When it was chosen.
    pub created_at: Timestamp,
}

const LIST_SQL: &str = "
    select t.payment_id, t.bank, t.account_number, t.account_holder, t.expires_at, t.reference, t.confirmed_at, t.created_at,
           o.code as order_code, p.status, p.amount, u.name as buyer_name, count(*) over () as total
    from transfers t join payments p on p.id = t.payment_id join orders o on o.id = p.order_id join users u on u.id = p.user_id
    where ($1::bigint is null or t.organizer_id = $1) and ($2::text is null or p.status = $2)
      and ($3::bigint is null or exists (
          select 1 from order_items i join ticket_types k on k.id = i.ticket_type_id
          where i.order_id = o.id and k.event_id = $3))
      and ($4::bigint is null or t.payment_id = $4)
    order by t.expires_at, t.payment_id limit $5 offset $6";

/// A page of transfers, those that end first before the others, and how many there are: to one organizer, or all; of payments in
/// one status; for one event, or any.
pub async fn list(
    db: &Client,
    organizer: Option<UserId>,
    status: PaymentStatus,
    event: Option<EventId>,
    page: Page,
) -> Result<(Vec<ListedTransfer>, i64)> {
    let (organizer, status) = (organizer.map(UserId::get), status.as_str());
    let (event, any) = (event.map(EventId::get), None::<i64>);
    let params = params![
        INT8: organizer, TEXT: status, INT8: event, INT8: any, INT8: i64::from(page.limit), INT8: page.offset(),
    ];
    let rows = db.query_typed(LIST_SQL, params).await?;
    let total = rows.first().map_or(Ok(0), |row| row.col("total"))?;
    Ok((rows.iter().map(read_listed).collect::<Result<_>>()?, total))
}

/// One transfer as its organizer sees it.
pub async fn find(db: &Client, payment: PaymentId) -> Result<Option<ListedTransfer>> {
    let (any, text) = (None::<i64>, None::<&str>);
    let params = params![
        INT8: any, TEXT: text, INT8: any, INT8: payment.get(), INT8: 1_i64, INT8: 0_i64,
    ];
    let row = db.query_typed_opt(LIST_SQL, params).await?;
    row.as_ref().map(read_listed).transpose()
}

fn read_listed(row: &Row) -> Result<ListedTransfer> {
    Ok(ListedTransfer {
        transfer: read(row)?,
        order_code: row.col("order_code")?,
        status: row.word("status", PaymentStatus::parse)?,
        amount: row.rupiah("amount")?,
        buyer_name: row.col("buyer_name")?,
        created_at: row.time("created_at")?,
    })
}
