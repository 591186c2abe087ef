//! Payments: opening the gateway's page for an order, what was paid, and giving it back.

mod by_transfer;
mod complete_refund;
mod confirm_transfer;
mod create_refund;
mod export_payments;
mod filter;
mod get_payment;
mod give_up_transfer;
mod initialize_payment;
mod limits;
mod list_payment_refunds;
mod list_payments;
mod list_refunds;
mod list_transfers;
mod page_items;
mod payment_history;
mod refund_out;
mod transfer_out;

use db::payments::Payment;
use domain::payment::{PaymentMethod, PaymentStatus};
use domain::{OrderId, PaymentId, Rupiah, TicketTypeId, Timestamp, UserId};
use runtime::{BootError, Clock, Env};
use schemars::JsonSchema;
use serde::Serialize;
use settling::Midtrans;
use std::num::NonZeroU32;
use transfer_out::TransferDueOut;
use views::{FullTicketOut, SeatOut};
use web::{Route, Router, Site, Tokens};

/// What the handlers work with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// The gateway.
    pub midtrans: Midtrans,
    /// Counts requests.
    pub store: kv::Store,
    /// What limits per IP address are multiplied with: more than 1 where many share one, as in tests of a fleet.
    pub caller_factor: NonZeroU32,
    /// Publishes messages after a commit.
    pub queue: queue::Publisher,
    /// Checks tokens.
    pub tokens: Tokens,
    /// Tells the time.
    pub clock: Clock,
    /// Seconds that a buyer has to pay.
    pub payment_seconds: i64,
    /// Where the gateway's page sends the browser at the end.
    pub finish_url: String,
}

impl App {
    /// Reads the configuration.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub async fn from_env(env: &Env) -> Result<Self, BootError> {
        let config = db::Config::from_lookup(|name| env.get(name)).map_err(BootError::Other)?;
        let finish_url = match env.get("PAYMENT_FINISH_URL") {
            Some(url) => url.to_owned(),
            None => format!(
                "{}/payment/finish",
                env.required("BASE_URL")?.trim_end_matches('/')
            ),
        };
        Ok(Self {
            db: db::Db::new(config),
            midtrans: Midtrans::from_env(env).await?,
            store: kv::Store::connect(env.required("STATE_TABLE")?).await,
            caller_factor: env.parsed("RATE_LIMIT_FACTOR", NonZeroU32::MIN)?,
            queue: queue::Publisher::connect(|name| env.get(name)).await,
            tokens: Tokens::from_env(env)?,
            clock: Clock::system(),
            payment_seconds: env.parsed("PAYMENT_SECONDS", domain::cart::PAYMENT_SECONDS)?,
            finish_url,
        })
    }
}

web::service!(App);

/// The routes of this function.
pub const ROUTES: &[Route] = &[
    initialize_payment::ROUTE,
    list_payments::ROUTE,
    payment_history::ROUTE,
    export_payments::ROUTE,
    get_payment::ROUTE,
    create_refund::ROUTE,
    list_payment_refunds::ROUTE,
    list_refunds::ROUTE,
    complete_refund::ROUTE,
    list_transfers::ROUTE,
    confirm_transfer::ROUTE,
    give_up_transfer::ROUTE,
];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(&initialize_payment::ROUTE, initialize_payment::initialize_payment)
        .at(&list_payments::ROUTE, list_payments::list_payments)
        .at(&payment_history::ROUTE, payment_history::payment_history)
        .at(&export_payments::ROUTE, export_payments::export_payments)
        .at(&get_payment::ROUTE, get_payment::get_payment)
        .at(&create_refund::ROUTE, create_refund::create_refund)
        .at(
            &list_payment_refunds::ROUTE,
            list_payment_refunds::list_payment_refunds,
        )
        .at(&list_refunds::ROUTE, list_refunds::list_refunds)
        .at(&complete_refund::ROUTE, complete_refund::complete_refund)
        .at(&list_transfers::ROUTE, list_transfers::list_transfers)
        .at(&confirm_transfer::ROUTE, confirm_transfer::confirm_transfer)
        .at(&give_up_transfer::ROUTE, give_up_transfer::give_up_transfer)
        .build(app, site)
}

/// A payment.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentOut {
    /// Its id.
    pub id: PaymentId,
    /// What the order is called.
    pub order_id: String,
    /// Who pays.
    pub user_id: UserId,
    /// Ticket type of the first line.
    pub ticket_id: TicketTypeId,
    /// What is charged, in rupiah.
    pub amount: Rupiah,
    /// What would be charged without the discount, in rupiah.
    pub original_amount: Rupiah,
    /// Taken off, in rupiah.
    pub discount: Rupiah,
    /// Where it stands.
    pub status: PaymentStatus,
    /// When it was begun.
    pub payment_date: Timestamp,
    /// Who pays, in short.
    pub user: PayerOut,
    /// The ticket type of the first line, in full.
    pub ticket: Option<FullTicketOut>,
    /// Units of all lines.
    pub quantity: u32,
    /// The payment page, while there is one.
    pub redirect_url: Option<String>,
    /// How it is paid; null if nothing has to be paid.
    pub method: Option<PaymentMethod>,
    /// What to transfer where, while a bank transfer is waited for.
    pub transfer: Option<TransferDueOut>,
    /// Which seats; null if there are no seats among them.
    pub seats: Option<Vec<SeatOut>>,
    /// Whether it was paid by more than one transaction; what is too much goes back.
    pub paid_twice: bool,
}

/// A payer in short.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PayerOut {
    /// Account.
    pub id: UserId,
    /// Name.
    pub name: String,
    /// Mail address.
    pub email: String,
}

web::list! {
    /// A page of payments.
    PaymentList { payments: PaymentOut }
}

/// Adds the ticket types, the seats and the bank transfers to payments, with one query each for all.
async fn show(
    db: &db::Client,
    rows: Vec<db::payments::ListedPayment>,
    now: Timestamp,
) -> domain::Result<Vec<PaymentOut>> {
    let mut ids: Vec<_> = rows.iter().map(|row| row.ticket_type_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let tickets = db::ticket_types::full_by_ids(db, &ids).await?;
    let orders: Vec<_> = rows.iter().map(|row| row.payment.order_id).collect();
    let places = db::seats::of_orders(db, &orders).await?;
    let seats_of = |order: OrderId| {
        let own = places.iter().filter(|(of, _)| *of == order);
        SeatOut::of_order(own.map(|(_, place)| place))
    };
    let waits = |payment: &Payment| {
        payment.method == PaymentMethod::ManualTransfer && payment.status == PaymentStatus::Pending
    };
    let waiting: Vec<_> = rows
        .iter()
        .map(|row| &row.payment)
        .filter(|payment| waits(payment))
        .collect();
    let transfers = if waiting.is_empty() {
        Vec::new()
    } else {
        let ids: Vec<_> = waiting.iter().map(|payment| payment.id).collect();
        db::transfers::of_payments(db, &ids).await?
    };
    let shown = rows.into_iter().map(|row| {
        let transfer = transfers
            .iter()
            .find(|transfer| transfer.payment_id == row.payment.id);
        let ticket = tickets.iter().find(|full| full.ticket.id == row.ticket_type_id);
        PaymentOut {
            id: row.payment.id,
            order_id: row.payment.order_code,
            user_id: row.payment.user_id,
            ticket_id: row.ticket_type_id,
            amount: row.payment.amount,
            original_amount: row.payment.original_amount,
            discount: row.payment.discount,
            status: row.payment.status,
            payment_date: row.payment.payment_date,
            user: PayerOut {
                id: row.payment.user_id,
                name: row.user_name,
                email: row.user_email,
            },
            ticket: ticket.cloned().map(|full| FullTicketOut::new(full, now)),
            quantity: row.quantity,
            redirect_url: row
                .payment
                .redirect_url
                .filter(|_| row.payment.status == PaymentStatus::Pending),
            method: (row.payment.amount > Rupiah::ZERO).then_some(row.payment.method),
            transfer: transfer.map(|transfer| TransferDueOut::new(transfer, row.payment.amount)),
            seats: seats_of(row.payment.order_id),
            paid_twice: row.payment.is_paid_twice,
        }
    });
    Ok(shown.collect())
}
